"""Artifact Registry's repositories and operations, over the messages of its own protos."""

import re
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias

from google.cloud.artifactregistry_v1 import types
from google.longrunning import operations_pb2
from google.protobuf import any_pb2, empty_pb2, json_format
from google.protobuf.message import Message

from wheelhouse_local.google.errors import ApiError, not_found, unimplemented
from wheelhouse_local.google.policies import Policies
from wheelhouse_local.google.store import Store

KIND, OPERATION, PACKAGE = "repository", "operation", "package"
LOCATIONS = ("asia-east1", "europe", "europe-west1", "us", "us-central1", "us-east1", "us-west1")

# google-cloud-artifact-registry has no types for its raw messages: proto-plus makes them at import.
RepositoryPb: TypeAlias = Any
_new_repository = types.Repository.pb()
_new_package = types.Package.pb()
_PARENT = re.compile(r"projects/[^/]+/locations/([^/]+)")
_ID = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")
_LABEL_KEY = re.compile(r"[^\W\d_A-Z][\w-]{0,62}")
_OUTPUT_ONLY = ("create_time", "update_time", "registry_uri", "size_bytes", "satisfies_pzs", "satisfies_pzi")
_IMMUTABLE = ("format_", "mode", "kms_key_name")
_STANDARD = types.Repository.Mode.STANDARD_REPOSITORY
_PYTHON = types.Repository.Format.PYTHON


class Registry:
    """Repositories by full name; a mutation is one transaction together with its operation."""

    def __init__(self, store: Store, policies: Policies, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._policies = policies
        self._clock = clock

    def get(self, name: str) -> RepositoryPb:
        """One repository, with times and registryUri."""
        found = self._store.get(KIND, name)
        if found is None:
            raise not_found()
        repository = json_format.ParseDict(found, _new_repository())
        _, project, _, location, _, repository_id = name.split("/")
        form = types.Repository.Format(repository.format_).name.lower()
        repository.registry_uri = f"{location}-{form}.pkg.dev/{project}/{repository_id}"
        return repository

    def create(self, parent: str, repository_id: str, wanted: RepositoryPb) -> operations_pb2.Operation:
        """Create a repository; the first reply has no `done`."""
        where = _PARENT.fullmatch(parent)
        if where is None or where[1] not in LOCATIONS:
            raise ApiError("INVALID_ARGUMENT", "Request contains an invalid argument.")
        if not _ID.fullmatch(repository_id) or len(repository_id) > 63:  # The length is inferred.
            raise ApiError("INVALID_ARGUMENT", f"Invalid repository id: {repository_id!r}")
        name = f"{parent}/repositories/{repository_id}"
        if self._store.get(KIND, name) is not None:
            raise ApiError("ALREADY_EXISTS", "the repository already exists")  # The exact words are inferred.
        repository = _new_repository()
        repository.CopyFrom(wanted)
        for field in _OUTPUT_ONLY:
            repository.ClearField(field)
        if not repository.format_:  # Inferred: the field is required in practice.
            raise ApiError("INVALID_ARGUMENT", "Request contains an invalid argument.")
        if repository.format_ != _PYTHON:
            raise unimplemented("A repository of another format than PYTHON")
        if repository.disallow_unspecified_mode and not repository.mode:  # The words are ours.
            raise ApiError("INVALID_ARGUMENT", "The mode of the repository is not specified.")
        repository.ClearField("disallow_unspecified_mode")
        repository.mode = repository.mode or _STANDARD
        if repository.mode != _STANDARD or repository.WhichOneof("mode_config"):
            raise unimplemented("A repository of another mode than STANDARD_REPOSITORY")
        _check_labels(repository)
        repository.name = name
        scanning = repository.vulnerability_scanning_config
        scanning.enablement_state = types.Repository.VulnerabilityScanningConfig.EnablementState.SCANNING_DISABLED
        scanning.enablement_state_reason = "API containerscanning.googleapis.com is not enabled."
        with self._store.transaction():
            operation = self._operation(parent, repository)
            self._stamp(repository, created=True)
            self._put(repository)
        return operation

    def update(self, wanted: RepositoryPb, mask: Sequence[str]) -> RepositoryPb:
        """Change the fields of the mask, or all of them without one; the reply lacks registryUri."""
        current = self.get(wanted.name)
        current.ClearField("registry_uri")
        fields = [_snake(path) for path in mask] or [
            "description",
            "labels",
            "cleanup_policies",
            "cleanup_policy_dry_run",
        ]
        for path in fields:
            field = path.partition(".")[0]
            if field not in _new_repository.DESCRIPTOR.fields_by_name:
                raise ApiError("INVALID_ARGUMENT", f"Invalid field in update mask: {path}")
            if field in _IMMUTABLE and getattr(wanted, field) != getattr(current, field):
                raise ApiError("INVALID_ARGUMENT", f"Field {field} is immutable.")
            if field in {"virtual_repository_config", "remote_repository_config"}:
                raise unimplemented("A repository of another mode than STANDARD_REPOSITORY")
            if field not in (*_IMMUTABLE, *_OUTPUT_ONLY, "name"):
                _copy(wanted, current, field)
        _check_labels(current)
        with self._store.transaction():
            self._stamp(current)
            self._put(current)
        return current

    def delete(self, name: str) -> operations_pb2.Operation:
        """Delete a repository with all its content."""
        self.get(name)
        with self._store.transaction():
            operation = self._operation("/".join(name.split("/")[:4]), empty_pb2.Empty())
            self._store.delete(KIND, name)
            self._policies.drop(name)
            for package, _ in self._store.list(PACKAGE, f"{name}/"):
                self._store.delete(PACKAGE, package)
        return operation

    def page(self, parent: str, page_size: int, page_token: str) -> tuple[Sequence[RepositoryPb], str]:
        """One page by name, at most 1,000, and the next page's token (its format is ours)."""
        names = [name for name, _ in self._store.list(KIND, f"{parent}/repositories/") if name > page_token]
        size = min(page_size or 1000, 1000)
        page = names[:size]
        return [self.get(name) for name in page], page[-1] if len(names) > size else ""

    def packages(self, parent: str, page_size: int, page_token: str) -> tuple[Sequence[Message], str]:
        """One page of a repository's packages."""
        self.get(parent)
        found = [name for name, _ in self._store.list(PACKAGE, f"{parent}/") if name > page_token]
        size = min(page_size or 1000, 1000)
        page = [_new_package(name=f"{parent}/packages/{name.rpartition('/')[2]}") for name in found[:size]]
        return page, found[size - 1] if len(found) > size else ""

    def operation(self, name: str) -> operations_pb2.Operation:
        """A long-running operation: done at the first poll in every recording."""
        found = self._store.get(OPERATION, name)
        if found is None:
            raise not_found()
        operation = operations_pb2.Operation()
        operation.ParseFromString(bytes.fromhex(found["bytes"]))
        return operation

    def _operation(self, parent: str, response: RepositoryPb | empty_pb2.Empty) -> operations_pb2.Operation:
        metadata = any_pb2.Any()
        metadata.Pack(types.OperationMetadata.pb(types.OperationMetadata()))
        first = operations_pb2.Operation(name=f"{parent}/operations/{uuid.uuid4()}", metadata=metadata)
        done = operations_pb2.Operation()
        done.CopyFrom(first)
        done.done = True
        done.response.Pack(response)
        self._store.put(OPERATION, first.name, {"bytes": done.SerializeToString().hex()})
        return first

    def _stamp(self, repository: RepositoryPb, *, created: bool = False) -> None:
        now = datetime.fromtimestamp(self._clock(), UTC)
        repository.update_time.FromDatetime(now)
        if created:
            repository.create_time.FromDatetime(now)

    def _put(self, repository: RepositoryPb) -> None:
        self._store.put(KIND, repository.name, json_format.MessageToDict(repository))


def _snake(path: str) -> str:
    if path == "format":
        return "format_"  # proto-plus names the field so; masks say `format`.
    return re.sub(r"(?<!^)([A-Z])", lambda found: f"_{found[1].lower()}", path)


def _copy(source: RepositoryPb, target: RepositoryPb, field: str) -> None:
    target.ClearField(field)
    partial = _new_repository()
    partial.CopyFrom(source)
    for other in _new_repository.DESCRIPTOR.fields_by_name:
        if other != field:
            partial.ClearField(other)
    target.MergeFrom(partial)


def _check_labels(repository: RepositoryPb) -> None:
    if len(repository.labels) > 64:
        raise ApiError("INVALID_ARGUMENT", "A repository has at most 64 labels.")
    for key, value in repository.labels.items():
        if not _LABEL_KEY.fullmatch(key) or len(value) > 63 or value != value.lower():
            raise ApiError("INVALID_ARGUMENT", f"Invalid label: {key}={value}")
