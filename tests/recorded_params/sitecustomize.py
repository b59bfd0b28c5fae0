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

    paths: dict[int, str] = {}  # of sections, by their id
    kept: list[Section] = []  # so that no id is used again
    read: set[str] = set()
    loading: list[bool] = []
    validate, dump, iterate = Params.model_validate, Section.model_dump, Section.__iter__

    def path_of(section: Section) -> str | None:
        return "" if isinstance(section, Params) else paths.get(id(section))

    def get(self: Section, name: str) -> object:
        value = object.__getattribute__(self, name)
        if not loading and name in type(self).model_fields and (path := path_of(self)) is not None:
            name = f"{path}.{name.rstrip('_')}".lstrip(".")
            if isinstance(value, Section):
                kept.append(value)
                paths.setdefault(id(value), name)
            else:
                read.add(name)
        return value

    def whole(method):  # type: ignore[no-untyped-def]
        def reading_all(self: Section, *arguments: object, **options: object) -> object:
            if path := path_of(self):
                read.add(path)
            return method(self, *arguments, **options)
        return reading_all

    def validating(content: object) -> Params:
        loading.append(True)
        try:
            return validate(content)
        finally:
            loading.pop()

    Section.__getattribute__ = get  # type: ignore[method-assign,assignment]
    Section.model_dump, Section.__iter__ = whole(dump), whole(iterate)  # type: ignore[method-assign]
    Params.model_validate = validating  # type: ignore[method-assign,assignment]
    atexit.register(lambda: file.write_text("\n".join(sorted(read))))


if STAGE and "RECORDED_PARAMS" in os.environ:
    record(Path(os.environ["RECORDED_PARAMS"]) / STAGE)
