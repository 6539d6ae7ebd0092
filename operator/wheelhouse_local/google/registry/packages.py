"""The packages of all repositories: one row each in the store, content in a folder by its SHA-256."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.utils import InvalidSdistFilename, InvalidWheelFilename, parse_sdist_filename, parse_wheel_filename

from wheelhouse_local.google.registry.repositories import PACKAGE
from wheelhouse_local.google.store import Store


class DuplicateError(Exception):
    """A file with this name already exists."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A complete uploaded file; `path` is temporary."""

    name: str
    filename: str
    path: Path
    sha256: str
    requires_python: str


def normalized(name: str) -> str:
    """A project's name in paths (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def version_of(filename: str) -> str:
    """The version in a file's name; for a name without a version the name itself."""
    try:
        if filename.endswith(".whl"):
            return str(parse_wheel_filename(filename)[1])
        return str(parse_sdist_filename(filename)[1])
    except (InvalidWheelFilename, InvalidSdistFilename):
        return filename


class Packages:
    """Uploaded packages; the row of a package is deleted with its repository, its content at the next start."""

    def __init__(self, store: Store, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        kept = {row["sha256"] for _, package in store.list(PACKAGE) for row in package["files"].values()}
        for path in folder.iterdir():
            if path.name not in kept:
                path.unlink()

    def files(self, repository: str, name: str) -> dict[str, dict[str, Any]] | None:
        """Rows of a package's files by filename; None if the package does not exist.

        A row has `sha256`, `requires_python`, `size` in bytes, and `created` in Unix seconds.
        """
        found = self._store.get(PACKAGE, f"{repository}/{name}")
        return None if found is None else dict(sorted(found["files"].items()))

    def path(self, digest: str) -> Path:
        """The path of the content with this SHA-256."""
        return self.folder / digest

    def add(self, repository: str, upload: Upload) -> None:
        """Store an upload; it is durable when this returns.

        Raises:
            DuplicateError: the package has a file with this name: files never change.
        """
        key = f"{repository}/{normalized(upload.name)}"
        package = self._store.get(PACKAGE, key)
        if package is not None and upload.filename in package["files"]:
            raise DuplicateError
        digest, requires = upload.sha256, upload.requires_python
        self.keep(repository, upload.name, upload.filename, upload.path, digest, requires)

    def keep(self, repository: str, name: str, filename: str, path: Path, digest: str, requires_python: str) -> None:
        """Store the content at `path`, with its SHA-256, as a file of a package; it is durable when this returns."""
        key = f"{repository}/{normalized(name)}"
        package = self._store.get(PACKAGE, key) or {"name": name, "files": {}}
        facts = {"size": path.stat().st_size, "created": self._clock()}
        path.replace(self.path(digest))
        package["files"][filename] = {"sha256": digest, "requires_python": requires_python, **facts}
        self._store.put(PACKAGE, key, package)
