"""Settings that cannot be had together, or not with the data: found before the first stage runs.

Each is told in a line that names both settings. Nothing here computes a value: it only refuses, like the types of
:mod:`edgecodec.params`, which asks it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from edgecodec import aerosense

if TYPE_CHECKING:
    from edgecodec.params import EdgeParams, OneTokenParams, OneTokenPins, Params, TransformParams

LEAST_REACH = 0.5  # of the low-passed band, that the kept cosine bins must reach; the rest of it would be error
SHORTEST_FILTERED = 16  # samples that the low-pass can run over both ways
PAPER_STRIDES = 8  # samples per sample of the latent of codec paper
AUTO = "auto"
RATES_MAX = 16


@dataclass(frozen=True)
class _Source:
    """What is known of the recordings before they are read, and the settings that say it."""

    sample_rate_hz: float
    rate_setting: str
    channels: int
    channels_setting: str


def contradictions(params: Params) -> Iterator[str]:
    """What contradicts what in ``params``, the most basic first.

    Sizes that are left open contradict nothing: the stage design asks again once it has closed them.
    """
    if params.codec not in (*OF_KIND, AUTO):
        yield f"codec {params.codec} is none of {', '.join(OF_KIND)}"
        return
    source = _source(params)
    yield from _of_labels(params)
    yield from _of_error(params, source)
    yield from _of_windows(params, source)
    if params.codec != AUTO:
        yield from OF_KIND[params.codec](params, source)
    yield from _of_budget(params)
    if params.firmware.l1_stack_bytes >= params.firmware.l1_bytes:
        yield (f"firmware.l1_stack_bytes {params.firmware.l1_stack_bytes} leaves nothing of firmware.l1_bytes "
               f"{params.firmware.l1_bytes}")


def _source(params: Params) -> _Source:
    if params.data.source not in ("array", "field"):
        return _Source(aerosense.SAMPLE_RATE_HZ, f"the sample rate of data.source {params.data.source},",
                       len(aerosense.CHANNEL_PRESETS[params.window.preset]), "window.preset")
    array = params.data.array
    return _Source(array.sample_rate_hz, "data.array.sample_rate_hz",
                   array.channels if isinstance(array.channels, int) else len(array.channels), "data.array.channels")


def _of_labels(params: Params) -> Iterator[str]:
    array = params.data.array
    if params.data.source == "field":
        if array.split_by is not None:
            yield f"data.array.split_by {array.split_by} is not for data.source field, split by hour; make it null"
        return
    if array.split_by is not None and array.labels.file is None and array.labels.pattern is None:
        yield (f"data.array.split_by {array.split_by} takes recordings with labels; say by data.array.labels where "
               "they are")
    if array.validating and array.split_by is None:
        yield (f"data.array.validating [{', '.join(array.validating)}] is of data.array.split_by; name the label there "
               "or make it []")


def _of_error(params: Params, source: _Source) -> Iterator[str]:
    metric, tolerance = params.error.metric, params.error.tolerance
    if metric != "absolute" and tolerance != 1:
        yield f"error.tolerance {_told(tolerance)} is of error.metric absolute, not of {metric}; make it 1"
    if isinstance(tolerance, tuple) and len(tolerance) != source.channels:
        yield (f"error.tolerance has {len(tolerance)} entries for the {source.channels} channels in "
               f"{source.channels_setting}")
    if metric != "snr" and params.gates.error <= 0:
        yield f"gates.error {params.gates.error:g} must be above 0 with error.metric {metric}"


def _told(tolerance: float | tuple[float, ...]) -> str:
    return f"{tolerance:g}" if isinstance(tolerance, float | int) else f"{list(tolerance)}"


def _of_windows(params: Params, source: _Source) -> Iterator[str]:
    window = params.window
    if window.lowpass_hz is not None and window.lowpass_hz >= source.sample_rate_hz / 2:
        yield (f"window.lowpass_hz {window.lowpass_hz:g} must be less than half of {source.rate_setting} "
               f"{source.sample_rate_hz:g}")
    if window.samples < SHORTEST_FILTERED:
        yield f"window.samples {window.samples} is too short for window.lowpass_hz; it takes {SHORTEST_FILTERED}"
    rows = window.skip_first_rows + window.samples + window.skip_last_rows
    if params.data.source == "twin" and rows > params.data.twin.seconds * source.sample_rate_hz:
        yield (f"data.twin.seconds {params.data.twin.seconds:g} is too short for window.samples {window.samples}: with "
               f"window.skip_first_rows and window.skip_last_rows it takes {rows / source.sample_rate_hz:g} s")


def _of_paper(params: Params, source: _Source) -> Iterator[str]:
    if params.window.samples % PAPER_STRIDES:
        yield f"codec paper needs window.samples to be a multiple of {PAPER_STRIDES}, not {params.window.samples}"


def is_open(pins: OneTokenPins) -> bool:
    """Whether any size is left to the stage design."""
    return None in vars(pins).values()


def _of_edge(params: Params, source: _Source) -> Iterator[str]:
    if is_open(params.codecs.edge):
        return
    sizes = cast("EdgeParams", params.codecs.edge)  # the same fields, and all of them numbers
    yield from _of_layers(sizes, params.window.samples, source)
    kept = max((end for _, end, _ in sizes.bands), default=1)
    yield from _of_band(params, source, kept, "codecs.edge.time_bins and bands keep")


def _of_transform(params: Params, source: _Source) -> Iterator[str]:
    if is_open(params.codecs.transform):
        return
    sizes = cast("TransformParams", params.codecs.transform)
    yield from _of_decimation("codecs.transform", sizes, sizes.time_bins, params.window.samples)
    if sizes.modes > source.channels:
        yield (f"codecs.transform.modes {sizes.modes} is more than the {source.channels} channels in "
               f"{source.channels_setting}")
    yield from _of_codewords("codecs.transform", sizes, source.channels + sizes.modes * sizes.time_bins,
                             f"{sizes.time_bins} codecs.transform.time_bins of {sizes.modes} modes", source)
    yield from _of_band(params, source, 1 + sizes.time_bins, "codecs.transform.time_bins keep")


OF_KIND: Mapping[str, Callable[[Params, _Source], Iterator[str]]] = {
    "edge": _of_edge, "paper": _of_paper, "transform": _of_transform}


def _of_decimation(section: str, sizes: OneTokenParams, time_bins: int, samples: int) -> Iterator[str]:
    """A decimated window that is odd, or too short for its cosine bins."""
    if samples % (2 * sizes.decimation):
        yield (f"{section}.decimation {sizes.decimation} does not cut window.samples {samples} into an even number "
               "of decimated samples")
    elif time_bins > samples // sizes.decimation:
        yield (f"{section}.time_bins {time_bins} is more than the {samples // sizes.decimation} samples that "
               f"{section}.decimation {sizes.decimation} leaves of window.samples {samples}")
    if sizes.filter_taps < sizes.decimation or (sizes.filter_taps - sizes.decimation) % 2:
        yield (f"{section}.filter_taps {sizes.filter_taps} must be {section}.decimation {sizes.decimation}, or an "
               "even number more")


def _of_codewords(section: str, sizes: OneTokenParams, latent: int, moving: str, source: _Source) -> Iterator[str]:
    """Codewords longer than the latent, which is what moves, and a mean per channel."""
    if sizes.codeword_samples > latent:
        yield (f"{section}.codeword_samples {sizes.codeword_samples} is more than a latent has: {moving} and a mean "
               f"for each of {source.channels} channels")


def _of_layers(sizes: EdgeParams, samples: int, source: _Source) -> Iterator[str]:
    """Layers that would not fit into each other."""
    yield from _of_decimation("codecs.edge", sizes, sizes.time_bins, samples)
    last = 1
    for first, end, modes in sizes.bands:
        if first != last or end <= first:
            yield f"codecs.edge.bands: [{first}, {end}, {modes}] must begin at bin {last} and end behind it"
            return
        last = end
        if not 1 <= modes <= source.channels:
            yield (f"codecs.edge.bands: [{first}, {end}, {modes}] keeps {modes} spatial modes, and there are "
                   f"{source.channels} channels in {source.channels_setting}")
    if last > sizes.time_bins:
        yield f"codecs.edge.bands end at bin {last}, codecs.edge.time_bins keeps {sizes.time_bins}"
    structured = sum((end - first) * modes for first, end, modes in sizes.bands)
    if sizes.coefficients > structured:
        yield (f"codecs.edge.coefficients {sizes.coefficients} is more than the {structured} that codecs.edge.bands "
               "give")
    yield from _of_codewords("codecs.edge", sizes, source.channels + sizes.coefficients,
                             f"{sizes.coefficients} codecs.edge.coefficients", source)
    if sizes.codewords % sizes.regimes or sizes.codewords < 2 * sizes.regimes:
        yield (f"codecs.edge.codewords {sizes.codewords} cannot be shared out evenly, two or more each, among "
               f"codecs.edge.regimes {sizes.regimes}")


def _of_band(params: Params, source: _Source, kept: int, keeping: str) -> Iterator[str]:
    """A window is scored below the low-pass; bins that end far below it leave the rest out, at every rate."""
    window = params.window
    if window.lowpass_hz is None:
        return
    bin_hz = source.sample_rate_hz / (2 * window.samples)
    if kept * bin_hz < LEAST_REACH * window.lowpass_hz:
        yield (f"{keeping} {kept} bins, which end at {kept * bin_hz:.2g} Hz with "
               f"window.samples {window.samples}, far below window.lowpass_hz {window.lowpass_hz:g}; keep about "
               f"{round(window.lowpass_hz / bin_hz)} bins, or lower window.samples or window.lowpass_hz")


def _of_budget(params: Params) -> Iterator[str]:
    """Rates are equally far apart, so the highest has a multiple of the bits of the lowest."""
    lowest, highest = params.design.lowest_bits, params.design.highest_bits
    rates = round(highest / lowest)
    if highest < lowest:
        yield f"design.highest_bits {highest:g} is {lowest - highest:g} less than design.lowest_bits {lowest:g}"
    elif rates > RATES_MAX:
        yield (f"design.highest_bits {highest:g} is {rates} times design.lowest_bits {lowest:g}, and there are at most "
               f"{RATES_MAX} rates; raise design.lowest_bits to {highest / RATES_MAX:g}")
    if params.design.largest_milliseconds > params.gates.largest_latency_milliseconds:
        yield (f"design.largest_milliseconds {params.design.largest_milliseconds:g} is more than "
               f"gates.largest_latency_milliseconds {params.gates.largest_latency_milliseconds:g} lets pass; lower it")
