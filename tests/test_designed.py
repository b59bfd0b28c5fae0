"""What params.yaml leaves open is what the design chose; what it pins stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from edgecodec import chosen
from edgecodec.designed import FILE_NAME, closed, designed
from edgecodec.errors import EdgeCodecError
from edgecodec.params import EdgeParams, Params, load_params
from edgecodec.storage import write_json


@pytest.fixture
def opened(repository: Path, tmp_path: Path) -> Params:
    """The committed settings, with a few of them open."""
    content = yaml.safe_load((repository / "params.yaml").read_text())
    content["codecs"]["edge"].update(bands="auto", regimes="auto")
    content["codec"] = "auto"
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(content))
    return load_params(tmp_path / "params.yaml")


def sizes(**more: Any) -> dict[str, Any]:
    return {"regimes": 2, "bands": [[1, 60, 3]], "time_bins": 1, **more}


def test_what_is_open_is_taken_from_the_design_and_what_is_pinned_stays(opened: Params, tmp_path: Path) -> None:
    write_json(tmp_path / FILE_NAME, {"codec": "edge", "sizes": {"edge": sizes()}})
    found = chosen.sizes(designed(opened, tmp_path))
    assert isinstance(found, EdgeParams)
    assert (found.regimes, found.bands) == (2, ((1, 60, 3),))
    assert found.time_bins == 88


def test_nothing_open_needs_no_design(repository: Path, tmp_path: Path) -> None:
    params = load_params(repository / "params.yaml")
    assert designed(params, tmp_path) is params


def test_an_open_size_without_a_design_is_named_with_the_stage_that_closes_it(opened: Params, tmp_path: Path) -> None:
    with pytest.raises(EdgeCodecError, match=r"sizes.json: not found; run the stage that writes it"):
        designed(opened, tmp_path)
    with pytest.raises(EdgeCodecError, match=r"params.yaml: codec is auto, .* run the stage design"):
        chosen.sizes(opened)
    with pytest.raises(EdgeCodecError, match=r"params.yaml: codecs.edge.regimes is auto"):
        chosen.sizes(closed(opened, "edge", {}))


def test_open_settings_are_written_as_they_are_read(opened: Params) -> None:
    assert opened.model_dump(mode="json")["codecs"]["edge"]["bands"] == "auto"
