"""The last stage: complete the run of this pipeline state, judge it, and register its bundle if it passes.

Everything here finds what is there already: a second run of the same state changes nothing.
"""

from __future__ import annotations

import hashlib
import json
import math
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from mlflow.entities import Dataset, DatasetInput, InputTag
from mlflow.models import Model
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from edgecodec import chosen
from edgecodec.errors import EdgeCodecError
from edgecodec.git import present_commit
from edgecodec.metrics import ERROR_METRICS
from edgecodec.params import Params
from edgecodec.registry.bundle import build_bundle
from edgecodec.registry.examination import open_sealed
from edgecodec.registry.gates import Verdict, gates_markdown, judge, reasons
from edgecodec.registry.manifest import Bundle, loader_sha256
from edgecodec.registry.measurements import VALIDATION_DIGEST, Measurements
from edgecodec.registry.registered import RegisteredVersion, fetch_model, find_version
from edgecodec.registry.report.of_version import attach_report
from edgecodec.registry.report.page import Subject
from edgecodec.registry.store import Store, open_store, reporting_failure, store_exists
from edgecodec.registry.tracking import Run, run_of_state
from edgecodec.registry.versions import LOADER_FILES, Version, champion_of, save_as_model, version_of
from edgecodec.storage import sha256_of_file, write_json

METRICS = Path("artifacts/metrics")
# Figures in tags, beside the metric. MLflow lists all tags beside every version.
COMPARED = ("error_percent", "bits_per_window")
DESCRIPTION = "mlflow.note.content"  # MLflow's own tag for it
HOW_TO_RELEASE = "Releases are made by `edgecodec releases promote`, not by this page's button \"Promote model\"."
# Folders of artifacts/ whose reports and plots MLflow keeps.
SHOWN = ("analysis", "remarks", "validation", "verification")
SHOWN_KINDS = {".png", ".svg", ".html", ".md"}


@dataclass(frozen=True)
class Registration:
    """What became of the pipeline's present results."""

    verdicts: tuple[Verdict, ...]
    run_id: str
    version: Version | None  # None where a gate failed


def register(params: Params, repository: Path) -> Registration:
    """Log, judge and, if every gate passes, register the results in ``repository``/artifacts.

    Raises:
        EdgeCodecError: the store cannot be reached, or an output of the pipeline is absent.
    """
    measured = Measurements.read(repository / METRICS)
    store = open_store()
    with reporting_failure():
        run = run_of_state(store, params, repository)
        verdicts = judge(measured, params.gates, _rates(params), champion_of(store.client, params.registry.model_name),
                         params.error.metric)
        failures = reasons(verdicts)
        run.set_tags({"gates": "failed" if failures else "passed", "gates.reasons": "; ".join(failures) or "none",
                      DESCRIPTION: gates_markdown(verdicts)})
        run.log_curves(measured.entry("training.history") or [])
        run.log_summary(measured.summary(_rates(params)))
        run.client.log_inputs(run.id, datasets=_datasets(measured))
        _log_files(run, verdicts, repository)
        version = None if failures else _register_bundle(store, run, measured, verdicts, params, repository)
        run.finish()
    return Registration(verdicts, run.id, version)


def judge_present(params: Params, repository: Path) -> tuple[Verdict, ...]:
    """The gates for the results in ``repository``/artifacts, against the champion if there is one. Writes nothing.

    Raises:
        EdgeCodecError: the store cannot be reached, or a metrics file is damaged.
    """
    champion = None
    if store_exists():
        store = open_store()
        with reporting_failure():
            champion = champion_of(store.client, params.registry.model_name)
    return judge(Measurements.read(repository / METRICS), params.gates, _rates(params), champion,
                 params.error.metric)


def _register_bundle(store: Store, run: Run, measured: Measurements, verdicts: Sequence[Verdict], params: Params,
                     repository: Path) -> Version:
    figures = measured.summary(_rates(params))
    names = {*COMPARED, ERROR_METRICS[params.error.metric].field}
    compared = {name: str(value) for name, value in figures.items() if name.partition(".rate")[0] in names}
    champion = champion_of(run.client, params.registry.model_name)
    with tempfile.TemporaryDirectory() as temporary:
        bundle = build_bundle(Path(temporary) / "bundle", repository, params)
        card = (bundle.folder / "README.md").read_text(encoding="utf-8")
        version = version_of(
            run, bundle, params.registry.model_name,
            description=f"{_headline(figures, params)}\n\n{HOW_TO_RELEASE}\n\n{card}",
            tags={
                "gates": "passed", "evidence": str(measured.entry("verification.evidence")), "codec": params.codec,
                "metric": params.error.metric, "profile": params.train.profile, "model_hash": bundle.model_hash,
                "git_commit": present_commit(repository) or "none",
                "validation_digest": str(measured.entry(VALIDATION_DIGEST)), **compared,
            },
        )
        if not version.is_new:
            version = replace(version, is_restored=_restore_files(store, version.name, version.number, bundle))
        attach_report(run.client, run.id, Subject(
            params.registry.model_name, version.number, bundle.folder, bundle.sha256,
            repository / "artifacts", verdicts, params.gates.error, ERROR_METRICS[params.error.metric],
            None if champion is None or champion.version == version.number else champion,
            {"git commit": present_commit(repository) or "none", "MLflow run": run.id}))
    run.set_tags({"model_version": f"{version.name} {version.number}"})
    return version


def _restore_files(store: Store, name: str, number: str, bundle: Bundle) -> bool:
    """Make sure that MLflow has the files of a version of ``bundle``; whether they had to be put back.

    Raises:
        EdgeCodecError: there are files that do not belong to the version.
    """
    version = find_version(store, name, number)
    try:
        _check(store, version)
    except EdgeCodecError:
        _put_back(store, version, bundle)
        _check(store, find_version(store, name, number))
        return True
    return False


def _check(store: Store, version: RegisteredVersion) -> None:
    with tempfile.TemporaryDirectory() as work:
        open_sealed(version, fetch_model(store, version, Path(work)))


def _put_back(store: Store, version: RegisteredVersion, bundle: Bundle) -> None:
    client = store.client
    place = client.get_model_version_download_uri(version.name, version.number)
    logged = client.get_model_version(version.name, version.number).model_id
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "model"
        save_as_model(bundle, folder, Model(artifact_path=place, run_id=version.run_id, model_id=logged,
                                            model_uuid=logged))
        get_artifact_repository(place, tracking_uri=store.uri).log_artifacts(str(folder))
        client.set_model_version_tag(version.name, version.number, LOADER_FILES, loader_sha256(folder))


def _headline(figures: Mapping[str, float], params: Params) -> str:
    """What MLflow's list of versions shows of a description: its beginning."""
    def figure(name: str, rate: int) -> float:
        return figures.get(f"{name}.rate{rate}", math.nan)

    metric = ERROR_METRICS[params.error.metric]
    return ", ".join(f"{metric.shown(figure(metric.field, rate))} at {figure('bits_per_window', rate):.0f} bits"
                     for rate in _rates(params))


def _rates(params: Params) -> range:
    return range(1, chosen.sizes(params).rates + 1)


def _datasets(measured: Measurements) -> list[DatasetInput]:
    """The windows behind the run, by their digest."""
    splits: dict[str, Any] = measured.entry("windows.splits") or {}
    return [
        DatasetInput(
            Dataset(f"{name}-windows", split["digest"][:32], "dvc", json.dumps({"path": f"artifacts/windows/{name}"}),
                    profile=json.dumps({key: split[key] for key in ("recordings", "windows")})),
            tags=[InputTag("mlflow.data.context", name)])
        for name, split in splits.items()
    ]


def _log_files(run: Run, verdicts: Sequence[Verdict], repository: Path) -> None:
    """Verdicts, reports and plots, unless the run has these very files still."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_json(folder / "gates.json", [
            {**asdict(verdict), "value": _finite(verdict.value), "limit": _finite(verdict.limit)}
            for verdict in verdicts
        ])
        for part in SHOWN:
            for path in (repository / "artifacts" / part).rglob("*"):
                if path.suffix in SHOWN_KINDS:
                    copy = folder / path.relative_to(repository / "artifacts")
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(path, copy)
        hashes = {path.relative_to(folder).as_posix(): sha256_of_file(path)
                  for path in sorted(folder.rglob("*")) if path.is_file()}
        digest = hashlib.sha256("\n".join(f"{name} {found}" for name, found in hashes.items()).encode()).hexdigest()
        if run.tags().get("files_sha256") != digest or not hashes.keys() <= set(_logged_files(run)):
            run.client.log_artifacts(run.id, temporary)
            run.set_tags({"files_sha256": digest})


def _logged_files(run: Run, folder: str | None = None) -> Iterator[str]:
    for entry in run.client.list_artifacts(run.id, folder):
        if entry.is_dir:
            yield from _logged_files(run, entry.path)
        else:
            yield entry.path


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
