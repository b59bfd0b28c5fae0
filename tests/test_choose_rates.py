"""The study choose_rates, on the small twin."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from edgecodec.artifacts import FLOAT16, METRICS, MODEL, WINDOWS
from edgecodec.data.selection import leave_out
from edgecodec.data.windows import WindowSet
from edgecodec.deploy.export import export_codec
from edgecodec.deploy.oracle import encode
from edgecodec.errors import EdgeCodecError
from edgecodec.metrics import errors
from edgecodec.model.codec import Codec, save_model
from edgecodec.packets.kind import PacketKind
from edgecodec.packets.monitor import rate_within
from edgecodec.packets.network import ExportedCodec, save_codec
from edgecodec.params import Params
from edgecodec.training.calibration import fit_calibration
from stages import choose_rates as study

BOUND = 3.0  # per cent


@pytest.fixture(scope="module")
def exported(codec: Codec, train: WindowSet, validation: WindowSet, small_params: Params) -> ExportedCodec:
    fitted = fit_calibration(codec, train, validation, small_params.seed)
    assert fitted is not None
    return export_codec(codec, calibration=fitted.calibration)


@pytest.fixture
def project(small_params: Params, small_windows: Path, codec: Codec, repository: Path, tmp_path: Path,
            monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with windows and codecs. The one that is said to have been trained without the strong wind was not."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["choose_rates.py"])
    content = yaml.safe_load((repository / "tests/small_params.yaml").read_text())
    content["gates"]["error"] = BOUND
    Path("params.yaml").write_text(yaml.safe_dump(content))
    WINDOWS.parent.mkdir()
    WINDOWS.symlink_to(small_windows)
    for folder in (MODEL, study.LEFT_OUT / "strong_wind"):
        save_model(codec, small_params, folder)
    return tmp_path


def measured(name: str) -> Any:
    return json.loads((METRICS / f"{name}.json").read_text())


def test_rates_are_those_that_nodes_choose_and_errors_those_that_come_back(
        project: Path, codec: Codec, exported: ExportedCodec, validation: WindowSet) -> None:
    save_codec(exported, FLOAT16)
    study.main()

    splits = measured("rates_by_need")["splits"]
    _, unseen = leave_out(validation, ["20m/s"])
    assert {name: split["windows"] for name, split in splits.items()} == {
        "validation": len(validation), "strong_wind": len(unseen)}

    encoding = encode(exported, np.ascontiguousarray(validation.inputs().transpose(0, 2, 1)))
    for kind in PacketKind.FIXED_LENGTH, PacketKind.CODED:
        found = splits["validation"]["packets"][kind.label]
        choice = found["at_mean_bits"][1]
        chosen = [rate_within(encoding.remarks[kind][window], choice["bound_percent"] * (1 + 1e-5), codec.rates[-1])
                  for window in range(len(validation))]
        assert choice["said_over"] == pytest.approx(np.mean([rate is None for rate in chosen]), abs=1e-6)
        indices = encoding.indices(kind)
        rates = np.array([rate or codec.rates[-1] for rate in chosen])
        bits, rebuilt = np.zeros(len(rates)), np.zeros_like(validation.targets())
        for rate in codec.rates:
            mine = rates == rate
            bits[mine] = codec.payload_bits(indices, rate, kind)[mine]
            rebuilt[mine] = codec.decode(indices, rate, kind)[mine]
        error = errors(rebuilt, validation.targets()).error_percent
        assert choice["mean_bits"] == pytest.approx(bits.mean(), rel=1e-5)
        assert choice["error_percent"] == pytest.approx(error, rel=1e-5)
        beside = choice["at_equal_bits"]["klt_dct"]
        assert beside["ratio"] == pytest.approx(error / beside["error_percent"], rel=1e-4)

        taken = [each["mean_bits"] for each in found["at_mean_bits"]]
        asked = [each["bound_percent"] for each in found["at_mean_bits"]]
        assert taken == sorted(taken)
        assert asked == sorted(asked, reverse=True)

        within, escapes = found["within"], found["within"]["with_escapes"]
        assert within["said_over"] > 0
        assert escapes["mean_bits"] > within["mean_bits"]
        for name in ("error_percent", "largest_error_percent"):
            assert escapes[name] < within[name]


def test_recorded_windows_have_a_file_of_their_own(
        project: Path, exported: ExportedCodec, validation: WindowSet, monkeypatch: pytest.MonkeyPatch) -> None:
    save_codec(exported, FLOAT16)
    monkeypatch.setattr(sys, "argv", ["choose_rates.py", "recorded.npz"])
    with pytest.raises(EdgeCodecError, match=r"recorded\.npz"):
        study.main()
    np.savez("recorded.npz", x=validation.inputs(slice(0, 12)))
    study.main()
    assert [path.name for path in METRICS.iterdir()] == ["recorded_windows.json"]
    assert measured("recorded_windows")["splits"]["recorded"]["windows"] == 12


def test_a_codec_without_remarks_has_no_rates_to_choose(project: Path, codec: Codec) -> None:
    silent = export_codec(codec)
    save_codec(silent, FLOAT16)
    study.main()
    assert measured("rates_by_need") == {"model_hash": silent.model_hash, "makes_remarks": False}
