"""All rivals: fitted on training windows, written to one file without code in it, read back."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from edgecodec.data.offsets import ProfileExchange
from edgecodec.data.selection import spread
from edgecodec.data.windows import WindowSet
from edgecodec.errors import EdgeCodecError, naming
from edgecodec.evaluation.rivals.cosine import coefficients_in_band
from edgecodec.evaluation.rivals.joint_rvq import JointRvq
from edgecodec.evaluation.rivals.rival import Floats, Rival
from edgecodec.evaluation.rivals.search import FieldPreparation
from edgecodec.evaluation.rivals.sz3 import Mode, Sz3
from edgecodec.evaluation.rivals.transform_codec import DESIGNS, TransformCodec
from edgecodec.evaluation.rivals.zfp import Zfp
from edgecodec.metrics import BY_RELATIVE, Measure
from edgecodec.params import RivalName
from edgecodec.progress import progress
from edgecodec.storage import replacing_file

NAMES: tuple[RivalName, ...] = get_args(RivalName)
FILE_NAME = "rivals.safetensors"
SZ3_MODES: dict[str, Mode] = {f"sz3_{mode}": mode for mode in get_args(Mode)}
LEARN_FROM = 4096  # windows at most, evenly spread over the training set
DRAWS_PER_WINDOW = 6  # for a rival with large codebooks: windows at random offsets, with exchanged means
MOST_DRAWN = 48 * 512  # 24 for each of the 1024 codewords: k-means gains little from more
DRAWN_AT_ONCE = 512


def fit_rivals_to(train: WindowSet, names: Sequence[str], budgets: tuple[int, ...], seed: int,
                  measure: Measure = BY_RELATIVE) -> list[Rival]:
    """The rivals ``names`` as they learn from a training set; arguments as of :func:`fit_rivals`."""
    band = coefficients_in_band(train.samples, train.sample_rate_hz, train.lowpass_hz)
    return fit_rivals(names, train.targets(spread(train, LEARN_FROM)), band, budgets, _drawn_targets(train, seed),
                      measure)


def fit_rivals(
    names: Sequence[str], windows: Floats, band: int, budgets: tuple[int, ...],
    drawn: Iterable[Floats] | None = None, measure: Measure = BY_RELATIVE,
) -> list[Rival]:
    """The rivals ``names``, in that order.

    Args:
        windows: [n, channels, samples] to learn from, low-passed.
        band: samples per window that keep all that the low-pass leaves (:mod:`~edgecodec.evaluation.rivals.cosine`).
        budgets: bits per window to stay within.
        drawn: batches of more such windows, for a rival that would memorise the ``windows``; these alone if None.
        measure: the error that they try to keep small.
    """
    preparation = FieldPreparation.fit(windows, band, measure)
    fits: dict[str, Callable[[], Rival]] = {
        **{name: partial(TransformCodec.fit, name, windows, band, budgets, measure) for name in DESIGNS},
        JointRvq.name: partial(JointRvq.fit, windows, [windows] if drawn is None else drawn, band, budgets,
                                measure),
        **{name: partial(Sz3, mode, budgets, preparation) for name, mode in SZ3_MODES.items()},
        Zfp.name: partial(Zfp, budgets, preparation),
    }
    return [fits[name]() for name in progress(names, "Fitting rivals")]


def _drawn_targets(train: WindowSet, seed: int) -> Iterator[Floats]:
    """Batches of training windows at random offsets, all with means exchanged for plausible others."""
    generator = np.random.default_rng([seed, len(train)])
    exchange = ProfileExchange.of_recordings(train)
    for _ in range(math.ceil(min(DRAWS_PER_WINDOW * len(train), MOST_DRAWN) / DRAWN_AT_ONCE)):
        yield exchange.exchanged(generator, train.draw(generator, DRAWN_AT_ONCE), share=1.0).targets


def save_rivals(rivals: Sequence[Rival], folder: Path) -> None:
    """Write ``rivals.safetensors``."""
    arrays = {f"{rival.name}/{key}": np.asarray(array, order="C")
              for rival in rivals for key, array in rival.arrays().items()}
    with replacing_file(folder / FILE_NAME) as temporary:
        save_file(arrays, temporary)


def load_rivals(folder: Path) -> list[Rival]:
    """Read what :func:`save_rivals` wrote.

    Raises:
        EdgeCodecError: the file is absent or damaged.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        raise EdgeCodecError(f"{path}: not found; run the stage analyze_codebooks")
    with naming(path, "damaged", "run the stage analyze_codebooks again"):
        arrays = load_file(path)
        present = {key.split("/")[0] for key in arrays}
        return [_load(name, {key.removeprefix(f"{name}/"): array for key, array in arrays.items()
                             if key.startswith(f"{name}/")}) for name in NAMES if name in present]


def _load(name: str, arrays: dict[str, NDArray[Any]]) -> Rival:
    if name in SZ3_MODES:
        return Sz3.from_arrays(SZ3_MODES[name], arrays)
    if name == JointRvq.name:
        return JointRvq.from_arrays(arrays)
    if name == Zfp.name:
        return Zfp.from_arrays(arrays)
    return TransformCodec.from_arrays(name, arrays)
