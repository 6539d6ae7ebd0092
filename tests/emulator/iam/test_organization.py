"""The organization policy of allowed domains, with the error that public threads quote."""

from typing import Any

import pytest
from fakes.emulated import READER, REPOSITORY, Emulated
from fakes.registry_clients import OPERATOR, OWNER_MEMBER, body, rest

from wheelhouse_local.constants import POOL, PROJECT, PROJECT_NUMBER

SET = f"{REPOSITORY}:setIamPolicy"
READ = "roles/artifactregistry.reader"
POOLS = f"iam.googleapis.com/projects/{PROJECT_NUMBER}/locations/global/workloadIdentityPools/{POOL}"
AGENT = f"service-{PROJECT_NUMBER}@gcp-sa-artifactregistry.iam.gserviceaccount.com"


@pytest.fixture
async def google(google: Emulated) -> Emulated:
    """With one repository, in a project that allows acme.example only."""
    google.create()
    await restrict(google, ["Acme.example"])
    return google


async def restrict(google: Emulated, domains: list[str] | None, project: str = PROJECT) -> Any:
    sent = {"project": project, "allowedDomains": domains}
    return (await body(google, "POST", "/control/org-policy", json=sent))["allowedDomains"]


async def put(google: Emulated, *members: str, path: str = SET, identity: str = OPERATOR) -> Any:
    """The reply to a write of one binding; its status is first."""
    sent = {"policy": {"bindings": [{"role": READ, "members": list(members)}]}}
    response = await rest(google, "POST", path, identity, json=sent)
    return response.status, await response.json()


@pytest.mark.parametrize(
    ("member", "shown"),
    [
        ("user:eve@evil.example", "eve@evil.example"),
        ("user:eve@sub.acme.example", "eve@sub.acme.example"),
        ("group:team@evil.example", "team@evil.example"),
        ("domain:evil.example", "evil.example"),
        ("serviceAccount:x@elsewhere.iam.gserviceaccount.com", "x@elsewhere.iam.gserviceaccount.com"),
        ("serviceAccount:other.svc.id.goog[a/b]", "other.svc.id.goog[a/b]"),
        ("allUsers", "allUsers"),
        ("allAuthenticatedUsers", "allAuthenticatedUsers"),
        (other := f"principal://{POOLS.replace(PROJECT_NUMBER, '999')}/subject/s", other),
        (staff := "principalSet://iam.googleapis.com/locations/global/workforcePools/staff/*", staff),
    ],
)
async def test_a_member_of_another_organization_is_refused(google: Emulated, member: str, shown: str) -> None:
    """400 FAILED_PRECONDITION with the quoted message and details; nothing is written."""
    status, reply = await put(google, "user:ada@acme.example", member)
    assert (status, reply["error"]["status"]) == (400, "FAILED_PRECONDITION")
    assert reply["error"]["message"] == "One or more users named in the policy do not belong to a permitted customer."
    assert reply["error"]["details"] == [
        {
            "@type": "type.googleapis.com/google.rpc.PreconditionFailure",
            "violations": [
                {
                    "type": "constraints/iam.allowedPolicyMemberDomains",
                    "subject": f"orgpolicy:projects/{PROJECT}?configvalue={shown}",
                    "description": f"User {shown} is not in permitted organization.",
                }
            ],
        }
    ]
    assert await body(google, "GET", f"{REPOSITORY}:getIamPolicy") == {"etag": "ACAB"}


@pytest.mark.parametrize(
    "member",
    [
        "user:Ada@ACME.example",
        "group:team@acme.example",
        "domain:acme.example",
        f"serviceAccount:ci@{PROJECT}.iam.gserviceaccount.com",
        f"serviceAccount:{AGENT}",
        f"serviceAccount:{POOL}[team-a/wheels-reader]",
        READER,
        f"principalSet://{POOLS}/namespace/team-a",
    ],
)
async def test_a_member_of_the_organization_is_taken(google: Emulated, member: str) -> None:
    """Its domains, and the service accounts and pools of its projects."""
    assert (await put(google, member))[0] == 200


async def test_it_names_each_refused_member(google: Emulated) -> None:
    """One violation for each of them."""
    _, reply = await put(google, "user:eve@evil.example", READER, "user:bob@evil.example")
    violations = reply["error"]["details"][0]["violations"]
    assert [each["description"].split()[1] for each in violations] == ["eve@evil.example", "bob@evil.example"]


async def test_existing_members_may_stay(google: Emulated) -> None:
    """Published: the constraint is not retroactive. In another role they would be new."""
    await restrict(google, None)
    assert (await put(google, "user:eve@evil.example"))[0] == 200
    await restrict(google, ["acme.example"])
    assert (await put(google, "user:eve@evil.example", READER))[0] == 200
    assert (await put(google, READER))[0] == 200
    assert (await put(google, "user:eve@evil.example", READER))[0] == 400


async def test_each_project_has_its_own(google: Emulated) -> None:
    """A restriction of one project affects its resources only, and the project itself too."""
    google.server.services.projects.create("acme-staging")
    assert (await put(google, "user:eve@evil.example", path="projects/acme-staging:setIamPolicy"))[0] == 403
    path = "projects/{}:setIamPolicy"
    assert (await put(google, "user:eve@evil.example", path=path.format(PROJECT), identity=OWNER_MEMBER))[0] == 400
    path = path.format("acme-staging")
    assert (await put(google, "user:eve@evil.example", path=path, identity=OWNER_MEMBER))[0] == 200


async def test_it_is_shown_and_removed(google: Emulated) -> None:
    """The control route returns the domains in lower case, and null without a restriction."""
    sent = {"project": PROJECT_NUMBER}
    assert await body(google, "POST", "/control/org-policy", json=sent) == {"allowedDomains": ["acme.example"]}
    assert await restrict(google, []) == []
    assert (await put(google, "user:ada@acme.example"))[0] == 400
    assert await restrict(google, None) is None
    assert (await put(google, "allUsers"))[0] == 200


async def test_a_new_project_of_the_same_id_has_none(google: Emulated) -> None:
    """A purge removes it."""
    projects = google.server.services.projects
    projects.create("acme-staging")
    assert await restrict(google, ["acme.example"], "acme-staging") == ["acme.example"]
    projects.purge("acme-staging")
    projects.create("acme-staging")
    assert await body(google, "POST", "/control/org-policy", json={"project": "acme-staging"}) == {
        "allowedDomains": None
    }
