"""Retrain by what nodes sent: the pipeline on old recordings and new, in a workspace of its own, up to a candidate.

    check      recordings, champion and settings, before anything runs for long
    workspace  at the present commit: recordings, and the model to refit, tracked by DVC; settings that name them
    pipeline   dvc repro, which registers the candidate if it passes the gates
    compare    champion and candidate on old and on new validation windows
    commit     settings, dvc.lock and metrics, on a branch

Nothing is promoted: that is a person's act.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from edgecodec import chosen
from edgecodec.artifacts import DESIGN, METRICS, VALIDATION_WINDOWS
from edgecodec.data.field import acquire_beside, channels_in
from edgecodec.data.recordings import channels_told
from edgecodec.data.windows import WindowSet
from edgecodec.designed import designed
from edgecodec.dvc_files import dvc_md5
from edgecodec.errors import EdgeCodecError
from edgecodec.fleet.workspace import Workspace, refuse_uncommitted
from edgecodec.git import present_commit
from edgecodec.params import Params, load_params
from edgecodec.registry.bundle import build_bundle
from edgecodec.registry.comparison import FILE_NAME, Comparison, compare, record
from edgecodec.registry.examination import open_sealed
from edgecodec.registry.register import Registration, register
from edgecodec.registry.registered import fetch_model, find_version
from edgecodec.registry.store import Store, open_store, reporting_failure
from edgecodec.registry.versions import champion_of
from edgecodec.storage import read_json, write_json
from edgecodec.training.refitting import refuse_other_shape

INPUTS = Path("retrain")  # the folder of what the branch adds to the project, by names that change with the content
DIGITS = 12  # of a hash in such a name

Refit = Literal["all", "codebooks"]


@dataclass(frozen=True)
class Retraining:
    branch: str
    recordings: int
    comparison: Comparison
    registration: Registration


def retrain(recordings: Path, refit: Refit, params: Params, project: Path) -> Retraining:
    """Retrain the project in the folder ``project``, which is as it was afterwards.

    Args:
        recordings: a folder that ``edgecodec fleet windows`` filled.
        refit: everything, or the champion's codebooks alone.

    Raises:
        EdgeCodecError: something is amiss with the recordings, there is no champion or it has another shape, something
            is not committed, or a stage failed.
    """
    refuse_uncommitted(project)
    store = open_store()
    with reporting_failure(), tempfile.TemporaryDirectory() as work:
        number, champion = _fetch_champion(store, params.registry.model_name, Path(work))
        count = _check(recordings, champion, refit, params, Path(work))
        workspace = _workspace(recordings, champion, refit, params, project)
        workspace.run_pipeline()
        there = designed(load_params(workspace.folder / "params.yaml"), workspace.folder / DESIGN)
        registration = register(there, workspace.folder)  # it has happened: this finds the run and the version
        candidate = build_bundle(Path(work) / "candidate", workspace.folder, there)
        comparison = compare(number, champion, candidate.folder,
                             WindowSet.open(workspace.folder / VALIDATION_WINDOWS), chosen.measure(params))
        write_json(workspace.folder / METRICS / FILE_NAME, comparison.to_json())
        workspace.commit(f"Retrain with {count} recordings from the field")
        record(store.client, comparison, registration.run_id, registration.version)
        workspace.close()
    return Retraining(workspace.branch, count, comparison, registration)


def _fetch_champion(store: Store, name: str, work: Path) -> tuple[str, Path]:
    """The champion's number, and its bundle in ``work``."""
    champion = champion_of(store.client, name)
    if champion is None:
        raise EdgeCodecError(f"registered model {name}: no champion to compare with in {store.shown}; promote a "
                             "version (edgecodec releases promote)")
    version = find_version(store, name, champion.version)
    return champion.version, open_sealed(version, fetch_model(store, version, work / "champion")).bundle.folder


def _check(recordings: Path, champion: Path, refit: Refit, params: Params, work: Path) -> int:
    """Find what would stop the pipeline, or the comparison behind it; the number of recordings.

    Args:
        work: a folder to read the recordings into, as the stage acquire will.
    """
    model = champion / "decoder"
    window: dict[str, Any] = read_json(model / "model.json")["window"]
    channels = channels_in(recordings)
    if set(channels) != set(window["channel_names"]):
        raise EdgeCodecError(f"{recordings}: {channels_told(channels)}, but the champion's windows have "
                             f"{channels_told(window['channel_names'])}; give recordings of nodes that run it")
    if window["samples"] != params.window.samples:
        raise EdgeCodecError(f"params.yaml: window.samples is {params.window.samples}, and the champion's windows have "
                             f"{window['samples']}; both must take the same windows to be compared")
    if refit == "codebooks":
        refuse_other_shape(model, designed(params))
    data = params.data.model_copy(update={"field": params.data.field.model_copy(update={"path": recordings})})
    return len(acquire_beside(data, window["sample_rate_hz"], work / "field").recordings)


def _workspace(recordings: Path, champion: Path, refit: Refit, params: Params, project: Path) -> Workspace:
    """One with recordings, model and settings in place."""
    commit = present_commit(project)
    inputs = {"data.field.path": _named("recordings", recordings)}
    sources = {inputs["data.field.path"]: recordings}
    if refit == "codebooks":
        inputs["train.model"] = _named("model", champion / "decoder")
        sources[inputs["train.model"]] = champion / "decoder"
    digest = sha256("\n".join([str(commit), refit, *map(str, sources)]).encode()).hexdigest()
    needed = [] if params.data.path is None else [params.data.path.expanduser()]
    workspace = Workspace.open(project, f"retrain/{digest[:DIGITS]}", needed)
    shutil.rmtree(workspace.folder / INPUTS, ignore_errors=True)  # of an earlier retraining
    for name, source in sources.items():
        workspace.add(source, name)
    workspace.set({"train.refit": refit, "train.model": None, **{name: str(path) for name, path in inputs.items()}})
    return workspace


def _named(kind: str, content: Path) -> Path:
    return INPUTS / f"{kind}-{dvc_md5(content).removesuffix('.dir')[:DIGITS]}"
