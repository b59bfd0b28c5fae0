"""The stage design in small: what is open is closed within the limits, and a limit that nothing keeps is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgecodec import chosen
from edgecodec.contradictions import AUTO
from edgecodec.data.windows import WindowSet
from edgecodec.design.design import Design, choose, closed_params, make_design
from edgecodec.design.layouts import Layout
from edgecodec.design.plots import draw_design
from edgecodec.design.table import reasons_table
from edgecodec.design.target import Target
from edgecodec.errors import EdgeCodecError
from edgecodec.params import EdgeParams, Params

OPEN = {"decimation": None, "filter_taps": None, "time_bins": None, "coefficients": None}


def with_edge(params: Params, **sizes: object) -> Params:
    edge = params.codecs.edge.model_copy(update=sizes)
    return params.model_copy(update={"codecs": params.codecs.model_copy(update={"edge": edge})})


@pytest.fixture(scope="module")
def opened(small_params: Params) -> Params:
    return with_edge(small_params, **OPEN)


@pytest.fixture(scope="module")
def design(opened: Params, train: WindowSet, repository: Path) -> Design:
    return make_design(opened, train, repository / "artifacts")


@pytest.mark.slow
def test_what_is_open_is_closed_and_what_is_pinned_stays(design: Design, opened: Params) -> None:
    found = chosen.sizes(closed_params(opened, design))
    assert isinstance(found, EdgeParams)
    assert (found.codewords, found.regimes, found.stages_per_rate) == (64, 2, 2)
    assert found.bands == opened.codecs.edge.bands
    assert found.bands[-1][1] == found.time_bins <= 800 // found.decimation


@pytest.mark.slow
def test_it_fits_the_target(design: Design, opened: Params) -> None:
    cost = design.kinds["edge"].cost
    assert cost.fits
    assert cost.milliseconds < opened.design.largest_milliseconds


@pytest.mark.slow
def test_errors_fall_from_rate_to_rate(design: Design) -> None:
    errors = design.kinds["edge"].layout.errors
    assert all(errors[1:] < errors[:-1])


@pytest.mark.slow
def test_every_size_has_a_reason(design: Design, tmp_path: Path) -> None:
    table = reasons_table(design)
    assert "codecs.edge.bands" in table
    assert [reason.why for reason in design.reasons() if reason.pinned] == ["pinned"] * 6
    draw_design(tmp_path / "design.svg", design)
    assert (tmp_path / "design.svg").stat().st_size > 10_000


@pytest.mark.parametrize(("section", "limit", "message"), [
    ("design", {"largest_milliseconds": 0.01}, r"smallest layout takes about .* ms, .* more than design.largest_milli"),
    ("gates", {"largest_l2_bytes": 1000}, r"takes \d+ bytes of L2, \d+ more than gates.largest_l2_bytes 1000"),
    ("firmware", {"l1_bytes": 20000}, r"bytes over the .* bytes of L1; raise firmware.l1_bytes, or take "),
])
def test_a_limit_that_nothing_keeps_is_named_with_the_excess(
    small_params: Params, repository: Path, section: str, limit: dict[str, object], message: str
) -> None:
    limited = getattr(small_params, section).model_copy(update=limit)
    target = Target(small_params.model_copy(update={section: limited}), repository / "artifacts", 36, 800)
    sizes = chosen.sizes(small_params)
    assert isinstance(sizes, EdgeParams)
    with pytest.raises(EdgeCodecError, match=message) as raised:
        choose("edge", [Layout(sizes, np.ones(4))], target, 0.002)
    assert len(str(raised.value).splitlines()) == 1


@pytest.mark.slow
def test_bands_are_found_within_the_limits(small_params: Params, train: WindowSet, repository: Path) -> None:
    found = make_design(with_edge(small_params, **OPEN, bands=None), train, repository / "artifacts")
    sizes = found.kinds["edge"].layout.sizes
    assert isinstance(sizes, EdgeParams)
    assert sizes.bands[0][0] == 1
    assert sizes.bands[-1][1] == sizes.time_bins <= 800 // sizes.decimation
    assert found.kinds["edge"].cost.fits


@pytest.mark.slow
def test_a_codec_that_does_not_fit_leaves_the_place_to_the_other(
        small_params: Params, train: WindowSet, repository: Path) -> None:
    either = small_params.model_copy(update={"codec": AUTO})
    room = make_design(either, train, repository / "artifacts").kinds["transform"].cost.l2_bytes
    limits = either.gates.model_copy(update={"largest_l2_bytes": room})
    found = make_design(either.model_copy(update={"gates": limits}), train, repository / "artifacts")
    assert (found.codec, list(found.kinds)) == ("transform", ["transform"])
    assert f"more than gates.largest_l2_bytes {room}" in found.proposal


@pytest.mark.slow
def test_regimes_are_given_up_where_nothing_fits_with_them(
        small_params: Params, train: WindowSet, repository: Path) -> None:
    opened = with_edge(small_params, regimes=None)
    sizes = {regimes: Target(opened, repository / "artifacts", 36, 800).cost(
        "edge", opened.codecs.edge.model_copy(update={"regimes": regimes})).l2_bytes for regimes in (4, 1)}
    limits = opened.gates.model_copy(update={"largest_l2_bytes": sizes[4] - 1})
    found = make_design(opened.model_copy(update={"gates": limits}), train, repository / "artifacts")
    chosen_regimes = found.kinds["edge"].layout.sizes.regimes
    assert chosen_regimes < 4
    assert found.kinds["edge"].cost.fits
