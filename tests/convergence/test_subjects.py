"""Subjects of other namespaces and pools in the whole loop: what each change costs, and that no access is lost."""

from collections import Counter
from typing import Any

import pytest
from convergence.simulation import Simulation
from fakes.world import Fakes

from wheelhouse.domain.iam import Binding, Identity
from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.objects import Kind

NAME = RepositoryName("acme-packages", "us-central1", "wheels")
WHEELS, READERS = ObjectKey("owners", "wheels"), ObjectKey("owners", "readers")
READER = "roles/artifactregistry.reader"
ML = {"matchLabels": {"team": "ml"}}
OTHER_CLUSTER = (
    "principal://iam.googleapis.com/projects/7/locations/global/workloadIdentityPools/other-project.svc.id.goog"
    "/subject/ns/owners/sa/ci"
)
CHANGES = ("policies.get", "policies.set", "objects.write_status")


def selecting(selector: dict[str, Any], **more: Any) -> dict[str, Any]:
    subject = {"kind": "ServiceAccount", "name": "runner", "namespaceSelector": selector}
    return {"repositoryRef": {"name": "wheels"}, "subjects": [subject], **more}


async def loop(spec: dict[str, Any] | None = None) -> Simulation:
    """An operator that has finished with an access in the repository's namespace; two namespaces have the label."""
    fakes = Fakes()
    fakes.cluster.put_namespace("owners", projects="acme-packages")
    for name in ("ml-a", "ml-b"):
        fakes.cluster.put_namespace(name, team="ml")
    fakes.cluster.put_namespace("web")
    fakes.cluster.put(Kind.REPOSITORY, WHEELS, {"location": "us-central1"})
    fakes.cluster.put(Kind.ACCESS, READERS, spec or selecting(ML))
    simulation = Simulation(fakes)
    await simulation.run(60)
    simulation.fakes.calls.clear()
    return simulation


def members(simulation: Simulation) -> set[str]:
    """The members in the policy: ServiceAccounts as namespace/name."""
    known = {
        simulation.fakes.workload.member(Identity(name, account)): f"{name}/{account}"
        for name in ("owners", "ml-a", "ml-b", "web")
        for account in ("runner", "ci")
    }
    return {known.get(member, member) for _, member in simulation.fakes.google.policy(NAME).grants()}


def cost(simulation: Simulation) -> Counter[str]:
    count = simulation.fakes.calls.count()
    return Counter({name: count[name] for name in CHANGES})


def ready(simulation: Simulation, key: ObjectKey = READERS) -> tuple[str, str, str]:
    rows = simulation.fakes.cluster.objects[Kind.ACCESS, key]["status"]["conditions"]
    return next((row["status"], row["reason"], row["message"]) for row in rows if row["type"] == "Ready")


@pytest.mark.parametrize(
    ("change", "left"),
    [
        (lambda fakes: fakes.cluster.put_namespace("web", team="ml"), {"ml-a/runner", "ml-b/runner", "web/runner"}),
        (lambda fakes: fakes.cluster.put_namespace("ml-b", team="web"), {"ml-a/runner"}),
        (lambda fakes: fakes.cluster.put_namespace("ml-b", team="ml", deleting=True), {"ml-a/runner"}),
        (lambda fakes: fakes.cluster.namespaces.pop("ml-b"), {"ml-a/runner"}),
    ],
    ids=["gains the label", "loses the label", "terminates", "is gone"],
)
async def test_grants_follow_the_labels(change: Any, left: set[str]) -> None:
    """Each change of a namespace is one read and one set, two statuses of the access, and the repository's count."""
    simulation = await loop()
    assert members(simulation) == {"ml-a/runner", "ml-b/runner"}
    change(simulation.fakes)
    await simulation.run(60)
    assert members(simulation) == left
    found = cost(simulation)
    assert (found["policies.get"], found["policies.set"]) == (1, 1)
    written = Counter(call.args[0] for call in simulation.fakes.calls.log if call.name == "objects.write_status")
    assert written[Kind.ACCESS] <= 2
    assert written[Kind.REPOSITORY] == 1


async def test_a_revocation_is_an_event_unless_the_namespace_is_being_deleted() -> None:
    """Kubernetes refuses Events in a Namespace that is being deleted, so the operator sends none there."""
    simulation = await loop()
    fakes = simulation.fakes
    reader = {
        "repositoryRef": {"name": "wheels", "namespace": "owners"},
        "subjects": [{"kind": "ServiceAccount", "name": "runner"}],
    }
    fakes.cluster.put(
        Kind.REPOSITORY, WHEELS, {"location": "us-central1", "accessFrom": {"namespaces": ["web", "ml-a"]}}
    )
    for namespace in ("web", "ml-a"):
        fakes.cluster.put(Kind.ACCESS, ObjectKey(namespace, "reader"), reader)
    fakes.cluster.delete(Kind.ACCESS, READERS)
    await simulation.run(60)
    assert members(simulation) == {"web/runner", "ml-a/runner"}
    fakes.cluster.events.clear()
    fakes.cluster.put_namespace("ml-a", team="ml", deleting=True)
    fakes.cluster.put(Kind.REPOSITORY, WHEELS, {"location": "us-central1", "accessFrom": {"namespaces": ["ml-a"]}})
    await simulation.run(60)
    assert members(simulation) == set()
    notes = [event.note for event in fakes.cluster.events if event.reason == "GrantRevoked"]
    assert len(notes) == 1
    assert "RefNotPermitted" in notes[0]
    assert "ns/web/sa/runner" in notes[0]


async def test_a_label_that_no_selector_names_costs_nothing() -> None:
    """A namespace that matches as before wakes no access."""
    simulation = await loop()
    simulation.fakes.cluster.put_namespace("ml-b", team="ml", stage="test")
    await simulation.run(60)
    assert cost(simulation) == Counter(dict.fromkeys(CHANGES, 0))


async def test_a_selector_that_comes_to_match_everything_is_refused_and_says_why() -> None:
    """No set ever has the members of all namespaces; the message names the principal to use instead."""
    simulation = await loop(
        selecting({"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "Exists"}]})
    )
    assert members(simulation) == set()
    status, reason, message = ready(simulation)
    assert (status, reason) == ("False", "SubjectNotPermitted")
    assert "principalSet://" in message
    assert not any(call.name == "policies.set" for call in simulation.fakes.calls.log)


async def test_a_change_of_role_is_one_set_for_all_namespaces() -> None:
    """Reader and Writer are exchanged in one set, so that no workload is without access in between."""
    simulation = await loop()
    simulation.fakes.cluster.put(Kind.ACCESS, READERS, selecting(ML, role="Writer"))
    await simulation.run(60)
    grants = simulation.fakes.google.policy(NAME).grants()
    assert {role for role, _ in grants} == {"roles/artifactregistry.writer"}
    assert members(simulation) == {"ml-a/runner", "ml-b/runner"}
    assert cost(simulation)["policies.set"] == 1


@pytest.mark.parametrize("seen", [True, False], ids=["seen before", "seen first suspended"])
async def test_a_suspended_access_shows_a_subject_that_it_may_not_have(seen: bool) -> None:
    """Suspend does not hide a subject that can never get a grant, even if it came while no operator ran."""
    own = ObjectKey("web", "own")
    runner = {"kind": "ServiceAccount", "name": "runner"}
    spec = {"repositoryRef": {"name": "wheels", "namespace": "owners"}, "subjects": [runner]}
    simulation = await loop()
    fakes = simulation.fakes
    fakes.cluster.put(Kind.REPOSITORY, WHEELS, {"location": "us-central1", "accessFrom": {"namespaces": ["web"]}})
    fakes.cluster.put(Kind.ACCESS, own, spec)
    await simulation.run(60)
    assert ready(simulation, own)[:2] == ("True", "Ready")
    spec["subjects"] = [runner, {"kind": "GoogleUser", "name": "ann@example.com"}]
    if seen:
        fakes.cluster.put(Kind.ACCESS, own, spec)
        await simulation.run(60)
        assert ready(simulation, own)[:2] == ("False", "SubjectNotPermitted")
    fakes.cluster.put(Kind.ACCESS, own, spec | {"suspend": True})
    simulation.boot()
    await simulation.run(60)
    assert ready(simulation, own)[:2] == ("False", "SubjectNotPermitted")
    assert members(simulation) >= {"web/runner"}


async def test_a_suspended_access_keeps_its_members() -> None:
    """While it is suspended a namespace that gains the label gets nothing; afterward it does."""
    simulation = await loop()
    simulation.fakes.cluster.put(Kind.ACCESS, READERS, selecting(ML, suspend=True))
    simulation.fakes.cluster.put_namespace("web", team="ml")
    await simulation.run(60)
    assert members(simulation) == {"ml-a/runner", "ml-b/runner"}
    simulation.fakes.cluster.put(Kind.ACCESS, READERS, selecting(ML))
    await simulation.run(60)
    assert members(simulation) == {"ml-a/runner", "ml-b/runner", "web/runner"}


async def test_a_principal_of_another_cluster_survives_a_restart_and_goes_with_its_subject() -> None:
    """Its grant is ours although it is in another pool: the operator starts, keeps it, and revokes it in the end."""
    spec = {"repositoryRef": {"name": "wheels"}, "subjects": [{"kind": "Principal", "name": OTHER_CLUSTER}]}
    simulation = await loop(spec)
    assert members(simulation) == {OTHER_CLUSTER}
    simulation.boot()
    await simulation.run(60)
    assert members(simulation) == {OTHER_CLUSTER}
    spec["subjects"] = [{"kind": "ServiceAccount", "name": "ci"}]
    simulation.fakes.cluster.put(Kind.ACCESS, READERS, spec)
    await simulation.run(60)
    assert members(simulation) == {"owners/ci"}


async def test_the_last_claimant_of_a_shared_member_removes_it() -> None:
    """One access selects a ServiceAccount and another names it: it stays until neither wants it."""
    simulation = await loop()
    named = ObjectKey("owners", "named")
    subject = {"kind": "ServiceAccount", "name": "runner", "namespace": "ml-b"}
    simulation.fakes.cluster.put(Kind.ACCESS, named, {"repositoryRef": {"name": "wheels"}, "subjects": [subject]})
    await simulation.run(60)
    simulation.fakes.cluster.put_namespace("ml-b", team="web")
    await simulation.run(60)
    assert members(simulation) == {"ml-a/runner", "ml-b/runner"}
    simulation.fakes.cluster.delete(Kind.ACCESS, named)
    await simulation.run(60)
    assert members(simulation) == {"ml-a/runner"}


async def test_an_account_that_is_deleted_and_created_again_in_google() -> None:
    """Its tombstone is removed with the new grant in one set; the tombstone of another client stays."""
    robot = "serviceAccount:ci@acme-packages.iam.gserviceaccount.com"
    spec = {
        "repositoryRef": {"name": "wheels"},
        "subjects": [{"kind": "GoogleServiceAccount", "name": robot.partition(":")[2]}],
    }
    simulation = await loop(spec)
    foreign = "deleted:user:eve@example.com?uid=1"
    simulation.fakes.google.plant_policy(NAME, Binding(READER, (foreign, f"deleted:{robot}?uid=2")))
    await simulation.run(900)
    assert members(simulation) == {foreign, robot}
    assert cost(simulation)["policies.set"] == 1


async def test_a_forbidden_repository_that_changes_wakes_nothing_that_writes() -> None:
    """A waiter is checked whenever the repository changes, but a write would reveal that the repository exists."""
    simulation = await loop()
    fakes = simulation.fakes
    waiting, absent = ObjectKey("web", "waiting"), ObjectKey("web", "absent")
    for key, name in ((waiting, "wheels"), (absent, "nothing")):
        subjects = [{"kind": "ServiceAccount", "name": "runner"}]
        reference = {"name": name, "namespace": "owners"}
        fakes.cluster.put(Kind.ACCESS, key, {"repositoryRef": reference, "subjects": subjects})
    await simulation.run(60)
    written = [ready(simulation, key)[:2] for key in (waiting, absent)]
    assert written == [("False", "RefNotPermitted")] * 2
    fakes.calls.clear()
    for description in ("one", "two", "three"):
        access_from = {"namespaces": [description]}
        spec = {"location": "us-central1", "description": description, "accessFrom": access_from}
        fakes.cluster.put(Kind.REPOSITORY, WHEELS, spec)
        await simulation.run(60)
    touched = [c for c in fakes.calls.log if c.name.startswith("objects.") and "web" in str(c.args)]
    assert touched == []
