"""Exchanged profiles: plausible, per wind speed, and only for the share that was asked for."""

from pathlib import Path

import numpy as np
from array_projects import cut, waves

from edgecodec.data.offsets import ProfileExchange
from edgecodec.data.windows import WindowSet
from edgecodec.evaluation.rivals.lineup import fit_rivals_to
from edgecodec.metrics import ERROR_METRICS, Measure, errors


def profiles(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    wind = generator.choice([10, 20], size=count)
    mixing = np.random.default_rng(9).normal(size=(2, 5))
    spread = generator.normal(size=(count, 2)) @ mixing
    return np.where(wind[:, None] == 10, 1.0, 3.0) + spread, wind


def test_new_profiles_have_the_statistics_of_the_old() -> None:
    seen, wind = profiles(4000, 0)
    exchange = ProfileExchange.fit(seen, wind)
    moved = seen + exchange.shifts(np.random.default_rng(1), seen, wind, share=1.0)
    for speed in (10, 20):
        old, new = seen[wind == speed], moved[wind == speed]
        assert np.allclose(new.mean(axis=0), old.mean(axis=0), atol=0.15)
        assert np.allclose(np.cov(new.T), np.cov(old.T), atol=0.2 * np.abs(np.cov(old.T)).max())
        assert not np.allclose(new, old, atol=0.1)


def test_only_the_share_is_exchanged() -> None:
    seen, wind = profiles(2000, 2)
    exchange = ProfileExchange.fit(seen, wind)
    shifts = exchange.shifts(np.random.default_rng(3), seen, wind, share=0.25)
    assert 0.2 < (shifts != 0).any(axis=1).mean() < 0.3
    assert not exchange.shifts(np.random.default_rng(4), seen, wind, share=0.0).any()


def test_a_single_profile_stays_itself() -> None:
    seen = np.ones((1, 4))
    exchange = ProfileExchange.fit(seen, np.zeros(1, np.int64))
    assert not exchange.shifts(np.random.default_rng(5), seen, np.zeros(1, np.int64), share=1.0).any()


def test_means_that_are_recordings_own_are_exchanged(train: WindowSet) -> None:
    assert sorted(ProfileExchange.of_recordings(train).groups) == [10, 20]


def test_means_that_move_within_a_recording_stay_and_are_learned(tmp_path: Path) -> None:
    train, validation = cut(waves(1, 24 * 80), ["only"], tmp_path, 64)
    assert not ProfileExchange.of_recordings(train).groups
    measure = Measure(ERROR_METRICS["nmse"], 1.0)
    (rival,) = fit_rivals_to(train, ["joint_rvq"], (30,), 1, measure)
    (compressed,) = rival.compress(validation.targets())
    assert errors(compressed.reconstruction, validation.targets()).nmse_percent < 5
