"""The paper's exploration on small codecs: the grid is measured, prefixes hold, the rule is put beside what is best."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from edgecodec.data.windows import WindowSet
from edgecodec.errors import EdgeCodecError
from edgecodec.evaluation.exploration import Cell, Exploration, exploration_table, explore
from edgecodec.evaluation.exploration_plots import draw_exploration
from edgecodec.model.codec import Codec, codec_from_params
from edgecodec.model.kind import WindowFormat
from edgecodec.params import Params


@pytest.fixture(scope="module")
def explorations(codec: Codec, small_params: Params, train: WindowSet, validation: WindowSet) -> dict[str, Exploration]:
    paper = codec_from_params(small_params.model_copy(update={"codec": "paper"}), WindowFormat(
        tuple(train.channel_names), train.samples, train.sample_rate_hz, train.lowpass_hz))
    return {each.name: explore(each, train, validation, small_params.explore, seed=1) for each in (codec, paper)}


@pytest.mark.parametrize("name", ["edge", "paper"])
def test_every_cell_is_measured(name: str, explorations: dict[str, Exploration], small_params: Params) -> None:
    cells = explorations[name].cells
    asked = [(words, stages) for words in small_params.explore.codewords for stages in small_params.explore.stages]
    assert [(cell.codewords, cell.stages) for cell in cells] == asked
    for cell in cells:
        assert 0 < cell.least_usage <= cell.usage <= 1
        assert 1 <= cell.perplexity <= cell.codewords
        assert 0 <= cell.reseed_rate <= 1


def test_sizes_follow_from_the_grid(explorations: dict[str, Exploration], codec: Codec) -> None:
    edge, paper = ({(cell.codewords, cell.stages): cell for cell in explorations[name].cells}
                   for name in ("edge", "paper"))
    assert edge[48, 3].bits == 3 * codec.bits(1)  # 48 codewords take 6 bits, as 64 would
    assert edge[48, 3].codebook_bytes == 3 * codec.bits(1) // 6 * 48 * codec.quantizer.codebooks[0].shape[-1] * 2
    assert paper[32, 2].bits == 2 * 9 * 5
    assert paper[32, 2].codebook_bytes == 2 * 32 * 100 * 2


def test_more_stages_come_nearer(explorations: dict[str, Exploration]) -> None:
    cells = {(cell.codewords, cell.stages): cell.error_percent for cell in explorations["edge"].cells}
    for codewords in (32, 48):
        assert cells[codewords, 2] > cells[codewords, 3] > explorations["edge"].unquantized_error_percent


def test_equal_seeds_give_equal_figures(codec: Codec, small_params: Params, train: WindowSet, validation: WindowSet,
                                        explorations: dict[str, Exploration]) -> None:
    assert explore(codec, train, validation, small_params.explore, seed=1) == explorations["edge"]


def test_codewords_that_nothing_comes_near_are_drawn_anew(
        codec: Codec, small_params: Params, train: WindowSet, validation: WindowSet) -> None:
    sometimes, never = (explore(codec, train, validation, small_params.explore.model_copy(
        update={"dead_codeword_share": share}), seed=1) for share in (1.0, 0.0))
    assert all(cell.reseed_rate > 0.05 for cell in sometimes.cells)
    assert all(cell.reseed_rate == 0 for cell in never.cells)


def test_too_few_tokens_for_the_codebooks_are_refused(
        codec: Codec, small_params: Params, train: WindowSet, validation: WindowSet) -> None:
    few = small_params.explore.model_copy(update={"kmeans_tokens": 40})
    with pytest.raises(EdgeCodecError, match=r"explore.kmeans_tokens: 40 tokens cannot fill 48 codewords"):
        explore(codec, train, validation, few, seed=1)


def cell(codewords: int, stages: int, bits: int, error: float, usage: float, least: float) -> Cell:
    return Cell(codewords, stages, bits, error, usage, least, perplexity=1.0, reseed_rate=0.0, codebook_bytes=1)


def test_the_rule_is_put_beside_what_is_best_at_equal_bits() -> None:
    grid = Exploration(1.0, (
        cell(512, 2, 18, 3.0, 0.95, 0.9), cell(512, 3, 27, 2.1, 0.95, 0.9), cell(512, 4, 36, 1.5, 0.95, 0.9),
        cell(1024, 2, 20, 2.7, 0.9, 0.7), cell(1024, 3, 30, 2.0, 0.9, 0.7), cell(1024, 4, 40, 1.4, 0.8, 0.7),
    ))
    two, three = grid.budgets(rule=0.85)  # 512 codewords in 2 to 4 stages do not reach the 40 bits of 1024 in 4
    assert (two.bits, three.bits) == (20, 30)
    assert two.error_percent == pytest.approx({512: 2.8, 1024: 2.7})
    assert (two.best, three.best) == (1024, 512)
    assert (three.by_rule, three.by_strict_rule) == (1024, 512)
    assert grid.budgets(rule=0.99)[0].by_rule is None


def test_table_and_picture_show_all_codecs(explorations: dict[str, Exploration], tmp_path: Path) -> None:
    table = exploration_table(explorations)
    assert set(table.codec) == {"edge", "paper"}
    assert len(table) == 8
    draw_exploration(tmp_path / "drawn.svg", explorations, rule=0.85)
    assert ElementTree.parse(tmp_path / "drawn.svg").getroot().tag.endswith("svg")
