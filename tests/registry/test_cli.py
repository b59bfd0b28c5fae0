"""The edgecodec command: a round trip through packets, gates by exit status, and one clear line for bad input."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from deploy.factory import Sizes, edge_like
from packets.random_indices import random_indices
from small_project import CHANNELS, random_windows, save_results, small_params, train_small_codec

from edgecodec.cli import main
from edgecodec.model.codec import load_model
from edgecodec.packets.kind import PacketKind
from edgecodec.packets.link import Link
from edgecodec.packets.network import load_codec, save_codec
from edgecodec.packets.packet import PacketFormat, open_packet, pack, unpack
from edgecodec.packets.packet_file import packets_in, write_packets
from edgecodec.storage import read_json, write_json


@dataclass(frozen=True)
class Finished:
    status: int
    out: str
    err: str


class Command(Protocol):
    def __call__(self, *arguments: str | float) -> Finished: ...


@pytest.fixture
def edgecodec(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run the command in this process, and catch its exit status."""

    def run(*arguments: str | float) -> Finished:
        monkeypatch.setattr(sys, "argv", ["edgecodec", *map(str, arguments)])
        monkeypatch.setenv("COLUMNS", "200")
        with pytest.raises(SystemExit) as left:
            main()
        return Finished(int(left.value.code or 0), *capsys.readouterr())

    return run


@pytest.fixture(autouse=True)
def windows(project: Path) -> Path:
    """Five windows in a file of the working directory."""
    np.savez(project / "windows.npz", x=random_windows(5, seed=3))
    return project / "windows.npz"


def test_the_codec_is_compared_with_its_rivals(edgecodec: Command) -> None:
    np.savez("windows.npz", x=random_windows(5, seed=3), wind=np.array([10, 10, 10, 20, 20]))
    shown = edgecodec("evaluate", "windows.npz").out
    assert "5 windows" in shown
    assert all(heading in shown for heading in ("edgecodec", "means", "10m/s", "20m/s"))

    codecs = json.loads(edgecodec("evaluate", "windows.npz", "--json").out)["codecs"]
    assert set(codecs["edgecodec"]) == set(codecs["means"]) == {"1", "2"}
    assert set(codecs["edgecodec"]["1"]["by_group"]) == {"wind 10m/s", "wind 20m/s"}
    assert codecs["edgecodec"]["2"]["error_percent"] != codecs["edgecodec"]["1"]["error_percent"]


@pytest.mark.parametrize("rate", [1, 2])
def test_windows_go_through_packets(edgecodec: Command, rate: int) -> None:
    assert edgecodec("encode", "windows.npz", "packets.ecp", "--rate", rate, "--first-sequence", 65534).status == 0
    assert edgecodec("decode", "packets.ecp", "rebuilt.npz").status == 0

    with np.load("rebuilt.npz") as rebuilt:
        assert rebuilt["x"].shape == (5, 6, 64)
        assert rebuilt["rate"].tolist() == [rate] * 5
        assert rebuilt["sequence"].tolist() == [65534, 65535, 0, 1, 2]
        codec = load_model(Path("artifacts/model"))
        expected = codec.decode(codec.encode(random_windows(5, seed=3)), rate)
        assert np.abs(rebuilt["x"] - expected).mean() < 0.05 * np.abs(expected).mean()  # float16 against float32


def test_packets_are_as_short_as_the_rate_says_and_the_highest_is_the_default(edgecodec: Command) -> None:
    form = PacketFormat.of(load_codec(Path("artifacts/float16")))
    for rate, asked in ((1, ("--rate", 1)), (2, ("--rate", 2)), (2, ())):
        told = edgecodec("encode", "windows.npz", "packets.ecp", *asked).out
        packets = list(packets_in(Path("packets.ecp")))
        assert {(len(packet), unpack(form, packet).rate) for packet in packets} == {(form.packet_bytes(rate), rate)}
        assert f"5 packets of {form.packet_bytes(rate)} bytes" in told


def test_windows_go_through_coded_packets(edgecodec: Command) -> None:
    told = edgecodec("encode", "windows.npz", "packets.ecp", "--coded").out
    packets, form = list(packets_in(Path("packets.ecp"))), PacketFormat.of(load_codec(Path("artifacts/float16")))
    assert {unpack(form, packet).kind for packet in packets} == {PacketKind.CODED}
    assert f"5 packets of {sum(map(len, packets)) / 5:.1f} bytes on average" in told
    assert edgecodec("decode", "packets.ecp", "rebuilt.npz").status == 0
    with np.load("rebuilt.npz") as rebuilt:
        codec = load_model(Path("artifacts/model"))
        expected = codec.decode(codec.encode(random_windows(5, seed=3), PacketKind.CODED), 2, PacketKind.CODED)
        assert np.abs(rebuilt["x"] - expected).mean() < 0.05 * np.abs(expected).mean()


@pytest.mark.parametrize("link", Link)
def test_frames_decode_to_the_windows_of_their_packets(edgecodec: Command, link: Link) -> None:
    numbers = ("--first-sequence", 65534)
    edgecodec("encode", "windows.npz", "packets.ecp", *numbers)
    told = edgecodec("encode", "windows.npz", "frames.ecp", *numbers, "--link", link)
    lengths = {len(packet or b"") for packet in packets_in(Path("frames.ecp"))}
    assert f"5 frames of {lengths.pop()} bytes at rate 2" in told.out
    assert edgecodec("decode", "frames.ecp", "of_frames.npz", *numbers, "--link", link).status == 0
    assert edgecodec("decode", "packets.ecp", "of_packets.npz").status == 0
    with np.load("of_frames.npz") as one, np.load("of_packets.npz") as other:
        for name in ("x", "sequence", "rate"):
            np.testing.assert_array_equal(one[name], other[name])


@pytest.mark.parametrize("link", Link)
def test_windows_share_a_frame(edgecodec: Command, link: Link) -> None:
    numbers = ("--first-sequence", 65534)
    edgecodec("encode", "windows.npz", "packets.ecp", *numbers, "--coded")
    told = edgecodec("encode", "windows.npz", "frames.ecp", *numbers, "--coded", "--link", link, "--together", 3)
    assert "frames.ecp: 2 frames of" in told.out
    for kind in ("npz", "parquet"):
        assert f"of_frames.{kind}: 5 windows" in edgecodec(
            "decode", "frames.ecp", f"of_frames.{kind}", *numbers, "--link", link).out
    assert edgecodec("decode", "packets.ecp", "of_packets.npz").status == 0
    with np.load("of_frames.npz") as one, np.load("of_packets.npz") as other:
        for name in ("x", "sequence", "rate"):
            np.testing.assert_array_equal(one[name], other[name])
    alone = edgecodec("encode", "windows.npz", "frames.ecp", "--link", link, "--together", 3)
    assert "--together: only coded packets share a frame; give --coded and --link, too" in alone.err


def test_frames_of_another_link_or_none_are_refused(edgecodec: Command) -> None:
    edgecodec("encode", "windows.npz", "frames.ecp", "--link", "radio")
    for link, told in ((("--link", "checked"), "frames.ecp: frame 0: "), ((), "frames.ecp: packet 0: ")):
        finished = edgecodec("decode", "frames.ecp", "rebuilt.npz", *link)
        assert refused(finished, told)


def test_windows_that_no_rate_holds_become_escapes(edgecodec: Command) -> None:
    codec = edge_like(Sizes(channels=6, samples=64, monitored=True))
    save_codec(codec, Path("monitored/float16"))
    form, monitored = PacketFormat.of(codec), ("--artifacts", "monitored")
    kept, strict = ("--within", 1e6, *monitored), ("--within", 0.1, *monitored)

    assert edgecodec("encode", "windows.npz", "packets.ecp", *kept, "--escape").err == ""
    assert {unpack(form, packet).rate for packet in packets_in(Path("packets.ecp"))} == {1}
    assert "5 of 5 windows are over the bound" in edgecodec("encode", "windows.npz", "packets.ecp", *strict).err
    assert {unpack(form, packet).rate for packet in packets_in(Path("packets.ecp"))} == {form.rates[-1]}

    told = edgecodec("encode", "windows.npz", "packets.ecp", *strict, "--escape")
    assert "5 of 5 windows are escapes, for no rate holds them: 0, 1, 2, 3, 4" in told.err
    for number, packet in enumerate(packets_in(Path("packets.ecp"))):
        assert packet is not None
        sealed = open_packet(form, packet)
        assert (sealed.kind, sealed.sequence) == (PacketKind.ESCAPE, number)
        assert sealed.said is not None
        assert sealed.said.error_percent <= 0.5  # the first code


def refused(finished: Finished, told: str) -> bool:
    """One line on stderr with ``told`` in it, nothing on stdout, and nothing written."""
    left = {path.name for path in Path().iterdir()} & {"packets.ecp", "rebuilt.npz"}
    return finished.status == 1 and finished.out == "" and not left and \
        finished.err.startswith("error: ") and finished.err.count("\n") == 1 and told in finished.err


@pytest.mark.parametrize("rate", [0, 5, -1])
def test_a_rate_that_the_codec_lacks_is_refused(edgecodec: Command, rate: int) -> None:
    finished = edgecodec("encode", "windows.npz", "packets.ecp", "--rate", rate)
    assert refused(finished, f"rate {rate}: the model has rates 1 to 2")


@pytest.mark.parametrize(("values", "told"), [
    (random_windows(2)[:, :5], "windows.npz: x: shape [2, 5, 64]; this codec takes [n, 6, 64]"),
    (np.where(np.arange(64) == 9, np.float32(1e30), random_windows(2)), "window 0: its values exceed float16"),
])
def test_windows_that_cannot_be_encoded_are_refused(edgecodec: Command, values: np.ndarray, told: str) -> None:
    np.savez("windows.npz", x=values)
    assert refused(edgecodec("encode", "windows.npz", "packets.ecp"), told)


def test_windows_go_through_exact_packets(edgecodec: Command) -> None:
    counts = np.rint(200 * random_windows(3, seed=3)).astype(np.int32)
    np.savez("windows.npz", x=(np.float32(0.005) * counts).astype(np.float32))
    assert "3 exact packets of " in edgecodec("encode", "windows.npz", "packets.ecp", "--exact", 0.005).out
    assert edgecodec("decode", "packets.ecp", "rebuilt.npz").status == 0
    with np.load("rebuilt.npz") as rebuilt:
        assert rebuilt["rate"].tolist() == [0] * 3
        np.testing.assert_array_equal(rebuilt["x"], (np.float64(np.float32(0.005)) * counts).astype(np.float32))


@pytest.mark.parametrize(("options", "told"), [
    (("--exact", 0.003), "windows.npz: window 0: holds values that are no whole numbers of 0.003"),
    (("--exact", -1), "window 0: holds values that are no whole numbers of -1"),
    (("--exact", 0.005, "--rate", 1), "--exact: loses nothing"),
])
def test_what_cannot_be_sent_without_loss_is_refused(
        edgecodec: Command, options: tuple[str | float, ...], told: str) -> None:
    np.savez("windows.npz", x=0.005 * np.rint(200 * random_windows(1)))
    assert refused(edgecodec("encode", "windows.npz", "packets.ecp", *options), told)


def test_an_escape_without_a_bound_is_refused(edgecodec: Command) -> None:
    assert refused(edgecodec("encode", "windows.npz", "packets.ecp", "--escape"), "Give --within PERCENT")


def test_what_is_absent_is_named(edgecodec: Command) -> None:
    assert refused(edgecodec("encode", "nowhere.npz", "packets.ecp"), "nowhere.npz")
    assert refused(edgecodec("decode", "nowhere.ecp", "rebuilt.npz"), "nowhere.ecp: not found")
    assert refused(edgecodec("encode", "windows.npz", "packets.ecp", "--artifacts", "nowhere"), "nowhere/float16")


@pytest.mark.parametrize(("damage", "told"), [
    (lambda packet: packet[:-1], "packet 1: damaged or cut short"),
    (lambda packet: bytes([packet[0], packet[1] ^ 1, *packet[2:]]), "packet 1: damaged or cut short"),
    (lambda packet: b"", "packet 1: cut short"),
])
def test_a_packet_that_cannot_be_decoded_is_refused(edgecodec: Command, damage: object, told: str) -> None:
    edgecodec("encode", "windows.npz", "packets")
    packets = list(packets_in(Path("packets")))
    packets[1] = damage(packets[1])  # type: ignore[operator]
    write_packets(Path("packets"), packets)
    assert refused(edgecodec("decode", "packets", "rebuilt.npz"), f"packets: {told}")


def test_a_packet_of_another_model_is_refused(edgecodec: Command) -> None:
    form = PacketFormat.of(load_codec(Path("artifacts/float16")))
    other = replace(form, model_hash="f" * 64)
    write_packets(Path("packets"), [pack(other, 1, 0, random_indices(form.fixed_length, 0))])
    assert refused(edgecodec("decode", "packets", "rebuilt.npz"), "packets: packet 0: of model ffffffff")


def test_gates_exit_with_0_if_all_pass_else_with_1_and_the_reason(edgecodec: Command) -> None:
    assert edgecodec("check-gates").status == 0
    path = Path("artifacts/metrics/verification.json")
    write_json(path, {**read_json(path), "bit_exact": False})
    finished = edgecodec("check-gates")
    assert finished.status == 1
    assert "bit_exact: the firmware's bits differ from the oracle's" in finished.out


def test_an_unknown_parameter_is_named(edgecodec: Command) -> None:
    Path("params.yaml").write_text(Path("params.yaml").read_text() + "colour: blue\n")
    assert refused(edgecodec("check-gates"), "params.yaml: colour: unknown key")


def test_info_shows_the_codec_and_what_it_takes(edgecodec: Command) -> None:
    shown = edgecodec("info").out
    assert load_codec(Path("artifacts/float16")).model_hash in shown
    assert "6 channels x 64 samples at 100 Hz" in shown
    assert "1,000,000 cycles on gap9_like (measured)" in shown
    assert "gvsoc" in shown


def test_help_waits_for_no_package_that_it_does_not_use() -> None:
    program = "import sys, edgecodec.cli; print({'numpy', 'torch', 'mlflow', 'pandas', 'yaml'} & set(sys.modules))"
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert finished.stdout == "set()\n"


def test_help_lists_every_command(edgecodec: Command) -> None:
    shown = edgecodec("--help").out
    assert all(command in shown for command in ("evaluate", "encode", "decode", "check-gates", "info"))


def test_packets_and_windows_may_be_parquet(edgecodec: Command) -> None:
    edgecodec("encode", "windows.npz", "packets.ecp")
    table = pyarrow.table({"packet": pyarrow.array(list(packets_in(Path("packets.ecp"))), pyarrow.binary())})
    pyarrow.parquet.write_table(table, "packets.parquet")
    assert edgecodec("decode", "packets.parquet", "rebuilt.npz").status == 0
    assert edgecodec("decode", "packets.ecp", "rebuilt.parquet").out == "rebuilt.parquet: 5 windows\n"

    rebuilt = pyarrow.parquet.read_table("rebuilt.parquet")
    assert json.loads(rebuilt.schema.metadata[b"channels"]) == list(CHANNELS)
    with np.load("rebuilt.npz") as arrays:
        assert np.array_equal(np.stack(rebuilt["window"].to_numpy()).reshape(5, 6, 64), arrays["x"])
        assert rebuilt["sequence"].to_pylist() == arrays["sequence"].tolist()


def test_what_is_written_is_what_its_name_says(edgecodec: Command) -> None:
    assert edgecodec("encode", "windows.npz", "packets.parquet").status == 0
    (column,) = pyarrow.parquet.read_table("packets.parquet").columns
    edgecodec("encode", "windows.npz", "some.ecp")
    assert column.to_pylist() == list(packets_in(Path("some.ecp")))

    told = "rebuilt.csv: decoded windows cannot be written as .csv; call it .npz or .parquet"
    assert refused(edgecodec("decode", "packets.parquet", "rebuilt.csv"), told)
    assert refused(edgecodec("decode", "packets.parquet", "rebuilt"), "written as a file without an ending")
    assert refused(edgecodec("encode", "windows.npz", "packets.npz"), "packets cannot be written as .npz; call it .ecp")
    told = "speed.csv: figures cannot be written as .csv; call it .json"
    assert refused(edgecodec("benchmark", "decode", "--output", "speed.csv"), told)
    assert not {"rebuilt.csv", "rebuilt", "packets.npz", "speed.csv"} & {path.name for path in Path().iterdir()}


def test_packets_in_the_folder_that_spark_writes_are_read(edgecodec: Command) -> None:
    edgecodec("encode", "windows.npz", "some.ecp")
    packets = list(packets_in(Path("some.ecp")))
    folder = Path("packets.parquet")
    folder.mkdir()
    for number, some in enumerate((packets[:2], packets[2:])):
        pyarrow.parquet.write_table(pyarrow.table({"packet": some}), folder / f"part-0000{number}-a-c000.parquet")
    (folder / "_SUCCESS").touch()
    (folder / ".part-00000-a-c000.parquet.crc").write_bytes(b"crc")
    assert edgecodec("decode", "packets.parquet", "rebuilt.npz").out == "rebuilt.npz: 5 windows\n"
    with np.load("rebuilt.npz") as rebuilt:
        assert rebuilt["sequence"].tolist() == [0, 1, 2, 3, 4]
    Path("rebuilt.npz").unlink()
    assert refused(edgecodec("decode", "artifacts/model", "rebuilt.npz"), "artifacts/model: a folder without Parquet")


def test_a_row_without_a_packet_is_refused_by_its_number(edgecodec: Command) -> None:
    edgecodec("encode", "windows.npz", "packets.ecp")
    pyarrow.parquet.write_table(pyarrow.table({"packet": [*packets_in(Path("packets.ecp")), None]}), "some.parquet")
    Path("packets.ecp").unlink()
    assert refused(edgecodec("decode", "some.parquet", "rebuilt.npz"), "some.parquet: packet 5: no packet")


def test_decoded_windows_may_be_encoded_again_with_channels_in_any_order(edgecodec: Command) -> None:
    edgecodec("encode", "windows.npz", "packets.ecp")
    edgecodec("decode", "packets.ecp", "decoded.npz")
    edgecodec("encode", "decoded.npz", "packets.ecp")
    expected = list(packets_in(Path("packets.ecp")))
    with np.load("decoded.npz") as decoded:
        np.savez("turned.npz", x=decoded["x"][:, ::-1], channels=decoded["channels"][::-1])
    edgecodec("encode", "turned.npz", "packets.ecp")
    assert list(packets_in(Path("packets.ecp"))) == expected


@pytest.mark.parametrize("command", [("encode", "windows.npz", "packets.ecp"), ("evaluate", "windows.npz")])
def test_values_in_another_unit_are_refused_by_every_command(edgecodec: Command, command: tuple[str, ...]) -> None:
    codec = train_small_codec(small_params())
    codec.scale.fill_(1.4)
    save_results(codec, small_params(), Path("artifacts"))
    for changed in (random_windows(5) * 80, random_windows(5) + 6):
        np.savez("windows.npz", x=changed.astype(np.float32))
        assert refused(edgecodec(*command), "check unit and zero")
    np.savez("windows.npz", x=random_windows(5) + 2)
    finished = edgecodec(*command)
    assert finished.status == 0
    assert finished.err.endswith("check unit and zero\n")
    assert finished.err.startswith("warning: windows.npz: values lie ")


def test_a_damaged_model_is_told_in_one_line(edgecodec: Command) -> None:
    for weights in (Path("artifacts/float16/codec.safetensors"), Path("artifacts/model/model.safetensors")):
        weights.write_bytes(weights.read_bytes()[:100])
    assert refused(edgecodec("encode", "windows.npz", "packets.ecp"), "artifacts/float16: damaged (")
    assert refused(edgecodec("evaluate", "windows.npz"), "artifacts/model: damaged (")
    write_json(Path("artifacts/receiver/receiver.json"), {})
    assert refused(edgecodec("decode", "windows.npz", "rebuilt.npz"), "artifacts/float16: damaged (SafetensorError")


def test_a_table_without_packets_is_refused(edgecodec: Command) -> None:
    pyarrow.parquet.write_table(pyarrow.table({"payload": [b""]}), "packets.parquet")
    assert refused(edgecodec("decode", "packets.parquet", "rebuilt.npz"), "not a Parquet file with a column packet")
    Path("packets.parquet").write_bytes(b"no table")
    assert refused(edgecodec("decode", "packets.parquet", "rebuilt.npz"), "not a Parquet file with a column packet")


def test_half_decoded_windows_are_not_left_behind(edgecodec: Command) -> None:
    edgecodec("encode", "windows.npz", "packets")
    write_packets(Path("packets"), [*list(packets_in(Path("packets"))) * 100, b"damaged"])
    assert refused(edgecodec("decode", "packets", "rebuilt.npz"), "packets: packet 500: cut short")
    assert refused(edgecodec("decode", "packets", "rebuilt.parquet"), "packets: packet 500: cut short")
    assert not Path("rebuilt.parquet").exists()


def test_decoding_is_timed_for_every_engine_core_and_batch(edgecodec: Command) -> None:
    shown = edgecodec("benchmark", "decode", "--seconds", "0.01", "--cores", 1, "--output", "speed.json").out
    figures = read_json(Path("speed.json"))
    assert [figure["batch"] for figure in figures] == 2 * [2**power for power in range(11)]
    assert [figure["engine"] for figure in figures] == 11 * ["onnxruntime"] + 11 * ["torch"]
    assert all(figure["windows_per_second"] * figure["milliseconds_per_window"] == pytest.approx(1000, rel=0.01)
               for figure in figures)
    assert "ms per window" in shown
