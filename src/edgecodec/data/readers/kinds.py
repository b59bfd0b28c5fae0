"""The kinds of files that recordings come in: what tells them, and what reads them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edgecodec.data.readers import laboratory, numpy_arrays, parquet, text
from edgecodec.data.table import Table
from edgecodec.errors import EdgeCodecError

PACKED_ENDINGS = (".gz", ".bz2", ".xz")
Reader = Callable[[Path, str | None], Table]


@dataclass(frozen=True)
class Kind:
    """One kind of file."""

    name: str
    told: str  # what people call it
    endings: tuple[str, ...]
    begins: tuple[bytes, ...]  # with one of these
    read: Reader
    fix: str = "write it again, or call it .csv if it is one"


TEXT = Kind("text", "text", (".csv", ".tsv"), (), text.read_text)
KINDS = (
    Kind("parquet", "Parquet file", (".parquet", ".pq"), (b"PAR1",), parquet.read_parquet),
    Kind("npy", "npy array of numbers", (".npy",), (b"\x93NUMPY",), numpy_arrays.read_npy),
    Kind("npz", ".npz", (".npz",), (b"PK\x03\x04",), numpy_arrays.read_npz),
    Kind("hdf5", "HDF5 file", (".h5", ".hdf5", ".hdf"), (b"\x89HDF", b"MATLAB 7.3"), laboratory.read_hdf5),
    Kind("mat", "MATLAB file", (".mat",), (b"MATLAB 5",), laboratory.read_mat),
    Kind("sound", "sound file", (".wav", ".flac", ".aiff", ".w64", ".rf64"), (b"RIFF", b"RF64", b"fLaC", b"FORM"),
         laboratory.read_sound),
    Kind("tdms", "TDMS file", (".tdms",), (b"TDSm",), laboratory.read_tdms),
    Kind("edf", "EDF or BDF file", (".edf", ".bdf"), (b"0       ", b"\xffBIOSEMI"), laboratory.read_edf),
    TEXT,
)
MAYBE_TEXT = (".txt", ".dat", ".asc", ".log")  # numbers or prose


def kind_of(path: Path) -> Kind:
    """What a file is by its first bytes, unless it is called .csv; a folder is the parts of a Parquet file.

    Raises:
        EdgeCodecError: the file is absent, or its name says that it is another kind.
    """
    if path.is_dir():
        return KINDS[0]
    if not path.is_file():
        raise EdgeCodecError(f"{path}: recording not found; correct the name")
    named = _ending(path)
    if named in TEXT.endings:
        return TEXT
    with path.open("rb") as file:
        first = file.read(16)
    for kind in KINDS:
        if kind.begins and first.startswith(kind.begins):
            return kind
    for kind in KINDS:
        if named in kind.endings and kind.begins:
            raise EdgeCodecError(f"{path}: not a readable {kind.told}; {kind.fix}")
    return TEXT


def read_table(path: Path, variable: str | None = None) -> Table:
    """The columns of a recording's file, whose kind is told by its content.

    Args:
        variable: which array of a file that holds several.

    Raises:
        EdgeCodecError: the file is absent, damaged, or holds no table.
    """
    return kind_of(path).read(path, variable)


def is_recording(path: Path) -> bool:
    """Whether a file is called, or looks, like one that a reader takes."""
    ending = _ending(path)
    if ending in MAYBE_TEXT:
        return text.holds_numbers(path)
    return any(ending in kind.endings for kind in KINDS)


def stem_of(path: Path) -> str:
    """A recording's name: its file's, without endings."""
    name = path.name
    if path.suffix.lower() in PACKED_ENDINGS:
        name = Path(name).stem
    return Path(name).stem


def name_without_ending(name: str) -> str:
    """``name`` of a recording, whether or not it came with its file's ending."""
    path = Path(name)
    known = (*MAYBE_TEXT, *(ending for kind in KINDS for ending in kind.endings))
    return (path.parent / stem_of(path)).as_posix() if _ending(path) in known else path.as_posix()


def _ending(path: Path) -> str:
    """In small letters, without that of a packed file."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in PACKED_ENDINGS and len(suffixes) > 1:
        return suffixes[-2]
    return suffixes[-1] if suffixes else ""
