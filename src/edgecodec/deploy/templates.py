"""Files of the firmware folder that are templates of Jinja: firmware/templates/<name>.in."""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from edgecodec.packaged import packaged


def filled(name: str, **fields: Any) -> str:
    """The text of the template ``name``."""
    return _environment().get_template(f"{name}.in").render(fields)


@cache
def _environment() -> Environment:
    return Environment(loader=FileSystemLoader(packaged("firmware/templates")), undefined=StrictUndefined,
                       trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
