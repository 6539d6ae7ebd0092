"""Directories with the same layout as kubelet's volumes for Secrets and tokens: readers see one complete generation.

DIR/..2026_11_24_10_00_00.123456789/KEY   the files of one generation
DIR/..data      → that folder, replaced by one rename
DIR/KEY         → ..data/KEY
"""

import errno
import os
import secrets
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

_DATA = "..data"


def write(directory: Path, files: Mapping[str, bytes]) -> bool:
    """Make DIRECTORY contain exactly these files, in one step; return False if it already did.

    Entries that are not ours (no link into ..data) stay.

    Raises:
        OSError: it cannot be written, or a file with that name exists that is not ours.
    """
    directory.mkdir(parents=True, exist_ok=True)
    current = directory / _DATA
    before = _read(current)
    if before == files:
        return False
    for name in files:
        _check_free(directory / name)
    generation = _generation(directory, files)
    old = current.readlink() if current.is_symlink() else None
    pending = directory / f"{_DATA}_tmp"
    pending.unlink(missing_ok=True)
    pending.symlink_to(generation.name)
    pending.replace(current)
    _link(directory, files)
    if old is not None:
        shutil.rmtree(directory / old, ignore_errors=True)
    return True


def _read(folder: Path) -> dict[str, bytes] | None:
    """The files of the current generation; None if there is none."""
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.is_dir() else None


def _generation(directory: Path, files: Mapping[str, bytes]) -> Path:
    moment = datetime.now(UTC).strftime("%Y_%m_%d_%H_%M_%S")
    folder = directory / f"..{moment}.{secrets.randbelow(10**9):09d}"
    folder.mkdir(mode=0o700)
    for name, content in files.items():
        handle = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
    return folder


def _check_free(link: Path) -> None:
    ours = link.is_symlink() and link.readlink() == Path(_DATA, link.name)
    if not ours and (link.is_symlink() or link.exists()):
        raise FileExistsError(errno.EEXIST, "a file that is not from this mount already exists", str(link))


def _link(directory: Path, files: Mapping[str, bytes]) -> None:
    """Create a link for every file, and remove the links of removed files."""
    for name in files:
        link = directory / name
        if not link.is_symlink():
            link.symlink_to(Path(_DATA, name))
    for entry in directory.iterdir():
        ours = entry.is_symlink() and entry.readlink().parts[:1] == (_DATA,)
        if ours and entry.name not in files:
            entry.unlink()
