"""The pipeline on a real recording of another array: 36 adjacent channels of a fibre-optic strain-rate recording.

The recording (500 channels, 100 Hz, 50 s) comes with PyPI's daspy-toolbox. Its mean is zero, so NMSE is its measure.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import yaml

if TYPE_CHECKING:
    from conftest import Clone

daspy = pytest.importorskip("daspy")


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_strain_rates_come_down_to_bit_exact_firmware(make_clone: Callable[[Path], Clone], tmp_path: Path) -> None:
    section = daspy.read()
    assert section.fs == 100
    recordings = tmp_path / "recordings"
    recordings.mkdir()
    channels = section.data[232:268].T / section.data.std()  # [samples, 36]
    np.save(recordings / "fibre.npy", channels.astype(np.float32))

    clone = make_clone(tmp_path / "edgecodec")
    params = clone.folder / "params.yaml"
    content = yaml.safe_load(params.read_text())
    content["data"].update(source="array", path=str(recordings))
    content["window"].update(skip_first_rows=0, skip_last_rows=0)
    content["codecs"]["edge"].update(codewords=256, stages_per_rate=9, time_bins=88, coefficients=128,
                                     bands=[[1, 16, 12], [16, 45, 12], [45, 88, 6]])
    content["train"]["edge"].update(codebook_windows=4000, joint_steps=100, decoder_steps=100)
    params.write_text(yaml.safe_dump(content))

    done = clone.run("dvc", "repro")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert clone.metrics("verification")["bit_exact"] is True
    codecs = clone.metrics("rate_distortion")["splits"]["validation"]
    nmse = [codecs["edgecodec"][rate]["nmse_percent"] for rate in ("1", "2", "3", "4")]
    print("NMSE in percent, rates 1 to 4:", nmse, "klt_dct:", [codecs["klt_dct"][r]["nmse_percent"] for r in "1234"])
    assert nmse == sorted(nmse, reverse=True)
    assert nmse[-1] < codecs["means"]["4"]["nmse_percent"]
