"""Many accesses at once: one set has the grants of all that arrive, and none of them delays the others for long."""

from collections.abc import Callable
from typing import Any

import pytest
from convergence.scenes import NAME, WRITER, access, members, owners, reason
from convergence.simulation import Simulation
from fakes.calls import PortCall

from wheelhouse.domain.iam import Policy
from wheelhouse.domain.keys import AccessKey, PolicyKey
from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.objects import Kind
from wheelhouse.errors import Refused
from wheelhouse.plan import consent
from wheelhouse.reconcile.policy import claims
from wheelhouse.reconcile.policy.memory import LONGEST_HANDOVER, LONGEST_WAIT

WAVE = 40


def user(simulation: Simulation, name: str, role: str = "Reader") -> ObjectKey:
    """Declare an access of one Google user."""
    return access(
        simulation, "owners", name, subjects=[{"kind": "GoogleUser", "name": f"{name}@example.com"}], role=role
    )


def finalizers(act: Callable[[PortCall], None]) -> Callable[[PortCall], None]:
    """A hook for the writes of finalizers."""

    def hook(call: PortCall) -> None:
        if call.name == "objects.set_finalizers":
            act(call)

    return hook


async def test_a_wave_takes_one_set() -> None:
    """While accesses arrive more slowly than a policy is set, the policy waits for all of them."""
    simulation = await owners()
    fakes = simulation.fakes
    fakes.calls.before = finalizers(lambda _: fakes.clock.advance(0.5))
    fakes.calls.clear()
    for number in range(WAVE):
        user(simulation, f"user-{number}")
    await simulation.run(WAVE * 0.5 + 5.0)
    assert len(members(simulation)) == WAVE
    assert fakes.calls.count()["policies.set"] == 1


async def test_a_wave_without_an_end_is_set_in_the_end() -> None:
    """Accesses that keep arriving delay the grants of the first ones by two minutes, and not for ever."""
    simulation = await owners()
    fakes = simulation.fakes
    first = user(simulation, "first")
    user(simulation, "next")
    simulation.watch()
    await simulation.loop.reconcile(AccessKey(first))
    begun = fakes.clock.elapsed()
    for number in range(2 * int(LONGEST_WAIT)):
        if "user:first@example.com" in members(simulation):
            break
        fakes.clock.advance(1.0)
        user(simulation, f"later-{number}")
        simulation.watch()
        await simulation.loop.reconcile(PolicyKey(NAME))
    assert fakes.clock.elapsed() - begun == pytest.approx(LONGEST_WAIT, abs=2.0)


async def test_an_access_that_cannot_arrive_delays_no_other() -> None:
    """A webhook that denies the finalizer of one access does not make the policy wait for it."""
    simulation = await owners()
    fakes = simulation.fakes
    denied = user(simulation, "denied")

    def deny(call: PortCall) -> None:
        if call.args[1].key == denied:
            raise Refused("a webhook denies it")

    fakes.calls.before = finalizers(deny)
    user(simulation, "good")
    await simulation.run(3.0)
    assert members(simulation) == {"user:good@example.com"}


async def test_an_access_that_disappears_delays_no_other() -> None:
    """An access that is deleted before it has its finalizer is not waited for."""
    simulation = await owners()
    lost = user(simulation, "lost")
    good = user(simulation, "good")
    simulation.watch()
    await simulation.loop.reconcile(AccessKey(good))
    await simulation.loop.reconcile(PolicyKey(NAME))
    assert members(simulation) == set()
    fakes = simulation.fakes
    fakes.clock.advance(10.0)
    while (key := fakes.queue.pop()) is not None:
        fakes.queue.done(key, None)  # No pass that was added before sets the policy.
    fakes.cluster.delete(Kind.ACCESS, lost)
    await simulation.run(3.0)
    assert members(simulation) == {"user:good@example.com"}


@pytest.mark.parametrize("waits", [False, True], ids=["before the wait", "during the wait"])
@pytest.mark.parametrize("role", ["", "Writer"], ids=["deleted", "changed"])
async def test_a_revocation_waits_for_no_arrival(role: str, waits: bool) -> None:
    """A grant is revoked while other accesses are still arriving, also if a pass has waited for them already."""
    simulation = await owners()
    leaving = user(simulation, "leaving")
    await simulation.run(10.0)
    assert members(simulation) == {"user:leaving@example.com"}
    user(simulation, "arriving")
    if waits:
        arrived = user(simulation, "arrived")
        simulation.watch()
        await simulation.loop.reconcile(AccessKey(arrived))
        await simulation.loop.reconcile(PolicyKey(NAME))
    if role:
        user(simulation, "leaving", role)
    else:
        simulation.fakes.cluster.delete(Kind.ACCESS, leaving)
    simulation.watch()
    await simulation.loop.reconcile(AccessKey(leaving))
    await simulation.loop.reconcile(PolicyKey(NAME))
    assert "user:leaving@example.com" not in members(simulation)


@pytest.mark.parametrize("restarts", [False, True], ids=["arrives", "changed while no operator ran"])
async def test_a_grant_that_changes_hands_is_never_gone(restarts: bool) -> None:
    """An access is deleted while another one that wants the same grant cannot have it yet: no set lacks the member."""
    simulation = await owners()
    fakes = simulation.fakes
    old = shared(simulation, "old", "Writer")
    if restarts:
        shared(simulation, "new", "Reader")
    await simulation.run(10.0)
    new = shared(simulation, "new", "Writer")
    without: list[str] = []

    def look(call: PortCall) -> None:
        policy = next((argument for argument in call.args if isinstance(argument, Policy)), None)
        if policy is not None and not any("user:ann@example.com" in row.members for row in policy.bindings):
            without.append(call.name)

    fakes.calls.before = look
    fakes.cluster.delete(Kind.ACCESS, old)
    if restarts:
        simulation.boot()
    simulation.watch()
    await simulation.loop.reconcile(AccessKey(old))
    await simulation.loop.reconcile(PolicyKey(NAME))
    await simulation.run(150.0)
    assert without == []
    assert members(simulation, role=WRITER) == {"user:ann@example.com"}
    assert members(simulation) == set()
    assert reason(simulation, new) == "Ready"


async def test_a_revocation_waits_half_a_minute_for_an_arrival() -> None:
    """An access that wants the same grant does not arrive: the grant is revoked after 30 s."""
    simulation = await owners()
    fakes = simulation.fakes
    old = shared(simulation, "old", "Writer")
    await simulation.run(10.0)
    shared(simulation, "new", "Writer")
    fakes.cluster.delete(Kind.ACCESS, old)
    simulation.watch()
    begun = fakes.clock.elapsed()
    await simulation.loop.reconcile(AccessKey(old))
    while members(simulation, role=WRITER) and fakes.clock.elapsed() < begun + 2 * LONGEST_WAIT:
        await simulation.loop.reconcile(PolicyKey(NAME))
        fakes.clock.advance(1.0)
    assert fakes.clock.elapsed() - begun == pytest.approx(LONGEST_HANDOVER, abs=2.0)


async def test_a_member_that_is_no_longer_named_waits_for_no_check_of_the_repository() -> None:
    """While no operator ran, an access named another user: the first one loses the grant, even if Google is slow."""
    simulation = await owners()
    subject = {"kind": "GoogleUser", "name": "ann@example.com"}
    access(simulation, "owners", "one", subjects=[subject], role="Writer")
    await simulation.run(10.0)
    access(simulation, "owners", "one", subjects=[subject | {"name": "bob@example.com"}], role="Writer")
    simulation.boot()
    simulation.watch()
    await simulation.loop.reconcile(PolicyKey(NAME))
    assert members(simulation, role=WRITER) == set()


async def test_an_object_that_only_has_the_name_of_a_repository_holds_up_no_revocation() -> None:
    """An access to a PythonRepository of the same name that no process has settled holds up nothing."""
    simulation = await owners()
    fakes = simulation.fakes
    old = shared(simulation, "old", "Writer")
    await simulation.run(10.0)
    fakes.cluster.put_namespace("stranger", projects="acme-packages")
    fakes.cluster.put(Kind.REPOSITORY, ObjectKey("stranger", "wheels"), {"location": "us-central1"})
    subject = {"kind": "GoogleUser", "name": "ann@example.com"}
    body = {"repositoryRef": {"name": "wheels"}, "subjects": [subject], "role": "Writer"}
    fakes.cluster.put(Kind.ACCESS, ObjectKey("stranger", "same"), body)
    fakes.cluster.delete(Kind.ACCESS, old)
    simulation.boot()
    simulation.watch()
    await simulation.loop.reconcile(PolicyKey(NAME))
    assert members(simulation, role=WRITER) == set()


def shared(simulation: Simulation, name: str, role: str) -> ObjectKey:
    """Declare an access of a Google user who has more than one."""
    return access(simulation, "owners", name, subjects=[{"kind": "GoogleUser", "name": "ann@example.com"}], role=role)


async def test_a_look_at_a_crowd_that_arrives_is_cheap() -> None:
    """As long as one access that a pass waited for still arrives, the next passes decide about that one only."""
    simulation = await owners()
    first = user(simulation, "first")
    for number in range(WAVE):
        user(simulation, f"user-{number}")
    simulation.watch()
    await simulation.loop.reconcile(AccessKey(first))
    await simulation.loop.reconcile(PolicyKey(NAME))
    judged = 0
    judge = consent.consent

    def count(*args: Any) -> Any:
        nonlocal judged
        judged += 1
        return judge(*args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(claims, "consent", count)
        await simulation.loop.reconcile(PolicyKey(NAME))
    assert judged == 1
