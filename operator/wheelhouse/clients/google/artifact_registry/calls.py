"""The Repositories port."""

from google.api_core import exceptions
from google.cloud import artifactregistry_v1 as registry
from google.longrunning import operations_pb2

from wheelhouse.clients.google.artifact_registry import wire
from wheelhouse.clients.google.artifact_registry.connection import ArtifactRegistry, gone
from wheelhouse.domain.names import RepositoryName
from wheelhouse.domain.repository import ObservedRepository, OperationResult, RepositoryPatch, RepositorySettings


class GoogleRepositories:
    """Repositories in Artifact Registry; every method is one request.

    All raise Invalid, Refused, Conflict or Unavailable for Google's errors. A disabled API is Invalid(ApiDisabled).

    Args:
        google: the connection.
    """

    def __init__(self, google: ArtifactRegistry) -> None:
        self._google = google

    async def get(self, name: RepositoryName) -> ObservedRepository | None:
        """The repository, or None if it does not exist."""
        request = registry.GetRepositoryRequest(name=name.full)
        try:
            message = await self._google.call(
                "GetRepository", self._google.client.get_repository, request, name.project
            )
        except exceptions.NotFound:
            return None
        return wire.observed(name, message)

    async def create(self, name: RepositoryName, settings: RepositorySettings) -> str:
        """Start to create a repository, and return the name of the operation.

        Raises:
            AlreadyExists: the name is taken, perhaps by this operator if it lost an earlier reply.
        """
        request = wire.creation(name, settings)
        try:
            operation = await self._google.call(
                "CreateRepository", self._google.client.create_repository, request, name.project
            )
        except exceptions.NotFound:
            raise gone(name) from None
        return str(operation.operation.name)

    async def patch(self, name: RepositoryName, patch: RepositoryPatch) -> None:
        """Change the fields that the patch names. The reply lacks registry URI and times, so it is not used.

        Raises:
            Conflict: the repository does not exist.
        """
        request = wire.update(name, patch)
        try:
            await self._google.call("UpdateRepository", self._google.client.update_repository, request, name.project)
        except exceptions.NotFound:
            raise gone(name) from None

    async def delete(self, name: RepositoryName) -> str | None:
        """Start to delete a repository with its content: the operation's name, or None if it does not exist."""
        request = registry.DeleteRepositoryRequest(name=name.full)
        try:
            operation = await self._google.call(
                "DeleteRepository", self._google.client.delete_repository, request, name.project
            )
        except exceptions.NotFound:
            return None
        return str(operation.operation.name)

    async def empty(self, name: RepositoryName) -> bool:
        """Whether it has no packages, from a list of at most one. A repository that does not exist has none."""
        request = registry.ListPackagesRequest(parent=name.full, page_size=1)
        try:
            page = await self._google.call("ListPackages", self._google.client.list_packages, request, name.project)
        except exceptions.NotFound:
            return True
        return not page.packages

    async def poll(self, operation: str) -> OperationResult | None:
        """Check an operation once, by its name; None if it is not known (any more)."""
        request = operations_pb2.GetOperationRequest(name=operation)
        project = operation.split("/")[1] if "/" in operation else ""
        try:
            found = await self._google.call("GetOperation", self._google.client.get_operation, request, project)
        except exceptions.NotFound:
            return None
        return wire.result(found)
