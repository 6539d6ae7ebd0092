"""Faults on request apply to Artifact Registry over gRPC and REST, and an unexpected failure is no success."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from fakes.emulated import REPOSITORY, Emulated
from fakes.registry_clients import OPERATOR, PARENT, PYTHON, body, grpc_client, refusal, rest
from google.api_core import exceptions
from google.cloud import artifactregistry_v1 as ar

from wheelhouse_local.google.transport.faults import Rule

CREATE = f"{PARENT}/repositories?repositoryId=team-wheels"
WANTED = {"parent": PARENT, "repository_id": "team-wheels", "repository": ar.Repository(format_=PYTHON)}


@pytest.fixture
async def client(google: Emulated) -> AsyncIterator[ar.ArtifactRegistryAsyncClient]:
    """As the operator, over gRPC."""
    async with grpc_client(google, google.token(OPERATOR)) as found:
        yield found


@pytest.mark.parametrize(
    ("status", "method", "error"),
    [
        (429, "GetRepository", exceptions.ResourceExhausted),
        (500, "GetRepository", exceptions.InternalServerError),
        (503, "GetRepository", exceptions.ServiceUnavailable),
        (409, "GetRepository", exceptions.Aborted),
        (409, "CreateRepository", exceptions.AlreadyExists),
    ],
)
async def test_a_fault_over_grpc_is_answered_so_often(
    google: Emulated, client: Any, status: int, method: str, error: type[Exception]
) -> None:
    """A status on request: the requested number of times, on the methods of the glob, as a status of gRPC."""
    google.create()
    google.faults.rules.append(Rule(f"*.{method}", status=status, times=1))
    with pytest.raises(error):
        await (
            client.create_repository(**WANTED)
            if method == "CreateRepository"
            else client.get_repository(name=REPOSITORY)
        )
    assert (await client.get_repository(name=REPOSITORY)).name == REPOSITORY


async def test_a_lost_reply_over_grpc_leaves_its_effect(google: Emulated, client: Any) -> None:
    """The caller gets UNAVAILABLE, the repository exists, and the trace has LOST."""
    google.faults.rules.append(Rule("ArtifactRegistry.CreateRepository", drop_reply=True, times=1))
    with pytest.raises(exceptions.ServiceUnavailable):
        await client.create_repository(**WANTED)
    assert google.trace()[-1]["status"] == "LOST"
    assert (await client.get_repository(name=REPOSITORY)).name == REPOSITORY


@pytest.mark.parametrize(
    ("number", "expected"), [(429, (429, "RESOURCE_EXHAUSTED")), (409, (409, "ABORTED")), (503, (503, "UNAVAILABLE"))]
)
async def test_a_fault_over_rest_has_no_effect(google: Emulated, number: int, expected: tuple[int, str]) -> None:
    """A status on request, and no effect."""
    google.create()
    google.faults.rules.append(Rule("ArtifactRegistry.*", status=number, times=1))
    assert (await refusal(google, "DELETE", REPOSITORY))[:2] == expected
    assert (await rest(google, "GET", REPOSITORY)).status == 200


async def test_a_fault_of_one_resource_leaves_the_others(google: Emulated) -> None:
    """A fault with a resource applies to its calls only, and shows the resource."""
    google.create()
    rule = Rule.parse({"on": "ArtifactRegistry.*", "status": 503, "resource": f"{PARENT}/repositories/other"})
    google.faults.rules.append(rule)
    assert rule.document()["resource"].endswith("/other")
    assert (await rest(google, "GET", REPOSITORY)).status == 200
    assert (await rest(google, "GET", f"{PARENT}/repositories/other")).status == 503


async def test_a_lost_reply_is_a_broken_connection(google: Emulated) -> None:
    """The connection breaks, and the call took effect."""
    google.faults.rules.append(Rule("ArtifactRegistry.CreateRepository", drop_reply=True, times=1))
    with pytest.raises(aiohttp.ClientConnectionError):
        await body(google, "POST", CREATE, json={"format": "PYTHON"})
    assert (await rest(google, "GET", REPOSITORY)).status == 200


async def test_a_failure_of_ours_is_no_success(google: Emulated, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unexpected exception is a 500, and INTERNAL in the trace."""

    def broken(_name: str) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(google.server.services.registry, "get", broken)
    assert (await rest(google, "GET", REPOSITORY)).status == 500
    assert google.trace()[-1]["status"] == "INTERNAL"
