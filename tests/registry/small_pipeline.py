"""The pipeline in small, but for its release, in one process: ``python -m small_pipeline``."""

from edgecodec.same_bits import run_program  # first: before numpy and torch

from pathlib import Path
from unittest.mock import patch

import yaml

from edgecodec.artifacts import METRICS
from edgecodec.model import coded
from edgecodec.registry.bundle import PARTS
from stages import (
    acquire,
    analyze_codebooks,
    calibrate,
    classify_damage,
    examine_remarks,
    export_float16,
    export_receiver,
    generate_c,
    train,
    validate,
    verify_gvsoc,
    window,
)

STAGES = (acquire, validate, window, train, analyze_codebooks, classify_damage, calibrate, export_float16,
          examine_remarks, export_receiver, generate_c, verify_gvsoc)
MEASURED = ("windows", "training", "rate_distortion", "codebooks", "damage", "calibration", "float16", "remarks",
            "firmware", "verification", "validation")
SETTINGS = {
    "data.twin.repeats": 2,
    "window.samples": 400, "window.train_stride": 200, "window.validation_stride": 400, "analyze.rivals": ["means"],
    "classify.label": None, "codecs.edge.rates": 1, "codecs.edge.regimes": 1, "codecs.edge.time_bins": 30,
    "codecs.edge.bands": [[1, 8, 2], [8, 22, 2], [22, 30, 2]], "codecs.edge.coefficients": 16,
    "train.edge.codebook_windows": 200, "train.edge.warmup_steps": 0, "train.edge.joint_steps": 0,
    "train.edge.decoder_steps": 0, "gates.error": 50.0,
}


def main() -> None:
    with (patch.object(coded, "ROUNDS", 1), patch.object(examine_remarks, "WINDOWS", 12),
          patch.object(examine_remarks, "DISTURBED_WINDOWS", 1)):
        for stage in STAGES:
            stage.main()


def write_definition() -> None:
    """Of its only stage, in the working directory."""
    outputs = [*(f"artifacts/{name}" for name in (*PARTS.values(), "windows") if name != "metrics"),
               *({f"{METRICS}/{name}.json": {"cache": False}} for name in MEASURED)]
    Path("dvc.yaml").write_text(yaml.safe_dump({"stages": {"all": {
        "cmd": "python -m small_pipeline", "params": ["data", "train"], "outs": outputs}}}))


if __name__ == "__main__":
    run_program(main)
