"""The firmware folder: deterministic, whole or absent, stamped with its model, and buildable by its own Makefile."""

import hashlib
import json
import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from deploy.factory import L1_STACK_BYTES, Sizes, edge_like, paper_like, random_windows, with_layer

from edgecodec.deploy.emit import firmware_hash, firmware_metrics, write_firmware
from edgecodec.deploy.memory import plan_for_one_worker
from edgecodec.deploy.oracle import encode
from edgecodec.errors import EdgeCodecError
from edgecodec.packets.packet import PacketFormat, unpack
from edgecodec.simulators.toolchain import LANGUAGE, WARNINGS, Toolchain, cache_folder

SIZES = Sizes(seed=3, regimes=3, coded_classes=8)
CODEC = edge_like(SIZES)
WINDOWS = random_windows(CODEC, 3)
L1 = 1 << 20


def contents(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def firmware(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("emit") / "firmware"
    write_firmware(CODEC, WINDOWS, L1, folder, L1_STACK_BYTES)
    return folder


def test_equal_codecs_give_equal_bytes(firmware: Path, tmp_path: Path) -> None:
    write_firmware(edge_like(SIZES), WINDOWS, L1, tmp_path / "again", L1_STACK_BYTES)
    assert contents(tmp_path / "again") == contents(firmware)
    assert firmware_hash(tmp_path / "again") == firmware_hash(firmware)


def test_the_package_names_the_channels_in_their_order(tmp_path: Path, toolchain: Toolchain) -> None:
    codec = replace(CODEC, channel_names=("P 0", "a,b", 'say "1"', "back\\slash ??/", "σ_x° 压力 */ <b>"))
    write_firmware(codec, WINDOWS, L1, tmp_path / "firmware", L1_STACK_BYTES)
    (tmp_path / "names.c").write_text("""
        #include "codec_model.h"
        #include <stdio.h>
        static const char *const names[EC_CHANNELS] = EC_CHANNEL_NAMES;
        int main(void) { for (int at = 0; at < EC_CHANNELS; at++) puts(names[at]); return 0; }
    """)
    toolchain.build("host", [tmp_path / "names.c"], tmp_path / "names", includes=[tmp_path / "firmware" / "include"])
    printed = subprocess.run([tmp_path / "names"], check=True, capture_output=True).stdout.decode()
    assert printed.splitlines() == list(codec.channel_names)
    readme = (tmp_path / "firmware" / "README.md").read_text()
    assert json.loads(re.search(r"```\n(\[.*?\])\n```", readme, re.DOTALL)[1]) == list(codec.channel_names)
    memory = json.loads((tmp_path / "firmware" / "memory_map.json").read_text())
    assert memory["channel_names"] == list(codec.channel_names)


def test_one_weight_changes_the_hash(firmware: Path, tmp_path: Path) -> None:
    weight = next(layer for layer in CODEC.layers if layer.name == "rotation").weight.copy()
    weight[0, 0, 0] = np.nextafter(weight[0, 0, 0], np.float16(9))
    write_firmware(with_layer(CODEC, "rotation", weight=weight), WINDOWS, L1, tmp_path / "other", L1_STACK_BYTES)
    assert firmware_hash(tmp_path / "other") != firmware_hash(firmware)


def test_golden_vectors_are_the_oracles(firmware: Path) -> None:
    windows = np.fromfile(firmware / "golden" / "windows.bin", "<f4").reshape(-1, CODEC.samples, CODEC.channels)
    np.testing.assert_array_equal(windows, WINDOWS)
    encoding = encode(CODEC, WINDOWS)
    form = PacketFormat.of(CODEC)
    for number, packets in enumerate(json.loads((firmware / "golden" / "packets.json").read_text())):
        for kind, payloads in form.kinds.items():
            for rate in form.rates:
                packet = unpack(form, bytes.fromhex(packets[kind.label][str(rate)]))
                assert (packet.kind, packet.sequence, packet.rate) == (kind, number, rate)
                (payload,) = payloads.write(encoding.indices(kind)[number].sent(payloads.stages(rate))[None])
                assert payloads.write(packet.indices[None]) == [payload]


@pytest.mark.skipif(not shutil.which("make") or not shutil.which("cc"), reason="needs make and cc")
def test_makefile_builds_checks_and_stamps(firmware: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(firmware, tmp_path / "firmware")
    subprocess.run(["make", "-s", "CFLAGS=-O2 -Werror", "check", "node", "size"], cwd=folder, check=True,
                   capture_output=True)
    assert_the_example_runs(folder / "build" / "node", folder)
    shape = json.loads((folder / "memory_map.json").read_text())["shape_hash"]
    assert shape.encode() in (folder / "libedgecodec.a").read_bytes()
    assert f"codec_weights_{CODEC.model_hash[:16]}".encode() in (folder / "build/src/codec_weights.o").read_bytes()
    transcript = folder / "golden" / "transcript.txt"
    transcript.write_text(transcript.read_text().replace("layer 2", "layer 3", 1))
    assert subprocess.run(["make", "-s", "check"], cwd=folder, check=False, capture_output=True).returncode != 0


needs_cmake = pytest.mark.skipif(not shutil.which("cmake") or not shutil.which("cc"), reason="needs cmake and cc")


@pytest.fixture(scope="module")
def sanitizers(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Options of cc, as far as their libraries are here."""
    source = tmp_path_factory.mktemp("sanitizers") / "nothing.c"
    source.write_text("int main(void) { return 0; }")
    options = "-fsanitize=address,undefined -fno-sanitize-recover=all"
    command = ["cc", *options.split(), source, "-o", source.with_suffix("")]
    built = subprocess.run(command, check=False, capture_output=True)
    return options if built.returncode == 0 else ""


def cmake(folder: Path, *options: str) -> Path:
    """Configure and build ``folder``; its build folder."""
    build = folder / "build"
    subprocess.run(["cmake", "-S", folder, "-B", build, *options], check=True, capture_output=True)
    subprocess.run(["cmake", "--build", build], check=True, capture_output=True)
    return build


def assert_the_example_runs(node: Path, firmware: Path) -> None:
    """The first two windows go out at rate 1, the third at rate 2."""
    (node.parent / "states.txt").write_text("60 100")
    with (firmware / "golden" / "windows.bin").open("rb") as windows:
        sent = subprocess.run([node, node.parent / "states.txt"], stdin=windows, check=True, capture_output=True).stdout
    golden = json.loads((firmware / "golden" / "packets.json").read_text())
    packets = [bytes.fromhex(golden[window]["fixed_length"][rate]) for window, rate in enumerate("112")]
    assert sent == b"ECP1" + b"".join(len(packet).to_bytes(2, "little") + packet for packet in packets)


@needs_cmake
def test_cmake_builds_the_library_the_check_and_the_example(firmware: Path, tmp_path: Path, sanitizers: str) -> None:
    folder = shutil.copytree(firmware, tmp_path / "firmware")
    build = cmake(folder, f"-DCMAKE_C_FLAGS=-Werror {sanitizers}")
    assert_the_example_runs(build / "node", folder)
    check = ["ctest", "--test-dir", build]
    assert subprocess.run(check, check=False, capture_output=True).returncode == 0
    transcript = folder / "golden" / "transcript.txt"
    transcript.write_text(transcript.read_text().replace("layer 2", "layer 3", 1))
    assert subprocess.run(check, check=False, capture_output=True).returncode != 0


@needs_cmake
@pytest.mark.parametrize("port", ["pthreads", "none"])
def test_a_cmake_project_adds_the_folder(firmware: Path, tmp_path: Path, port: str) -> None:
    (tmp_path / "CMakeLists.txt").write_text(f"""
        cmake_minimum_required(VERSION 3.16)
        project(chip LANGUAGES C)
        set(EDGECODEC_PORT {port})
        add_subdirectory({firmware} firmware)
        add_executable(application main.c)
        target_link_libraries(application PRIVATE edgecodec)
    """)
    (tmp_path / "main.c").write_text('#include "edgecodec.h"\nint main(void) { return (int)ec_packet_size(1); }\n')
    built = cmake(tmp_path) / "application"
    assert subprocess.run([built], check=False).returncode == PacketFormat.of(CODEC).packet_bytes(1)


@needs_cmake
def test_cmake_names_the_ports_that_there_are(firmware: Path, tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError) as refused:
        cmake(shutil.copytree(firmware, tmp_path / "firmware"), "-DEDGECODEC_PORT=cuda")
    assert b"EDGECODEC_PORT cuda: set it to serial, pthreads, pulp or none" in refused.value.stderr


@needs_cmake
@pytest.mark.skipif(not shutil.which("clang-19"), reason="needs clang-19")
def test_cmake_cross_compiles_for_the_cluster(firmware: Path, tmp_path: Path) -> None:
    flags = "--target=riscv32-unknown-elf -march=rv32imc_zicsr_zfinx_zhinx -mabi=ilp32 -ffreestanding"
    build = cmake(shutil.copytree(firmware, tmp_path / "firmware"), "-DEDGECODEC_PORT=pulp",
                  "-DCMAKE_SYSTEM_NAME=Generic", "-DCMAKE_TRY_COMPILE_TARGET_TYPE=STATIC_LIBRARY",
                  "-DCMAKE_C_COMPILER=clang-19", "-DCMAKE_ASM_COMPILER=clang-19", f"-DCMAKE_C_FLAGS={flags}",
                  f"-DCMAKE_ASM_FLAGS={flags}")
    assert b"ec_pulp_add_4_rows" in (build / "libedgecodec.a").read_bytes()
    assert not (build / "node").exists()


@pytest.mark.skipif(not shutil.which("make") or not shutil.which("cc"), reason="needs make and cc")
def test_objects_of_two_models_do_not_link(firmware: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(firmware, tmp_path / "firmware")
    write_firmware(edge_like(Sizes(seed=4)), WINDOWS, L1, tmp_path / "other", L1_STACK_BYTES)
    shutil.copy(tmp_path / "other" / "include" / "codec_model.h", folder / "verify" / "codec_model.h")
    mixed = subprocess.run(["make", "check"], cwd=folder, check=False, capture_output=True, text=True)
    assert mixed.returncode != 0
    assert "codec_weights_" in mixed.stderr


def test_refusal_leaves_the_old_folder_as_it_was(firmware: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(firmware, tmp_path / "firmware")
    before = contents(folder)
    broken = np.full_like(WINDOWS, np.nan)
    for codec, windows, l1, said in ((CODEC, WINDOWS, 1000, "bytes over"), (CODEC, broken, L1, "NaN or Inf"),
                                     (with_layer(CODEC, "rotation", stride=0), WINDOWS, L1, r"\(rotation\)")):
        with pytest.raises(EdgeCodecError, match=said):
            write_firmware(codec, windows, l1, folder, L1_STACK_BYTES)
    assert contents(folder) == before
    assert [path.name for path in tmp_path.iterdir()] == ["firmware"]


def test_readme_and_metrics_show_the_same_packets(firmware: Path, tmp_path: Path) -> None:
    plan = write_firmware(CODEC, WINDOWS, L1, tmp_path / "firmware", L1_STACK_BYTES)
    metrics = firmware_metrics(CODEC, plan, firmware)
    readme = (firmware / "README.md").read_text()
    for rate, figures in metrics["by_rate"].items():
        assert f"| {rate} | {figures['stages']} | {figures['payload_bits']} | {figures['packet_bytes']} |" in readme
        largest = PacketFormat.of(CODEC).packet_bytes_max(int(rate))
        assert f"| {rate} | {largest} |" in readme
    assert f"Windows fall into {metrics['regimes']} regimes" in readme
    alone = plan_for_one_worker(CODEC)
    assert plan.table().rstrip() in readme
    assert alone.table().rstrip() in readme
    sizes = f"{plan.arena_bytes:,}; for one worker {alone.arena_bytes:,}"
    assert f"| `arena`, aligned to 16 | {sizes} | `EC_ARENA_BYTES` |" in readme
    assert "{{" not in readme
    assert metrics["model_hash"] == CODEC.model_hash
    assert sum(layer["macs"] for layer in metrics["layers"]) == metrics["encoder_macs"]
    assert metrics["l2_bytes"]["total"] == plan.l2_bytes


def test_readme_tells_every_function_status_and_file(firmware: Path) -> None:
    readme = (firmware / "README.md").read_text()
    header = (firmware / "include" / "edgecodec.h").read_text()
    for function in re.findall(r"\b(ec_[a-z_]+)\(", header):
        assert f"`{function}" in readme or function == "ec_serial_team", function
    for name, number in re.findall(r"(EC_OK|EC_ERROR_[A-Z]+) = (\d+)", header):
        assert f"| `{name}` | {number} |" in readme
    for path in re.findall(r"`((?:src|ports|examples|verify|include|golden)/[\w./]*)`", readme):
        assert (firmware / path).exists(), path
    metrics = json.loads((firmware / "memory_map.json").read_text())
    assert f"{metrics['weights_bytes'] + metrics['codebooks_bytes']:,} bytes of weights and codebooks" in readme


def test_the_team_for_the_gap_sdk_compiles_against_the_api(
        firmware: Path, toolchain: Toolchain, tmp_path: Path) -> None:
    """With the SDK's calls declared as its documentation has them: the SDK itself is not here."""
    (team,) = re.findall(r"```c\n(enum \{ COPIES.*?)```", (firmware / "README.md").read_text(), re.DOTALL)
    (tmp_path / "team.c").write_text("""
        #include "codec_model.h"
        typedef struct pi_cl_dma_cmd { int id; } pi_cl_dma_cmd_t;
        typedef enum { PI_CL_DMA_DIR_EXT2LOC = 1 } pi_cl_dma_dir_e;
        void pi_cl_dma_cmd(uint32_t ext, uint32_t loc, uint32_t size, pi_cl_dma_dir_e dir, pi_cl_dma_cmd_t *cmd);
        void pi_cl_dma_cmd_wait(pi_cl_dma_cmd_t *cmd);
        void pi_cl_team_barrier(void);
        uint32_t pi_core_id(void);
        typedef struct encode_job {
            ec_context context; const float *window; uint32_t rate; uint16_t *indices; ec_remarks remarks;
            ec_status statuses[8];
        } encode_job;
        """ + team + "void (*const entry)(void *) = encode_worker;\n")
    toolchain.build("riscv32", [tmp_path / "team.c"], tmp_path / "team.o", includes=[firmware / "include"],
                    options=["-c", "-Wno-unused-command-line-argument"])


def test_readme_tells_the_stacks_that_the_linker_reserves(tmp_path: Path) -> None:
    write_firmware(CODEC, WINDOWS, L1, tmp_path / "firmware", l1_stack_bytes=16 * 1000)
    readme = (tmp_path / "firmware" / "README.md").read_text()
    assert "keeps 16,000 bytes at the end of L1, 2,000 for each of eight cores" in readme
    lists = (tmp_path / "firmware" / "CMakeLists.txt").read_text()
    assert "(EDGECODEC_L1_STACK_BYTES 16000 " in lists
    assert f"(EDGECODEC_L1_BYTES {L1 + 16000} " in lists


def test_generated_sources_hold_no_machine_paths(firmware: Path) -> None:
    for path in firmware.rglob("*"):
        assert not path.is_file() or str(Path.home()).encode() + b"/" not in path.read_bytes()


def test_paper_codec_is_written_too(tmp_path: Path) -> None:
    codec = paper_like(Sizes())
    write_firmware(codec, random_windows(codec, 1), L1, tmp_path / "firmware", L1_STACK_BYTES)
    assert "## Coded packets" not in (tmp_path / "firmware" / "README.md").read_text()
    network = (tmp_path / "firmware" / "src" / "codec_network.c").read_text()
    assert ".residual = AT_B," in network
    assert ".slope = offsetof(ec_weights, first_slope)," in network


BIG_ENDIAN = {"powerpc-linux-musleabihf": "qemu-ppc", "mips-linux-musleabihf": "qemu-mips"}


@pytest.mark.slow  # zig first compiles the C library of each
@pytest.mark.parametrize("machine", BIG_ENDIAN)
def test_big_endian_machines_print_the_same(tmp_path: Path, machine: str) -> None:
    """What `make check` compiles and compares."""
    emulator = shutil.which(BIG_ENDIAN[machine])
    if emulator is None:
        pytest.skip(f"needs {BIG_ENDIAN[machine]}")
    firmware, codec = tmp_path / "firmware", edge_like(replace(SIZES, channels=12, monitored=True))
    write_firmware(codec, random_windows(codec, 2), L1, firmware, L1_STACK_BYTES)
    kernels = [*sorted((firmware / "src").glob("*.c")), firmware / "ports/serial/serial.c"]
    check = [firmware / path for path in ("ports/pthreads/threads.c", "verify/verify.c", "verify/host_main.c")]
    includes = [f"-I{firmware / folder}" for folder in ("include", "src", "ports/serial", "ports/pthreads", "verify")]
    subprocess.run([*Toolchain("zig").find("host"), "cc", "-target", machine, "-static", "-O1", *LANGUAGE, *WARNINGS,
                    "-Werror", *includes, *kernels, *check, "-o", tmp_path / "check"], check=True,
                   env={**os.environ, "ZIG_GLOBAL_CACHE_DIR": str(cache_folder())})
    done = subprocess.run([emulator, tmp_path / "check", firmware / "golden" / "windows.bin"], check=True,
                          capture_output=True, text=True)
    assert done.stdout == (firmware / "golden" / "transcript.txt").read_text()
