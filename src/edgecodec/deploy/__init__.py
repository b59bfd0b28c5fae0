"""From a trained codec to verified C: float16 export, NumPy oracle, memory plan, C sources, packets."""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # of onnxruntime, which else leaves a session's file in TMPDIR
