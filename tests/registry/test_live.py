"""Learning curves reach the run while training goes on, and never stop it."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_project import small_params

from edgecodec.registry.store import open_store
from edgecodec.registry.tracking import run_of_state
from edgecodec.training.curves import live_curves


def curve() -> list[tuple[int, float]]:
    """The curve of the one run there is, which is still open: the stage register ends it."""
    store = open_store()
    (run,) = store.client.search_runs([store.experiment("edgecodec")])
    assert run.info.status == "RUNNING"
    return [(point.step, point.value) for point in store.client.get_metric_history(run.info.run_id, "training.loss")]


@pytest.mark.usefixtures("project")
def test_rows_of_a_training_reach_the_run_of_the_pipelines_state() -> None:
    with live_curves() as report:
        report(100, {"loss": 0.5})
        report(200, {"loss": 0.25})
    assert curve() == [(100, 0.5), (200, 0.25)]


@pytest.mark.usefixtures("project")
def test_a_training_that_resumes_repeats_no_point() -> None:
    for steps in ((100, 200), (200, 300)):
        run = run_of_state(open_store(), small_params(), Path())
        run.log_curves([{"step": step, "loss": 1 / step} for step in steps])
    assert curve() == [(100, 0.01), (200, 0.005), (300, 1 / 300)]


@pytest.mark.usefixtures("project")
def test_training_goes_on_when_the_store_breaks(capfd: pytest.CaptureFixture[str]) -> None:
    Path("mlflow.db").write_bytes(b"this was a database once")
    with live_curves() as report:
        for step in range(100):
            report(step, {"loss": 0.5})
    assert "error: no live learning curves in MLflow; the stage register adds them" in capfd.readouterr().err
