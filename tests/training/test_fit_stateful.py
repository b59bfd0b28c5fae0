"""Fitting stateful mode: it predicts, it repeats itself, and it says when there is too little to learn from."""

import pytest
import torch

from edgecodec.data.chains import ChainSource
from edgecodec.data.windows import WindowSet
from edgecodec.model.codec import Codec
from edgecodec.model.stateful import NoStatefulModeError, StatefulCodec
from edgecodec.params import Params
from edgecodec.training.offsets import ProfileExchange
from edgecodec.training.stateful import fit_stateful


def test_the_prediction_leaves_little_of_the_means_and_less_of_the_line_once_it_turned(
        stateful: StatefulCodec, validation_chains: ChainSource) -> None:
    differences, analyzed = stateful.differences, stateful.analyze_chains(chain.inputs for chain in validation_chains)
    sent = list(stateful.send_chains(analyzed, rate=4, key_every=9))
    left: dict[int, torch.Tensor] = {}
    for number in range(1, len(analyzed)):
        before = sent[number - 1].state
        left[number] = (analyzed[number].latent - differences.predict(before)).square().mean(dim=0)  # [dimension]
    spread = torch.cat([window.latent for window in analyzed]).var(dim=0)
    means = slice(0, differences.means)
    assert all(float(each[means].sum()) < 0.3 * float(spread[means].sum()) for each in left.values())
    dynamics = slice(differences.means, None)
    later = torch.stack([left[number] for number in range(2, len(analyzed))]).mean(dim=0)
    assert float(later[dynamics].sum()) < 0.9 * float(left[1][dynamics].sum())


def test_equal_seeds_give_equal_tables(
        stateful: StatefulCodec, codec: Codec, small_params: Params, train: WindowSet,
        training_chains: ChainSource) -> None:
    again = fit_stateful(codec, training_chains, ProfileExchange.of_recordings(train), small_params.stateful, seed=1)
    tables = again.differences.state_dict()
    assert all(torch.equal(table, tables[name]) for name, table in stateful.differences.state_dict().items())


def test_too_few_chains_are_refused_in_one_line(
        codec: Codec, small_params: Params, train: WindowSet, training_chains: ChainSource) -> None:
    few = small_params.stateful.fit.model_copy(update={"chains": 1, "profiles": 1})
    with pytest.raises(NoStatefulModeError, match=r"windows of regime \d where stateful mode takes") as raised:
        fit_stateful(codec, training_chains, ProfileExchange.of_recordings(train),
                     small_params.stateful.model_copy(update={"fit": few}), seed=1)
    assert len(str(raised.value).splitlines()) == 1
