"""Recordings from the field: a folder that ``edgecodec fleet windows`` fills with what nodes sent whole.

::

    20300101T060008000000Z_turbine-7.parquet   time in seconds, then the channels
    labels.csv                                 of every recording: its node, hour, and where it comes from
"""

from __future__ import annotations

from edgecodec.params import ArrayParams, LabelParams

LABELS = "labels.csv"
HOUR = "hour"  # the label by which recordings train or validate: never both within one, whatever the node


def as_from_field(params: ArrayParams) -> ArrayParams:
    """How such a folder is read: the array's rate and channels are as ``params`` say, the rest is known."""
    return params.model_copy(update={
        "time": "time", "time_unit": "s", "recording_column": None, "long": None, "variable": None, "missing": (),
        "labels": LabelParams(file=LABELS, pattern=None), "resample": "never", "split_by": HOUR})
