"""A program in C++ that uses the firmware."""

import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
from deploy.factory import Sizes, edge_like, random_windows
from firmware.conftest import BuildLibrary, Generate

from edgecodec.deploy.oracle import encode
from edgecodec.packets.packet import PacketFormat, pack
from edgecodec.simulators.firmware import Firmware
from edgecodec.simulators.toolchain import Toolchain

CODEC = edge_like(Sizes(seed=5, regimes=2))
PROGRAM = """
#include <stdio.h>
#include "codec_model.h"
#include "edgecodec.h"
#include "node.h"
#include "serial.h"
#include "team.h"
#include "threads.h"

alignas(EC_ARENA_ALIGNMENT) static uint8_t arena[EC_ARENA_BYTES];
static float window[EC_SAMPLES][EC_CHANNELS];
static uint16_t indices[EC_INDICES];
static uint8_t packet[EC_PACKET_BYTES];

int main() {
    ec_context context;
    ec_team team = ec_serial_team();
    size_t bytes = 0;
    if (fread(window, sizeof window, 1, stdin) != 1 ||
        ec_init(&context, arena, sizeof arena, &codec_weights, sizeof codec_weights, &codec_codebooks,
                sizeof codec_codebooks) != EC_OK ||
        ec_encode(&context, &team, &window[0][0], EC_RATES, indices, nullptr) != EC_OK ||
        ec_pack(&context, EC_RATES, 7, indices, nullptr, packet, sizeof packet, &bytes) != EC_OK) {
        return 1;
    }
    return fwrite(packet, 1, bytes, stdout) == bytes ? 0 : 1;
}
"""


def test_a_program_in_cpp_links_and_gives_the_same_packet(
        generate: Generate, build_library: BuildLibrary, toolchain: Toolchain, tmp_path: Path) -> None:
    folder, windows = generate(CODEC), random_windows(CODEC, 1)
    build_library(CODEC)
    (tmp_path / "program.cpp").write_text(PROGRAM)
    includes = [*Firmware.open(folder).includes("serial", "pthreads", "pulp"), folder / "examples"]
    compiler = replace(toolchain, warnings_are_errors=False)  # GCC warns of -std=c11
    compiler.build("host", [tmp_path / "program.cpp", folder / "libedgecodec.so"], tmp_path / "program",
                   includes=includes, options=("-std=c++11", "-Werror=pedantic"))
    done = subprocess.run([tmp_path / "program"], input=windows[0].astype("<f4").tobytes(), capture_output=True,
                          check=True)
    (indices,) = encode(CODEC, np.ascontiguousarray(windows)).indices()
    form = PacketFormat.of(CODEC)
    assert done.stdout == pack(form, form.rates[-1], 7, indices)
