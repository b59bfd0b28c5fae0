"""How the firmware folder is built outside this project: by its Makefile or by CMake."""

from __future__ import annotations

from pathlib import Path

from edgecodec.deploy.templates import fill_template, template


def build_files(folder: Path, l1_bytes: int, l1_stack_bytes: int) -> dict[str, str]:
    """Texts by path. They name the sources that are in ``folder``.

    Args:
        l1_bytes: of a PULP cluster, stacks included; ``l1_stack_bytes`` are for those of all cores.
    """
    sources = sorted(f"src/{path.name}" for path in (folder / "src").glob("*.c"))
    pulp = sorted(path.relative_to(folder).as_posix() for port in ("bare_metal", "pulp")
                  for path in (folder / "ports" / port).iterdir() if path.suffix in (".c", ".S"))
    return {
        "Makefile": template("Makefile"),
        "CMakeLists.txt": fill_template(
            "CMakeLists.txt", SOURCES="\n    ".join(sources), PULP_SOURCES="\n        ".join(pulp),
            L1_BYTES=l1_bytes, L1_STACK_BYTES=l1_stack_bytes),
        "cmake/golden_windows.cmake": template("golden_windows.cmake"),
    }
