"""``edgecodec inspect``: what is understood of a folder of recordings, before anything runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from edgecodec.errors import EdgeCodecError

if TYPE_CHECKING:
    from edgecodec.data.inspection import Inspection
    from edgecodec.data.proposals import Proposals

MOST_ROWS = 30  # of a table; more are counted
PARAMS = Path("params.yaml")


def inspect(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Recordings, in folders of any depth.")],
    write: Annotated[bool, typer.Option("--write", help="Set what is proposed in params.yaml, whose comments "
                                                        "stay.")] = False,
) -> None:
    """Show what is understood of your recordings, and propose settings for them.

    CSV and its relatives (any separator, decimal comma, encoding, also packed), Parquet, npy, npz, HDF5, MATLAB, WAV,
    FLAC, TDMS, EDF and BDF are read. You see the time that was found and its rate, the channels with units and
    ranges, gaps, uneven time stamps, copies and overlaps, values that stand for missing samples, and all columns and
    files that are left out. How to read is taken from `data.array` in params.yaml: `time`, `time_unit`,
    `recording_column`, `long`, `variable`, `missing`. Nothing changes without `--write`.
    """
    from edgecodec.console import standard_output
    from edgecodec.data.inspection import inspect as look
    from edgecodec.data.proposals import propose
    from edgecodec.params import ArrayParams, ValidateParams, load_params, load_section, read_content
    from edgecodec.settings import write_settings

    array = load_section(PARAMS, ArrayParams, "data", "array")
    checks = load_section(PARAMS, ValidateParams, "validate")
    found = look(folder.expanduser().resolve(), array, checks)
    proposals = propose(found, array, checks)
    console = standard_output()
    console.print(_recordings(found), _channels(found), sep="\n")
    for remark in _remarks(found):
        console.print(remark, markup=False, highlight=False, soft_wrap=True)
    console.print(_proposed(proposals, read_content(PARAMS)))
    for problem in found.problems:
        typer.echo(f"warning: {problem}", err=True)
    if not write:
        console.print("edgecodec inspect --write sets them in params.yaml.", highlight=False)
        return
    write_settings(PARAMS, {proposal.setting: proposal.value for proposal in proposals.settings})
    console.print(f"{PARAMS}: set; next: make repro", highlight=False)
    try:
        load_params(PARAMS)
    except EdgeCodecError as error:
        typer.echo(f"warning: {error}", err=True)


def _recordings(found: Inspection) -> Table:
    from edgecodec.console import shown, table

    rows = [(Text(each.name), each.kind, Text(each.time), str(each.channels), f"{each.rows:,}", shown(each.rate_hz),
             str(each.gaps), shown(each.largest_gap_seconds, 3) if each.gaps else "-", str(each.backward_steps),
             f"{each.jitter:.2f}") for each in found.recordings]
    return _cut(table(f"{len(rows)} recordings", ("recording", "kind", "time", "channels", "rows", "Hz", "gaps",
                                                  "longest s", "backward", "jitter"), rows[:MOST_ROWS], text_columns=3),
                len(rows))


def _channels(found: Inspection) -> Table:
    from edgecodec.console import shown, table

    rows = [(Text(each.name), Text(each.unit), shown(each.minimum), shown(each.maximum), shown(each.mean),
             shown(each.spread, 3), str(each.missing), shown(each.stands_for_missing),
             ", ".join([*(["dead"] if not each.varies else []), *(["whole numbers"] if each.integers else []),
                        *([f"in {each.recordings} recordings"] if each.recordings < len(found.recordings) else [])]))
            for each in found.channels]
    return _cut(table(f"{len(rows)} channels", ("channel", "unit", "lowest", "highest", "mean", "spread", "missing",
                                                "means missing", ""), rows[:MOST_ROWS], text_columns=2), len(rows))


def _cut(table: Table, rows: int) -> Table:
    if rows > MOST_ROWS:
        table.caption = f"{rows - MOST_ROWS} more"
    return table


def _remarks(found: Inspection) -> Iterator[str]:
    yield from found.remarks
    for shared in found.shared:
        yield f"{shared.told(found.sample_rate_hz or 1.0)}: training and validation must not share samples"
    if any(each.rate_hz is None for each in found.recordings):
        yield "no time found in some recordings: their rate and gaps cannot be checked; data.array.time names a column"


def _proposed(proposals: Proposals, present: object) -> Table:
    from edgecodec.console import table

    def now(setting: str) -> str:
        value = present
        for part in setting.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        return _text(value)

    return table("proposed settings", ("setting", "now", "proposed", "why"), [
        (each.setting, Text(now(each.setting)), Text(_text(each.value)), Text(each.reason))
        for each in proposals.settings], text_columns=4)


def _text(value: object) -> str:
    text = "null" if value is None else ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
