"""The packages of all repositories: one row each in the store, content in a folder by its SHA-256."""

import re
from pathlib import Path
from typing import Any

from wheelhouse_local.google.index.upload import DuplicateError, Upload
from wheelhouse_local.google.registry.repositories import PACKAGE
from wheelhouse_local.google.store import Store


def normalized(name: str) -> str:
    """A project's name as paths have it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


class Packages:
    """What was uploaded; a package's row goes with its repository, its content at the next start."""

    def __init__(self, store: Store, folder: Path) -> None:
        self._store = store
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        kept = {row["sha256"] for _, package in store.list(PACKAGE) for row in package["files"].values()}
        for path in folder.iterdir():
            if path.name not in kept:
                path.unlink()

    def files(self, repository: str, name: str) -> dict[str, dict[str, Any]] | None:
        """Rows (sha256, requires_python) of a package's files by filename; None when there is no such package."""
        found = self._store.get(PACKAGE, f"{repository}/{name}")
        return None if found is None else dict(sorted(found["files"].items()))

    def path(self, digest: str) -> Path:
        """Where content of this SHA-256 lies."""
        return self.folder / digest

    def add(self, repository: str, upload: Upload) -> None:
        """Keep an upload; it stands when this returns.

        Raises:
            DuplicateError: the package has a file of this name: files never change.
        """
        key = f"{repository}/{normalized(upload.name)}"
        package = self._store.get(PACKAGE, key)
        if package is not None and upload.filename in package["files"]:
            raise DuplicateError
        digest, requires = upload.sha256, upload.requires_python
        self.keep(repository, upload.name, upload.filename, upload.path, digest, requires)

    def keep(self, repository: str, name: str, filename: str, path: Path, digest: str, requires_python: str) -> None:
        """Keep content that lies at `path`, with its SHA-256, as a file of a package; it stands when this returns."""
        key = f"{repository}/{normalized(name)}"
        package = self._store.get(PACKAGE, key) or {"name": name, "files": {}}
        path.replace(self.path(digest))
        package["files"][filename] = {"sha256": digest, "requires_python": requires_python}
        self._store.put(PACKAGE, key, package)
