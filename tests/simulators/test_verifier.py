"""Verification of small codecs: the verdict, the evidence, the figures, and the stage around them."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from deploy.factory import Sizes, edge_like, random_windows
from simulators.conftest import L1_STACK_BYTES

from edgecodec.deploy.emit import write_firmware
from edgecodec.errors import EdgeCodecError
from edgecodec.packets.kind import PacketKind
from edgecodec.packets.network import save_codec
from edgecodec.packets.packet import PacketFormat
from edgecodec.simulators.cycles import Cycles, KindCycles
from edgecodec.simulators.estimate import CYCLE_TABLE, CycleTable, estimate
from edgecodec.simulators.gvsoc import GvsocSimulator
from edgecodec.simulators.host import HostSimulator
from edgecodec.simulators.measurement import Measurement, write_measurements
from edgecodec.simulators.memory_map import Footprint
from edgecodec.simulators.qemu import QemuSimulator
from edgecodec.simulators.selection import choose_simulator
from edgecodec.simulators.toolchain import Toolchain
from edgecodec.simulators.verification import Verification
from edgecodec.simulators.verifier import Verifier
from edgecodec.storage import read_json

CODEC = edge_like(Sizes(coded_classes=6))
L1_BYTES = 64 * 1024 - L1_STACK_BYTES
TABLE = Path(__file__).parents[2] / "artifacts" / CYCLE_TABLE


@pytest.fixture(scope="module")
def verifier(toolchain: Toolchain, tmp_path_factory: pytest.TempPathFactory) -> Verifier:
    folder = tmp_path_factory.mktemp("verifier")
    write_firmware(CODEC, random_windows(CODEC, 4), L1_BYTES, folder / "firmware", L1_STACK_BYTES)
    return Verifier(CODEC, folder / "firmware", "gap9_like", L1_BYTES, L1_STACK_BYTES, toolchain, 120, folder / "work")


@pytest.fixture(scope="module")
def recorded(verifier: Verifier) -> Verification:
    """A verification on the host of a firmware that was measured before."""
    kept = kept_for(verifier)
    return on_host(verifier, replace(kept, program_hash="another"), kept)


def on_host(verifier: Verifier, *kept: Measurement) -> Verification:
    return verifier.verify(HostSimulator(verifier.toolchain), 1, kept, TABLE)


def kept_for(verifier: Verifier) -> Measurement:
    """A measurement of the verifier's program, such as git keeps; every step takes 1000 cycles."""
    codec = verifier.codec
    cycles = Cycles((1000,) * len(codec.layers), {
        PacketKind.FIXED_LENGTH: KindCycles((1000,) * len(codec.quantizer.stages), (1000,) * 3),
        PacketKind.CODED: KindCycles((100,) * 3, (10, 20, 30))})
    return Measurement(verifier.program_hash, codec.codec, "gap9_like", "dotpex", "gvsoc 0123", 388,
                       Footprint(11, 22, 3), cycles, {"m1": {PacketKind.FIXED_LENGTH: (9900, 19900, 29900)},
                                                      "m2": {PacketKind.FIXED_LENGTH: (9999, 19900, 29900)}})


def damage(firmware: Path, target: Path, member: str) -> Path:
    """A copy of ``firmware`` whose first weight of ``member`` has another sign, which no checksum guards."""
    shutil.copytree(firmware, target)
    weights = target / "src" / "codec_weights.c"
    start, value = re.search(rf"(\.{member} = .*?)0x([0-9a-f]{{4}})", weights.read_text(), re.DOTALL).groups()
    flipped = f"{start}0x{int(value, 16) ^ 0x8000:04x}"
    weights.write_text(weights.read_text().replace(f"{start}0x{value}", flipped))
    codec = target / "src" / "codec.c"
    codec.write_text(codec.read_text().replace(" == blob->checksum;", " != 0;"))
    return target


def test_the_same_program_has_its_kept_figures(recorded: Verification, verifier: Verifier) -> None:
    assert recorded.bit_exact
    assert (recorded.cost.evidence, recorded.cost.footprint) == ("recorded", Footprint(11, 22, 3))
    assert recorded.cost.cycles == kept_for(verifier).cycles
    assert recorded.cost.remark == "counted by gvsoc 0123; 2 trainings, 1.00% apart"
    assert recorded.report()["remark"] == recorded.cost.remark
    assert (recorded.metrics()["trainings"], recorded.metrics()["cycle_spread"]) == (2, {"fixed_length": 0.01})
    assert recorded.new_measurement is None


def test_the_host_runs_all_windows_with_one_worker_and_with_eight(recorded: Verification) -> None:
    assert [(check.simulator, check.transcript.workers, check.comparison.windows) for check in recorded.checks] == [
        ("host", 1, 4), ("host", 8, 4)]


def test_metrics_add_up(recorded: Verification) -> None:
    metrics, layers = recorded.metrics(), len(CODEC.layers)
    assert set(metrics) == {
        "simulator", "target", "evidence", "trainings", "cycle_spread", "bit_exact", "clock_mhz", "encoder", "rvq",
        "total_milliseconds", "l1_bytes", "l2_bytes", "code_bytes", "energy_millijoules", "stack_bytes",
        "stack_bound_bytes", "stack_reserved_bytes", "coded"}
    assert metrics["encoder"]["cycles"] == 1000 * layers == sum(
        layer["cycles"] for layer in metrics["encoder"]["layers"])
    assert metrics["encoder"]["macs"] == sum(layer["macs"] for layer in metrics["encoder"]["layers"])
    for rate, stages in enumerate(CODEC.quantizer.stages_of_rate, 1):
        assert metrics["rvq"][str(rate)]["cycles"] == 1000 * stages
        milliseconds = (layers + stages + 1) / 370
        assert metrics["total_milliseconds"][str(rate)] == pytest.approx(milliseconds, rel=1e-5)
        on_air = 178e-6 * 8 * PacketFormat.of(CODEC).packet_bytes(rate)
        assert metrics["energy_millijoules"][str(rate)] == pytest.approx(0.153 * milliseconds + on_air, rel=1e-5)


def test_coded_packets_are_counted_apart(recorded: Verification) -> None:
    layers = len(CODEC.layers)
    assert recorded.metrics()["coded"] == {
        str(rate): {"quantizer_cycles": 100 * rate, "packing_cycles": 10 * rate,
                    "total_milliseconds": pytest.approx((1000 * layers + 110 * rate) / 370e3, rel=1e-5)}
        for rate in (1, 2, 3)}


def test_another_training_has_the_same_figures(verifier: Verifier, recorded: Verification, tmp_path: Path) -> None:
    codec = edge_like(Sizes(seed=7, coded_classes=6))
    write_firmware(codec, random_windows(codec, 1), L1_BYTES, tmp_path / "firmware", L1_STACK_BYTES)
    trained_anew = replace(verifier, codec=codec, firmware=tmp_path / "firmware", work=tmp_path / "work")
    verification = on_host(trained_anew, kept_for(verifier))
    assert verification.bit_exact
    assert verification.firmware_hash != recorded.firmware_hash
    assert verification.cost == recorded.cost


def test_another_program_is_estimated_and_sized_by_its_own_build(verifier: Verifier) -> None:
    verification = on_host(verifier, replace(kept_for(verifier), program_hash="another"))
    assert verification.cost.evidence == "estimated"
    assert verification.cost.cycles == estimate(CycleTable.read(TABLE).prices, verifier.codec)
    assert verification.cost.remark == CycleTable.read(TABLE).remark
    assert (verification.metrics()["trainings"], verification.metrics()["cycle_spread"]) == (0, {})
    assert verification.cost.footprint.code_bytes > 4000
    assert verification.metrics()["coded"].keys() == {"1", "2", "3"}
    assert verification.cost.stack_bytes is None
    assert 0 < verification.metrics()["stack_bound_bytes"] <= verification.metrics()["stack_reserved_bytes"]
    assert verification.report()["instructions"]["Xfaux"] > 0
    assert " (ec_encode > encode > " in verification.report()["stack"]["api"]["ec_encode"]


def test_qemu_confirms_the_bits_but_not_the_time(verifier: Verifier, qemu: QemuSimulator) -> None:
    verification = verifier.verify(qemu, 2, [kept_for(verifier)], TABLE)
    assert verification.bit_exact
    assert str(verification.checks[-1]).startswith("qemu (qemu-virt, workers: 1), ")
    assert verification.checks[-1].comparison.windows == 2


@pytest.mark.skipif(not shutil.which("qemu-system-arm"), reason="needs qemu-system-arm")
def test_a_cortex_m_that_is_asked_for_by_name_confirms_the_bits(verifier: Verifier) -> None:
    chosen = choose_simulator("cortex-m33", verifier.toolchain, verifier.l1_stack_bytes)
    verification = verifier.verify(chosen.simulator, 1, [kept_for(verifier)], TABLE)
    assert verification.bit_exact
    assert str(verification.checks[-1]).startswith("cortex-m33 (qemu-mps2-an505, workers: 1), ")
    assert verification.cost.evidence == "recorded"
    assert verification.metrics()["simulator"] == "cortex-m33"
    assert verification.cost.evidence == "recorded"


def test_gvsoc_measures_and_its_figures_are_the_same_when_kept(verifier: Verifier, gvsoc: GvsocSimulator) -> None:
    measured = verifier.verify(gvsoc, 1, (), TABLE)
    assert measured.new_measurement is not None
    recorded = on_host(verifier, measured.new_measurement)
    assert measured.bit_exact
    assert measured.metrics() == {**recorded.metrics(), "simulator": "gvsoc", "evidence": "measured"}
    assert recorded.cost.evidence == "recorded"
    estimated = on_host(verifier)
    assert estimated.cost.cycles.encoder == pytest.approx(measured.cost.cycles.encoder, rel=0.3)


def test_gvsoc_adds_a_training_to_those_of_its_program(verifier: Verifier, gvsoc: GvsocSimulator) -> None:
    others = replace(kept_for(verifier), simulator=gvsoc.fingerprint)
    measured = verifier.verify(gvsoc, 1, [others], TABLE).new_measurement
    assert measured is not None
    assert measured.models.keys() == {"m1", "m2", verifier.codec.model_hash}
    assert measured.models[verifier.codec.model_hash][PacketKind.FIXED_LENGTH] == measured.cycles.fixed_length.chains


def test_a_flipped_weight_bit_is_a_verdict_that_names_the_layer(verifier: Verifier, tmp_path: Path) -> None:
    damaged = replace(verifier, firmware=damage(verifier.firmware, tmp_path / "damaged", "time_transform_weight"))
    verification = on_host(damaged, kept_for(damaged))
    assert verification.metrics()["bit_exact"] is False
    assert verification.cost.evidence == "recorded"
    for check in verification.report()["checks"]:
        assert check["first_difference"].startswith("window 0, layer 1 (time_transform): expected")


def test_missing_golden_windows_are_named(verifier: Verifier, tmp_path: Path) -> None:
    with pytest.raises(EdgeCodecError, match=r"golden/windows.bin: not found; run the stage generate_c"):
        on_host(replace(verifier, firmware=tmp_path))


class TestStage:
    """stages/verify_gvsoc.py in a folder of its own, on the host."""

    @pytest.fixture
    def project(self, verifier: Verifier, repository: Path, tmp_path: Path) -> Path:
        project = tmp_path / "project"
        shutil.copytree(verifier.firmware, project / "artifacts" / "firmware")
        save_codec(CODEC, project / "artifacts" / "float16")
        params = (repository / "tests" / "small_params.yaml").read_text()
        (project / "params.yaml").write_text(re.sub(r"simulator: \w+", "simulator: host", params))
        write_measurements(project / "artifacts" / "gvsoc_measurements.json", [kept_for(verifier)])
        return project

    @staticmethod
    def run(project: Path, repository: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, str(repository / "stages" / "verify_gvsoc.py")], cwd=project,
                              env={**os.environ, "PYTHONPATH": str(repository / "src")}, capture_output=True, text=True,
                              check=False)

    @staticmethod
    def outputs(project: Path) -> dict[str, bytes]:
        return {str(path.relative_to(project)): path.read_bytes() for path in sorted(project.rglob("artifacts/**/*.*"))}

    @pytest.mark.slow
    def test_it_writes_the_same_bytes_again(self, project: Path, repository: Path) -> None:
        assert self.run(project, repository).returncode == 0
        first = self.outputs(project)
        assert {"artifacts/verification/report.json", "artifacts/verification/transcript.txt",
                "artifacts/verification/memory_map.txt", "artifacts/metrics/verification.json"} <= set(first)
        assert self.run(project, repository).returncode == 0
        assert self.outputs(project) == first

    def test_a_difference_is_recorded_and_printed_but_no_failure(self, project: Path, repository: Path,
                                                                 verifier: Verifier) -> None:
        firmware = project / "artifacts" / "firmware"
        damaged = damage(firmware, project / "damaged", "time_transform_weight")
        shutil.rmtree(firmware)
        damaged.rename(firmware)
        kept = kept_for(replace(verifier, firmware=firmware))
        write_measurements(project / "artifacts" / "gvsoc_measurements.json", [kept])
        finished = self.run(project, repository)
        assert finished.returncode == 0
        assert "DIFFERS: window 0, layer 1 (time_transform)" in finished.stdout
        assert read_json(project / "artifacts" / "metrics" / "verification.json")["bit_exact"] is False

    def test_records_of_an_older_format_are_one_line_and_leave_nothing(self, project: Path, repository: Path) -> None:
        records = project / "artifacts" / "gvsoc_measurements.json"
        records.write_text('[{"firmware_hash": "0a", "codec": "edge"}]')
        finished = self.run(project, repository)
        assert finished.returncode == 1
        assert finished.stderr.startswith("error: artifacts/gvsoc_measurements.json: 0.program_hash: Field required")
        assert len(finished.stderr.splitlines()) == 1
        assert sorted(path.name for path in (project / "artifacts").iterdir()) == [
            "firmware", "float16", "gvsoc_measurements.json"]

    def test_a_failure_is_one_line_and_leaves_nothing(self, project: Path, repository: Path) -> None:
        (project / "artifacts" / "gvsoc_measurements.json").unlink()
        finished = self.run(project, repository)
        assert finished.returncode == 1
        assert finished.stderr.startswith("error: artifacts/metrics/cycle_estimate.json: not found")
        assert len(finished.stderr.splitlines()) == 1
        assert sorted(path.name for path in (project / "artifacts").iterdir()) == ["firmware", "float16"]
