"""IAM policies of repositories on the wire: etags, versions, rejected policies, and the effect of grants."""

import asyncio
import base64
import re
import time
from typing import Any

import pytest
from fakes.emulated import READER, REPOSITORY, WRITER, Emulated
from fakes.registry_clients import OPERATOR, OWNER_MEMBER, STRANGER, body, grpc_client, refusal, rest
from google.iam.v1 import policy_pb2

from wheelhouse_local.constants import POOL, PROJECT, PROJECT_NUMBER

GET, SET = f"{REPOSITORY}:getIamPolicy", f"{REPOSITORY}:setIamPolicy"
READ, WRITE = "roles/artifactregistry.reader", "roles/artifactregistry.writer"
CONDITION = {"title": "soon", "expression": "request.time < timestamp('2030-01-01T00:00:00Z')"}
ROLE_FORM = (
    'The role name must be in the form "roles/{role}", "organizations/{organization_id}/roles/{role}", or '
    '"projects/{project_id}/roles/{role}".'
)
TOMBSTONE = "deleted:serviceAccount:gone@acme-packages.iam.gserviceaccount.com?uid=123"


@pytest.fixture
def google(google: Emulated) -> Emulated:
    """With one repository."""
    google.create()
    return google


def binding(role: str, *members: str, **fields: Any) -> dict[str, Any]:
    return {"role": role, "members": list(members), **fields}


async def put(google: Emulated, *bindings: dict[str, Any], **fields: Any) -> Any:
    return await body(google, "POST", SET, OPERATOR, json={"policy": {"bindings": list(bindings), **fields}})


async def refused(google: Emulated, *bindings: dict[str, Any], **fields: Any) -> tuple[int, str, str]:
    """The error of a failed write; the policy stays unchanged."""
    before = await body(google, "GET", GET)
    found: tuple[int, str, str] = await refusal(
        google, "POST", SET, OPERATOR, json={"policy": {"bindings": list(bindings), **fields}}
    )
    assert await body(google, "GET", GET) == before
    return found


@pytest.mark.parametrize("query", ["", "?options.requestedPolicyVersion=3"])
async def test_a_fresh_policy_has_an_etag_only(google: Emulated, query: str) -> None:
    """ACAB, no version and no bindings, whatever version is requested."""
    assert await body(google, "GET", GET + query) == {"etag": "ACAB"}


@pytest.mark.parametrize("version", [2, 4, -1])
async def test_a_requested_version_must_exist(google: Emulated, version: int) -> None:
    """Published: only 0, 1 and 3 are valid, for repositories, projects and service accounts."""
    account = f"projects/{PROJECT}/serviceAccounts/ci@{PROJECT}.iam.gserviceaccount.com"
    query = f"options.requestedPolicyVersion={version}"
    body_of_project = {"options": {"requestedPolicyVersion": version}}
    for method, path, sent in (
        ("GET", f"{GET}?{query}", None),
        ("POST", f"{account}:getIamPolicy?{query}", None),
        ("POST", f"projects/{PROJECT}:getIamPolicy", body_of_project),
    ):
        assert (await refusal(google, method, path, json=sent))[:2] == (400, "INVALID_ARGUMENT"), path


@pytest.mark.parametrize(
    ("method", "verb"), [("POST", "getIamPolicy"), ("GET", "setIamPolicy"), ("GET", "testIamPermissions")]
)
async def test_each_call_has_one_http_verb(google: Emulated, method: str, verb: str) -> None:
    """Artifact Registry v1 reads a policy by GET only, and writes and tests it by POST only."""
    sent = {} if method == "POST" else None
    assert (await refusal(google, method, f"{REPOSITORY}:{verb}", json=sent))[0] == 501


async def test_a_written_policy_has_version_one(google: Emulated) -> None:
    """Version 1 once anything was set, even if 3 is written and requested."""
    written = await put(google, binding(READ, READER), version=3)
    assert written["version"] == 1
    assert await body(google, "GET", f"{GET}?options.requestedPolicyVersion=3") == written


async def test_an_etag_is_the_time_of_the_write(google: Emulated) -> None:
    """Eight bytes: 0x07 and the microseconds since 1970 in seven bytes."""
    before = time.time_ns() // 1000
    etag = base64.b64decode((await put(google, binding(READ, READER)))["etag"])
    assert (len(etag), etag[0]) == (8, 7)
    assert before <= int.from_bytes(etag[1:], "big") <= time.time_ns() // 1000


async def test_a_write_without_change_keeps_the_etag(google: Emulated) -> None:
    """A set without a change returns the same etag, and a real change a new one."""
    first = await put(google, binding(READ, READER))
    assert await put(google, binding(READ, READER), etag=first["etag"]) == first
    assert (await put(google, binding(READ, WRITER), etag=first["etag"]))["etag"] != first["etag"]


async def test_a_stale_etag_is_aborted(google: Emulated) -> None:
    """409 ABORTED with the recorded message, with both etags as C escapes."""
    await put(google, binding(READ, READER), etag="ACAB")
    status, name, message = await refused(google, binding(WRITE, WRITER), etag="ACAB")
    assert (status, name) == (409, "ABORTED")
    head, _, etags = message.partition("The request's ETag ")
    assert (
        head
        == "There were concurrent policy changes. Please retry the whole read-modify-write with exponential backoff. "
    )
    shown = re.fullmatch(r"'(.*)' did not match the current policy's ETag '(.*)'\.", etags)
    assert shown is not None
    assert shown[1] == r"\000 \001"
    standing = base64.b64decode((await body(google, "GET", GET))["etag"])
    assert shown[2].encode().decode("unicode_escape").encode("latin-1") == standing


@pytest.mark.parametrize("etag", ["!!!", "ACA", "not an etag", "A"])
async def test_an_etag_that_is_none_is_refused(google: Emulated, etag: str) -> None:
    """Text that is not base64 must not count as a write without an etag; other bytes are a stale etag."""
    await put(google, binding(READ, READER))
    status, name, _ = await refused(google, binding(WRITE, WRITER), etag=etag)
    assert (status, name) in {(400, "INVALID_ARGUMENT"), (409, "ABORTED")}
    assert (name == "ABORTED") == (etag == "ACA")


async def test_a_stranger_learns_nothing(google: Emulated) -> None:
    """The recorded message, for a repository that exists and for one that does not."""
    absent = REPOSITORY.replace("team-wheels", "absent")
    for resource in (REPOSITORY, absent):
        for method, path, sent in (
            ("GET", f"{resource}:getIamPolicy", None),
            ("POST", f"{resource}:setIamPolicy", {"policy": {"bindings": [binding(READ, READER)]}}),
        ):
            found = await refusal(google, method, path, STRANGER, json=sent)
            assert found == (403, "PERMISSION_DENIED", "The caller does not have permission")


async def test_without_an_etag_the_last_write_wins(google: Emulated) -> None:
    """A write without an etag overwrites the whole current policy."""
    await put(google, binding(READ, READER))
    assert (await put(google, binding(WRITE, WRITER)))["bindings"] == [binding(WRITE, WRITER)]


async def test_an_etag_may_be_url_safe(google: Emulated) -> None:
    """The URL-safe alphabet, which gcloud shows and sends, is accepted too."""
    found = await put(google, binding(READ, READER))
    while not set(found["etag"]) & set("+/"):
        found = await put(google, binding(READ, READER, f"user:u{time.time_ns()}@acme.example"))
    etag = found["etag"].replace("+", "-").replace("/", "_")
    assert (await put(google, binding(WRITE, WRITER), etag=etag))["bindings"] == [binding(WRITE, WRITER)]


@pytest.mark.parametrize("role", ["reader", "artifactregistry.reader", "roles/", "projects/roles/x", "roles/a/b"])
async def test_a_role_has_a_form(google: Emulated, role: str) -> None:
    """Anything but the three forms is 400 with the recorded message."""
    assert await refused(google, binding(role, READER)) == (
        400,
        "INVALID_ARGUMENT",
        ROLE_FORM,
    )


@pytest.mark.parametrize(
    "member",
    [
        "owner@acme.example",
        "User:a@acme.example",
        "user:",
        "user:nobody",
        "robot:a@acme.example",
        "allusers",
        "allUsers:x",
        "principal:x",
        "principal://iam.googleapis.com/projects/acme-packages/locations/global/workloadIdentityPools/p/subject/s",
        TOMBSTONE,
        "deleted:user:a@acme.example?uid=123",
        "deleted:group:a@acme.example?uid=123",
        f"deleted:{READER}?uid=123",
        "",
    ],
)
async def test_a_member_has_a_form(google: Emulated, member: str) -> None:
    """Type prefixes are exact, values must match them, and a deleted principal cannot be added."""
    assert (await refused(google, binding(READ, member)))[:2] == (400, "INVALID_ARGUMENT")


@pytest.mark.parametrize(
    "member",
    [
        "user:a@acme.example",
        "group:team@acme.example",
        f"serviceAccount:ci@{PROJECT}.iam.gserviceaccount.com",
        "serviceAccount:x@elsewhere.iam.gserviceaccount.com",
        READER,
        f"principalSet://iam.googleapis.com/projects/{PROJECT_NUMBER}/locations/global/workloadIdentityPools/{POOL}/*",
        "allUsers",
        "allAuthenticatedUsers",
    ],
)
async def test_every_kind_of_member_is_taken(google: Emulated, member: str) -> None:
    """Users, groups, service accounts, principals, sets of them, and all users."""
    assert (await put(google, binding(READ, member)))["bindings"] == [binding(READ, member)]


async def test_a_service_account_must_exist(google: Emulated) -> None:
    """A member of our own project that does not exist is 400 and named, as in the real service."""
    member = f"serviceAccount:nobody@{PROJECT}.iam.gserviceaccount.com"
    status, _, message = await refused(google, binding(READ, member))
    assert (status, re.search("Service account .* does not exist", message) is not None) == (400, True)


@pytest.mark.parametrize(
    ("bindings", "fields"),
    [
        ([binding(READ)], {}),
        ([binding(READ, READER)], {"version": 2}),
        ([binding(READ, READER, condition=CONDITION)], {"version": 3}),
        ([binding(READ, READER, condition=CONDITION)], {"version": 1}),
        ([binding(READ, *(f"user:u{number}@acme.example" for number in range(1501)))], {}),
        ([binding(READ, *["user:a@acme.example"] * 751), binding(WRITE, *["user:a@acme.example"] * 750)], {}),
        ([binding("roles/storage.admin", READER)], {}),
    ],
)
async def test_a_policy_has_limits(google: Emulated, bindings: list[dict[str, Any]], fields: dict[str, Any]) -> None:
    """Empty bindings, version 2, new conditions, over 1,500 principals and roles of others are 400."""
    assert (await refused(google, *bindings, **fields))[:2] == (400, "INVALID_ARGUMENT")


async def test_1500_principals_are_taken(google: Emulated) -> None:
    """The limit itself is allowed."""
    members = [f"user:u{number}@acme.example" for number in range(1500)]
    assert len((await put(google, binding(READ, *members)))["bindings"][0]["members"]) == 1500


async def plant(google: Emulated, *bindings: dict[str, Any]) -> Any:
    """A policy that the owner of the world sets without checks."""
    sent = {"resource": REPOSITORY, "policy": {"bindings": list(bindings)}}
    return await body(google, "POST", "/control/policy", json=sent)


async def test_members_and_roles_of_others_may_stay(google: Emulated) -> None:
    """A read-modify-write keeps existing tombstones and roles of others."""
    foreign = [binding("roles/storage.admin", "user:a@acme.example"), binding(READ, TOMBSTONE)]
    found = await plant(google, *foreign)
    written = await put(google, *foreign, binding(WRITE, WRITER), etag=found["etag"])
    assert written["bindings"] == [*foreign, binding(WRITE, WRITER)]


async def test_a_condition_may_stay_with_version_three(google: Emulated) -> None:
    """A policy with a condition has version 3, is only written with 3, and that binding grants nothing here."""
    held = binding(READ, READER, condition=CONDITION)
    found = await plant(google, held)
    assert found["version"] == 3
    assert (await refused(google, held, binding(WRITE, WRITER), version=1))[:2] == (400, "INVALID_ARGUMENT")
    written = await put(google, held, binding(WRITE, WRITER), version=3, etag=found["etag"])
    assert written["bindings"] == [held, binding(WRITE, WRITER)]
    held = {"permissions": ["artifactregistry.repositories.get"]}
    assert await body(google, "POST", f"{REPOSITORY}:testIamPermissions", READER, json=held) == {}


@pytest.mark.parametrize(("method", "path"), [("GET", GET), ("POST", SET)])
async def test_policies_have_permissions_of_their_own(google: Emulated, method: str, path: str) -> None:
    """A repoAdmin cannot read the policy, an editor cannot write it: 403."""
    google.grant(("roles/artifactregistry.repoAdmin", STRANGER))
    sent = {"policy": {}} if method == "POST" else None
    assert (await refusal(google, method, path, STRANGER, json=sent))[:2] == (403, "PERMISSION_DENIED")


@pytest.mark.parametrize(("method", "path"), [("GET", GET), ("POST", SET)])
async def test_no_repository_no_policy(google: Emulated, method: str, path: str) -> None:
    """The policy of a missing repository is 404 for callers with permission."""
    sent = {"policy": {}} if method == "POST" else None
    absent = path.replace("team-wheels", "absent")
    assert (await refusal(google, method, absent, OWNER_MEMBER, json=sent))[:2] == (404, "NOT_FOUND")


async def test_grpc_and_rest_see_one_policy(google: Emulated) -> None:
    """REST reads what gRPC writes and the other way round, with the bytes of the etag."""
    written = await put(google, binding(READ, READER))
    async with grpc_client(google, google.token(OPERATOR)) as client:
        found = await client.get_iam_policy(request={"resource": REPOSITORY})
        assert (found.etag, found.version) == (base64.b64decode(written["etag"]), 1)
        found.bindings.append(policy_pb2.Binding(role=WRITE, members=[WRITER]))
        await client.set_iam_policy(request={"resource": REPOSITORY, "policy": found})
    assert (await body(google, "GET", GET))["bindings"] == [binding(READ, READER), binding(WRITE, WRITER)]


async def test_of_eight_writers_one_wins(google: Emulated) -> None:
    """Of concurrent writes with the same etag one succeeds, seven are ABORTED, and only its member is set."""
    users = [f"user:u{number}@acme.example" for number in range(8)]
    sent = [{"policy": {"etag": "ACAB", "bindings": [binding(READ, user)]}} for user in users]
    replies = await asyncio.gather(*(rest(google, "POST", SET, OPERATOR, json=policy) for policy in sent))
    assert sorted(reply.status for reply in replies) == [200] + [409] * 7
    winner = users[[reply.status for reply in replies].index(200)]
    assert (await body(google, "GET", GET))["bindings"] == [binding(READ, winner)]
