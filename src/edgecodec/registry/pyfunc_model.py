"""The script by which MLflow loads a registered bundle: a column of packets in, a table of windows out.

MLflow copies this file beside the bundle and runs it at loading, so no object is pickled. It must import edgecodec
inside the function only: where edgecodec is not installed, the bundle brings the modules that it needs.
"""

import sys
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.pyfunc import PythonModel, PythonModelContext


class PacketsToWindows(PythonModel):  # type: ignore[misc]
    """Column ``packet`` to ``window`` (channels x samples, flat, channel by channel), ``rate`` and ``sequence``."""

    def load_context(self, context: PythonModelContext) -> None:
        bundle = Path(context.artifacts["bundle"])
        sys.path.append(str(bundle / "python" / "edgecodec.zip"))  # behind an edgecodec that is installed
        from edgecodec.registry.manifest import verify_bundle
        from edgecodec.registry.packet_decoder import PacketDecoder

        verify_bundle(bundle)
        self.decoder = PacketDecoder.open(bundle / "receiver", bundle / "encoder")

    def predict(self, context: PythonModelContext, model_input: pd.DataFrame,
                params: dict[str, Any] | None = None) -> pd.DataFrame:
        decoded = self.decoder.decode(model_input["packet"].tolist())
        return pd.DataFrame({
            "window": list(decoded.windows.reshape(len(decoded.windows), -1)),
            "rate": decoded.rate,
            "sequence": decoded.sequence,
        })


mlflow.models.set_model(PacketsToWindows())
