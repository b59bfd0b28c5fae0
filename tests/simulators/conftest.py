"""Simulators that this machine has, and fakes of GVSOC that misbehave."""

import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from deploy.factory import L1_STACK_BYTES, Sizes, edge_like, paper_like, random_windows

from edgecodec.deploy.emit import write_firmware
from edgecodec.errors import EdgeCodecError
from edgecodec.packets.network import ExportedCodec
from edgecodec.simulators.gvsoc import GvsocSimulator
from edgecodec.simulators.qemu import QemuSimulator
from edgecodec.simulators.toolchain import Toolchain

FakeGvsoc = Callable[[str], GvsocSimulator]


@pytest.fixture(scope="session")
def gvsoc(toolchain: Toolchain) -> GvsocSimulator:
    try:
        return GvsocSimulator.find(toolchain, L1_STACK_BYTES)
    except EdgeCodecError as absence:
        pytest.skip(str(absence))


@pytest.fixture(scope="session")
def qemu(toolchain: Toolchain) -> QemuSimulator:
    try:
        return QemuSimulator.find(toolchain)
    except EdgeCodecError as absence:
        pytest.skip(str(absence))


@pytest.fixture(scope="session", params=[paper_like, edge_like], ids=["paper_like", "edge_like"])
def codec(request: pytest.FixtureRequest) -> ExportedCodec:
    made: ExportedCodec = request.param(Sizes(regimes=3 if request.param is edge_like else 1, coded_classes=7))
    return made


@pytest.fixture(scope="session")
def firmware(codec: ExportedCodec, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The generated folder of ``codec``, with four golden windows."""
    folder = tmp_path_factory.mktemp(codec.codec) / "firmware"
    write_firmware(codec, random_windows(codec, 4), 64 * 1024 - L1_STACK_BYTES, folder, L1_STACK_BYTES)
    return folder


@pytest.fixture(scope="session")
def lanes_codec() -> ExportedCodec:
    """Of the arithmetic that ``codec`` does not have: sums that end within a run, and after several."""
    return edge_like(Sizes(seed=2, taps=37, regimes=3, coded_classes=7, arithmetic="lanes"))


@pytest.fixture(scope="session")
def lanes_firmware(lanes_codec: ExportedCodec, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lanes") / "firmware"
    write_firmware(lanes_codec, random_windows(lanes_codec, 1), 64 * 1024 - L1_STACK_BYTES, folder, L1_STACK_BYTES)
    return folder


@pytest.fixture
def fake_gvsoc(tmp_path: Path, toolchain: Toolchain) -> FakeGvsoc:
    """An installation that describes machines, and whose launcher is the given shell script."""

    def install(launcher: str) -> GvsocSimulator:
        folder = tmp_path / "gvsoc"
        configuration = folder / "generators" / "pulp" / "chips" / "pulp_open" / "cluster.json"
        for parent in (folder / "bin", folder / "models", configuration.parent):
            parent.mkdir(parents=True)
        (folder / "models" / "gen_isa_pulp_cluster_1.so").touch()
        configuration.write_text(
            '{"nb_pe": 9, "l1": {"banking_factor": 2, "mapping": {"size": "0x1"}, "ts_mapping": {"size": "0x1"}}}')
        for name, script in (("gvsoc", "exit 0"), ("gvsoc_launcher", launcher)):
            program = folder / "bin" / name
            program.write_text(f"#!/bin/sh\n{script}\n")
            program.chmod(program.stat().st_mode | stat.S_IXUSR)
        return GvsocSimulator(folder, toolchain, L1_STACK_BYTES)

    return install
