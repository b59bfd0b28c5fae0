"""The example of a node answers a request that Python made, and refuses a damaged one."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from deploy.factory import Sizes, edge_like, paper_like, random_windows
from firmware.conftest import Generate
from numpy.typing import NDArray

from edgecodec.deploy.golden import escape_of
from edgecodec.deploy.oracle import encode
from edgecodec.packets.kind import PacketKind
from edgecodec.packets.network import ExportedCodec
from edgecodec.packets.packet import PacketFormat, open_packet, pack_exact
from edgecodec.packets.request import WindowRequest
from edgecodec.simulators.firmware import Firmware
from edgecodec.simulators.toolchain import Toolchain

CODEC = edge_like(Sizes(seed=5, rates=4, stages_per_rate=2, channels=12, monitored=True))
WITHOUT_REMARKS = paper_like(Sizes(seed=5, rates=4))
UNIT = 2.0**-12
EXACT, ESCAPES = WindowRequest(PacketKind.EXACT, 2).to_bytes(), WindowRequest(PacketKind.ESCAPE, 2, 0.5).to_bytes()
Answer = Callable[..., tuple[str, list[bytes]]]
# program MESSAGE LENGTH FRAME_BYTES KEEPS < COUNTS: the message comes in the middle of window 1. It says whether the
# message was taken, then its packets.
ASKED_NODE = """
#include <stdio.h>
#include <stdlib.h>
#include "node.h"
static ec_node_state perfect(void *user) { (void)user; const ec_node_state state = {60, 100}; return state; }
static void send(void *user, const uint8_t *packet, size_t bytes) {
    (void)user;
    for (size_t i = 0; i < bytes; i++) { printf("%02x", packet[i]); }
    printf(" ");
}
int main(int argc, char **argv) {
    static _Alignas(EC_ARENA_ALIGNMENT) uint8_t arena[EC_ARENA_BYTES];
    static ec_node node;
    static int32_t counts[EC_SAMPLES * EC_CHANNELS];
    static uint8_t room[16 + sizeof counts];
    if (argc != 5 || ec_exact_packet_size() > sizeof room) { return 1; }
    const ec_node_board board = {.state = perfect, .send = send, .frame_bytes = strtoul(argv[3], NULL, 10),
                                 .escape = room, .escape_bytes = sizeof room};
    const unsigned long long message = strtoull(argv[1], NULL, 16);
    uint8_t bytes[8];
    for (int i = 0; i < 8; i++) { bytes[i] = (uint8_t)(message >> 8 * i); }
    if (ec_node_begin(&node, arena, sizeof arena) != EC_OK) { return 1; }
    if (argv[4][0] == 'k') { ec_node_keep_counts(&node, counts); }
    int32_t sample[EC_CHANNELS];
    for (uint32_t number = 0; fread(sample, sizeof sample, 1, stdin) == 1; number++) {
        ec_node_put_counts(&node, sample, 0x1p-12f);
        ec_node_serve(&node, &board);
        if (number == EC_SAMPLES + EC_SAMPLES / 2) {
            printf("%s ", ec_node_request(&node, bytes, strtoul(argv[2], NULL, 10)) ? "taken" : "refused");
        }
    }
    printf("%u", (unsigned)node.answered);
    return 0;
}
"""


@pytest.fixture
def answer(generate: Generate, toolchain: Toolchain, tmp_path: Path) -> Answer:
    """What a node says of a message, and its packets; the message comes in the middle of its window 1."""
    def run(message: bytes, codec: ExportedCodec = CODEC, frame_bytes: int = 1 << 20,
            keeps: bool = True) -> tuple[str, list[bytes]]:
        folder, source = generate(codec), tmp_path / "asked.c"
        firmware, program = Firmware.open(folder), folder / "asked"
        if not program.exists():
            source.write_text(ASKED_NODE)
            examples = [path for path in sorted((folder / "examples").glob("*.c")) if path.name != "host.c"]
            toolchain.build("host", [*[path for path in firmware.sources("serial") if path.name != "verify.c"], source,
                                     *examples], program, includes=[*firmware.includes("serial"), folder / "examples"],
                            options=("-O1", "-fsanitize=undefined", "-fsanitize-trap=undefined"))
        said = subprocess.run(
            [program, message[::-1].hex(), str(len(message)), str(frame_bytes), "k" if keeps else "-"],
            input=counts_of(codec).astype("<i4").tobytes(), check=True, capture_output=True, timeout=60)
        words = said.stdout.decode().split()
        (taken,) = [word for word in words if word in ("taken", "refused")]
        return f"{taken}, {words[-1]} answered", [bytes.fromhex(word) for word in words[:-1] if word != taken]

    return run


def counts_of(codec: ExportedCodec) -> NDArray[np.int32]:
    """[5, samples, channels]"""
    return np.round(random_windows(codec, 5) / UNIT).astype(np.int32)


def kinds_of(codec: ExportedCodec, packets: list[bytes]) -> list[PacketKind]:
    return [open_packet(PacketFormat.of(codec), packet).kind for packet in packets]


def test_exact_packets_are_sent_from_the_next_window_on(answer: Answer) -> None:
    said, packets = answer(EXACT)
    assert said == "taken, 2 answered"
    form, counts = PacketFormat.of(CODEC), counts_of(CODEC)
    assert packets[1:3] == [pack_exact(form, number, counts[number].T, UNIT) for number in (1, 2)]
    assert kinds_of(CODEC, [packets[0], *packets[3:]]) == [PacketKind.FIXED_LENGTH] * 3
    assert [open_packet(form, packet).sequence for packet in packets] == [*range(5)]


def test_escapes_keep_the_bound_of_the_request(answer: Answer) -> None:
    said, packets = answer(ESCAPES, keeps=False)
    assert said == "taken, 2 answered"
    encoding = encode(CODEC, counts_of(CODEC).astype(np.float32) * np.float32(UNIT))
    assert packets[1:3] == [escape_of(CODEC, encoding, number, 0.5) for number in (1, 2)]


@pytest.mark.parametrize("message", [
    EXACT[:-1], EXACT + b"\0", b"", bytes([EXACT[0] ^ 1, *EXACT[1:]]), bytes([*EXACT[:4], EXACT[4] ^ 0x80]),
    bytes.fromhex("2404005e5a"), bytes.fromhex("1400003f53")], ids=bytes.hex)
def test_damaged_messages_and_those_of_another_version_are_refused(answer: Answer, message: bytes) -> None:
    said, packets = answer(message)
    assert said == "refused, 0 answered"
    assert kinds_of(CODEC, packets) == [PacketKind.FIXED_LENGTH] * 5


def test_a_node_that_cannot_send_such_windows_refuses(answer: Answer) -> None:
    assert answer(EXACT, keeps=False)[0] == "refused, 0 answered"
    assert answer(ESCAPES, codec=WITHOUT_REMARKS)[0] == "refused, 0 answered"


def test_a_window_that_fits_no_frame_is_sent_as_ever(answer: Answer) -> None:
    said, packets = answer(EXACT, frame_bytes=PacketFormat.of(CODEC).packet_bytes_max(4))
    assert said == "taken, 0 answered"
    assert kinds_of(CODEC, packets) == [PacketKind.FIXED_LENGTH] * 5
