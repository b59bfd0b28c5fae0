"""Markdown that several pages want."""

from collections.abc import Iterator


def table(*rows: tuple[str, ...]) -> Iterator[str]:
    """Lines of a table; the first of ``rows`` is its heading."""
    heading, *others = rows
    for row in (heading, ("---",) * len(heading), *others):
        yield f"| {' | '.join(row)} |"


def percent(share: float) -> str:
    """``share`` of 1 to a tenth of a percent."""
    return f"{100 * share:.1f} %"
