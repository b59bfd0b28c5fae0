"""The pictures are drawn, say what they must, and are the same bytes every time."""

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from edgecodec.data.windows import WindowSet
from edgecodec.evaluation import plots
from edgecodec.evaluation.codebooks import utilization
from edgecodec.evaluation.rate_distortion import CODEC, Comparison, compare
from edgecodec.evaluation.rivals.rival import Rival
from edgecodec.model.codec import Codec


@pytest.fixture
def drawings(comparison: Comparison, codec: Codec, validation: WindowSet) -> dict[str, Callable[[Path], None]]:
    indices = codec.encode(validation.inputs())
    codebooks = [each.numpy() for each in codec.quantizer.codebooks]
    used = utilization(indices, codebooks, 0.05, [0.0] * len(codebooks))
    rebuilt = {rate: codec.decode(indices, rate) for rate in (1, 4)}
    history = [{"step": 100.0 * step, "loss_absolute": 1 / step, "loss_adversarial": 0.0} for step in (1, 2)]
    history += [{"step": 300.0, "loss_absolute": 0.2, "error_percent_rate1": 3.0, "error_percent_rate2": 2.0}]
    return {
        "rate_distortion": lambda path: plots.draw_rate_distortion(path, comparison, 3.0),
        "codebook_usage": lambda path: plots.draw_codebook_usage(path, used),
        "learning_curves": lambda path: plots.draw_learning_curves(path, history),
        "reconstructions": lambda path: plots.draw_reconstructions(
            path, validation.inputs(), validation.targets(), rebuilt, validation.sample_rate_hz,
            validation.channel_names),
        "window": lambda path: plots.draw_window(
            path, validation.targets(), {codec.bits(rate): windows for rate, windows in rebuilt.items()},
            validation.sample_rate_hz, validation.channel_names),
    }


@pytest.mark.parametrize("name", ["rate_distortion", "codebook_usage", "learning_curves", "reconstructions", "window"])
def test_a_picture_is_an_svg_and_the_same_bytes_again(
        name: str, drawings: dict[str, Callable[[Path], None]], tmp_path: Path) -> None:
    first, second = tmp_path / "first.svg", tmp_path / "second.svg"
    drawings[name](first)
    drawings[name](second)
    assert first.read_bytes() == second.read_bytes()
    root = ElementTree.parse(first).getroot()
    assert root.tag.endswith("svg")
    assert len(list(root.iter("{http://www.w3.org/2000/svg}path"))) > 20
    assert b"<dc:date>" not in first.read_bytes()


def test_the_codebook_picture_has_no_small_letters(drawings: dict[str, Callable[[Path], None]], tmp_path: Path) -> None:
    drawings["codebook_usage"](tmp_path / "usage.svg")
    assert "scale(0.7)" not in (tmp_path / "usage.svg").read_text()  # of exponents


def test_learning_curves_of_a_training_that_evaluated_nothing_are_empty_axes(tmp_path: Path) -> None:
    plots.draw_learning_curves(tmp_path / "empty.svg", [])
    assert (tmp_path / "empty.svg").is_file()


def test_windows_without_groups_have_no_panel_for_them(
        codec: Codec, validation: WindowSet, rivals: list[Rival], tmp_path: Path) -> None:
    which = np.arange(4)
    inputs, targets = validation.inputs(which), validation.targets(which)
    sizes = []
    for groups in (validation.groups("wind", validation.starts[which]), None):
        path = tmp_path / "curve.svg"
        compared = compare({CODEC: codec}, rivals[:1], inputs, targets, groups, "Comparing")
        plots.draw_rate_distortion(path, compared, 3.0)
        sizes.append(float(ElementTree.parse(path).getroot().attrib["width"].removesuffix("pt")))
    assert sizes[1] < sizes[0]
