"""Files of the firmware folder that are templates: their fields, if there are any, are written @NAME."""

from __future__ import annotations

import string

from edgecodec.packaged import packaged


class _AtTemplate(string.Template):
    delimiter = "@"


def template(name: str) -> str:
    """The text of ``firmware/templates/<name>.in``."""
    return (packaged("firmware/templates") / f"{name}.in").read_text(encoding="utf-8")


def fill_template(name: str, **fields: object) -> str:
    """The same with all of its fields."""
    return _AtTemplate(template(name)).substitute(fields)
