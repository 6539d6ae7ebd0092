"""Service Usage: which services are on in a project, and enabling and disabling them."""

from typing import Any

import pytest
from fakes.emulated import Emulated
from fakes.registry_clients import OPERATOR, OWNER_MEMBER, STRANGER, body, refusal

from wheelhouse_local.constants import PROJECT, PROJECT_NUMBER

REGISTRY = "artifactregistry.googleapis.com"
SERVICE = f"projects/{PROJECT}/services/{REGISTRY}"
NAME = f"projects/{PROJECT_NUMBER}/services/{REGISTRY}"
TYPES = "type.googleapis.com/google.api.serviceusage.v1"


def document(state: str) -> dict[str, Any]:
    return {"name": NAME, "config": {"name": REGISTRY}, "state": state, "parent": f"projects/{PROJECT_NUMBER}"}


@pytest.mark.parametrize("key", [PROJECT, PROJECT_NUMBER])
async def test_a_service_says_whether_it_is_on(google: Emulated, key: str) -> None:
    """Names have the project's number, whichever was requested; a service that was never on is DISABLED."""
    assert await body(google, "GET", f"projects/{key}/services/{REGISTRY}", OPERATOR) == document("ENABLED")
    other = await body(google, "GET", f"projects/{key}/services/containerscanning.googleapis.com", OPERATOR)
    assert other["state"] == "DISABLED"


async def test_off_and_on_again(google: Emulated) -> None:
    """Each is an operation that is done at once, can be fetched, and has the service in its response."""
    off = await body(google, "POST", f"{SERVICE}:disable", json={})
    assert off["done"] is True
    assert off["response"] == {"@type": f"{TYPES}.DisableServiceResponse", "service": document("DISABLED")}
    assert await body(google, "GET", SERVICE) == document("DISABLED")
    repositories = f"projects/{PROJECT}/locations/us-central1/repositories"
    assert "it is disabled" in (await refused(google, repositories))[2]
    on = await body(google, "POST", f"{SERVICE}:enable", OPERATOR, json={})
    assert on["name"].startswith("operations/acat.p2-")
    assert on["metadata"] == {"@type": f"{TYPES}.OperationMetadata", "resourceNames": [NAME]}
    assert on["response"] == {"@type": f"{TYPES}.EnableServiceResponse", "service": document("ENABLED")}
    assert await body(google, "GET", f"/v1/{on['name']}", OPERATOR) == on
    assert await body(google, "GET", repositories) == {}


async def refused(google: Emulated, path: str) -> tuple[int, str, str]:
    """A refusal, whose details another test checks."""
    url = f"{google.endpoints['artifactRegistry']}v1/{path}"
    async with google.session.get(url, headers={"Authorization": f"Bearer {google.owner}"}) as response:
        error = (await response.json())["error"]
        return response.status, error["status"], error["message"]


@pytest.mark.parametrize(("verb", "first"), [("enable", False), ("disable", True)])
async def test_what_is_so_already_is_no_operation(google: Emulated, verb: str, first: bool) -> None:
    """The operation has its own name, is done, and cannot be fetched."""
    if first:
        await body(google, "POST", f"{SERVICE}:{verb}", json={})
    found = await body(google, "POST", f"{SERVICE}:{verb}", json={})
    assert (found["name"], found["done"]) == ("operations/noop.DONE_OPERATION", True)
    assert (await refusal(google, "GET", "/v1/operations/noop.DONE_OPERATION"))[:2] == (400, "INVALID_ARGUMENT")


@pytest.mark.parametrize(
    ("identity", "path", "verb"),
    [
        (STRANGER, SERVICE, "get"),
        (STRANGER, SERVICE, "enable"),
        (OPERATOR, SERVICE, "disable"),
        (OWNER_MEMBER, SERVICE.replace(PROJECT, "nowhere"), "get"),
        (OWNER_MEMBER, SERVICE.replace(PROJECT, "nowhere"), "enable"),
    ],
)
async def test_who_may_not_is_denied(google: Emulated, identity: str, path: str, verb: str) -> None:
    """403 with the service's message; a missing project gets the same answer as a forbidden one."""
    sent = ("GET", path) if verb == "get" else ("POST", f"{path}:{verb}")
    found = await refusal(google, *sent, identity, **({} if verb == "get" else {"json": {}}))
    assert found == (403, "PERMISSION_DENIED", f"Permission denied to {verb} service [{REGISTRY}]")


async def test_a_deleted_project_has_no_services(google: Emulated) -> None:
    """No one can enable one while it is deleted (inferred)."""
    await body(google, "POST", "/control/project", json={"project": PROJECT, "action": "delete"})
    assert (await refusal(google, "POST", f"{SERVICE}:enable", json={}))[0] == 403


async def test_unknown_services_and_operations(google: Emulated) -> None:
    """A name that is no Google service is 403; an unknown operation is 404."""
    path = f"projects/{PROJECT}/services/registry.acme.example"
    assert (await refusal(google, "GET", path))[:2] == (403, "PERMISSION_DENIED")
    assert (await refusal(google, "GET", "/v1/operations/acat.p2-1-x"))[:2] == (404, "NOT_FOUND")
