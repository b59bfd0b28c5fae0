"""Files that come with the package beside its modules."""

from pathlib import Path

PACKAGE = Path(__file__).parent


def packaged(name: str) -> Path:
    """A file or folder of the package, by its path in it.

    ``name`` is always a literal, and no module finds such files in another way: so the code of a stage can be told
    from its imports and from these calls (:mod:`edgecodec.sources.closure`).
    """
    return PACKAGE / name
