"""GVSOC: how it is found, what is said when it does not work, and that the firmware's bits are right on it."""

from dataclasses import replace
from pathlib import Path

import pytest
from compilers import every_compiler
from deploy.factory import random_windows
from simulators.conftest import L1_STACK_BYTES, FakeGvsoc

from edgecodec.errors import EdgeCodecError
from edgecodec.packets.kind import PacketKind
from edgecodec.packets.network import ExportedCodec
from edgecodec.simulators.comparison import compare_with_oracle
from edgecodec.simulators.gvsoc import CHIPS, GvsocSimulator, build_for_pulp, check_pulp_code
from edgecodec.simulators.memory_map import memory_map, pulp_footprint
from edgecodec.simulators.simulator import Image
from edgecodec.simulators.toolchain import Toolchain
from edgecodec.simulators.transcript import ChainRecord
from edgecodec.storage import read_json

VARIABLES = ("GVSOC_HOME", "GVSOC_WORKDIR", "GAP_SDK_HOME", "GVSOC_PYTHON")


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment without GVSOC."""
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    return monkeypatch


def image_of(folder: Path, target: str = "gap9_like") -> Image:
    folder.mkdir()
    return Image(target, folder / "verify.elf", (), None)


@pytest.mark.parametrize("target", ["gap9_like", "pulp-open"])
@pytest.mark.parametrize("compiler", every_compiler("riscv32"))
def test_every_layer_index_and_packet_is_the_oracles(
        gvsoc: GvsocSimulator, codec: ExportedCodec, firmware: Path, tmp_path: Path, target: str,
        compiler: Toolchain) -> None:
    windows = random_windows(codec, 2)
    simulator = GvsocSimulator(gvsoc.folder, compiler, L1_STACK_BYTES)
    image = simulator.build(firmware, tmp_path, target, windows)
    transcript = simulator.run(image, time_limit_seconds=120)
    comparison = compare_with_oracle(codec, windows, transcript)
    assert comparison.first_difference is None
    assert transcript.workers == 8
    assert transcript.stack_bytes is not None
    bound = check_pulp_code(image.executable, L1_STACK_BYTES).stack.bytes
    assert transcript.stack_bytes <= bound <= L1_STACK_BYTES // 8
    assert all(record.cycles > 0 for window in transcript.windows for record in window.records)


def test_fewer_cores_give_the_same_bits_later(
        gvsoc: GvsocSimulator, codec: ExportedCodec, firmware: Path, tmp_path: Path) -> None:
    windows = random_windows(codec, 1)
    chains = []
    for cores in (1, 2, 4, 8):
        simulator = replace(gvsoc, cores=cores)
        transcript = simulator.run(simulator.build(firmware, tmp_path / str(cores), "gap9_like", windows), 120)
        assert compare_with_oracle(codec, windows, transcript).first_difference is None
        assert transcript.workers == cores
        chains.append(transcript.windows[0].of(PacketKind.FIXED_LENGTH, ChainRecord)[-1].cycles)
    assert chains == sorted(chains, reverse=True)


def test_cycles_repeat(gvsoc: GvsocSimulator, codec: ExportedCodec, firmware: Path, tmp_path: Path) -> None:
    image = gvsoc.build(firmware, tmp_path, "gap9_like", random_windows(codec, 1))
    assert gvsoc.run(image, 60) == gvsoc.run(image, 60)


def test_a_window_with_nan_is_refused_by_the_program(
        gvsoc: GvsocSimulator, codec: ExportedCodec, firmware: Path, tmp_path: Path) -> None:
    windows = random_windows(codec, 1)
    windows[0, 3, 1] = float("nan")
    with pytest.raises(EdgeCodecError, match="gvsoc: ended with status 1; last line: 'error window with NaN or Inf'"):
        gvsoc.run(gvsoc.build(firmware, tmp_path, "gap9_like", windows), 60)


def test_the_machine_is_described_as_the_target_says(
        gvsoc: GvsocSimulator, codec: ExportedCodec, firmware: Path, tmp_path: Path) -> None:
    for target, width in (("gap9_like", 2), ("pulp-open", -1)):
        image = gvsoc.build(firmware, tmp_path / target, target, random_windows(codec, 1))
        gvsoc.run(image, 60)
        chip = read_json(image.executable.parent / "gvsoc_config.json")["target"]["chip"]
        assert chip["cluster_clock"]["frequency"] == CHIPS[target].clock_mhz * 1e6
        banks = [bank for name, bank in chip["cluster"]["l1"].items() if name.startswith("bank")]
        assert sum(bank["size"] for bank in banks) == CHIPS[target].l1_bytes
        assert {bank["width_bits"] for bank in banks} == {width}


def test_the_footprint_is_that_of_the_plan(
        codec: ExportedCodec, firmware: Path, toolchain: Toolchain, tmp_path: Path) -> None:
    executable = build_for_pulp(toolchain, firmware, tmp_path, "gap9_like", L1_STACK_BYTES,
                                random_windows(codec, 1)).executable
    footprint = pulp_footprint(executable, L1_STACK_BYTES)
    plan = read_json(firmware / "memory_map.json")
    assert footprint.l1_bytes == plan["arena_bytes"] + L1_STACK_BYTES
    data = plan["weights_bytes"] + plan["codebooks_bytes"] + plan["window_bytes"]
    assert data + footprint.code_bytes <= footprint.l2_bytes < data + footprint.code_bytes + 1024
    assert 4_000 < footprint.code_bytes < 38_000
    lines = [line.split() for line in memory_map(executable).splitlines()]
    assert ["10000000", str(plan["arena_bytes"]), ".l1"] in lines
    assert any(line[-1] == "ec_verify" and line[2] == ".text" for line in lines)
    assert [line[0] for line in lines] == sorted(line[0] for line in lines)


def test_a_codec_too_large_for_the_target_does_not_link(
        codec: ExportedCodec, firmware: Path, toolchain: Toolchain, tmp_path: Path) -> None:
    with pytest.raises(EdgeCodecError, match=r"target pulp-open, 65536 bytes of L1, 1 windows: .* overlaps the stacks"):
        build_for_pulp(toolchain, firmware, tmp_path, "pulp-open", CHIPS["pulp-open"].l1_bytes - 256,
                       random_windows(codec, 1))


def test_an_unknown_target_is_named(codec: ExportedCodec, firmware: Path, toolchain: Toolchain, tmp_path: Path) -> None:
    with pytest.raises(EdgeCodecError, match=r"verify.target gap8: unknown; set it to pulp-open or gap9_like"):
        build_for_pulp(toolchain, firmware, tmp_path, "gap8", L1_STACK_BYTES, random_windows(codec, 1))


def test_a_simulator_that_hangs_is_killed(fake_gvsoc: FakeGvsoc, tmp_path: Path) -> None:
    simulator = fake_gvsoc("echo window 0; echo layer 2 unit_wide hash 0 cycles 9; sleep 60")
    with pytest.raises(EdgeCodecError, match=r"gvsoc: killed at the time limit of 1 s .*; last line: 'layer 2 unit_w"):
        simulator.run(image_of(tmp_path / "work"), time_limit_seconds=1)


def test_a_simulator_that_prints_nothing_is_named(fake_gvsoc: FakeGvsoc, tmp_path: Path) -> None:
    with pytest.raises(EdgeCodecError, match="gvsoc: printed nothing"):
        fake_gvsoc("exit 0").run(image_of(tmp_path / "work"), time_limit_seconds=10)


def test_missing_python_packages_are_explained(fake_gvsoc: FakeGvsoc, tmp_path: Path) -> None:
    simulator = fake_gvsoc("exit 0")
    (simulator.folder / "bin" / "gvsoc").write_text("#!/bin/sh\necho 'ModuleNotFoundError: prettytable'; exit 1\n")
    with pytest.raises(EdgeCodecError, match=r"last line: 'ModuleNotFoundError: prettytable'; .* set GVSOC_PYTHON"):
        simulator.run(image_of(tmp_path / "work"), time_limit_seconds=10)


@pytest.mark.parametrize("place", ["GVSOC_PYTHON", "inside", "beside"])
def test_gvsoc_runs_with_its_own_python(
        fake_gvsoc: FakeGvsoc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    simulator = fake_gvsoc("exit 0")
    (simulator.folder / "bin" / "gvsoc").write_text("#!/bin/sh\ncommand -v python3; env; exit 1\n")
    places = {"GVSOC_PYTHON": tmp_path / "own", "inside": simulator.folder, "beside": simulator.folder.parent}
    python = places[place] / "venv" / "bin" / "python3"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\n")
    python.chmod(0o755)
    monkeypatch.setenv("PYTHONPATH", "src")
    monkeypatch.delenv("GVSOC_PYTHON", raising=False)
    if place == "GVSOC_PYTHON":
        monkeypatch.setenv(place, str(python))
    image = image_of(tmp_path / "work")
    with pytest.raises(EdgeCodecError):
        simulator.run(image, time_limit_seconds=10)
    found, *environment = (image.executable.parent / "description.txt").read_text().splitlines()
    assert found == str(python)
    assert not any(line.startswith("PYTHONPATH=") for line in environment)


@pytest.mark.parametrize("below", ["", "install", "install/workstation"])
@pytest.mark.parametrize("variable", ["GVSOC_HOME", "GVSOC_WORKDIR", "GAP_SDK_HOME"])
def test_it_is_found_below_the_folder_that_a_variable_names(
        nowhere: pytest.MonkeyPatch, fake_gvsoc: FakeGvsoc, toolchain: Toolchain, tmp_path: Path, variable: str,
        below: str) -> None:
    home = tmp_path / "home"
    target = home / below
    target.parent.mkdir(parents=True, exist_ok=True)
    installed = fake_gvsoc("exit 0").folder.rename(target)
    nowhere.setenv(variable, str(home))
    assert GvsocSimulator.find(toolchain, L1_STACK_BYTES).folder == installed


def test_it_is_found_on_the_path(
        nowhere: pytest.MonkeyPatch, fake_gvsoc: FakeGvsoc, toolchain: Toolchain, tmp_path: Path) -> None:
    folder = fake_gvsoc("exit 0").folder
    (tmp_path / "programs").mkdir()
    (tmp_path / "programs" / "gvsoc").symlink_to(folder / "bin" / "gvsoc")
    nowhere.setenv("PATH", f"{tmp_path / 'programs'}:/usr/bin:/bin")
    assert GvsocSimulator.find(toolchain, L1_STACK_BYTES).folder == folder


def test_an_installation_without_the_target_is_named(
        nowhere: pytest.MonkeyPatch, fake_gvsoc: FakeGvsoc, toolchain: Toolchain) -> None:
    folder = fake_gvsoc("exit 0").folder
    (folder / "models" / "gen_isa_pulp_cluster_1.so").unlink()
    nowhere.setenv("GVSOC_HOME", str(folder))
    with pytest.raises(EdgeCodecError, match=f"GVSOC in {folder} lacks pulp-open: build it with TARGETS=pulp-open"):
        GvsocSimulator.find(toolchain, L1_STACK_BYTES)


def test_the_fingerprint_follows_the_models(fake_gvsoc: FakeGvsoc, toolchain: Toolchain) -> None:
    simulator = fake_gvsoc("exit 0")
    (simulator.folder / "models" / "memory.so").write_text("one")
    before = simulator.fingerprint
    assert GvsocSimulator(simulator.folder, toolchain, L1_STACK_BYTES).fingerprint == before
    (simulator.folder / "models" / "memory.so").write_text("two")
    assert GvsocSimulator(simulator.folder, toolchain, L1_STACK_BYTES).fingerprint != before
