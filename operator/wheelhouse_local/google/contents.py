"""What is in repositories: packages, versions and files, listed and deleted, from what was uploaded."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote, unquote

from google.cloud import artifactregistry_v1 as ar
from google.longrunning import operations_pb2
from google.protobuf import empty_pb2

from wheelhouse_local.google.errors import not_found
from wheelhouse_local.google.methods import ARTIFACT_REGISTRY, Message, Method, check_page
from wheelhouse_local.google.operations import Operations
from wheelhouse_local.google.pages import version_of
from wheelhouse_local.google.registry import LARGEST_PAGE, PACKAGE, Registry
from wheelhouse_local.google.store import Store

Row = dict[str, Any]
_PARTS = re.compile(r"(projects/[^/]+/locations/[^/]+/repositories/[^/]+)/([a-zA-Z]+)/([^/]+)(?:/versions/([^/]+))?")


class Contents:
    """Reads and deletes rows of the store's packages; content on the disk goes at the next start."""

    def __init__(self, store: Store, registry: Registry) -> None:
        self._store = store
        self._registry = registry
        self._operations = Operations(store)

    def packages(self, parent: str) -> Sequence[Message]:
        """A repository's packages by name."""
        return [ar.Package.pb()(name=f"{parent}/packages/{name}") for name, _ in self._rows(parent)]

    def package(self, name: str) -> Message:
        """One package."""
        self._row(name)
        return ar.Package.pb()(name=name)

    def versions(self, parent: str) -> Sequence[Message]:
        """A package's versions."""
        found = sorted({version_of(filename) for filename in self._row(parent)["files"]})
        return [ar.Version.pb()(name=f"{parent}/versions/{version}") for version in found]

    def version(self, name: str) -> Message:
        """One version."""
        package, _, version = name.rpartition("/versions/")
        if all(found.name != name for found in self.versions(package)):
            raise not_found()
        return ar.Version.pb()(name=f"{package}/versions/{version}")

    def files(self, parent: str) -> Sequence[Message]:
        """A repository's files; a file's id is its quoted path (inferred)."""
        return [
            self._file(parent, name, filename, row)
            for name, package in self._rows(parent)
            for filename, row in sorted(package["files"].items())
        ]

    def file(self, name: str) -> Message:
        """One file."""
        parent, _, path = name.rpartition("/files/")
        package, _, filename = unquote(path).partition("/")
        row = self._row(f"{parent}/packages/{package}")["files"].get(filename)
        if row is None:
            raise not_found()
        return self._file(parent, package, filename, row)

    def python_packages(self, parent: str) -> Sequence[Message]:
        """Every version of every Python package, with the URI of one of its files (published proto)."""
        _, project, _, location, _, repository = parent.split("/")
        found = []
        for name, package in self._rows(parent):
            for version in sorted({version_of(filename) for filename in package["files"]}):
                filename = next(f for f in sorted(package["files"]) if version_of(f) == version)
                uri = f"{location}-python.pkg.dev/{project}/{repository}/{name}/{filename}"
                shown = f"{parent}/pythonPackages/{name}:{version}"
                found.append(ar.PythonPackage.pb()(name=shown, uri=uri, package_name=name, version=version))
        return found

    def python_package(self, name: str) -> Message:
        """One version of a Python package."""
        parent = name.partition("/pythonPackages/")[0]
        for found in self.python_packages(parent):
            if found.name == name:
                return found
        raise not_found()

    def delete(self, name: str) -> operations_pb2.Operation:
        """Delete a package, or one version of it, with its files."""
        parts = _PARTS.fullmatch(name)
        if parts is None:
            raise not_found()
        repository, package, version = parts[1], parts[3], parts[4]
        row = self._row(f"{repository}/packages/{package}")
        kept = {f: each for f, each in row["files"].items() if version and version_of(f) != version}
        if version and len(kept) == len(row["files"]):
            raise not_found()
        if kept:
            self._store.put(PACKAGE, f"{repository}/{package}", {**row, "files": kept})
        else:
            self._store.delete(PACKAGE, f"{repository}/{package}")
        first, _ = self._operations.start(repository.partition("/repositories/")[0], empty_pb2.Empty(), {})
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
        return ar.File.pb()(name=f"{parent}/files/{path}", hashes=[digest], owner=owner)


def methods(contents: Contents) -> Mapping[str, Method]:
    """The table of methods about contents."""
    operation = operations_pb2.Operation
    return {
        **_listed("Packages", "packages", "packages", contents.packages),
        **_listed("Versions", "versions", "versions", contents.versions),
        **_listed("Files", "files", "files", contents.files),
        **_listed("PythonPackages", "python_packages", "pythonpackages", contents.python_packages),
        **_named("GetPackage", ar.GetPackageRequest.pb(), ar.Package.pb(), "packages.get", contents.package),
        **_named("GetVersion", ar.GetVersionRequest.pb(), ar.Version.pb(), "versions.get", contents.version),
        **_named("GetFile", ar.GetFileRequest.pb(), ar.File.pb(), "files.get", contents.file),
        **_named(
            "GetPythonPackage",
            ar.GetPythonPackageRequest.pb(),
            ar.PythonPackage.pb(),
            "pythonpackages.get",
            contents.python_package,
        ),
        **_named("DeletePackage", ar.DeletePackageRequest.pb(), operation, "packages.delete", contents.delete),
        **_named("DeleteVersion", ar.DeleteVersionRequest.pb(), operation, "versions.delete", contents.delete),
    }


def _named(
    name: str, request: Message, response: Message, permission: str, run: Callable[[str], Message]
) -> dict[str, Method]:
    needed = f"artifactregistry.{permission}"
    method = Method(ARTIFACT_REGISTRY, request, response, "name", needed, lambda _, asked: run(asked.name))
    return {f"ArtifactRegistry.{name}": method}


def _listed(name: str, field: str, kind: str, run: Callable[[str], Sequence[Message]]) -> dict[str, Method]:
    request, response = getattr(ar, f"List{name}Request").pb(), getattr(ar, f"List{name}Response").pb()

    def page(_: object, asked: Message) -> Message:
        check_page(asked)
        found = [message for message in run(asked.parent) if message.name > asked.page_token]
        size = min(asked.page_size or LARGEST_PAGE, LARGEST_PAGE)
        token = found[size - 1].name if len(found) > size else ""
        shown: Message = response(**{field: found[:size], "next_page_token": token})
        return shown

    needed = f"artifactregistry.{kind}.list"
    return {f"ArtifactRegistry.List{name}": Method(ARTIFACT_REGISTRY, request, response, "parent", needed, page)}
