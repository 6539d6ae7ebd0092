"""The contents of repositories: packages, versions and files, listed and deleted."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, unquote

from google.cloud import artifactregistry_v1 as ar
from google.longrunning import operations_pb2
from google.protobuf import empty_pb2

from wheelhouse_local.google.registry.operations import Operations
from wheelhouse_local.google.registry.packages import version_of
from wheelhouse_local.google.registry.repositories import PACKAGE, Registry
from wheelhouse_local.google.store import Store
from wheelhouse_local.google.transport.errors import not_found
from wheelhouse_local.google.transport.faults import CURRENT
from wheelhouse_local.google.transport.method import Message

Row = dict[str, Any]
_REPOSITORY = "(projects/[^/]+/locations/[^/]+/repositories/[^/]+)"
_PACKAGE = re.compile(f"{_REPOSITORY}/packages/([^/]+)")
_VERSION = re.compile(f"{_REPOSITORY}/packages/([^/]+)/versions/([^/]+)")
_FILE = re.compile(f"{_REPOSITORY}/files/(.+)")


class Contents:
    """Reads and deletes rows of the store's packages; the next start deletes their content on disk."""

    def __init__(self, store: Store, registry: Registry) -> None:
        self._store = store
        self._registry = registry
        self._operations = Operations(store)

    def packages(self, parent: str) -> Sequence[Message]:
        """A repository's packages by name."""
        return [_dated(ar.Package.pb()(name=f"{parent}/packages/{name}"), row) for name, row in self._rows(parent)]

    def package(self, name: str) -> Message:
        """One package."""
        return _dated(ar.Package.pb()(name=name), self._row(name))

    def versions(self, parent: str) -> Sequence[Message]:
        """A package's versions."""
        row = self._row(parent)
        found = sorted({version_of(filename) for filename in row["files"]})
        return [_dated(ar.Version.pb()(name=f"{parent}/versions/{version}"), row, version) for version in found]

    def version(self, name: str) -> Message:
        """One version."""
        package, _, version = name.rpartition("/versions/")
        shown = next((found for found in self.versions(package) if found.name == f"{package}/versions/{version}"), None)
        if shown is None:
            raise not_found()
        return shown

    def files(self, parent: str) -> Sequence[Message]:
        """A repository's files; a file's id is its quoted path (inferred)."""
        return [
            self._file(parent, name, filename, row)
            for name, package in self._rows(parent)
            for filename, row in sorted(package["files"].items())
        ]

    def file(self, name: str) -> Message:
        """One file."""
        parent, package, filename = _path(name)
        row = self._row(f"{parent}/packages/{package}")["files"].get(filename)
        if row is None:
            raise not_found()
        return self._file(parent, package, filename, row)

    def python_packages(self, parent: str) -> Sequence[Message]:
        """Every version of every Python package, with the URI of one of its files (published proto)."""
        rows, found = self._rows(parent), []
        _, project, _, location, _, repository = parent.split("/")
        for name, package in rows:
            for version in sorted({version_of(filename) for filename in package["files"]}):
                filename = next(f for f in sorted(package["files"]) if version_of(f) == version)
                uri = f"{location}-python.pkg.dev/{project}/{repository}/{name}/{filename}"
                shown = f"{parent}/pythonPackages/{name}:{version}"
                made = ar.PythonPackage.pb()(name=shown, uri=uri, package_name=name, version=version)
                found.append(_dated(made, package, version))
        return found

    def python_package(self, name: str) -> Message:
        """One version of a Python package."""
        parent = name.partition("/pythonPackages/")[0]
        for found in self.python_packages(parent):
            if found.name == name:
                return found
        raise not_found()

    def delete_package(self, name: str) -> operations_pb2.Operation:
        """Delete a package with all its versions and files (published proto)."""
        repository, package = _parts(_PACKAGE, name)
        return self._delete(repository, package, lambda _: True)

    def delete_version(self, name: str) -> operations_pb2.Operation:
        """Delete a version with its files; `force` is about tags, which Python does not have, so it has no effect."""
        repository, package, version = _parts(_VERSION, name)
        return self._delete(repository, package, lambda filename: version_of(filename) == version)

    def delete_file(self, name: str) -> operations_pb2.Operation:
        """Delete one file. That its version and its package are deleted too, if it is the last, is inferred."""
        repository, package, deleted = _path(name)
        return self._delete(repository, package, lambda filename: filename == deleted)

    def _delete(self, repository: str, package: str, goes: Callable[[str], bool]) -> operations_pb2.Operation:
        """Delete the files for which `goes` is true; if a fault delays the operation, they are gone before it is done.

        Raises:
            ApiError: NOT_FOUND, also if no file matches.
        """
        row, fault = self._row(f"{repository}/packages/{package}"), CURRENT.get()
        kept = {filename: each for filename, each in row["files"].items() if not goes(filename)}
        if len(kept) == len(row["files"]):
            raise not_found()
        with self._store.transaction():
            first, _ = self._operations.start(repository.partition("/repositories/")[0], empty_pb2.Empty(), {})
            if fault is not None and fault.operation_error:
                return first  # An operation that fails changes nothing.
            if kept:
                self._store.put(PACKAGE, f"{repository}/{package}", {**row, "files": kept})
            else:
                self._store.delete(PACKAGE, f"{repository}/{package}")
        return first

    def _rows(self, parent: str) -> list[tuple[str, Row]]:
        self._registry.get(parent)
        return [(name.rpartition("/")[2], row) for name, row in self._store.list(PACKAGE, f"{parent}/")]

    def _row(self, package: str) -> Row:
        repository, _, name = package.partition("/packages/")
        self._registry.get(repository)
        found = self._store.get(PACKAGE, f"{repository}/{name}")
        if found is None:
            raise not_found()
        return found

    def _file(self, parent: str, package: str, filename: str, row: Row) -> Message:
        digest = ar.Hash.pb()(type_=ar.Hash.HashType.SHA256, value=bytes.fromhex(row["sha256"]))
        owner = f"{parent}/packages/{package}/versions/{version_of(filename)}"
        path = quote(f"{package}/{filename}", safe="")
        made = ar.File.pb()(name=f"{parent}/files/{path}", hashes=[digest], owner=owner, size_bytes=row.get("size", 0))
        return _dated(made, {"files": {filename: row}})


def _dated(made: Message, row: Row, version: str = "") -> Message:
    """Set the times of a package, or of one version, from its files: the first and the last upload (inferred)."""
    files = row["files"].items()
    times = [file["created"] for name, file in files if "created" in file and version in ("", version_of(name))]
    if times:
        made.create_time.FromDatetime(datetime.fromtimestamp(min(times), UTC))
        made.update_time.FromDatetime(datetime.fromtimestamp(max(times), UTC))
    return made


def _parts(pattern: re.Pattern[str], name: str) -> tuple[str, ...]:
    """The parts of a name in the pattern's form; any other form is NOT_FOUND (inferred)."""
    found = pattern.fullmatch(name)
    if found is None:
        raise not_found()
    return found.groups()


def _path(name: str) -> tuple[str, str, str]:
    """Repository, package and filename in a file's name, whose path may or may not be quoted."""
    repository, path = _parts(_FILE, name)
    package, _, filename = unquote(path).partition("/")
    return repository, package, filename
