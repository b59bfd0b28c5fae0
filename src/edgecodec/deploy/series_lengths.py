"""How long frames of several windows are: of the twin's recordings, as long as the longest real ones."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgecodec.data.acquisition import acquire_twin
from edgecodec.data.windows import WindowSet, write_windows
from edgecodec.deploy.golden import packets
from edgecodec.deploy.oracle import encode
from edgecodec.packets.airtime import lora_seconds
from edgecodec.packets.frame import frame_all
from edgecodec.packets.kind import PacketKind
from edgecodec.packets.link import Link
from edgecodec.packets.network import ExportedCodec
from edgecodec.packets.packet import PacketFormat
from edgecodec.params import Params
from edgecodec.progress import progress
from edgecodec.storage import rounded

SECONDS = 186.0
WINDOWS_OF_FRAME = (1, 2, 4, 6, 10, 16)
SPREADING_FACTORS = (7, 10)


def series_json(codec: ExportedCodec, params: Params) -> dict[str, Any]:
    """By rate and windows of a frame, by radio; without coded packets, or for another array than the twin's, empty."""
    if params.data.source != "twin" or PacketKind.CODED not in codec.quantizers:
        return {}
    recordings = list(_recordings(codec, params))
    return {str(rate): {str(count): lengths(codec, [packets[rate] for packets in recordings], count)
                        for count in WINDOWS_OF_FRAME}
            for rate in PacketFormat.of(codec).rates}


def lengths(codec: ExportedCodec, recordings: Sequence[Sequence[bytes]], count: int) -> dict[str, Any]:
    """Of whole frames of ``count`` windows; what is left at the end of a recording is left out."""
    form, seconds = PacketFormat.of(codec), codec.samples / codec.sample_rate_hz
    sizes = [len(data) for each in recordings
             for data in frame_all(form, each[: len(each) // count * count], Link.RADIO, count)]
    mean = float(np.mean(sizes))
    return {
        "bytes": rounded(mean), "bytes_of_window": rounded(mean / count),
        "ratio_on_air": rounded(4 * codec.channels * codec.samples * count / mean), "latency_seconds": count * seconds,
        "lora_duty_cycle": {
            str(factor): rounded(float(np.mean([lora_seconds(size, factor) for size in sizes])) / (count * seconds))
            for factor in SPREADING_FACTORS},
    }


def _recordings(codec: ExportedCodec, params: Params) -> Iterator[dict[int, list[bytes]]]:
    """Of every validating one its packets by rate: of another twin than the training's, in windows end to end."""
    twin = params.data.twin.model_copy(update={"sessions": 1, "seconds": SECONDS})
    cut = params.window.model_copy(update={"train_stride": codec.samples, "validation_stride": codec.samples})
    with tempfile.TemporaryDirectory() as work:
        raw, folder = Path(work) / "raw", Path(work) / "windows"
        raw.mkdir()
        write_windows({raw: acquire_twin(twin, params.seed + 1, raw)}, frozenset(), cut, folder)
        windows = WindowSet.open(folder / "validation")
        for recording in progress(np.unique(windows.recording), "Packing recordings"):
            inputs = windows.inputs(np.flatnonzero(windows.recording == recording))
            encoding = encode(codec, np.ascontiguousarray(inputs.transpose(0, 2, 1)))
            of_window = [packets(codec, encoding, number, PacketKind.CODED) for number in range(len(inputs))]
            yield {rate: [each[rate] for each in of_window] for rate in of_window[0]}
