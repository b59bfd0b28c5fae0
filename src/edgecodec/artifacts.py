"""Where the pipeline's results are, as seen from the project's folder."""

from pathlib import Path

ARTIFACTS = Path("artifacts")
RAW = ARTIFACTS / "raw"
VALIDATION = ARTIFACTS / "validation"
EXCLUDED = VALIDATION / "excluded.json"  # recordings that the validation leaves out
WINDOWS = ARTIFACTS / "windows"
TRAIN_WINDOWS, VALIDATION_WINDOWS = WINDOWS / "train", WINDOWS / "validation"
DESIGN = ARTIFACTS / "design"
MODEL = ARTIFACTS / "model"
CALIBRATION = ARTIFACTS / "calibration"
FLOAT16 = ARTIFACTS / "float16"
FIRMWARE = ARTIFACTS / "firmware"
METRICS = ARTIFACTS / "metrics"  # a JSON file per stage
CHECKPOINTS = Path(".cache/training")
