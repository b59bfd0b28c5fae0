"""A checkout of the project of its own, where the pipeline runs on other settings and data: the user's stays as it is.

It is a git worktree on a branch of its own, and shares DVC's cache and the MLflow store with the project. One that was
interrupted stays, and the next that is opened for the same branch goes on in it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgecodec.errors import EdgeCodecError
from edgecodec.git import git, present_commit
from edgecodec.settings import write_settings

WORKSPACES = Path(".cache/workspaces")
DVC = (sys.executable, "-m", "dvc")
LOCAL_CONFIG = Path(".dvc/config.local")
ERROR = "error: "  # how the line begins that says why a stage failed


@dataclass(frozen=True)
class Workspace:
    project: Path
    branch: str
    links: tuple[Path, ...]  # from the workspace to the project, while the pipeline runs

    @classmethod
    def open(cls, project: Path, branch: str, needed: Iterable[Path] = ()) -> Workspace:
        """A workspace at the project's present commit.

        Args:
            needed: files and folders of the project, which the pipeline reads whether git has them or not.

        Raises:
            EdgeCodecError: git or DVC cannot make one.
        """
        workspace = cls(project.resolve(), branch, tuple(path for path in needed if not path.is_absolute()))
        if not workspace.folder.exists():
            _output(project, "git", "worktree", "prune")
            _output(project, "git", "worktree", "add", "--quiet", "-B", branch, str(workspace.folder))
        for path in workspace.links:
            link = workspace.folder / path
            if not os.path.lexists(link):
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(workspace.project / path)
        if (project / LOCAL_CONFIG).is_file():  # remotes and their keys
            shutil.copyfile(project / LOCAL_CONFIG, workspace.folder / LOCAL_CONFIG)
        workspace._do(*DVC, "cache", "dir", "--local", _output(project, *DVC, "cache", "dir"))
        return workspace

    @property
    def folder(self) -> Path:
        return self.project / WORKSPACES / self.branch.replace("/", "-")

    def add(self, content: Path, name: Path) -> None:
        """Copy the folder ``content`` to ``name`` in the workspace, where DVC tracks it."""
        shutil.copytree(content, self.folder / name)
        self._do(*DVC, "add", "--quiet", str(name))

    def set(self, settings: Mapping[str, Any]) -> None:
        """Set parameters, by their dotted names."""
        write_settings(self.folder / "params.yaml", settings)

    def run_pipeline(self) -> None:
        """``dvc repro``, which prints on stderr.

        Raises:
            EdgeCodecError: a stage failed; with the reason that it gave.
        """
        reason = "see above"
        with subprocess.Popen([*DVC, "repro"], cwd=self.folder, env=self._environment, text=True, bufsize=1,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as running:
            assert running.stdout is not None, "it is a pipe"
            for line in running.stdout:
                sys.stderr.write(line)
                reason = line.removeprefix(ERROR).strip() if line.startswith(ERROR) else reason
        if running.returncode:
            raise EdgeCodecError(f"{self.folder}: the pipeline failed: {reason}")

    def commit(self, message: str) -> None:
        """Commit all that is in the workspace to its branch, but for links to the project."""
        for path in self.links:
            if (self.folder / path).is_symlink():
                (self.folder / path).unlink()
        self._do("git", "add", "--all")
        self._do("git", "commit", "--quiet", "--allow-empty", "-m", message)

    def close(self) -> None:
        """Remove the workspace; its branch stays."""
        _output(self.project, "git", "worktree", "remove", "--force", str(self.folder))

    def _do(self, *command: str) -> None:
        _output(self.folder, *command)

    @property
    def _environment(self) -> dict[str, str]:
        """Stages run the workspace's code with this Python, and register in the project's store, unless a server is
        named."""
        return {**os.environ, "DVC_ROOT": str(self.project),
                "PYTHONPATH": os.pathsep.join(filter(None, (str(self.folder / "src"), os.environ.get("PYTHONPATH")))),
                "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))}


def refuse_uncommitted(project: Path) -> None:
    """
    Raises:
        EdgeCodecError: the project is not in git, or a file is not as it was committed.
    """
    if present_commit(project) is None:
        raise EdgeCodecError(f"{project.resolve()} is not in git; run in a clone of the project")
    changed = (git(project, "status", "--porcelain", "--untracked-files=no") or "").splitlines()
    if changed:
        more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        raise EdgeCodecError(f"{changed[0][3:]}{more}: changed and not committed; commit, or put the change aside (git "
                             "stash), since a retraining starts from a commit")


def _output(folder: Path, *command: str) -> str:
    """What ``command`` prints.

    Raises:
        EdgeCodecError: it fails.
    """
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
        raise EdgeCodecError(f"{folder}: {' '.join(command)} failed: {said[-1]}")
    return done.stdout.strip()
