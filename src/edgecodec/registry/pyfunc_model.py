"""The script by which MLflow loads a registered bundle: a column of packets in, a table of windows out.

MLflow copies this file beside the bundle and runs it at loading, so no object is pickled. It must import edgecodec
inside the function only: where edgecodec is not installed, the bundle brings the modules that it needs.
"""

import sys
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.pyfunc import PythonModel, PythonModelContext


class PacketsToWindows(PythonModel):  # type: ignore[misc]
    """Column ``packet`` to ``window`` (channels x samples, flat, channel by channel), ``rate``, ``sequence``, what the
    node said of the window, and ``error``.

    The node says the ``estimated_error`` in per cent (at most; NaN where it did not say), whether the window is
    ``unlike_training``, and the numbers of the ``faulty`` channels, which are NaN in the window.

    A packet that cannot be decoded is refused by its number. With the parameter ``damaged`` at ``keep`` it has a row,
    without a window, of rate 0 and sequence -1, whose ``error`` says what is wrong; that of other rows is empty.
    """

    def load_context(self, context: PythonModelContext) -> None:
        bundle = Path(context.artifacts["bundle"])
        sys.path.append(str(bundle / "python" / "edgecodec.zip"))  # behind an edgecodec that is installed
        from edgecodec.packets.decoder import PacketDecoder
        from edgecodec.registry.manifest import verify_bundle

        verify_bundle(bundle)
        self.decoder = PacketDecoder.open(bundle / "receiver", bundle / "encoder")

    def predict(self, context: PythonModelContext, model_input: pd.DataFrame,
                params: dict[str, Any] | None = None) -> pd.DataFrame:
        from edgecodec.errors import EdgeCodecError

        damaged = (params or {}).get("damaged", "refuse")
        if damaged not in ("refuse", "keep"):
            raise EdgeCodecError(f"params: damaged: {damaged}; say refuse or keep")
        packets = model_input["packet"].tolist()
        flaws = {} if damaged == "refuse" else self.decoder.flaws(packets)
        sound = [number for number in range(len(packets)) if number not in flaws]
        decoded = self.decoder.decode([packets[number] for number in sound])
        windows: list[Any] = [None] * len(packets)
        for number, window in zip(sound, decoded.windows, strict=True):
            windows[number] = window.ravel()
        rate, sequence = np.zeros(len(packets), np.int32), np.full(len(packets), -1, np.int64)
        rate[sound], sequence[sound] = decoded.rate, decoded.sequence
        estimated, unlike = np.full(len(packets), np.nan, np.float32), np.zeros(len(packets), bool)
        estimated[sound], unlike[sound] = decoded.estimated_error, decoded.unlike_training
        faulty: list[Any] = [np.zeros(0, np.int32)] * len(packets)
        for number, channels in zip(sound, decoded.faulty, strict=True):
            faulty[number] = np.flatnonzero(channels).astype(np.int32)
        return pd.DataFrame({"window": pd.Series(windows, dtype=object), "rate": rate, "sequence": sequence,
                             "estimated_error": estimated, "unlike_training": unlike,
                             "faulty": pd.Series(faulty, dtype=object),
                             "error": [flaws.get(number, "") for number in range(len(packets))]})


mlflow.models.set_model(PacketsToWindows())
