"""Projects besides the first one: created, switched, deleted and purged, and Artifact Registry's answers in each."""

from pathlib import Path
from typing import Any

import pytest
from fakes.emulated import READER, Emulated
from fakes.registry_clients import OPERATOR, OWNER_MEMBER, STRANGER, alone, body, rest
from google.rpc import error_details_pb2

from wheelhouse_local.constants import PROJECT, PROJECT_NUMBER
from wheelhouse_local.google.transport.errors import ApiError

OTHER = "acme-staging"
READ = "roles/artifactregistry.reader"


async def project(google: Emulated, name: str = OTHER, **wanted: Any) -> Any:
    """Send a request for a project to the control route."""
    return await body(google, "POST", "/control/project", json={"project": name, **wanted})


def repositories(name: str) -> str:
    return f"projects/{name}/locations/us-central1/repositories"


async def create(google: Emulated, name: str, identity: str = OPERATOR) -> int:
    """Create a repository in a project; return the HTTP status."""
    response = await rest(
        google, "POST", f"{repositories(name)}?repositoryId=wheels", identity, json={"format": "PYTHON"}
    )
    return int(response.status)


async def denied(google: Emulated, name: str, identity: str = OWNER_MEMBER) -> str:
    """The message of a call in a project that is 403."""
    response = await rest(google, "GET", f"{repositories(name)}/wheels", identity)
    error = (await response.json())["error"]
    assert (response.status, error["status"]) == (403, "PERMISSION_DENIED")
    return str(error["message"])


def refusal(google: Emulated, name: str) -> tuple[str, error_details_pb2.ErrorInfo]:
    """Message and ErrorInfo of a denied call in a project."""
    with pytest.raises(ApiError) as caught:
        google.server.services.projects.admit(f"projects/{name}/locations/us-central1")
    info = caught.value.details[0]
    assert isinstance(info, error_details_pb2.ErrorInfo)
    return caught.value.message, info


async def test_every_world_has_one(google: Emulated) -> None:
    """The first project exists with its number, its service agent, and Artifact Registry on."""
    found = google.server.services.projects.find(PROJECT)
    assert found is not None
    assert (found.number, found.state, found.services) == (
        PROJECT_NUMBER,
        "ACTIVE",
        ("artifactregistry.googleapis.com",),
    )
    assert found.agent == f"service-{PROJECT_NUMBER}@gcp-sa-artifactregistry.iam.gserviceaccount.com"
    assert google.server.services.projects.find(PROJECT_NUMBER) == found


async def test_a_new_project_can_be_used_at_once(google: Emulated) -> None:
    """By default its API is on and the operator has its role, as in the first one; other callers have nothing."""
    found = await project(google)
    assert (found["id"], found["state"], len(found["number"])) == (OTHER, "ACTIVE", 12)
    assert await create(google, OTHER) == 200
    assert (await body(google, "GET", f"{repositories(OTHER)}/wheels"))["registryUri"].endswith(f"/{OTHER}/wheels")
    assert await create(google, OTHER, STRANGER) == 403
    assert (await project(google, "acme-third"))["number"] != found["number"]


async def test_without_rights_the_operator_is_refused(google: Emulated) -> None:
    """The owner may, the operator may not, until it gets its role, and again once that is revoked."""
    await project(google, operatorRights=False)
    assert await create(google, OTHER) == 403
    assert "Permission 'artifactregistry.repositories.get' denied" in await denied(google, OTHER, OPERATOR)
    await project(google, operatorRights=True)
    assert await create(google, OTHER) == 200
    await project(google, operatorRights=False)
    assert "Permission" in await denied(google, OTHER, OPERATOR)


async def test_domain_scoped_projects_are_projects(google: Emulated) -> None:
    """The older form with a domain and a colon is accepted everywhere."""
    name = "example.com:legacy"
    await project(google, name)
    assert await create(google, name) == 200
    assert (await body(google, "GET", f"{repositories(name)}/wheels"))["name"] == f"{repositories(name)}/wheels"


@pytest.mark.parametrize("name", ["", "x", "Acme-Staging", "acme_staging", "-acme-staging", "system:masters", "a" * 31])
async def test_what_is_no_id_is_refused(google: Emulated, name: str) -> None:
    """Nothing is created; a colon needs a domain before it."""
    response = await rest(google, "POST", "/control/project", json={"project": name})
    assert response.status == 400
    assert google.server.services.projects.find(name) is None


@pytest.mark.parametrize("wanted", [{"action": "rename"}, {"number": 1}, {"action": "delete"}, {"action": "purge"}])
async def test_an_unknown_wish_is_refused(google: Emulated, wanted: dict[str, Any]) -> None:
    """So is a change of a missing project."""
    response = await rest(google, "POST", "/control/project", json={"project": OTHER, **wanted})
    assert response.status == 400
    assert google.server.services.projects.find(OTHER) is None


async def test_the_api_is_off(google: Emulated) -> None:
    """403 SERVICE_DISABLED with the number and the URL to enable it; on again, everything is as before."""
    number = (await project(google))["number"]
    await create(google, OTHER)
    await project(google, api=False)
    for identity in (OWNER_MEMBER, OPERATOR, STRANGER):
        said = await denied(google, OTHER, identity)
        assert said.startswith(f"Artifact Registry API has not been used in project {number} before or it is disabled.")
    message, info = refusal(google, OTHER)
    assert (info.reason, info.domain) == ("SERVICE_DISABLED", "googleapis.com")
    assert info.metadata["service"] == "artifactregistry.googleapis.com"
    assert info.metadata["consumer"] == f"projects/{number}"
    assert info.metadata["activationUrl"] in message
    await project(google, api=True)
    assert (await rest(google, "GET", f"{repositories(OTHER)}/wheels")).status == 200


async def test_bad_credentials_come_first(google: Emulated) -> None:
    """Without a valid token the answer reveals nothing about a project: 401."""
    await project(google, api=False)
    assert (await rest(google, "GET", f"{repositories(OTHER)}/wheels", None)).status == 401


async def test_a_deleted_project(google: Emulated) -> None:
    """403 CONSUMER_INVALID with its number, for the owner too; undeleted, everything is as before."""
    number = (await project(google))["number"]
    await create(google, OTHER)
    assert (await project(google, action="delete"))["state"] == "DELETE_REQUESTED"
    assert await denied(google, OTHER) == f"Project #{number} has been deleted."
    assert refusal(google, OTHER)[1].reason == "CONSUMER_INVALID"
    assert (await project(google))["state"] == "DELETE_REQUESTED", "asking again does not take a deletion back"
    assert (await project(google, action="undelete"))["state"] == "ACTIVE"
    assert (await rest(google, "GET", f"{repositories(OTHER)}/wheels")).status == 200


async def test_an_unknown_project(google: Emulated) -> None:
    """403 CONSUMER_INVALID for all callers, even the owner of the world."""
    assert await denied(google, "nowhere") == "Permission denied on resource project nowhere."
    info = refusal(google, "nowhere")[1]
    assert (info.reason, info.metadata["consumer"]) == ("CONSUMER_INVALID", "projects/nowhere")


async def test_a_purged_project_had_never_been(google: Emulated) -> None:
    """It answers like an unknown one, and a new one with its name has another number and nothing in it."""
    before = await project(google)
    await create(google, OTHER)
    google.grant((READ, READER), repository=f"{repositories(OTHER)}/wheels")
    assert await project(google, action="purge") == {}
    assert await denied(google, OTHER) == f"Permission denied on resource project {OTHER}."
    assert (await project(google))["number"] != before["number"]
    assert (await rest(google, "GET", f"{repositories(OTHER)}/wheels")).status == 404
    await create(google, OTHER)
    found = await body(google, "GET", f"{repositories(OTHER)}/wheels:getIamPolicy")
    assert "bindings" not in found


async def test_the_first_project_stays(google: Emulated) -> None:
    """It can be deleted and undeleted, but never purged: a world needs one."""
    response = await rest(google, "POST", "/control/project", json={"project": PROJECT, "action": "purge"})
    assert response.status == 400
    assert (await project(google, PROJECT, action="delete"))["state"] == "DELETE_REQUESTED"
    assert (await project(google, PROJECT, action="undelete"))["state"] == "ACTIVE"


async def test_a_project_is_kept(tmp_path: Path) -> None:
    """Another process finds it unchanged, and does not turn on again what was turned off."""
    async with alone(tmp_path / "google") as google:
        before = await project(google, api=False)
        await project(google, PROJECT, api=False)
    async with alone(tmp_path / "google") as google:
        assert await project(google) == before
        assert refusal(google, PROJECT)[1].reason == "SERVICE_DISABLED"


async def test_no_package_is_served_where_the_api_is_off(google: Emulated) -> None:
    """The index answers a reader like one without permission (inferred)."""
    google.create()
    google.grant((READ, READER))
    token = google.token(READER)
    assert (await google.get("simple/demo/", token)).status == 404
    await project(google, PROJECT, api=False)
    assert (await google.get("simple/demo/", token)).status == 403


@pytest.mark.parametrize(
    ("account", "status"),
    [
        (f"nobody@{OTHER}.iam.gserviceaccount.com", 400),
        (f"ci@{OTHER}.iam.gserviceaccount.com", 200),
        ("anybody@elsewhere.iam.gserviceaccount.com", 200),
        ("nobody@legacy.example.com.iam.gserviceaccount.com", 400),
        ("service-{number}@gcp-sa-artifactregistry.iam.gserviceaccount.com", 200),
        ("service-999@gcp-sa-artifactregistry.iam.gserviceaccount.com", 400),
        ("service-999@gcp-sa-cloudbuild.iam.gserviceaccount.com", 200),
    ],
)
async def test_which_accounts_can_be_granted(google: Emulated, account: str, status: int) -> None:
    """Those of the world's projects must exist, and so must service agents; others are accepted without a check."""
    number = (await project(google))["number"]
    await project(google, "example.com:legacy")
    await body(google, "POST", "/control/token", json={"as": f"gsa:ci@{OTHER}.iam.gserviceaccount.com"})
    await create(google, OTHER)
    bindings = [{"role": READ, "members": [f"serviceAccount:{account.format(number=number)}"]}]
    sent = {"policy": {"bindings": bindings}}
    response = await rest(google, "POST", f"{repositories(OTHER)}/wheels:setIamPolicy", OPERATOR, json=sent)
    assert response.status == status, await response.text()


async def test_an_agent_comes_with_the_api(google: Emulated) -> None:
    """Before Artifact Registry was on it does not exist; afterwards it may read what is in its project."""
    await project(google, api=False)
    services = google.server.services
    found = services.projects.find(OTHER)
    assert found is not None
    where, member = f"{repositories(OTHER)}/wheels", f"serviceAccount:{found.agent}"
    download = "artifactregistry.repositories.readViaVirtualRepository"
    assert not services.policies.allowed(services.identities.acting(member), where, download)
    await project(google, api=True)
    assert services.policies.allowed(services.identities.acting(member), where, download)
    assert not services.policies.allowed(services.identities.acting(member), where.replace(OTHER, PROJECT), download)


async def test_a_role_of_another_project_is_no_role_here(google: Emulated) -> None:
    """A custom role can be bound only in its own project."""
    await project(google)
    await create(google, OTHER)

    async def bind(owner: str) -> int:
        role = f"projects/{owner}/roles/wheelhouseOperator"
        sent = {"policy": {"bindings": [{"role": role, "members": [STRANGER]}]}}
        return int((await rest(google, "POST", f"{repositories(OTHER)}/wheels:setIamPolicy", json=sent)).status)

    assert [await bind(PROJECT), await bind(OTHER)] == [400, 200]
