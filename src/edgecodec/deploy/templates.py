"""Files of the firmware folder that are templates of Jinja: firmware/templates/<name>.in."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from edgecodec.packaged import packaged


def filled(name: str, **fields: Any) -> str:
    """The text of the template ``name``. Fields that are functions are filters as well."""
    environment = Environment(loader=FileSystemLoader(packaged("firmware/templates")), undefined=StrictUndefined,
                              trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
    environment.filters.update({field: value for field, value in fields.items() if callable(value)})
    return environment.get_template(f"{name}.in").render(fields)
