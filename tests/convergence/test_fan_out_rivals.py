"""Accesses that want the same Secret: a namespace's own access before a fan-out, then the older one."""

import pytest
from convergence.fan_out_scenes import SHARED, fan_out, holder, join, places, summary
from convergence.scenes import PULL, WHEELS, access, condition, living_token, owners, reason, wheels
from convergence.secret_scenes import HOUR, SECRET, edit, fail, heal, left, secret
from convergence.simulation import Simulation

from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.objects import Kind
from wheelhouse.errors import Unavailable

ALLOWED = wheels(accessFrom={"namespaces": ["team", "a", "b"]})


async def rivals() -> tuple[Simulation, ObjectKey, ObjectKey]:
    """A fan-out into a and b, and then an access of namespace a with the same Secret name."""
    simulation, fan = await fan_out("a", "b")
    simulation.fakes.cluster.put(Kind.REPOSITORY, WHEELS, ALLOWED)
    own = access(simulation, "a", "own", subjects=PULL, secret=SECRET)
    await simulation.run(60)
    return simulation, fan, own


@pytest.mark.parametrize("restart", [False, True])
async def test_a_namespaces_own_access_displaces_a_fan_out(restart: bool) -> None:
    """It takes the Secret over, with its own token, and an Event says so; the fan-out names it, and never fights."""
    simulation, fan, own = await rivals()
    if restart:
        simulation.boot()
    assert reason(simulation, own) == "Ready"
    await simulation.run(2 * HOUR)
    assert holder(simulation, "a") == own
    assert secret(simulation, "a").managers.keys() == {
        f"wheelhouse.{simulation.fakes.cluster.objects[Kind.ACCESS, own]['metadata']['uid']}"
    }
    assert holder(simulation, "b") == fan
    assert left(simulation, "b") > HOUR / 3
    row = condition(simulation, fan, "Distributed")
    assert row is not None
    assert row.reason == "PartlyDistributed"
    assert "belongs to RepositoryAccess a/own. An access in the namespace of the Secret has priority" in row.message
    assert summary(simulation, fan)["failed"] == [{"namespace": "a", "reason": "SecretConflict"}]
    taken = [event for event in simulation.fakes.cluster.events if event.reason == "SecretTakenOver"]
    assert [event.key for event in taken] == [own]
    assert "owners/one" in taken[0].note


async def test_a_fan_out_returns_when_the_own_access_goes() -> None:
    """The namespace is not without a Secret for longer than a few seconds."""
    simulation, fan, own = await rivals()
    simulation.fakes.cluster.delete(Kind.ACCESS, own)
    await simulation.run(5)
    assert holder(simulation, "a") == fan
    assert living_token(simulation, "a")
    await simulation.run(60)
    assert reason(simulation, fan) == "Ready"


async def test_the_release_of_a_displaced_fan_out_leaves_the_secret() -> None:
    """The fan-out is deleted: the Secret that the namespace's own access took over stays."""
    simulation, fan, own = await rivals()
    simulation.fakes.cluster.delete(Kind.ACCESS, fan)
    await simulation.run(60)
    assert simulation.fakes.cluster.objects.get((Kind.ACCESS, fan)) is None
    assert places(simulation) == {"a"}
    assert holder(simulation, "a") == own
    assert reason(simulation, own) == "Ready"


async def test_the_own_access_comes_first_also_when_its_token_comes_later() -> None:
    """Nothing is written yet: the fan-out waits for the younger access of the namespace, which waits for its token."""
    simulation = await owners()
    join(simulation, "a", "b")
    simulation.fakes.cluster.put(Kind.REPOSITORY, WHEELS, ALLOWED)
    fail(simulation, "tokens.mint", Unavailable("503"), lambda call: call.args[0].namespace == "a")
    own = access(simulation, "a", "own", subjects=PULL, secret=SECRET)
    await simulation.run(20)
    fan = access(simulation, "owners", "one", subjects=PULL, secret=SHARED)
    await simulation.run(30)
    assert places(simulation) == {"b"}
    heal(simulation)
    await simulation.run(120)
    assert holder(simulation, "a") == own
    assert reason(simulation, own) == "Ready"
    assert reason(simulation, fan) == "PartlyDistributed"


async def test_of_two_fan_outs_the_older_has_the_secret() -> None:
    """Age decides between two claims of one class, and a holder is not displaced by age."""
    simulation, holds = await fan_out("a", "b")
    bodies = simulation.fakes.cluster.objects
    bodies[Kind.ACCESS, holds]["metadata"]["creationTimestamp"] = "2026-01-01T00:00:09Z"
    late = access(simulation, "owners", "late", subjects=PULL, secret=SHARED)
    bodies[Kind.ACCESS, late]["metadata"]["creationTimestamp"] = "2026-01-01T00:00:01Z"
    await simulation.run(HOUR)
    assert {holder(simulation, each) for each in ("a", "b")} == {holds}
    row = condition(simulation, late, "Distributed")
    assert row is not None
    assert row.reason == "SecretConflict"
    assert "select other namespaces" in row.message
    join(simulation, "c")  # Nobody has it yet, so the older one gets it.
    await simulation.run(90)
    assert holder(simulation, "c") == late


async def test_a_secret_of_a_deleted_access_is_taken_over() -> None:
    """The finalizer was removed by force while no operator ran: the fan-out takes over what the access left."""
    simulation, fan, own = await rivals()
    simulation.fakes.cluster.objects.pop((Kind.ACCESS, own))
    simulation.boot()
    await simulation.run(180)
    assert holder(simulation, "a") == fan
    assert reason(simulation, fan) == "Ready"


async def test_a_frozen_secret_is_replaced_in_one_namespace() -> None:
    """A person sets `immutable: true` in one of the namespaces: the next refresh makes the Secret again there."""
    simulation, fan = await fan_out("a", "b")
    secret(simulation, "a").immutable = True
    await simulation.run(2000)
    assert all(left(simulation, each) > HOUR / 2 for each in ("a", "b"))
    assert not secret(simulation, "a").immutable
    assert reason(simulation, fan) == "Ready"


async def test_a_secret_of_somebody_else_is_left_alone() -> None:
    """It blocks one namespace, and heals when it goes."""
    simulation = await owners()
    join(simulation, "a", "b")
    simulation.fakes.secrets.plant("a", "pip", token="theirs")
    fan = access(simulation, "owners", "one", subjects=PULL, secret=SHARED)
    await simulation.run(60)
    assert secret(simulation, "a").data == {"token": "theirs"}
    assert living_token(simulation, "b")
    row = condition(simulation, fan, "Distributed")
    assert row is not None
    assert "does not belong to Wheelhouse" in row.message
    del simulation.fakes.cluster.secrets["a", "pip"]
    await simulation.run(90)
    assert reason(simulation, fan) == "Ready"


async def test_an_own_access_that_drops_its_secret_gives_the_place_back() -> None:
    """The spec of the namespace's access no longer requests a Secret: the fan-out writes its own."""
    simulation, fan, own = await rivals()
    edit(simulation, own, secret=None)
    await simulation.run(10)
    assert holder(simulation, "a") == fan
