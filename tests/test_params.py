"""Settings are all there, all known, and all in range; else one line says which is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from edgecodec import chosen
from edgecodec.errors import EdgeCodecError
from edgecodec.params import load_params


def test_committed_params_are_valid(repository: Path) -> None:
    assert chosen.sizes(load_params(repository / "params.yaml")).rates == 4


@pytest.mark.parametrize(("edit", "message"), [
    (lambda content: content["window"].update(strid=5), "window.strid: unknown key"),
    (lambda content: content.update(windows={}), "windows: unknown key"),
    (lambda content: content["window"].pop("samples"), "window.samples: missing key"),
    (lambda content: content.pop("data"), "data: missing key"),
    (lambda content: content["window"].update(samples=0), "window.samples: .*greater than or equal to 1, got 0"),
    (lambda content: content["window"].update(preset="all40"), "window.preset: .*'all38', got 'all40'"),
    (lambda content: content["data"].update(source="aerosense"), "data.path must be set for data.source aerosense"),
    (lambda content: content["data"].update(path="/data"), "data.path must be null for data.source twin"),
])
def test_wrong_setting_is_named_in_one_line(
    repository: Path, tmp_path: Path, edit: Callable[[dict[str, Any]], object], message: str
) -> None:
    content = yaml.safe_load((repository / "params.yaml").read_text())
    edit(content)
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(EdgeCodecError, match=message) as raised:
        load_params(path)
    assert str(path) in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1


def test_the_quick_profile_shortens_the_schedule_alone(repository: Path, tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text((repository / "params.yaml").read_text().replace("profile: full", "profile: quick"))
    full, quick = (chosen.schedule(load_params(file)) for file in (repository / "params.yaml", path))
    assert quick.joint_steps * 6 == full.joint_steps
    assert quick.codebook_windows * 6 == full.codebook_windows
    shortened = {"warmup_steps", "joint_steps", "decoder_steps", "codebook_windows"}
    assert quick.model_dump(exclude=shortened) == full.model_dump(exclude=shortened)


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "seed: [1\n"])
def test_what_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(EdgeCodecError, match=r"params\.yaml: (must be a mapping|not valid YAML)"):
        load_params(path)
