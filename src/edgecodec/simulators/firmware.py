"""The generated firmware folder, as the simulators see it: which files a port needs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgecodec.errors import EdgeCodecError
from edgecodec.storage import read_json


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

    def sources(self, *ports: str) -> list[Path]:
        """The codec, the verification program without its main, and all of the named ports' C and assembly."""
        found = [*sorted((self.folder / "src").glob("*.c")), self.folder / "verify" / "verify.c"]
        for port in ports:
            found += sorted(path for path in (self.folder / "ports" / port).iterdir() if path.suffix in (".c", ".S"))
        return found

    def includes(self, *ports: str) -> list[Path]:
        return [self.folder / "include", self.folder / "src", self.folder / "verify",
                *(self.folder / "ports" / port for port in ports)]
