"""Artifact Registry over gRPC, with the asynchronous client that the operator uses too."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from fakes.emulated import REPOSITORY, WRITER, Emulated
from fakes.registry_clients import OPERATOR, OWNER_MEMBER, PARENT, PYTHON, STRANGER, channel, grpc_client
from google.api_core import exceptions
from google.cloud import artifactregistry_v1 as ar
from google.cloud.location import locations_pb2
from google.longrunning import operations_pb2
from google.protobuf import empty_pb2

SERVICE = "google.devtools.artifactregistry.v1.ArtifactRegistry"
UUID = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"


@pytest.fixture
async def client(google: Emulated) -> AsyncIterator[ar.ArtifactRegistryAsyncClient]:
    """As the operator."""
    async with grpc_client(google, google.token(OPERATOR)) as found:
        yield found


def wanted(**fields: Any) -> dict[str, Any]:
    repository = ar.Repository({"format_": PYTHON, **fields})
    return {"parent": PARENT, "repository_id": "team-wheels", "repository": repository}


async def test_create_is_an_operation_that_is_done_at_the_first_poll(google: Emulated, client: Any) -> None:
    """The first reply has a bare UUID, empty metadata and no done; the first poll returns the repository."""
    operation = await client.create_repository(**wanted())
    first = operation.operation
    assert re.fullmatch(f"{PARENT}/operations/{UUID}", first.name)
    assert (first.done, first.WhichOneof("result")) == (False, None)
    assert first.metadata.type_url.endswith("/google.devtools.artifactregistry.v1.OperationMetadata")
    assert first.metadata.value == b""
    assert (await operation.result()).name == REPOSITORY
    methods = ["ArtifactRegistry.CreateRepository", "Operations.GetOperation"]
    assert [row["method"] for row in google.trace()] == methods


async def test_the_operation_lacks_what_get_has(client: Any) -> None:
    """The operation's response has no times and no registryUri; a GET has them, both times equal at first."""
    result = await (await client.create_repository(**wanted(labels={"team": "a"}, description="Wheels"))).result()
    assert (result.registry_uri, "create_time" in result, "update_time" in result) == ("", False, False)
    assert (result.description, dict(result.labels), result.format_) == ("Wheels", {"team": "a"}, PYTHON)
    found = await client.get_repository(name=REPOSITORY)
    assert found.registry_uri == "us-central1-python.pkg.dev/acme-packages/team-wheels"
    assert found.create_time == found.update_time
    assert found.create_time.microsecond
    assert found.mode == ar.Repository.Mode.STANDARD_REPOSITORY


async def test_the_server_adds_a_scanning_state(client: Any) -> None:
    """Defaults that were not requested appear: they must never count as drift."""
    await client.create_repository(**wanted())
    scanning = (await client.get_repository(name=REPOSITORY)).vulnerability_scanning_config
    assert scanning.enablement_state.name == "SCANNING_DISABLED"
    assert scanning.enablement_state_reason == "API containerscanning.googleapis.com is not enabled."


async def test_what_is_output_only_is_not_taken(client: Any) -> None:
    """A request with name, size or URI changes none of them."""
    await client.create_repository(**wanted(name="other", size_bytes=7, registry_uri="x", satisfies_pzs=True))
    found = await client.get_repository(name=REPOSITORY)
    assert (found.name, found.size_bytes, found.satisfies_pzs) == (REPOSITORY, 0, False)
    assert found.registry_uri.endswith("/team-wheels")


async def test_a_duplicate_is_already_exists(client: Any) -> None:
    """A second create is ALREADY_EXISTS, and the first repository stays unchanged."""
    await client.create_repository(**wanted(description="first"))
    with pytest.raises(exceptions.AlreadyExists):
        await client.create_repository(**wanted(description="second"))
    assert (await client.get_repository(name=REPOSITORY)).description == "first"


async def test_of_creates_at_once_one_wins(client: Any) -> None:
    """Eight creates of one name: one operation, seven ALREADY_EXISTS."""
    made = (client.create_repository(**wanted(description=str(number))) for number in range(8))
    results = await asyncio.gather(*made, return_exceptions=True)
    refused = [result for result in results if isinstance(result, exceptions.AlreadyExists)]
    (operation,) = [result for result in results if not isinstance(result, BaseException)]
    assert len(refused) == 7
    assert (await client.get_repository(name=REPOSITORY)).description == (await operation.result()).description


async def test_update_is_synchronous_and_lacks_the_uri(client: Any) -> None:
    """An update returns the repository, a new updateTime and no registryUri; unmasked fields are ignored."""
    await client.create_repository(**wanted(description="before", labels={"a": "1", "b": "2"}))
    before = await client.get_repository(name=REPOSITORY)
    change = ar.Repository(name=REPOSITORY, description="ignored", labels={"a": "3"})
    reply = await client.update_repository(repository=change, update_mask={"paths": ["labels"]})
    assert (reply.description, dict(reply.labels), reply.registry_uri) == ("before", {"a": "3"}, "")
    assert reply.update_time > before.update_time
    assert reply.create_time == before.create_time
    assert (await client.get_repository(name=REPOSITORY)).registry_uri


async def test_an_update_can_clear(client: Any) -> None:
    """A masked field that is empty in the request is cleared."""
    await client.create_repository(**wanted(description="before", labels={"a": "1"}))
    mask = {"paths": ["description", "labels"]}
    await client.update_repository(repository=ar.Repository(name=REPOSITORY), update_mask=mask)
    found = await client.get_repository(name=REPOSITORY)
    assert (found.description, dict(found.labels)) == ("", {})


async def test_without_a_mask_everything_is_replaced(client: Any) -> None:
    """Without a mask all mutable fields count."""
    await client.create_repository(**wanted(description="before", labels={"a": "1"}))
    await client.update_repository(repository=ar.Repository(name=REPOSITORY, format_=PYTHON, description="after"))
    found = await client.get_repository(name=REPOSITORY)
    assert (found.description, dict(found.labels), found.format_) == ("after", {}, PYTHON)


@pytest.mark.parametrize(
    ("path", "change"),
    [("format", {"format_": 1}), ("mode", {"mode": 2}), ("kms_key_name", {"kms_key_name": "k"})],
)
async def test_format_mode_and_key_never_change(client: Any, path: str, change: dict[str, Any]) -> None:
    """An immutable field is rejected if a mask names it with another value."""
    await client.create_repository(**wanted())
    before = await client.get_repository(name=REPOSITORY)
    with pytest.raises(exceptions.InvalidArgument):
        await client.update_repository(
            repository=ar.Repository(name=REPOSITORY, **change), update_mask={"paths": [path]}
        )
    assert await client.get_repository(name=REPOSITORY) == before


async def test_delete_takes_policy_and_packages_along(google: Emulated, client: Any) -> None:
    """A delete is an operation of Empty; a repository with the same name starts empty."""
    await client.create_repository(**wanted())
    await client.set_iam_policy(
        request={"resource": REPOSITORY, "policy": {"bindings": [reader("user:a@acme.example")]}}
    )
    google.grant(("roles/artifactregistry.writer", WRITER))
    await google.upload()
    assert [package.name async for package in await client.list_packages(parent=REPOSITORY)] == [
        f"{REPOSITORY}/packages/demo"
    ]
    assert await (await client.delete_repository(name=REPOSITORY)).result() == empty_pb2.Empty()
    with pytest.raises(exceptions.NotFound):
        await client.get_repository(name=REPOSITORY)
    await client.create_repository(**wanted())
    assert (await client.get_iam_policy(request={"resource": REPOSITORY})).etag == b"\x00\x20\x01"
    assert [package async for package in await client.list_packages(parent=REPOSITORY)] == []


def reader(member: str) -> dict[str, Any]:
    return {"role": "roles/artifactregistry.reader", "members": [member]}


async def test_lists_come_in_pages(google: Emulated, client: Any) -> None:
    """Every repository of one location comes exactly once, whatever the page size; other locations are not included."""
    names = [f"{PARENT}/repositories/r{number}" for number in range(5)]
    for name in [*names, f"{PARENT.replace('us-central1', 'us-east1')}/repositories/elsewhere"]:
        google.create(name)
    for size in (1, 2, 5, 100):
        found = await client.list_repositories(request={"parent": PARENT, "page_size": size})
        assert [repository.name async for repository in found] == names
    first = await anext((await client.list_repositories(request={"parent": PARENT, "page_size": 2})).pages)
    assert (len(first.repositories), bool(first.next_page_token)) == (2, True)


@pytest.mark.parametrize(
    "call",
    [
        lambda c: c.get_repository(name=REPOSITORY),
        lambda c: c.delete_repository(name=REPOSITORY),
        lambda c: c.get_iam_policy(request={"resource": REPOSITORY}),
        lambda c: c.update_repository(
            repository=ar.Repository(name=REPOSITORY), update_mask={"paths": ["description"]}
        ),
        lambda c: c.list_packages(parent=REPOSITORY),
    ],
)
async def test_what_is_not_there_is_not_found(client: Any, call: Any) -> None:
    """The recorded message, and no details."""
    with pytest.raises(exceptions.NotFound) as caught:
        await call(client)
    assert caught.value.message == "Requested entity was not found."
    assert caught.value.details == []


@pytest.mark.parametrize("token", ["", "ya29.unknown"])
async def test_no_good_token_is_unauthenticated(google: Emulated, token: str) -> None:
    """An unknown token is UNAUTHENTICATED, whether or not the repository exists."""
    async with grpc_client(google, token or google.token(OPERATOR, lifetime=0)) as client:
        with pytest.raises(exceptions.Unauthenticated):
            await client.get_repository(name=REPOSITORY)


async def test_no_permission_does_not_tell_what_exists(google: Emulated) -> None:
    """Without permission the answer is the same for an existing repository and a missing one."""
    async with grpc_client(google, google.token(STRANGER)) as client:
        with pytest.raises(exceptions.PermissionDenied, match="or it may not exist") as absent:
            await client.get_repository(name=REPOSITORY)
        google.create()
        with pytest.raises(exceptions.PermissionDenied) as present:
            await client.get_repository(name=REPOSITORY)
    assert absent.value.message == present.value.message


async def test_the_operator_holds_its_role_and_nothing_else(google: Emulated) -> None:
    """Eight permissions of the custom role; no packages, no other project; no one in the pool has any."""
    google.create()
    verbs = ("create", "get", "list", "update", "delete", "getIamPolicy", "setIamPolicy")
    granted = [f"artifactregistry.repositories.{verb}" for verb in verbs] + ["artifactregistry.packages.list"]
    others = [f"artifactregistry.repositories.{verb}Artifacts" for verb in ("download", "upload", "delete")]
    asked = {"resource": REPOSITORY, "permissions": granted + others}
    for identity, expected in ((OPERATOR, granted), (OWNER_MEMBER, granted + others), (STRANGER, [])):
        async with grpc_client(google, google.token(identity)) as client:
            assert list((await client.test_iam_permissions(request=asked)).permissions) == expected
    async with grpc_client(google, google.token(OPERATOR)) as client:
        with pytest.raises(exceptions.PermissionDenied):
            await client.list_repositories(parent="projects/other/locations/us-central1")


@pytest.mark.parametrize(
    "change",
    [
        {"parent": PARENT.replace("us-central1", "eu-west3")},
        {"parent": "projects/acme-packages"},
        {"repository_id": "Upper"},
        {"repository_id": ""},
        {"repository_id": "a-"},
        {"repository_id": "a" * 64},
        {"repository": ar.Repository(format_=PYTHON, labels={"Upper": "x"})},
        {"repository": ar.Repository(format_=PYTHON, labels={"a": "x" * 64})},
        {"repository": ar.Repository(format_=PYTHON, labels={f"l{number}": "" for number in range(65)})},
        {"repository": ar.Repository(format_=PYTHON, disallow_unspecified_mode=True)},
    ],
)
async def test_what_is_malformed_is_an_invalid_argument(google: Emulated, client: Any, change: dict[str, Any]) -> None:
    """Locations, ids and labels have rules; nothing is created, and the trace has the answer."""
    with pytest.raises(exceptions.InvalidArgument):
        await client.create_repository(**{**wanted(), **change})
    assert google.server.services.registry.page(PARENT, 0, "")[0] == []
    assert google.trace()[-1]["status"] == "INVALID_ARGUMENT"


@pytest.mark.parametrize("change", [{"format_": 1}, {"docker_config": {}}])
async def test_what_is_not_emulated_says_so(client: Any, change: dict[str, Any]) -> None:
    """Other formats are UNIMPLEMENTED, never partly implemented."""
    with pytest.raises(exceptions.MethodNotImplemented):
        await client.create_repository(**wanted(**change))


async def test_an_unknown_method_is_unimplemented(google: Emulated) -> None:
    """Methods that the emulation does not have are UNIMPLEMENTED."""
    async with channel(google) as bare:
        call = bare.unary_unary(f"/{SERVICE}/ImportAptArtifacts")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(b"")
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED


async def test_only_get_is_there_of_operations(google: Emulated, client: Any) -> None:
    """An unknown operation is NOT_FOUND; operations cannot be listed, as in the published configuration."""
    token = (("authorization", f"Bearer {google.token(OPERATOR)}"),)
    codes = []
    async with channel(google) as bare:
        for method in ("GetOperation", "ListOperations"):
            request = operations_pb2.GetOperationRequest(name=f"{PARENT}/operations/x").SerializeToString()
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await bare.unary_unary(f"/google.longrunning.Operations/{method}")(request, metadata=token)
            codes.append(caught.value.code())
    assert codes == [grpc.StatusCode.NOT_FOUND, grpc.StatusCode.UNIMPLEMENTED]


async def test_locations_are_listed(client: Any) -> None:
    """The client's own call for locations works."""
    found = await client.list_locations(locations_pb2.ListLocationsRequest(name="projects/acme-packages"))
    assert PARENT in [location.name for location in found.locations]


async def test_one_call_is_one_line(google: Emulated, client: Any) -> None:
    """The trace has caller, method, resource, status and time of each call, and never the token."""
    with pytest.raises(exceptions.NotFound):
        await client.get_repository(name=REPOSITORY)
    (row,) = google.trace()
    assert row.keys() == {"time", "caller", "service", "method", "resource", "status", "ms"}
    method = "ArtifactRegistry.GetRepository"
    assert (row["caller"], row["service"], row["method"]) == (OPERATOR, "ArtifactRegistry", method)
    assert (row["resource"], row["status"]) == (REPOSITORY, "NOT_FOUND")
    assert "ya29" not in (google.data / "requests.jsonl").read_text()
