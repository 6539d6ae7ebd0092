"""TestIamPermissions as a tenant: with the tenant's token alone, and without a failure that ends the verification."""

import grpc
import pytest
from fakes.google_server import Wire

from wheelhouse.clients.google.artifact_registry.connection import ArtifactRegistry
from wheelhouse.clients.google.permissions import UPLOAD, NoCredentials, TenantPermissions
from wheelhouse.domain.names import RepositoryName
from wheelhouse.domain.token import Token
from wheelhouse.errors import Unavailable

NAME = RepositoryName("acme-packages", "us-central1", "team-wheels")
TENANT = Token("ya29.tenant")


@pytest.fixture
async def port(wire: Wire) -> TenantPermissions:
    """The client, over a connection without the operator's credentials."""
    wire.server.plant(NAME.full)
    endpoint = wire.google.client.transport._host
    return TenantPermissions(ArtifactRegistry(NoCredentials("emu.test"), "emu.test", endpoint, timeout=5.0))


async def test_the_answer_is_for_the_tenants_token(port: TenantPermissions, wire: Wire) -> None:
    """The only credentials of the call are the tenant's, and it asks for one permission."""
    assert not await port.may_upload(NAME, TENANT)
    wire.server.permissions = {UPLOAD}
    assert await port.may_upload(NAME, TENANT)
    (name, request), sent = wire.server.requests[-1], wire.server.metadata[-1]
    assert (name, request.resource, list(request.permissions)) == ("TestIamPermissions", NAME.full, [UPLOAD])
    assert sent["authorization"] == f"Bearer {TENANT.value}"


async def test_a_repository_that_is_missing_takes_no_uploads(port: TenantPermissions, wire: Wire) -> None:
    """Google answers with no permissions, or with NOT_FOUND."""
    wire.server.permissions = {UPLOAD}
    wire.server.repositories.clear()
    assert not await port.may_upload(NAME, TENANT)
    wire.server.fail["TestIamPermissions"] = (grpc.StatusCode.NOT_FOUND, "x", [])
    assert not await port.may_upload(NAME, TENANT)


@pytest.mark.parametrize(
    "code",
    [
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.INTERNAL,
    ],
)
async def test_without_an_answer_the_verification_is_tried_again(
    port: TenantPermissions, wire: Wire, code: grpc.StatusCode
) -> None:
    """No other error reaches the caller, and none has the token."""
    wire.server.fail["TestIamPermissions"] = (code, "x", [])
    with pytest.raises(Unavailable) as caught:
        await port.may_upload(NAME, TENANT)
    assert TENANT.value not in caught.value.message
    assert "the operator's own" not in caught.value.message
