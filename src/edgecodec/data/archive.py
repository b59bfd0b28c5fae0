"""Take files out of a zip that somebody sent: nothing outside the folder, no bombs, no half-read members."""

from __future__ import annotations

import errno
import shutil
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path, PureWindowsPath  # which knows both kinds of slash, and drives

from edgecodec.errors import EdgeCodecError
from edgecodec.progress import progress

LARGEST_RATIO = 100  # counts as text shrink to a third; a thousandth is a bomb
UNREADABLE = {9: "Deflate64", 99: "AES"}  # methods; Windows makes the first of files above 2 GB
RATIO_MATTERS_ABOVE_BYTES = 1 << 20


def extract(archive: Path, wanted: Callable[[str], bool], folder: Path) -> dict[str, str]:
    """Write the members whose file name is ``wanted`` into ``folder``, without their own folders.

    Returns:
        the file names, each with archive and member that it comes from, for messages.

    Raises:
        EdgeCodecError: the zip is truncated, damaged, encrypted, or packed by a method that Python lacks; a member's
            path leads outside; it expands more than ``LARGEST_RATIO`` times or beyond the free space; two members
            have one name.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            members = _safe_members(archive, opened, wanted, shutil.disk_usage(folder).free)
            extracted = {}
            for member in progress(members, "Extracting"):
                name = _file_name(member)
                with opened.open(member) as source, (folder / name).open("xb") as sink:
                    shutil.copyfileobj(source, sink, 1 << 20)
                extracted[name] = f"{archive}: {member.filename}"
            return extracted
    except EdgeCodecError:
        raise
    except FileExistsError as error:
        raise EdgeCodecError(f"{archive}: holds {Path(error.filename).name} twice; keep one") from None
    except NotImplementedError as error:
        raise EdgeCodecError(f"{archive}: packed in a way that Python cannot read ({error}); unpack it and give the "
                             "folder") from None
    except Exception as error:  # zipfile and the methods raise nearly anything at damaged bytes
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise  # of the disk
        raise EdgeCodecError(f"{archive}: truncated or damaged zip ({error}); fetch it again") from None


def _safe_members(
    archive: Path, opened: zipfile.ZipFile, wanted: Callable[[str], bool], free_bytes: int
) -> list[zipfile.ZipInfo]:
    for member in opened.infolist():
        path = PureWindowsPath(member.filename)
        if path.anchor or ".." in path.parts:
            raise EdgeCodecError(f"{archive}: member {member.filename!r} leads outside the folder; refused")
    members = [member for member in opened.infolist()
               if not member.is_dir() and wanted(_file_name(member))]
    for member in members:
        if member.flag_bits & 1:
            raise EdgeCodecError(f"{archive}: member {member.filename} is encrypted; unpack it and give the folder")
        if member.compress_type in UNREADABLE:
            method = UNREADABLE[member.compress_type]
            raise EdgeCodecError(f"{archive}: member {member.filename} is packed by {method}, which Python cannot "
                                 "read; unpack it and give the folder")
        if stat.S_ISLNK(member.external_attr >> 16):
            raise EdgeCodecError(f"{archive}: member {member.filename} is a link; refused")
        if member.file_size > max(RATIO_MATTERS_ABOVE_BYTES, LARGEST_RATIO * member.compress_size):
            raise EdgeCodecError(f"{archive}: member {member.filename} expands over {LARGEST_RATIO} times; refused")
    total = sum(member.file_size for member in members)
    if total > free_bytes:
        raise EdgeCodecError(f"{archive}: needs {total / 1e9:.1f} GB, {free_bytes / 1e9:.1f} GB are free; make room")
    return members


def _file_name(member: zipfile.ZipInfo) -> str:
    """Without folders, which some programs part by backslashes."""
    return PureWindowsPath(member.filename).name
