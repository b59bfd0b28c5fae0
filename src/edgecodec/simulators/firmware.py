"""The generated firmware folder, as the simulators see it: which files a port needs, and programs built of them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from edgecodec.deploy.emit import SOURCES, firmware_hash
from edgecodec.errors import EdgeCodecError
from edgecodec.simulators.toolchain import Machine, Toolchain, cache_folder
from edgecodec.storage import read_json
from edgecodec.temporary import temporary_folder


@dataclass(frozen=True)
class Firmware:
    folder: Path
    codec: str
    model_hash: str
    arena_bytes: int  # L1, without stacks
    weights_bytes: int  # L2, like the next two
    codebooks_bytes: int
    window_bytes: int

    @classmethod
    def open(cls, folder: Path) -> Firmware:
        """Read ``folder``, which the stage generate_c wrote.

        Raises:
            EdgeCodecError: it is not there or not whole.
        """
        sizes = read_json(folder / "memory_map.json")
        if not (folder / "src" / "codec_network.c").is_file():
            raise EdgeCodecError(f"{folder}: src/codec_network.c not found; run the stage generate_c")
        return cls(folder, sizes["codec"], sizes["model_hash"], sizes["arena_bytes"], sizes["weights_bytes"],
                   sizes["codebooks_bytes"], sizes["window_bytes"])

    def build(self, toolchain: Toolchain, machine: Machine, executable: Path, *, main: Sequence[str],
              ports: Sequence[str], options: Sequence[str] = ()) -> None:
        """Compile and link the verification program: the codec, ``main``, and some ports.

        Args:
            main: files of verify/, or of anywhere by their absolute paths.

        Raises:
            EdgeCodecError: the compiler or the linker refuses.
        """
        kernels, model = self._staged()
        sources = [(model if path.name.startswith("codec_") else kernels) / path.relative_to(self.folder)
                   for path in self.sources(*ports)]
        includes = [kernels / folder.relative_to(self.folder) for folder in self.includes(*ports)]
        try:
            toolchain.build(machine, [*sources, *(model / "verify" / name for name in main)], executable,
                            includes=includes, options=options)
        except EdgeCodecError as error:
            said = str(error).replace(str(kernels), str(self.folder)).replace(str(model), str(self.folder))
            raise EdgeCodecError(said) from None

    def sources(self, *ports: str) -> list[Path]:
        """The codec, the verification program without its main, and all of the named ports' C and assembly."""
        found = [*sorted((self.folder / "src").glob("*.c")), self.folder / "verify" / "verify.c"]
        for port in ports:
            found += sorted(path for path in (self.folder / "ports" / port).iterdir() if path.suffix in (".c", ".S"))
        return found

    def includes(self, *ports: str) -> list[Path]:
        return [self.folder / "include", self.folder / "src", self.folder / "verify",
                *(self.folder / "ports" / port for port in ports)]

    def _staged(self) -> tuple[Path, Path]:
        """Copies of the kernels, and of what depends on the model, at places that their contents name.

        zig knows sources by path and time: so it finds what it made of equal ones, wherever these lie. Of two models
        the kernels are the same, as long as no option names the model: its header lies beside what includes it.
        """
        header = self.folder / "include" / "codec_model.h"
        with temporary_folder(_made(cache_folder() / "firmware"), "new") as temporary:
            kernels, model = temporary / "kernels", temporary / "model"
            for part in SOURCES:
                shutil.copytree(self.folder / part, kernels / part, ignore=shutil.ignore_patterns("codec_*"))
            shutil.copytree(self.folder / "verify", model / "verify")
            for part in ("src", "verify"):
                _made(model / part)
                for path in (header, *self.folder.glob(f"{part}/codec_*")):
                    shutil.copy2(path, model / part)
            return _kept(kernels), _kept(model)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _kept(sources: Path) -> Path:
    """Move ``sources`` beside its parent, to the place that is named by their hash, unless they are there already."""
    digest = firmware_hash(sources)
    place = sources.parent.with_name(digest)
    if firmware_hash(place) != digest:  # absent, or not whole any more
        shutil.rmtree(place, ignore_errors=True)
        with suppress(OSError):  # another process was faster
            sources.rename(place)
    return place
