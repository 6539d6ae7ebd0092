"""Secrets that come back older than they were, and Secrets of which only a record is known."""

import copy
from datetime import datetime, timedelta

import pytest
from convergence.scenes import NAME, PULL, WHEELS, access, living_token, owners, reason, wheels
from convergence.secret_scenes import HOUR, SECRET, distributed, edit, fail, heal, left, mints, secret, token
from convergence.simulation import Crash
from fakes.calls import PortCall

from wheelhouse.domain.objects import REQUESTED_ANNOTATION, Kind
from wheelhouse.domain.secret import EXPIRES_ANNOTATION
from wheelhouse.errors import Unavailable


async def test_a_secret_of_a_restored_backup_gets_its_token_again() -> None:
    """A backup of etcd has the Secret as it was: the same uid and fields, and the token of an hour ago."""
    simulation, _ = await distributed()
    before = copy.deepcopy(secret(simulation))
    await simulation.run(HOUR - 300)
    written = token(simulation)
    simulation.fakes.cluster.secrets["owners", "pip"] = before
    assert token(simulation) != written
    before_mints = mints(simulation)
    await simulation.run(130)
    assert token(simulation) == written
    assert mints(simulation) == before_mints


async def test_a_secret_of_a_restored_backup_gets_its_content_again() -> None:
    """The backup was made before a change of the content, which kept the token."""
    simulation, key = await distributed(role="Writer")
    before = copy.deepcopy(secret(simulation))
    await simulation.run(60)
    edit(simulation, key, role="Reader")
    await simulation.run(60)
    assert ".pypirc" not in secret(simulation).data
    simulation.fakes.cluster.secrets["owners", "pip"] = before
    assert ".pypirc" in secret(simulation).data
    await simulation.run(130)
    assert ".pypirc" not in secret(simulation).data
    assert mints(simulation) == 1


async def test_a_secret_of_a_restored_access_without_consent_is_removed() -> None:
    """A backup brings back a deleted access, its Secret, and the status that names it; the consent stays withdrawn."""
    simulation, key = await distributed("team")
    cluster = simulation.fakes.cluster
    before = copy.deepcopy((cluster.objects[Kind.ACCESS, key], secret(simulation, "team")))
    declared = simulation.cache.access(key)
    assert declared is not None
    cluster.put(Kind.REPOSITORY, WHEELS, wheels(accessFrom={"namespaces": ["another"]}))
    await simulation.run(60)
    cluster.delete(Kind.ACCESS, key)
    await simulation.run(60)
    assert not cluster.secrets
    cluster.objects[Kind.ACCESS, key], cluster.secrets["team", "pip"] = before
    simulation.cache.take(Kind.ACCESS, declared.stored)  # As a list does that shows an object which was removed.
    await simulation.run(60)
    assert not cluster.secrets
    assert reason(simulation, key) == "RefNotPermitted"


async def test_a_token_is_refreshed_after_its_repository_was_missing() -> None:
    """While another client has deleted the repository, no Secret needs the token, and its timer stops."""
    simulation, _ = await distributed()
    await simulation.run(HOUR / 2 - 120)
    simulation.fakes.google.remove(NAME)
    fail(simulation, "repositories.create", Unavailable("503"))
    simulation.fakes.cluster.put(Kind.REPOSITORY, WHEELS, wheels(), annotations={REQUESTED_ANNOTATION: "now"})
    await simulation.run(600)
    heal(simulation)
    for _ in range(3):
        await simulation.run(HOUR / 2)
        assert living_token(simulation, "owners")
        assert left(simulation) > HOUR / 3


@pytest.mark.parametrize("written", [True, False], ids=["written", "not written"])
async def test_a_secret_that_only_a_record_names_is_refreshed_if_it_exists(written: bool) -> None:
    """The process ended around its write, and the next one finds the repository unusable: no new Secret is written."""
    simulation = await owners()
    calls = simulation.fakes.calls

    def crash(call: PortCall) -> None:
        if call.name == "secrets.apply" and not call.kwargs.get("dry_run"):
            calls.before = calls.after = None
            simulation.fakes.cluster.put_namespace("owners", opted_in=True)  # The project is no longer approved.
            raise Crash

    calls.before, calls.after = (None, crash) if written else (crash, None)
    access(simulation, "owners", "one", subjects=PULL, secret=SECRET)
    await simulation.run(30)
    assert (("owners", "pip") in simulation.fakes.cluster.secrets) == written
    await simulation.run(2 * HOUR)
    assert living_token(simulation, "owners") == written


async def test_a_write_while_the_clock_is_wrong_does_not_count_as_expired_later() -> None:
    """The Secret shows the times of that clock until a check finds them wrong; the token is the same and lives."""
    simulation, key = await distributed()
    simulation.fakes.clock.set_ahead(timedelta(hours=-2))
    edit(simulation, key, role="Writer")
    await simulation.run(60)
    written = secret(simulation).fields[f".metadata.annotations.{EXPIRES_ANNOTATION}"]
    simulation.fakes.clock.set_ahead(timedelta(0))
    for _ in range(3):
        await simulation.run(60)
        assert reason(simulation, key) == "Ready"
    shown = secret(simulation).fields[f".metadata.annotations.{EXPIRES_ANNOTATION}"]
    assert datetime.fromisoformat(shown) > datetime.fromisoformat(written) + timedelta(minutes=100)
    assert mints(simulation) == 1
