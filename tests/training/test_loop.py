"""Training: learns, resumes to the same bits after a kill, refuses what cannot work."""

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from packets.random_indices import assert_same

from edgecodec import chosen
from edgecodec.data.windows import WindowSet
from edgecodec.errors import EdgeCodecError
from edgecodec.metrics import errors
from edgecodec.model.codec import load_model, save_model
from edgecodec.packets.indices import Indices
from edgecodec.params import Params
from edgecodec.storage import read_json, write_json
from edgecodec.training.loop import Trained, Trainer


def with_codec(params: Params, codec: str, **schedule: object) -> Params:
    content = params.model_dump(by_alias=True)
    content["codec"] = codec
    content["train"][codec].update(schedule)
    return Params.model_validate(content)


Sets = tuple[WindowSet, WindowSet]


@pytest.fixture(scope="module")
def sets(train: WindowSet, validation: WindowSet) -> Sets:
    return train, validation


@pytest.fixture(scope="module")
def trained(small_params: Params, sets: Sets, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return Trainer(small_params, *sets, tmp_path_factory.mktemp("checkpoints")).run()


def test_edge_beats_the_window_means(trained: Trained, validation: WindowSet) -> None:
    targets = validation.targets()
    means = np.broadcast_to(targets.mean(axis=-1, keepdims=True), targets.shape)
    rebuilt = trained.codec.decode(trained.codec.encode(validation.inputs()), rate=4)
    assert errors(rebuilt, targets).error_percent < errors(means, targets).error_percent
    by_rate = [trained.history[-1][f"error_percent_rate{rate}"] for rate in (1, 2, 3, 4)]
    assert by_rate == sorted(by_rate, reverse=True)


def test_a_phase_that_makes_windows_worse_is_undone(small_params: Params, sets: Sets, tmp_path: Path) -> None:
    untrained, wild = (
        Trainer(with_codec(small_params, "edge", warmup_steps=0, joint_steps=0, learning_rate=0.3,
                           decoder_steps=steps), *sets, tmp_path).run() for steps in (0, 4))
    assert wild.undone == ["decoder"]
    weights = wild.codec.state_dict()
    assert all(torch.equal(weights[name], value) for name, value in untrained.codec.state_dict().items())
    start, last = untrained.history[-1], wild.history[-1]
    assert last == {**start, "step": 4}


def test_the_decoder_learns_from_packets_of_all_kinds(small_params: Params, sets: Sets, tmp_path: Path,
                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    taught, from_coded = [], Trainer._from_coded

    def noting_rates(self: Trainer, inputs: torch.Tensor, rate: int):  # type: ignore[no-untyped-def]
        taught.append(rate)
        return from_coded(self, inputs, rate)

    monkeypatch.setattr(Trainer, "_from_coded", noting_rates)
    steps = {"learning_rate": 3e-4, "joint_steps": 0}
    before, after = (Trainer(with_codec(small_params, "edge", decoder_steps=count, **steps), *sets, tmp_path).run()
                     for count in (0, 40))
    assert after.undone == []
    assert sorted(taught) == sorted(5 * before.codec.rates)  # every other step, at all rates by turns
    inputs, targets = sets[0].inputs(), sets[0].targets()
    for kind in before.codec.quantizers:
        indices = before.codec.encode(inputs, kind)
        assert_same(after.codec.encode(inputs, kind), indices)
        for rate in before.codec.rates:
            was, now = (errors(each.codec.decode(indices, rate, kind), targets).error_percent
                        for each in (before, after))
            assert now < was, (kind, rate)


def test_nothing_is_quantized_before_there_are_codebooks(small_params: Params, sets: Sets,
                                                         tmp_path: Path) -> None:
    params = with_codec(small_params, "edge", warmup_steps=4, evaluate_every=4)
    at_warmup_end, *later = Trainer(params, *sets, tmp_path).run().history
    assert "error_percent_rate1" not in at_warmup_end
    assert at_warmup_end["error_percent_unquantized"] > 0
    assert all("error_percent_rate1" in row for row in later)


def test_a_model_that_was_saved_without_a_recipe_loads(trained: Trained, small_params: Params, tmp_path: Path) -> None:
    """As versions hold it that were registered before every schedule had one."""
    save_model(trained.codec, small_params, tmp_path)
    described = read_json(tmp_path / "model.json")
    del described["training"]["recipe"]
    write_json(tmp_path / "model.json", described)
    weights = load_model(tmp_path).state_dict()
    assert all(torch.equal(weights[name], value) for name, value in trained.codec.state_dict().items())


class KilledError(Exception):
    """The power cord is pulled."""


@pytest.mark.parametrize("codec", ["edge", pytest.param("paper", marks=pytest.mark.slow)])
def test_a_killed_training_resumes_to_the_same_bits(codec: str, small_params: Params, trained: Trained, sets: Sets,
                                                    tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    params = with_codec(small_params, codec, checkpoint_every=3)
    whole = trained if codec == small_params.codec else Trainer(params, *sets, tmp_path / "whole").run()

    take_step = Trainer._take_step

    def take_step_until_killed(self: Trainer):  # type: ignore[no-untyped-def]
        if self.step == 5:
            raise KilledError
        return take_step(self)

    monkeypatch.setattr(Trainer, "_take_step", take_step_until_killed)
    with pytest.raises(KilledError):
        Trainer(params, *sets, tmp_path / "killed").run()
    monkeypatch.undo()
    resumed = Trainer(params, *sets, tmp_path / "killed").run()

    assert resumed.history == whole.history
    assert resumed.reseed_rate == whole.reseed_rate
    for name, value in whole.codec.state_dict().items():
        assert torch.equal(value, resumed.codec.state_dict()[name]), name


@pytest.fixture
def by_the_paper(small_params: Params) -> Params:
    return chosen.for_paper(small_params, small_params.train.paper_original)


def test_the_papers_recipe_starts_from_the_nine_tokens_of_one_window_of_noise(
        by_the_paper: Params, sets: Sets, tmp_path: Path) -> None:
    untrained = Trainer(with_codec(by_the_paper, "paper", joint_steps=0), *sets, tmp_path).run().codec
    for (codebook,) in untrained.quantizer.codebooks:
        assert torch.linalg.matrix_rank(codebook, rtol=1e-3) <= untrained.tokens < len(codebook)
    assert not untrained.offset.any()
    assert bool((untrained.scale == 1).all())


def test_the_papers_recipe_draws_most_codewords_anew_at_every_step(by_the_paper: Params, sets: Sets,
                                                                   tmp_path: Path) -> None:
    assert min(Trainer(by_the_paper, *sets, tmp_path).run().reseed_rate) > 0.5


def test_the_learning_rate_falls_in_every_phase_or_once_or_stays(small_params: Params, by_the_paper: Params,
                                                                 sets: Sets, tmp_path: Path) -> None:
    def rates(params: Params) -> list[list[float]]:
        """Of every step of every phase."""
        trainer = Trainer(params, *sets, tmp_path)
        return [[trainer.learning_rate(step) for step in range(phase.start, phase.end)] for phase in trainer.phases]

    for phase in rates(with_codec(small_params, "edge")):
        assert phase[0] == 0.001
        assert phase == sorted(phase, reverse=True)
    whole = [rate for phase in rates(chosen.for_paper(small_params, small_params.train.paper)) for rate in phase]
    assert len(set(whole)) == len(whole)
    assert whole == sorted(whole, reverse=True)
    assert {rate for phase in rates(by_the_paper) for rate in phase} == {0.001}


def test_a_checkpoint_of_other_parameters_is_refused(small_params: Params, sets: Sets, tmp_path: Path) -> None:
    first = Trainer(small_params, *sets, tmp_path)
    first._save()
    other = Trainer(with_codec(small_params, "edge", learning_rate=0.01), *sets, tmp_path)
    assert other.checkpoint != first.checkpoint  # so it starts anew by itself
    first.checkpoint.rename(other.checkpoint)
    with pytest.raises(EdgeCodecError, match="checkpoint of other parameters"):
        other.run()
    other.checkpoint.write_bytes(b"no checkpoint")
    with pytest.raises(EdgeCodecError, match="damaged checkpoint"):
        other.run()


def test_too_few_windows_for_the_codebooks_are_refused(small_params: Params, sets: Sets,
                                                       tmp_path: Path) -> None:
    with pytest.raises(EdgeCodecError, match=r"train\.edge\.codebook_windows: 10 windows cannot fill 64 codewords"):
        Trainer(with_codec(small_params, "edge", codebook_windows=10), *sets, tmp_path).run()


@pytest.mark.parametrize(("channel", "value", "message"), [
    (3, np.nan, "artifacts/windows/train: channel {} holds NaN or Inf; run the stages validate and window again"),
    (5, 0.25, "artifacts/windows: channel {} is constant in the training windows; leave it out"),
])
def test_channels_that_cannot_be_learned_are_refused(
        channel: int, value: float, message: str, small_params: Params, sets: Sets, tmp_path: Path) -> None:
    inputs, targets = (np.array(rows) for rows in (sets[0].input_rows, sets[0].target_rows))
    inputs[:, channel] = targets[:, channel] = value
    damaged = dataclasses.replace(sets[0], input_rows=inputs, target_rows=targets)
    with pytest.raises(EdgeCodecError, match=re.escape(message.format(sets[0].channel_names[channel]))):
        Trainer(small_params, damaged, sets[1], tmp_path)


def test_a_training_set_of_one_condition_trains(small_params: Params, sets: Sets, tmp_path: Path) -> None:
    condition = sets[0].condition[0]
    one = sets[0].condition == condition
    segments = [segment for segment in sets[0].description.segments if segment.condition == condition]
    alone = dataclasses.replace(sets[0], description=sets[0].description.model_copy(update={"segments": segments}),
                                **{name: getattr(sets[0], name)[one]
                                   for name in ("starts", "wind", "condition", "recording")})
    codec = Trainer(small_params, alone, sets[1], tmp_path).run().codec
    indices = codec.encode(alone.inputs())
    by_rate = [errors(codec.decode(indices, rate), alone.targets()).error_percent for rate in codec.rates]
    assert by_rate == sorted(by_rate, reverse=True)


def test_a_saved_model_is_the_same_model(trained: Trained, small_params: Params, sets: Sets,
                                         tmp_path: Path) -> None:
    codec = trained.codec
    save_model(codec, small_params, tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    windows = sets[1].inputs(slice(0, 5))
    indices = codec.encode(windows)
    assert_same(loaded.encode(windows), indices)
    assert np.array_equal(loaded.decode(indices, 2), codec.decode(indices, 2))


@pytest.mark.parametrize("rate", [0, 5])
def test_rates_beyond_the_trained_are_refused(rate: int, trained: Trained) -> None:
    with pytest.raises(EdgeCodecError, match=f"rate {rate}: the model has rates 1 to 4"):
        trained.codec.decode(Indices(np.zeros(1, np.uint16), np.zeros((1, 8, 1), np.uint16)), rate)


def test_windows_that_are_none_are_refused(trained: Trained) -> None:
    with pytest.raises(EdgeCodecError, match=r"shape \(1, 35, 800\); this codec takes \[n, 36, 800\]"):
        trained.codec.encode(np.zeros((1, 35, 800), np.float32))
    damaged = np.zeros((3, 36, 800), np.float32)
    damaged[2, 4, 100] = np.nan
    with pytest.raises(EdgeCodecError, match="window 2 holds NaN"):
        trained.codec.encode(damaged)
