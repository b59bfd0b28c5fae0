"""Lay recordings out under ``artifacts/raw``: from the twin, the AeroSense data, another array, or the field."""

from __future__ import annotations

import shutil
from collections import defaultdict
from pathlib import Path

import pandas as pd
import pyarrow
import pyarrow.csv

from edgecodec import aerosense
from edgecodec.data.archive import extract
from edgecodec.data.arrays import acquire_array
from edgecodec.data.field import acquire_beside, as_from_field
from edgecodec.data.recordings import BESIDE, Kind, Recording, RecordingList
from edgecodec.data.twin import Twin
from edgecodec.errors import EdgeCodecError
from edgecodec.params import DataParams, TwinParams
from edgecodec.progress import progress
from edgecodec.storage import replacing_directory


def acquire(params: DataParams, seed: int, folder: Path) -> RecordingList:
    """Fill ``folder`` with recordings and their list; the old content is replaced only if all went well.

    What nodes sent beside them has its list in a folder of its own.

    Returns:
        The list of ``data.source``.

    Raises:
        EdgeCodecError: the source is absent or cannot be read as what ``data.source`` says.
    """
    with replacing_directory(folder) as temporary:
        if params.source == "twin":
            listed = acquire_twin(params.twin, seed, temporary)
        else:
            source = _source(params)
            if params.source == "aerosense":
                listed = acquire_aerosense(source, temporary)
            else:
                array = as_from_field(params.array) if params.source == "field" else params.array
                listed = acquire_array(source, array, temporary)
        listed.write(temporary)
        if params.field.path is not None:
            acquire_beside(params, listed.sample_rate_hz, temporary / BESIDE)
    return listed


def _source(params: DataParams) -> Path:
    assert params.path is not None, "checked with the parameters"
    try:
        return params.path.expanduser()
    except RuntimeError:
        raise EdgeCodecError(f"params.yaml: data.path: {params.path} names nobody's home here; write the folder "
                             "out") from None


def acquire_twin(params: TwinParams, seed: int, folder: Path) -> RecordingList:
    """Simulated recordings in the raw AeroSense layout."""
    twin = Twin(seed, params.angle_of_attack, params.repeats, params.seconds)
    labbook = twin.labbook(params.sessions)
    (folder / aerosense.RAW_FOLDER).mkdir()
    names = ["time", *aerosense.SENSORS]
    without_header = pyarrow.csv.WriteOptions(include_header=False)
    for experiment in progress(list(labbook["Experiment_number"]), "Simulating AeroSense"):
        counts = twin.counts(experiment)
        table = pyarrow.table([twin.time_seconds(experiment, counts.shape[1]), *counts], names=names)
        path = folder / aerosense.RAW_FOLDER / aerosense.raw_name(params.angle_of_attack, experiment)
        pyarrow.csv.write_csv(table, path, without_header)
    written = folder / aerosense.LABBOOK_NAMES[0]
    labbook.to_csv(written, index=False)
    return list_aerosense(folder, str(written))


def acquire_aerosense(source: Path, folder: Path) -> RecordingList:
    """Copies of the raw recordings and the labbook found anywhere in a folder or zip.

    Raises:
        EdgeCodecError: neither folder nor zip, a damaged or unsafe zip, no labbook, or no recording.
    """
    recordings = folder / aerosense.RAW_FOLDER
    recordings.mkdir()
    if source.is_dir():
        origins = _copy(source, recordings)
    elif source.is_file():
        origins = extract(source, _belongs, recordings)
    else:
        raise EdgeCodecError(f"{source}: not found; set data.path to the AeroSense folder or zip")
    labbooks = [name for name in aerosense.LABBOOK_NAMES if name in origins]
    if not labbooks:
        raise EdgeCodecError(f"{source}: holds no labbook ({' or '.join(aerosense.LABBOOK_NAMES)})")
    (recordings / labbooks[0]).rename(folder / aerosense.LABBOOK_NAMES[0])
    for other in labbooks[1:]:
        (recordings / other).unlink()
    listed = list_aerosense(folder, origins[labbooks[0]])
    if not listed.recordings:
        raise EdgeCodecError(f"{source}: holds no recording like {aerosense.raw_name(0, 3)}")
    return listed


def _copy(source: Path, folder: Path) -> dict[str, str]:
    """Copy labbook and recordings from anywhere in ``source``; their names, each with where it comes from."""
    origins: dict[str, str] = {}
    found = [path for path in sorted(source.rglob("*.csv")) if _belongs(path.name)]
    for path in progress(found, "Copying recordings"):
        if path.name in origins:
            raise EdgeCodecError(f"{source}: holds {path.name} twice; keep one")
        shutil.copyfile(path, folder / path.name)
        origins[path.name] = str(path)
    return origins


def list_aerosense(folder: Path, labbook_origin: str) -> RecordingList:
    """What the labbook and the numbering say about each raw recording in ``folder``.

    Args:
        labbook_origin: what errors call the labbook.
    """
    labbook = aerosense.read_labbook(folder / aerosense.LABBOOK_NAMES[0], labbook_origin)
    labbook = labbook.set_index(["AoA", "Experiment_number"])
    paths = sorted((folder / aerosense.RAW_FOLDER).iterdir())
    recordings = [_describe(path, labbook) for path in paths]
    return RecordingList(
        sample_rate_hz=aerosense.SAMPLE_RATE_HZ, channels=aerosense.SENSORS, presets=aerosense.CHANNEL_PRESETS,
        scale=aerosense.PASCALS_PER_COUNT, integers=True, plausible=aerosense.PLAUSIBLE_COUNTS, validation_fraction=0.0,
        recordings=_with_splits(recordings),
    )


def _belongs(name: str) -> bool:
    return name in aerosense.LABBOOK_NAMES or aerosense.parse_raw_name(name) is not None


def _describe(path: Path, labbook: pd.DataFrame) -> Recording:
    parsed = aerosense.parse_raw_name(path.name)
    assert parsed is not None, "only such files are copied"
    angle, experiment = parsed
    kind: Kind = "unlisted"
    wind = 0
    if parsed in labbook.index:
        row = labbook.loc[[parsed]].iloc[0]
        wind = int(row["Wind_speed"])
        kind = "zeroing" if row["Zeroing"] else "wind" if wind > 0 else "still"
    condition = aerosense.condition_of(experiment)
    if condition is not None and condition.wind != wind:  # the labbook knows better than the numbering
        condition = None
    made_under = f"{angle}deg {condition.label if condition else f'{kind} {wind}m/s'}"
    return Recording(
        name=f"aoa_{angle}deg_Exp_{experiment:03d}", path=f"{aerosense.RAW_FOLDER}/{path.name}", kind=kind,
        series=f"{angle}deg", number=experiment, wind=wind, condition=made_under,
        labels=aerosense.labels_of(made_under) if kind == "wind" else {}, split="train",
        divisor=aerosense.dynamic_pressure(wind) if kind == "wind" else 1.0,
    )


def _with_splits(recordings: list[Recording]) -> tuple[Recording, ...]:
    """The last repeat of every condition of a session validates."""
    repeats: defaultdict[tuple[str, int, str], list[str]] = defaultdict(list)
    for recording in sorted(recordings, key=lambda recording: recording.number):
        if recording.kind == "wind":
            session = (recording.number - 1) // aerosense.RUNS_PER_SESSION
            repeats[recording.series, session, recording.condition].append(recording.name)
    last = {names[-1] for names in repeats.values() if len(names) > 1}
    return tuple(recording.model_copy(update={"split": "validation"}) if recording.name in last else recording
                 for recording in recordings)
