"""Learning curves reach the run while training goes on, and never stop it."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgecodec.registry.store import open_store
from edgecodec.training.curves import live_curves


def curve() -> list[tuple[int, float]]:
    """The curve of the one run there is, which is still open: the stage register ends it."""
    store = open_store()
    (run,) = store.client.search_runs([store.experiment("edgecodec")])
    assert run.info.status == "RUNNING"
    return [(point.step, point.value) for point in store.client.get_metric_history(run.info.run_id, "training.loss")]


@pytest.mark.usefixtures("project")
def test_a_training_that_resumes_repeats_no_point() -> None:
    for steps in ((100, 200), (200, 300)):
        with live_curves() as report:
            for step in steps:
                report(step, {"loss": 1 / step})
    assert curve() == [(100, 0.01), (200, 0.005), (300, 1 / 300)]


@pytest.mark.usefixtures("project")
def test_training_goes_on_when_the_store_breaks(capfd: pytest.CaptureFixture[str]) -> None:
    Path("mlflow.db").write_bytes(b"this was a database once")
    with live_curves() as report:
        for step in range(100):
            report(step, {"loss": 0.5})
    assert "error: no live learning curves in MLflow; the stage register adds them" in capfd.readouterr().err
