"""A small project whose pipeline has just run: a real codec of 6 channels, its export, and figures that pass."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
import torch
import yaml
from numpy.typing import NDArray

from edgecodec.data.windows import Description, Segment, lowpass
from edgecodec.deploy.emit import firmware_hash, write_firmware
from edgecodec.deploy.export import export_codec
from edgecodec.deploy.export_receiver import export_receiver
from edgecodec.dvc_files import dvc_md5
from edgecodec.evaluation.rivals.lineup import fit_rivals, save_rivals
from edgecodec.model.codec import Codec, codec_from_params, save_model
from edgecodec.model.kind import WindowFormat
from edgecodec.packets.network import load_codec, save_codec
from edgecodec.params import Params, load_params
from edgecodec.registry.bundle import PARTS
from edgecodec.registry.register import register
from edgecodec.storage import write_json, write_text

REPOSITORY = Path(__file__).parents[2]
CHANNELS = ("A", "Drück-1", "压力", "σ_x°", 'say "1"', "<b>{$x")
SIZES = {"codewords": 16, "rates": 2, "stages_per_rate": 2, "codeword_samples": 4, "regimes": 2, "decimation": 8,
         "filter_taps": 16, "time_bins": 8, "bands": [[1, 4, 2], [4, 8, 1]], "coefficients": 6, "refiner_channels": 4}
PIPELINE = {
    "fingerprint_code": {"cmd": "python fingerprint_code.py", "outs": ["artifacts/code"], "always_changed": True},
    "train": {"cmd": "python train.py", "deps": ["artifacts/code/train.json", "measured.json"],
              "outs": ["artifacts/model", {"artifacts/metrics/training.json": {"cache": False}}]},
    "export_float16": {"cmd": "python export.py", "deps": ["artifacts/model"], "outs": ["artifacts/float16"]},
    "register": {"cmd": "python register.py", "deps": ["artifacts/float16"], "always_changed": True},
}


def small_params() -> Params:
    content = load_params(REPOSITORY / "params.yaml").model_dump(mode="json", by_alias=True)
    content["codecs"]["edge"] = SIZES
    content["window"]["samples"] = 64
    return Params.model_validate(content)


def save_params(params: Params, folder: Path) -> None:
    write_text(folder / "params.yaml", yaml.safe_dump(params.model_dump(mode="json", by_alias=True)))


def random_windows(count: int, seed: int = 0) -> NDArray[np.float32]:
    """float32 [count, 6, 64]: slow waves, as the codec expects them."""
    generator = np.random.default_rng(seed)
    phase = generator.uniform(0, 6, (count, 6, 1)) + np.linspace(0, 6, 64)
    return (np.sin(phase) + 0.1 * generator.standard_normal((count, 6, 64))).astype(np.float32)


def write_validation_windows(folder: Path, count: int = 40) -> None:
    """What the stage ``window`` leaves behind for validation: windows of one recording, end to end."""
    folder.mkdir(parents=True)
    rows = np.concatenate(random_windows(count, seed=3), axis=1)  # [6, count * 64]
    for name, series in (("inputs", rows), ("targets", lowpass(rows, 100.0, 5.0))):
        series.T.astype("<f4", order="C").tofile(folder / f"{name}.f32")
    segment = Segment(recording="1", condition="signal", wind=0, first_row=0, rows=rows.shape[1])
    described = Description(channels=CHANNELS, sample_rate_hz=100.0, samples=64, lowpass_hz=5.0,
                            segments=(segment,))
    write_json(folder / "set.json", described.model_dump())
    pyarrow.parquet.write_table(pyarrow.table({
        "start": np.arange(count) * 64, "wind": [0] * count, "condition": ["signal"] * count,
        "recording": ["1"] * count}), folder / "windows.parquet")


def train_small_codec(params: Params, seed: int = 0) -> Codec:
    torch.manual_seed(seed)
    codec = codec_from_params(params, WindowFormat(CHANNELS, 64, 100.0, 5.0))
    with torch.no_grad():
        latent = codec.encoder(torch.from_numpy(random_windows(400, seed)))
        codec.quantizer.initialize(latent, per_step=64)
        rotated = [codec.quantizer.into(number, latent)[:, 0].numpy() for number in range(len(codec.quantizer.regimes))]
        codec.coded.fit(rotated, codec.quantizer.choose(latent).numpy(), [1.0] * len(rotated), [8.0, 16.0])
    return codec.eval()


def metrics() -> dict[str, dict[str, Any]]:
    errors = {str(rate): {"error_percent": 2.5 - 0.2 * rate, "pointwise_error_percent": 2.6, "nmse_percent": 0.1,
                          "variance_percent": 4.0, "snr_db": 14.0, "absolute_error": 0.02,
                          "spread_percent": 20.0, "constant_percent": 12.0, "share_of_means": 0.3,
                          "bits_per_window": 8.0 * rate} for rate in (1, 2)}
    return {
        "windows": {"splits": {"train": {"windows": 90, "recordings": 9, "digest": "0a" * 32},
                               "validation": {"windows": 30, "recordings": 3, "digest": "1b" * 32}}},
        "training": {"profile": "full", "history": [{"step": 100.0, "loss_absolute": 0.5},
                                                    {"step": 200.0, "loss_absolute": 0.25}]},
        "codebooks": {"least_usage": 0.75},
        "rate_distortion": {"splits": {"validation": {"edgecodec": errors}}},
        "float16": {"relative_error_growth": 0.001},
        "damage": {"classes": ["crack", "healthy"], "accuracy_loss": {"1": 0.02, "2": -0.01}},
        "verification": {
            "simulator": "gvsoc", "target": "gap9_like", "evidence": "measured", "bit_exact": True,
            "total_milliseconds": {"1": 4.0, "2": 5.0}, "energy_millijoules": {"1": 0.6, "2": 0.8},
            "l1_bytes": 90_000, "l2_bytes": 800_000, "code_bytes": 30_000,
            "encoder": {"cycles": 1_000_000, "macs": 500_000},
        },
    }


def save_results(codec: Codec, params: Params, artifacts: Path) -> None:
    """What the stages leave behind that make something of the codec."""
    exported = export_codec(codec)
    save_model(codec, params, artifacts / "model")
    save_codec(exported, artifacts / "float16")
    export_receiver(codec, exported, artifacts / "receiver")


def write_project(folder: Path) -> None:
    """Everything that the stages before ``register`` leave behind."""
    params = small_params()
    save_params(params, folder)
    write_text(folder / "dvc.yaml", yaml.safe_dump({"stages": PIPELINE}))
    artifacts = folder / "artifacts"
    write_json(folder / "measured.json", {"cycles": 1})
    write_json(artifacts / "code" / "train.json", {"stages/train.py": "0123456789abcdef"})
    write_json(artifacts / "code" / "study.json", {"stages/study.py": "0123456789abcdef"})
    write_results(train_small_codec(params), params, artifacts)
    write_text(folder / ".gitignore", "/artifacts/\n/mlartifacts/\n/mlflow.db\n")
    git(folder, "init", "-q")
    commit_results(folder)


def write_results(codec: Codec, params: Params, artifacts: Path) -> None:
    """The codec, what is made of it, and figures that pass."""
    save_results(codec, params, artifacts)
    exported = load_codec(artifacts / "float16")
    golden = np.ascontiguousarray(random_windows(3, seed=5).transpose(0, 2, 1))
    write_firmware(exported, golden, params.firmware.l1_bytes, artifacts / "firmware", params.firmware.l1_stack_bytes)
    write_json(artifacts / "verification" / "report.json", {
        "model_hash": exported.model_hash, "firmware_hash": firmware_hash(artifacts / "firmware"),
        "remark": "counted by a simulator", "checks": []})
    save_rivals(fit_rivals(("means",), random_windows(400), band=12, budgets=(8, 16)), artifacts / "analysis")
    write_text(artifacts / "analysis" / "rate_distortion.svg", "<svg xmlns='http://www.w3.org/2000/svg'/>\n")
    for name, content in metrics().items():
        write_json(artifacts / "metrics" / f"{name}.json", content)


def commit_results(folder: Path) -> None:
    """Record the present results in dvc.lock, as ``dvc repro`` does, and commit it."""
    artifacts = folder / "artifacts"
    outputs = [*(artifacts / name for name in PARTS.values() if name != "metrics"),
               *sorted((artifacts / "metrics").iterdir())]
    code, *recorded = ({"path": path.relative_to(folder).as_posix(), "md5": dvc_md5(path)}
                       for path in (artifacts / "code" / "train.json", *outputs))
    write_text(folder / "dvc.lock", yaml.safe_dump({"schema": "2.0", "stages": {
        "fingerprint_code": {"cmd": "python fingerprint_code.py", "outs": [
            {"path": "artifacts/code", "md5": dvc_md5(artifacts / "code")}]},
        "train": {"cmd": "python train.py", "deps": [code], "outs": recorded},
        "register": {"cmd": "python register.py", "deps": recorded},
    }}))
    git(folder, "add", ".")
    git(folder, "commit", "-q", "--allow-empty", "-m", "Record results")


def enter(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Make ``folder`` the working directory, whose own store is the one in use."""
    patch.chdir(folder)
    for name in ("DVC_ROOT", "DVC_EXP_NAME", "MLFLOW_TRACKING_URI"):
        patch.delenv(name, raising=False)


def git(folder: Path, *command: str) -> None:
    identity = ("-c", "user.name=test", "-c", "user.email=test@localhost")
    subprocess.run(["git", *identity, *command], cwd=folder, check=True)


def register_variant(folder: Path, change: Callable[[dict], None], params: Params | None = None) -> str:
    """Register the project's codec with other figures; its version."""
    figures = metrics()
    change(figures)
    for name, content in figures.items():
        write_json(folder / "artifacts" / "metrics" / f"{name}.json", content)
    commit_results(folder)
    version = register(params or small_params(), folder).version
    assert version is not None
    return version.number


def erring(value: float) -> Callable[[dict], None]:
    def change(figures: dict) -> None:
        figures["rate_distortion"]["splits"]["validation"]["edgecodec"]["2"]["error_percent"] = value
    return change


def estimated(figures: dict) -> None:
    figures["verification"]["evidence"] = "estimated"


def quick(figures: dict) -> None:
    figures["training"]["profile"] = "quick"


def other_windows(figures: dict) -> None:
    figures["windows"]["splits"]["validation"]["digest"] = "9d" * 32


VARIANTS = (erring(2.1), erring(2.0), erring(2.05), estimated, quick, other_windows)  # versions 1 to 6
