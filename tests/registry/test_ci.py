"""The example workflows: their commands take a changed parameter to a comment, and an approved merge to a champion."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from small_project import REPOSITORY, git

from edgecodec.registry.signatures import TRUSTED_KEYS, create_key
from edgecodec.registry.store import open_store

OPERATIONS = REPOSITORY / "operations" / "ci"
JOBS = ("propose", "promote")
ELSEWHERE = re.compile(r"set_up\.sh|bin/pip|GITHUB_PATH|^gh |^curl |REPORT|CI_JOB_URL|git fetch|git push|^export ")
RUN = """
import json, shutil, yaml
from pathlib import Path
for part in Path("results").iterdir():
    shutil.copytree(part, f"artifacts/{part.name}", dirs_exist_ok=True)
path = Path("artifacts/metrics/rate_distortion.json")
figures = json.loads(path.read_text())
errors = figures["splits"]["validation"]["edgecodec"]["2"]
errors["error_percent"] = 2 + yaml.safe_load(Path("params.yaml").read_text())["seed"] % 100 / 100
path.write_text(json.dumps(figures))
"""


def workflow(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((OPERATIONS / name).read_text())
    return content


def commands(name: str) -> dict[str, list[str]]:
    """Lines of shell, by job."""
    content = workflow(name)
    if "jobs" in content:
        return {job: [line for step in content["jobs"][job]["steps"] for line in step.get("run", "").splitlines()]
                for job in JOBS}
    return {job: content[job]["script"] for job in JOBS}


def runnable(name: str, job: str) -> list[str]:
    return [line for line in commands(name)[job] if not ELSEWHERE.search(line)]


@pytest.mark.parametrize("job", JOBS)
def test_both_workflows_do_the_same(job: str) -> None:
    assert runnable("github.yml", job) == runnable("gitlab.yml", job)
    assert any(line.startswith("dvc repro") for line in runnable("github.yml", job))


def test_what_they_want_is_told() -> None:
    told = (REPOSITORY / "docs/ci.md").read_text()
    wanted = {name for path in OPERATIONS.iterdir()
              for name in re.findall(r"(?:secrets|vars)\.(\w+)|\$(PROJECT_TOKEN|RELEASE_KEY)", path.read_text())}
    assert all(f"`{''.join(name)}`" in told for name in wanted)
    github = workflow("github.yml")
    assert github[True]["push"]["branches"] == ["main"]  # YAML takes `on` for true
    assert github["jobs"]["promote"]["environment"] == workflow("gitlab.yml")["promote"]["environment"] == "release"


def run(job: str, **environment: str) -> str:
    """As a runner does: one shell that stops at the first failure, with the tests' own Python and source. What it says.
    """
    script = "\n".join(["set -e", *runnable("github.yml", job)])
    path = f"{Path.cwd().parent / 'bin'}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False, env={
        **os.environ, "PATH": path, "PYTHONPATH": str(REPOSITORY / "src"), **environment})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def piped(project: Path) -> Path:
    """The project with a pipeline that runs, from `seed` to a registered version; its DVC remote and a trusted key."""
    (project / "artifacts").rename(project / "results")
    shutil.rmtree(project / "results/code")
    (project / "results.py").write_text(RUN)
    outputs = [f"artifacts/{path.name}" for path in (project / "results").iterdir() if path.name != "metrics"]
    metrics = [{f"artifacts/metrics/{path.name}": {"cache": False}}
               for path in sorted((project / "results/metrics").iterdir())]
    (project / "dvc.yaml").write_text(yaml.safe_dump({"stages": {
        "train": {"cmd": "python results.py", "deps": ["results", "results.py"], "params": ["seed"], "outs": outputs,
                  "metrics": metrics},
        "register": {"cmd": f"python '{REPOSITORY}/stages/register.py'", "deps": outputs, "always_changed": True}}}))
    (project / ".gitignore").write_text(
        "/mlartifacts/\n/mlflow.db*\n/ci*\n")
    (project / "dvc.lock").unlink()
    create_key(project / "ci", "ci@project")
    shutil.copyfile(project / "ci.pub", project / TRUSTED_KEYS)
    program = project.parent / "bin/edgecodec"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\nexec '{sys.executable}' -c 'from edgecodec.cli import main; main()' \"$@\"\n")
    program.chmod(0o755)
    dvc = Path(sys.executable).with_name("dvc")
    for command in (["init", "-q"], ["remote", "add", "-d", "storage", str(project.parent / "remote")]):
        subprocess.run([dvc, *command], check=True)
    git(project, "checkout", "-q", "-B", "main")
    git(project, "add", "--all")
    git(project, "commit", "-q", "-m", "Begin")
    return project


@pytest.mark.slow
def test_from_a_changed_parameter_to_its_promotion(piped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Running stage 'train'" in run("propose", BASE="main", BRANCH="main")  # the first results
    git(piped, "checkout", "-q", "-b", "more")
    params = yaml.safe_load(Path("params.yaml").read_text())
    Path("params.yaml").write_text(yaml.safe_dump(params | {"seed": params["seed"] + 7}))
    git(piped, "commit", "-q", "-am", "Try another seed")
    run("propose", BASE="main", BRANCH="more")
    changed = [line for line in Path("comment.md").read_text().splitlines() if "error_percent" in line]
    assert changed[0].count("|") > 4
    assert changed[0].rstrip(" |").endswith("0.07")
    assert "error_percent.rate2" in Path("comment.md").read_text()
    assert "<html" in Path("report.html").read_text()

    git(piped, "checkout", "-q", "main")
    git(piped, "merge", "-q", "--no-ff", "-m", "Merge another seed", "more")
    git(piped.parent, "clone", "-q", "project", "runner")
    monkeypatch.chdir(piped.parent / "runner")
    said = run("promote", RELEASE_KEY=(piped / "ci").read_text(), PERSON="ada")
    assert re.findall(r"Running stage '(\w+)'", said) == ["register"]  # the rest came from the remote
    version = open_store().client.get_model_version_by_alias("edgecodec", "champion")
    assert (version.tags["released.by"], version.tags["released.why"]) == ("ada", "Merge another seed")
    assert {path.name for path in Path("exported").iterdir()} == {"firmware", "gateway"}
    assert Path("exported/gateway/manifest.json.sig").is_file()
    assert not Path("release.key").exists()
