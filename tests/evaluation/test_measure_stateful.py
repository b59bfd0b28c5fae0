"""Stateful mode beside packets that stand alone: what is measured, and what is drawn."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from edgecodec.data.chains import ChainSource, RecordedChains
from edgecodec.data.windows import WindowSet
from edgecodec.evaluation.stateful import (
    CODED,
    FIXED,
    Point,
    StatefulMeasurement,
    bits_at,
    expected_loss,
    measure_stateful,
    share_lost,
)
from edgecodec.evaluation.stateful_plots import draw_stateful
from edgecodec.model.codec import Codec
from edgecodec.model.stateful import NoStatefulModeError, StatefulCodec
from edgecodec.params import Params


@pytest.fixture(scope="module")
def measured(stateful: StatefulCodec, validation_chains: ChainSource, small_params: Params) -> StatefulMeasurement:
    return measure_stateful(stateful, validation_chains, small_params.stateful, seed=1)


def test_longer_intervals_take_fewer_bits_and_all_fewer_than_coded_packets(measured: StatefulMeasurement) -> None:
    short, long = (measured.stateful[every] for every in (2, 3))
    for alone, often, seldom in zip(measured.stateless[CODED], short, long, strict=True):
        assert alone.bits_per_window > often.bits_per_window > seldom.bits_per_window


def test_packets_that_stand_alone_have_the_codecs_bits(measured: StatefulMeasurement, codec: Codec) -> None:
    assert [point.bits_per_window for point in measured.stateless[FIXED]] == [codec.bits(rate) for rate in codec.rates]
    errors = [point.error_percent for point in measured.stateless[FIXED]]
    assert errors == sorted(errors, reverse=True)


def test_every_interval_has_its_key_packets(measured: StatefulMeasurement) -> None:
    assert 1 / measured.key_every <= measured.key_share < 1


def test_losses_are_about_those_expected(stateful: StatefulCodec, validation_chains: ChainSource) -> None:
    analyzed = stateful.analyze_chains(validation_chains[number].inputs for number in range(len(validation_chains)))
    sent = list(stateful.send_chains(analyzed, rate=1, key_every=3))
    nothing, some, everything = (share_lost(stateful, sent, packet_loss, np.random.default_rng(1))
                                 for packet_loss in (0.0, 0.2, 1.0))
    assert (nothing, everything) == (0.0, 1.0)
    assert expected_loss(0.2, 3) == pytest.approx(1 - (0.8 + 0.64 + 0.512) / 3)
    assert some == pytest.approx(expected_loss(0.2, 3), abs=0.12)


def test_bits_are_read_between_rates_and_are_never_fewer_than_measured() -> None:
    points = (Point(40.0, 3.0), Point(160.0, 2.0))
    assert bits_at(points, 2.5) == pytest.approx(80)
    assert bits_at(points, 3.0) == pytest.approx(40)
    assert bits_at(points, 3.1) == pytest.approx(40)
    assert bits_at(points, 1.9) is None


def test_the_table_and_the_metrics_hold_every_way(measured: StatefulMeasurement) -> None:
    ways = 4 * (len((FIXED, CODED)) + len(measured.stateful))
    assert len(measured.table()) == ways
    written = measured.to_json()
    assert written["stateful"]["3"]["1"]["bits_per_window"] == pytest.approx(
        measured.stateful[3][0].bits_per_window, rel=1e-5)
    assert set(written["bits_at_error_of"][FIXED]["1"]) == {"2", "3"}


def test_recordings_of_single_windows_are_refused_in_one_line(
        stateful: StatefulCodec, validation: WindowSet, small_params: Params) -> None:
    single = RecordedChains(validation, length=1)
    with pytest.raises(NoStatefulModeError, match="no recording has two windows in a row"):
        measure_stateful(stateful, single, small_params.stateful, seed=1)


def test_the_picture_is_the_same_bytes_again(measured: StatefulMeasurement, tmp_path: Path) -> None:
    first, second = tmp_path / "first.svg", tmp_path / "second.svg"
    for path in (first, second):
        draw_stateful(path, measured)
    assert first.read_bytes() == second.read_bytes()
    assert ElementTree.parse(first).getroot().tag.endswith("svg")
