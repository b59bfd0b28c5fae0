"""Registering is idempotent: the run follows the pipeline's state, the version follows the bundle's bytes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from small_project import small_params

from edgecodec.errors import EdgeCodecError
from edgecodec.params import Params
from edgecodec.registry.register import Registration, register
from edgecodec.registry.store import open_store
from edgecodec.storage import read_json, write_json

HERE = Path()


@pytest.fixture
def params() -> Params:
    return small_params()


def with_settings(section: str, **settings: object) -> Params:
    content = small_params().model_dump(mode="json", by_alias=True)
    content[section].update(settings)
    return Params.model_validate(content)


def client() -> MlflowClient:
    return open_store().client


def number(registration: Registration) -> str:
    assert registration.version is not None
    return registration.version.number


def change_metrics(name: str, **changes: object) -> None:
    path = Path(f"artifacts/metrics/{name}.json")
    write_json(path, {**read_json(path), **changes})


@pytest.mark.usefixtures("project")
def test_passing_results_become_version_one_and_candidate(params: Params) -> None:
    registration = register(params, HERE)

    assert number(registration) == "1"
    version = client().get_model_version_by_alias("edgecodec", "candidate")
    assert version.version == 1
    assert version.tags["model_hash"] == read_json(Path("artifacts/float16/codec.json"))["model_hash"]
    assert float(version.tags["error_percent.rate2"]) == 2.1
    assert version.description.startswith("2.30 % at 8 bits, 2.10 % at 16 bits\n")
    assert "not by this page's button \"Promote model\"" in version.description
    rows = [line.split("|") for line in version.description.splitlines() if line.startswith("| ")]
    assert [[cell.strip() for cell in row[1:3]] for row in rows] == [  # the model card, with its tables of rates
        ["rate", "payload bits"], ["---", "---"], ["1", "8"], ["2", "16"],
        ["rate", "error %"], ["---", "---"], ["1", "2.3"], ["2", "2.1"]]
    assert all(cell.endswith("\N{NO-BREAK SPACE} ") for row in rows for cell in row[1:-1] if "---" not in cell)
    assert max(len(line) for line in version.description.splitlines() if line.startswith("    ")) < 75  # of code
    run, report = version.run_id, f"release_report/version-{version.version}.html"
    assert f"(#/experiments/1/runs/{run}/artifacts/{report})" in version.description
    assert report in {entry.path for entry in client().list_artifacts(run, "release_report")}
    assert "edgecodec releases promote" in client().get_registered_model("edgecodec").description


@pytest.mark.usefixtures("project")
def test_a_second_registration_changes_nothing(params: Params) -> None:
    first = register(params, HERE)
    before = everything_in(client(), first.run_id)
    second = register(params, HERE)

    assert (second.run_id, number(second)) == (first.run_id, "1")
    assert first.version is not None
    assert second.version is not None
    assert (first.version.is_new, second.version.is_new) == (True, False)
    assert everything_in(client(), first.run_id) == before


def everything_in(store: MlflowClient, run_id: str) -> list[Any]:
    run = store.get_run(run_id)
    histories = {name: [(point.step, point.value) for point in store.get_metric_history(run_id, name)]
                 for name in run.data.metrics}
    versions = [(version.version, version.tags, version.aliases) for version in store.search_model_versions()]
    runs = store.search_runs([run.info.experiment_id])
    return [histories, run.data.params, run.data.tags, run.info.status, run.info.end_time, len(runs), versions,
            len(run.inputs.dataset_inputs), len(run.outputs.model_outputs)]


class KilledError(Exception):
    pass


@pytest.mark.usefixtures("project")
def test_an_interrupted_registration_is_completed_and_leaves_no_second_model(
    params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After each thing in turn that it writes into the store."""
    def killed(*arguments: object, **named: object) -> None:
        raise KilledError

    for step in ("log_model_artifacts", "finalize_logged_model", "log_outputs", "create_registered_model",
                 "create_model_version", "set_registered_model_alias"):
        with monkeypatch.context() as patch:
            patch.setattr(MlflowClient, step, killed)
            with pytest.raises(KilledError):
                register(params, HERE)
    registration = register(params, HERE)
    assert number(registration) == "1"
    assert len(list(Path("mlartifacts/models").iterdir())) == 1
    assert client().get_model_version_by_alias("edgecodec", "candidate").version == 1
    assert len(client().get_run(registration.run_id).outputs.model_outputs) == 1


@pytest.mark.usefixtures("project")
def test_the_run_shows_parameters_metrics_curves_data_and_plots(params: Params) -> None:
    run = client().get_run(register(params, HERE).run_id)

    assert run.data.params["codecs.codewords"] == "16"  # of the codec in use, flat
    assert run.data.params["codecs.bands"] == "1 4 2, 4 8 1"
    assert not any(name.startswith("registry") for name in run.data.params)
    assert run.data.metrics["error_percent.rate1"] == 2.3
    assert run.data.metrics["latency_milliseconds.rate2"] == 5.0
    curve = client().get_metric_history(run.info.run_id, "training.loss_absolute")
    assert [(point.step, point.value) for point in curve] == [(100, 0.5), (200, 0.25)]
    assert {(entry.dataset.name, entry.dataset.digest) for entry in run.inputs.dataset_inputs} == \
        {("train-windows", "0a" * 16), ("validation-windows", "1b" * 16)}
    assert {entry.path for entry in client().list_artifacts(run.info.run_id, "analysis")} == \
        {"analysis/rate_distortion.svg"}
    assert run.info.status == "FINISHED"


@pytest.mark.usefixtures("project")
def test_other_parameters_get_another_run_and_the_first_ones_find_theirs(params: Params) -> None:
    first = register(params, HERE)
    other = register(with_settings("analyze", utilization_rule=0.5), HERE)
    reverted = register(params, HERE)

    assert other.run_id != first.run_id
    assert (reverted.run_id, number(reverted)) == (first.run_id, "1")
    assert client().get_model_version_by_alias("edgecodec", "candidate").version == 1


@pytest.mark.usefixtures("project")
@pytest.mark.slow
def test_changed_code_and_other_sources_get_another_run_and_the_code_of_studies_does_not(params: Params) -> None:
    first = register(params, HERE)
    write_json(Path("artifacts/code/study.json"), {"stages/study.py": "fedcba9876543210"})
    assert register(params, HERE).run_id == first.run_id
    write_json(Path("artifacts/code/train.json"), {"stages/train.py": "fedcba9876543210"})
    second = register(params, HERE)
    write_json(Path("measured.json"), {"cycles": 2})
    assert len({first.run_id, second.run_id, register(params, HERE).run_id}) == 3


@pytest.mark.usefixtures("project")
def test_where_results_go_is_not_part_of_the_state(params: Params) -> None:
    first = register(params, HERE)
    elsewhere = register(with_settings("registry", model_name="another"), HERE)

    assert elsewhere.run_id == first.run_id
    assert elsewhere.version is not None
    assert (elsewhere.version.name, elsewhere.version.number) == ("another", "1")


@pytest.mark.usefixtures("project")
def test_an_experiment_leaves_the_candidate_where_it_is(params: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    register(params, HERE)
    monkeypatch.setenv("DVC_EXP_NAME", "balmy-lilo")
    experiment = register(with_settings("analyze", utilization_rule=0.5), HERE)

    assert number(experiment) == "2"
    assert client().get_run(experiment.run_id).info.run_name == "balmy-lilo"
    assert client().get_model_version_by_alias("edgecodec", "candidate").version == 1


@pytest.mark.slow
def test_a_queued_experiment_registers_in_its_parents_store(project: Path, params: Params, tmp_path: Path,
                                                            monkeypatch: pytest.MonkeyPatch) -> None:
    throwaway = tmp_path / "throwaway"
    shutil.copytree(project, throwaway, ignore=shutil.ignore_patterns("mlflow.db", "mlartifacts"))
    monkeypatch.chdir(throwaway)
    monkeypatch.setenv("DVC_ROOT", str(project))

    assert number(register(params, HERE)) == "1"
    assert not (throwaway / "mlflow.db").exists()
    monkeypatch.chdir(project)
    assert number(register(params, HERE)) == "1"


@pytest.mark.usefixtures("project")
def test_a_failed_gate_is_recorded_and_nothing_registered(params: Params) -> None:
    change_metrics("verification", bit_exact=False, l1_bytes=200_000)
    registration = register(params, HERE)

    assert registration.version is None
    tags = client().get_run(registration.run_id).data.tags
    assert tags["gates"] == "failed"
    assert "bit_exact" in tags["gates.reasons"]
    assert "l1_bytes: 200,000 is more than 131,072" in tags["gates.reasons"]
    assert "| l1_bytes | 200,000 | 131,072 | measured | FAILED |" in \
        tags["mlflow.note.content"].replace("\N{NO-BREAK SPACE}", "")
    assert client().search_registered_models() == []


@pytest.mark.usefixtures("project")
def test_a_candidate_that_is_worse_than_the_champion_is_not_registered(params: Params) -> None:
    register(params, HERE)
    client().set_registered_model_alias("edgecodec", "champion", "1")
    metrics = read_json(Path("artifacts/metrics/rate_distortion.json"))
    metrics["splits"]["validation"]["edgecodec"]["2"]["error_percent"] = 2.2
    change_metrics("rate_distortion", **metrics)

    registration = register(with_settings("analyze", utilization_rule=0.5), HERE)
    assert registration.version is None
    assert [verdict.name for verdict in registration.verdicts if not verdict.passed] == ["champion.rate2"]


@pytest.mark.slow
@pytest.mark.usefixtures("project")
def test_two_processes_on_a_new_store_make_one_run_and_one_version(params: Params) -> None:
    Path("mlflow.db").unlink()
    program = ("from pathlib import Path; from edgecodec.params import load_params; "
               "from edgecodec.registry.register import register; print(register(load_params(), Path()).run_id)")
    both = [subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    run_ids = {process.communicate()[0].strip() for process in both}

    assert [process.returncode for process in both] == [0, 0]
    assert run_ids == {register(params, HERE).run_id}
    assert [version.version for version in client().search_model_versions()] == [1]


@pytest.mark.usefixtures("project")
def test_without_a_stages_output_nothing_is_registered(params: Params) -> None:
    shutil.rmtree("artifacts/firmware")

    with pytest.raises(EdgeCodecError, match="artifacts/firmware: not found; run the stage"):
        register(params, HERE)
    assert client().search_model_versions() == []
