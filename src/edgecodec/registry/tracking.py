"""One MLflow run per pipeline state, found by whichever stage looks for it.

Runs are handled by id through the client. MLflow's ``start_run`` would mark a run as failed at any exception that
passes through it, and a new run would be begun by every stage.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import Metric, Param

from edgecodec.git import present_commit
from edgecodec.params import Params
from edgecodec.registry.lineage import pipeline_key
from edgecodec.registry.store import Store, locked

Item = TypeVar("Item")

STATE = "edgecodec.state"  # the tag by which a run is found
CURVES = "training."  # the prefix of learning curves


@dataclass(frozen=True)
class Run:
    """The run of one pipeline state."""

    client: MlflowClient
    experiment_id: str
    id: str

    def log_curves(self, rows: Sequence[Mapping[str, float]]) -> None:
        """Append rows of a learning curve, each with its ``step``, unless the curves already reach that far.

        A figure of one rate is named as in the summary: ``error_percent.rate1``.
        """
        rows = [{name.replace("_rate", ".rate"): value for name, value in row.items()} for row in rows]
        names = {name for row in rows for name in row if name != "step"}
        reached = {name: max((point.step for point in self.client.get_metric_history(self.id, CURVES + name)),
                             default=-1) for name in names}
        self._log([Metric(CURVES + name, row[name], _now(), int(row["step"])) for row in rows
                   for name in row if name != "step" and row["step"] > reached[name]])

    def log_summary(self, metrics: Mapping[str, float]) -> None:
        """Set metrics that have one value per run. Those that have it already are left alone."""
        known = self.client.get_run(self.id).data.metrics
        self._log([Metric(name, value, _now(), 0) for name, value in metrics.items()
                   if math.isfinite(value) and known.get(name) != value])

    def summary_points(self) -> list[Metric]:
        """The points of all metrics that have one value per run."""
        names = [name for name in self.client.get_run(self.id).data.metrics if not name.startswith(CURVES)]
        return [self.client.get_metric_history(self.id, name)[-1] for name in names]

    def tags(self) -> dict[str, str]:
        return dict(self.client.get_run(self.id).data.tags)

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Set the tags that differ."""
        known = self.tags()
        for name, value in tags.items():
            if known.get(name) != value:
                self.client.set_tag(self.id, name, value)

    def finish(self) -> None:
        """Mark the run as finished, unless it is."""
        if self.client.get_run(self.id).info.status != "FINISHED":
            self.client.set_terminated(self.id)

    def _log(self, metrics: list[Metric]) -> None:
        for batch in _batches(metrics, 1000):
            self.client.log_batch(self.id, metrics=batch)


def run_of_state(store: Store, params: Params, folder: Path) -> Run:
    """The run of the pipeline's present state, created if it is new.

    Raises:
        EdgeCodecError: see :func:`edgecodec.registry.lineage.pipeline_key` and :meth:`Store.experiment`.
    """
    key = pipeline_key(params, folder)
    experiment = store.experiment(params.registry.experiment)
    with locked():
        found = store.client.search_runs([experiment], f"tags.`{STATE}` = '{key}'", max_results=1)
        if found:
            run = found[0]
        else:
            name = os.environ.get("DVC_EXP_NAME") or f"{params.codec}-{key[:7]}"
            run = store.client.create_run(experiment, run_name=name, tags={STATE: key, **_origin(folder)})
        flat = flat_params(params)
        missing = [Param(name, flat[name]) for name in flat.keys() - run.data.params.keys()]
        for batch in _batches(missing, 100):
            store.client.log_batch(run.info.run_id, params=batch)
    return Run(store.client, experiment, run.info.run_id)


def flat_params(params: Params) -> dict[str, str]:
    """Dotted names and values of the parameters in use: the chosen codec, its schedule, the chosen data source."""
    content = params.model_dump(mode="json", by_alias=True, exclude={"registry"})
    for section in ("codecs", "train"):
        content[section] = content[section][params.codec]
    for source in ("twin", "array"):
        if source != ("array" if params.data.source == "field" else params.data.source):
            del content["data"][source]
    return {name: _words(value, ", ") for name, value in dotted(content).items() if value is not None}


def dotted(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings in nested sections, by their dotted names."""
    (row,) = pd.json_normalize(dict(settings)).to_dict("records")
    return {str(name): value for name, value in row.items()}


def _words(value: Any, between: str = " ") -> str:
    """MLflow would spread JSON over many lines; ``1 16 6, 16 45 4`` stays on one."""
    return between.join(map(_words, value)) if isinstance(value, list) else str(value)


def _origin(folder: Path) -> dict[str, str]:
    """Where the run came from, in MLflow's own tags."""
    tags = {"mlflow.source.name": "dvc.yaml", "mlflow.source.type": "PROJECT"}
    commit = present_commit(folder)
    return tags if commit is None else {**tags, "mlflow.source.git.commit": commit}


def _now() -> int:
    return int(1000 * time.time())


def _batches(items: list[Item], most: int) -> Iterator[list[Item]]:
    """``items`` in lists as long as MLflow takes them."""
    for start in range(0, len(items), most):
        yield items[start : start + most]
