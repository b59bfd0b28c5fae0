"""Estimates of cycles: prices come out of what they made, and the committed ones say how far they are off."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from deploy.factory import Sizes, edge_like, paper_like
from hypothesis import given, settings
from hypothesis import strategies as st

from edgecodec.deploy.memory import arena_bytes, plan_memory
from edgecodec.errors import EdgeCodecError
from edgecodec.packets.network import ExportedCodec
from edgecodec.params import load_params
from edgecodec.simulators.drawn_codecs import SHAPES, noise
from edgecodec.simulators.estimate import CYCLE_TABLE, CycleTable, Miss, Price, Prices, estimate, miss, prices_of

PRICES: Prices = {
    "layer": Price(2800, 0.13, 1.9, 0.09), "stage": Price(1900, 0.12, 70, 0.17),
    "abreast": Price(900, 0.1, 60, 0.1), "choice": Price(2100, 0, 0, 0),
    "packet": Price(2300, 0, 150, 0), "coded_packet": Price(2300, 0, 40, 0),
    "scalars": Price(1500, 0, 4, 0)}
TABLE = CycleTable("gap9_like", "dotpex", "gvsoc 0123", PRICES, {
    "small": Miss(0.01, -0.3, -0.02), "large": Miss(-0.05, 0.2, 0.06)})


@pytest.fixture(scope="module")
def committed(repository: Path) -> CycleTable:
    return CycleTable.read(repository / "artifacts" / CYCLE_TABLE)


def codecs() -> list[ExportedCodec]:
    return [kind(Sizes(channels=4 + 9 * seed, samples=48 + 37 * seed, width=6 + 2 * seed, codewords=20 + 50 * seed,
                       regimes=1 + seed, coded_classes=10 * (kind is edge_like)))
            for seed in range(3) for kind in (paper_like, edge_like)]


@pytest.mark.parametrize("kind", [paper_like, edge_like])
def test_prices_come_out_of_the_cycles_that_they_made(kind: Callable[[Sizes], ExportedCodec]) -> None:
    found = prices_of([(codec, estimate(PRICES, codec)) for codec in codecs()])
    unseen = kind(Sizes(channels=12, samples=110, width=20, codewords=400, regimes=3, coded_classes=15))
    off = miss(found, unseen, estimate(PRICES, unseen))
    assert max(map(abs, vars(off).values())) < 0.01


def test_a_miss_has_a_minus_if_the_estimate_is_too_low() -> None:
    codec = edge_like(Sizes(regimes=2))
    counted = estimate(PRICES, codec)
    twice = replace(counted, layers=tuple(2 * cycles for cycles in counted.layers))
    assert miss(PRICES, codec, twice).encoder == -0.5
    assert miss(PRICES, codec, twice).quantizer == 0
    assert -0.5 < miss(PRICES, codec, twice).chain < 0


@settings(max_examples=20, deadline=None)
@given(samples=st.integers(20, 200), codewords=st.integers(2, 300), more=st.integers(1, 100))
def test_more_work_never_costs_less(committed: CycleTable, samples: int, codewords: int, more: int) -> None:
    small, large = (estimate(committed.prices, edge_like(Sizes(samples=samples + extra, codewords=codewords + extra,
                                                               coded_classes=codewords + extra)))
                    for extra in (0, more))
    for less, more_work in zip(*((each.layers, *(kind.steps for kind in each.kinds.values()))
                                 for each in (small, large)), strict=True):
        assert (np.array(more_work) >= np.array(less)).all()
        assert min(less) >= 1


def test_the_remark_says_where_it_comes_from_and_how_far_off_it_was() -> None:
    assert TABLE.remark == (
        "cycles per MAC, value and byte, as counted on gap9_like in dotpex; from window to packet off by 4% on average "
        "and 6% at most for 2 other codecs, their quantizers by up to 30%")


def test_the_file_gives_back_what_was_written(tmp_path: Path) -> None:
    TABLE.write(tmp_path / "table.json")
    assert CycleTable.read(tmp_path / "table.json") == TABLE


def test_a_damaged_file_names_the_field(tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    TABLE.write(path)
    path.write_text(path.read_text().replace('"mac": 0.13', '"mac": "cheap"'))
    with pytest.raises(EdgeCodecError, match=r"table.json: prices.layer.mac: .*; restore it with git, or run"):
        CycleTable.read(path)


@pytest.mark.parametrize("name", ["edge_4x160", "paper_16x64"])
def test_a_drawn_codec_is_the_same_again_and_fits(name: str, repository: Path) -> None:
    params, shape = load_params(repository / "params.yaml"), SHAPES[name]
    training = getattr(params.train, shape.codec)
    one, same, other = (shape.draw(seed, training, "dotpex") for seed in (1, 1, 2))
    assert one.model_hash == same.model_hash != other.model_hash
    assert np.array_equal(noise(one, 1), noise(same, 1))
    assert plan_memory(one, arena_bytes(params.firmware)) == plan_memory(other, arena_bytes(params.firmware))
