"""A snapshot of results is taken whole, from a commit, or not at all."""

import re
import shutil
import subprocess
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from edgecodec.errors import EdgeCodecError
from pages import origin
from pages.figures import read
from pages.fill import PAGES, SNAPSHOT
from pages.origin import LEVELS, Machine, Origin
from pages.snapshot import RESULTS, take

MACHINE = Machine(architecture="x86_64", processor="AMD EPYC", instruction_set="x86-64-v3", cores=2, python="3.11.2",
                  torch="2.13.0+cpu")
RECORDED = {"commit": 40 * "a", "evidence": "recorded", "simulator": "gvsoc", "machine": MACHINE.model_dump()}


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def results(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone whose results, committed, are those of the pages, and which has an older snapshot."""
    for result in RESULTS:
        (tmp_path / result).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(repository / SNAPSHOT / result.name, tmp_path / result)
    for page in PAGES:
        (tmp_path / page).parent.mkdir(exist_ok=True)
        shutil.copy(repository / page, tmp_path / page)
    (tmp_path / SNAPSHOT).mkdir()
    (tmp_path / SNAPSHOT / "older.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    git("init", "-q")
    git("add", ".")
    git("-c", "user.name=test", "-c", "user.email=test@localhost", "commit", "-qm", "Record results")
    return tmp_path


def test_it_is_the_results_and_where_they_come_from(results: Path) -> None:
    taken = take(MACHINE)
    assert taken == Origin(commit=git("rev-parse", "HEAD"), machine=MACHINE, evidence="measured", simulator="gvsoc")
    assert Origin.from_json(read(SNAPSHOT / origin.FILE)) == taken
    assert {path.name for path in SNAPSHOT.iterdir()} == {origin.FILE, *(path.name for path in RESULTS)}
    assert all((SNAPSHOT / result.name).read_bytes() == result.read_bytes() for result in RESULTS)
    first = {path.name: path.read_bytes() for path in SNAPSHOT.iterdir()}
    take(MACHINE)
    assert {path.name: path.read_bytes() for path in SNAPSHOT.iterdir()} == first


def test_results_of_another_machine_have_none(results: Path) -> None:
    assert take(None).machine is None
    assert Origin.from_json(read(SNAPSHOT / origin.FILE)).machine is None


def commit_empty(name: str) -> None:
    Path(f"artifacts/metrics/{name}.json").write_text("{}")
    git("-c", "user.name=test", "-c", "user.email=test@localhost", "commit", "-qam", "Lose results")


@pytest.mark.parametrize(("harm", "message"), [
    (lambda: Path("artifacts/metrics/damage.json").unlink(), "artifacts/metrics/damage.json: not found; make it first"),
    (lambda: Path("artifacts/limits/bits.svg").unlink(), "artifacts/limits/bits.svg: not found; make it first"),
    (lambda: Path("artifacts/metrics/seeds.json").write_text("{}"),
     "artifacts/metrics/seeds.json: not committed as it is; commit the results first"),
    (lambda: shutil.rmtree(".git"), "git status: .*not a git repository.*; take snapshots in a clone"),
    (lambda: commit_empty("seeds"), "seeds.json: 'edgecodec' is missing; run the stages that write them"),
    (lambda: commit_empty("verification"), "origin.json: evidence: Input should be 'measured'"),
])
def test_what_is_incomplete_is_refused_in_one_line(harm: Callable[[], object], message: str, results: Path) -> None:
    harm()
    with pytest.raises(EdgeCodecError, match=re.compile(message, re.DOTALL)):
        take(MACHINE)
    assert [path.name for path in SNAPSHOT.iterdir()] == ["older.json"]
    assert {path for path in SNAPSHOT.parent.iterdir() if path not in PAGES} == {SNAPSHOT}


@pytest.mark.parametrize(("edit", "message"), [
    (lambda content: content.pop("commit"), "origin.json: commit: Field required; restore it with git"),
    (lambda content: content.update(commit="77f5dc0"), "origin.json: commit: String should match"),
    (lambda content: content.update(evidence="guessed"), "origin.json: evidence: Input should be 'measured'"),
    (lambda content: content.update(date="today"), "origin.json: date: Extra inputs are not permitted"),
    (lambda content: content["machine"].update(cores=0), "origin.json: machine.cores: Input should"),
])
def test_a_wrong_origin_is_named_by_its_field(edit: Callable[[dict[str, Any]], object], message: str) -> None:
    content = deepcopy(RECORDED)
    assert Origin.from_json(content).machine == MACHINE
    edit(content)
    with pytest.raises(EdgeCodecError, match=message):
        Origin.from_json(content)


@pytest.mark.parametrize("level", LEVELS)
def test_a_machine_is_of_the_highest_level_that_it_has_whole(level: str) -> None:
    names = list(LEVELS)
    below = {flag for name in names[:names.index(level)] for flag in LEVELS[name]}
    flags, missing = sorted(below | LEVELS[level]), sorted(LEVELS[level])[0]

    def machine(flags: list[str]) -> Machine:
        return Machine.of_this_process(f"processor\t: 0\nmodel name\t: A Processor\nflags\t\t: {' '.join(flags)}\n")

    assert (machine(flags).processor, machine(flags).instruction_set) == ("A Processor", level)
    lesser = machine([flag for flag in flags if flag != missing]).instruction_set
    assert lesser == (names[names.index(level) - 1] if below else machine([]).architecture)


def test_a_machine_without_names_has_its_architecture() -> None:
    unnamed = Machine.of_this_process("processor\t: 0\nFeatures\t: fp asimd\n")
    assert unnamed.processor == "of unknown name"
    assert unnamed.instruction_set == unnamed.architecture
