"""Directories with the same layout as kubelet's volumes for Secrets and tokens: readers see one complete generation.

DIR/..2026_11_24_10_00_00.123456789/PATH   the files of one generation, with their mode
DIR/..data      → that folder, replaced by one rename
DIR/NAME        → ..data/NAME, where NAME is the first part of each path
"""

import errno
import os
import secrets
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

MODE = 0o644
"""The mode of a file in a volume whose pod sets none, in Kubernetes as well."""

_DATA = "..data"
_FOLDER_MODE = 0o755


def write(directory: Path, files: Mapping[str, bytes], mode: int = MODE) -> bool:
    """Make DIRECTORY contain exactly these files, in one step; return False if it already did.

    Entries that are not ours (no link into ..data) stay. A failure changes nothing.

    Args:
        directory: it is created if it does not exist.
        files: the contents by relative path, which may contain folders.
        mode: the mode of each file, regardless of the umask.

    Raises:
        OSError: it cannot be written, or a file with that name exists that is not ours.
    """
    directory.mkdir(parents=True, exist_ok=True)
    current = directory / _DATA
    if _read(current) == {name: (content, mode) for name, content in files.items()}:
        return False
    names = {PurePosixPath(path).parts[0] for path in files}
    for name in names:
        _check_free(directory / name)
    old = current.readlink() if current.is_symlink() else None
    generation = _generation(directory)
    try:
        for path, content in files.items():
            _file(generation, path, content, mode)
        pending = directory / f"{_DATA}_tmp"
        pending.unlink(missing_ok=True)
        pending.symlink_to(generation.name)
        pending.replace(current)
    except BaseException:
        if not current.is_symlink() or current.readlink() != Path(generation.name):
            shutil.rmtree(generation, ignore_errors=True)
        raise
    _link(directory, names)
    if old is not None:
        shutil.rmtree(directory / old, ignore_errors=True)
    return True


def _read(folder: Path) -> dict[str, tuple[bytes, int]] | None:
    """The files of the current generation with their modes; None if there is none."""
    if not folder.is_dir():
        return None
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mode & 0o777) for path in paths}


def _generation(directory: Path) -> Path:
    moment = datetime.now(UTC).strftime("%Y_%m_%d_%H_%M_%S")
    folder = directory / f"..{moment}.{secrets.randbelow(10**9):09d}"
    folder.mkdir()
    folder.chmod(_FOLDER_MODE)
    return folder


def _file(generation: Path, path: str, content: bytes, mode: int) -> None:
    target = generation / path
    target.parent.mkdir(parents=True, exist_ok=True)
    for folder in target.relative_to(generation).parents:
        (generation / folder).chmod(_FOLDER_MODE)
    # No other user can read the file before it has its own mode.
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    target.chmod(mode)


def _check_free(link: Path) -> None:
    ours = link.is_symlink() and link.readlink() == Path(_DATA, link.name)
    if not ours and (link.is_symlink() or link.exists()):
        raise FileExistsError(errno.EEXIST, "a file that is not from this mount already exists", str(link))


def _link(directory: Path, names: set[str]) -> None:
    """Create a link for every name, and remove the links of removed ones."""
    for name in names:
        link = directory / name
        if not link.is_symlink():
            link.symlink_to(Path(_DATA, name))
    for entry in directory.iterdir():
        ours = entry.is_symlink() and entry.readlink().parts[:1] == (_DATA,)
        if ours and entry.name not in names:
            entry.unlink()
