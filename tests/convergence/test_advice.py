"""Events for advice that turns bad: one for each change, and none for a restart."""

from typing import Any

from convergence.simulation import Simulation
from fakes.world import Fakes

from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.objects import Kind
from wheelhouse.reconcile.ledger import EVENT_PAUSE

ALL = ObjectKey("team", "all")
UPSTREAMS: dict[str, dict[str, Any]] = {"own": {}, "pypi": {"mode": "Remote", "remote": {"upstream": "PyPI"}}}
SAFE = "IndexSafe"
HOUR = 3600.0
WHEELS, ACCESS = ObjectKey("team", "wheels"), ObjectKey("team", "access")
CLEANUP = "CleanupDeletesNothing"
ABSENT = "ServiceAccountNotFound"


def rank(fakes: Fakes, **priorities: int) -> None:
    """Declare the Virtual repository with these upstreams."""
    upstreams = [
        {"name": name, "priority": priority, "repositoryRef": {"name": name}} for name, priority in priorities.items()
    ]
    spec = {"location": "us-central1", "mode": "Virtual", "virtual": {"upstreams": upstreams}}
    fakes.cluster.put(Kind.REPOSITORY, ALL, spec)


async def ranked(**priorities: int) -> Simulation:
    """An operator that has finished with a Virtual repository over its upstreams."""
    fakes = Fakes()
    fakes.cluster.put_namespace("team", projects="acme-packages")
    for name, more in UPSTREAMS.items():
        fakes.cluster.put(Kind.REPOSITORY, ObjectKey("team", name), {"location": "us-central1", **more})
    rank(fakes, **priorities)
    simulation = Simulation(fakes)
    await simulation.run(120)
    return simulation


def safe(simulation: Simulation) -> tuple[str, str]:
    """Status and reason of IndexSafe."""
    rows = simulation.fakes.cluster.objects[Kind.REPOSITORY, ALL]["status"]["conditions"]
    return next((row["status"], row["reason"]) for row in rows if row["type"] == SAFE)


def warnings(simulation: Simulation, reason: str = "PublicOutranksPrivate") -> list[str]:
    """The notes of the Warning Events about the advice."""
    events = simulation.fakes.cluster.events
    assert all(event.warning for event in events if event.reason == reason)
    return [event.note for event in events if event.reason == reason]


def message(simulation: Simulation, kind: Kind, key: ObjectKey, condition: str) -> str:
    """The message of a condition, which must be True."""
    rows = simulation.fakes.cluster.objects[kind, key]["status"]["conditions"]
    return next(row["message"] for row in rows if row["type"] == condition and row["status"] == "True")


async def test_advice_that_turns_bad_is_one_event() -> None:
    """Nothing is sent while the ranks are correct, and one Event when the public upstream outranks the private one."""
    simulation = await ranked(own=2, pypi=1)
    assert safe(simulation) == ("Unknown", "SameVersionOnly")
    assert warnings(simulation) == []
    rank(simulation.fakes, own=1, pypi=2)
    await simulation.run(3600)
    assert safe(simulation) == ("False", "PublicOutranksPrivate")
    assert len(warnings(simulation)) == 1
    assert "Give the Standard upstreams a larger priority" in warnings(simulation)[0]


async def test_a_restart_does_not_repeat_the_event() -> None:
    """An object that is bad from its creation is reported once, whatever number of operators starts afterwards."""
    simulation = await ranked(own=1, pypi=1)
    assert len(warnings(simulation)) == 1
    for _ in range(3):
        simulation.boot()
        await simulation.run(1800)
    assert safe(simulation) == ("False", "PublicOutranksPrivate")
    assert len(warnings(simulation)) == 1


async def test_advice_that_turns_bad_again_is_another_event() -> None:
    """After it was good, it is news again."""
    simulation = await ranked(own=1, pypi=2)
    for priority in (0, 2):
        rank(simulation.fakes, own=1, pypi=priority)
        await simulation.run(EVENT_PAUSE)
    assert len(warnings(simulation)) == 2


async def cleaned(*actions: str) -> Simulation:
    """An operator that has finished with a repository whose cleanup policies have these actions."""
    fakes = Fakes()
    fakes.cluster.put_namespace("team", projects="acme-packages")
    clean(fakes, *actions)
    simulation = Simulation(fakes)
    await simulation.run(120)
    return simulation


def clean(fakes: Fakes, *actions: str) -> None:
    """Declare the repository with one cleanup policy for each action."""
    policies = [{"name": action.lower(), "action": action, "condition": {"olderThan": "30d"}} for action in actions]
    spec = {"location": "us-central1", "cleanup": {"policies": policies}}
    fakes.cluster.put(Kind.REPOSITORY, WHEELS, spec)


async def granted(*subjects: str, secret: str = "") -> Simulation:
    """An operator that has finished with an access to a repository; only the ServiceAccount `pull` exists."""
    fakes = Fakes()
    fakes.cluster.put_namespace("team", projects="acme-packages", opted_in=True)
    fakes.cluster.service_accounts.add(("team", "pull"))
    fakes.cluster.put(Kind.REPOSITORY, WHEELS, {"location": "us-central1"})
    spec: dict[str, Any] = {
        "repositoryRef": {"name": "wheels"},
        "subjects": [{"kind": "ServiceAccount", "name": name} for name in subjects],
    }
    if secret:
        spec["secret"] = {"serviceAccountName": secret}
    fakes.cluster.put(Kind.ACCESS, ACCESS, spec)
    simulation = Simulation(fakes)
    await simulation.run(300)
    return simulation


async def test_cleanup_policies_that_delete_nothing_are_one_event() -> None:
    """Policies with Keep alone are reported once, also after a restart, and their repository is Synced."""
    simulation = await cleaned("Keep")
    simulation.boot()
    await simulation.run(3600)
    assert len(warnings(simulation, CLEANUP)) == 1
    assert warnings(simulation, CLEANUP)[0] == message(simulation, Kind.REPOSITORY, WHEELS, "Synced")


async def test_an_edit_that_leaves_no_policy_to_delete_is_one_event() -> None:
    """Nothing is sent while a policy deletes, and one Event when an edit removes it; the next edit ends the advice."""
    simulation = await cleaned("Keep", "Delete")
    assert warnings(simulation, CLEANUP) == []
    clean(simulation.fakes, "Keep")
    await simulation.run(3600)
    assert len(warnings(simulation, CLEANUP)) == 1
    clean(simulation.fakes, "Delete")
    await simulation.run(3600)
    assert len(warnings(simulation, CLEANUP)) == 1
    assert message(simulation, Kind.REPOSITORY, WHEELS, "Synced") == "Artifact Registry matches the spec."


async def test_a_grant_for_a_missing_serviceaccount_is_one_event() -> None:
    """The Event names the ServiceAccount, and is not repeated by a restart."""
    simulation = await granted("pull", "late")
    simulation.boot()
    await simulation.run(3600)
    notes = warnings(simulation, ABSENT)
    assert notes == [message(simulation, Kind.ACCESS, ACCESS, "Granted")]
    assert "ServiceAccount team/late does not exist yet" in notes[0]


async def test_a_serviceaccount_that_appears_ends_the_advice_and_its_loss_is_news() -> None:
    """Nothing is sent when the ServiceAccount appears, and another Event when it is deleted again."""
    simulation = await granted("pull", "late")
    accounts = simulation.fakes.cluster.service_accounts
    accounts.add(("team", "late"))
    await simulation.run(EVENT_PAUSE)
    assert len(warnings(simulation, ABSENT)) == 1
    assert message(simulation, Kind.ACCESS, ACCESS, "Granted").startswith("2 members have")
    accounts.discard(("team", "late"))
    await simulation.run(EVENT_PAUSE)
    assert len(warnings(simulation, ABSENT)) == 2


async def test_the_missing_identity_of_a_token_is_reported_once() -> None:
    """Distributed is False because of it and Ready reports that, so Granted has no advice about it."""
    simulation = await granted("pull", secret="late")
    assert len(warnings(simulation, ABSENT)) == 1
    assert message(simulation, Kind.ACCESS, ACCESS, "Granted").startswith("2 members have")


async def test_another_change_of_the_status_does_not_repeat_the_event() -> None:
    """An hour later, the status of a repository with advice gets a new count of accesses."""
    simulation = await cleaned("Keep")
    await simulation.run(3600)
    member = {"kind": "GoogleGroup", "name": "packagers@acme.example"}
    simulation.fakes.cluster.put(
        Kind.ACCESS, ACCESS, {"repositoryRef": {"name": "wheels"}, "role": "Reader", "subjects": [member]}
    )
    await simulation.run(3600)
    assert simulation.fakes.cluster.objects[Kind.REPOSITORY, WHEELS]["status"]["accessSummary"]["accesses"] == 1
    assert len(warnings(simulation, CLEANUP)) == 1


def index_safe(simulation: Simulation) -> tuple[str, str] | None:
    """Status and reason of the IndexSafe of the access; None without the condition."""
    rows = simulation.fakes.cluster.objects[Kind.ACCESS, ACCESS]["status"]["conditions"]
    return next(((row["status"], row["reason"]) for row in rows if row["type"] == SAFE), None)


def reads(simulation: Simulation, repository: str, **spec: Any) -> None:
    """Declare an access with a Secret to a repository."""
    body = {"repositoryRef": {"name": repository}, "subjects": [{"kind": "ServiceAccount", "name": "pull"}], **spec}
    simulation.fakes.cluster.service_accounts.add(("team", "pull"))
    simulation.fakes.cluster.put(Kind.ACCESS, ACCESS, body)


async def virtual(**secret: Any) -> Simulation:
    """An operator that has finished with an access to a Virtual repository that ranks its upstreams correctly."""
    simulation = await ranked(own=2, pypi=1)
    simulation.fakes.cluster.put_namespace("team", projects="acme-packages", opted_in=True)
    reads(simulation, "all", secret=secret)
    await simulation.run(120)
    return simulation


async def test_an_access_has_the_advice_of_its_virtual_repository() -> None:
    """Unknown while the ranks are correct; False with one Event when they are not, and Ready all the time."""
    simulation = await virtual()
    assert index_safe(simulation) == ("Unknown", "SameVersionOnly")
    assert warnings(simulation, "DependencyConfusion") == []
    rank(simulation.fakes, own=1, pypi=2)
    await simulation.run(HOUR)
    simulation.boot()
    await simulation.run(HOUR)
    assert index_safe(simulation) == ("False", "DependencyConfusion")
    assert len(warnings(simulation, "DependencyConfusion")) == 1
    assert message(simulation, Kind.ACCESS, ACCESS, "Ready")


async def test_an_extra_index_is_advised_against() -> None:
    """Whatever the repository is; the advice ends with the field, or with the Secret."""
    simulation = await virtual(index="Extra")
    assert index_safe(simulation) == ("False", "DependencyConfusion")
    reads(simulation, "all", secret={})
    await simulation.run(120)
    assert index_safe(simulation) == ("Unknown", "SameVersionOnly")
    reads(simulation, "all")
    await simulation.run(120)
    assert index_safe(simulation) is None
    assert len(warnings(simulation, "DependencyConfusion")) == 1


async def test_a_writers_secret_that_hides_the_public_index_is_one_event() -> None:
    """A Standard repository alone has no build requirements; a reader's Secret and an Extra index need no advice."""
    simulation = await virtual()
    hidden = "PublicIndexHidden"
    for spec in ({"secret": {}}, {"role": "Writer", "secret": {"index": "Extra"}}):
        simulation.fakes.cluster.delete(Kind.ACCESS, ACCESS)
        await simulation.run(120)
        reads(simulation, "own", **spec)
        await simulation.run(120)
        assert warnings(simulation, hidden) == []
    reads(simulation, "own", role="Writer", secret={})
    await simulation.run(HOUR)
    simulation.boot()
    await simulation.run(HOUR)
    assert len(warnings(simulation, hidden)) == 1
    assert warnings(simulation, hidden)[0] in message(simulation, Kind.ACCESS, ACCESS, "Distributed")
