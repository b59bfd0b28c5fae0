"""Utilization of codebooks that were made so that it is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgecodec.evaluation.codebooks import Usage, Utilization, near_duplicates, usage_table, utilization
from edgecodec.packets.indices import Indices

CODEWORDS = 8


def codebook(seed: int = 0, codewords: int = CODEWORDS) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(codewords, 4)).astype(np.float32)


@pytest.fixture(scope="module")
def used() -> Utilization:
    """Stage 1: token 0 uses all codewords equally, token 1 only the first. Stage 2: two codewords, equally."""
    windows = 64
    words = np.zeros((windows, 2, 2), np.uint16)
    words[:, 0, 0] = np.arange(windows) % CODEWORDS
    words[:, 1, :] = np.arange(windows)[:, None] % 2
    indices = Indices(np.zeros(windows, np.uint16), words)
    return utilization(indices, [codebook()[None], codebook(1)[None]], near_duplicate_fraction=0.05,
                       reseed_rate=[0.25, 0.0])


def test_perplexity_is_the_number_of_equally_frequent_codewords(used: Utilization) -> None:
    first, second = used.stages
    assert [token.perplexity for token in first.tokens] == [pytest.approx(8), pytest.approx(1)]
    assert second.pooled.perplexity == pytest.approx(2)
    assert second.pooled.entropy_bits == pytest.approx(1)


def test_dead_codewords_are_those_that_nobody_chose(used: Utilization) -> None:
    first, second = used.stages
    assert (first.dead, first.pooled.usage) == (0, 1)
    assert (second.dead, second.pooled.usage) == (6, 0.25)
    assert used.least_usage == 0.25


def test_the_summary_says_what_an_entropy_coder_would_need_and_which_stages_keep_the_rule(used: Utilization) -> None:
    content = used.to_json(stages_of_rate=(1, 2), rule=0.85)
    assert content["entropy_bits"] == {"1": pytest.approx(3 + 0), "2": pytest.approx(3 + 0 + 1 + 1)}
    assert content["stages_within_rule"] == 1
    assert content["least_usage"] == 0.25
    assert content["mean_reseed_rate"] == 0.125
    assert content["stages"][0]["reseed_rate"] == 0.25
    assert len(content["stages"][0]["tokens"]) == 2


def test_the_table_has_a_row_per_stage_and_token(used: Utilization) -> None:
    table = usage_table(used)
    assert table[["stage", "token"]].to_numpy().tolist() == [[1, 0], [1, 1], [2, 0], [2, 1]]


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=50).filter(any))
def test_perplexity_is_between_one_and_the_codewords_in_use(counts: list[int]) -> None:
    usage = Usage(np.array(counts))
    assert 1 - 1e-9 <= usage.perplexity <= usage.usage * len(counts) * (1 + 1e-9)


@pytest.mark.parametrize("copies", [0, 1, 3])
def test_near_duplicates_are_found(copies: int) -> None:
    words = codebook(codewords=32)
    words[32 - copies :] = words[:copies] + 1e-3
    assert near_duplicates(words, fraction=0.05) == 2 * copies


def test_a_known_regime_is_no_news_in_later_stages() -> None:
    """Two regimes, named by the first stage; in the second stage each uses two words of its own, equally."""
    windows = np.arange(64)
    regime = windows % 2
    words = np.stack([0 * regime, windows // 2 % 2], axis=1)[..., None]
    used = utilization(Indices(regime, words), [codebook().reshape(2, 4, 4), codebook(1, 16).reshape(2, 8, 4)],
                       near_duplicate_fraction=0.05, reseed_rate=[0.0, 0.0])
    assert [stage.pooled.entropy_bits for stage in used.stages] == [pytest.approx(1), pytest.approx(1)]
    assert used.stages[1].pooled.usage == 0.25
