"""The control routes of the world's owner: tokens, planted policies, groups, faults; projects are in projects/."""

from typing import Any

import pytest
from fakes.emulated import READER, REPOSITORY, WRITER, Emulated, asking


def control(google: Emulated, what: str) -> str:
    return f"{google.endpoints['artifactRegistry']}control/{what}"


@pytest.mark.parametrize(
    ("short", "identity"),
    [
        ("ksa:team-a/wheels-reader", READER),
        ("user:Somebody@acme.example", "user:somebody@acme.example"),
        ("gsa:ci@acme-packages.iam.gserviceaccount.com", "serviceAccount:ci@acme-packages.iam.gserviceaccount.com"),
    ],
)
async def test_the_owner_gets_tokens_of_any_identity(google: Emulated, short: str, identity: str) -> None:
    """control/token gives a token of a ServiceAccount, a user or a Google service account, for an hour."""
    async with asking(google.owner) as ask:
        status, reply = await ask("POST", control(google, "token"), {"as": short})
    assert (status, reply["expiresIn"]) == (200, 3600)
    caller = google.server.services.identities.resolve(reply["accessToken"])
    assert caller is not None
    assert caller.identity == identity


@pytest.mark.parametrize(
    "what", ["token", "policy", "group", "principal", "org-policy", "limits", "project", "propagation", "fault"]
)
async def test_only_the_owner_may(google: Emulated, what: str) -> None:
    """Only the owner may call the control routes, whatever else a token allows."""
    async with asking(google.token(READER)) as ask:
        assert (await ask("POST", control(google, what), {}))[0] == 403
    assert google.trace()[-1]["status"] == "403"


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("token", {"as": "ksa:nowhere"}),
        ("token", []),
        ("policy", {"resource": "projects/x", "policy": {}}),
        ("policy", {"resource": REPOSITORY, "policy": {"bindings": "x"}}),
        ("group", {}),
        ("principal", {"member": "user:ada@acme.example"}),
        ("principal", {"member": "allUsers", "action": "delete"}),
        ("principal", {"member": "user:ada@acme.example", "action": "undelete"}),
        ("principal", {"member": "serviceAccount:ci@acme-packages.iam.gserviceaccount.com", "action": "delete"}),
        ("principal", {"action": "reject"}),
        ("org-policy", {"project": "acme-absent"}),
        ("org-policy", {"project": "acme-packages", "allowedDomains": "acme.example"}),
        ("limits", {"members": 3}),
        ("limits", {"principals": 1501}),
        ("limits", {"bytes": "1k"}),
        ("propagation", {"seconds": -1}),
        ("propagation", {"seconds": "2m"}),
        ("fault", {"status": 503}),
        ("fault", {"on": "*", "status": 200}),
        ("fault", {"on": "*", "sometimes": True}),
        ("fault", {"on": "*", "times": "many"}),
    ],
)
async def test_what_makes_no_sense_is_400(google: Emulated, what: str, body: Any) -> None:
    """An invalid control request is rejected, and is not our failure."""
    async with asking(google.owner) as ask:
        assert (await ask("POST", control(google, what), body))[0] == 400


async def test_a_planted_policy_stands_unchecked(google: Emulated) -> None:
    """control/policy accepts what setIamPolicy would reject: conditions and tombstones."""
    google.create()
    condition = {"title": "office hours", "expression": "true"}
    binding = {"role": "roles/artifactregistry.reader", "members": ["deleted:user:x@y.example?uid=1"]}
    policy = {"bindings": [{**binding, "condition": condition}]}
    async with asking(google.owner) as ask:
        assert (await ask("POST", control(google, "policy"), {"resource": REPOSITORY, "policy": policy}))[0] == 200
        url = f"{google.endpoints['artifactRegistry']}v1/{REPOSITORY}:getIamPolicy"
        assert (await ask("GET", url, None))[1]["bindings"] == policy["bindings"]


async def test_a_group_has_members(google: Emulated) -> None:
    """A member of a group has the group's permissions."""
    google.create()
    google.grant(("roles/artifactregistry.reader", "group:packagers@acme.example"))
    token = google.token("user:somebody@acme.example")
    assert (await google.get("simple/x/", token)).status == 403
    body = {"group": "Packagers@acme.example", "members": ["user:somebody@acme.example"]}
    async with asking(google.owner) as ask:
        assert (await ask("POST", control(google, "group"), body))[0] == 200
    assert (await google.get("simple/x/", token)).status == 404


async def test_faults_are_listed_and_cleared(google: Emulated) -> None:
    """A fault is shown as it was set, with its remaining count; faults never apply to the control routes."""
    fault = {"on": "*", "status": 503, "times": 2, "delay": 0.0, "dropReply": False, "retryAfter": 0.0}
    fault |= {"operationDelay": 0.0, "operationError": ""}
    url, none = control(google, "fault"), {"propagationByMember": {}}
    async with asking(google.owner) as ask:
        await ask("POST", url, fault)
        await ask("POST", control(google, "propagation"), {"seconds": 120})
        assert (await ask("GET", url, None))[1] == {"faults": [fault], "propagation": 120, **none}
        assert (await google.get("simple/")).status == 503
        assert (await ask("GET", url, None))[1] == {"faults": [{**fault, "times": 1}], "propagation": 120, **none}
        await ask("DELETE", url, None)
        assert (await ask("GET", url, None))[1] == {"faults": [], "propagation": 0, **none}
    assert (await google.get("simple/")).status == 404
    assert [row["method"] for row in google.trace() if row["service"] == "Control"] == [
        "Control.AddFault",
        "Control.Propagation",
        "Control.ListFaults",
        "Control.ListFaults",
        "Control.ClearFaults",
        "Control.ListFaults",
    ]


async def test_only_federated_callers_are_not_google_users(google: Emulated) -> None:
    """The member allAuthenticatedUsers matches Google users and service accounts, not those of a pool (documented)."""
    google.create()
    google.grant(("roles/artifactregistry.reader", "allAuthenticatedUsers"))
    assert (await google.get("simple/x/", google.token("user:anybody@elsewhere.example"))).status == 404
    assert (await google.get("simple/x/", google.token(WRITER))).status == 403


async def test_what_is_not_emulated_says_so(google: Emulated) -> None:
    """An unknown method is 501 UNIMPLEMENTED, never an invented answer."""
    async with asking(google.owner) as ask:
        url = google.endpoints["artifactRegistry"] + "v1/projects/acme-packages/roles"
        status, reply = await ask("GET", url, None)
    assert (status, reply["error"]["status"]) == (501, "UNIMPLEMENTED")
