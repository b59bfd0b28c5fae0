"""Notes which settings a stage reads, as ``train.edge.batch``, a line each, in the folder $RECORDED_PARAMS.

Python imports a module of this name before any other, if its folder is on the path.
"""

import atexit
import os
import sys
from pathlib import Path

STAGE = next((Path(argument).stem for argument in sys.orig_argv[1:] if argument.startswith("stages/")), None)


def record(file: Path) -> None:
    from edgecodec.params import Params, Section

    loaded: list[Params] = []
    paths: dict[int, str] = {}  # of sections, by their id
    kept: list[Section] = []  # all of them, so that no id is used again
    read: set[str] = set()
    validate, dump, iterate = Params.model_validate, Section.model_dump, Section.__iter__

    def name_sections(section: Section, path: str) -> None:
        kept.append(section)
        paths[id(section)] = path
        for name, value in vars(section).items():
            if isinstance(value, Section):
                name_sections(value, f"{path}.{name.rstrip('_')}".lstrip("."))

    def get(self: Section, name: str) -> object:
        value = object.__getattribute__(self, name)
        if not loaded or name not in type(self).model_fields:
            return value
        path = "" if isinstance(self, Params) else paths.get(id(self))
        if path is not None:
            full = f"{path}.{name.rstrip('_')}".lstrip(".")
            if isinstance(value, Section):
                if id(value) not in paths:  # a copy with changes
                    kept.append(value)
                    paths[id(value)] = full
            elif not isinstance(self, Params) or value == vars(loaded[0])[name]:  # else a copy's own
                read.add(full)
        return value

    def whole(method):  # type: ignore[no-untyped-def]
        def reading_all(self: Section, *arguments: object, **options: object) -> object:
            if path := paths.get(id(self)):
                read.add(path)
            return method(self, *arguments, **options)
        return reading_all

    def load(content: object) -> Params:
        params = validate(content)
        name_sections(params, "")
        loaded.append(params)
        return params

    Section.__getattribute__ = get  # type: ignore[method-assign,assignment]
    Section.model_dump, Section.__iter__ = whole(dump), whole(iterate)  # type: ignore[method-assign]
    Params.model_validate = load  # type: ignore[method-assign,assignment]
    atexit.register(lambda: file.write_text("\n".join(sorted(read))))


if STAGE and "RECORDED_PARAMS" in os.environ:
    record(Path(os.environ["RECORDED_PARAMS"]) / STAGE)
