"""A fitted monitor tells errors that are true, faults that are there, and windows that nobody trained on."""

from pathlib import Path

import numpy as np
import pytest

from edgecodec.data.windows import WindowSet
from edgecodec.deploy.export import export_codec
from edgecodec.deploy.memory import arena_bytes, plan_memory
from edgecodec.deploy.oracle import encode
from edgecodec.evaluation.disturbances import DISTURBANCES
from edgecodec.evaluation.remarks import Remarked, bound_json, estimate_json, remarked
from edgecodec.model.calibration import Calibration, load_calibration, save_calibration
from edgecodec.model.codec import Codec
from edgecodec.packets.kind import PacketKind
from edgecodec.packets.network import ExportedCodec, load_codec, save_codec
from edgecodec.params import Params
from edgecodec.training.calibration import fit_calibration
from stages.calibrate import monitor_is_in_the_way


@pytest.fixture(scope="module")
def calibration(codec: Codec, train: WindowSet, validation: WindowSet) -> Calibration:
    fitted = fit_calibration(codec, train, validation, seed=1)
    assert fitted is not None
    return fitted.calibration


@pytest.fixture(scope="module")
def exported(codec: Codec, calibration: Calibration) -> ExportedCodec:
    return export_codec(codec, calibration=calibration)


def disturbed(codec: Codec, exported: ExportedCodec, validation: WindowSet, disturbance: str) -> Remarked:
    windows = DISTURBANCES[disturbance].of(validation.inputs(slice(0, 16)), 100, 5, np.random.default_rng(0))
    encoding = encode(exported, np.ascontiguousarray(windows.inputs.transpose(0, 2, 1)))
    return remarked(codec, encoding, windows.targets, windows.faulty)[PacketKind.FIXED_LENGTH]


def test_estimates_are_near_the_truth(codec: Codec, exported: ExportedCodec, validation: WindowSet) -> None:
    found = disturbed(codec, exported, validation, "none")
    for of_rate in estimate_json(found).values():
        assert of_rate["correlation"] > 0.95
        assert 0.8 < of_rate["ratio_p5"] < of_rate["ratio_p95"] < 1.25
    assert not found.remarks.faulty.any()


def test_a_bound_is_kept_or_said_to_be_over(codec: Codec, exported: ExportedCodec, validation: WindowSet) -> None:
    found = disturbed(codec, exported, validation, "none")
    bound = float(np.median(found.error_percent))
    assert bound_json(found, bound)["over_with_nothing_said"] <= 0.1


@pytest.mark.parametrize("fault", ["sensor_constant", "sensor_full_scale", "sensor_missing", "sensor_zero"])
def test_a_faulty_sensor_is_named_and_hurts_no_other(codec: Codec, exported: ExportedCodec, validation: WindowSet,
                                                     fault: str) -> None:
    sound, found = (disturbed(codec, exported, validation, name) for name in ("none", fault))
    assert found.remarks.faulty.sum(axis=1).tolist() == [1] * 16
    assert found.error_percent.mean() < 1.1 * sound.error_percent.mean()


@pytest.mark.parametrize("field", ["step", "drift", "reversed", "large_noise", "other_array"])
def test_what_nobody_trained_on_is_called_so(codec: Codec, exported: ExportedCodec, validation: WindowSet,
                                             field: str) -> None:
    assert (disturbed(codec, exported, validation, field).remarks.unlike > 1).all()


def test_it_comes_back_from_its_folder(calibration: Calibration, exported: ExportedCodec, codec: Codec,
                                       tmp_path: Path) -> None:
    save_calibration(calibration, tmp_path)
    again = load_calibration(tmp_path)
    assert export_codec(codec, calibration=again).model_hash == exported.model_hash
    save_codec(exported, tmp_path)
    assert load_codec(tmp_path).model_hash == exported.model_hash
    assert export_codec(codec).model_hash != exported.model_hash


def test_a_codec_without_monitor_has_an_empty_one(tmp_path: Path) -> None:
    save_calibration(None, tmp_path)
    assert load_calibration(tmp_path) is None


@pytest.mark.parametrize(("spare", "in_the_way"), [(-1, True), (0, False)])
def test_a_monitor_that_takes_the_codecs_memory_is_left_out(
        codec: Codec, calibration: Calibration, exported: ExportedCodec, small_params: Params, spare: int,
        in_the_way: bool) -> None:
    needed = plan_memory(exported, arena_bytes(small_params.firmware)).l2_bytes_with_code
    gates = small_params.gates.model_copy(update={"largest_l2_bytes": needed + spare})
    params = small_params.model_copy(update={"gates": gates})
    assert monitor_is_in_the_way(codec, calibration, params) is in_the_way
    nothing_fits = params.model_copy(update={"gates": gates.model_copy(update={"largest_l2_bytes": 1})})
    assert not monitor_is_in_the_way(codec, calibration, nothing_fits)
