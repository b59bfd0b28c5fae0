"""Settings written into params.yaml: its comments and its order stay."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from edgecodec.errors import EdgeCodecError, naming
from edgecodec.storage import write_text


def write_settings(path: Path, settings: Mapping[str, Any]) -> None:
    """Set each of ``settings``, by its dotted name, in ``path``; nothing else changes.

    Raises:
        EdgeCodecError: the file is absent or no YAML, or has no such setting.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.comments import CommentedSeq

    editor = YAML()
    editor.preserve_quotes = True
    editor.width = 4096
    editor.indent(mapping=2, sequence=4, offset=2)
    editor.representer.add_representer(type(None), lambda representer, _: representer.represent_scalar(
        "tag:yaml.org,2002:null", "null"))
    if not path.is_file():
        raise EdgeCodecError(f"{path}: not found; run in the project's folder")
    with naming(path, "not valid YAML", "correct it"):
        content = editor.load(path.read_text(encoding="utf-8"))
    for name, value in settings.items():
        section = content
        *above, last = name.split(".")
        for part in above:
            section = section.get(part) if isinstance(section, dict) else None
        if not isinstance(section, dict) or last not in section:
            raise EdgeCodecError(f"{path}: {name}: missing key; add it")
        if isinstance(value, list | tuple):
            value = CommentedSeq(map(_as_read, value))
            value.fa.set_flow_style()
        section[last] = _as_read(value)
    stream = io.StringIO()
    editor.dump(content, stream)
    write_text(path, stream.getvalue())


def _as_read(value: Any) -> Any:
    """A text with quotes if it takes them to stay one: parameters are read as YAML 1.1, where ``on`` is true."""
    from ruamel.yaml.scalarstring import SingleQuotedScalarString

    resolver: Any = yaml.resolver.Resolver()
    is_plain = not isinstance(value, str) or resolver.resolve(
        yaml.ScalarNode, value, (True, False)) == "tag:yaml.org,2002:str"
    return value if is_plain else SingleQuotedScalarString(value)
