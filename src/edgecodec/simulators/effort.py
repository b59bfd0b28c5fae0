"""What a step keeps the cluster's busiest core at: the amounts that its cycles are a weighted sum of.

They follow the kernels (firmware/kernels) and their innermost loops (firmware/ports/pulp): tiles of four rows and four
columns, shared out block by block; tiles at an edge, which take a slower path; what is fetched while nothing else is
left to do. Amounts are counts, but for ``products``: there they are cycles of the innermost loop.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from edgecodec.deploy.memory import CLUSTER_WORKERS, Fetch, MemoryPlan, coordinates_bytes, stage_name
from edgecodec.deploy.network import Convolution, ExportedCodec, Filter, Layer, Normalize, Quantizer, Transpose
from edgecodec.deploy.panels import COLUMNS, panel_count

TILE_ROWS = 4  # EC_TILE_ROWS
BYTES_PER_CYCLE = 8  # of the cluster's DMA
# Rough cycles of what is not in ``products``, to tell which core is the busiest, and whether a block is waited for.
ROUGH_CYCLES = {"tiles": 100, "edge_tiles": 400, "segments": 14, "edge_segments": 20, "panels": 100, "searched": 30,
                "compared": 25, "searches": 60, "normalized": 8, "filtered": 30, "edge_products": 3, "kept": 4}

Amounts = Mapping[str, int]


@dataclass(frozen=True)
class _Part:
    """A block: what it takes the DMA to bring, and the busiest core to work on."""

    fetched_bytes: int
    work: Amounts


def layer_effort(layer: Layer, codec: ExportedCodec, plan: MemoryPlan) -> Amounts:
    if isinstance(layer, Convolution):
        return _waited_for(_convolution(layer, plan.fetches[layer.name]))
    if isinstance(layer, Filter):
        return _waited_for(_filter(layer, codec, plan.fetches[layer.name]))
    if isinstance(layer, Normalize):
        return _waited_for(_normalize(layer, codec, plan.fetches[layer.name]))
    return _transpose(layer)


def stage_effort(kind: str, quantizer: Quantizer, number: int, plan: MemoryPlan) -> Amounts:
    """Of stage ``number`` of the quantizer called ``kind`` (see memory.QUANTIZERS)."""
    regimes = quantizer.regimes if number < quantizer.contested_stages else 1
    stage = quantizer.stages[number]
    _, count, samples = stage.codewords.shape
    rows = regimes * quantizer.tokens
    own_rows = _largest_share(rows)
    fetch = plan.fetches[stage_name(kind, number)]
    parts = list(_search(fetch, regimes, panel_count(count), quantizer.tokens, samples))
    begins, ends = (0, quantizer.contested_stages), (quantizer.contested_stages, len(quantizer.stages))
    if number not in begins:  # the stage before has asked for its first block
        parts[0] = _Part(0, parts[0].work)
    amounts = Counter(_waited_for(parts))
    amounts["beginnings"] += number in begins
    amounts["seconds"] += number - 1 in begins
    amounts["successors"] += number + 1 not in ends
    amounts["rows"] += rows
    amounts["own_rows"] += own_rows
    amounts["subtracted"] += own_rows * samples
    if stage.coordinates is not None:
        amounts["gathered"] += own_rows * samples
    if number == 0:
        amounts["checked"] += _largest_share(quantizer.rows * quantizer.latent.channels)
        amounts["coordinates_bytes"] += coordinates_bytes(quantizer)
        amounts["coordinates"] += stage.coordinates is not None
        amounts["openings"] += 1
    return amounts


def choice_effort(quantizer: Quantizer) -> Amounts:
    return {"steps": 1, "energies": _largest_share(quantizer.regimes) * quantizer.tokens * quantizer.latent.channels,
            "copied": _largest_share(quantizer.contested_stages) * quantizer.tokens}


def _waited_for(parts: Iterable[_Part]) -> Amounts:
    """While one block is worked on the next arrives; the longer of the two counts."""
    total = Counter({"steps": 1})
    before: Amounts = {}
    for part in parts:
        arrives, works = part.fetched_bytes / BYTES_PER_CYCLE, _rough_cycles(before)
        total.update({"fetched_bytes": part.fetched_bytes} if arrives > works else before)
        total["blocks"] += 1
        before = part.work
    total.update(before)
    return total


def _rough_cycles(amounts: Amounts) -> float:
    return sum(ROUGH_CYCLES.get(name, 1) * amount for name, amount in amounts.items())


def _busiest(works: Iterable[Amounts]) -> Amounts:
    return max(works, key=_rough_cycles)


def _blocks(items: int, fetch: Fetch) -> Iterator[range]:
    for first in range(0, items, fetch.rows):
        yield range(first, min(first + fetch.rows, items))


def _shares(total: int) -> Iterator[range]:
    """ec_share of every worker."""
    for worker in range(CLUSTER_WORKERS):
        yield range(total * worker // CLUSTER_WORKERS, total * (worker + 1) // CLUSTER_WORKERS)


def _largest_share(total: int) -> int:
    return -(-total // CLUSTER_WORKERS)


def _loop(rows: int) -> str:
    return "row_products" if rows == 1 else "products"


def _loop_cycles(rows: int) -> int:
    """Of one pair of a tile of ``rows``: its instructions, or its products where two cores share a unit for them."""
    return max(5 * rows + 4, 2 * COLUMNS * rows)


def _convolution(layer: Convolution, fetch: Fetch) -> Iterator[_Part]:
    tiles = -(-layer.output.rows // TILE_ROWS)
    for panels in _blocks(panel_count(len(layer.weight)), fetch):
        works = (_tiles(layer, share, tiles) for share in _shares(tiles * len(panels)))
        yield _Part(len(panels) * fetch.row_bytes, _busiest(works))


def _tiles(layer: Convolution, share: range, tiles: int) -> Amounts:
    """Of one worker, whose share runs through all tiles of the first panel, then of the second..."""
    inner = _inner_tiles(layer)
    pairs = layer.taps * layer.input.channels // 2
    amounts: Counter[str] = Counter()
    for panel in range(share.start // tiles, -(-share.stop // tiles)):
        own = range(max(share.start - panel * tiles, 0), min(share.stop - panel * tiles, tiles))
        fused = len(range(max(own.start, inner.start), min(own.stop, inner.stop)))
        amounts["panels"] += 1
        amounts["tiles"] += fused
        amounts["segments"] += fused * (1 if layer.dilation == 1 else layer.taps)
        amounts["products"] += fused * pairs * _loop_cycles(TILE_ROWS)
        for tile in own:
            if tile not in inner:
                rows = min(TILE_ROWS, layer.output.rows - tile * TILE_ROWS)
                amounts["edge_tiles"] += 1
                amounts["edge_segments"] += layer.taps * rows
                amounts["edge_rows"] += rows
                amounts[_loop(rows)] += pairs * _loop_cycles(rows)
        if layer.residual is not None:
            amounts["residuals"] += len(own)
    return amounts


def _inner_tiles(layer: Convolution) -> range:
    """Whole tiles whose taps all read rows of the input: inner_tiles of convolution.c."""
    step = TILE_ROWS * layer.stride
    reach = (TILE_ROWS - 1) * layer.stride + (layer.taps - 1) * layer.dilation
    rows = layer.input.rows + layer.pad_left
    end = (rows - reach - 1) // step + 1 if rows > reach else 0
    if layer.slope is not None and layer.slope > 1:
        return range(0)
    return range(-(-layer.pad_left // step), min(end, layer.output.rows // TILE_ROWS))


def _filter(layer: Filter, codec: ExportedCodec, fetch: Fetch) -> Iterator[_Part]:
    channels = _largest_share(len(layer.weight))
    done = 0
    for number, samples in enumerate(_blocks(codec.samples, fetch)):
        ready = samples.stop + layer.pad_left + layer.stride
        outputs = range(done, layer.samples if samples.stop == codec.samples
                        else max(0, min(layer.samples, (ready - layer.taps) // layer.stride)))
        done = outputs.stop
        first = min(outputs.start + outputs.start % 2, outputs.stop)
        fours, rest = divmod(outputs.stop - first, TILE_ROWS)
        edge = first - outputs.start + rest
        yield _Part(len(samples) * fetch.row_bytes + (layer.weight.nbytes if number == 0 else 0), {
            "normalized": channels * len(samples),
            "kept": channels * (layer.taps // 2),
            "products": channels * fours * 9 * (layer.taps // 2),
            "filtered": channels * fours,
            "edge_outputs": channels * edge,
            "edge_products": channels * edge * layer.taps,
            "channels": channels,
        })


def _normalize(layer: Normalize, codec: ExportedCodec, fetch: Fetch) -> Iterator[_Part]:
    for samples in _blocks(codec.samples, fetch):
        rows = _largest_share(len(samples))
        yield _Part(len(samples) * fetch.row_bytes, {"rows": rows, "normalized": rows * layer.output.channels})


def _transpose(layer: Transpose) -> Amounts:
    rows = _largest_share(layer.output.rows)
    return {"steps": 1, "rows": rows, "moved": rows * layer.output.channels}


def _search(fetch: Fetch, regimes: int, of_regime: int, tokens: int, samples: int) -> Iterator[_Part]:
    for panels in _blocks(regimes * of_regime, fetch):
        works = (_searched(range(panels.start + share.start, panels.start + share.stop), of_regime, tokens, samples)
                 for share in _shares(len(panels)))
        yield _Part(len(panels) * fetch.row_bytes, _busiest(works))


def _searched(panels: range, of_regime: int, tokens: int, samples: int) -> Amounts:
    """Of one worker: every regime's tokens with those of the panels that are its."""
    amounts: Counter[str] = Counter()
    for regime in range(panels.start // of_regime, -(-panels.stop // of_regime)):
        own = min(panels.stop, (regime + 1) * of_regime) - max(panels.start, regime * of_regime)
        for first in range(0, tokens, TILE_ROWS):
            rows = min(TILE_ROWS, tokens - first)
            amounts["searches"] += 1
            amounts["searched"] += own
            amounts["compared"] += own * rows
            amounts[_loop(rows)] += own * (samples // 2) * _loop_cycles(rows)
    return amounts
