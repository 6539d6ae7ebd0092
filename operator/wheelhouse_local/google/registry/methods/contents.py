"""Methods about packages, versions and files."""

from collections.abc import Callable, Sequence

from google.cloud import artifactregistry_v1 as ar
from google.longrunning import operations_pb2

from wheelhouse_local.google.registry.contents import Contents
from wheelhouse_local.google.registry.methods.base import ARTIFACT_REGISTRY, page_after, token_of
from wheelhouse_local.google.registry.repositories import LARGEST_PAGE
from wheelhouse_local.google.transport.method import Message, Method


def methods(contents: Contents) -> dict[str, Method]:
    """The table, by `Service.Method`."""
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
        **_named("DeletePackage", ar.DeletePackageRequest.pb(), operation, "packages.delete", contents.delete_package),
        **_named("DeleteVersion", ar.DeleteVersionRequest.pb(), operation, "versions.delete", contents.delete_version),
        **_named("DeleteFile", ar.DeleteFileRequest.pb(), operation, "files.delete", contents.delete_file),
    }


def _named(
    name: str, request: Message, response: Message, permission: str, run: Callable[[str], Message]
) -> dict[str, Method]:
    needed = f"artifactregistry.{permission}"
    method = Method(ARTIFACT_REGISTRY, request, response, "name", needed, lambda _, asked: run(asked.name))
    return {f"ArtifactRegistry.{name}": method}


def _listed(name: str, field: str, kind: str, run: Callable[[str], Sequence[Message]]) -> dict[str, Method]:
    request, response = getattr(ar, f"List{name}Request").pb(), getattr(ar, f"List{name}Response").pb()
    collection = f"{name[0].lower()}{name[1:]}"

    def page(_: object, asked: Message) -> Message:
        begin = page_after(asked, collection)
        # Tokens are names, so the order is that of names: `a-b:1` comes before `a:1`, although package `a` comes
        # before `a-b`.
        after = (message for message in run(asked.parent) if message.name > begin)
        found = sorted(after, key=lambda message: str(message.name))
        size = min(asked.page_size or LARGEST_PAGE, LARGEST_PAGE)
        token = token_of(found[size - 1].name if len(found) > size else "")
        shown: Message = response(**{field: found[:size], "next_page_token": token})
        return shown

    needed = f"artifactregistry.{kind}.list"
    return {f"ArtifactRegistry.List{name}": Method(ARTIFACT_REGISTRY, request, response, "parent", needed, page)}
