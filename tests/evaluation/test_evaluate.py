"""Any windows, from a file to a table."""

import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from edgecodec.data.window_reader import LabelledWindows, Trained, read_windows
from edgecodec.errors import EdgeCodecError
from edgecodec.evaluation.evaluate import Evaluation, evaluate, render_table
from edgecodec.evaluation.rate_distortion import CODEC
from edgecodec.evaluation.rivals.rival import Rival
from edgecodec.model.codec import Codec
from edgecodec.params import Params
from edgecodec.storage import write_json


@pytest.fixture(scope="module")
def dev(real_windows: Path, codec: Codec, small_params: Params) -> LabelledWindows:
    trained = Trained(codec.window, codec.offset.numpy(), codec.scale.numpy())
    return read_windows(real_windows / "dev.npz", trained, small_params.validate_, "wind")


@pytest.fixture(scope="module")
def of_real_windows(dev: LabelledWindows, codec: Codec, rivals: list[Rival]) -> Evaluation:
    assert dev.remarks == ()  # they are such as the twin's
    return evaluate(dev.windows, dev.groups, {CODEC: codec, "paper_original": codec}, rivals)


def test_real_windows_have_an_error_per_rate_and_wind_speed(of_real_windows: Evaluation, tmp_path: Path) -> None:
    content = of_real_windows.to_json()
    write_json(tmp_path / "evaluation.json", content)  # refuses NaN
    assert content["windows"] == 29
    for rate in ("1", "2", "3", "4"):
        assert content["codecs"]["klt_dct"][rate]["error_percent"] < content["codecs"]["zfp"][rate]["error_percent"]
        assert content["codecs"]["edgecodec"][rate]["by_group"].keys() == {"wind 10m/s", "wind 20m/s"}


def test_the_table_shows_every_codec_at_every_rate(of_real_windows: Evaluation) -> None:
    terminal = io.StringIO()
    Console(width=80, file=terminal).print(render_table(of_real_windows))
    shown = terminal.getvalue()
    assert "29 windows" in shown
    headings = shown.splitlines()[1:4]
    assert {"rate", "codec", "bits", "error", "ratio", "wind", "10m/s", "20m/s", "pointwise", "median", "NMSE"} <= {
        word for line in headings for word in line.split()}
    assert all(shown.count(f" {name} ") == 4 for name in (
        "edgecodec", "paper_original", "klt_dct_plain", "joint_rvq", "sz3_abs_rel", "zfp"))
    assert "\u2026" not in shown  # nothing is cut short


def test_the_ratio_is_that_to_klt_dct_with_the_same_bits(of_real_windows: Evaluation) -> None:
    terminal = io.StringIO()
    Console(width=80, file=terminal).print(render_table(of_real_windows))
    rows = [line.split() for line in terminal.getvalue().splitlines()[1:]]  # the first is the title
    ratios = {name: [row[row.index(name) + 3] for row in rows if name in row] for name in ("klt_dct", "edgecodec")}
    of_codec = of_real_windows.to_json()["codecs"]["edgecodec"]
    assert ratios["klt_dct"] == ["1.00"] * 4
    assert ratios["edgecodec"] == [f"{of_codec[rate]['at_equal_bits']['klt_dct']['ratio']:.2f}" for rate in "1234"]


def test_windows_without_groups_have_no_column_for_them(
        codec: Codec, rivals: list[Rival], dev: LabelledWindows) -> None:
    table = render_table(evaluate(dev.windows[:2], None, {CODEC: codec}, rivals[:1]))
    assert [column.header for column in table.columns] == [
        "rate", "codec", "bits", "error", "pointwise", "median", "NMSE"]


def test_windows_that_are_zero_are_refused(codec: Codec) -> None:
    nothing = np.zeros((2, codec.window.channels, codec.window.samples), np.float32)
    with pytest.raises(EdgeCodecError, match="zero everywhere"):
        evaluate(nothing, None, {CODEC: codec}, [])
