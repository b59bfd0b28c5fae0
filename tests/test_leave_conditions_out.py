"""The study leave_conditions_out, on the small twin."""

import json
from pathlib import Path

import pytest
import yaml

from edgecodec.artifacts import METRICS, MODEL, WINDOWS
from edgecodec.data.selection import leave_out
from edgecodec.data.windows import WindowSet
from edgecodec.evaluation.rate_distortion import CODEC, CODED
from edgecodec.metrics import errors
from edgecodec.model.codec import Codec, load_model, save_model
from edgecodec.params import Params
from stages import leave_conditions_out as study


def test_codec_and_rivals_are_compared_on_what_none_of_them_has_seen(
        small_params: Params, small_windows: Path, codec: Codec, validation: WindowSet, repository: Path,
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    content = yaml.safe_load((repository / "tests/small_params.yaml").read_text())
    content["analyze"]["rivals"] = ["means", "klt_dct"]
    Path("params.yaml").write_text(yaml.safe_dump(content))
    WINDOWS.parent.mkdir()
    WINDOWS.symlink_to(small_windows)
    save_model(codec, small_params, MODEL)
    study.main()

    of_split = json.loads((METRICS / "generalization.json").read_text())["splits"]["strong_wind"]
    _, unseen = leave_out(validation, ["20m/s"])
    assert of_split["windows"] == len(unseen)
    assert list(of_split["codecs"]) == [CODEC, CODED, "klt_dct", "means"]

    trained = load_model(study.TRAINED / "strong_wind")
    for compared, found in (("codecs", trained), ("codec_trained_on_all", codec)):
        rebuilt = found.decode(found.encode(unseen.inputs()), 1)
        point = of_split[compared][CODEC]["1"]
        assert point["error_percent"] == pytest.approx(errors(rebuilt, unseen.targets()).error_percent, rel=1e-5)
        assert list(point["by_group"]) == ["wind 20m/s"]
    assert of_split["codecs"][CODEC]["1"]["at_equal_bits"].keys() == {"klt_dct"}
