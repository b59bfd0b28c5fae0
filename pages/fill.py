"""Write the pages with the figures of docs/figures: `make figures`.

What stands in a page between the lines ``<!-- figures: NAME -->`` and ``<!-- end -->`` is made by ``FIGURES[NAME]``.
"""

import re
from pathlib import Path

from edgecodec.errors import EdgeCodecError, exit_with_one_line
from edgecodec.storage import write_text
from pages.figures import FIGURES

SNAPSHOT = Path("docs/figures")
PAGES = (Path("README.md"), *(Path("docs") / f"{name}.md" for name in (
    "codec", "decoding", "development", "firmware", "fleet", "frames", "gallery", "sweeps")))
BLOCK = re.compile(r"^(?P<begin><!-- figures: (?P<name>\w+) -->\n)(?P<text>(?:(?!<!--).*\n)*)(?P<end><!-- end -->\n)?",
                   re.MULTILINE)


def main() -> None:
    for page in PAGES:
        before, after = page.read_text(encoding="utf-8"), filled(page, SNAPSHOT)
        if before != after:
            write_text(page, after)
            print(f"{page}: written with the figures of {SNAPSHOT}")


def filled(page: Path, snapshot: Path) -> str:
    """The text of ``page`` with the figures of ``snapshot``.

    Raises:
        EdgeCodecError: a block is of no known figure or has no end, or the snapshot lacks results.
    """
    def block(found: re.Match[str]) -> str:
        name = found["name"]
        if name not in FIGURES:
            raise EdgeCodecError(f"{page}: figures: {name}: no such figure; there are {', '.join(sorted(FIGURES))}")
        if not found["end"]:
            raise EdgeCodecError(f"{page}: figures: {name}: the block has no end; add the line <!-- end -->")
        return found["begin"] + FIGURES[name].made_from(snapshot) + found["end"]
    return BLOCK.sub(block, page.read_text(encoding="utf-8"))


if __name__ == "__main__":
    exit_with_one_line(main)
