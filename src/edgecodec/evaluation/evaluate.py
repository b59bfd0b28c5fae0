"""The error of codecs on any windows, with their rivals beside them: what ``edgecodec evaluate`` shows."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray
from rich.box import SIMPLE_HEAD
from rich.table import Table

from edgecodec.data.recordings import read_samples
from edgecodec.data.windows import lowpass
from edgecodec.errors import EdgeCodecError
from edgecodec.evaluation.rate_distortion import (
    CODEC,
    Comparison,
    RatePoint,
    at_equal_bits,
    compare,
    comparison_json,
)
from edgecodec.evaluation.rivals import klt_dct
from edgecodec.evaluation.rivals.rival import Rival

if TYPE_CHECKING:
    from edgecodec.model.codec import Codec

Floats = NDArray[np.float32]
SAMPLE_RATE_TOLERANCE = 0.05


class WindowShape(Protocol):
    """What windows must look like: a trained codec's ``window`` says it, or an exported codec."""

    @property
    def channels(self) -> int: ...

    @property
    def samples(self) -> int: ...

    @property
    def sample_rate_hz(self) -> float: ...


@dataclass(frozen=True)
class LabelledWindows:
    windows: Floats  # [n, channels, samples], unfiltered, in the unit the codec was trained in
    wind: NDArray[np.int64] | None  # [n] m/s, 0 where unknown; None where the file does not say


@dataclass(frozen=True)
class Evaluation:
    windows: int
    comparison: Comparison

    def at_rate(self, rate: int) -> dict[str, RatePoint]:
        """Of every codec that has it."""
        return {name: curve.by_rate[rate] for name, curve in self.comparison.items() if rate in curve.by_rate}

    def to_json(self) -> dict[str, Any]:
        return {"windows": self.windows, "codecs": comparison_json(self.comparison)}


def evaluate(
    windows: Floats, wind: NDArray[np.int64] | None, codecs: Mapping[str, Codec], rivals: Sequence[Rival]
) -> Evaluation:
    """Compress ``windows`` [n, channels, samples] at every rate and compare with what is below the cut-off.

    ``codecs`` has ours as ``edgecodec`` and may have others.

    Raises:
        EdgeCodecError: the windows are not of the codecs' shape, hold NaN or Inf, or are zero below the cut-off.
    """
    shape = codecs[CODEC].window
    targets = lowpass(windows, shape.sample_rate_hz, shape.lowpass_hz)
    return Evaluation(len(windows), compare(codecs, rivals, windows, targets, wind, "Evaluating"))


def read_windows(path: Path, shape: WindowShape) -> LabelledWindows:
    """Read windows from an ``.npz`` (``x`` [n, channels, samples] float32 and, optionally, ``wind`` [n] integers), or
    cut a recording (CSV or Parquet: time, then the codec's channels in its unit) into windows, end to end.

    Raises:
        EdgeCodecError: the file is absent, or one of its fields is not as it must be.
    """
    if not path.is_file():
        raise EdgeCodecError(f"{path}: not found; give an .npz of windows or a recording")
    if path.suffix != ".npz":
        return LabelledWindows(_cut(path, shape), wind=None)
    try:
        with np.load(path, allow_pickle=False) as arrays:
            x = arrays["x"]
            wind = arrays.get("wind")
    except KeyError:
        raise EdgeCodecError(f"{path}: x: absent; save the windows under this name") from None
    except (ValueError, TypeError, OSError, EOFError, zipfile.BadZipFile, zlib.error):
        raise EdgeCodecError(f"{path}: not a readable .npz without Python objects; write it with numpy.savez") from None
    wanted = f"[n, {shape.channels}, {shape.samples}]"
    if x.ndim != 3 or x.shape[1:] != (shape.channels, shape.samples) or len(x) == 0:
        raise EdgeCodecError(f"{path}: x: shape {list(x.shape)}; this codec takes {wanted}, n at least 1")
    if x.dtype != np.float32:
        raise EdgeCodecError(f"{path}: x: {x.dtype}; convert it to float32")
    _refuse_gaps(path, x)
    if wind is not None and not (np.issubdtype(wind.dtype, np.integer) and wind.shape == x.shape[:1]):
        raise EdgeCodecError(f"{path}: wind: {wind.dtype} {list(wind.shape)}; give one integer per window, or leave "
                             "it out")
    return LabelledWindows(x, None if wind is None else wind.astype(np.int64))


def _cut(path: Path, shape: WindowShape) -> Floats:
    recording = read_samples(path)
    if recording.columns != shape.channels + 1 or recording.ragged_rows or recording.text_cells:
        raise EdgeCodecError(f"{path}: {recording.columns} columns, {recording.ragged_rows} ragged rows, "
                             f"{recording.text_cells} text cells; this codec takes time and its {shape.channels} "
                             "channels, numbers only")
    windows = recording.rows // shape.samples
    if windows == 0:
        raise EdgeCodecError(f"{path}: {recording.rows} rows; a window takes {shape.samples}")
    period = float(np.median(np.diff(recording.time_seconds)))
    if not abs(period * shape.sample_rate_hz - 1) <= SAMPLE_RATE_TOLERANCE:
        raise EdgeCodecError(f"{path}: time: a row every {period:.6g} s; this codec takes {shape.sample_rate_hz:g} Hz")
    values = recording.values[:, : windows * shape.samples].reshape(shape.channels, windows, shape.samples)
    _refuse_gaps(path, values.transpose(1, 0, 2))
    return np.ascontiguousarray(values.transpose(1, 0, 2))


def _refuse_gaps(path: Path, windows: Floats) -> None:
    finite = np.isfinite(windows).all(axis=(1, 2))
    if not finite.all():
        raise EdgeCodecError(f"{path}: window {int(np.argmin(finite))} holds NaN or Inf; leave it out or fill it")


def render_table(evaluation: Evaluation) -> Table:
    """A row per rate and codec; errors in percent."""
    comparison = evaluation.comparison
    reference = comparison.get(klt_dct.NAME)
    speeds = list(comparison[CODEC].points[0].errors.by_wind)
    title = f"{evaluation.windows} windows, errors in percent"
    if reference:
        title += f"; ratio: to the error of {klt_dct.NAME} at equal bits"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=0)
    table.add_column("rate", justify="right")
    table.add_column("codec", no_wrap=True)  # all of it fits into 80 columns
    for heading in ("bits", "error", *(["ratio"] if reference else []), *(f"{speed} m/s" for speed in speeds),
                    "pointwise", "median", "NMSE"):
        table.add_column(heading, justify="right")

    def cells(point: RatePoint) -> Iterator[str]:
        found = point.errors
        yield f"{point.bits_per_window:.1f}"
        yield f"{found.error_percent:.2f}"
        if reference:
            equal = at_equal_bits(point, reference)
            yield f"{equal.ratio:.2f}" if equal else "-"
        for speed in speeds:
            yield f"{found.by_wind[speed].error_percent:.2f}"
        yield f"{found.pointwise_error_percent:.2f}"
        yield f"{found.pointwise_error_median_percent:.2f}"
        yield f"{found.nmse_percent:.4f}"

    for rate in sorted({rate for curve in comparison.values() for rate in curve.by_rate}):
        for number, (name, point) in enumerate(evaluation.at_rate(rate).items()):
            table.add_row(str(rate) if number == 0 else "", name, *cells(point),
                          style="bold" if name == CODEC else None)
        table.add_section()
    return table
