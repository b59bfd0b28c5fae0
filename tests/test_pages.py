"""The pages show the figures of docs/figures, all of them, and nothing of what lies in artifacts/."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from edgecodec.errors import EdgeCodecError
from pages import fill, origin
from pages.figures import FIGURES, read
from pages.fill import BLOCK, PAGES, SNAPSHOT, filled
from pages.origin import Origin
from pages.snapshot import PICTURES, RESULTS

THE_PAPERS = {"2.9 %", "20.0 M", "52.6 ms", "0.23 MB", "1.2 MB", "5.5 ms"}
KNOWN_BEFORE = {"16.7 %"}  # chance, of six classes
QUANTITY = re.compile(r"\d+\.\d+ (?:%|ms|mJ|kB|MB|M)(?!\w)")
PICTURE = re.compile(r"!\[.*?\]\((.*?)\)")


@pytest.fixture
def project(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that has the pages and their snapshot, and other results in artifacts/."""
    shutil.copy(repository / "README.md", tmp_path)
    shutil.copytree(repository / "docs", tmp_path / "docs")
    for result in RESULTS:
        (tmp_path / result).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / result).write_text("{}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_make_figures_changes_nothing(project: Path, repository: Path) -> None:
    fill.main()
    for page in PAGES:
        assert (project / page).read_text() == (repository / page).read_text()


@pytest.mark.parametrize("name", FIGURES)
def test_a_changed_figure_is_noticed_and_made_anew(name: str, project: Path) -> None:
    (page,) = (page for page in PAGES if f"<!-- figures: {name} -->" in page.read_text())
    committed = page.read_text()
    (block,) = (found for found in BLOCK.finditer(committed) if found["name"] == name)
    number = re.search(r"\d(?=\D*$)", block["text"])
    assert number
    at = block.start("text") + number.start()
    page.write_text(f"{committed[:at]}{(int(number[0]) + 1) % 10}{committed[at + 1:]}")
    assert filled(page, SNAPSHOT) == committed != page.read_text()


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_no_figure_hides_in_prose(page: Path, repository: Path) -> None:
    prose = BLOCK.sub("", (repository / page).read_text())
    assert set(QUANTITY.findall(prose)) <= THE_PAPERS | KNOWN_BEFORE


def test_the_snapshot_has_what_pages_show_and_no_more(repository: Path) -> None:
    assert {path.name for path in (repository / SNAPSHOT).iterdir()} == {origin.FILE, *(path.name for path in RESULTS)}
    shown = {(repository / page.parent / picture).resolve()
             for page in PAGES for picture in PICTURE.findall((repository / page).read_text())}
    assert shown == {repository / SNAPSHOT / Path(picture).name for picture in PICTURES}


@pytest.mark.parametrize(("text", "message"), [
    ("<!-- figures: result -->\n<!-- end -->\n", r"README\.md: figures: result: no such figure; there are before"),
    ("<!-- figures: results -->\n1\n\n<!-- figures: damage -->\n<!-- end -->\n",
     r"README\.md: figures: results: the block has no end; add the line <!-- end -->"),
])
def test_a_wrong_block_is_named(text: str, message: str, project: Path) -> None:
    Path("README.md").write_text(text)
    with pytest.raises(EdgeCodecError, match=message):
        filled(Path("README.md"), SNAPSHOT)


@pytest.mark.parametrize(("content", "message"), [
    (None, r"docs/figures/seeds\.json: not found; restore it with git, or take a snapshot anew \(make snapshot\)"),
    ("{", r"docs/figures/seeds\.json: not valid \(.*\); restore it with git"),
    ("{}", r"seeds\.json: 'edgecodec' is missing; run the stages that write them"),
])
def test_a_snapshot_that_lacks_something_is_refused(content: str | None, message: str, project: Path) -> None:
    seeds = SNAPSHOT / "seeds.json"
    seeds.unlink() if content is None else seeds.write_text(content)
    with pytest.raises(EdgeCodecError, match=message):
        filled(Path("docs/codec.md"), SNAPSHOT)


def test_the_origin_is_a_commit_that_holds_the_snapshot(repository: Path) -> None:
    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=repository, capture_output=True, text=True, check=True).stdout

    if not (repository / ".git").exists() or git("rev-parse", "--is-shallow-repository") == "true\n":
        pytest.skip("without the history of git there is nothing to compare with")
    commit = Origin.from_json(read(repository / SNAPSHOT / origin.FILE)).commit
    committed = git("rev-parse", *(f"{commit}:{result}" for result in RESULTS))
    assert git("hash-object", *(str(SNAPSHOT / result.name) for result in RESULTS)) == committed


def test_cycles_that_pages_show_were_counted(repository: Path) -> None:
    snapshot = repository / SNAPSHOT
    assert Origin.from_json(read(snapshot / origin.FILE)).evidence in ("measured", "recorded")
    assert {one["evidence"] for one in read(snapshot / "benchmark.json")["benchmarks"].values()} == {"measured"}
    assert f"`{read(snapshot / 'verification.json')['target']}`" in (repository / "README.md").read_text()


@pytest.mark.parametrize("rate", [1, 2, 3, 4])
def test_more_bits_make_a_smaller_error_as_the_page_of_sweeps_says(rate: int, repository: Path) -> None:
    points = read(repository / SNAPSHOT / "sweep.csv")
    points.sort(key=lambda point: float(point[f"bits_per_window.rate{rate}"]))
    errors = [float(point[f"error_percent.rate{rate}"]) for point in points]
    assert errors == sorted(errors, reverse=True)
