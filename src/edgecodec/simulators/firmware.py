"""The generated firmware folder, as the simulators see it: which files a port needs, and programs built of them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
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
        cached = self._cached()
        try:
            toolchain.build(machine, [*cached.sources(*ports), *(cached.folder / "verify" / name for name in main)],
                            executable, includes=cached.includes(*ports), options=options)
        except EdgeCodecError as error:
            raise EdgeCodecError(str(error).replace(str(cached.folder), str(self.folder))) from None

    def sources(self, *ports: str) -> list[Path]:
        """The codec, the verification program without its main, and all of the named ports' C and assembly."""
        found = [*sorted((self.folder / "src").glob("*.c")), self.folder / "verify" / "verify.c"]
        for port in ports:
            found += sorted(path for path in (self.folder / "ports" / port).iterdir() if path.suffix in (".c", ".S"))
        return found

    def includes(self, *ports: str) -> list[Path]:
        return [self.folder / "include", self.folder / "src", self.folder / "verify",
                *(self.folder / "ports" / port for port in ports)]

    def _cached(self) -> Firmware:
        """A copy of the sources whose place is their hash: zig, which knows sources by path and time, then finds what
        it made of equal ones, wherever these lie."""
        digest = firmware_hash(self.folder)
        place = cache_folder() / "firmware" / digest
        if firmware_hash(place) != digest:  # absent, or not whole any more
            shutil.rmtree(place, ignore_errors=True)
            place.parent.mkdir(parents=True, exist_ok=True)
            with temporary_folder(place.parent, digest) as temporary:
                for part in SOURCES:
                    shutil.copytree(self.folder / part, temporary / digest / part)
                with suppress(OSError):  # another process was faster
                    (temporary / digest).rename(place)
        return replace(self, folder=place)
