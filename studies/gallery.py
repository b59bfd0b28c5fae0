"""Public recordings, from a folder to verified firmware: ``python -m studies.gallery NAME [FOLDER]``.

The committed project is cloned into .cache/gallery/NAME. There, ``edgecodec inspect FOLDER --write`` and the pipeline
run; nobody sets a parameter but those of ``data`` that files do not tell. A run that was broken off goes on, unless
there is another commit. The results go to artifacts/metrics/gallery.json and artifacts/gallery; docs/gallery.md shows
them.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import pandas as pd

from edgecodec.artifacts import METRICS
from edgecodec.designed import designed
from edgecodec.errors import EdgeCodecError, exit_with_one_line
from edgecodec.evaluation.rate_distortion import CODEC, CODED, Curve, RatePoint
from edgecodec.metrics import ERROR_METRICS, Errors, Metric
from edgecodec.params import load_params
from edgecodec.registry.gates import reasons
from edgecodec.registry.register import judge_present
from edgecodec.settings import write_settings
from edgecodec.storage import read_json, replacing_file, rounded, write_json
from studies.exhibits import EXHIBITS, Exhibit

CACHE = Path(".cache/gallery")
RESULTS, PICTURES = METRICS / "gallery.json", Path("artifacts/gallery")
DRAWN = {"design": "artifacts/design/design.svg", "window": "artifacts/window.svg"}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0], epilog=__doc__.partition("\n\n")[2],
                                        formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("name", choices=sorted(EXHIBITS))
    arguments.add_argument("folder", nargs="?", type=Path, help="the recordings, where no registry brings them")
    options = arguments.parse_args()
    exhibit = EXHIBITS[options.name]
    folder = exhibit.folder(options.folder, CACHE / "recordings")
    project = CACHE / exhibit.name
    goes_on = project.is_dir() and commit_of(project) == commit_of(Path())
    if not goes_on:
        shutil.rmtree(project, ignore_errors=True)
        subprocess.run(["git", "clone", "-q", "--no-hardlinks", str(Path.cwd()), str(project)], check=True)
    started = time.monotonic()
    repro(project, exhibit, folder)
    keep(exhibit, project, None if goes_on else (time.monotonic() - started) / 60)
    print(f"{RESULTS}: {exhibit.name}; now commit it with {PICTURES}, and run make snapshot figures")


def commit_of(project: Path) -> str:
    return subprocess.run(["git", "-C", str(project), "rev-parse", "HEAD"], check=True, capture_output=True,
                          text=True).stdout.strip()


def keep(exhibit: Exhibit, project: Path, minutes: float | None) -> None:
    """Put what came of ``exhibit`` beside the others' results.

    Args:
        minutes: from the folder to the registered model; None if a run that was broken off went on.
    """
    others = read_json(RESULTS) if RESULTS.is_file() else {}
    found = {"minutes": minutes and rounded(minutes, 2), **gathered(project)}
    write_json(RESULTS, dict(sorted({**others, exhibit.name: found}.items())))
    PICTURES.mkdir(parents=True, exist_ok=True)
    for picture, source in DRAWN.items():
        with replacing_file(PICTURES / f"{exhibit.name}_{picture}.svg") as temporary:
            shutil.copyfile(project / source, temporary)


def repro(project: Path, exhibit: Exhibit, folder: Path) -> None:
    """Inspect ``folder``, and run the pipeline of ``project`` with what is proposed."""
    environment = {**os.environ, "PYTHONPATH": str((project / "src").resolve()), "DVC_NO_ANALYTICS": "1",
                   "GX_ANALYTICS_ENABLED": "false", "MLFLOW_DISABLE_TELEMETRY": "true",
                   "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    write_settings(project / "params.yaml", {f"data.array.{name}": value for name, value in exhibit.settings.items()})
    for command in (["edgecodec", "inspect", str(folder), "--write"], ["dvc", "repro"]):
        if subprocess.run(command, cwd=project, env=environment, check=False).returncode:
            raise EdgeCodecError(f"{project}: {' '.join(command)} failed; the lines above say why")


def gathered(project: Path) -> dict[str, Any]:
    """What came of it."""
    settings = load_params(project / "params.yaml")
    array, window = settings.data.array, settings.window
    metrics = {name: read_json(project / METRICS / f"{name}.json") for name in (
        "windows", "rate_distortion", "firmware", "verification", "float16")}
    design = read_json(project / "artifacts/design/design.json")
    windows, verification = metrics["windows"], metrics["verification"]
    metric = ERROR_METRICS[settings.error.metric]
    return {
        "commit": commit_of(project),
        "recordings": sum(split["recordings"] for split in windows["splits"].values()),
        "windows": {name: split["windows"] for name, split in windows["splits"].items()},
        "channels": windows["channels"],
        "sample_rate_hz": array.sample_rate_hz,
        "lowpass_hz": window.lowpass_hz,
        "window_samples": windows["samples"],
        "metric": settings.error.metric,
        "design": {name: design[name] for name in ("codec", "proposal", "reasons")},
        "points": list(points(project, metric)),
        "intervals": metrics["rate_distortion"]["intervals"],
        "failed_gates": reasons(judge_present(designed(settings, project / "artifacts/design"), project)),
        "firmware": {
            "bit_exact": verification["bit_exact"],
            "simulator": verification["simulator"],
            "evidence": verification["evidence"],
            "milliseconds": verification["total_milliseconds"],
            "l1_bytes": metrics["firmware"]["l1_bytes"],
            "code_bytes": verification["code_bytes"],
            "weight_bytes": metrics["float16"]["weight_bytes"],
            "codebook_bytes": metrics["float16"]["codebook_bytes"],
            "macs": metrics["float16"]["encoder_macs"] + metrics["float16"]["quantizer_macs"],
        },
    }


def points(project: Path, metric: Metric) -> Iterator[Mapping[str, Any]]:
    """Our codec's packets at each rate, each rival at the same mean bits, and the best of these."""
    table = pd.read_csv(project / "artifacts/analysis/rate_distortion.csv")
    curves = {name: Curve(tuple(map(point, rows.to_dict("records"))), metric)
              for name, rows in table[table["split"] == "validation"].groupby("codec", sort=False)}
    for packets in (CODEC, CODED):
        for ours in curves[packets].points if packets in curves else ():
            error = metric.of(ours.errors)
            beside = {name: curve.error_at(ours.bits_per_window) for name, curve in curves.items()
                      if name not in (CODEC, CODED)}
            reached = {name: value for name, value in beside.items() if value is not None}
            best = min(reached, key=lambda name: metric.ratio(reached[name], error)) if reached else None
            yield {"packets": packets, "rate": ours.rate, "bits": rounded(ours.bits_per_window),
                   "error": rounded(error), "rivals": {name: rounded(value) for name, value in reached.items()},
                   "best_rival": best, "ratio": None if best is None else rounded(metric.ratio(error, reached[best]))}


def point(row: Mapping[Any, Any]) -> RatePoint:
    """A row of rate_distortion.csv."""
    errors = Errors(**{each.name: row[each.name] for each in fields(Errors)})
    rate = None if pd.isna(row["rate"]) else int(row["rate"])
    return RatePoint(rate, float(row["bits_per_window"]), errors, str(row["settings"]))  # type: ignore[arg-type]


if __name__ == "__main__":
    exit_with_one_line(main)
