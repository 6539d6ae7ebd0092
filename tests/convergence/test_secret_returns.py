"""Secrets that come back older than they were, and Secrets of which only a record is known."""

import copy

import pytest
from convergence.scenes import NAME, PULL, WHEELS, access, living_token, owners, wheels
from convergence.secret_scenes import HOUR, SECRET, distributed, fail, heal, left, mints, secret, token
from convergence.simulation import Crash
from fakes.calls import PortCall

from wheelhouse.domain.objects import REQUESTED_ANNOTATION, Kind
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
