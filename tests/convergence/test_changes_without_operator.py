"""What the files depend on changes while no operator runs: the next one writes each Secret again.

None of these changes gives the access a new generation. They are compared with the record in status, which the first
Secret that is written changes.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from convergence.fan_out_scenes import LOCAL, SHARED, join, summary
from convergence.scenes import PULL, access, condition, owners, reason, wheels
from convergence.secret_scenes import HOUR, REFUSED, edit, fail, heal, secret
from convergence.simulation import Simulation
from convergence.test_impersonation import OWN, acting, annotate
from convergence.test_role_changes import PERIOD

from wheelhouse.domain.configuration.files import denied_formats
from wheelhouse.domain.keys import AccessKey
from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.objects import Kind

TEAMS = ("a", "b", "c")
MANY = tuple(f"n{number}" for number in range(12))
FAN_OUTS = {"one identity": SHARED, "an identity for each namespace": LOCAL}
UPLOADS = ObjectKey("owners", "uploads")
SECOND = {"uploadRepositoryRef": {"name": "uploads"}}
KEYRING = {"credential": "Keyring"}
ELSEWHERE = {"namespaces": ["closed"]}
"""A namespace that does not exist."""

SLOW, MOST_PASSES = 6.0, 25
"""Seconds of a pass in a slow operator, so that progress is due for a report, and its passes before a crash."""

Act = Callable[[Simulation], None]
Good = Callable[[Simulation, str], bool]


def nothing(_: Simulation) -> None:
    """Declare nothing else before the access."""


def declare(simulation: Simulation, location: str = "europe-west1") -> None:
    """The repository for uploads exists."""
    simulation.fakes.cluster.put(Kind.REPOSITORY, UPLOADS, wheels(location=location))


def withdraw(simulation: Simulation) -> None:
    """The object of the repository for uploads is deleted."""
    simulation.fakes.cluster.delete(Kind.REPOSITORY, UPLOADS)


def replace(simulation: Simulation) -> None:
    """The object, without a finalizer, is deleted and created again for another repository."""
    simulation.fakes.cluster.objects[Kind.REPOSITORY, UPLOADS]["metadata"]["finalizers"] = []
    withdraw(simulation)
    declare(simulation, "asia-east1")


def act_as(simulation: Simulation) -> None:
    """The ServiceAccount gets the annotation of a Google service account."""
    annotate(simulation, OWN)


def deny(simulation: Simulation) -> None:
    """An admission policy denies the key pdm.toml from now on."""
    simulation.fakes.options = dataclasses.replace(
        simulation.fakes.options, denied_formats=denied_formats({"pdm.toml"})
    )


def shows(text: str) -> Good:
    """Whether the files of a Secret name a location."""
    return lambda simulation, team: text in secret(simulation, team).data["uv.toml"]


CHANGES: Mapping[str, tuple[Mapping[str, Any], Act, Act, Good]] = {
    "uploads end": (SECOND, declare, withdraw, lambda simulation, team: not shows("europe-west1")(simulation, team)),
    "uploads begin": (SECOND, nothing, declare, shows("europe-west1")),
    "uploads go elsewhere": (SECOND, declare, replace, shows("asia-east1")),
    "another identity": ({}, nothing, act_as, lambda simulation, team: acting(simulation, team) == OWN),
    "a file less": (KEYRING, nothing, deny, lambda simulation, team: "pdm.toml" not in secret(simulation, team).data),
}
"""More fields of the Secret, what is declared before, the change, and what each Secret must show after it."""

UNSUPPORTED = {
    ("an identity for each namespace", "another identity"),  # Annotations have no effect.
    ("one identity", "a file less"),  # A Secret without a token has no identity to share.
}
CASES = [(kind, change) for kind in FAN_OUTS for change in CHANGES if (kind, change) not in UNSUPPORTED]


async def stopped(kind: str, change: str, *, refused: bool) -> tuple[Simulation, ObjectKey]:
    """A fan-out after its operator has stopped and the change has happened. A new operator has just started.

    Args:
        kind: whose token the Secrets have.
        change: what happened.
        refused: whether one namespace cannot have a Secret.
    """
    fields, before, act, _ = CHANGES[change]
    simulation = await owners()
    # A verification that has not passed yet would write all Secrets again.
    simulation.fakes.options = dataclasses.replace(simulation.fakes.options, verify_access=False)
    simulation.boot()
    join(simulation, *TEAMS)
    before(simulation)
    await simulation.run(30)
    key = access(
        simulation, "owners", "one", subjects=PULL, secret=FAN_OUTS[kind] | fields | (ELSEWHERE if refused else {})
    )
    await simulation.run(60)
    assert summary(simulation, key)["summary"] == ("3/4" if refused else "3/3")
    await simulation.run(700)
    act(simulation)
    simulation.fakes.calls.clear()
    simulation.boot()
    return simulation, key


@pytest.mark.parametrize("refused", [False, True], ids=["", "one namespace refused"])
@pytest.mark.parametrize(("kind", "change"), CASES)
async def test_each_secret_shows_the_change(kind: str, change: str, refused: bool) -> None:
    """Also if status is written between the first Secret and the last one, and the operator crashes then."""
    good = CHANGES[change][3]
    for passes in range(MOST_PASSES):
        simulation, key = await stopped(kind, change, refused=refused)
        for _ in range(passes):
            await simulation.step()
            simulation.fakes.clock.advance(SLOW)
        simulation.boot()
        await simulation.run(PERIOD)
        assert [team for team in TEAMS if not good(simulation, team)] == [], passes
        assert reason(simulation, key, "Distributed") == ("PartlyDistributed" if refused else "Distributed")


@pytest.mark.parametrize("kind", FAN_OUTS)
async def test_a_selector_that_matches_nothing_hides_no_secret(kind: str) -> None:
    """It matches nothing in the middle of the change, and the same namespaces again after the next start."""
    good = CHANGES["uploads end"][3]
    for passes in range(MOST_PASSES):
        simulation, key = await stopped(kind, "uploads end", refused=False)
        for _ in range(passes):
            await simulation.step()
            simulation.fakes.clock.advance(SLOW)
        for team in TEAMS:
            simulation.fakes.cluster.put_namespace(team, opted_in=True)
        simulation.watch()
        await simulation.loop.reconcile(AccessKey(key))
        join(simulation, *TEAMS)
        simulation.boot()
        await simulation.run(PERIOD)
        assert [team for team in TEAMS if not good(simulation, team)] == [], passes
        assert reason(simulation, key, "Distributed") == "Distributed"


async def test_secrets_that_cannot_be_removed_are_reported() -> None:
    """No namespace is selected, which needs no Secret, but the former ones remain."""
    simulation, key = await stopped("one identity", "another identity", refused=False)
    await simulation.run(PERIOD)
    fail(simulation, "secrets.delete", REFUSED)
    for team in TEAMS:
        simulation.fakes.cluster.put_namespace(team, opted_in=True)
    await simulation.run(PERIOD)
    found = condition(simulation, key, "Ready")
    assert found is not None
    assert (found.status, found.reason) == ("False", "PermissionDenied")
    assert "cannot be removed" in found.message
    heal(simulation)
    await simulation.run(PERIOD)
    assert (reason(simulation, key), simulation.fakes.cluster.secrets) == ("Ready", {})


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("refused", [False, True], ids=["", "a removal refused"])
@pytest.mark.parametrize("kind", FAN_OUTS)
async def test_another_name_leaves_nothing_behind(kind: str, refused: bool, restart: bool) -> None:
    """`secret` is removed and added again with another name before any Secret could be removed.

    Status has one name for all Secrets: no new one is written until the old ones are removed.
    """
    simulation, key = await stopped(kind, "uploads begin", refused=False)
    await simulation.run(PERIOD)
    if refused:
        fail(simulation, "secrets.delete", REFUSED, lambda call: call.args[0] == "b")
    edit(simulation, key, secret=None)
    edit(simulation, key, secret=FAN_OUTS[kind] | {"name": "pip2"})
    if restart:
        simulation.boot()
    await simulation.run(PERIOD)
    if refused:
        assert list(simulation.fakes.cluster.secrets) == [("b", "pip")]
        assert summary(simulation, key)["name"] == "pip"
        found = condition(simulation, key, "Ready")
        assert found is not None
        assert (found.reason, "Secret b/pip cannot be removed" in found.message) == ("PermissionDenied", True)
        heal(simulation)
        await simulation.run(PERIOD)
    assert set(simulation.fakes.cluster.secrets) == {(team, "pip2") for team in TEAMS}
    assert reason(simulation, key) == "Ready"
    simulation.fakes.cluster.delete(Kind.ACCESS, key)
    await simulation.run(PERIOD)
    assert simulation.fakes.cluster.secrets == {}


@pytest.mark.parametrize("kind", FAN_OUTS)
async def test_a_file_of_a_new_version_is_no_change(kind: str) -> None:
    """A Secret with a token gets it with its next token. The access stays Ready while others wait for theirs."""
    simulation = await owners()
    join(simulation, *MANY)
    allowed = simulation.fakes.options
    deny(simulation)
    simulation.boot()
    key = access(simulation, "owners", "one", subjects=PULL, secret=FAN_OUTS[kind])
    await simulation.run(0.3 * HOUR)
    assert reason(simulation, key) == "Ready"
    simulation.fakes.options = allowed
    simulation.fakes.clock.advance(0.3 * HOUR)
    simulation.boot()
    for _ in range(300):
        await simulation.step()
        simulation.fakes.clock.advance(1.0)
        assert reason(simulation, key) == "Ready"
    assert all("pdm.toml" in found.data for found in simulation.fakes.cluster.secrets.values())
