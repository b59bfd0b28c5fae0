"""The pictures of what nodes say: they name what was said, and are the same bytes every time."""

from pathlib import Path

import numpy as np

from edgecodec.evaluation.remark_plots import Shown, draw_disturbances, draw_estimates
from edgecodec.evaluation.remarks import Remarked
from edgecodec.packets.monitor import Remarks

SAMPLES = 50


def shown(unlike: bool = False, faulty: int = 0, returned: float = 0.2) -> Shown:
    series = np.sin(np.arange(SAMPLES, dtype=np.float32))
    return Shown("One sensor repeats its first value in the whole window, which takes a line and more.",
                 np.arange(SAMPLES) / 10, series, 0.5 * series, np.full(SAMPLES, returned, np.float32), 2.34, 51.2,
                 unlike, faulty)


def remarked() -> Remarked:
    true = np.random.default_rng(1).uniform(1, 4, (30, 2))
    remarks = Remarks((1.02 * true).astype(np.float32), true.astype(np.float32), 1.1, np.zeros(30, np.float32),
                      np.zeros((30, 3), bool))
    return Remarked(remarks, true, np.full((30, 2), 90), ())


def test_what_was_said_is_told_in_words() -> None:
    assert shown().said == "said 51 %"
    assert shown(unlike=True, faulty=2).said == "said 51 %, unlike the training, 2 channels faulty"
    assert shown(faulty=1).said == "said 51 %, 1 channel faulty"


def test_pictures_are_the_same_bytes_again(tmp_path: Path) -> None:
    # one that came back as NaN, and one that nothing at all is known of
    nothing = Shown("Missing.", *(np.full(SAMPLES, np.nan, np.float32),) * 4, np.nan, np.nan, False, 3)
    for number in range(2):
        draw_disturbances(tmp_path / f"disturbances{number}.svg", [shown(), shown(returned=np.nan), nothing])
        draw_estimates(tmp_path / f"estimates{number}.svg", {"coded": remarked()})
    for name in ("disturbances", "estimates"):
        first, second = (tmp_path / f"{name}{number}.svg" for number in range(2))
        assert first.read_bytes() == second.read_bytes()
        assert b"</svg>" in first.read_bytes()
