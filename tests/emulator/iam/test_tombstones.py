"""Deleted users, groups and service accounts: what policies show for them, and that they have no permissions."""

from typing import Any

import pytest
from fakes.emulated import READER, REPOSITORY, Emulated
from fakes.registry_clients import OPERATOR, body, refusal

from wheelhouse_local.constants import PROJECT

GET, SET = f"{REPOSITORY}:getIamPolicy", f"{REPOSITORY}:setIamPolicy"
READ, WRITE = "roles/artifactregistry.reader", "roles/artifactregistry.writer"
EMAIL = f"ci-runner@{PROJECT}.iam.gserviceaccount.com"
ACCOUNTS = f"projects/{PROJECT}/serviceAccounts"
RUNNER, ADA, TEAM = f"serviceAccount:{EMAIL}", "user:ada@acme.example", "group:team@acme.example"
NO_TWO = "Inconsistent representation of deleted member"


@pytest.fixture
async def google(google: Emulated) -> Emulated:
    """With one repository and one service account."""
    google.create()
    await create_account(google)
    return google


async def create_account(google: Emulated) -> str:
    """The unique id of a new account."""
    return str((await body(google, "POST", ACCOUNTS, json={"accountId": "ci-runner"}))["uniqueId"])


async def change(google: Emulated, member: str, action: str) -> None:
    """Delete, undelete or create a principal, whatever it is."""
    if member != RUNNER:
        await body(google, "POST", "/control/principal", json={"member": member, "action": action})
    elif action == "delete":
        await body(google, "DELETE", f"{ACCOUNTS}/{EMAIL}")
    elif action == "create":
        await create_account(google)
    else:
        tombstone = (await policy(google))["bindings"][0]["members"][0]
        await body(google, "POST", f"{ACCOUNTS}/{tombstone.partition('?uid=')[2]}:undelete")


def binding(role: str, *members: str, **fields: Any) -> dict[str, Any]:
    return {"role": role, "members": list(members), **fields}


async def policy(google: Emulated) -> Any:
    return await body(google, "GET", GET)


async def put(google: Emulated, *bindings: dict[str, Any], **fields: Any) -> Any:
    return await body(google, "POST", SET, OPERATOR, json={"policy": {"bindings": list(bindings), **fields}})


async def refused(google: Emulated, *bindings: dict[str, Any], **fields: Any) -> str:
    """The message of a failed write."""
    sent = {"policy": {"bindings": list(bindings), **fields}}
    status, name, message = await refusal(google, "POST", SET, OPERATOR, json=sent)
    assert (status, name) == (400, "INVALID_ARGUMENT")
    return str(message)


async def downloads(google: Emulated, token: str) -> int:
    """The status of the data plane: 404 is an unknown package, so the caller may read."""
    return (await google.get("simple/absent/", token)).status


@pytest.mark.parametrize("member", [RUNNER, ADA, TEAM])
async def test_a_deleted_principal_becomes_a_tombstone(google: Emulated, member: str) -> None:
    """Each policy that names it shows deleted:MEMBER?uid=NUMBER, in each binding, also in one with a condition."""
    condition = {"title": "soon", "expression": "true"}
    planted = [binding(READ, member, READER), binding(WRITE, member), binding(READ, member, condition=condition)]
    google.create(f"{REPOSITORY}-two")
    for name in (REPOSITORY, f"{REPOSITORY}-two"):
        sent = {"resource": name, "policy": {"bindings": planted}}
        before = await body(google, "POST", "/control/policy", json=sent)
    await change(google, member, "delete")
    for name in (REPOSITORY, f"{REPOSITORY}-two"):
        found = await body(google, "GET", f"{name}:getIamPolicy")
        tombstone = found["bindings"][1]["members"][0]
        assert tombstone.startswith(f"deleted:{member}?uid=")
        assert len(tombstone.partition("?uid=")[2]) == 21
        assert found["bindings"] == [
            binding(READ, tombstone, READER),
            binding(WRITE, tombstone),
            binding(READ, tombstone, condition=condition),
        ]
        assert found["etag"] != before["etag"]


async def test_policies_without_it_stay_as_they_are(google: Emulated) -> None:
    """Neither content nor etag of another policy changes."""
    before = await put(google, binding(READ, READER))
    await change(google, RUNNER, "delete")
    assert await policy(google) == before


async def test_the_tombstone_has_the_id_of_the_account(google: Emulated) -> None:
    """It is the unique id that the API showed for the account."""
    found = (await body(google, "GET", f"{ACCOUNTS}/{EMAIL}"))["uniqueId"]
    await put(google, binding(READ, RUNNER))
    await change(google, RUNNER, "delete")
    assert (await policy(google))["bindings"] == [binding(READ, f"deleted:{RUNNER}?uid={found}")]


@pytest.mark.parametrize("member", [RUNNER, ADA])
async def test_a_new_principal_inherits_nothing(google: Emulated, member: str) -> None:
    """Tokens of the deleted one are rejected, and a new one with the same e-mail has no permission."""
    await put(google, binding(READ, member))
    token = google.token(member)
    assert await downloads(google, token) == 404
    await change(google, member, "delete")
    assert await downloads(google, token) == 401
    await change(google, member, "create")
    assert await downloads(google, token) == 401
    assert await downloads(google, google.token(member)) == 403


async def test_a_new_account_is_in_no_group_of_the_old_one(google: Emulated) -> None:
    """Groups have principals, not e-mails."""
    await body(google, "POST", "/control/group", json={"group": "team@acme.example", "members": [RUNNER, READER]})
    await put(google, binding(READ, TEAM))
    await change(google, RUNNER, "delete")
    await change(google, RUNNER, "create")
    assert await downloads(google, google.token(RUNNER)) == 403
    assert await downloads(google, google.token(READER)) == 404


async def test_a_deleted_group_gives_its_members_nothing(google: Emulated) -> None:
    """Neither itself, nor a new group with the same e-mail."""
    members = {"group": "team@acme.example", "members": [READER]}
    await body(google, "POST", "/control/group", json=members)
    await put(google, binding(READ, TEAM))
    assert await downloads(google, google.token(READER)) == 404
    await change(google, TEAM, "delete")
    assert await downloads(google, google.token(READER)) == 403
    await body(google, "POST", "/control/group", json=members)
    assert await downloads(google, google.token(READER)) == 403


@pytest.mark.parametrize("member", [RUNNER, ADA, TEAM])
async def test_undelete_restores_the_grants(google: Emulated, member: str) -> None:
    """Published: the tombstone becomes the member again, and keeps its role."""
    await put(google, binding(READ, member), binding(WRITE, READER))
    await change(google, member, "delete")
    await change(google, member, "undelete")
    assert (await policy(google))["bindings"] == [binding(READ, member), binding(WRITE, READER)]
    if member != TEAM:
        assert await downloads(google, google.token(member)) == 404


@pytest.mark.parametrize(("member", "words"), [(RUNNER, "Service account"), (ADA, "User"), (TEAM, "Group")])
async def test_a_deleted_principal_gets_no_grant(google: Emulated, member: str, words: str) -> None:
    """400 with the quoted message until there is a new one."""
    await change(google, member, "delete")
    email = member.partition(":")[2]
    assert await refused(google, binding(READ, member)) == f"{words} {email} does not exist."
    await change(google, member, "create")
    assert (await put(google, binding(READ, member)))["bindings"] == [binding(READ, member)]


async def test_a_tombstone_may_stay_and_go_but_not_come(google: Emulated) -> None:
    """A set that keeps it or removes it succeeds; one that adds it, also to another role, is rejected."""
    await put(google, binding(READ, RUNNER))
    await change(google, RUNNER, "delete")
    (tombstone,) = (await policy(google))["bindings"][0]["members"]
    assert (
        await refused(google, binding(READ, tombstone), binding(WRITE, tombstone)) == f"Invalid principal: {tombstone}"
    )
    other = tombstone[:-1] + ("0" if tombstone[-1] != "0" else "1")
    await refused(google, binding(READ, tombstone, other))
    kept = [binding(READ, tombstone), binding(WRITE, READER)]
    assert (await put(google, *kept))["bindings"] == kept
    assert (await put(google, binding(WRITE, READER)))["bindings"] == [binding(WRITE, READER)]
    await refused(google, binding(READ, tombstone))


async def test_a_read_before_the_deletion_is_stale(google: Emulated) -> None:
    """A write with the etag of that read is ABORTED, so a read-modify-write reads the tombstone."""
    found = await put(google, binding(READ, RUNNER))
    await change(google, RUNNER, "delete")
    sent = {"policy": {**found, "bindings": [binding(READ, RUNNER, READER)]}}
    assert (await refusal(google, "POST", SET, OPERATOR, json=sent))[:2] == (409, "ABORTED")


@pytest.mark.parametrize("role", [READ, WRITE])
async def test_a_new_principal_needs_the_tombstone_gone(google: Emulated, role: str) -> None:
    """Quoted: a policy cannot name a deleted principal and a new one with the same e-mail, whatever the roles."""
    await put(google, binding(READ, RUNNER))
    await change(google, RUNNER, "delete")
    await change(google, RUNNER, "create")
    (tombstone,) = (await policy(google))["bindings"][0]["members"]
    assert await refused(google, binding(READ, tombstone), binding(role, RUNNER)) == (
        f"{NO_TWO}: '{tombstone}' and '{RUNNER}'."
    )
    assert (await put(google, binding(role, RUNNER)))["bindings"] == [binding(role, RUNNER)]


async def test_deleting_twice_makes_two_tombstones(google: Emulated) -> None:
    """Each deleted account has its own id."""
    found = []
    for role in (READ, WRITE):
        await body(google, "POST", SET, json={"policy": {"bindings": [binding(role, RUNNER)]}})
        await change(google, RUNNER, "delete")
        found += (await policy(google))["bindings"][0]["members"]
        await change(google, RUNNER, "create")
    assert len(set(found)) == 2


async def test_a_token_for_a_deleted_account_is_refused(google: Emulated) -> None:
    """`token --as gsa:` creates an account that never existed, but not a deleted one again."""
    new = f"new-runner@{PROJECT}.iam.gserviceaccount.com"
    await body(google, "POST", "/control/token", json={"as": f"gsa:{new}"})
    assert (await body(google, "GET", f"{ACCOUNTS}/{new}"))["email"] == new
    await change(google, RUNNER, "delete")
    await change(google, ADA, "delete")
    for short in (f"gsa:{EMAIL}", "user:ada@acme.example"):
        sent = {"headers": {"Authorization": f"Bearer {google.owner}"}, "json": {"as": short}}
        url = f"{google.endpoints['artifactRegistry']}control/token"
        async with google.session.post(url, **sent) as response:
            assert response.status == 400
            assert "deleted" in (await response.json())["error"]
