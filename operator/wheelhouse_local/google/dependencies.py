"""The dependencies of a repository outside of Artifact Registry: its key, its upstream, the upstream's password."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from wheelhouse_local.google.projects.kms import KeyManagement
from wheelhouse_local.google.projects.lifecycle import Projects
from wheelhouse_local.google.projects.secret_manager import SecretManager
from wheelhouse_local.google.registry.modes import RepositoryPb
from wheelhouse_local.google.transport.errors import ApiError

Upstream = Callable[[str, Any], Awaitable[str | None]]
"""Tries the upstream of a Remote's configuration, as a project's service agent; returns the problem, in words."""


@dataclass(frozen=True, slots=True)
class Dependencies:
    """Checks them as the project's service agent."""

    projects: Projects
    keys: KeyManagement
    secrets: SecretManager
    upstream: Upstream

    async def check(self, resource: str, repository: RepositoryPb) -> None:
        """Reject a repository whose key, secret or upstream is not usable.

        Args:
            resource: its full name, or its parent.
            repository: the requested repository.

        Raises:
            ApiError: INVALID_ARGUMENT; the messages for an upstream are quoted in public threads, the others inferred.
        """
        project = self.projects.known(resource.split("/")[1])
        agent, key = f"serviceAccount:{project.agent}", repository.kms_key_name
        if key and not self.keys.usable(key, agent):
            text = f"Permission 'cloudkms.cryptoKeyVersions.useToEncrypt' denied to {project.agent} on resource '{key}'"
            raise ApiError("INVALID_ARGUMENT", f"{text} (or it may not exist).")
        if not repository.HasField("remote_repository_config"):
            return
        config = repository.remote_repository_config
        version = config.upstream_credentials.username_password_credentials.password_secret_version
        if version and not self.secrets.readable(version, agent):
            text = f"Permission 'secretmanager.versions.access' denied to {project.agent} for resource '{version}'"
            raise ApiError("INVALID_ARGUMENT", f"{text} (or it may not exist).")
        if config.disable_upstream_validation:
            return
        problem = await self.upstream(project.id, config)
        if problem is not None:
            text = f"Failed to validate remote upstream: generic::invalid_argument: {problem}"
            raise ApiError("INVALID_ARGUMENT", text)
