"""Operations that are slow, fail, or are lost; and errors with details, over gRPC and REST."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from fakes.emulated import REPOSITORY, Emulated, asking
from fakes.registry_clients import OWNER_MEMBER, body, grpc_client, refusal, rest
from google.api_core import exceptions
from google.cloud import artifactregistry_v1 as ar
from google.rpc import error_details_pb2

PARENT, _, ID = REPOSITORY.partition("/repositories/")
CREATE = {"parent": PARENT, "repository_id": ID, "repository": {"format_": ar.Repository.Format.PYTHON}}


@pytest.fixture
async def client(google: Emulated) -> AsyncIterator[Any]:
    """As the owner, over gRPC."""
    async with grpc_client(google, google.token(OWNER_MEMBER)) as found:
        yield found


async def fault(google: Emulated, **rule: Any) -> None:
    async with asking(google.owner) as ask:
        status, said = await ask("POST", f"{google.endpoints['artifactRegistry']}control/fault", rule)
        assert status == 200, said


async def test_an_operation_can_take_its_time(google: Emulated, client: Any) -> None:
    """Until it is done the repository does not exist, and its id is taken; then it exists with the times of the end."""
    await fault(google, on="ArtifactRegistry.CreateRepository", operationDelay=3600, times=1)
    operation = (await client.create_repository(request=CREATE)).operation
    assert not (await client.get_operation({"name": operation.name})).done
    with pytest.raises(exceptions.NotFound):
        await client.get_repository(name=REPOSITORY)
    with pytest.raises(exceptions.AlreadyExists):
        await client.create_repository(request=CREATE)
    store = google.server.services.store
    ((name, row),) = store.list("pending-operation")
    store.put("pending-operation", name, {**row, "due": 0.0})
    assert (await client.get_operation({"name": operation.name})).done
    assert (await client.get_repository(name=REPOSITORY)).create_time is not None


async def test_an_operation_can_fail(google: Emulated, client: Any) -> None:
    """It ends with the code, and has no effect."""
    await fault(google, on="ArtifactRegistry.CreateRepository", operationError="PERMISSION_DENIED", times=1)
    operation = (await client.create_repository(request=CREATE)).operation
    found = await client.get_operation({"name": operation.name})
    assert (found.done, found.error.code) == (True, 7)
    with pytest.raises(exceptions.NotFound):
        await client.get_repository(name=REPOSITORY)


async def test_an_operation_can_be_lost(google: Emulated, client: Any) -> None:
    """404 on its name, although it took effect."""
    operation = (await client.create_repository(request=CREATE)).operation
    await fault(google, on="Operations.GetOperation", status=404)
    with pytest.raises(exceptions.NotFound):
        await client.get_operation({"name": operation.name})
    assert (await client.get_repository(name=REPOSITORY)).name == REPOSITORY


async def test_a_quota_says_when_to_come_back(google: Emulated, client: Any) -> None:
    """429 is RESOURCE_EXHAUSTED with RetryInfo, over gRPC and REST; REST has the header too, for every service."""
    await fault(google, on="ArtifactRegistry.GetRepository", status=429, retryAfter=7)
    with pytest.raises(exceptions.TooManyRequests) as caught:
        await client.get_repository(name=REPOSITORY)
    (detail,) = caught.value.details
    assert isinstance(detail, error_details_pb2.RetryInfo)
    assert detail.retry_delay.seconds == 7
    response = await rest(google, "GET", REPOSITORY)
    assert (response.status, response.headers["Retry-After"]) == (429, "7")
    (row,) = (await response.json())["error"]["details"]
    assert row["retryDelay"] == "7s"
    await fault(google, on="ResourceManager.*", status=429, retryAfter=7)
    response = await rest(google, "GET", "/v1/projects/acme-packages")
    assert (response.status, response.headers["Retry-After"]) == (429, "7")


async def test_a_switched_off_api_names_itself(google: Emulated, client: Any) -> None:
    """403 with ErrorInfo SERVICE_DISABLED, for any caller."""
    google.server.services.projects.switch("acme-packages", "artifactregistry.googleapis.com", on=False)
    with pytest.raises(exceptions.PermissionDenied) as caught:
        await client.get_repository(name=REPOSITORY)
    assert (caught.value.reason, caught.value.metadata["service"]) == (
        "SERVICE_DISABLED",
        "artifactregistry.googleapis.com",
    )


@pytest.mark.parametrize("change", [{"operationError": "NONSENSE"}, {"retryAfter": {"seconds": 1}}])
async def test_a_fault_that_means_nothing_is_refused(google: Emulated, change: dict[str, Any]) -> None:
    """An unknown code, or a value that is not a number."""
    async with asking(google.owner) as ask:
        url = f"{google.endpoints['artifactRegistry']}control/fault"
        assert (await ask("POST", url, {"on": "*", **change}))[0] == 400


async def test_a_key_and_a_secret_must_be_usable(google: Emulated) -> None:
    """A create is rejected if the service agent cannot use a key or a password (the message is inferred)."""
    key = {"format": "PYTHON", "kmsKeyName": f"{PARENT}/keyRings/r/cryptoKeys/k"}
    status, name, message = await refusal(google, "POST", f"{PARENT}/repositories?repositoryId=a", json=key)
    assert (status, name) == (400, "INVALID_ARGUMENT")
    assert "cloudkms.cryptoKeyVersions.useToEncrypt" in message
    login = {"username": "a", "passwordSecretVersion": "projects/acme-packages/secrets/s/versions/1"}
    remote = {
        "format": "PYTHON",
        "mode": "REMOTE_REPOSITORY",
        "remoteRepositoryConfig": {
            "pythonRepository": {"publicRepository": "PYPI"},
            "upstreamCredentials": {"usernamePasswordCredentials": login},
        },
    }
    message = (await refusal(google, "POST", f"{PARENT}/repositories?repositoryId=a", json=remote))[2]
    assert "secretmanager.versions.access" in message
    assert await body(google, "GET", f"{PARENT}/repositories") == {}


async def test_an_upstream_is_validated_by_default(google: Emulated) -> None:
    """Without a server there: rejected with the quoted message; accepted if validation is off."""
    config = {"commonRepository": {"uri": "https://localhost:1/simple"}}
    wanted = {"format": "PYTHON", "mode": "REMOTE_REPOSITORY", "remoteRepositoryConfig": config}
    path = f"{PARENT}/repositories?repositoryId=a"
    message = (await refusal(google, "POST", path, json=wanted))[2]
    assert message.startswith("Failed to validate remote upstream: generic::invalid_argument: ")
    config["disableUpstreamValidation"] = True  # type: ignore[assignment]  # a JSON document
    await body(google, "POST", path, json=wanted)
    found = await body(google, "GET", f"{PARENT}/repositories/a")
    assert found["remoteRepositoryConfig"] == {"commonRepository": {"uri": "https://localhost:1/simple"}}
