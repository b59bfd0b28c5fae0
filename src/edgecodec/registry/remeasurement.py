"""The errors of registered codecs, measured anew on the validation windows that are here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgecodec.data.windows import WindowSet
from edgecodec.errors import EdgeCodecError
from edgecodec.metrics import Measure, errors
from edgecodec.packets.receiver import Receiver

VALIDATION = Path("artifacts/windows/validation")


@dataclass(frozen=True)
class LocalWindows:
    """The validation windows of the pipeline's present results."""

    windows: WindowSet
    digest: str  # by which metrics name the windows that they were measured on

    @classmethod
    def find(cls, repository: Path) -> LocalWindows | None:
        """Those in ``repository``; None where the stage window has left none.

        Raises:
            EdgeCodecError: its files do not belong together.
        """
        folder = repository / VALIDATION
        if not folder.is_dir():
            return None
        windows = WindowSet.open(folder)
        return cls(windows, windows.digest())


def measured_errors(bundle: Path, windows: WindowSet, measure: Measure) -> dict[int, float]:
    """By rate, the metric of what the bundle's receiver rebuilds from what its trained encoder sends.

    Raises:
        EdgeCodecError: the bundle's files do not belong together, or its codec takes other windows.
    """
    from edgecodec.model.codec import load_model  # torch takes seconds to import
    from edgecodec.model.kind import WindowFormat

    codec = load_model(bundle / "decoder")
    if codec.window != WindowFormat(windows.channel_names, windows.samples, windows.sample_rate_hz,
                                    windows.lowpass_hz):
        raise EdgeCodecError(f"{VALIDATION}: channels, samples, sample rate or low-pass are not those of the codec")
    receiver = Receiver.open(bundle / "receiver", bundle / "encoder")
    indices, targets = codec.encode(windows.inputs()), windows.targets()
    return {
        rate: measure.metric.of(errors(receiver.rebuild(receiver.codec.quantizer, indices.sent(stages)), targets,
                                       tolerance=measure.tolerance))
        for rate, stages in zip(codec.rates, codec.quantizer.stages_of_rate, strict=True)
    }
