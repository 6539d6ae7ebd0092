"""gRPC and REST serve one table of methods: both behave alike, and methods outside it are reported as such."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from fakes.emulated import REPOSITORY, WRITER, Emulated
from fakes.registry_clients import OPERATOR, OWNER_MEMBER, PARENT, body, channel, grpc_client, refusal
from google.api_core import exceptions
from google.cloud.location import locations_pb2
from google.iam.v1 import iam_policy_pb2

from wheelhouse_local.google.registry.methods.base import ARTIFACT_REGISTRY
from wheelhouse_local.google.registry.methods.http import RULES
from wheelhouse_local.google.transport import rpc

GET = "artifactregistry.repositories.get"


@pytest.fixture
async def client(google: Emulated) -> AsyncIterator[Any]:
    """As the owner, over gRPC."""
    async with grpc_client(google, google.token(OWNER_MEMBER)) as found:
        yield found


def test_rest_has_every_method(google: Emulated) -> None:
    """Every method exists over both, and all methods of a gRPC service have one service name in the trace."""
    table = google.server.services.methods
    assert {rule.method for rule in RULES} == set(table)
    labels = {(method.service, name.partition(".")[0]) for name, method in table.items()}
    assert len(labels) == len({service for service, _ in labels})


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("list_repositories", f"{PARENT}/repositories?filter=name%3Dx"),
        ("list_repositories", f"{PARENT}/repositories?orderBy=name"),
        ("list_packages", f"{REPOSITORY}/packages?filter=name%3Dx"),
    ],
)
async def test_a_filter_is_never_passed_over(google: Emulated, client: Any, method: str, path: str) -> None:
    """A filter or an order is UNIMPLEMENTED over both: a complete list would look like a filtered one."""
    google.create()
    assert (await refusal(google, "GET", path))[:2] == (501, "UNIMPLEMENTED")
    option = {"order_by": "name"} if "orderBy" in path else {"filter": "name=x"}
    with pytest.raises(exceptions.MethodNotImplemented):
        await getattr(client, method)(
            request={"parent": REPOSITORY if "packages" in path else PARENT, "page_size": 1, **option}
        )


@pytest.mark.parametrize(
    "query", ["colour=red", "repository.colour=red", "repositoryId.x=1", "pageSize=1"], ids=lambda query: query
)
async def test_an_unknown_parameter_is_refused(google: Emulated, query: str) -> None:
    """A query parameter that is not a field of the request is INVALID_ARGUMENT and named; nothing is created."""
    status, name, message = await refusal(
        google, "POST", f"{PARENT}/repositories?repositoryId=x&{query}", json={"format": "PYTHON"}
    )
    assert (status, name) == (400, "INVALID_ARGUMENT")
    assert query.partition("=")[0] in message
    assert await body(google, "GET", f"{PARENT}/repositories") == {}


async def test_fields_of_rest_only_are_kept(google: Emulated) -> None:
    """The protos do not have them: a create keeps them, an update changes those of its mask, a delete removes them."""
    remote = {"pythonRepository": {"publicRepository": "PYPI"}, "noCache": True}
    fields = {"mode": "REMOTE_REPOSITORY", "remoteRepositoryConfig": remote, "networkConfig": {"a": 1}}
    name, create = f"{PARENT}/repositories/x", f"{PARENT}/repositories?repositoryId=x"
    await body(google, "POST", create, json={"format": "PYTHON", **fields})
    found = await body(google, "GET", name)
    assert {key: found[key] for key in fields} == fields
    changed = {"networkConfig": {"a": 2}, "sbomConfig": {"b": 1}, "description": "new"}
    found = await body(google, "PATCH", f"{name}?updateMask=sbomConfig,description", json=changed)
    assert (found["networkConfig"], found["sbomConfig"], found["description"]) == ({"a": 1}, {"b": 1}, "new")
    (listed,) = (await body(google, "GET", f"{PARENT}/repositories"))["repositories"]
    assert (listed["sbomConfig"], listed["remoteRepositoryConfig"]["noCache"]) == ({"b": 1}, True)
    await body(google, "DELETE", name)
    await body(google, "POST", create, json={"format": "PYTHON"})
    assert {*fields, "sbomConfig"} & (await body(google, "GET", name)).keys() == {"mode"}


@pytest.mark.parametrize("token", ["!", "bm90IGEgbmFtZQ==", "_w=="])
async def test_a_token_of_no_page_is_refused(google: Emulated, token: str) -> None:
    """Not base64, of another list, or not even text: INVALID_ARGUMENT, in each list."""
    google.create()
    for path in (f"{PARENT}/repositories", f"{REPOSITORY}/packages", f"{REPOSITORY}/files"):
        found = await refusal(google, "GET", f"{path}?pageToken={token}")
        assert found[:2] == (400, "INVALID_ARGUMENT")


async def test_a_token_of_another_list_is_refused(google: Emulated) -> None:
    """The token of a page of packages begins no page of files."""
    google.create()
    google.grant(("roles/artifactregistry.writer", WRITER))
    for name in ("demo", "other"):
        await google.upload(name)
    token = (await body(google, "GET", f"{REPOSITORY}/packages?pageSize=1"))["nextPageToken"]
    assert len((await body(google, "GET", f"{REPOSITORY}/packages?pageToken={token}"))["packages"]) == 1
    for path in (f"{PARENT}/repositories", f"{REPOSITORY}/files", f"{REPOSITORY}/pythonPackages"):
        assert (await refusal(google, "GET", f"{path}?pageToken={token}"))[:2] == (400, "INVALID_ARGUMENT")


@pytest.mark.parametrize("size", ["-1", "many"])
async def test_a_page_size_is_a_number(google: Emulated, size: str) -> None:
    """A page size that is negative or not a number is INVALID_ARGUMENT."""
    found = await refusal(google, "GET", f"{PARENT}/repositories?pageSize={size}")
    assert found[:2] == (400, "INVALID_ARGUMENT")


async def test_a_location_is_looked_up(google: Emulated, client: Any) -> None:
    """GetLocation returns one location over both, and NOT_FOUND for a missing one."""
    expected = {"name": PARENT, "locationId": "us-central1"}
    assert await body(google, "GET", PARENT) == expected
    found = await client.get_location(locations_pb2.GetLocationRequest(name=PARENT))
    assert (found.name, found.location_id) == (PARENT, "us-central1")
    assert (await refusal(google, "GET", PARENT.replace("us-central1", "moon")))[:2] == (404, "NOT_FOUND")


async def test_permissions_on_what_is_not_there_are_none(google: Emulated, client: Any) -> None:
    """TestIamPermissions returns an empty set and no NOT_FOUND (published proto), over both, even for an owner."""
    request = iam_policy_pb2.TestIamPermissionsRequest(resource=REPOSITORY, permissions=[GET])
    assert list((await client.test_iam_permissions(request=request)).permissions) == []
    sent = {"permissions": [GET]}
    assert await body(google, "POST", f"{REPOSITORY}:testIamPermissions", json=sent) == {}
    google.create()
    assert list((await client.test_iam_permissions(request=request)).permissions) == [GET]
    assert await body(google, "POST", f"{REPOSITORY}:testIamPermissions", json=sent) == sent


async def test_a_policy_is_not_written_by_a_mask(google: Emulated, client: Any) -> None:
    """A mask on SetIamPolicy is UNIMPLEMENTED over both, and nothing is written."""
    google.create()
    policy = {"bindings": [{"role": "roles/artifactregistry.reader", "members": ["allUsers"]}]}
    sent = {"policy": policy, "updateMask": "bindings"}
    assert (await refusal(google, "POST", f"{REPOSITORY}:setIamPolicy", json=sent))[:2] == (501, "UNIMPLEMENTED")
    with pytest.raises(exceptions.MethodNotImplemented):
        await client.set_iam_policy(
            request={"resource": REPOSITORY, "policy": policy, "update_mask": {"paths": ["bindings"]}}
        )
    assert await body(google, "GET", f"{REPOSITORY}:getIamPolicy") == {"etag": "ACAB"}


async def test_what_is_missing_is_in_the_trace(google: Emulated) -> None:
    """A method that is not emulated results in a line with its caller over both, and the error names it."""
    token = (("authorization", f"Bearer {google.token(OPERATOR)}"),)
    async with channel(google) as bare:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await bare.unary_unary(f"/{ARTIFACT_REGISTRY}/ListTags")(b"", metadata=token)
    assert caught.value.details() == "The method ArtifactRegistry.ListTags is not part of this emulation of Google."
    await refusal(google, "GET", f"{REPOSITORY}/packages/a/tags", OPERATOR)
    lines = [(row["caller"], row["method"], row["resource"], row["status"]) for row in google.trace()]
    assert lines == [
        (OPERATOR, "ArtifactRegistry.ListTags", "", "UNIMPLEMENTED"),
        (OPERATOR, "ArtifactRegistry.Unknown", f"/v1/{REPOSITORY}/packages/a/tags", "UNIMPLEMENTED"),
    ]


async def test_a_method_belongs_to_its_service(google: Emulated) -> None:
    """A method of one gRPC service is not found in another, though the trace has one name for both."""
    async with channel(google) as bare:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await bare.unary_unary(f"/{ARTIFACT_REGISTRY}/ListLocations")(b"")
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED


async def test_a_port_is_not_shared(google: Emulated) -> None:
    """A second server on the same gRPC port fails, because otherwise every other call would reach the wrong one."""
    port = int(google.endpoints["artifactRegistryGrpc"].rpartition(":")[2])
    with pytest.raises(RuntimeError, match="Failed to bind"):
        await rpc.serve(google.server.services.calls, google.server.services.rpcs(), google.data, port)


async def test_the_certificate_is_for_this_machine(google: Emulated) -> None:
    """The clients' CA is valid for localhost and for 127.0.0.1, and for nothing else."""
    trusted = grpc.ssl_channel_credentials((google.data / "ca.pem").read_bytes())
    port = google.endpoints["artifactRegistryGrpc"].rpartition(":")[2]
    for host in ("localhost", "127.0.0.1"):
        async with grpc.aio.secure_channel(f"{host}:{port}", trusted) as found:
            await found.channel_ready()
    named = (("grpc.ssl_target_name_override", "artifactregistry.googleapis.com"),)
    async with grpc.aio.secure_channel(f"127.0.0.1:{port}", trusted, options=named) as found:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await found.unary_unary(f"/{ARTIFACT_REGISTRY}/GetRepository")(b"")
    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
