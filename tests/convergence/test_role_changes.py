"""A change of role or repository that a crash interrupts: no Secret keeps the files of the earlier one.

The role changes with the IAM policy, without a new generation of the access, and the files depend on it.
"""

import itertools
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest
from convergence.fan_out_scenes import LOCAL, SHARED, join
from convergence.scenes import NAME, PULL, READER, WHEELS, WRITER, access, condition, owners, reason, wheels
from convergence.secret_scenes import edit
from convergence.simulation import Crash, Simulation
from fakes.calls import PortCall

from wheelhouse.domain.iam import Binding, Identity
from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.objects import Kind
from wheelhouse.errors import Refused

TEAMS = ("a", "b", "c")
KINDS = {"one Secret": {"name": "pip"}, "one identity": SHARED, "an identity for each namespace": LOCAL}
PERIOD = 200.0
"""Seconds in which a world settles after a crash; no token is replaced in that time."""

Change = Callable[[Simulation, ObjectKey], Awaitable[None]]


async def demote(simulation: Simulation, key: ObjectKey) -> None:
    """Writer to Reader."""
    edit(simulation, key, role="Reader")


async def promote(simulation: Simulation, key: ObjectKey) -> None:
    """Reader to Writer."""
    edit(simulation, key, role="Writer")


async def move(simulation: Simulation, _key: ObjectKey) -> None:
    """The repository is deleted, and created again under its name in another location."""
    simulation.fakes.cluster.delete(Kind.REPOSITORY, WHEELS)
    await simulation.run(20)
    simulation.fakes.cluster.put(Kind.REPOSITORY, WHEELS, wheels(location="europe-west1"))


CHANGES: Mapping[str, tuple[str, Change, Callable[[Mapping[str, str]], bool]]] = {
    "Writer to Reader": ("Writer", demote, lambda data: ".pypirc" not in data),
    "Reader to Writer": ("Reader", promote, lambda data: ".pypirc" in data),
    "another location": ("Reader", move, lambda data: "europe-west1" in data["index-url"]),
}
"""The role before, the change, and what the files of each Secret must show after it."""


async def ready(role: str, secret: Mapping[str, Any], *, existing: bool) -> tuple[Simulation, ObjectKey]:
    """A Ready access some time after its Secrets were written, perhaps with a grant that another client made."""
    simulation = await owners()
    if secret is not KINDS["one Secret"]:
        join(simulation, *TEAMS)
    if existing:
        member = simulation.fakes.workload.member(Identity("owners", "pull"))
        simulation.fakes.google.plant_policy(NAME, Binding(WRITER if role == "Writer" else READER, (member,)))
    key = access(simulation, "owners", "one", subjects=PULL, secret=secret, role=role)
    await simulation.run(60)
    assert reason(simulation, key) == "Ready"
    await simulation.run(700)
    simulation.fakes.calls.clear()
    return simulation, key


def crash_at(simulation: Simulation, position: int, *, after: bool) -> None:
    """Kill the process at one port call, counted from now."""
    numbers = itertools.count()

    def hook(call: PortCall) -> None:
        if next(numbers) == position:
            raise Crash(call.name)

    setattr(simulation.fakes.calls, "after" if after else "before", hook)


@pytest.mark.parametrize("existing", [False, True], ids=["", "the grant exists already"])
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("kind", KINDS)
async def test_a_crash_leaves_no_secret_as_it_was(kind: str, change: str, existing: bool) -> None:
    """At each port call of the change: soon after the start, each Secret has the files for the new state."""
    role, act, good = CHANGES[change]
    simulation, key = await ready(role, KINDS[kind], existing=existing)
    await act(simulation, key)
    await simulation.run(60)
    positions = len(simulation.fakes.calls.log)
    assert positions > 5
    for position in range(positions):
        for after in (False, True):
            simulation, key = await ready(role, KINDS[kind], existing=existing)
            crash_at(simulation, position, after=after)
            await act(simulation, key)
            await simulation.run(60)
            await simulation.run(PERIOD)
            assert reason(simulation, key) == "Ready"
            for secret in simulation.fakes.cluster.secrets.values():
                assert good(secret.data), (position, after)


async def test_a_secret_that_cannot_be_removed_is_reported() -> None:
    """The grants of the deleted access are gone, which is a change of role too; the reason is shown nevertheless."""
    simulation, key = await ready("Reader", KINDS["one Secret"], existing=False)

    def refuse(call: PortCall) -> None:
        if call.name == "secrets.delete":
            raise Refused("The caller has no right to it.")

    simulation.fakes.calls.before = refuse
    simulation.fakes.cluster.delete(Kind.ACCESS, key)
    await simulation.run(PERIOD)
    found = condition(simulation, key, "Ready")
    assert found is not None
    assert found.reason == "PermissionDenied"
    assert "owners/pip cannot be removed" in found.message
