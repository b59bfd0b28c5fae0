"""The whole pipeline in small, by `dvc repro` in a clone: from nothing to a registered, verified model."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from edgecodec.dvc_files import stages_of
from edgecodec.evaluation.evaluate import OTHERS
from edgecodec.evaluation.rate_distortion import CODEC
from edgecodec.model.codec import load_model
from edgecodec.model.kinds import KINDS
from edgecodec.params import load_params
from studies.gallery import gathered

if TYPE_CHECKING:
    from conftest import Clone

STUDIES = ("paper_training", "paper_comparison", "exploration", "limits", "seeds", "generalization",
           "benchmark")
METRICS = ("validation", "windows", "training", "codebooks", "rate_distortion", "damage", "float16", "firmware",
           "verification")


@pytest.fixture(scope="module")
def params_read(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the settings that every stage has read, in a file of its name (tests/recorded_params)."""
    return tmp_path_factory.mktemp("params_read")


@pytest.fixture(scope="module")
def clone(make_clone: Callable[[Path], Clone], params_read: Path, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    clone = make_clone(tmp_path_factory.mktemp("clone") / "Prüfstand 1")  # a name that must not matter
    clone.environment["PYTHONPATH"] += f"{os.pathsep}{Path(__file__).parent / 'recorded_params'}"
    clone.environment["RECORDED_PARAMS"] = str(params_read)
    clone.first = clone.run("dvc", "repro")  # type: ignore[attr-defined]
    return clone


@pytest.mark.timeout(900)
def test_repro_ends_with_a_registered_candidate(clone: Clone) -> None:
    first = clone.first  # type: ignore[attr-defined]
    assert first.returncode == 0, first.stdout[-3000:] + first.stderr[-3000:]
    assert "candidate" in first.stdout
    assert all(clone.metrics(name) for name in METRICS)
    assert clone.metrics("verification")["bit_exact"] is True


def test_the_metrics_have_the_agreed_shape(clone: Clone) -> None:
    codecs = clone.metrics("rate_distortion")["splits"]["validation"]
    assert set(codecs) == {"edgecodec", "edgecodec_coded", *load_params(clone.folder / "params.yaml").analyze.rivals}
    for rate in ("1", "2", "3", "4"):
        entry = codecs["edgecodec"][rate]
        keys = {"error_percent", "pointwise_error_percent", "pointwise_error_median_percent", "nmse_percent"}
        assert keys | {"bits_per_window"} <= entry.keys()
        assert entry["by_group"].keys() == {"wind 10m/s", "wind 20m/s"}
        assert all(keys <= of_group.keys() for of_group in entry["by_group"].values())
    damage = clone.metrics("damage")
    line = damage["accuracy"]["heave_line"]
    assert len(damage["classes"]) == 6
    assert damage["accuracy_loss"] == {
        rate: pytest.approx(line["raw"] - of_rate["decoded"], abs=1e-5) for rate, of_rate in line["by_rate"].items()}
    verification = clone.metrics("verification")
    assert {"simulator", "target", "evidence", "bit_exact", "clock_mhz", "encoder", "rvq", "total_milliseconds",
            "l1_bytes", "l2_bytes", "code_bytes", "energy_millijoules"} <= verification.keys()
    assert {"cycles", "macs", "layers"} <= verification["encoder"].keys()


def test_the_gallery_gathers_what_came_of_it(clone: Clone) -> None:
    found = gathered(clone.folder)
    assert found["firmware"]["bit_exact"] is True
    assert {reason["setting"] for reason in found["design"]["reasons"]} >= {"codecs.edge.bands"}
    assert [point["rate"] for point in found["points"]] == 2 * list(load_model(clone.folder / "artifacts/model").rates)
    for point in found["points"]:
        assert point["best_rival"] is None or point["rivals"][point["best_rival"]] == min(point["rivals"].values())
        assert point["best_rival"] is None or point["ratio"] == pytest.approx(
            point["error"] / point["rivals"][point["best_rival"]], rel=1e-4)
    assert any(point["rivals"] for point in found["points"])


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_studies_run_on_the_result(clone: Clone) -> None:
    done = clone.run("dvc", "repro", "studies/dvc.yaml")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert all(clone.metrics(name) for name in STUDIES)
    assert set(clone.metrics("paper_comparison")) == {CODEC, *OTHERS}
    assert set(KINDS) <= clone.metrics("benchmark")["benchmarks"].keys()
    assert set(clone.metrics("exploration")) == {"edge", "paper"}


@pytest.mark.slow
def test_dvc_yaml_names_every_setting_that_a_stage_reads(clone: Clone, params_read: Path) -> None:
    """But for ``register``, which always runs."""
    stages = {name: stage for file in ("dvc.yaml", "studies/dvc.yaml")
              for name, stage in stages_of(clone.folder / file).items() if name not in ("fingerprint_code", "register")}
    read = {name: (params_read / name).read_text().splitlines() for name in stages}
    assert [f"{name}: {setting}" for name, stage in stages.items() for setting in read[name]
            if not any(f"{setting}.".startswith(f"{section}.") for section in stage.get("params", []))] == []
    assert "train.edge.recipe.annealing" in read["train"]


def ran(done: subprocess.CompletedProcess[str]) -> list[str]:
    assert done.returncode == 0, done.stderr[-3000:]
    return re.findall(r"Running stage '(\w+)'", done.stdout)


def release_check(clone: Clone) -> subprocess.CompletedProcess[str]:
    return clone.run(sys.executable, "-m", "edgecodec.sources.current")


@pytest.mark.slow
def test_a_second_repro_changes_nothing_though_a_comment_did(clone: Clone) -> None:
    lock = (clone.folder / "dvc.lock").read_bytes()
    module = clone.folder / "src/edgecodec/errors.py"
    module.write_text(module.read_text().replace('"""The one exception', '# See above.\n"""An exception'))
    assert ran(clone.run("dvc", "repro")) == ["fingerprint_code", "register"]
    assert (clone.folder / "dvc.lock").read_bytes() == lock
    assert "(make repro)" not in release_check(clone).stderr


@pytest.mark.slow
def test_an_added_import_runs_the_stages_behind_which_it_is(clone: Clone) -> None:
    module = clone.folder / "src/edgecodec/evaluation/damage.py"
    before = module.read_text()
    module.write_text(before.replace("from edgecodec", "import edgecodec.console\nfrom edgecodec", 1))
    try:
        assert "artifacts/code: not of the present code: classify_damage; run make deps" in release_check(clone).stderr
        assert ran(clone.run("dvc", "repro", "fingerprint_code")) == ["fingerprint_code"]
        assert "would run again: classify_damage (make repro); run them" in release_check(clone).stderr
        assert ran(clone.run("dvc", "repro")) == ["fingerprint_code", "classify_damage", "register"]
    finally:
        module.write_text(before)
    assert ran(clone.run("dvc", "repro")) == ["fingerprint_code", "register"]  # DVC keeps what the stage gave before


@pytest.mark.slow
def test_a_remote_brings_the_results_to_another_clone(clone: Clone, tmp_path: Path) -> None:
    """What docs/scaling.md describes, with a folder in place of S3: no stage runs where the results are pulled."""
    def succeed(*command: str) -> str:
        done = clone.run(*command)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    succeed("dvc", "remote", "add", "--default", "storage", str(tmp_path / "storage"))
    succeed("dvc", "push", "--with-deps", "register")
    succeed("git", "add", "--all")
    succeed("git", "-c", "user.name=test", "-c", "user.email=test@localhost", "commit", "-qm", "Record results")
    succeed("git", "clone", "-q", str(clone.folder), str(tmp_path / "other"))
    other = copy(clone)
    other.folder = tmp_path / "other"
    pulled = other.run("dvc", "pull", "--with-deps", "register")
    assert pulled.returncode == 0, pulled.stderr
    status = other.run("dvc", "status", "--with-deps", "verify_gvsoc").stdout
    assert status.split() == ["fingerprint_code:", "always", "changed"]
    weights = Path("artifacts") / "model" / "model.safetensors"
    assert (other.folder / weights).read_bytes() == (clone.folder / weights).read_bytes()


def test_a_missing_gate_limit_stops_the_pipeline_in_one_line(clone: Clone) -> None:
    params = clone.folder / "params.yaml"
    before = params.read_text()
    params.write_text("\n".join(line for line in before.splitlines() if "  error: " not in line))
    try:
        done = clone.run(sys.executable, "stages/register.py")
    finally:
        params.write_text(before)
    assert done.returncode == 1
    assert done.stderr.strip() == "error: params.yaml: gates.error: missing key; add it"


@pytest.mark.slow
def test_the_classical_codec_is_registered_too(clone: Clone) -> None:
    params = clone.folder / "params.yaml"
    before = params.read_text()
    params.write_text(before.replace("codec: edge", "codec: transform"))
    try:
        assert ran(clone.run("dvc", "repro"))[1] == "train"
    finally:
        params.write_text(before)
    assert clone.metrics("training")["codec"] == "transform"
    assert clone.metrics("verification")["bit_exact"] is True
    assert clone.run(str(Path(sys.executable).parent / "edgecodec"), "check-gates").returncode == 0
