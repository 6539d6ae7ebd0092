"""The cost of each act in requests, which matters for quotas and for the API server."""

from collections import Counter

from convergence.simulation import Simulation
from convergence.specification import Specification
from convergence.test_crashes import TRAINERS, TRAINING, WHEELS, WRITERS, declare, delete_with_content, namespaces
from fakes.world import Fakes

from wheelhouse.domain.keys import PolicyKey, RepositoryKey
from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.objects import Kind

TEAM_WHEELS = RepositoryName("acme-packages", "us-central1", "team-wheels")
READER = {
    "repositoryRef": {"name": "team-wheels", "namespace": "data-platform"},
    "subjects": [{"kind": "ServiceAccount", "name": "wheels-reader"}],
    "secret": {"name": "pip-config"},
}


def declare_repository(fakes: Fakes) -> None:
    access_from = {"namespaceSelector": {"matchLabels": {"team": "ml"}}}
    fakes.cluster.put(Kind.REPOSITORY, WHEELS, {"location": "us-central1", "accessFrom": access_from})


async def world() -> tuple[Simulation, Specification]:
    """An operator over two namespaces and nothing else."""
    fakes = Fakes()
    namespaces(fakes)
    return Simulation(fakes), Specification(fakes)


async def cost(simulation: Simulation, specification: Specification) -> Counter[str]:
    """The port calls until the world is as desired."""
    simulation.fakes.calls.clear()
    await simulation.settle(specification.difference)
    return simulation.fakes.calls.count()


def counted(simulation: Simulation) -> Counter[str]:
    """The port calls, without the sweep of Secrets: no-op dry runs are counted separately."""
    log = simulation.fakes.calls.log
    return Counter(c.name for c in log if not (c.name == "secrets.apply" and c.kwargs.get("dry_run")))


async def test_repository() -> None:
    """A new repository: one get, one create, polls, one get."""
    simulation, specification = await world()
    simulation.fakes.google.polls_until_done = 3
    declare_repository(simulation.fakes)
    calls = await cost(simulation, specification)
    assert calls["repositories.get"] == 2
    assert calls["repositories.create"] == 1
    assert calls["repositories.poll"] == 4
    assert calls["objects.set_finalizers"] == 1
    assert not any(name.startswith("policies") for name in calls)


async def test_description() -> None:
    """A changed description: one get, one patch, one status write."""
    simulation, specification = await world()
    declare_repository(simulation.fakes)
    await simulation.settle(specification.difference)
    spec = {**simulation.fakes.cluster.objects[Kind.REPOSITORY, WHEELS]["spec"], "description": "wheels"}
    simulation.fakes.cluster.put(Kind.REPOSITORY, WHEELS, spec)
    calls = await cost(simulation, specification)
    assert calls == {"repositories.get": 1, "repositories.patch": 1, "objects.write_status": 1}


async def test_access_with_secret() -> None:
    """A new access: finalizer, three status writes, TokenRequest with exchange, Secret, get and set, one page."""
    simulation, specification = await world()
    declare_repository(simulation.fakes)
    await simulation.settle(specification.difference)
    simulation.fakes.cluster.put(Kind.ACCESS, TRAINERS, READER)
    calls = await cost(simulation, specification)
    assert calls == {
        "objects.set_finalizers": 1,
        "objects.write_status": 3,  # The intent, the result, and the repository's count.
        "objects.event": 1,
        "policies.get": 1,
        "repositories.get": 1,  # Before a grant is made: is it still the same repository?
        "policies.set": 1,
        "tokens.mint": 1,
        "secrets.apply": 1,
        "index.probe": 1,
    }


async def test_second_access_of_the_same_service_account() -> None:
    """The policy is read once and not set, and the token is shared."""
    simulation, specification = await world()
    declare_repository(simulation.fakes)
    simulation.fakes.cluster.put(Kind.ACCESS, TRAINERS, READER)
    await simulation.settle(specification.difference)
    again = {**READER, "secret": {"name": "other"}}
    simulation.fakes.cluster.put(Kind.ACCESS, ObjectKey(TRAINING, "again"), again)
    calls = await cost(simulation, specification)
    assert calls["policies.set"] == 0
    assert calls["policies.get"] == 1
    assert calls["tokens.mint"] == 0
    assert calls["objects.write_status"] == 3
    assert calls["secrets.apply"] == 1


async def test_writer_to_reader() -> None:
    """A changed role: one get, one set with both changes so that there is no gap, two status writes, one Secret."""
    simulation, specification = await world()
    declare(simulation.fakes)
    await simulation.settle(specification.difference)
    spec = {**simulation.fakes.cluster.objects[Kind.ACCESS, WRITERS]["spec"], "role": "Reader"}
    simulation.fakes.cluster.put(Kind.ACCESS, WRITERS, spec)
    calls = await cost(simulation, specification)
    assert calls["policies.get"] == 1
    assert calls["policies.set"] == 1
    assert calls["objects.write_status"] == 2
    assert calls["secrets.apply"] == 1


async def test_deleted_access() -> None:
    """A deletion: get and set, dry run and DELETE, the finalizer, the repository's count; no other status write."""
    simulation, specification = await world()
    declare_repository(simulation.fakes)
    simulation.fakes.cluster.put(Kind.ACCESS, TRAINERS, READER)
    await simulation.settle(specification.difference)
    simulation.fakes.cluster.delete(Kind.ACCESS, TRAINERS)
    calls = await cost(simulation, specification)
    assert calls == {
        "objects.write_status": 1,
        "policies.get": 1,
        "policies.set": 1,
        "secrets.apply": 1,
        "secrets.delete": 1,
        "objects.set_finalizers": 1,
    }


async def test_many_accesses_are_one_set() -> None:
    """However many accesses of one repository are created at once: one get and one set."""
    simulation, specification = await world()
    declare_repository(simulation.fakes)
    await simulation.settle(specification.difference)
    for number in range(50):
        subjects = [{"kind": "ServiceAccount", "name": f"sa-{number}"}]
        spec = {"repositoryRef": READER["repositoryRef"], "subjects": subjects}
        simulation.fakes.cluster.put(Kind.ACCESS, ObjectKey(TRAINING, f"access-{number}"), spec)
    calls = await cost(simulation, specification)
    assert calls["policies.get"] <= 2
    assert calls["policies.set"] <= 2
    assert calls["objects.write_status"] == 101  # One is the count of the repository.


async def test_idle() -> None:
    """A minute of idle, with a restart in it, changes nothing anywhere."""
    simulation, specification = await world()
    declare(simulation.fakes)
    await simulation.settle(specification.difference)
    await simulation.run(30.0)
    simulation.fakes.calls.clear()
    await simulation.run(60.0)
    assert counted(simulation) == {}
    assert len(simulation.fakes.calls.log) <= 6, "each of two Secrets is swept about once a minute"
    simulation.boot()
    simulation.fakes.calls.clear()
    await simulation.run(60.0)
    assert simulation.fakes.calls.changes == []
    assert counted(simulation) == {"repositories.get": 1, "policies.get": 1}


async def test_restart_with_accesses_that_status_does_not_count() -> None:
    """A count that status lacks is written with a later check: a start writes nothing, in any order."""
    simulation, specification = await world()
    declare_repository(simulation.fakes)
    await simulation.settle(specification.difference)
    simulation.fakes.cluster.put(Kind.ACCESS, TRAINERS, READER)
    await simulation.settle(specification.difference)
    body = simulation.fakes.cluster.objects[Kind.REPOSITORY, WHEELS]
    del body["status"]["accessSummary"]
    simulation.fakes.cluster.touch(body)
    for first in (PolicyKey(TEAM_WHEELS), RepositoryKey(WHEELS)):
        simulation.boot()
        simulation.fakes.calls.clear()
        await simulation.loop.reconcile(first)
        await simulation.run(60.0)
        assert simulation.fakes.calls.changes == []
    await simulation.run(900.0)
    assert simulation.fakes.calls.count()["objects.write_status"] == 1
    summary = simulation.fakes.cluster.objects[Kind.REPOSITORY, WHEELS]["status"]["accessSummary"]
    assert (summary["accesses"], summary["members"]) == (1, 1)


async def test_refresh() -> None:
    """At half the token's lifetime: one mint, one Secret; the index is checked after it and at each drift interval."""
    simulation, specification = await world()
    declare_repository(simulation.fakes)
    simulation.fakes.cluster.put(Kind.ACCESS, TRAINERS, READER)
    await simulation.settle(specification.difference)
    simulation.fakes.calls.clear()
    await simulation.run(1805.0)
    calls = counted(simulation)
    assert calls["tokens.mint"] == 1
    assert calls["secrets.apply"] == 1
    assert 1 <= calls["index.probe"] <= 4
    assert calls["policies.set"] == 0


async def test_deleted_with_content() -> None:
    """A repository that is deleted with its object: one get, the CRD's, one delete, polls, one get."""
    simulation, specification = await world()
    declare_repository(simulation.fakes)
    await simulation.settle(specification.difference)
    delete_with_content(simulation.fakes)
    calls = await cost(simulation, specification)
    assert calls["repositories.delete"] == 1
    assert calls["repositories.get"] == 2
    assert calls["objects.definition_deleting"] == 1
