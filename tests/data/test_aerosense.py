"""The published chain from raw counts to pressure coefficients, on a real recording and on the labbook's rules."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from pressure import pressure_coefficient

from edgecodec import aerosense
from edgecodec.data.recordings import read_samples
from edgecodec.errors import EdgeCodecError

COLUMNS = ",".join(aerosense.LABBOOK_COLUMNS)


def test_real_counts_become_the_expected_pressure_coefficients(real_windows: Path) -> None:
    raw = real_windows / "raw_layout" / aerosense.raw_name(0, 901)
    expected = np.load(raw.with_name(f"{raw.stem}_expected_cp36_minus_first.npy"))
    samples = read_samples(raw)
    channels = [aerosense.SENSORS.index(name) for name in aerosense.CHANNEL_PRESETS["edgecodec36"]]
    cp = pressure_coefficient(samples.values[channels].astype(np.float64), np.zeros(36), wind=10)

    assert samples.columns == 41
    assert samples.rows == 800
    one_count = aerosense.PASCALS_PER_COUNT / aerosense.dynamic_pressure(10)
    assert np.abs(cp - cp[:, :1] - expected).max() < one_count


def test_numbering_covers_the_published_experiments() -> None:
    conditions = [condition for number in range(1, 115) if (condition := aerosense.condition_of(number))]
    repeats = Counter((condition.damage, condition.wind, condition.drive_hz) for condition in conditions)
    assert len(repeats) == 24
    assert set(repeats.values()) == {3}
    assert aerosense.condition_of(19 + 16) == aerosense.Condition("added_mass", 20, 1.9, 1)
    assert aerosense.condition_of(114 + 5) == aerosense.Condition("healthy", 10, 1.0, 3)
    assert aerosense.condition_of(19) is None


def test_presets_leave_out_what_they_should() -> None:
    assert {name: len(channels) for name, channels in aerosense.CHANNEL_PRESETS.items()} == {
        "edgecodec36": 36, "wes37": 37, "all38": 38}
    assert set(aerosense.SENSORS) - set(aerosense.CHANNEL_PRESETS["edgecodec36"]) == {"P22", "P23", "P36", "P39"}
    assert "P39" in aerosense.CHANNEL_PRESETS["wes37"]


@pytest.mark.parametrize(("wind", "pascals"), [(10, 90), (20, 360)])
def test_dynamic_pressure(wind: int, pascals: float) -> None:
    assert aerosense.dynamic_pressure(wind) == pytest.approx(pascals)


def test_labbook_ignores_notes_and_other_columns(tmp_path: Path) -> None:
    path = tmp_path / "labbook.csv"
    path.write_text(f"Date,{COLUMNS}\n1 June,0,2,1,\n,,,,\n,0,3,0,10\n,0,1,1,0\n,0,1,1,0\n")
    assert aerosense.read_labbook(path, "labbook").to_numpy().tolist() == [[0, 1, 1, 0], [0, 2, 1, 0], [0, 3, 0, 10]]


@pytest.mark.parametrize(("text", "message"), [
    ("AoA,Experiment_number,Zeroing\n0,1,1\n", "column Wind_speed is absent"),
    (f"{COLUMNS}\n0,1,1,0\n0,2,0,fast\n", "line 3: Wind_speed is not a number"),
    (f"{COLUMNS}\n0,1,1,0\n0,2,0,inf\n", "line 3: Wind_speed is not a number"),
    (f"{COLUMNS}\n0,1,1,0\n0,1,0,10\n", "experiment 1 at 0 deg has two different lines"),
    ("", "not a readable CSV"),
])
def test_bad_labbook_is_refused_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "labbook.csv"
    path.write_text(text)
    with pytest.raises(EdgeCodecError, match=message) as raised:
        aerosense.read_labbook(path, "real.zip: labbook.csv")
    assert str(raised.value).startswith("real.zip: labbook.csv: ")
    assert "\n" not in str(raised.value)
