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

from edgecodec.deploy.emit import firmware_hash, write_firmware
from edgecodec.deploy.memory import plan_memory
from edgecodec.deploy.network import save_codec
from edgecodec.deploy.packet import PacketFormat
from edgecodec.errors import EdgeCodecError
from edgecodec.simulators.cycles import CodedCycles, Cycles
from edgecodec.simulators.gvsoc import GvsocSimulator
from edgecodec.simulators.host import HostSimulator
from edgecodec.simulators.measurement import Measurement, kernels_hash, write_measurements
from edgecodec.simulators.memory_map import Footprint
from edgecodec.simulators.qemu import QemuSimulator
from edgecodec.simulators.selection import choose_simulator
from edgecodec.simulators.toolchain import Toolchain
from edgecodec.simulators.verification import Verification
from edgecodec.simulators.verifier import Verifier
from edgecodec.simulators.workload import Workload
from edgecodec.storage import read_json

CODEC = edge_like(Sizes(coded_codewords=6))
L1_BYTES = 64 * 1024 - L1_STACK_BYTES


@pytest.fixture(scope="module")
def verifier(toolchain: Toolchain, tmp_path_factory: pytest.TempPathFactory) -> Verifier:
    folder = tmp_path_factory.mktemp("verifier")
    write_firmware(CODEC, random_windows(CODEC, 4), L1_BYTES, folder / "firmware", L1_STACK_BYTES)
    return Verifier(CODEC, folder / "firmware", "gap9_like", L1_BYTES, L1_STACK_BYTES, toolchain, 120, folder / "work")


@pytest.fixture(scope="module")
def recorded(verifier: Verifier) -> Verification:
    """A verification on the host of a firmware that was measured before."""
    kept = kept_for(verifier)
    return on_host(verifier, replace(kept, firmware_hash="another"), kept)


def on_host(verifier: Verifier, *kept: Measurement) -> Verification:
    return verifier.verify(HostSimulator(verifier.toolchain), 1, kept)


def kept_for(verifier: Verifier) -> Measurement:
    """A measurement of the verifier's firmware, such as git keeps; every step takes 1000 cycles."""
    workload = Workload.of(verifier.codec, plan_memory(verifier.codec, L1_BYTES))
    cycles = Cycles(*((1000,) * len(steps) for steps in (workload.layers, workload.stages, workload.packets)),
                    coded=CodedCycles((100,) * 6, (10, 20, 30), ()))
    return Measurement(firmware_hash(verifier.firmware), kernels_hash(verifier.firmware), verifier.codec.codec,
                       "gap9_like", "gvsoc 0123", 370.0, 388, Footprint(11, 22, 3), workload, cycles)


def damage(firmware: Path, target: Path, member: str) -> Path:
    """A copy of ``firmware`` whose first weight of ``member`` has another sign."""
    shutil.copytree(firmware, target)
    weights = target / "src" / "codec_weights.c"
    start, value = re.search(rf"(\.{member} = .*?)0x([0-9a-f]{{4}})", weights.read_text(), re.DOTALL).groups()
    flipped = f"{start}0x{int(value, 16) ^ 0x8000:04x}"
    weights.write_text(weights.read_text().replace(f"{start}0x{value}", flipped))
    return target


def test_the_same_firmware_has_its_kept_figures(recorded: Verification, verifier: Verifier) -> None:
    assert recorded.bit_exact
    assert (recorded.cost.evidence, recorded.cost.footprint) == ("recorded", Footprint(11, 22, 3))
    assert recorded.cost.cycles == kept_for(verifier).cycles
    assert "gvsoc 0123" in recorded.cost.remark


def test_the_host_runs_all_windows_with_one_worker_and_with_eight(recorded: Verification) -> None:
    assert [(check.simulator, check.transcript.workers, check.comparison.windows) for check in recorded.checks] == [
        ("host", 1, 4), ("host", 8, 4)]


def test_metrics_add_up(recorded: Verification) -> None:
    metrics, layers = recorded.metrics(), len(CODEC.layers)
    assert set(metrics) == {
        "simulator", "target", "evidence", "bit_exact", "clock_mhz", "encoder", "rvq", "total_milliseconds", "l1_bytes",
        "l2_bytes", "code_bytes", "energy_millijoules", "stack_bytes", "stack_bound_bytes", "stack_reserved_bytes",
        "coded"}
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
        str(rate): {"quantizer_cycles": 200 * rate, "packing_cycles": 10 * rate,
                    "total_milliseconds": pytest.approx((1000 * layers + 210 * rate) / 370e3, rel=1e-5)}
        for rate in (1, 2, 3)}


def test_another_firmware_is_estimated_and_sized_by_its_own_build(verifier: Verifier) -> None:
    verification = on_host(verifier, replace(kept_for(verifier), firmware_hash="another"))
    assert verification.cost.evidence == "estimated"
    assert verification.cost.cycles.encoder == pytest.approx(1000 * len(verifier.codec.layers), rel=0.01)
    assert verification.cost.footprint.code_bytes > 4000
    assert verification.metrics()["coded"].keys() == {"1", "2", "3"}
    assert verification.cost.stack_bytes is None
    assert 0 < verification.metrics()["stack_bound_bytes"] <= verification.metrics()["stack_reserved_bytes"]
    assert verification.report()["instructions"]["Xfaux"] > 0
    assert " (ec_encode > encode > " in verification.report()["stack"]["api"]["ec_encode"]


def test_without_any_measurement_there_is_nothing_to_estimate_from(verifier: Verifier) -> None:
    with pytest.raises(EdgeCodecError, match="no measurement on gap9_like in arithmetic dotpex in the records"):
        on_host(verifier)


def test_qemu_confirms_the_bits_but_not_the_time(verifier: Verifier, qemu: QemuSimulator) -> None:
    verification = verifier.verify(qemu, 2, [kept_for(verifier)])
    assert verification.bit_exact
    assert str(verification.checks[-1]).startswith("qemu (qemu-virt, workers: 1), ")
    assert verification.checks[-1].comparison.windows == 2


@pytest.mark.skipif(not shutil.which("qemu-system-arm"), reason="needs qemu-system-arm")
def test_a_cortex_m_that_is_asked_for_by_name_confirms_the_bits(verifier: Verifier) -> None:
    chosen = choose_simulator("cortex-m33", verifier.toolchain, verifier.l1_stack_bytes)
    verification = verifier.verify(chosen.simulator, 1, [kept_for(verifier)])
    assert verification.bit_exact
    assert str(verification.checks[-1]).startswith("cortex-m33 (mps2-an505, workers: 1), ")
    assert verification.cost.evidence == "recorded"
    assert verification.metrics()["simulator"] == "cortex-m33"
    assert verification.cost.evidence == "recorded"


def test_gvsoc_measures_and_its_figures_are_the_same_when_kept(verifier: Verifier, gvsoc: GvsocSimulator) -> None:
    measured = verifier.verify(gvsoc, 1, ())
    recorded = on_host(verifier, verifier.measurement(measured))
    assert measured.bit_exact
    assert measured.metrics() == {**recorded.metrics(), "simulator": "gvsoc", "evidence": "measured"}
    assert recorded.cost.evidence == "recorded"
    estimated = on_host(verifier, replace(verifier.measurement(measured), firmware_hash="another"))
    assert estimated.cost.cycles.encoder == pytest.approx(measured.cost.cycles.encoder, rel=0.1)


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

    def test_it_writes_the_same_bytes_again(self, project: Path, repository: Path) -> None:
        assert self.run(project, repository).returncode == 0
        first = self.outputs(project)
        assert {"artifacts/verification/report.json", "artifacts/verification/transcript.txt",
                "artifacts/verification/memory_map.txt", "artifacts/metrics/verification.json"} <= set(first)
        assert self.run(project, repository).returncode == 0
        assert self.outputs(project) == first

    def test_a_difference_is_recorded_and_printed_but_no_failure(self, project: Path, repository: Path) -> None:
        firmware = project / "artifacts" / "firmware"
        damaged = damage(firmware, project / "damaged", "time_transform_weight")
        shutil.rmtree(firmware)
        damaged.rename(firmware)
        finished = self.run(project, repository)
        assert finished.returncode == 0
        assert "DIFFERS: window 0, layer 1 (time_transform)" in finished.stdout
        assert read_json(project / "artifacts" / "metrics" / "verification.json")["bit_exact"] is False

    def test_a_failure_is_one_line_and_leaves_nothing(self, project: Path, repository: Path) -> None:
        (project / "artifacts" / "gvsoc_measurements.json").unlink()
        finished = self.run(project, repository)
        assert finished.returncode == 1
        assert finished.stderr.startswith("error: cycle model: no measurement on gap9_like")
        assert len(finished.stderr.splitlines()) == 1
        assert sorted(path.name for path in (project / "artifacts").iterdir()) == ["firmware", "float16"]
