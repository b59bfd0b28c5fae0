"""Channels called in any script and with any sign: from a folder of recordings to windows that come back by name."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest
import yaml
from array_projects import SAMPLE_RATE_HZ, settings, waves
from typer.testing import CliRunner

from edgecodec.cli import app
from edgecodec.data.acquisition import acquire
from edgecodec.data.validation import validate
from edgecodec.data.validation_report import render
from edgecodec.data.window_reader import Trained, read_windows
from edgecodec.data.windows import WindowSet, write_windows
from edgecodec.deploy.emit import write_firmware
from edgecodec.deploy.export import export_codec
from edgecodec.deploy.export_receiver import export_receiver
from edgecodec.deploy.oracle import encode
from edgecodec.evaluation.plots import draw_reconstructions, draw_window
from edgecodec.packets.decoder import PacketDecoder
from edgecodec.packets.kind import PacketKind
from edgecodec.packets.network import save_codec
from edgecodec.packets.packet import PacketFormat, pack
from edgecodec.packets.window_files import write_npz, write_parquet
from edgecodec.training.loop import Trainer

NAMES = ("Drück-1", "压力", "σ_x°", 'say "1", 2', "<b>&amp;", "$\\frac$ {0} %s", "on", "1:30")
SAMPLES = 64


@pytest.mark.slow
def test_names_stay_what_they_are(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recordings = tmp_path / "Messung 压力 <1>"
    recordings.mkdir()
    frame = pd.DataFrame(waves(len(NAMES), 24 * 80), columns=NAMES)
    frame.insert(0, "Zeit", np.arange(len(frame)) / SAMPLE_RATE_HZ)
    frame.to_csv(recordings / "größte.csv", index=False)

    monkeypatch.chdir(tmp_path)
    shutil.copyfile(repository / "params.yaml", "params.yaml")
    inspected = CliRunner().invoke(app, ["inspect", str(recordings), "--write"])
    assert inspected.exit_code == 0, inspected.output
    channels = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))["data"]["array"]["channels"]
    assert tuple(channels) == NAMES

    params = settings(recordings, channels, SAMPLES)
    listed = acquire(params.data, params.seed, tmp_path / "raw")
    page = render(validate(tmp_path / "raw", listed, params.validate_, params.window), listed)
    assert "<td>&lt;b&gt;&amp;amp;</td>" in page
    assert "<td>压力</td>" in page
    assert "<b>" not in page

    write_windows({tmp_path / "raw": listed}, frozenset(), params.window, tmp_path / "windows")
    train, validation = (WindowSet.open(tmp_path / "windows" / split) for split in ("train", "validation"))
    codec = Trainer(params, train, validation, tmp_path / "checkpoints").run().codec
    exported = export_codec(codec)
    golden = np.ascontiguousarray(validation.inputs(slice(0, 2)).transpose(0, 2, 1))
    write_firmware(exported, golden, 1 << 20, tmp_path / "firmware", 9216)
    header = (tmp_path / "firmware" / "include" / "codec_model.h").read_bytes()
    assert header.isascii()
    rebuilt = {1: codec.decode(codec.encode(validation.inputs()), 1)}
    draw_reconstructions(tmp_path / "all.svg", validation.inputs(), validation.targets(), rebuilt, 100.0, NAMES)
    draw_window(tmp_path / "one.svg", validation.targets(), rebuilt, 100.0, NAMES)
    pictures = "".join((tmp_path / name).read_text(encoding="utf-8") for name in ("all.svg", "one.svg"))
    assert "channel &lt;b&gt;&amp;amp;" in pictures or "channel 压力" in pictures

    save_codec(exported, tmp_path / "float16")
    export_receiver(codec, exported, tmp_path / "receiver")
    decoder = PacketDecoder.open(tmp_path / "receiver", tmp_path / "float16")
    indices = encode(exported, golden).indices(PacketKind.FIXED_LENGTH)
    decoded = decoder.decode([pack(PacketFormat.of(exported), 1, 0, one) for one in indices])
    write_parquet(tmp_path / "windows.parquet", [decoded], decoder.codec.channel_names)
    written = pyarrow.parquet.read_schema(tmp_path / "windows.parquet").metadata
    assert tuple(json.loads(written[b"channels"])) == NAMES
    write_npz(tmp_path / "windows.npz", [decoded], decoder.codec.channel_names, len(decoded.rate), SAMPLES)
    trained = Trained(codec.window, codec.offset.numpy(), codec.scale.numpy())
    np.testing.assert_array_equal(read_windows(tmp_path / "windows.npz", trained, params.validate_).windows,
                                  decoded.windows)
