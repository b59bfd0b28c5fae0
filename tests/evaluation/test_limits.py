"""The codec taken apart: floors below, the measured error on top, bits where they go."""

import dataclasses
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from edgecodec.aerosense import DAMAGES
from edgecodec.data.noise_free import noise_free_targets
from edgecodec.data.windows import WindowSet
from edgecodec.evaluation import limit_plots
from edgecodec.evaluation.limits import Limits, measure_limits
from edgecodec.metrics import errors
from edgecodec.model.codec import Codec
from edgecodec.params import Params


@pytest.fixture(scope="module")
def limits(codec: Codec, train: WindowSet, validation: WindowSet, small_params: Params, small_windows: Path) -> Limits:
    clean = noise_free_targets(small_params, small_windows.parent / "raw", frozenset(), validation)
    return measure_limits(codec, train, validation, clean, 1, "wind", "damage")


def test_windows_are_grouped_by_wind_and_by_damage(limits: Limits, validation: WindowSet) -> None:
    damages = [f"damage {damage}" for damage in DAMAGES]
    assert list(limits.windows) == ["all", "wind 10m/s", "wind 20m/s", *damages]
    assert limits.panels == ("wind 10m/s", "wind 20m/s")
    assert limits.windows["all"] == sum(limits.windows[damage] for damage in damages) == len(validation)


def test_the_error_on_top_is_the_one_that_is_measured(limits: Limits, codec: Codec, validation: WindowSet) -> None:
    measured = errors(codec.decode(codec.encode(validation.inputs()), 2), validation.targets(),
                      validation.groups("wind"))
    assert limits.rates[2].codec["all"] == pytest.approx(measured.error_percent)
    assert limits.rates[2].codec["wind 20m/s"] == pytest.approx(measured.by_group["wind 20m/s"].error_percent)


def test_every_part_lies_above_the_one_before(limits: Limits) -> None:
    for rate in limits.rates.values():
        assert limits.autoencoder["all"] < rate.ideal["all"] < rate.codec["all"]
        assert rate.ideal_with_further_bits["all"] < rate.ideal["all"]
        assert rate.equivalent_bits < rate.bits
        assert all(scores["all"] < rate.codec["all"] for scores in rate.if_exact.values())
    ideal = [scores["all"] for _, scores in sorted(limits.ideal_curve.items())]
    assert ideal == sorted(ideal, reverse=True)


def test_the_bits_of_all_coefficients_are_those_of_the_rate(limits: Limits) -> None:
    wind_bits = 1
    for rate in limits.rates.values():
        assert sum(rate.bits_by_coefficients.values()) == pytest.approx(rate.bits - wind_bits, rel=1e-3)
        assert 1 <= rate.components_sent <= limits.latent_dimension


def test_without_a_twin_the_noise_floor_is_absent_with_a_reason(limits: Limits, tmp_path: Path) -> None:
    unknown = dataclasses.replace(limits, noise_floor=None)
    assert unknown.to_json()["noise_floor"] is None
    assert "twin" in unknown.to_json()["noise_floor_absent"]
    assert "noise_floor_absent" not in limits.to_json()
    for name, drawn in (("with", limits), ("without", unknown)):
        limit_plots.draw_parts(tmp_path / f"{name}.svg", drawn)
        assert (b"signal without noise" in (tmp_path / f"{name}.svg").read_bytes()) == (name == "with")


def test_the_table_holds_every_part_for_every_group(limits: Limits) -> None:
    table: pd.DataFrame = limits.table()
    rows = table[(table.part == "codec") & (table["rate"] == 1)].set_index("group").error_percent
    assert rows.to_dict() == dict(limits.rates[1].codec)
    assert np.isfinite(table.error_percent).all()


@pytest.mark.parametrize("name", ["draw_limits", "draw_parts", "draw_bits"])
def test_pictures_are_drawn(name: str, limits: Limits, tmp_path: Path) -> None:
    getattr(limit_plots, name)(tmp_path / "drawn.svg", limits)
    assert ElementTree.parse(tmp_path / "drawn.svg").getroot().tag.endswith("svg")
