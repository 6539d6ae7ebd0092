"""One access, Secrets in many namespaces, on a real API server with the shipped rights and admission policies."""

from collections import Counter
from contextlib import ExitStack

import pytest
from support.kube import ACCESSES, REPOSITORIES, Kube, await_that, principal

pytestmark = pytest.mark.e2e

READER = "roles/artifactregistry.reader"
TEAMS = tuple(f"fan-{letter}" for letter in "abcdef")


def owner(kube: Kube, name: str, label: str) -> None:
    """A Ready repository in a namespace of its own, and the ServiceAccount for packages there."""
    kube.namespace(name)
    kube.service_account(name, "pull")
    kube.repository(name, name, accessFrom={"namespaceSelector": {"matchLabels": {"fan": label}}})
    kube.await_ready(REPOSITORIES, name, name)


def fan_out(kube: Kube, name: str, label: str, **secret: object) -> None:
    """An access of the repository's namespace that selects namespaces by a label."""
    wanted = {"name": "pip", "namespaceSelector": {"matchLabels": {"fan": label}}, "serviceAccountName": "pull"}
    kube.access(name, "fan", name, secret=wanted | secret)


def token(kube: Kube, namespace: str) -> str:
    found = kube.secret(namespace, "pip")
    assert found is not None
    return found["netrc"].split()[-1]


def has(kube: Kube, *namespaces: str) -> bool:
    return all(kube.secret(namespace, "pip") is not None for namespace in namespaces)


def test_one_identity_for_all(kube: Kube) -> None:
    """One mint, one request for each Secret; a new namespace is served, and one that opts out is not."""
    for team in TEAMS:
        kube.namespace(team, projects="", fan="shared")
    owner(kube, "fan-shared", "shared")
    with ExitStack() as stack:
        counts = [stack.enter_context(kube.counted(name)) for name in ("fan-shared", *TEAMS)]
        fan_out(kube, "fan-shared", "shared", identityFrom="AccessNamespace")
        kube.await_ready(ACCESSES, "fan-shared", "fan")
    costs = sum(counts, Counter[str]())
    assert costs["patch secrets"] == len(TEAMS)
    assert costs["patch repositoryaccesses/status"] == 2
    assert costs["create serviceaccounts/token"] == 1
    assert len({token(kube, team) for team in TEAMS}) == 1
    assert kube.members("fan-shared") == {READER: [principal("fan-shared", "pull")]}
    body = kube.get(ACCESSES, "fan-shared", "fan")
    assert body is not None
    assert body["status"]["secret"]["summary"] == "6/6"
    kube.namespace("fan-late", projects="", fan="shared")
    kube.namespace("fan-a", projects="", fan="shared", opted_in=False)
    kube.namespace("fan-b", projects="", fan="other")
    kube.world.kubectl("delete", "namespace", "fan-c", "--wait=false")
    await_that(lambda: has(kube, "fan-late"), "the Secret of a new namespace")
    await_that(lambda: not has(kube, "fan-a") and not has(kube, "fan-b"), "the Secrets of two namespaces to go")
    left = ["fan-d", "fan-e", "fan-f", "fan-late"]

    def settled() -> bool:
        found = kube.get(ACCESSES, "fan-shared", "fan")
        return found is not None and sorted(found["status"]["secret"]["namespaces"]) == left

    await_that(settled, "the ledger to have four namespaces")
    kube.await_ready(ACCESSES, "fan-shared", "fan")
    kube.delete(ACCESSES, "fan-shared", "fan")
    kube.await_gone(ACCESSES, "fan-shared", "fan")
    assert not any(has(kube, team) for team in left)


def test_an_identity_in_each_namespace(kube: Kube) -> None:
    """Each ServiceAccount gets the role and its own token; one that is missing is reported, and costs no other."""
    teams = ("own-a", "own-b", "own-c")
    for team in teams:
        kube.namespace(team, projects="", fan="own")
    for team in teams[:2]:
        kube.service_account(team, "pull")
    owner(kube, "fan-own", "own")
    fan_out(kube, "fan-own", "own")
    body = kube.await_reason(ACCESSES, "fan-own", "fan", "PartlyDistributed")
    assert body["status"]["secret"]["failed"] == [{"namespace": "own-c", "reason": "ServiceAccountNotFound"}]
    kube.service_account("own-c", "pull")
    kube.await_ready(ACCESSES, "fan-own", "fan")
    assert len({token(kube, team) for team in teams}) == len(teams)
    assert set(kube.members("fan-own")[READER]) == {principal(team, "pull") for team in teams}


def test_the_own_access_of_a_namespace_comes_first(kube: Kube) -> None:
    """It takes the Secret over from the fan-out, which gets it back when the access is deleted."""
    for team in ("first-a", "first-b"):
        kube.namespace(team, projects="", fan="first")
    owner(kube, "fan-first", "first")
    fan_out(kube, "fan-first", "first", identityFrom="AccessNamespace")
    kube.await_ready(ACCESSES, "fan-first", "fan")
    before = token(kube, "first-a")
    kube.reader("first-a", "own", "fan-first", "pull", secret="pip", of="fan-first")
    kube.await_ready(ACCESSES, "first-a", "own")
    assert token(kube, "first-a") != before
    body = kube.await_reason(ACCESSES, "fan-first", "fan", "PartlyDistributed")
    assert body["status"]["secret"]["failed"] == [{"namespace": "first-a", "reason": "SecretConflict"}]
    assert "RepositoryAccess first-a/own" in kube.condition(body, "Ready")["message"]
    taken = await_that(
        lambda: [each for each in kube.events("first-a", "own") if each["reason"] == "SecretTakenOver"], "the Event"
    )
    assert "fan-first/fan" in taken[0]["note"]
    kube.delete(ACCESSES, "first-a", "own")
    kube.await_gone(ACCESSES, "first-a", "own")
    kube.await_ready(ACCESSES, "fan-first", "fan")
    assert has(kube, "first-a", "first-b")


def test_a_name_that_did_not_opt_in(kube: Kube) -> None:
    """Status names it with the remedy, and nothing is written there."""
    kube.namespace("name-open", projects="")
    kube.namespace("name-closed", projects="", opted_in=False)
    owner(kube, "fan-name", "name")
    wanted = {"namespaces": ["name-open", "name-closed"], "identityFrom": "AccessNamespace"}
    fan_out(kube, "fan-name", "name", **wanted)
    body = kube.await_reason(ACCESSES, "fan-name", "fan", "PartlyDistributed")
    assert body["status"]["secret"]["failed"] == [{"namespace": "name-closed", "reason": "NotOptedIn"}]
    assert has(kube, "name-open")
    assert not has(kube, "name-closed")
    kube.namespace("name-closed", projects="")
    kube.await_ready(ACCESSES, "fan-name", "fan")
    assert has(kube, "name-closed")
