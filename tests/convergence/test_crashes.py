"""Eventually stable reconciliation: after a crash at any call the world becomes as desired, and then stays so."""

import itertools
import random
from collections.abc import Callable
from functools import partial

import pytest
from convergence.simulation import Crash, Simulation
from convergence.specification import Specification
from fakes.calls import PortCall
from fakes.world import Fakes

from wheelhouse.domain.iam import Binding
from wheelhouse.domain.keys import Key
from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.objects import Kind
from wheelhouse.runtime.queue.line import Rank, as_they_come

PLATFORM, TRAINING = "data-platform", "ml-training"
WHEELS = ObjectKey(PLATFORM, "team-wheels")
WRITERS = ObjectKey(PLATFORM, "writers")
TRAINERS = ObjectKey(TRAINING, "trainers")
REVIEWERS = ObjectKey(TRAINING, "reviewers")
NAME = RepositoryName("acme-packages", "us-central1", "team-wheels")
FOREIGN = Binding("roles/artifactregistry.reader", ("group:data@acme.example",))

Act = Callable[[Fakes], None]


def namespaces(fakes: Fakes) -> None:
    fakes.cluster.put_namespace(PLATFORM, projects="acme-packages", opted_in=True)
    fakes.cluster.put_namespace(TRAINING, opted_in=True, team="ml")
    fakes.cluster.service_accounts |= {(PLATFORM, "wheels-writer"), (TRAINING, "wheels-reader")}


def declare(fakes: Fakes) -> None:
    fakes.cluster.put(
        Kind.REPOSITORY,
        WHEELS,
        {
            "location": "us-central1",
            "description": "wheels",
            "accessFrom": {"namespaceSelector": {"matchLabels": {"team": "ml"}}},
        },
    )
    fakes.cluster.put(
        Kind.ACCESS,
        WRITERS,
        {
            "repositoryRef": {"name": "team-wheels"},
            "role": "Writer",
            "subjects": [
                {"kind": "ServiceAccount", "name": "wheels-writer"},
                {"kind": "GoogleGroup", "name": "writers@acme.example"},
            ],
            "secret": {"name": "upload", "serviceAccountName": "wheels-writer"},
        },
    )
    for key in (TRAINERS, REVIEWERS):
        fakes.cluster.put(
            Kind.ACCESS,
            key,
            {
                "repositoryRef": {"name": "team-wheels", "namespace": PLATFORM},
                "subjects": [{"kind": "ServiceAccount", "name": "wheels-reader"}],
                "secret": {"name": key.name},
            },
        )


def foreign_writer(fakes: Fakes) -> None:
    """Another client adds a binding with gcloud, whatever else exists."""
    if NAME.full in fakes.google.repositories:
        bindings = fakes.google.policy(NAME).bindings
        if not any(FOREIGN.members[0] in binding.members for binding in bindings):
            fakes.google.plant_policy(NAME, *bindings, Binding("roles/artifactregistry.writer", FOREIGN.members))


def withdraw_consent(fakes: Fakes) -> None:
    fakes.cluster.put_namespace(TRAINING, opted_in=True, team="other")


def opt_out(fakes: Fakes) -> None:
    fakes.cluster.put_namespace(TRAINING, opted_in=False, team="ml")


def demote_writer(fakes: Fakes) -> None:
    spec = dict(fakes.cluster.objects[Kind.ACCESS, WRITERS]["spec"]) | {"role": "Reader"}
    fakes.cluster.put(Kind.ACCESS, WRITERS, spec)


def delete_access(fakes: Fakes) -> None:
    fakes.cluster.delete(Kind.ACCESS, TRAINERS)


def delete_accesses(fakes: Fakes) -> None:
    for key in (TRAINERS, REVIEWERS, WRITERS):
        fakes.cluster.delete(Kind.ACCESS, key)


def delete_repository(fakes: Fakes) -> None:
    fakes.cluster.delete(Kind.REPOSITORY, WHEELS)


def delete_with_content(fakes: Fakes) -> None:
    spec = dict(fakes.cluster.objects[Kind.REPOSITORY, WHEELS]["spec"]) | {"deletionPolicy": "Delete"}
    fakes.cluster.put(Kind.REPOSITORY, WHEELS, spec)
    fakes.cluster.delete(Kind.REPOSITORY, WHEELS)


def drop_secret(fakes: Fakes) -> None:
    spec = dict(fakes.cluster.objects[Kind.ACCESS, TRAINERS]["spec"])
    del spec["secret"]
    fakes.cluster.put(Kind.ACCESS, TRAINERS, spec)


def describe(fakes: Fakes) -> None:
    spec = dict(fakes.cluster.objects[Kind.REPOSITORY, WHEELS]["spec"]) | {"description": "other"}
    fakes.cluster.put(Kind.REPOSITORY, WHEELS, spec)


ACTS: dict[str, Act] = {
    "create": lambda fakes: None,
    "withdraw consent": withdraw_consent,
    "opt out": opt_out,
    "Writer to Reader": demote_writer,
    "delete one access": delete_access,
    "delete all accesses": delete_accesses,
    "delete the repository": delete_repository,
    "delete it with content": delete_with_content,
    "remove the secret": drop_secret,
    "change the description": describe,
}


async def settled(simulation: Simulation, specification: Specification) -> None:
    await simulation.settle(specification.difference)
    await simulation.run(
        1300.0
    )  # Two checks for drift, in which reports that wait for the next write (counts, times) are written.
    simulation.fakes.calls.clear()
    await simulation.run(300.0)
    assert simulation.fakes.calls.changes == [], "a settled world is written to"
    assert specification.difference() is None


def crash_at(position: int, *, after: bool) -> Callable[[PortCall], None]:
    """A hook that kills the process at one port call, counted from its start."""
    numbers = itertools.count()

    def hook(call: PortCall) -> None:
        if next(numbers) == position:
            raise Crash(call.name)

    return hook


async def scenario(act: Act, position: int | None, *, after: bool, rank: Rank = as_they_come) -> int:
    """Declare everything, act, crash at the given port call of the act; returns the number of calls of the act."""
    fakes = Fakes(rank=rank)
    namespaces(fakes)
    simulation = Simulation(fakes)
    specification = Specification(fakes)
    creating = act is ACTS["create"]
    if not creating:
        declare(fakes)
        await simulation.settle(specification.difference)
        foreign_writer(fakes)
        specification.foreign = {(NAME.full, "roles/artifactregistry.writer", FOREIGN.members[0])}
    fakes.calls.clear()
    if position is not None:
        setattr(fakes.calls, "after" if after else "before", crash_at(position, after=after))
    (declare if creating else act)(fakes)
    await simulation.settle(specification.difference)
    took = len(fakes.calls.log)
    fakes.calls.before = fakes.calls.after = None
    await settled(simulation, specification)
    return took


@pytest.mark.parametrize("name", ACTS)
async def test_crash_before_and_after_every_port_call(name: str) -> None:
    """A crash before or after any port call of an act leaves a state that the next start finishes or cleans up."""
    calls = await scenario(ACTS[name], None, after=False)
    for position in range(calls):
        for after in (False, True):
            await scenario(ACTS[name], position, after=after)


@pytest.mark.parametrize("name", ACTS)
async def test_crash_with_passes_in_any_order(name: str) -> None:
    """The units work side by side, so after a start the first pass of any key may come before or after any other."""
    for seed in range(30):
        chance = random.Random(seed)
        rank = partial(_any_rank, chance)
        calls = await scenario(ACTS[name], None, after=False, rank=rank)
        await scenario(ACTS[name], chance.randrange(calls), after=chance.random() < 0.5, rank=rank)


def _any_rank(chance: random.Random, _key: Key) -> float:
    return chance.random()


@pytest.mark.parametrize("name", [name for name in ACTS if name != "create"])
async def test_act_while_the_operator_is_down(name: str) -> None:
    """Changes while the operator is down take effect after the start, including revocations."""
    fakes = Fakes()
    namespaces(fakes)
    simulation = Simulation(fakes)
    specification = Specification(fakes)
    declare(fakes)
    await simulation.settle(specification.difference)
    ACTS[name](fakes)
    simulation.boot()
    await settled(simulation, specification)
