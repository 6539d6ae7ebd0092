"""Remote and Virtual repositories: valid configurations, over the messages of the protos."""

from collections.abc import Callable
from typing import Any, TypeAlias

from google.cloud.artifactregistry_v1 import types

from wheelhouse_local.google.transport.errors import ApiError, unimplemented

# google-cloud-artifact-registry has no types for its raw messages: proto-plus creates them at import.
RepositoryPb: TypeAlias = Any

STANDARD, VIRTUAL, REMOTE = (
    types.Repository.Mode.STANDARD_REPOSITORY,
    types.Repository.Mode.VIRTUAL_REPOSITORY,
    types.Repository.Mode.REMOTE_REPOSITORY,
)
UPSTREAM_LIMIT = 30
"""Upstream policies of one Virtual repository (documented quota)."""
_PYPI = types.RemoteRepositoryConfig.PythonRepository.PublicRepository.PYPI
_SOURCES = {"python_repository", "common_repository"}


def check(repository: RepositoryPb, exists: Callable[[str], bool]) -> None:
    """Reject a configuration that does not match the mode.

    Args:
        repository: the desired repository.
        exists: whether a Python repository with this full name exists.

    Raises:
        ApiError: INVALID_ARGUMENT; the messages for a Virtual without its configuration and for upstreams of a Standard
            one are recorded. UNIMPLEMENTED for sources of other formats.
    """
    if repository.HasField("virtual_repository_config") and repository.mode != VIRTUAL:
        raise ApiError("INVALID_ARGUMENT", "Upstream policies cannot be set on a standard repository.")
    if repository.HasField("remote_repository_config") and repository.mode != REMOTE:
        raise ApiError("INVALID_ARGUMENT", "A remote repository config requires the mode REMOTE_REPOSITORY.")
    if repository.mode == VIRTUAL:
        _check_virtual(repository, exists)
    if repository.mode == REMOTE:
        _check_remote(repository)


def source(repository: RepositoryPb) -> tuple[str, str]:
    """The source of a Remote: `public` and the index's name, or `url` and the URL; two empty strings for others."""
    if repository.mode != REMOTE:
        return "", ""
    config = repository.remote_repository_config
    if config.HasField("common_repository"):
        return "url", config.common_repository.uri
    python = config.python_repository
    if python.HasField("custom_repository"):
        return "url", python.custom_repository.uri
    return "public", "PYPI"


def _check_virtual(repository: RepositoryPb, exists: Callable[[str], bool]) -> None:
    if not repository.HasField("virtual_repository_config"):
        raise ApiError("INVALID_ARGUMENT", "Virtual repository config is not specified")
    policies = repository.virtual_repository_config.upstream_policies
    if len(policies) > UPSTREAM_LIMIT:
        raise ApiError("INVALID_ARGUMENT", f"A virtual repository can have at most {UPSTREAM_LIMIT} upstream policies.")
    if len({policy.id for policy in policies}) < len(policies) or not all(policy.id for policy in policies):
        raise ApiError("INVALID_ARGUMENT", "Each upstream policy must have a different id.")
    location = repository.name.split("/")[3]
    for policy in policies:
        # That an upstream must exist, with the same format and in the same location, is inferred.
        where = policy.repository.split("/")
        if len(where) != 6 or where[3] != location or not exists(policy.repository):
            text = f"Upstream repository {policy.repository!r} is not a Python repository in {location}."
            raise ApiError("INVALID_ARGUMENT", text)


def _check_remote(repository: RepositoryPb) -> None:
    config = repository.remote_repository_config
    kind = config.WhichOneof("remote_source") if repository.HasField("remote_repository_config") else None
    if kind is None:
        raise ApiError(
            "INVALID_ARGUMENT", "Remote repository config is not specified"
        )  # Inferred from the Virtual's message.
    if kind not in _SOURCES:
        raise unimplemented(f"A remote repository over {kind}")
    python = config.python_repository
    if kind == "python_repository" and not python.HasField("custom_repository") and python.public_repository != _PYPI:
        raise ApiError("INVALID_ARGUMENT", "The remote source is not specified.")
    where, uri = source(repository)
    if where == "url" and not uri.startswith(("https://", "http://", "projects/")):
        raise ApiError("INVALID_ARGUMENT", f"Invalid URI of the remote source: {uri!r}")
