"""Arrays of one channel and of many, short windows and long: from recordings to firmware bit for bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from array_projects import trained, waves

from edgecodec.data.windows import WindowSet
from edgecodec.deploy.emit import write_firmware
from edgecodec.deploy.export import export_codec
from edgecodec.metrics import errors
from edgecodec.model.codec import Codec
from edgecodec.simulators.toolchain import Toolchain
from edgecodec.simulators.verifier import Verifier

L1_BYTES, L1_STACK_BYTES = 1 << 20, 9216
SLOW = pytest.mark.slow


@pytest.mark.parametrize(("channels", "samples"), [
    (1, 64), (2, 64), (3, 128), (8, 256),
    *(pytest.param(*shape, marks=SLOW) for shape in ((1, 512), (64, 512), (128, 128), (3, 8192)))])
def test_windows_of_any_shape_come_back_from_the_firmwares_bits(
        channels: int, samples: int, toolchain: Toolchain, tmp_path: Path) -> None:
    names = [f"Fühler {number} µ°" for number in range(channels)]
    codec, _, validation = trained(waves(channels, 24 * max(samples, 80)), names, tmp_path, samples)
    exported = export_codec(codec)
    assert exported.channel_names == tuple(names)
    lowest, highest = (errors(codec.decode(codec.encode(validation.inputs()), rate), validation.targets())
                       for rate in codec.rates)
    assert highest.share_of_means < lowest.share_of_means < 0.5
    assert bits_agree(codec, validation, toolchain, tmp_path)


def test_a_codec_that_does_not_decimate_has_firmware(toolchain: Toolchain, tmp_path: Path) -> None:
    """A filter of one tap; kernels take taps in pairs."""
    codec, _, validation = trained(waves(3, 24 * 80), ["a", "b", "c"], tmp_path, 64, decimates=False)
    assert bits_agree(codec, validation, toolchain, tmp_path)


def bits_agree(codec: Codec, validation: WindowSet, toolchain: Toolchain, folder: Path) -> bool:
    """Whether the firmware gives the oracle's bits on the host, on one core and on several."""
    exported = export_codec(codec)
    golden = np.ascontiguousarray(validation.inputs(slice(0, 1)).transpose(0, 2, 1))
    write_firmware(exported, golden, L1_BYTES, folder / "firmware", L1_STACK_BYTES)
    work = folder / "work"
    work.mkdir()
    checks = Verifier(exported, folder / "firmware", "gap9_like", L1_BYTES, L1_STACK_BYTES, toolchain, 300,
                      work).check_on_host()
    return [check.comparison.bit_exact for check in checks] == [True, True]
