"""The example of a node, as a program on this host: sensors on stdin, radio on stdout."""

import re
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from deploy.factory import L1_STACK_BYTES, Sizes, edge_like, paper_like, random_windows
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection
from firmware.conftest import Generate
from numpy.typing import NDArray
from packets.random_indices import assert_same
from typer.testing import CliRunner

from edgecodec.cli import app
from edgecodec.data.windows import WindowSet
from edgecodec.deploy.emit import write_firmware
from edgecodec.deploy.export import export_codec
from edgecodec.deploy.export_receiver import export_receiver
from edgecodec.deploy.golden import escape_of
from edgecodec.deploy.oracle import encode
from edgecodec.errors import EdgeCodecError
from edgecodec.model.codec import Codec
from edgecodec.packets.decoder import PacketDecoder
from edgecodec.packets.frame import frame, frame_bytes, unframe_all, windows_in
from edgecodec.packets.kind import PacketKind
from edgecodec.packets.link import Link
from edgecodec.packets.network import ExportedCodec, save_codec
from edgecodec.packets.packet import PacketFormat, open_packet, pack, read_header, unpack
from edgecodec.packets.packet_file import packets_in, write_packets
from edgecodec.simulators.bare_metal import build_bare_metal
from edgecodec.simulators.firmware import Firmware
from edgecodec.simulators.qemu import ONE_WORKER, QemuSimulator, linker_script
from edgecodec.simulators.simulator import Image
from edgecodec.simulators.toolchain import CortexM, Machine, Toolchain

CODEC = edge_like(Sizes(seed=5, regimes=2, rates=4, stages_per_rate=2, coded_classes=4))
EXAMPLES = ("model_slots.c", "node.c", "rate_policy.c", "request.c")  # all but main
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
    indices = encode(CODEC, windows).indices(PacketKind.CODED)
    packets = [[pack(form, rate, number, window, PacketKind.CODED) for rate in (1, 2, 3, 4)]
               for number, window in enumerate(indices)]
    limit = max(form.packet_bytes(4), sorted(len(of_window[3]) for of_window in packets)[len(packets) // 2])
    a_node.run(windows, PERFECT, "--coded", "--frame", str(limit))
    fitting = [next((packet for packet in of_window[rate - 1 :: -1] if len(packet) <= limit), None)
               for of_window, rate in zip(packets, CLIMBING, strict=True)]
    assert list(packets_in(a_node.packets)) == [packet for packet in fitting if packet is not None]
    assert any(packet == of_window[rate - 2] for packet, of_window, rate in zip(fitting, packets, CLIMBING, strict=True)
               if rate > 1)  # at a lower rate than is allowed
    said = a_node.run(windows, PERFECT, "--frame", str(form.packet_bytes(1) - 1))
    assert said == f"node: {len(windows)} windows, {len(windows)} refused\n"
    assert list(packets_in(a_node.packets)) == []


def test_a_frame_holds_a_higher_rate_than_a_packet_of_its_size(node: Callable[[ExportedCodec], Node]) -> None:
    codec = edge_like(Sizes(seed=5, rates=4, stages_per_rate=2, channels=12, monitored=True))
    a_node, form, windows = node(codec), PacketFormat.of(codec), random_windows(codec, len(CLIMBING))
    faulty = -(-codec.channels // 8) + 1
    limit = ("--frame", str(frame_bytes(form, 3, Link.RADIO) + faulty))
    a_node.run(windows, PERFECT, *limit)
    in_packets = rates_of(codec, a_node.packets)
    a_node.run(windows, PERFECT, *limit, "--radio")
    received = unframe_all(form, packets_in(a_node.packets), Link.RADIO)
    in_frames = [unpack(form, packet).rate for packet in received]
    assert in_frames == [min(rate, 3) for rate in CLIMBING]
    assert max(in_packets, default=0) < 3


@pytest.mark.parametrize("options", [(), ("--coded",), ("--within", "2", "--radio", "--escape")], ids=" ".join)
def test_by_radio_it_sends_the_frames_of_its_packets(
        node: Callable[[ExportedCodec], Node], options: tuple[str, ...]) -> None:
    codec = edge_like(Sizes(seed=5, rates=4, stages_per_rate=2, channels=12, monitored=True, coded_classes=4))
    a_node, form, windows = node(codec), PacketFormat.of(codec), random_windows(codec, 5)
    a_node.run(windows, PERFECT, *(option for option in options if option != "--radio"))
    sent = [packet for packet in packets_in(a_node.packets) if packet is not None]
    a_node.run(windows, PERFECT, *(options if "--radio" in options else (*options, "--radio")))
    frames = list(packets_in(a_node.packets))
    assert frames == [frame(form, packet, Link.RADIO) for packet in sent]
    assert list(unframe_all(form, frames, Link.RADIO)) == sent


SHARING = ("--radio", "--together")


@pytest.mark.parametrize("windows_of_frame", ["1", "2", "6", "40"])
def test_windows_share_frames(node: Callable[[ExportedCodec], Node], windows_of_frame: str) -> None:
    """Until there are as many as wanted, the rate changes, a window is refused, or goes as an escape."""
    codec = edge_like(Sizes(seed=5, rates=2, stages_per_rate=2, channels=12, monitored=True, coded_classes=4))
    a_node, form, windows = node(codec), PacketFormat.of(codec), random_windows(codec, 30)
    windows[11, :, :6] = np.nan  # more channels than a monitor calls faulty
    a_node.run(windows, PERFECT, "--coded")
    sent = [packet for packet in packets_in(a_node.packets) if packet is not None]
    assert len(sent) == 29
    a_node.run(windows, PERFECT, "--coded", *SHARING, windows_of_frame)
    frames = list(packets_in(a_node.packets))
    assert list(unframe_all(form, frames, Link.RADIO)) == sent
    kinds = [(unpack(form, packet).rate, number > 10) for number, packet in enumerate(sent)]
    runs = [len(list(run)) for _, run in groupby(kinds)]
    most = min(int(windows_of_frame), 16)
    assert [windows_in(each) for each in frames] == [
        each for run in runs for each in [most] * (run // most) + [run % most] * (run % most > 0)]
    a_node.run(windows, PERFECT, "--coded", "--within", "2", *SHARING, windows_of_frame, "--escape")
    in_order = [number_of(packet) for packet in unframe_all(form, packets_in(a_node.packets), Link.RADIO)]
    assert in_order == [number for number in range(30) if number != 11]


def test_a_short_frame_has_fewer_windows(node: Callable[[ExportedCodec], Node]) -> None:
    """One that needs more than a frame goes at a lower rate, or not at all."""
    a_node, form, windows = node(CODEC), PacketFormat.of(CODEC), random_windows(CODEC, 12)
    limit = 24
    a_node.run(windows, PERFECT, "--coded", "--frame", str(limit), *SHARING, "16")
    frames = [each for each in packets_in(a_node.packets) if each is not None]
    assert max(map(len, frames)) <= limit
    assert max(map(windows_in, frames)) > 1
    numbers = [number_of(packet) for packet in unframe_all(form, frames, Link.RADIO)]
    assert numbers == sorted(set(numbers))
    assert len(numbers) > 6


def number_of(packet: bytes) -> int:
    return read_header(packet).sequence


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


def test_samples_that_come_too_late_are_lost_and_leave_a_gap(
        generate: Generate, toolchain: Toolchain, tmp_path: Path) -> None:
    """Nobody serves the node for a window and a half: what is full stays, and the number of the next one tells."""
    folder, codec = generate(CODEC), CODEC
    firmware, windows = Firmware.open(folder), random_windows(CODEC, 5)
    source = tmp_path / "late.c"
    source.write_text(LATE_NODE)
    toolchain.build("host", [*[path for path in firmware.sources("serial") if path.name != "verify.c"], source,
                             *(folder / "examples" / name for name in EXAMPLES)],
                    tmp_path / "late", includes=[*firmware.includes("serial"), folder / "examples"],
                    options=UNDEFINED_TRAPS)
    said = subprocess.run([tmp_path / "late"], input=windows.astype("<f4").tobytes(), check=True, capture_output=True,
                          timeout=60).stdout.decode().split()
    lost = codec.samples + codec.samples // 2
    assert int(said[0]) == lost
    packets = [unpack(PacketFormat.of(codec), bytes.fromhex(packet)) for packet in said[1:]]
    assert [packet.sequence for packet in packets] == [0, 2, 3]  # from the middle of window 2 on
    samples = windows.reshape(-1, codec.channels)
    begins = (0, codec.samples + lost, 2 * codec.samples + lost)
    for packet, begin in zip(packets, begins, strict=True):
        window = samples[begin : begin + codec.samples]
        (expected,) = encode(codec, window[np.newaxis]).indices()
        assert_same(packet.indices, expected.sent(codec.quantizer.stages_of_rate[packet.rate - 1]))


LATE_NODE = """
#include <stdio.h>
#include "node.h"
static ec_node_state perfect(void *user) { (void)user; const ec_node_state state = {60, 100}; return state; }
static void send(void *user, const uint8_t *packet, size_t bytes) {
    (void)user;
    for (size_t i = 0; i < bytes; i++) { printf("%02x", packet[i]); }
    printf(" ");
}
int main(void) {
    static _Alignas(EC_ARENA_ALIGNMENT) uint8_t arena[EC_ARENA_BYTES];
    static ec_node node;
    const ec_node_board board = {.state = perfect, .send = send, .frame_bytes = EC_PACKET_BYTES};
    if (ec_node_begin(&node, arena, sizeof arena) != EC_OK) { return 1; }
    float sample[EC_CHANNELS];
    for (uint32_t number = 0; fread(sample, sizeof sample, 1, stdin) == 1; number++) {
        ec_node_put(&node, sample);
        if (number == 2 * EC_SAMPLES + EC_SAMPLES / 2 - 1) { printf("%u ", (unsigned)node.lost); }
        if (number >= 2 * EC_SAMPLES + EC_SAMPLES / 2 - 1) { ec_node_serve(&node, &board); }
    }
    return 0;
}
"""


def test_fences_order_the_samples_and_what_is_full(generate: Generate, toolchain: Toolchain, tmp_path: Path) -> None:
    """Beside each access by one side to what the other side waits for: `dmb sy`, or `dmb ish`."""
    folder = generate(CODEC)
    toolchain.build("cortex-m4", [folder / "src" / "intake.c"], tmp_path / "intake.o",
                    includes=[folder / "include"], options=("-O2", "-c", "-ffunction-sections"))
    with (tmp_path / "intake.o").open("rb") as file:
        fences = {section.name.removeprefix(".text."): len(re.findall(rb"\xbf\xf3[\x5b\x5f]\x8f", section.data()))
                  for section in ELFFile(file).iter_sections() if section.name.startswith(".text.")}
    found = {name: count for name, count in fences.items() if count}
    assert found.keys() == {"push", "ec_intake_is_full", "ec_take_intake"}
    assert found["push"] == 2


@pytest.mark.parametrize("machine", ["riscv32", "cortex-m4", "cortex-m33"])
def test_it_compiles_for_nodes_without_heap_or_globals(
        generate: Generate, toolchain: Toolchain, tmp_path: Path, machine: Machine | CortexM) -> None:
    firmware, options = Firmware.open(generate(CODEC)), ("-O2", "-c", "-Wno-unused-command-line-argument")
    for name in EXAMPLES:
        built = tmp_path / f"{name}.o"
        toolchain.build(machine, [firmware.folder / "examples" / name], built,
                        includes=firmware.includes("serial"), options=options)
        with built.open("rb") as file:
            elf = ELFFile(file)
            table = elf.get_section_by_name(".symtab")
            assert isinstance(table, SymbolTableSection)
            assert not any(section["sh_size"] for section in elf.iter_sections()
                           if section.name.startswith((".data", ".bss", ".sdata", ".sbss")))
            undefined = {symbol.name for symbol in table.iter_symbols() if symbol["st_shndx"] == "SHN_UNDEF"}
        assert all(symbol.startswith(("ec_", "codec_")) or symbol in ("", "memcpy") for symbol in undefined), undefined


@pytest.mark.tools
@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m55"])
def test_on_a_small_core_it_makes_frames_of_counts(
        codec: Codec, toolchain: Toolchain, real_windows: Path, tmp_path: Path, core: str) -> None:
    """From the converter's counts of real windows to frames of the oracle's packets, which the gateway decodes; while a
    model comes in over the air."""
    try:
        board = QemuSimulator.find(toolchain, core)
    except EdgeCodecError as absence:
        pytest.skip(str(absence))
    exported, unit = export_codec(codec), np.float32(2.0**-20)
    recorded = np.load(real_windows / "dev.npz")["x"][:3].transpose(0, 2, 1)
    counts = np.round(recorded / unit).astype(np.int32)
    write_firmware(exported, recorded[:1], 1 << 20, tmp_path / "firmware", L1_STACK_BYTES)
    firmware, script = tmp_path / "firmware", tmp_path / "board.ld"
    script.write_text(linker_script(board.board, firmware / "ports"))
    examples = [firmware / "examples" / name for name in EXAMPLES]
    executable = build_bare_metal(
        board.toolchain, firmware, tmp_path / "node", counts.view(np.float32),
        main=["qemu_node.c", *map(str, examples)],
        ports=["qemu", board.board.port, "serial"], linker_script=script, machine=board.board.core,
        definitions=(*board.board.definitions, ONE_WORKER, "-DNODE_UNIT=0x1p-20f",
                     *(f"-I{firmware / folder}" for folder in ("examples", "include"))))
    said = board.execute(Image(board.name, executable, (), None), time_limit_seconds=120).read_text().splitlines()
    frames = [bytes.fromhex(line.removeprefix("frame ")) for line in said if line.startswith("frame ")]
    assert said[-1] == "done"

    windows, form = counts.astype(np.float32) * unit, PacketFormat.of(exported)
    encoding = encode(exported, windows)
    expected = [pack(form, rate, number, encoding.indices()[number], PacketKind.FIXED_LENGTH,
                     None if exported.monitor is None else encoding.remarks[PacketKind.FIXED_LENGTH][number])
                for number, rate in enumerate((1, 1, 2))]
    assert frames == [frame(form, packet, Link.RADIO) for packet in expected]
    export_receiver(codec, exported, tmp_path / "receiver")
    save_codec(exported, tmp_path / "float16")
    decoder = PacketDecoder.open(tmp_path / "receiver", tmp_path / "float16")
    decoded = decoder.decode(list(unframe_all(form, frames, Link.RADIO)))
    errors = np.abs(decoded.windows - windows.transpose(0, 2, 1)).mean() / np.abs(windows).mean()
    assert errors < 0.12
