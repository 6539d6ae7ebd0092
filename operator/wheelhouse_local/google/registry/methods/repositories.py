"""Methods about repositories."""

from collections.abc import Awaitable, Callable
from typing import Any

from google.cloud import artifactregistry_v1 as ar
from google.longrunning import operations_pb2

from wheelhouse_local.google.registry.methods.base import method, page_after, token_of
from wheelhouse_local.google.registry.modes import RepositoryPb
from wheelhouse_local.google.registry.repositories import Registry
from wheelhouse_local.google.transport.method import Message, Method

Check = Callable[[str, RepositoryPb], Awaitable[None]]
"""Rejects a repository (its full name, or its parent) with a dependency that is not usable."""


def methods(registry: Registry, check: Check) -> dict[str, Method]:
    """The table of methods about repositories, by `Service.Method` as in faults and the trace."""
    operation, repository = operations_pb2.Operation, ar.Repository.pb()

    async def create(asked: Message) -> Message:
        await check(asked.parent, asked.repository)
        return registry.create(asked.parent, asked.repository_id, asked.repository)

    async def update(asked: Message) -> Message:
        if any("upstream" in path.lower() for path in asked.update_mask.paths):
            await check(asked.repository.name, asked.repository)
        return registry.update(asked.repository, asked.update_mask.paths)

    return {
        "ArtifactRegistry.CreateRepository": method(
            ar.CreateRepositoryRequest.pb(),
            operation,
            "parent",
            "repositories.create",
            create,
        ),
        "ArtifactRegistry.GetRepository": method(
            ar.GetRepositoryRequest.pb(), repository, "name", "repositories.get", lambda asked: registry.get(asked.name)
        ),
        "ArtifactRegistry.UpdateRepository": method(
            ar.UpdateRepositoryRequest.pb(),
            repository,
            "repository.name",
            "repositories.update",
            update,
        ),
        "ArtifactRegistry.DeleteRepository": method(
            ar.DeleteRepositoryRequest.pb(),
            operation,
            "name",
            "repositories.delete",
            lambda asked: registry.delete(asked.name),
        ),
        "ArtifactRegistry.ListRepositories": method(
            ar.ListRepositoriesRequest.pb(),
            ar.ListRepositoriesResponse.pb(),
            "parent",
            "repositories.list",
            lambda asked: _page(asked, registry.page, ar.ListRepositoriesResponse.pb(), "repositories"),
        ),
    }


def _page(asked: Message, list_: Callable[..., tuple[Any, str]], response: Message, field: str) -> Message:
    found, last = list_(asked.parent, asked.page_size, page_after(asked, field))
    return response(**{field: found, "next_page_token": token_of(last)})
