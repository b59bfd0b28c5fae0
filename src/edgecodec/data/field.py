"""Recordings from the field: a folder that ``edgecodec fleet windows`` fills with what nodes sent whole.

::

    20300101T060008000000Z_turbine-7.parquet   time in seconds, then the channels
    labels.csv                                 of every recording: its node, hour, and where it comes from

They are a source of their own, or go beside another one (``data.field``): then they are listed in a folder of the raw
recordings, and all their names begin with ``field/``.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow.parquet

from edgecodec.data.arrays import acquire_array
from edgecodec.data.recordings import BESIDE, TIME_COLUMN, RecordingList
from edgecodec.errors import EdgeCodecError, naming
from edgecodec.params import ArrayParams, DataParams, LabelParams

LABELS = "labels.csv"
HOUR = "hour"  # the label by which recordings train or validate: never both within one, whatever the node


def as_from_field(params: ArrayParams) -> ArrayParams:
    """How such a folder is read: the array's rate and channels are as ``params`` say, the rest is known."""
    return params.model_copy(update={
        "time": "time", "time_unit": "s", "recording_column": None, "long": None, "variable": None, "missing": (),
        "labels": LabelParams(file=LABELS, pattern=None), "resample": "never", "split_by": HOUR})


def acquire_beside(params: DataParams, sample_rate_hz: float, folder: Path) -> RecordingList:
    """Rewrite the recordings of ``params.field`` under ``folder`` and list them; the last hours validate.

    Raises:
        EdgeCodecError: there are none, their channels differ, or all are of one hour.
    """
    source = params.field.path
    assert source is not None, "asked for where there is a folder"
    channels = channels_in(source)
    _refuse_single_hour(source)
    array = as_from_field(params.array).model_copy(update={
        "sample_rate_hz": sample_rate_hz, "channels": channels, "validating": ()})
    folder.mkdir(parents=True)
    listed = acquire_array(source, array, folder)
    listed = listed.model_copy(update={"share": params.field.share, "recordings": tuple(
        recording.model_copy(update={"name": f"{BESIDE}/{recording.name}"}) for recording in listed.recordings)})
    listed.write(folder)
    return listed


def _refuse_single_hour(folder: Path) -> None:
    with naming(folder / LABELS, "not as expected", "make the folder anew by `edgecodec fleet windows`"):
        hours = pd.read_csv(folder / LABELS, dtype=str)[HOUR].unique()
    if len(hours) < 2:
        raise EdgeCodecError(f"{folder}: all windows are of one hour, {hours[0]}; it takes two, one of which validates")


def channels_in(folder: Path) -> tuple[str, ...]:
    """Of the first recording.

    Raises:
        EdgeCodecError: these are no recordings from the field.
    """
    found = sorted(folder.glob("*.parquet"))
    if not found or not (folder / LABELS).is_file():
        raise EdgeCodecError(f"{folder}: holds no recordings from the field; fill it by `edgecodec fleet windows`")
    with naming(found[0], "not readable", "make the folder anew by `edgecodec fleet windows`"):
        return tuple(name for name in pyarrow.parquet.read_schema(found[0]).names if name != TIME_COLUMN)
