"""The decoder in C rebuilds what the one in Python does, and refuses what is not a sound packet of its model."""

import ctypes
import re
import shutil
import subprocess
import zlib
from collections.abc import Callable, Iterable
from ctypes import Structure, c_bool, c_float, c_size_t, c_uint16, c_uint32, c_void_p
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from compilers import every_compiler, installed_compilers
from deploy.factory import Sizes, edge_like, random_words
from deploy.random_codecs import random_codec, small_sizes
from fuzzing import OPTIONS, fuzz
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from packets.test_series import windows_in_a_row

from edgecodec.commands.decoder import decoder_c
from edgecodec.deploy.decoder_package import MODEL
from edgecodec.deploy.export import export_codec
from edgecodec.deploy.export_receiver import export_receiver
from edgecodec.errors import EdgeCodecError
from edgecodec.model.kinds import KINDS
from edgecodec.packets.decoder import PacketDecoder
from edgecodec.packets.frame import frame, series, unframe
from edgecodec.packets.indices import Indices
from edgecodec.packets.kind import PacketKind
from edgecodec.packets.link import Link
from edgecodec.packets.monitor import Remarks
from edgecodec.packets.network import save_codec
from edgecodec.packets.packet import PacketFormat, pack, pack_exact
from edgecodec.packets.packet_file import write_packets
from edgecodec.packets.series import SeriesWindow
from edgecodec.simulators.toolchain import Toolchain

FUZZ_TARGET = Path(__file__).with_name("fuzz_decoder.c")
TOLERANCE = 1e-5  # of the window's largest value: sums in another order
CHANNELS = 7  # odd: the mask of faulty channels has a bit to spare, and the latent a coordinate
MONITORED = "edge, monitored"
(DECODED, _, ALIGNMENT, MODEL_DAMAGED, WORKSPACE, DAMAGED, FOREIGN, KIND, RATE, LENGTH, REMARKS, PAYLOAD,
 END) = range(13)
Windows = NDArray[np.float32]


class Decoded(Structure):
    _fields_ = (("rate", c_uint32), ("sequence", c_uint16), ("estimated_error", c_float), ("unlike_training", c_bool),
                ("faulty_channels", c_uint32))


class SeriesReader(Structure):
    _fields_ = (("decoder", c_void_p), ("payload", c_void_p), ("payload_bytes", c_size_t), ("memory", c_void_p),
                ("rate", c_uint32), ("windows", c_uint32), ("decoded", c_uint32), ("sequence", c_uint16))


@dataclass(frozen=True)
class InPython:
    decoder: PacketDecoder
    folder: Path  # of the package

    @property
    def form(self) -> PacketFormat:
        return self.decoder.form

    def packet(self, kind: PacketKind, rate: int, seed: int, remarks: Remarks | None = None) -> bytes:
        """Of random words."""
        draw = np.random.default_rng(seed)
        quantizer = self.decoder.codec.quantizers[kind]
        regime = np.uint16(draw.integers(0, quantizer.regimes))
        words = random_words(draw, quantizer, rate, int(regime))
        return pack(self.form, rate, seed, Indices(regime, words), kind, remarks)  # type: ignore[arg-type]


class InC:
    """The library, and a window with a margin that nothing may touch."""

    def __init__(self, library: Path, model: bytes, shape: tuple[int, int]) -> None:
        self.library = ctypes.CDLL(str(library))
        self.library.ec_decoder_workspace.restype = self.library.ec_decoder_series_memory.restype = c_size_t
        self.model = ctypes.create_string_buffer(model, len(model))
        self.decoder = c_void_p()
        assert self.open(self.model) == DECODED
        self.workspace = np.empty(self.library.ec_decoder_workspace(ctypes.byref(self.decoder)), np.uint8)
        self.padded = np.full(shape[0] * shape[1] + 64, 7, np.float32)
        self.window = self.padded[32:-32].reshape(shape)
        self.series_bytes = self.library.ec_decoder_series_memory(ctypes.byref(self.decoder))
        self.series_memory = np.full(8 * (self.series_bytes // 8 + 2), 0xEE, np.uint8)

    def open(self, model: ctypes.Array[ctypes.c_char]) -> int:
        opened = c_void_p()
        status = self.library.ec_decoder_open(ctypes.byref(opened), model, c_size_t(len(model)))
        if status == DECODED:
            self.decoder = opened
        return int(status)

    def decode(self, packet: bytes, workspace_less: int = 0) -> tuple[int, Decoded]:
        decoded = Decoded()
        self.padded[:] = 7
        status = self.library.ec_decode(
            ctypes.byref(self.decoder), packet, c_size_t(len(packet)), c_void_p(self.workspace.ctypes.data),
            c_size_t(self.workspace.size - workspace_less), c_void_p(self.window.ctypes.data), ctypes.byref(decoded))
        if status != DECODED:
            assert (self.padded == 7).all()
            assert bytes(decoded) == bytes(ctypes.sizeof(Decoded))
        assert (self.padded[:32] == 7).all()
        assert (self.padded[-32:] == 7).all()
        return int(status), decoded

    def open_series(self, series: SeriesReader, data: bytes, link: Link, expected: int, memory_less: int = 0,
                    misplaced: int = 0) -> int:
        """``data`` has to outlive ``series``."""
        return int(self.library.ec_open_series(
            ctypes.byref(series), ctypes.byref(self.decoder), c_uint32(list(Link).index(link)), data,
            c_size_t(len(data)), c_uint16(expected), c_void_p(self.series_memory.ctypes.data + misplaced),
            c_size_t(self.series_bytes - memory_less)))

    def decode_series(self, data: bytes, link: Link, expected: int) -> tuple[int, list[Decoded], Windows]:
        """The status in the end, and the windows before it."""
        series, told, windows = SeriesReader(), [], []
        status = self.open_series(series, data, link, expected)
        while status == DECODED:
            decoded = Decoded()
            status = self.library.ec_decode_next(
                ctypes.byref(series), c_void_p(self.workspace.ctypes.data), c_size_t(self.workspace.size),
                c_void_p(self.window.ctypes.data), ctypes.byref(decoded))
            if status == DECODED:
                told.append(decoded)
                windows.append(self.window.copy())
        assert (self.series_memory[self.series_bytes :] == 0xEE).all()
        return status, told, np.array(windows, np.float32)


@pytest.fixture(scope="module")
def in_python(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], InPython]:
    @cache
    def make(name: str) -> InPython:
        folder = tmp_path_factory.mktemp("codec")
        codec = random_codec(small_sizes(repository).model_copy(update={"codec": name.split(",")[0]}), CHANNELS)
        exported = export_codec(codec)
        if name == MONITORED:
            exported = replace(exported, monitor=edge_like(Sizes(channels=CHANNELS, monitored=True)).monitor)
        save_codec(exported, folder / "float16")
        export_receiver(codec, exported, folder / "receiver")
        decoder_c(folder / "decoder", folder)
        return InPython(PacketDecoder.open(folder / "receiver", folder / "float16"), folder / "decoder")

    return make


def build(compiler: Toolchain, package: Path, target: Path, *options: str, main: bool = False) -> Path:
    sources = [*sorted(package.glob("*.c")), *(sorted((package / "examples").glob("*.c")) if main else [])]
    compiler.build("host", sources, target, includes=[package],
                   options=(*options, "-Wl,--no-as-needed", "-lm"))  # which comes before what needs it
    return target


@pytest.fixture(scope="module")
def in_c(in_python: Callable[[str], InPython], toolchain: Toolchain) -> Callable[[str], InC]:
    @cache
    def make(name: str) -> InC:
        package = in_python(name).folder
        library = build(toolchain, package, package.parent / "decoder.so", "-O2", "-shared", "-fPIC")
        return InC(library, (package / MODEL).read_bytes(), (CHANNELS, 800))

    return make


def sealed(content: bytes) -> bytes:
    return content + zlib.crc32(content).to_bytes(4, "little")


def farthest(window: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    """Of the window's largest value."""
    return float(np.abs(window - expected).max() / np.abs(expected).max())


@pytest.mark.parametrize("name", KINDS)
def test_windows_are_pythons(name: str, in_python: Callable[[str], InPython], in_c: Callable[[str], InC]) -> None:
    python, c = in_python(name), in_c(name)
    for kind in python.decoder.codec.quantizers:
        for rate in python.form.rates:
            for seed in range(3):
                packet = python.packet(kind, rate, seed)
                status, decoded = c.decode(packet)
                assert status == DECODED
                assert farthest(c.window, python.decoder.decode([packet]).windows[0]) < TOLERANCE
                assert (decoded.rate, decoded.sequence, decoded.unlike_training) == (rate, seed, False)
                assert np.isnan(decoded.estimated_error)


def remarks(error: float, unlike: float, faulty: tuple[int, ...]) -> Remarks:
    return Remarks(np.full(4, error, np.float32), np.zeros(4, np.float32), 1.0, np.float32(unlike),  # type: ignore[arg-type]
                   np.isin(np.arange(CHANNELS), faulty))


@pytest.mark.parametrize("kind", [PacketKind.FIXED_LENGTH, PacketKind.CODED])
@pytest.mark.parametrize("said", [remarks(3, 0, ()), remarks(0.1, 2, (2, 6)), remarks(1e9, 0, (0,))])
def test_remarks_are_told_and_faulty_channels_are_no_numbers(
        kind: PacketKind, said: Remarks, in_python: Callable[[str], InPython], in_c: Callable[[str], InC]) -> None:
    python, c = in_python("edge"), in_c("edge")
    packet = python.packet(kind, 2, 5, said)
    expected = python.decoder.decode([packet])
    status, decoded = c.decode(packet)
    assert status == DECODED
    assert decoded.estimated_error == expected.estimated_error[0]
    assert decoded.unlike_training == expected.unlike_training[0]
    assert decoded.faulty_channels == expected.faulty.sum()
    np.testing.assert_allclose(c.window, expected.windows[0], rtol=0,
                               atol=TOLERANCE * np.nanmax(np.abs(expected.windows)))


@pytest.mark.parametrize("kind", [PacketKind.FIXED_LENGTH, PacketKind.CODED])
def test_any_flipped_bit_and_any_cut_is_refused(
        kind: PacketKind, in_python: Callable[[str], InPython], in_c: Callable[[str], InC]) -> None:
    packet, c = in_python("edge").packet(kind, 1, 5), in_c("edge")
    for bit in range(8 * len(packet)):
        damaged = bytearray(packet)
        damaged[bit // 8] ^= 1 << bit % 8
        assert c.decode(bytes(damaged))[0] == DAMAGED
    assert {c.decode(packet[:length])[0] for length in range(len(packet))} == {DAMAGED}


def test_a_refusal_says_why(in_python: Callable[[str], InPython], in_c: Callable[[str], InC]) -> None:
    python, c = in_python("edge"), in_c("edge")
    body = bytearray(python.packet(PacketKind.FIXED_LENGTH, 1, 5)[:-4])

    def status_with(place: int, value: int, more: bytes = b"") -> int:
        changed = bytearray(body)
        changed[place] = value
        return c.decode(sealed(bytes(changed) + more))[0]

    assert status_with(1, body[1] ^ 1) == FOREIGN
    assert c.decode(pack_exact(python.form, 0, np.zeros((CHANNELS, 800), np.int32), 1.0))[0] == KIND
    assert status_with(0, body[0] | 4) == RATE
    assert status_with(0, body[0], b"\0") == LENGTH
    assert c.decode(sealed(bytes([body[0] | 0x80, *body[1:7], 1, 0x80, *body[7:]])))[0] == REMARKS  # no such channel
    assert status_with(7, 0xff) == PAYLOAD  # the first six bits number 60 words
    coded = python.packet(PacketKind.CODED, 1, 5)[:-4]
    assert c.decode(sealed(coded + b"\0"))[0] == PAYLOAD  # the same window, written in another way
    assert c.decode(sealed(bytes(body)), workspace_less=1)[0] == WORKSPACE
    paper = in_python("paper").packet(PacketKind.FIXED_LENGTH, 1, 5)
    assert in_c("paper").decode(sealed(bytes([0x20, *paper[1:-4]])))[0] == RATE  # it has no coded packets


def assert_decodes_as_python(python: InPython, c: InC, packets: list[bytes], data: bytes, link: Link) -> None:
    """``data`` is the frame of ``packets``."""
    expected = python.decoder.decode(packets)
    status, told, windows = c.decode_series(data, link, int(expected.sequence[0]))
    assert status == END
    assert [each.rate for each in told] == expected.rate.tolist()
    assert [each.sequence for each in told] == expected.sequence.tolist()
    assert [each.unlike_training for each in told] == expected.unlike_training.tolist()
    assert [each.faulty_channels for each in told] == expected.faulty.sum(axis=1).tolist()
    np.testing.assert_array_equal([each.estimated_error for each in told], expected.estimated_error)
    for window, of_python in zip(windows, expected.windows, strict=True):
        np.testing.assert_allclose(window, of_python, rtol=0, atol=TOLERANCE * np.nanmax(np.abs(of_python), initial=0))


@pytest.mark.parametrize("link", Link)
@pytest.mark.parametrize("name", ["edge", MONITORED])
def test_windows_of_a_series_are_pythons(
        name: str, link: Link, in_python: Callable[[str], InPython], in_c: Callable[[str], InC]) -> None:
    python, c = in_python(name), in_c(name)
    for rate in python.form.rates:
        for count in (1, 2, 7, 16):
            packets = windows_in_a_row(python.decoder.codec, count, 10 * count + rate, rate)
            assert_decodes_as_python(python, c, packets, series(python.form, packets, link), link)


@pytest.mark.parametrize("name", ["edge", MONITORED])
def test_a_series_with_a_flipped_bit_or_a_cut_is_refused(
        name: str, in_python: Callable[[str], InPython], in_c: Callable[[str], InC]) -> None:
    python, c = in_python(name), in_c(name)
    data = series(python.form, windows_in_a_row(python.decoder.codec, 5), Link.RADIO)
    for bit in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        assert c.decode_series(bytes(damaged), Link.RADIO, 0)[0] == DAMAGED
    assert {c.decode_series(data[:length], Link.RADIO, 0)[0] for length in range(len(data))} == {DAMAGED}


@settings(max_examples=100)
@given(data=st.data(), name=st.sampled_from(["edge", MONITORED]), seed=st.integers(0, 3), rate=st.integers(1, 4))
def test_a_damaged_series_is_judged_as_python_judges_it(
        in_python: Callable[[str], InPython], in_c: Callable[[str], InC], data: st.DataObject, name: str, seed: int,
        rate: int) -> None:
    """On a checked link nothing but the payload itself tells."""
    python, c = in_python(name), in_c(name)
    packets = windows_in_a_row(python.decoder.codec, 1 + seed, seed, rate, sequence=9)
    damaged = bytearray(series(python.form, packets, Link.CHECKED))
    for _ in range(data.draw(st.integers(0, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    del damaged[data.draw(st.integers(1, len(damaged))) :]
    damaged += data.draw(st.binary(max_size=2))
    damaged[0] |= 0xC2
    damaged[0] &= 0xFE
    try:
        packets = unframe(python.form, bytes(damaged), Link.CHECKED, 9)
    except EdgeCodecError:
        assert c.decode_series(bytes(damaged), Link.CHECKED, 9)[0] in (RATE, PAYLOAD)
    else:
        assert_decodes_as_python(python, c, packets, bytes(damaged), Link.CHECKED)


class Lie(tuple[bool, ...]):
    """Channels that a sender takes for those told last, or for others, whatever they are."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, channels: Iterable[bool], as_told: bool = False) -> None:
        self.as_told = as_told

    def __new__(cls, channels: Iterable[bool], as_told: bool = False) -> "Lie":
        return super().__new__(cls, channels)

    def __eq__(self, other: object) -> bool:
        return self.as_told


SECOND = np.eye(CHANNELS, dtype=bool)[1].tolist()


@pytest.mark.parametrize("told", [(Lie([False] * CHANNELS),), (Lie(SECOND, as_told=True),), (Lie(SECOND), Lie(SECOND))],
                         ids=["none", "nothing was told", "the same again"])
def test_faulty_channels_told_in_a_way_that_no_node_does_are_refused(
        told: tuple[Lie, ...], in_python: Callable[[str], InPython], in_c: Callable[[str], InC]) -> None:
    python, c = in_python(MONITORED), in_c(MONITORED)
    form = python.form.series
    payload = form.encode(1, [SeriesWindow(0, [0] * form.scalars.coordinates, faulty=each) for each in told])
    data = bytes([0xC2 | len(told) - 1 << 2]) + payload
    with pytest.raises(EdgeCodecError, match="the sender is faulty"):
        unframe(python.form, data, Link.CHECKED)
    assert c.decode_series(data, Link.CHECKED, 0)[0] == PAYLOAD


def test_a_refused_series_says_why(in_python: Callable[[str], InPython], in_c: Callable[[str], InC]) -> None:
    python, c = in_python("edge"), in_c("edge")
    packets, reader = windows_in_a_row(python.decoder.codec, 3), SeriesReader()
    data = series(python.form, packets, Link.RADIO)
    assert c.open_series(reader, data, Link.RADIO, 0, memory_less=1) == WORKSPACE
    assert c.open_series(reader, data, Link.RADIO, 0, misplaced=4) == ALIGNMENT
    assert c.open_series(reader, frame(python.form, packets[0], Link.RADIO), Link.RADIO, 0) == KIND
    assert in_c("transform").open_series(reader, data[:-2], Link.CHECKED, 0) == RATE
    assert bytes(reader) == bytes(ctypes.sizeof(reader))


def test_a_damaged_model_is_refused(in_c: Callable[[str], InC]) -> None:
    c = in_c("transform")
    for place in (0, 4, 8, 12, 16, 100, len(c.model) - 1):
        damaged = bytearray(c.model.raw)
        damaged[place] ^= 1
        assert c.open(ctypes.create_string_buffer(bytes(damaged), len(damaged))) == MODEL_DAMAGED
    assert c.open(ctypes.create_string_buffer(c.model.raw[:-4], len(c.model) - 4)) == MODEL_DAMAGED


@settings(max_examples=300)
@given(first=st.integers(0, 255), content=st.binary(max_size=120))
def test_sealed_nonsense_is_judged_as_python_judges_it(
        in_python: Callable[[str], InPython], in_c: Callable[[str], InC], first: int, content: bytes) -> None:
    python, c = in_python("edge"), in_c("edge")
    packet = sealed(bytes([first]) + python.form.model_id + content)
    status, _ = c.decode(packet)
    assert (status in (DECODED, KIND)) or python.decoder.flaws([packet])
    if status == DECODED:
        assert not python.decoder.flaws([packet])


@pytest.fixture(scope="module")
def sanitized(in_python: Callable[[str], InPython]) -> Path:
    """The program under sanitizers."""
    package = in_python("edge").folder
    reasons = []
    for compiler in installed_compilers("host"):
        if compiler.name == "zig":  # it has no address sanitizer, and says nothing
            continue
        try:
            return build(compiler, package, package.parent / "sanitized", "-O1", "-g", "-fsanitize=address,undefined",
                         "-fno-sanitize-recover=all", main=True)
        except EdgeCodecError as failure:
            reasons.append(str(failure))
    pytest.skip("; ".join(reasons))


def test_sanitizers_find_nothing_in_nonsense(in_python: Callable[[str], InPython], sanitized: Path,
                                             tmp_path: Path) -> None:
    python, draw = in_python("edge"), np.random.default_rng(8)
    sound = python.packet(PacketKind.CODED, 4, 1)
    nonsense = [sealed(bytes([draw.integers(256)]) + python.form.model_id + draw.bytes(int(draw.integers(100))))
                for _ in range(400)]
    lengths = [7 + python.form.fixed_length.size(rate) for rate in python.form.rates]
    nonsense += [sealed(bytes([0x10 | rate]) + python.form.model_id + draw.bytes(lengths[rate] - 5))
                 for rate in range(4) for _ in range(20)]
    packets = [sound, *nonsense]
    write_packets(tmp_path / "packets.ecp", packets)
    with (tmp_path / "packets.ecp").open("rb") as file:
        finished = subprocess.run([sanitized, python.folder / MODEL], stdin=file, capture_output=True, check=False)
    lines = finished.stderr.decode().splitlines()
    assert all(line.startswith("packet ") for line in lines), lines[:20]
    refused = {int(number): int(status) for number, status in
               (line.removeprefix("packet ").split(": refused with status ") for line in lines)}
    assert set(refused.values()) == {DAMAGED, KIND, RATE, LENGTH, REMARKS, PAYLOAD}
    flaws = python.decoder.flaws(packets)
    assert {number for number, status in refused.items() if status != KIND} == {
        number for number in flaws if refused.get(number) != KIND}
    windows = np.frombuffer(finished.stdout, "<f4").reshape(-1, CHANNELS, 800)
    assert len(windows) == len(packets)
    assert farthest(windows[0], python.decoder.decode([sound]).windows[0]) < TOLERANCE
    np.testing.assert_array_equal(np.isnan(windows).all(axis=(1, 2)), [n in refused for n in range(len(packets))])


# One check each that the decoder could have lacked: where it stands, and what takes its place.
MISSING_CHECKS = {
    "rate": ("series.c", "opened.rate > ec_header(decoder)->rates", "opened.rate > 99"),
    "end": ("range_reader.c", "i < reader->bytes ? reader->payload[i] : 0u", "reader->payload[i]"),
    "length": ("series.c", "bytes < before + behind", "bytes == 0"),
    "memory": ("series.c", "+ header->dimension * sizeof", "+ (header->dimension - 1) * sizeof"),
    "payload": ("decoder.c", "parts->payload_bytes != (payload_bits + 7) / 8", "parts->payload_bytes == 0"),
}


def fuzz_decoder(compiler: Toolchain, python: InPython, package: Path, work: Path,
                 seconds: int) -> subprocess.CompletedProcess[str]:
    """From one sound input of every kind on, and one cut short."""
    packets = windows_in_a_row(python.decoder.codec, 3, rate=4)
    inputs = [b"p" + packet[:1] + packet[5:-4] for packet in (packets[0], python.packet(PacketKind.FIXED_LENGTH, 4, 5))]
    inputs += [link.value[:1].encode() + series(python.form, packets, link) for link in Link]
    inputs.append(inputs[-2][:3])
    (work / "corpus").mkdir()
    for number, content in enumerate(inputs):
        (work / "corpus" / str(number)).write_bytes(content)
    shutil.copy(package / MODEL, work)
    sources = [path for path in sorted(package.glob("*.c")) if path.name != "network.c"]
    compiler.build("host", [*sources, FUZZ_TARGET], work / "fuzz", includes=[package],
                   options=(*OPTIONS, "-Wl,--no-as-needed", "-lm"))
    return fuzz(work / "fuzz", seconds, work / "corpus")


@pytest.mark.tools
@pytest.mark.parametrize("seconds", [5, pytest.param(600, marks=[pytest.mark.slow, pytest.mark.timeout(900)])])
def test_the_fuzzer_finds_nothing(
        fuzzing: Toolchain, in_python: Callable[[str], InPython], tmp_path: Path, seconds: int) -> None:
    python = in_python(MONITORED)
    finished = fuzz_decoder(fuzzing, python, python.folder, tmp_path, seconds)
    assert finished.returncode == 0, finished.stderr[-4000:]
    assert "DONE" in finished.stderr


@pytest.mark.tools
@pytest.mark.parametrize("check", MISSING_CHECKS)
def test_the_fuzzer_finds_a_check_that_is_missing(
        fuzzing: Toolchain, in_python: Callable[[str], InPython], tmp_path: Path, check: str) -> None:
    python, (source, present, absent) = in_python(MONITORED), MISSING_CHECKS[check]
    broken = tmp_path / "decoder"
    shutil.copytree(python.folder, broken)
    text = (broken / source).read_text()
    assert text.count(present) == 1
    (broken / source).write_text(text.replace(present, absent))
    assert fuzz_decoder(fuzzing, python, broken, tmp_path, 60).returncode != 0


def test_a_folder_of_something_else_stays(in_python: Callable[[str], InPython], tmp_path: Path) -> None:
    artifacts = in_python("transform").folder.parent
    (tmp_path / "mine.txt").write_text("kept")
    with pytest.raises(EdgeCodecError, match=re.escape(f"{tmp_path}: ")):
        decoder_c(tmp_path, artifacts)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    decoder_c(tmp_path / "decoder", artifacts)
    decoder_c(tmp_path / "decoder", artifacts)  # one of its own is replaced


@pytest.mark.parametrize("compiler", every_compiler("host"))
def test_every_compiler_builds_it_without_a_warning(compiler: Toolchain, in_python: Callable[[str], InPython],
                                                    tmp_path: Path) -> None:
    build(compiler, in_python("transform").folder, tmp_path / "decode", "-O3", main=True)
