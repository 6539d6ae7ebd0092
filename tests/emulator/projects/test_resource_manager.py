"""Resource Manager: GetProject over gRPC and REST, and the policy of a project."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from fakes.emulated import REPOSITORY, Emulated
from fakes.registry_clients import (
    OPERATOR,
    OWNER_MEMBER,
    STRANGER,
    UNIVERSE,
    body,
    credentials,
    refusal,
    rest,
)
from google.api_core import exceptions
from google.cloud import resourcemanager_v3
from google.cloud.resourcemanager_v3.services.projects.transports import ProjectsGrpcAsyncIOTransport

from wheelhouse_local.constants import PROJECT, PROJECT_NUMBER
from wheelhouse_local.google.transport.faults import Rule

DENIED = (403, "PERMISSION_DENIED", "The caller does not have permission")
READ = "roles/artifactregistry.reader"


@asynccontextmanager
async def client(google: Emulated, identity: str = OPERATOR) -> AsyncIterator[resourcemanager_v3.ProjectsAsyncClient]:
    """The real client, over TLS with call credentials."""
    transport = ProjectsGrpcAsyncIOTransport(
        host=google.endpoints["artifactRegistryGrpc"],
        credentials=credentials(google.token(identity)),
        ssl_channel_credentials=grpc.ssl_channel_credentials((google.data / "ca.pem").read_bytes()),
    )
    try:
        yield resourcemanager_v3.ProjectsAsyncClient(transport=transport, client_options={"universe_domain": UNIVERSE})
    finally:
        await transport.close()


@pytest.mark.parametrize("key", [PROJECT, PROJECT_NUMBER])
async def test_the_operator_finds_its_project(google: Emulated, key: str) -> None:
    """By id and by number: number, id and state, and its creation time."""
    async with client(google) as found:
        project = await found.get_project(name=f"projects/{key}")
    assert (project.name, project.project_id) == (f"projects/{PROJECT_NUMBER}", PROJECT)
    assert project.state == resourcemanager_v3.Project.State.ACTIVE
    assert project.create_time is not None
    assert google.trace()[-1]["method"] == "ResourceManager.GetProject"


async def test_a_deleted_project_can_be_read(google: Emulated) -> None:
    """Its state shows it; Artifact Registry rejects it, but Resource Manager does not."""
    await body(google, "POST", "/control/project", json={"project": PROJECT, "action": "delete"})
    async with client(google) as found:
        project = await found.get_project(name=f"projects/{PROJECT}")
    assert project.state == resourcemanager_v3.Project.State.DELETE_REQUESTED


@pytest.mark.parametrize("name", ["projects/nowhere", "projects/1", "projects/", "nowhere", ""])
async def test_an_unknown_project_is_denied(google: Emulated, name: str) -> None:
    """403, as for one that the caller may not read (documented), even for the owner of the world."""
    async with client(google, OWNER_MEMBER) as found:
        with pytest.raises(exceptions.PermissionDenied, match="The caller does not have permission"):
            await found.get_project(request={"name": name})


async def test_a_caller_without_permission_is_denied(google: Emulated) -> None:
    """The same 403 for an existing project, over both gRPC and REST."""
    async with client(google, STRANGER) as found:
        with pytest.raises(exceptions.PermissionDenied, match="The caller does not have permission"):
            await found.get_project(name=f"projects/{PROJECT}")
    assert await refusal(google, "GET", f"projects/{PROJECT}", STRANGER) == DENIED


async def test_its_calls_fail_on_request(google: Emulated) -> None:
    """Faults apply to Resource Manager as to Artifact Registry."""
    google.faults.rules.append(Rule("ResourceManager.*", status=429, times=1))
    async with client(google) as found:
        with pytest.raises(exceptions.ResourceExhausted):
            await found.get_project(name=f"projects/{PROJECT}")
        assert (await found.get_project(name=f"projects/{PROJECT}")).project_id == PROJECT


async def test_rest_has_two_versions(google: Emulated) -> None:
    """The first with number and lifecycleState, the third as over gRPC."""
    first = await body(google, "GET", f"/v1/projects/{PROJECT_NUMBER}")
    created = first.pop("createTime")
    assert first == {
        "projectId": PROJECT,
        "projectNumber": PROJECT_NUMBER,
        "name": PROJECT,
        "lifecycleState": "ACTIVE",
    }
    assert await body(google, "GET", f"/v3/projects/{PROJECT}") == {
        "name": f"projects/{PROJECT_NUMBER}",
        "projectId": PROJECT,
        "displayName": PROJECT,
        "state": "ACTIVE",
        "createTime": created,
    }


async def grant(google: Emulated, role: str, *members: str, key: str = PROJECT) -> Any:
    """Add a binding to a project's policy, as gcloud does."""
    policy = await body(google, "POST", f"/v1/projects/{key}:getIamPolicy", json={})
    policy["bindings"].append({"role": role, "members": list(members)})
    return await rest(google, "POST", f"/v3/projects/{key}:setIamPolicy", json={"policy": policy})


async def test_a_grant_on_the_project_holds_for_what_is_in_it(google: Emulated) -> None:
    """Repositories inherit the policy of their project, and of no other project."""
    google.create()
    assert (await rest(google, "GET", REPOSITORY, STRANGER)).status == 403
    await body(google, "POST", "/control/project", json={"project": "acme-staging"})
    assert (await grant(google, READ, STRANGER, key="acme-staging")).status == 200
    assert (await rest(google, "GET", REPOSITORY, STRANGER)).status == 403
    assert (await grant(google, READ, STRANGER)).status == 200
    assert (await rest(google, "GET", REPOSITORY, STRANGER)).status == 200


async def test_a_project_takes_known_roles_only(google: Emulated) -> None:
    """The meaning of a role that is not emulated would be invented: 501; a malformed one is 400."""
    assert (await grant(google, "roles/compute.admin", STRANGER)).status == 501
    assert (await grant(google, "admin", STRANGER)).status == 400


async def test_the_policy_of_a_project_is_its_owners(google: Emulated) -> None:
    """The operator can neither read nor write it, but can read its own permissions."""
    for call in ("getIamPolicy", "setIamPolicy"):
        assert await refusal(google, "POST", f"projects/{PROJECT}:{call}", OPERATOR, json={}) == DENIED
    asked = ["resourcemanager.projects.get", "resourcemanager.projects.setIamPolicy"]
    found = await body(google, "POST", f"projects/{PROJECT}:testIamPermissions", OPERATOR, json={"permissions": asked})
    assert found == {"permissions": asked[:1]}
