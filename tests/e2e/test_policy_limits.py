"""What IAM allows in a policy: its limits, allowed domains, deleted accounts, and the time until a grant works."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from support.google import ask
from support.kube import ACCESSES, PROJECT, REPOSITORIES, Kube, await_that, principal

from wheelhouse_local import control

pytestmark = pytest.mark.e2e

READER = "roles/artifactregistry.reader"
ACCOUNTS = f"projects/{PROJECT}/serviceAccounts"


@pytest.fixture(autouse=True)
def _as_before(kube: Kube) -> Iterator[None]:
    """Google's own limits, no allowed domains and no delays, for the tests that follow."""
    yield
    state = kube.world.state
    control.limits(state, {"principals": None})
    control.restrict(state, PROJECT, None)
    control.clear(state)


def prepared(kube: Kube, name: str) -> None:
    """A namespace with a repository of the same name."""
    kube.namespace(name)
    kube.repository(name, name)
    kube.await_ready(REPOSITORIES, name, name)


def status(kube: Kube, namespace: str, name: str) -> dict[str, Any]:
    body = kube.get(ACCESSES, namespace, name)
    assert body is not None
    found: dict[str, Any] = body["status"]
    return found


def stated(kube: Kube, body: dict[str, Any], *kinds: str) -> list[str]:
    """The status of each of these conditions; empty for one that is absent."""
    return [kube.condition(body, kind)["status"] for kind in kinds]


def ask_again(kube: Kube, namespace: str, name: str) -> None:
    """Request a check of an access: the next pass over the policy tries its grants again.

    By itself, a request reads the policy once in 30 seconds at most. A change of another access does it at once.
    """
    kube.annotate(ACCESSES, namespace, name, "wheelhouse.dev/requested-at", "again")
    await_that(lambda: status(kube, namespace, name).get("lastHandledRequest") == "again", "the request to be handled")


def test_a_full_policy_leaves_older_accesses_alone(kube: Kube) -> None:
    """An access beyond the limit is PolicyFull with the remedy, and gets its grant once another one is deleted."""
    prepared(kube, "full")
    for name in ("first", "second"):
        kube.reader("full", name, "full", name)
        kube.await_ready(ACCESSES, "full", name)
    first, second, third = (principal("full", name) for name in ("first", "second", "third"))
    before = [status(kube, "full", name) for name in ("first", "second")]
    control.limits(kube.world.state, {"principals": 2})
    kube.reader("full", "third", "full", "third")
    body = kube.await_reason(ACCESSES, "full", "third", "PolicyFull")
    assert stated(kube, body, "Granted", "Stalled") == ["False", "True"]
    message = kube.condition(body, "Ready")["message"]
    for words in ("is full", "Remove subjects or accesses", "a group", "principalSet://…/namespace/NAMESPACE"):
        assert words in message
    assert kube.members("full") == {READER: [first, second]}
    assert [status(kube, "full", name) for name in ("first", "second")] == before
    await_that(lambda: "grants" not in status(kube, "full", "third"), "a ledger without a grant that was never set")
    ask_again(kube, "full", "third")
    kube.delete(ACCESSES, "full", "first")
    kube.await_ready(ACCESSES, "full", "third")
    assert kube.members("full") == {READER: [second, third]}
    kube.await_gone(ACCESSES, "full", "first")


def test_a_raised_limit_lets_the_waiting_access_in(kube: Kube) -> None:
    """After the limit is raised, an access that was PolicyFull gets its grant, in one set with a newer one."""
    prepared(kube, "raised")
    kube.reader("raised", "earlier", "raised", "earlier")
    kube.await_ready(ACCESSES, "raised", "earlier")
    control.limits(kube.world.state, {"principals": 1})
    kube.reader("raised", "waiting", "raised", "waiting")
    kube.await_reason(ACCESSES, "raised", "waiting", "PolicyFull")
    assert kube.members("raised") == {READER: [principal("raised", "earlier")]}
    control.limits(kube.world.state, {"principals": 3})
    ask_again(kube, "raised", "waiting")
    with kube.counted("raised") as counts:
        kube.reader("raised", "newer", "raised", "newer")
        kube.await_ready(ACCESSES, "raised", "waiting", "newer")
    assert counts["ArtifactRegistry.SetIamPolicy"] == 1
    assert kube.members("raised") == {READER: [principal("raised", name) for name in ("earlier", "newer", "waiting")]}


def test_a_member_of_another_domain_is_rejected_alone(kube: Kube) -> None:
    """With allowed domains, each access learns of its own rejected members, and all others are granted."""
    prepared(kube, "domains")
    control.restrict(kube.world.state, PROJECT, ["acme.example"])
    own = [{"kind": "GoogleUser", "name": "ann@acme.example"}, {"kind": "GoogleGroup", "name": "team@acme.example"}]
    mixed = [{"kind": "GoogleUser", "name": "eve@evil.example"}, *own]
    kube.access("domains", "mixed", "domains", subjects=mixed)
    kube.access("domains", "outside", "domains", subjects=[{"kind": "GoogleGroup", "name": "team@evil.example"}])
    kube.reader("domains", "neighbor", "domains", "neighbor")
    kube.await_ready(ACCESSES, "domains", "neighbor")
    for name, member, other in (("mixed", "user:eve", "team"), ("outside", "group:team", "eve")):
        body = kube.await_reason(ACCESSES, "domains", name, "MemberRejected")
        assert stated(kube, body, "Granted", "Stalled") == ["False", "True"]
        message = kube.condition(body, "Ready")["message"]
        assert message.startswith(f"IAM rejected {member}@evil.example: ")
        for words in (
            "One or more users named in the policy do not belong to a permitted customer.",
            f"User {member.partition(':')[2]}@evil.example is not in permitted organization.",
            "Correct or remove the subject.",
            "To retry now, change the annotation wheelhouse.dev/requested-at.",
        ):
            assert words in message
        assert f"{other}@evil.example" not in message
    granted = {principal("domains", "neighbor"), "user:ann@acme.example", "group:team@acme.example"}
    assert set(kube.members("domains")[READER]) == granted
    grants = status(kube, "domains", "mixed")["grants"]
    assert [grant["state"] for grant in grants] == ["Rejected", "Granted", "Granted"]
    control.restrict(kube.world.state, PROJECT, None)
    ask_again(kube, "domains", "outside")
    kube.access("domains", "mixed", "domains", subjects=own)
    kube.await_ready(ACCESSES, "domains", "mixed", "outside")
    assert set(kube.members("domains")[READER]) == granted | {"group:team@evil.example"}


def test_only_our_own_tombstone_is_removed(kube: Kube) -> None:
    """Of two deleted service accounts, the operator removes what is left of the one that it granted.

    The access is granted again when the account is, and its deletion removes a tombstone too.
    """
    prepared(kube, "buried")
    ours, foreign = "buried-ours", "buried-foreign"
    members = {each: f"serviceAccount:{each}@{PROJECT}.iam.gserviceaccount.com" for each in (ours, foreign)}
    emails = {each: member.partition(":")[2] for each, member in members.items()}
    uids = {each: ask(kube, "POST", ACCOUNTS, {"accountId": each})["uniqueId"] for each in members}
    tombstones = {each: f"deleted:{members[each]}?uid={uids[each]}" for each in members}
    kube.grant("buried", READER, members[foreign])
    kube.access("buried", "account", "buried", subjects=[{"kind": "GoogleServiceAccount", "name": emails[ours]}])
    kube.await_ready(ACCESSES, "buried", "account")
    assert kube.members("buried") == {READER: [members[foreign], members[ours]]}
    for each in members:
        ask(kube, "DELETE", f"{ACCOUNTS}/{emails[each]}")
    assert kube.members("buried") == {READER: [tombstones[foreign], tombstones[ours]]}
    kube.reader("buried", "other", "buried", "other")
    kube.await_ready(ACCESSES, "buried", "other")
    body = kube.await_reason(ACCESSES, "buried", "account", "MemberRejected")
    assert f"Service account {emails[ours]} does not exist." in kube.condition(body, "Ready")["message"]
    assert kube.members("buried") == {READER: [tombstones[foreign], principal("buried", "other")]}
    assert ask(kube, "POST", ACCOUNTS, {"accountId": ours})["uniqueId"] != uids[ours]
    ask_again(kube, "buried", "account")
    kube.delete(ACCESSES, "buried", "other")
    kube.await_ready(ACCESSES, "buried", "account")
    assert kube.members("buried") == {READER: [tombstones[foreign], members[ours]]}
    ask(kube, "DELETE", f"{ACCOUNTS}/{emails[ours]}")
    kube.delete(ACCESSES, "buried", "account")
    kube.await_gone(ACCESSES, "buried", "account", "other")
    assert kube.members("buried") == {READER: [tombstones[foreign]]}


def test_a_grant_that_does_not_work_yet_is_not_a_failure(kube: Kube) -> None:
    """While IAM propagates a grant, the Secret exists, Verified and Ready say Propagating, and nothing is Stalled."""
    prepared(kube, "slow")
    late = principal("slow", "late")
    control.propagate(kube.world.state, 3600, late)
    for name in ("late", "prompt"):
        kube.reader("slow", name, "slow", name, secret=name)
    kube.await_ready(ACCESSES, "slow", "prompt")
    body = kube.await_reason(ACCESSES, "slow", "late", "Propagating")
    assert stated(kube, body, "Granted", "Distributed") == ["True", "True"]
    assert stated(kube, body, "Verified", "Ready", "Reconciling", "Stalled") == ["False", "False", "True", ""]
    verified = kube.condition(body, "Verified")
    assert (verified["reason"], verified["message"]) == (
        "Propagating",
        "The grant is not in effect yet. IAM takes 2 to 7 minutes, and sometimes more.",
    )
    assert kube.condition(body, "Ready")["message"] == verified["message"]
    assert body["status"]["secret"]["summary"] == "1/1"
    assert kube.secret("slow", "late") is not None
    assert set(kube.members("slow")[READER]) == {late, principal("slow", "prompt")}
    control.propagate(kube.world.state, 0, late)
    kube.await_ready(ACCESSES, "slow", "late")
    body = kube.get(ACCESSES, "slow", "late") or {}
    assert stated(kube, body, "Verified", "Reconciling") == ["True", ""]


def listed(kube: Kube, *arguments: str) -> list[dict[str, str]]:
    """The rows of `kubectl get`, by the names of the columns."""
    header, *lines = kube.world.kubectl("get", *arguments).stdout.splitlines()
    starts = {found[0]: found.start() for found in re.finditer(r"\S+", header)}
    ends = dict(zip(starts, [*list(starts.values())[1:], None], strict=True))
    return [{name: line[start : ends[name]].strip() for name, start in starts.items()} for line in lines]


def test_kubectl_shows_who_has_access(kube: Kube) -> None:
    """`-o wide` lists the members of each access, and the accesses of each repository with a current count."""
    prepared(kube, "views")
    kube.service_account("views", "builder")
    subjects = [{"kind": "ServiceAccount", "name": "builder"}, {"kind": "GoogleGroup", "name": "team@acme.example"}]
    kube.access("views", "writers", "views", role="Writer", subjects=subjects)
    kube.reader("views", "reader", "views", "trainer", secret="pip-config")
    kube.await_ready(ACCESSES, "views", "writers", "reader")
    rows = {row["NAME"]: row for row in listed(kube, "pyaccess", "-A", "-o", "wide") if row["NAMESPACE"] == "views"}
    assert {name: (row["READY"], row["ROLE"], row["SECRETS"], row["GRANTS"]) for name, row in rows.items()} == {
        "writers": ("True", "Writer", "", "Writer: views/builder, group:team@acme.example"),
        "reader": ("True", "Reader", "1/1", "Reader: views/trainer"),
    }
    wide = ("pyrepo", "views", "-n", "views", "-o", "wide")
    await_that(lambda: listed(kube, *wide)[0]["ACCESSES"] == "2", "both accesses to be counted", 10)
    (row,) = listed(kube, *wide)
    body = kube.get(REPOSITORIES, "views", "views") or {}
    assert (row["READY"], row["MODE"], row["INDEX"]) == ("True", "Standard", body["status"]["indexURL"])
    assert row["MESSAGE"] == kube.condition(body, "Ready")["message"]
    assert list(listed(kube, *wide[:4])[0]) == ["NAME", "READY", "REASON", "MODE", "LOCATION", "AGE"]
    kube.delete(ACCESSES, "views", "writers")
    kube.await_gone(ACCESSES, "views", "writers")
    await_that(lambda: listed(kube, *wide)[0]["ACCESSES"] == "1", "the deleted access not to be counted", 10)
