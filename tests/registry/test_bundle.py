"""A bundle is the same bytes for the same results, shows every change by name, and decodes on its own."""

from __future__ import annotations

import os
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import mlflow.pyfunc
import numpy as np
import pytest
import yaml
from small_project import small_params

from edgecodec.errors import EdgeCodecError
from edgecodec.model.codec import Codec, load_model
from edgecodec.packets.decoder import STREAMED, PacketDecoder
from edgecodec.packets.kind import PacketKind
from edgecodec.packets.packet import unpack
from edgecodec.registry.bundle import REQUIREMENTS, build_bundle, decoding_modules
from edgecodec.registry.lineage import read_lineage
from edgecodec.registry.manifest import MANIFEST, Bundle, verify_bundle
from edgecodec.registry.register import register
from edgecodec.storage import read_json, write_json


@pytest.fixture
def bundle(project: Path, tmp_path: Path) -> Bundle:
    return build_bundle(tmp_path / "bundle", project, small_params())


def test_equal_results_give_equal_bundles(bundle: Bundle, project: Path, tmp_path: Path) -> None:
    again = build_bundle(tmp_path / "again", project, small_params())
    assert again.sha256 == bundle.sha256
    assert (again.folder / MANIFEST).read_bytes() == (bundle.folder / MANIFEST).read_bytes()


def test_figures_of_studies_and_of_this_machine_are_not_in_it(bundle: Bundle, project: Path, tmp_path: Path) -> None:
    write_json(project / "artifacts/metrics/decoding.json", {"windows_per_second": 2000})
    (project / "artifacts/metrics/sweep.csv").write_text("codewords\n64\n")
    assert build_bundle(tmp_path / "again", project, small_params()).sha256 == bundle.sha256
    assert (bundle.folder / "metrics/rate_distortion.json").is_file()


def test_the_lineage_leaves_out_the_registering_stage(bundle: Bundle) -> None:
    assert set(read_json(bundle.folder / "lineage.json")) == {"train"}


def test_the_lineage_leaves_out_stages_that_the_pipeline_no_longer_has(project: Path) -> None:
    lock = yaml.safe_load((project / "dvc.lock").read_text())
    lock["stages"]["gone"] = lock["stages"]["train"]
    (project / "dvc.lock").write_text(yaml.safe_dump(lock))
    assert set(read_lineage(project)) == {"train"}


def append(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b" ")


@pytest.mark.parametrize(("change", "told"), [
    (lambda folder: append(folder / "firmware/src/codec.c"), "changed: firmware/src/codec.c"),
    (lambda folder: append(folder / "encoder/codec.safetensors"), "changed: encoder/codec.safetensors"),
    (lambda folder: append(folder / "metrics/verification.json"), "changed: metrics/verification.json"),
    (lambda folder: (folder / "verification/report.json").unlink(), "missing: verification/report.json"),
    (lambda folder: (folder / "decoder/more.py").write_text("1"), "not in the manifest: decoder/more.py"),
    (lambda folder: (folder / "params.yaml").rename(folder / "p.yaml"),
     "missing: params.yaml; not in the manifest: p.yaml"),
])
def test_what_was_changed_is_named(bundle: Bundle, change: Callable[[Path], object], told: str) -> None:
    change(bundle.folder)
    with pytest.raises(EdgeCodecError, match=told):
        verify_bundle(bundle.folder)


def test_a_link_does_not_stand_for_a_file(bundle: Bundle, tmp_path: Path) -> None:
    file = bundle.folder / "params.yaml"
    file.rename(tmp_path / "params.yaml")
    file.symlink_to(tmp_path / "params.yaml")
    with pytest.raises(EdgeCodecError, match=r"changed: params\.yaml"):
        verify_bundle(bundle.folder)


def test_a_manifest_of_another_schema_is_refused(bundle: Bundle) -> None:
    manifest = read_json(bundle.folder / MANIFEST)
    write_json(bundle.folder / MANIFEST, {**manifest, "schema": 2})
    with pytest.raises(EdgeCodecError, match="schema 2, but this edgecodec reads schema 1"):
        verify_bundle(bundle.folder)


def test_the_requirements_cover_what_decoding_imports() -> None:
    needed = {name.split(".")[0] for name in decoding_modules().badmodules} - set(sys.stdlib_module_names)
    provided = {name.replace("-", "_").lower() for name in REQUIREMENTS}
    assert needed - provided == set()


@pytest.fixture
def decoder(project: Path) -> PacketDecoder:
    return PacketDecoder.open(project / "artifacts/receiver", project / "artifacts/float16")


@pytest.fixture
def codec(project: Path) -> Codec:
    """The trained codec, with the float16 codebooks that node and receiver share."""
    codec = load_model(project / "artifacts/model")
    for quantizer in codec.quantizer.quantizers:
        for codebook in quantizer.codebooks:
            codebook.copy_(codebook.half())
    return codec


def test_packets_decode_as_the_codec_does(decoder: PacketDecoder, codec: Codec, packets: list[bytes]) -> None:
    decoded = decoder.decode(packets)
    assert decoded.rate.tolist() == [1, 2, 1, 2, 1, 2]
    assert decoded.sequence.tolist() == list(range(100, 106))
    for packet, rate, window in zip(packets, decoded.rate.tolist(), decoded.windows, strict=True):
        expected = codec.decode(unpack(decoder.form, packet).indices[None], rate)[0]
        np.testing.assert_allclose(window, expected, rtol=0, atol=1e-6)


def test_both_kinds_of_packets_mix(decoder: PacketDecoder, codec: Codec, packets: list[bytes],
                                   mixed: list[bytes]) -> None:
    decoded = decoder.decode(mixed)
    assert decoded.rate.tolist() == [1, 1, 2, 2] * 3
    assert decoded.sequence.tolist() == [number for pair in zip(range(100, 106), range(200, 206), strict=True)
                                         for number in pair]
    np.testing.assert_array_equal(decoded.windows[::2], decoder.decode(packets).windows)
    for packet, window in zip(mixed[1::2], decoded.windows[1::2], strict=True):
        sent = unpack(decoder.form, packet)
        expected = codec.decode(sent.indices[None], sent.rate, PacketKind.CODED)[0]
        np.testing.assert_allclose(window, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("together", [1, 2, 5, 12, 70])
def test_a_window_is_the_same_bits_in_every_batch(decoder: PacketDecoder, project: Path, mixed: list[bytes],
                                                  together: int) -> None:
    expected = decoder.decode(mixed).windows
    number = np.random.default_rng(together).integers(len(mixed), size=140)
    for start in range(0, len(number), together):
        batch = number[start : start + together]
        np.testing.assert_array_equal(decoder.decode([mixed[each] for each in batch]).windows, expected[batch])
    threaded = PacketDecoder.open(project / "artifacts/receiver", project / "artifacts/float16", threads=2)
    np.testing.assert_array_equal(threaded.decode(mixed).windows, expected)


def test_a_stream_is_decoded_some_packets_at_a_time(decoder: PacketDecoder, mixed: list[bytes]) -> None:
    taken = []

    def endless() -> Iterator[bytes]:
        while True:
            taken.append(len(taken))
            yield mixed[len(taken) % len(mixed)]

    first, second = islice(decoder.stream(endless()), 2)
    assert len(first.rate) == len(second.rate) == STREAMED
    assert len(taken) == 2 * STREAMED


def test_a_stream_names_a_damaged_packet_by_its_number_in_the_stream(decoder: PacketDecoder,
                                                                     packets: list[bytes]) -> None:
    with pytest.raises(EdgeCodecError, match=f"packet {STREAMED + 3}: damaged"):
        list(decoder.stream([*[packets[0]] * (STREAMED + 3), packets[1][:-1]]))


def test_a_receiver_of_another_codec_is_refused(project: Path) -> None:
    path = project / "artifacts/receiver/receiver.json"
    write_json(path, {**read_json(path), "model_hash": "f" * 64})
    with pytest.raises(EdgeCodecError, match="made for another codec"):
        PacketDecoder.open(project / "artifacts/receiver", project / "artifacts/float16")


def test_a_damaged_network_is_refused(project: Path) -> None:
    append(project / "artifacts/receiver/receiver.onnx")
    with pytest.raises(EdgeCodecError, match=r"receiver\.onnx: absent or damaged"):
        PacketDecoder.open(project / "artifacts/receiver", project / "artifacts/float16")


def test_a_coded_packet_that_no_node_sends_is_named_by_its_number(decoder: PacketDecoder, mixed: list[bytes]) -> None:
    content = mixed[7][:-4] + b"\0"
    mixed[7] = content + zlib.crc32(content).to_bytes(4, "little")
    with pytest.raises(EdgeCodecError, match="packet 7: no window of rate 2 has this payload"):
        decoder.decode(mixed)


def test_no_packet_is_no_window(decoder: PacketDecoder) -> None:
    assert decoder.decode([]).windows.shape == (0, 6, 64)


def test_a_damaged_packet_is_named_by_its_number(decoder: PacketDecoder, packets: list[bytes]) -> None:
    damaged = bytes([*packets[2][:-1], packets[2][-1] ^ 1])
    with pytest.raises(EdgeCodecError, match="packet 2: damaged"):
        decoder.decode([*packets[:2], damaged, *packets[3:]])


IN_A_FRESH_PROCESS = """
import sys
from pathlib import Path
sys.path = [folder for folder in sys.path if not (Path(folder) / "edgecodec").is_dir()]  # as if never installed
import mlflow, numpy, pandas
store, packets, windows = sys.argv[1:]
mlflow.set_tracking_uri(f"sqlite:///{store}")
model = mlflow.pyfunc.load_model("models:/edgecodec@candidate")
lines = Path(packets).read_text().split()
table = model.predict(pandas.DataFrame({"packet": [bytes.fromhex(line) for line in lines]}))
numpy.save(windows, numpy.stack(table["window"].tolist()).reshape(-1, 6, 64))
import edgecodec
print(edgecodec.__file__, "torch" in sys.modules)
"""


def test_the_registered_model_decodes_alone_and_without_pickle(project: Path, mixed: list[bytes],
                                                               tmp_path: Path) -> None:
    register(small_params(), project)
    (tmp_path / "packets.txt").write_text("\n".join(packet.hex() for packet in mixed))
    finished = subprocess.run(
        [sys.executable, "-c", IN_A_FRESH_PROCESS, project / "mlflow.db", tmp_path / "packets.txt",
         tmp_path / "windows.npy"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": "", "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"},
        capture_output=True, text=True, check=False)

    assert finished.returncode == 0, finished.stderr
    assert "edgecodec.zip" in finished.stdout  # the modules of the bundle, not those of this repository
    assert finished.stdout.split()[-1] == "False"  # what trains the codec is not needed
    decoder = PacketDecoder.open(project / "artifacts/receiver", project / "artifacts/float16")
    np.testing.assert_array_equal(np.load(tmp_path / "windows.npy"), decoder.decode(mixed).windows)
    (folder,) = (project / "mlartifacts/models").iterdir()
    verify_bundle(folder / "artifacts/artifacts/bundle")  # loading has left nothing behind


def test_a_tampered_bundle_is_not_loaded(project: Path) -> None:
    register(small_params(), project)
    (folder,) = (project / "mlartifacts/models").iterdir()
    append(folder / "artifacts/artifacts/bundle/decoder/model.safetensors")
    with pytest.raises(Exception, match=r"changed: decoder/model\.safetensors"):
        mlflow.pyfunc.load_model(str(folder / "artifacts"))
