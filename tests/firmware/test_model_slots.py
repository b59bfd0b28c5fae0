"""The example of a node takes a model over the air between two windows, and whatever fails leaves it a whole one."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from deploy.factory import Sizes, edge_like, random_windows, with_layer
from firmware.conftest import Generate

from edgecodec.deploy.oracle import encode
from edgecodec.errors import EdgeCodecError
from edgecodec.packets.frame import unframe
from edgecodec.packets.kind import PacketKind
from edgecodec.packets.link import Link
from edgecodec.packets.packet import PacketFormat, pack
from edgecodec.simulators.firmware import Firmware
from edgecodec.simulators.toolchain import Toolchain

SIZES = Sizes(seed=5, rates=1, stages_per_rate=2, coded_classes=4, samples=24)
LINKED, SECOND = (edge_like(replace(SIZES, seed=seed)) for seed in (5, 6))
THIRD = with_layer(SECOND, "rotation", bias=np.full(8, 0.25, np.float32))  # with the same tables for coded packets
CODECS = (LINKED, SECOND, THIRD)
WINDOWS = random_windows(LINKED, 12)
PIECES = 8
WRITES = 1 + PIECES + 1  # the slot is erased, and the number comes in the end
OK, MODEL, SHAPE, SIZE = 0, 4, 17, 18
NO_POWER = 9

# program SLOTS MODEL WRITES SHARED < SAMPLES: MODEL comes in eight pieces, one a sample, from the middle of window 1.
# Power fails in the middle of write WRITES. SLOTS is the flash.
PROGRAM = """
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "node.h"
static ec_model_slot slots[EC_SLOTS];
static const char *file;
static unsigned long writes_left;

static bool keep(uint8_t *at, const uint8_t *data, size_t bytes) {
    const bool fails = writes_left-- == 0;
    for (size_t i = 0; i < (fails ? bytes / 2 : bytes); i++) { at[i] = data == NULL ? 0xff : at[i] & data[i]; }
    FILE *flash = fopen(file, "wb");
    if (flash == NULL || fwrite(slots, sizeof slots, 1, flash) != 1 || fclose(flash) != 0) { exit(1); }
    if (fails) { fflush(stdout); exit(9); }
    return true;
}
static bool erase(void *user, uint32_t slot) { (void)user; return keep((uint8_t *)&slots[slot], NULL, sizeof *slots); }
static bool write(void *user, uint32_t slot, size_t at, const void *data, size_t bytes) {
    (void)user;
    return keep((uint8_t *)&slots[slot] + at, data, bytes);
}
static ec_node_state perfect(void *user) { (void)user; const ec_node_state state = {60, 100}; return state; }
static void send(void *user, const uint8_t *frame, size_t bytes) {
    (void)user;
    printf("frame ");
    for (size_t i = 0; i < bytes; i++) { printf("%02x", frame[i]); }
    printf("\\n");
}
static size_t read_file(const char *name, void *to, size_t most) {
    FILE *opened = fopen(name, "rb");
    const size_t bytes = opened == NULL ? 0 : fread(to, 1, most, opened);
    if (opened != NULL) { fclose(opened); }
    return bytes;
}

int main(int argc, char **argv) {
    static _Alignas(EC_ARENA_ALIGNMENT) uint8_t arena[EC_ARENA_BYTES];
    static uint64_t memory[EC_SERIES_BYTES / sizeof(uint64_t)];
    static uint8_t shared[1000], model[1 << 20];
    static ec_node node;
    static const ec_link link = EC_LINK_RADIO;
    const ec_node_sharing sharing = {5, memory, sizeof memory, shared, sizeof shared};
    const ec_slot_memory flash = {slots, erase, write, NULL};
    if (argc != 5) { return 1; }
    const ec_node_board board = {.state = perfect, .send = send, .frame_bytes = sizeof shared, .link = &link,
                                 .any_length = argv[4][0] == 's', .sharing = argv[4][0] == 's' ? &sharing : NULL};
    file = argv[1];
    writes_left = strtoul(argv[3], NULL, 10);
    memset(slots, 0xff, sizeof slots);
    read_file(file, slots, sizeof slots);
    const size_t bytes = read_file(argv[2], model, sizeof model), piece = (bytes / 8 + 15) / 16 * 16;
    if (ec_node_receive(&node, 0, model, 1) != EC_ERROR_NULL || ec_node_begin(&node, arena, sizeof arena) != EC_OK ||
        ec_node_use_slots(&node, &flash) != EC_OK) { return 1; }
    float sample[EC_CHANNELS];
    size_t at = 0;
    ec_status status = EC_OK;
    for (uint32_t number = 0; fread(sample, sizeof sample, 1, stdin) == 1; number++) {
        ec_node_put(&node, sample);
        if (number >= EC_SAMPLES + EC_SAMPLES / 2 && at < bytes) {
            const size_t size = bytes - at < piece ? bytes - at : piece;
            status = ec_node_receive(&node, at, model + at, size);
            if (status == EC_OK && ec_node_receive(&node, at + 1, model, 1) == EC_OK) { return 1; } /* out of order */
            at = status == EC_OK ? at + size : bytes;
            if (at == bytes) {
                status = ec_node_take_model(&node);
                printf("took %d\\n", (int)status);
                if (status == EC_OK && ec_node_receive(&node, 0, model, 1) != EC_ERROR_CONTEXT) { return 1; }
            }
        }
        ec_node_serve(&node, &board);
    }
    ec_node_flush(&node, &board);
    return 0;
}
"""


@dataclass(frozen=True)
class Run:
    status: int  # of the program
    took: list[int]
    models: list[int]  # by window, which of CODECS made it
    taken_before: int  # windows that were sent before a model was taken


@dataclass(frozen=True)
class Board:
    """A node with flash."""

    program: Path
    flash: Path

    def run(self, model: bytes = b"", writes: int = 1000, shared: bool = False) -> Run:
        (self.flash.parent / "model").write_bytes(model)
        finished = subprocess.run(
            [self.program, self.flash, self.flash.parent / "model", str(writes), "s" if shared else "-"],
            input=WINDOWS.astype("<f4").tobytes(), capture_output=True, check=False, timeout=60)
        lines = [line.split() for line in finished.stdout.decode().splitlines()]
        sent = [bytes.fromhex(value) for name, value in lines if name == "frame"]
        names = [name for name, _ in lines]
        return Run(finished.returncode, [int(value) for name, value in lines if name == "took"],
                   makers(sent, PacketKind.CODED if shared else PacketKind.FIXED_LENGTH),
                   names.index("took") if "took" in names else len(names))


def makers(frames: list[bytes], kind: PacketKind) -> list[int]:
    """Of every window in order, the codec whose oracle makes just this packet."""
    expected = [[pack(PacketFormat.of(codec), 1, number, indices, kind)
                 for number, indices in enumerate(encode(codec, WINDOWS).indices(kind))] for codec in CODECS]
    found: list[int] = []
    for data in frames:
        (maker,) = [number for number, codec in enumerate(CODECS) if _is_of(PacketFormat.of(codec), data)]
        for packet in unframe(PacketFormat.of(CODECS[maker]), data, Link.RADIO, len(found)):
            assert packet == expected[maker][len(found)]
            found.append(maker)
    return found


def _is_of(form: PacketFormat, data: bytes) -> bool:
    try:
        return bool(unframe(form, data, Link.RADIO))
    except EdgeCodecError:
        return False


@pytest.fixture
def model(generate: Generate) -> Callable[..., bytes]:
    """As it comes over the air."""
    return lambda codec: b"".join((generate(codec) / "ota" / f"{name}.bin").read_bytes()
                                  for name in ("weights", "codebooks"))


@pytest.fixture
def board(generate: Generate, toolchain: Toolchain, tmp_path: Path) -> Board:
    folder, source = generate(LINKED), tmp_path / "slots.c"
    firmware, program = Firmware.open(folder), folder / "slots"
    if not program.exists():
        source.write_text(PROGRAM)
        examples = [path for path in sorted((folder / "examples").glob("*.c")) if path.name != "host.c"]
        toolchain.build("host", [*[path for path in firmware.sources("serial") if path.name != "verify.c"], source,
                                 *examples], program, includes=[*firmware.includes("serial"), folder / "examples"],
                        options=("-O1", "-fsanitize=undefined", "-fsanitize-trap=undefined"))
    return Board(program, tmp_path / "flash")


ALL = len(WINDOWS)


@pytest.mark.parametrize("shared", [False, True])
def test_a_model_makes_windows_from_the_next_one_on(board: Board, model: Callable[..., bytes], shared: bool) -> None:
    """The window in which it is taken is of the old one to its end, and frames that windows share are of one model."""
    for old, new in ((0, 1), (1, 2), (2, 0)):
        run = board.run(model(CODECS[new]), shared=shared)
        assert (run.status, run.took) == (0, [OK])
        assert [(maker, len(list(windows))) for maker, windows in groupby(run.models)] == [(old, 2), (new, ALL - 2)]
        assert run.taken_before == (0 if shared else 1)
        assert board.run().models == [new] * ALL  # once it has power again


@pytest.mark.parametrize(("damage", "status"), [("cut", SIZE), ("flipped", MODEL), ("mixed", MODEL), ("shape", SHAPE),
                                                ("larger shape", SHAPE)])
def test_what_is_no_model_is_refused_and_the_node_goes_on(
        board: Board, model: Callable[..., bytes], damage: str, status: int) -> None:
    good, other = model(SECOND), model(LINKED)
    of_weights = int.from_bytes(good[4:8], "little")
    flipped = bytearray(good)
    flipped[len(good) // 3] ^= 0x10
    wrong = {"cut": lambda: good[:-16], "flipped": lambda: bytes(flipped),
             "mixed": lambda: good[:of_weights] + other[of_weights:],
             "shape": lambda: model(edge_like(replace(SIZES, channels=3))),
             "larger shape": lambda: model(edge_like(replace(SIZES, channels=9)))}[damage]()
    for running in (0, 1):  # what is linked, and what came over the air
        run = board.run(wrong)
        assert (run.status, run.took, run.models) == (0, [status], [running] * ALL)
        assert board.run().models == [running] * ALL
        assert board.run(good).took == [OK]


@pytest.mark.parametrize("writes", range(WRITES))
def test_whenever_power_fails_a_whole_model_is_there(board: Board, model: Callable[..., bytes], writes: int) -> None:
    """In the middle of each write, and of the erasing of a slot that had a model before."""
    for number in (1, 2, 1):
        running = board.run().models[0]
        failed = board.run(model(CODECS[number]), writes)
        assert (failed.status, failed.took) == (NO_POWER, [])
        assert board.run().models == [running] * ALL
        assert board.run(model(CODECS[number])).took == [OK]
        assert board.run().models == [number] * ALL
