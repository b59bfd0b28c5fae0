"""The validation as one HTML page that needs nothing else: no network, no scripts."""

from __future__ import annotations

from html import escape

import numpy as np
import pandas as pd

from edgecodec.data.recordings import RecordingList
from edgecodec.data.validation import Validation

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Validation of {recordings} recordings</title><style>
body {{ font: 15px/1.5 system-ui, sans-serif; color: #1f2933; max-width: 68rem; margin: 2rem auto; padding: 0 1rem; }}
h1 {{ font-size: 1.5rem; }} h2 {{ font-size: 1.15rem; margin-top: 2rem; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
th, td {{ text-align: left; padding: .2rem .9rem .2rem 0; border-bottom: 1px solid #e4e7eb; vertical-align: top; }}
th {{ color: #52606d; font-weight: 600; }} summary {{ cursor: pointer; color: #52606d; }}
.good {{ color: #18794e; }} .bad {{ color: #b42318; }}
</style></head><body>
<h1>Validation of {recordings} recordings</h1>
<p class="{verdict_class}"><strong>{verdict}</strong></p>
<p>{summary}</p>
{time}
<h2>Left out</h2>{excluded}
<h2>Expectations</h2>{expectations}
<h2>Channels</h2><p>Over all recordings, in recorded units. Noise: robust spread of the steps, divided by √2.</p>
{channels}
<h2>Recordings</h2><details><summary>{recordings} recordings</summary>{table}</details>
</body></html>
"""


def render(validation: Validation, listed: RecordingList) -> str:
    """The page."""
    excluded = validation.excluded
    minutes = validation.recordings["rows"].sum() / listed.sample_rate_hz / 60
    kinds = validation.recordings["kind"].value_counts()
    dead = f" Dead in every recording, and not used: {', '.join(validation.dead_channels)}." * bool(
        validation.dead_channels)
    return _PAGE.format(
        recordings=len(validation.recordings),
        verdict_class="bad" if excluded else "good",
        verdict=f"Left out: {len(excluded)}." if excluded else "Every recording is sound.",
        summary=escape(f"{', '.join(f'{count} {kind}' for kind, count in kinds.items())}; {minutes:.0f} minutes at "
                       f"{listed.sample_rate_hz:g} Hz, {len(listed.channels)} channels.{dead}"),
        time=_time(listed),
        excluded=_html(pd.DataFrame(validation.faults).rename(columns={"text": "reason"})) if validation.faults else (
            "<p>None.</p>"),
        expectations=_html(pd.DataFrame(validation.outcomes).rename(
            columns={"title": "expectation", "rows": "held against"})),
        channels=_html(_channels(validation)),
        table=_html(_recordings(validation, listed)),
    )


def _time(listed: RecordingList) -> str:
    """What has to be known of the time, and what was understood of the files."""
    invented = [recording.name for recording in listed.recordings if recording.time == "invented"]
    lines = [escape(remark) for remark in listed.remarks]
    if invented:
        lines.insert(0, f"<strong>Time was not recorded</strong> in {len(invented)} recordings ({escape(invented[0])} "
                     f"first). It was made from data.array.sample_rate_hz, {listed.sample_rate_hz:g} Hz: the "
                     "expectations on time, rate and gaps say nothing about them.")
    return f"<h2>As read</h2><ul>{''.join(f'<li>{line}</li>' for line in lines)}</ul>" if lines else ""


def _channels(validation: Validation) -> pd.DataFrame:
    if validation.channels.empty:
        return pd.DataFrame(columns=["channel"])
    by_channel = validation.channels.groupby("channel", sort=False)
    return pd.DataFrame({
        "lowest": by_channel["minimum"].min(),
        "highest": by_channel["maximum"].max(),
        "noise": by_channel["step_sigma"].median() / np.sqrt(2),
        "longest flat line, s": by_channel["flat_seconds"].max(),
        "spikes": by_channel["spikes"].sum(),
        "missing": by_channel["missing"].sum(),
        "dead in": by_channel["varies"].agg(lambda varies: int((varies == 0).sum())),
    }).reset_index()


def _recordings(validation: Validation, listed: RecordingList) -> pd.DataFrame:
    profile = validation.recordings
    return pd.DataFrame({
        "recording": profile["recording"],
        "condition": [recording.condition for recording in listed.recordings],
        "split": [recording.split if recording.kind in ("wind", "signal") else "" for recording in listed.recordings],
        "rows": profile["rows"],
        "period, s": profile["period_seconds"],
        "largest gap, s": profile["largest_gap_seconds"],
        "verdict": ["left out" if name in validation.excluded else "sound" for name in profile["recording"]],
    })


def _html(table: pd.DataFrame) -> str:
    return table.to_html(index=False, border=0, float_format=lambda value: f"{value:.7g}", na_rep="")
