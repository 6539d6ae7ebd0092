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


def warnings(simulation: Simulation) -> list[str]:
    """The notes of the Events about the advice."""
    events = simulation.fakes.cluster.events
    return [event.note for event in events if event.reason == "PublicOutranksPrivate"]


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
