"""Every file of the project that a script imports, reads or ships, directly or not."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from edgecodec.errors import EdgeCodecError

SETTINGS = Path("src/edgecodec/params.py")  # only declares params.yaml, of which dvc.yaml says what a stage reads


class Sources:
    """The files of a project, whose scripts are in ``stages`` and whose package is in ``src``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.roots = (folder / "stages", folder / "src")  # what a script imports from
        self.package = folder / "src" / "edgecodec"
        self._named: dict[Path, list[Path]] = {}

    def closure(self, script: Path) -> frozenset[Path]:
        """``script`` and the files that it reaches: what an ``import`` names, wherever it stands, with the ``__init__``
        of the packages around it; and what a call of :func:`edgecodec.packaged.packaged` names. Imports for type
        checkers alone do not count, nor do the settings.

        Raises:
            EdgeCodecError: a file is no Python, imports relatively, or calls ``packaged`` with what is absent or not
                a literal.
        """
        found: set[Path] = set()
        waiting = [script]
        while waiting:
            path = waiting.pop()
            if path not in found and path != self.folder / SETTINGS:
                found.add(path)
                waiting += self._named_in(path)
        return frozenset(found)

    def _named_in(self, path: Path) -> list[Path]:
        if path not in self._named:
            names = _Names(path) if path.suffix == ".py" else None
            self._named[path] = [] if names is None else [
                *(file for name in names.modules for file in self._modules(name)),
                *(file for name in names.packaged for file in self._packaged(name, path))]
        return self._named[path]

    def _modules(self, name: str) -> Iterator[Path]:
        """The files of a module of the project and of the packages around it."""
        for root in self.roots:
            path = root
            for part in name.split("."):
                path /= part
                yield from (file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file())

    def _packaged(self, name: str, caller: Path) -> Iterator[Path]:
        path = self.package / name
        if not path.exists():
            raise EdgeCodecError(f"{caller}: packaged({name!r}): {path} is absent")
        yield from [path] if path.is_file() else (file for file in path.rglob("*")
                                                  if file.is_file() and "__pycache__" not in file.parts)


class _Names(ast.NodeVisitor):
    """What a Python file names: ``modules``, some of which may be what a module holds, and ``packaged`` files."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.modules: list[str] = []
        self.packaged: list[str] = []
        try:
            self.visit(ast.parse(path.read_bytes()))
        except SyntaxError as error:
            raise EdgeCodecError(f"{path}:{error.lineno}: not valid Python: {error.msg}") from None

    def visit_If(self, node: ast.If) -> None:
        if ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            for statement in node.orelse:
                self.visit(statement)
        else:
            self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        self.modules += [alias.name for alias in node.names]

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.level:
            raise EdgeCodecError(f"{self.path}:{node.lineno}: a relative import; give the module's full name")
        self.modules += [f"{node.module}.{alias.name}" for alias in node.names]

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Name) and node.func.id == "packaged":
            match node.args:
                case [ast.Constant(value=str(name))]:
                    self.packaged.append(name)
                case _:
                    raise EdgeCodecError(f"{self.path}:{node.lineno}: packaged() needs a literal; append the rest to "
                                         "what it returns")
        self.generic_visit(node)
