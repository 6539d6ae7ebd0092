"""Whether a tenant may upload to a repository: asked with the tenant's own token."""

from functools import partial

from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.iam.v1 import iam_policy_pb2

from wheelhouse.clients.google.artifact_registry.connection import ArtifactRegistry
from wheelhouse.domain.names import RepositoryName
from wheelhouse.domain.token import Token
from wheelhouse.errors import Invalid, Refused, Unavailable

UPLOAD = "artifactregistry.repositories.uploadArtifacts"
"""In the roles Writer and RepoAdmin (https://cloud.google.com/artifact-registry/docs/access-control#roles)."""


class NoCredentials(AnonymousCredentials):
    """No credentials: each call has a token of its own.

    Args:
        universe: the universe domain, which the client compares with that of its endpoint.
    """

    def __init__(self, universe: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # the library has no annotation here
        self._universe = universe

    @property
    def universe_domain(self) -> str:
        """The universe domain."""
        return self._universe


class TenantPermissions:
    """Asks Artifact Registry as a tenant.

    Args:
        google: a connection without credentials.
    """

    def __init__(self, google: ArtifactRegistry) -> None:
        self._google = google

    async def may_upload(self, name: RepositoryName, token: Token) -> bool:
        """Whether the identity of the token may upload to a repository; False if that does not exist.

        Raises:
            Unavailable: there is no answer.
        """
        request = iam_policy_pb2.TestIamPermissionsRequest(resource=name.full, permissions=[UPLOAD])
        metadata = [("authorization", f"Bearer {token.value}")]
        ask = partial(self._google.client.test_iam_permissions, metadata=metadata)
        try:
            reply = await self._google.call("TestIamPermissions", ask, request, name.project)
        except exceptions.NotFound:
            return False
        except (Invalid, Refused, Unavailable) as error:
            wait = error.retry_after if isinstance(error, Unavailable) else None
            raise Unavailable("Google did not answer TestIamPermissions for the ServiceAccount.", wait) from None
        return UPLOAD in reply.permissions
