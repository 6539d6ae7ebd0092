"""The opt-in watch of Secrets: one more trigger for the sweep, and never a reason to write by itself."""

from collections.abc import Callable

import pytest
from convergence.fan_out_scenes import LOCAL, SHARED, fan_out, join, places
from convergence.scenes import reason
from convergence.secret_scenes import HOUR, SECRET, asked_data, distributed, edit, secret, token
from convergence.simulation import Simulation
from fakes.stored_secret import StoredSecret

from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.objects import Kind
from wheelhouse.domain.secret import MANAGER_PREFIX, SeenSecret
from wheelhouse.reconcile.secret.sweep import SPACING
from wheelhouse.runtime.secret_watch import SecretWatch

REPAIR = 0.2
"""Seconds in which a Secret is right again."""
EDITED = {".data.pip.conf": "[global]"}


class Watching:
    """Delivers what the API server would report about Secrets, before each pass of a simulation."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._sink = SecretWatch(lambda namespace, name: simulation.loop.doubt_secret(namespace, name))
        self._versions = self._now()
        self._sink.listed([_seen(place, stored) for place, (stored, _) in self._versions.items()])
        self._deliver, simulation.watch = simulation.watch, self._all  # type: ignore[method-assign] # as one more watch

    def _now(self) -> dict[tuple[str, str], tuple[StoredSecret, int]]:
        return {place: (stored, stored.version) for place, stored in self._simulation.fakes.cluster.secrets.items()}

    def _all(self) -> None:
        self._deliver()
        before, self._versions = self._versions, self._now()
        for place, known in before.items():
            if place not in self._versions:
                self._sink.seen(_seen(place, known[0]), gone=True)
        for place, (stored, version) in self._versions.items():
            if before.get(place) != (stored, version):
                self._sink.seen(_seen(place, stored), gone=False)


def _seen(place: tuple[str, str], stored: StoredSecret) -> SeenSecret:
    ours = {name: frozenset(paths) for name, paths in stored.managers.items() if name.startswith(MANAGER_PREFIX)}
    return SeenSecret(*place, stored.uid, hash(frozenset(ours.items())))


def requests(simulation: Simulation, namespace: str = "owners") -> tuple[int, int]:
    """Dry runs for the Secret of a namespace, and changes of it."""
    calls = [call for call in simulation.fakes.calls.log if call.name == "secrets.apply"]
    asked = [call for call in calls if call.args[0].namespace == namespace and not asked_data(call)]
    return len(asked), sum(f"secret {namespace}/" in change for change in simulation.fakes.calls.changes)


def delete(simulation: Simulation, namespace: str) -> None:
    del simulation.fakes.cluster.secrets[namespace, "pip"]


def spoil(simulation: Simulation, namespace: str) -> None:
    secret(simulation, namespace).edit("kubectl-edit", EDITED)


def unlabel(simulation: Simulation, namespace: str) -> None:
    secret(simulation, namespace).edit("kubectl-label", {".metadata.labels.app.kubernetes.io/managed-by": None})


@pytest.mark.parametrize("harm", [delete, spoil, unlabel])
@pytest.mark.parametrize("wish", [SHARED, LOCAL])
async def test_a_harmed_secret_is_right_again_at_once(
    harm: Callable[[Simulation, str], None], wish: dict[str, object]
) -> None:
    """One check and one write with the token in memory; the event of that write costs one check at most."""
    simulation, key = await fan_out("a", "b", secret=wish)
    Watching(simulation)
    before = token(simulation, "a")
    simulation.fakes.calls.clear()
    harm(simulation, "a")
    await simulation.run(REPAIR)
    assert token(simulation, "a") == before
    assert secret(simulation, "a").data["pip.conf"] == secret(simulation, "b").data["pip.conf"].replace(
        token(simulation, "b"), before
    )
    asked, changed = requests(simulation, "a")
    assert (asked <= 2, changed) == (True, 1)  # A person's edit takes two dry runs, the second one with force.
    await simulation.run(SPACING + 1)
    asked, changed = requests(simulation, "a")
    assert (asked <= 3, changed) == (True, 1)
    assert reason(simulation, key) == "Ready"


@pytest.mark.parametrize("harm", [delete, spoil])
async def test_a_harmed_secret_without_a_token_is_right_again_at_once(
    harm: Callable[[Simulation, str], None],
) -> None:
    """The files for the keyring plugin come back as quickly, although no token is due."""
    simulation, _ = await distributed(secret={**SECRET, "credential": "Keyring"})
    before = dict(secret(simulation).data)
    Watching(simulation)
    harm(simulation, "owners")
    await simulation.run(REPAIR)
    assert dict(secret(simulation).data) == before


async def test_a_secret_that_is_harmed_during_a_start_is_right_again_with_its_first_pass() -> None:
    """The event comes before the process knows the Secret."""
    simulation, _ = await distributed()
    await simulation.run(SPACING)
    simulation.boot()
    Watching(simulation)
    spoil(simulation, "owners")
    await simulation.run(REPAIR)
    assert secret(simulation).data["pip.conf"] != EDITED[".data.pip.conf"]


async def test_the_operators_own_writes_trigger_nothing() -> None:
    """A refresh, new and lost namespaces, and a restart: the same requests with and without the watch."""
    counted = []
    for watched in (False, True):
        simulation, key = await fan_out("a", "b")
        if watched:
            Watching(simulation)
        simulation.fakes.calls.clear()
        await simulation.run(HOUR)
        join(simulation, "c")
        await simulation.run(100)
        simulation.fakes.cluster.put_namespace("a", opted_in=True)
        await simulation.run(100)
        simulation.boot()
        await simulation.run(100)
        simulation.fakes.cluster.delete(Kind.ACCESS, key)
        await simulation.run(60)
        assert places(simulation) == set()
        counted.append((simulation.fakes.calls.count()["secrets.apply"], simulation.fakes.calls.changes))
    assert counted[0] == counted[1]


async def test_a_changed_form_costs_one_dry_run() -> None:
    """The operator changes which fields it owns: the event asks once more, and nothing is written twice."""
    simulation, key = await distributed()
    Watching(simulation)
    simulation.fakes.calls.clear()
    edit(simulation, key, secret={"name": "pip", "authentication": "URL"})
    await simulation.run(SPACING + 1)
    asked, changed = requests(simulation)
    assert (asked <= 2, changed) == (True, 1)


async def test_another_client_that_edits_again_and_again_is_not_answered_each_time() -> None:
    """200 edits in 20 seconds: the first is reverted at once, and the others every five seconds."""
    simulation, _ = await distributed()
    Watching(simulation)
    simulation.fakes.calls.clear()
    for _ in range(200):
        spoil(simulation, "owners")
        await simulation.run(0.1)
    asked, changed = requests(simulation)
    assert 4 <= changed <= 20 / SPACING + 2
    assert asked <= 2 * (20 / SPACING + 2)
    await simulation.run(SPACING)
    assert secret(simulation).data["pip.conf"] != EDITED[".data.pip.conf"]


async def test_an_event_about_another_place_is_ignored() -> None:
    """No access has a Secret of that name there, or the access that had it is gone."""
    simulation, key = await distributed()
    simulation.fakes.calls.clear()
    for place in (("owners", "other"), ("absent", "pip")):
        simulation.loop.doubt_secret(*place)
    await simulation.run(1)
    simulation.fakes.cluster.delete(Kind.ACCESS, key)
    await simulation.run(30)
    before = requests(simulation)
    simulation.loop.doubt_secret("owners", "pip")
    await simulation.run(1)
    assert requests(simulation) == before
    assert before == (1, 1)  # Of the release.


def test_the_first_list_and_a_refresh_are_no_doubt() -> None:
    """Other owners, another uid, an absence and a deletion are, also if a list shows them."""
    doubted: list[str] = []
    watch = SecretWatch(lambda namespace, name: doubted.append(f"{namespace}/{name}"))
    names = [ObjectKey("n", name) for name in "abcd"]
    first = [SeenSecret(key.namespace, key.name, key.name, 1) for key in names]
    watch.seen(first[0], gone=True)
    watch.listed(first)
    watch.seen(first[0], gone=False)
    watch.seen(SeenSecret("n", "new", "new", 1), gone=False)
    assert doubted == []
    watch.seen(SeenSecret("n", "a", "a", 2), gone=False)
    watch.seen(SeenSecret("n", "b", "other", 1), gone=False)
    watch.seen(first[2], gone=True)
    assert doubted == ["n/a", "n/b", "n/c"]
    doubted.clear()
    watch.listed([SeenSecret("n", "a", "a", 3), SeenSecret("n", "b", "other", 1)])
    assert sorted(doubted) == ["n/a", "n/d", "n/new"]
