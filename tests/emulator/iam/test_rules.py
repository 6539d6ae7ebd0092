"""Rules of IAM policies that need no wire: etags with a stopped clock, versions, members, roles, limits."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes.emulated import READER, REPOSITORY, WRITER
from google.iam.v1 import policy_pb2
from google.protobuf import json_format

from wheelhouse_local.constants import POOL, PROJECT, PROJECT_NUMBER
from wheelhouse_local.google.iam import members
from wheelhouse_local.google.iam.policies import Policies
from wheelhouse_local.google.projects.directory import Directory
from wheelhouse_local.google.projects.lifecycle import Projects
from wheelhouse_local.google.store import Store
from wheelhouse_local.google.transport.caller import Caller
from wheelhouse_local.google.transport.errors import ApiError

READ, WRITE = "roles/artifactregistry.reader", "roles/artifactregistry.writer"
DOWNLOAD = "artifactregistry.repositories.downloadArtifacts"
HELD = {"role": READ, "members": [WRITER], "condition": {"title": "soon", "expression": "true"}}
POOL_PATH = f"iam.googleapis.com/projects/{PROJECT_NUMBER}/locations/global/workloadIdentityPools/{POOL}"


class Clock:
    """A clock that only the test moves; Unix seconds."""

    now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def policies(tmp_path: Path, clock: Clock) -> Iterator[Policies]:
    """With one repository, in the project that every world has."""
    store = Store(tmp_path / "google.sqlite")
    store.put("repository", REPOSITORY, {})
    found = Policies(store, Directory(store), clock)
    Projects(store, found, clock).ensure_first()
    yield found
    store.close()


def policy(*bindings: dict[str, Any], **fields: Any) -> policy_pb2.Policy:
    return json_format.ParseDict({"bindings": list(bindings), **fields}, policy_pb2.Policy())


def grant(role: str, *who: str) -> dict[str, Any]:
    return {"role": role, "members": list(who)}


def caller(identity: str, *also: str) -> Caller:
    return Caller(identity, frozenset({identity, *also}), 0)


def status(policies: Policies, wanted: policy_pb2.Policy) -> str:
    """The status of a failed write; the policy stays unchanged."""
    before = policies.get(REPOSITORY)
    with pytest.raises(ApiError) as caught:
        policies.replace(REPOSITORY, wanted)
    assert policies.get(REPOSITORY) == before
    return caught.value.status


def test_the_recorded_conflict_has_the_recorded_bytes(policies: Policies, clock: Clock) -> None:
    """The two etags of the recorded 409 are formatted as they were recorded: octal, except for a quote."""
    stale, current = b"\x07\x05\xe8',\xbbP\x11", b"\x07\x05\xe8(x\x0e6\x8c"
    clock.now = int.from_bytes(stale[1:], "big") / 1_000_000
    first = policies.replace(REPOSITORY, policy(grant(READ, READER)))
    assert first.etag == stale
    clock.now = int.from_bytes(current[1:], "big") / 1_000_000
    policies.replace(REPOSITORY, policy(grant(WRITE, WRITER)))
    with pytest.raises(ApiError) as caught:
        policies.replace(REPOSITORY, first)
    given, found = r"'\007\005\350\',\273P\021'", r"'\007\005\350(x\0166\214'"
    assert caught.value.message.endswith(f"The request's ETag {given} did not match the current policy's ETag {found}.")


@pytest.mark.parametrize("step", [0, -60])
def test_no_two_policies_share_an_etag(policies: Policies, clock: Clock, step: int) -> None:
    """Even two writes within a microsecond, or after the clock was set back, have increasing etags."""
    first = policies.replace(REPOSITORY, policy(grant(READ, READER)))
    clock.now += step
    second = policies.replace(REPOSITORY, policy(grant(READ, WRITER)))
    assert second.etag > first.etag
    assert second.etag[:1] == b"\x07"


def test_order_is_no_change(policies: Policies, clock: Clock) -> None:
    """Bindings and members in another order, or a role in two bindings, are no change: the etag stays."""
    first = policies.replace(REPOSITORY, policy(grant(READ, READER, WRITER), grant(WRITE, WRITER)))
    clock.now += 1
    other = policy(grant(WRITE, WRITER), grant(READ, WRITER), grant(READ, READER))
    assert policies.replace(REPOSITORY, other) == first


def test_emails_are_kept_in_lower_case(policies: Policies) -> None:
    """A new e-mail is case-folded and a principal is not; the same e-mail in another case is no change."""
    odd = READER.replace("team-a", "Team-A")
    first = policies.replace(REPOSITORY, policy(grant(READ, "user:Ada@Acme.Example", odd)))
    assert list(first.bindings[0].members) == ["user:ada@acme.example", odd]
    assert policies.replace(REPOSITORY, policy(grant(READ, "user:ADA@acme.example", odd))).etag == first.etag


def test_what_was_planted_keeps_its_bytes(policies: Policies) -> None:
    """Existing content is written back unchanged, even tombstones and upper case."""
    tombstone = "deleted:serviceAccount:Gone@x.iam.gserviceaccount.com?uid=12"
    planted = policies.plant(REPOSITORY, policy(grant(READ, "user:Ada@Acme.Example", tombstone)))
    planted.bindings.append(policy_pb2.Binding(role=WRITE, members=[WRITER]))
    written = policies.replace(REPOSITORY, planted)
    assert list(written.bindings) == list(planted.bindings)


@pytest.mark.parametrize("version", [0, 1])
def test_a_write_beside_a_condition_needs_version_three(policies: Policies, version: int) -> None:
    """Without it even the removal of an unconditional binding is rejected, if the etag proves a read."""
    found = policies.plant(REPOSITORY, policy(HELD, grant(READ, READER)))
    assert found.version == 3
    etag = json_format.MessageToDict(found)["etag"]
    assert status(policies, policy(HELD, version=version, etag=etag)) == "INVALID_ARGUMENT"
    assert status(policies, policy(grant(READ, READER), version=version, etag=etag)) == "INVALID_ARGUMENT"
    assert policies.replace(REPOSITORY, policy(HELD, version=3, etag=etag)).version == 3


def test_a_write_without_etag_loses_conditions(policies: Policies) -> None:
    """The published warning: a version 1 policy without an etag overwrites one of version 3."""
    policies.plant(REPOSITORY, policy(HELD))
    written = policies.replace(REPOSITORY, policy(grant(READ, READER), version=1))
    assert (written.version, [list(binding.members) for binding in written.bindings]) == (1, [[READER]])


def test_a_condition_cannot_be_changed(policies: Policies) -> None:
    """An existing condition may stay, but another expression is a new condition: rejected."""
    planted = policies.plant(REPOSITORY, policy(HELD))
    planted.bindings[0].condition.expression = "false"
    assert status(policies, planted) == "INVALID_ARGUMENT"


def test_250_groups_are_the_limit(policies: Policies) -> None:
    """Of 1,500 principals 250 may be groups, each occurrence counted."""
    groups = [f"group:g{number}@acme.example" for number in range(250)]
    assert status(policies, policy(grant(READ, *groups), grant(WRITE, groups[0]))) == "INVALID_ARGUMENT"
    assert len(policies.replace(REPOSITORY, policy(grant(READ, *groups))).bindings[0].members) == 250


@pytest.mark.parametrize(
    "role",
    ["roles/owner", "roles/viewer", "roles/artifactregistry.serviceAgent", "roles/artifactregistry.attachmentReader"],
)
def test_a_role_that_is_not_emulated_says_so(policies: Policies, role: str) -> None:
    """Roles with an unknown meaning on a repository are UNIMPLEMENTED, not rejected as invalid."""
    assert status(policies, policy(grant(role, READER))) == "UNIMPLEMENTED"


def test_an_audit_configuration_is_not_emulated(policies: Policies) -> None:
    """It is UNIMPLEMENTED: to store it without a log would be misleading."""
    wanted = policy(grant(READ, READER), auditConfigs=[{"service": "allServices"}])
    assert status(policies, wanted) == "UNIMPLEMENTED"


@pytest.mark.parametrize(
    "member",
    [
        "domain:acme.example",
        f"serviceAccount:{POOL}[team-a/wheels-reader]",
        "principal://iam.googleapis.com/locations/global/workforcePools/staff/subject/ada",
        f"principalSet://{POOL_PATH}/namespace/team-a",
        f"principalSet://{POOL_PATH}/attribute.team/wheels",
        "principalSet://iam.googleapis.com/locations/global/workforcePools/staff/group/devs",
    ],
)
def test_every_documented_form_of_a_member_is_taken(policies: Policies, member: str) -> None:
    """The forms of the page on principal identifiers are kept unchanged."""
    assert list(policies.replace(REPOSITORY, policy(grant(READ, member))).bindings[0].members) == [member]


def test_a_member_by_uid_is_not_taken_and_ignored(policies: Policies) -> None:
    """Tokens here carry no uid, so a grant by uid would have no effect: it is UNIMPLEMENTED."""
    member = f"principal://{POOL_PATH}/kubernetes.serviceaccount.uid/6f3e"
    assert status(policies, policy(grant(READ, member))) == "UNIMPLEMENTED"


@pytest.mark.parametrize(
    "member",
    [
        f"principal://{POOL_PATH}/namespace/team-a",
        f"principalSet://{POOL_PATH}/subject/ns/team-a/sa/x",
        f"principal://{POOL_PATH}/subject/",
        "domain:",
        "domain:acme",
        "user:a b@acme.example",
        "deleted:user:ada@acme.example?uid=1",
    ],
)
def test_what_belongs_to_another_kind_is_refused(policies: Policies, member: str) -> None:
    """A set is no principal and a principal is no set; values match their type; a deleted member cannot be added."""
    assert status(policies, policy(grant(READ, member))) == "INVALID_ARGUMENT"


def test_convenience_members_are_not_emulated(policies: Policies) -> None:
    """Members for basic roles of a project are UNIMPLEMENTED."""
    assert status(policies, policy(grant(READ, f"projectViewer:{PROJECT}"))) == "UNIMPLEMENTED"


@pytest.mark.parametrize(
    ("member", "kept"),
    [
        ("user:Ada@Acme.Example", "user:ada@acme.example"),
        ("User:Ada@Acme.Example", "User:ada@acme.example"),
        ("deleted:serviceAccount:A@B.example?uid=1", "deleted:serviceAccount:a@b.example?uid=1"),
        ("deleted:principal://X/Y?uid=1", "deleted:principal://X/Y?uid=1"),
        ("principalSet://X/Y", "principalSet://X/Y"),
        ("allUsers", "allUsers"),
    ],
)
def test_what_of_a_member_is_folded(member: str, kept: str) -> None:
    """Values are case-folded, types and principals are not."""
    assert members.canonical(member) == kept


@pytest.mark.parametrize(
    ("member", "who", "allowed"),
    [
        ("domain:acme.example", caller("user:ada@acme.example"), True),
        ("domain:acme.example", caller("user:ada@other.example"), False),
        ("domain:acme.example", caller("serviceAccount:ada@acme.example"), False),
        (f"serviceAccount:{POOL}[team-a/wheels-reader]", caller(READER), True),
        (f"serviceAccount:{POOL}[team-a/wheels-reader]", caller(WRITER), False),
        (READER, caller(READER), True),
        (READER, caller(READER + "x"), False),
        ("group:devs@acme.example", caller("user:ada@acme.example", "group:devs@acme.example"), True),
        ("allUsers", None, True),
        ("allAuthenticatedUsers", None, False),
    ],
)
def test_whom_a_member_means(policies: Policies, member: str, who: Caller | None, allowed: bool) -> None:
    """A grant applies to the callers that its member matches, in each form."""
    policies.replace(REPOSITORY, policy(grant(READ, member)))
    assert policies.allowed(who, REPOSITORY, DOWNLOAD) is allowed


def test_create_on_push_contains_the_plain_role(policies: Policies) -> None:
    """The createOnPush variant has the permissions of writer, and one more."""
    policies.replace(REPOSITORY, policy(grant("roles/artifactregistry.createOnPushWriter", READER)))
    upload, push = (f"artifactregistry.repositories.{verb}" for verb in ("uploadArtifacts", "createOnPush"))
    asked = [upload, push, "artifactregistry.repositories.deleteArtifacts"]
    assert policies.held(caller(READER), REPOSITORY, asked) == [upload, push]


def test_nothing_is_held_on_what_is_not_there(policies: Policies) -> None:
    """The published proto: an empty set and no NOT_FOUND, even for an owner of the project."""
    owner = caller("user:owner@acme.example")
    assert policies.held(owner, REPOSITORY, [DOWNLOAD]) == [DOWNLOAD]
    assert policies.held(owner, f"{REPOSITORY}-absent", [DOWNLOAD]) == []


def test_permissions_have_no_wildcards(policies: Policies) -> None:
    """A wildcard among the permissions is an invalid argument."""
    with pytest.raises(ApiError) as caught:
        policies.held(caller(READER), REPOSITORY, ["artifactregistry.*"])
    assert caught.value.status == "INVALID_ARGUMENT"


SOMEBODY, ANOTHER = "user:somebody@acme.example", "user:another@acme.example"


def downloaders(policies: Policies) -> set[str]:
    """Which of the two callers may download."""
    return {who for who in (SOMEBODY, ANOTHER) if policies.allowed(caller(who), REPOSITORY, DOWNLOAD)}


def test_a_policy_is_felt_later_on_request(policies: Policies, clock: Clock) -> None:
    """Grants and revocations can be read at once, and take effect in the order in which they were set."""
    policies.propagation.set_world(120)
    began = clock.now
    for second, who in ((0, [SOMEBODY]), (60, [SOMEBODY, ANOTHER]), (90, [ANOTHER])):
        clock.now = began + second
        policies.replace(REPOSITORY, policy(grant(READ, *who)))
        assert list(policies.get(REPOSITORY).bindings[0].members) == who
    felt = {}
    for second in (90, 119, 120, 179, 180, 209, 210):
        clock.now = began + second
        felt[second] = downloaders(policies)
    both = {SOMEBODY, ANOTHER}
    assert felt == {90: set(), 119: set(), 120: {SOMEBODY}, 179: {SOMEBODY}, 180: both, 209: both, 210: {ANOTHER}}


def test_what_is_awaited_ends_with_the_delay(policies: Policies) -> None:
    """When policies take effect at once again, pending ones do too."""
    policies.propagation.set_world(120)
    policies.replace(REPOSITORY, policy(grant(READ, SOMEBODY)))
    assert downloaders(policies) == set()
    policies.propagation.set_world(0)
    assert downloaders(policies) == {SOMEBODY}
    policies.propagation.set_world(120)
    assert downloaders(policies) == {SOMEBODY}


def test_what_is_planted_is_felt_at_once(policies: Policies) -> None:
    """Whatever the delay, and whatever is pending."""
    policies.propagation.set_world(120)
    policies.replace(REPOSITORY, policy(grant(READ, SOMEBODY)))
    policies.plant(REPOSITORY, policy(grant(READ, ANOTHER)))
    assert downloaders(policies) == {ANOTHER}


def test_a_set_without_change_is_nothing_to_wait_for(policies: Policies, clock: Clock) -> None:
    """It does not delay pending policies."""
    policies.propagation.set_world(120)
    policies.replace(REPOSITORY, policy(grant(READ, SOMEBODY)))
    clock.now += 100
    policies.replace(REPOSITORY, policy(grant(READ, SOMEBODY)))
    clock.now += 20
    assert downloaders(policies) == {SOMEBODY}
