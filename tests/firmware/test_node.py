"""The example of a node, as a program on this host: sensors on stdin, radio on stdout."""

import ctypes
import re
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from deploy.factory import Sizes, edge_like, paper_like, random_windows
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection
from firmware.conftest import Generate
from numpy.typing import NDArray
from typer.testing import CliRunner

from edgecodec.cli import app
from edgecodec.data.windows import WindowSet
from edgecodec.deploy.export import export_codec
from edgecodec.deploy.export_receiver import export_receiver
from edgecodec.deploy.golden import escape_of
from edgecodec.deploy.oracle import encode
from edgecodec.model.codec import Codec
from edgecodec.packets.decoder import PacketDecoder
from edgecodec.packets.kind import PacketKind
from edgecodec.packets.network import ExportedCodec, save_codec
from edgecodec.packets.packet import PacketFormat, open_packet, pack, unpack
from edgecodec.packets.packet_file import packets_in, write_packets
from edgecodec.simulators.firmware import Firmware
from edgecodec.simulators.toolchain import CortexM, Machine, Toolchain

CODEC = edge_like(Sizes(seed=5, regimes=2, rates=4, stages_per_rate=2, coded_codewords=4))
UNDEFINED_TRAPS = ("-O1", "-fsanitize=undefined", "-fsanitize-trap=undefined")
PERFECT = "60 100"
CLIMBING = (1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 4)  # after three calm windows one more, up to four


@dataclass(frozen=True)
class Node:
    program: Path
    packets: Path

    def run(self, windows: NDArray[np.float32], states: str, *options: str) -> str:
        """What it says at its end; the packets are in the file."""
        (self.packets.parent / "states.txt").write_text(states)
        with self.packets.open("wb") as output:
            finished = subprocess.run([self.program, *options, self.packets.parent / "states.txt"],
                                      input=windows.astype("<f4").tobytes(), stdout=output, stderr=subprocess.PIPE,
                                      check=True, timeout=60)
        return finished.stderr.decode()


@pytest.fixture
def node(generate: Generate, toolchain: Toolchain, tmp_path: Path) -> Callable[[ExportedCodec], Node]:
    def build(codec: ExportedCodec) -> Node:
        folder = generate(codec)
        program, firmware = folder / "node", Firmware.open(folder)
        if not program.exists():
            sources = [path for path in firmware.sources("serial") if path.name != "verify.c"]
            toolchain.build("host", [*sources, *sorted((folder / "examples").glob("*.c"))], program,
                            includes=firmware.includes("serial"), options=UNDEFINED_TRAPS)
        return Node(program, tmp_path / "packets.ecp")

    return build


def rates_of(codec: ExportedCodec, packets: Path) -> list[int]:
    return [unpack(PacketFormat.of(codec), packet).rate for packet in packets_in(packets)]


@pytest.fixture(params=["validation", "real"])
def windows(request: pytest.FixtureRequest, validation: WindowSet, codec: Codec) -> NDArray[np.float32]:
    """[n, samples, channels]"""
    if request.param == "validation":
        found = validation.inputs()
    else:
        found = np.load(request.getfixturevalue("real_windows") / "dev.npz")["x"]
    return np.ascontiguousarray(found[: len(CLIMBING)].transpose(0, 2, 1))


@pytest.mark.parametrize("kind", [PacketKind.FIXED_LENGTH, PacketKind.CODED])
def test_its_packets_are_the_python_ones_and_decode_to_the_same_windows(
        codec: Codec, windows: NDArray[np.float32], node: Callable[[ExportedCodec], Node], tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch, kind: PacketKind) -> None:
    exported = export_codec(codec)
    node_of_codec = node(exported)
    options = ("--coded",) if kind is PacketKind.CODED else ()
    assert node_of_codec.run(windows, PERFECT, *options) == f"node: {len(windows)} windows, 0 refused\n"

    form, encoding = PacketFormat.of(exported), encode(exported, windows)
    expected = [pack(form, rate, number, encoding.indices(kind)[number], kind)
                for number, rate in zip(range(len(windows)), CLIMBING, strict=False)]
    write_packets(tmp_path / "expected.ecp", expected)
    assert node_of_codec.packets.read_bytes() == (tmp_path / "expected.ecp").read_bytes()

    save_codec(exported, tmp_path / "artifacts/float16")
    export_receiver(codec, exported, tmp_path / "artifacts/receiver")
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(app, ["decode", "packets.ecp", "rebuilt.npz"]).exit_code == 0
    decoder = PacketDecoder.open(tmp_path / "artifacts/receiver", tmp_path / "artifacts/float16")
    with np.load("rebuilt.npz") as rebuilt:
        np.testing.assert_array_equal(rebuilt["x"], decoder.decode(expected).windows)
        assert rebuilt["sequence"].tolist() == list(range(len(windows)))
        assert tuple(rebuilt["rate"].tolist()) == CLIMBING[: len(windows)]


@pytest.mark.parametrize(("states", "expected"), [
    ([PERFECT], CLIMBING),
    (["-5 100"], [1] * 6),
    (["60 10"], [1] * 6),
    (["14 100"], [1, 1, 2, 2, 2, 2, 2]),
    (["13 100"], [1] * 6),  # rate 2 would be allowed, but not with 2 dB in reserve
    (["60 63"], [1, 1, 2, 2, 2, 3, 3, 3, 3]),
    (["60 62"], [1, 1, 2, 2, 2, 2, 2, 2, 2]),
    ([*[PERFECT] * 9, "12 100", *[PERFECT] * 3], [*CLIMBING[:9], 2, 2, 2, 3]),  # down at once, up one by one
    ([*[PERFECT] * 9, "60 5"], [*CLIMBING[:9], 1, 1]),
    ([*["14 100"] * 3, *["12 100", "18 100"] * 4], [1, 1, *[2] * 9]),  # a link at a threshold
    ([*["20 100", "20 100", "19 100"] * 3], [1, 1, 2, 2, 2, 2, 2, 2, 2]),  # never three calm windows in a row
])
def test_the_rate_follows_link_and_battery_without_swinging(
        node: Callable[[ExportedCodec], Node], states: list[str], expected: Sequence[int]) -> None:
    a_node = node(CODEC)
    a_node.run(random_windows(CODEC, len(expected)), "\n".join(states))
    assert rates_of(CODEC, a_node.packets) == list(expected)


def test_a_refused_window_leaves_a_gap_in_the_sequence(node: Callable[[ExportedCodec], Node]) -> None:
    a_node, windows = node(CODEC), random_windows(CODEC, 5)
    windows[2, 7, 1] = np.nan
    assert a_node.run(windows, PERFECT) == "node: 5 windows, 1 refused\n"
    form = PacketFormat.of(CODEC)
    assert [unpack(form, packet).sequence for packet in packets_in(a_node.packets)] == [0, 1, 3, 4]


def test_a_frame_limits_the_packets(node: Callable[[ExportedCodec], Node]) -> None:
    a_node, form, windows = node(CODEC), PacketFormat.of(CODEC), random_windows(CODEC, len(CLIMBING))
    a_node.run(windows, PERFECT, "--frame", str(form.packet_bytes(3) - 1))
    assert rates_of(CODEC, a_node.packets) == [min(rate, 2) for rate in CLIMBING]
    a_node.run(windows, PERFECT, "--coded", "--frame", str(form.packet_bytes_max(2)))
    received = [unpack(form, packet) for packet in packets_in(a_node.packets)]
    assert [packet.rate for packet in received] == list(CLIMBING)
    for packet in received:  # coded while the longest coded packet would fit
        assert packet.kind is (PacketKind.CODED if packet.rate <= 2 else PacketKind.FIXED_LENGTH)
    said = a_node.run(windows, PERFECT, "--frame", str(form.packet_bytes(1) - 1))
    assert said == f"node: {len(windows)} windows, {len(windows)} refused\n"
    assert list(packets_in(a_node.packets)) == []


def test_a_model_without_coded_packets_sends_the_others(node: Callable[[ExportedCodec], Node]) -> None:
    codec = paper_like(Sizes(seed=5, rates=4))
    a_node = node(codec)
    a_node.run(random_windows(codec, 2), PERFECT, "--coded")
    assert rates_of(codec, a_node.packets) == [1, 1]


def test_an_escape_takes_over_where_no_rate_keeps_the_bound(node: Callable[[ExportedCodec], Node]) -> None:
    codec = edge_like(Sizes(seed=5, rates=4, stages_per_rate=2, channels=12, monitored=True))
    a_node, form, windows = node(codec), PacketFormat.of(codec), random_windows(codec, 4)
    assert a_node.run(windows, PERFECT, "--within", "2", "--escape") == (
        "node: 4 windows, 0 refused\nnode: 0 over the bound, 4 escapes\n")
    encoding = encode(codec, windows)
    escapes = [escape_of(codec, encoding, number, 2) for number in range(4)]
    assert list(packets_in(a_node.packets)) == escapes
    assert a_node.run(windows, PERFECT, "--within", "2") == (
        "node: 4 windows, 0 refused\nnode: 4 over the bound, 0 escapes\n")
    frame = sorted(map(len, escapes))[1]  # too small for some
    said = a_node.run(windows, PERFECT, "--frame", str(frame), "--within", "2", "--escape")
    fit = [len(packet) <= frame for packet in escapes]
    assert said == f"node: 4 windows, 0 refused\nnode: {4 - sum(fit)} over the bound, {sum(fit)} escapes\n"
    kinds = [open_packet(form, packet).kind is PacketKind.ESCAPE for packet in packets_in(a_node.packets)]
    assert kinds == fit


class Sampler(ctypes.Structure):
    _fields_ = (("windows", ctypes.c_float * (2 * CODEC.samples * CODEC.channels)), ("numbers", ctypes.c_uint16 * 2),
                ("filled", ctypes.c_uint32), ("released", ctypes.c_uint32), ("row", ctypes.c_uint32),
                ("number", ctypes.c_uint16), ("skipping", ctypes.c_bool))


class FullWindow(ctypes.Structure):
    _fields_ = (("samples", ctypes.POINTER(ctypes.c_float)), ("number", ctypes.c_uint16))


def test_two_windows_wait_and_more_are_lost_whole(generate: Generate, toolchain: Toolchain, tmp_path: Path) -> None:
    folder = generate(CODEC)
    toolchain.build("host", [folder / "examples" / "sampler.c"], tmp_path / "sampler.so",
                    includes=[folder / "include"], options=("-O1", "-shared", "-fPIC"))
    functions, sampler = ctypes.CDLL(str(tmp_path / "sampler.so")), Sampler()
    functions.ec_sampler_full.restype = FullWindow
    functions.ec_sampler_begin(ctypes.byref(sampler))
    windows = random_windows(CODEC, 6)

    def put(window: NDArray[np.float32]) -> None:
        for sample in np.ascontiguousarray(window):
            functions.ec_sampler_put(ctypes.byref(sampler), ctypes.c_void_p(sample.ctypes.data))

    def take() -> int | None:
        """The number of the oldest window, whose samples are as they were put, all of one window."""
        full = functions.ec_sampler_full(ctypes.byref(sampler))
        if not full.samples:
            return None
        samples = np.ctypeslib.as_array(full.samples, (CODEC.samples, CODEC.channels))
        np.testing.assert_array_equal(samples, windows[full.number])
        functions.ec_sampler_release(ctypes.byref(sampler))
        return int(full.number)

    half = CODEC.samples // 2
    put(windows[0][:half])
    assert take() is None
    put(windows[0][half:])
    assert take() == 0
    put(windows[1])
    put(windows[2])
    put(windows[3][:half])  # nobody took one: this one is lost
    assert take() == 1
    put(windows[3][half:])  # even though there would be room by now
    put(windows[4])
    assert [take(), take(), take()] == [2, 4, None]
    put(windows[5])
    assert take() == 5


def test_fences_order_the_samples_and_the_counters(generate: Generate, toolchain: Toolchain, tmp_path: Path) -> None:
    """Beside each access by one side to what the other side waits for: `dmb sy`, or `dmb ish`."""
    folder = generate(CODEC)
    toolchain.build("cortex-m4", [folder / "examples" / "sampler.c"], tmp_path / "sampler.o",
                    includes=[folder / "include"], options=("-O2", "-c", "-ffunction-sections"))
    with (tmp_path / "sampler.o").open("rb") as file:
        fences = {section.name.removeprefix(".text."): len(re.findall(rb"\xbf\xf3[\x5b\x5f]\x8f", section.data()))
                  for section in ELFFile(file).iter_sections() if section.name.startswith(".text.")}
    assert fences == {"ec_sampler_begin": 0, "ec_sampler_put": 2, "ec_sampler_full": 1, "ec_sampler_release": 1}


@pytest.mark.parametrize("machine", ["riscv32", "cortex-m4", "cortex-m33"])
def test_it_compiles_for_nodes_without_heap_or_globals(
        generate: Generate, toolchain: Toolchain, tmp_path: Path, machine: Machine | CortexM) -> None:
    firmware, options = Firmware.open(generate(CODEC)), ("-O2", "-c", "-Wno-unused-command-line-argument")
    for name in ("node", "sampler", "rate_policy"):
        built = tmp_path / f"{name}.o"
        toolchain.build(machine, [firmware.folder / "examples" / f"{name}.c"], built,
                        includes=firmware.includes("serial"), options=options)
        with built.open("rb") as file:
            elf = ELFFile(file)
            table = elf.get_section_by_name(".symtab")
            assert isinstance(table, SymbolTableSection)
            assert not any(section["sh_size"] for section in elf.iter_sections()
                           if section.name.startswith((".data", ".bss", ".sdata", ".sbss")))
            undefined = {symbol.name for symbol in table.iter_symbols() if symbol["st_shndx"] == "SHN_UNDEF"}
        assert all(symbol.startswith(("ec_", "codec_")) or symbol in ("", "memcpy") for symbol in undefined), undefined
