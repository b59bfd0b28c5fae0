"""``make ui``: MLflow's pages, and the addresses in them to begin with. ``python -m edgecodec.registry.ui [PORT]``

MLflow opens an experiment on its page for language models, whatever kind the experiment is tagged with, unless the
address asks for model training.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

from edgecodec.errors import exit_with_one_line
from edgecodec.params import Params, load_params
from edgecodec.registry.store import Store, open_store, reporting_failure, without_password

TRAINING = "workflowType=machine_learning"


def addresses(store: Store, params: Params, pages: str) -> Iterator[tuple[str, str]]:
    """What there is to see, and where; ``pages`` is MLflow's address."""
    found = store.client.get_experiment_by_name(params.registry.experiment)
    if found is not None:
        experiment = f"{pages}/#/experiments/{found.experiment_id}"
        yield "all runs", f"{experiment}/runs?{TRAINING}"
        yield "runs compared, with their curves", f"{experiment}/runs?{TRAINING}&compareRunsMode=CHART"
        for run in store.client.search_runs([found.experiment_id], max_results=1):
            yield "the newest run and its gates", f"{experiment}/runs/{run.info.run_id}?{TRAINING}"
    model = params.registry.model_name
    versions = [int(version.version) for version in store.client.search_model_versions(f"name = '{model}'")]
    if versions:
        yield "the newest version", f"{pages}/#/models/{model}/versions/{max(versions)}?{TRAINING}"


def main() -> None:
    port = sys.argv[1] if len(sys.argv) > 1 else "5000"
    with reporting_failure():
        store, params = open_store(), load_params()
        local = store.artifacts is not None
        shown = dict(addresses(store, params, f"http://127.0.0.1:{port}" if local else without_password(store.uri)))
    for name, address in shown.items():
        print(f"{name + ':':<35}{address}", flush=True)
    if not shown:
        print("nothing to see yet; run the pipeline (make repro)", flush=True)
    if local:
        command = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", store.uri, "--port", port]
        os.execv(sys.executable, [*command, "--host", "127.0.0.1"])


if __name__ == "__main__":
    exit_with_one_line(main)
