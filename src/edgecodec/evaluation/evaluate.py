"""The error of codecs on any windows, with their rivals beside them: what ``edgecodec evaluate`` shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.box import SIMPLE_HEAD
from rich.table import Table

from edgecodec.data.windows import lowpass
from edgecodec.evaluation.rate_distortion import (
    CODEC,
    Comparison,
    RatePoint,
    at_equal_bits,
    compare,
    comparison_json,
)
from edgecodec.evaluation.rivals.rival import Rival
from edgecodec.evaluation.rivals.transform_codec import KLT_DCT
from edgecodec.metrics import BY_RELATIVE, Measure, Metric
from edgecodec.model.codec import Codec, load_model

Floats = NDArray[np.float32]
OTHERS = {  # folders of the results of the studies
    "paper": "paper/sound",
    "paper_original": "paper/original",
    "transform": "transform",
}


@dataclass(frozen=True)
class Evaluation:
    windows: int
    comparison: Comparison

    def at_rate(self, rate: int) -> dict[str, RatePoint]:
        """Of every codec that has it."""
        return {name: curve.by_rate[rate] for name, curve in self.comparison.items() if rate in curve.by_rate}

    def to_json(self) -> dict[str, Any]:
        return {"windows": self.windows, "codecs": comparison_json(self.comparison)}


def load_learned_codecs(artifacts: Path) -> dict[str, Codec]:
    """Ours first, then those of the others that have been trained.

    Raises:
        EdgeCodecError: our codec is absent, or a model is damaged.
    """
    others = {name: artifacts / folder for name, folder in OTHERS.items() if (artifacts / folder).is_dir()}
    return {name: load_model(folder) for name, folder in {CODEC: artifacts / "model", **others}.items()}


def evaluate(
    windows: Floats, groups: NDArray[np.str_] | None, codecs: Mapping[str, Codec], rivals: Sequence[Rival],
    measure: Measure = BY_RELATIVE,
) -> Evaluation:
    """Compress ``windows`` [n, channels, samples] at every rate and compare with what is below the cut-off.

    ``codecs`` has ours as ``edgecodec`` and may have others.

    Raises:
        EdgeCodecError: the windows are not of the codecs' shape, hold NaN or Inf, or are zero below the cut-off.
    """
    shape = codecs[CODEC].window
    targets = lowpass(windows, shape.sample_rate_hz, shape.lowpass_hz)
    return Evaluation(len(windows), compare(codecs, rivals, windows, targets, groups, "Evaluating", measure))


def render_table(evaluation: Evaluation) -> Table:
    """A row per rate and codec: the project's metric, beside others in percent."""
    comparison, metric = evaluation.comparison, evaluation.comparison[CODEC].metric
    reference = comparison.get(KLT_DCT)
    groups = comparison[CODEC].points[0].errors.shown_groups(metric)
    title = f"{evaluation.windows} windows, {metric.label} {_in(metric)}"
    if reference:
        title += f"; ratio: to the error of {KLT_DCT} at equal bits"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=0)
    table.add_column("rate", justify="right")
    table.add_column("codec", no_wrap=True)  # all of it fits into 80 columns
    for heading in ("bits", metric.label, *(["ratio"] if reference else []), *groups, "pointwise", "median",
                    "NMSE"):
        table.add_column(heading.replace(" ", "\n", 1), justify="right", overflow="fold")

    def cells(point: RatePoint) -> Iterator[str]:
        found = point.errors
        yield f"{point.bits_per_window:.1f}"
        yield _number(metric.of(found), metric)
        if reference:
            equal = at_equal_bits(point, reference)
            yield f"{equal.ratio:.2f}" if equal else "-"
        for group in groups:
            yield _number(metric.of(found.by_group[group]), metric)
        yield f"{found.pointwise_error_percent:.2f}"
        yield f"{found.pointwise_error_median_percent:.2f}"
        yield f"{found.nmse_percent:.4f}"

    for rate in sorted({rate for curve in comparison.values() for rate in curve.by_rate}):
        for number, (name, point) in enumerate(evaluation.at_rate(rate).items()):
            table.add_row(str(rate) if number == 0 else "", name, *cells(point),
                          style="bold" if name == CODEC else None)
        table.add_section()
    return table


def _in(metric: Metric) -> str:
    return {" %": "in percent", " dB": "in dB"}.get(metric.unit, "in the channels' unit or tolerance")


def _number(value: float, metric: Metric) -> str:
    return metric.shown(value).removesuffix(metric.unit)
