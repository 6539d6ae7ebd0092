"""Artifact Registry's repositories and operations, over the messages of its own protos."""

import re
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from google.cloud.artifactregistry_v1 import types
from google.longrunning import operations_pb2
from google.protobuf import empty_pb2, json_format
from google.protobuf.message import Message

from wheelhouse_local.google.iam.policies import Policies
from wheelhouse_local.google.registry import fields
from wheelhouse_local.google.registry.locations import LOCATIONS
from wheelhouse_local.google.registry.modes import RepositoryPb
from wheelhouse_local.google.registry.operations import Effect, Operations
from wheelhouse_local.google.store import Store
from wheelhouse_local.google.transport.errors import ApiError, not_found, unimplemented

KIND, PACKAGE, PAGE, REST_ONLY = "repository", "package", "page", "rest-only"
LARGEST_PAGE = 1000

_PARENT = re.compile(r"projects/[^/]+/locations/([^/]+)")
_ID = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")
_ID_LENGTH = 63  # Inferred.


class Registry:
    """Repositories by full name; a mutation and its operation are one transaction."""

    def __init__(self, store: Store, policies: Policies, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._policies = policies
        self._clock = clock
        self._operations = Operations(store, clock)

    def get(self, name: str) -> RepositoryPb:
        """One repository, with times and registryUri."""
        self._settle()
        found = self._store.get(KIND, name)
        if found is None:
            raise not_found()
        repository = json_format.ParseDict(found, fields.new_repository())
        _, project, _, location, _, repository_id = name.split("/")
        form = types.Repository.Format(repository.format_).name.lower()
        rows = self._store.list(PACKAGE, f"{name}/")
        repository.size_bytes = sum(file.get("size", 0) for _, row in rows for file in row["files"].values())
        repository.registry_uri = f"{location}-{form}.pkg.dev/{project}/{repository_id}"
        return repository

    def create(self, parent: str, repository_id: str, wanted: RepositoryPb) -> operations_pb2.Operation:
        """Create a repository; the first reply is without `done`.

        Raises:
            ApiError: INVALID_ARGUMENT, ALREADY_EXISTS (its message is inferred), UNIMPLEMENTED.
        """
        _check_location(parent)
        if not _ID.fullmatch(repository_id) or len(repository_id) > _ID_LENGTH:
            raise ApiError("INVALID_ARGUMENT", f"Invalid repository id: {repository_id!r}")
        name = f"{parent}/repositories/{repository_id}"
        # That an id is taken while its creation is in progress is inferred.
        if self._exists(name) or any(effect.get("create") == name for effect in self._operations.pending()):
            raise ApiError("ALREADY_EXISTS", "the repository already exists")
        repository = fields.created(name, wanted, self._exists)
        repository.vulnerability_scanning_config.last_enable_time.FromDatetime(self._now())
        document = json_format.MessageToDict(repository)
        return self._start(parent, repository, {"create": name, "repository": document})

    def update(self, wanted: RepositoryPb, mask: Sequence[str]) -> RepositoryPb:
        """Change the fields of the mask, or all of them without one; the reply lacks registryUri.

        Raises:
            ApiError: NOT_FOUND, INVALID_ARGUMENT, UNIMPLEMENTED.
        """
        current = self.get(wanted.name)
        current.ClearField("registry_uri")
        current.ClearField("size_bytes")
        fields.change(current, wanted, mask, self._exists)
        current.update_time.FromDatetime(self._now())
        self._put(current)
        return current

    def delete(self, name: str) -> operations_pb2.Operation:
        """Delete a repository with all its content; even an upstream of a Virtual one (recorded)."""
        self.get(name)
        return self._start("/".join(name.split("/")[:4]), empty_pb2.Empty(), {"delete": name})

    def page(self, parent: str, page_size: int, after: str) -> tuple[Sequence[RepositoryPb], str]:
        """One page by name, at most 1,000, and its last name if there are more.

        Raises:
            ApiError: INVALID_ARGUMENT, or UNIMPLEMENTED for all locations at once.
        """
        _check_location(parent)
        self._settle()
        names = [name for name, _ in self._store.list(KIND, f"{parent}/repositories/") if name > after]
        size = min(page_size or LARGEST_PAGE, LARGEST_PAGE)
        page = names[:size]
        return [self.get(name) for name in page], page[-1] if len(names) > size else ""

    def operation(self, name: str) -> operations_pb2.Operation:
        """A long-running operation.

        Raises:
            ApiError: NOT_FOUND.
        """
        self._settle()
        return self._operations.get(name)

    def _start(self, parent: str, response: Message, effect: Effect) -> operations_pb2.Operation:
        with self._store.transaction():
            operation, now = self._operations.start(parent, response, effect)
            if now:
                self._carry_out(now)
        return operation

    def _settle(self) -> None:
        for effect in self._operations.settle():
            self._carry_out(effect)

    def _carry_out(self, effect: Effect) -> None:
        if "create" in effect:
            repository = json_format.ParseDict(effect["repository"], fields.new_repository())
            repository.create_time.FromDatetime(self._now())
            repository.update_time.CopyFrom(repository.create_time)
            repository.vulnerability_scanning_config.last_enable_time.CopyFrom(repository.create_time)
            self._put(repository)
            return
        name = effect["delete"]
        self._store.delete(KIND, name)
        self._policies.drop(name)
        for kind in (PACKAGE, PAGE, REST_ONLY):
            for content, _ in self._store.list(kind, f"{name}/"):
                self._store.delete(kind, content)

    def _exists(self, name: str) -> bool:
        return self._store.get(KIND, name) is not None

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)

    def _put(self, repository: RepositoryPb) -> None:
        self._store.put(KIND, repository.name, json_format.MessageToDict(repository))


def _check_location(parent: str) -> None:
    where = _PARENT.fullmatch(parent)
    if where is not None and where[1] == "-":
        raise unimplemented("A list of all locations at once")
    if where is None or where[1] not in LOCATIONS:
        raise ApiError("INVALID_ARGUMENT", "Request contains an invalid argument.")
