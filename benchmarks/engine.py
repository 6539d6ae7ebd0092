"""The engine in a separate process, with the fakes of the convergence tests: only this module here uses it.

`python engine.py memory|micro ACCESSES` prints figures as JSON; inside.py calls it. All accesses are in the state in
which the operator leaves them, so that a pass has nothing to do.
"""

import asyncio
import gc
import json
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import structlog
from convergence.simulation import Simulation
from fakes.world import OPTIONS, Fakes
from meter import resident

from wheelhouse.domain.findings import AccessFindings
from wheelhouse.domain.iam import Binding, Policy
from wheelhouse.domain.keys import AccessKey, Key, PolicyKey, SecretKey
from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.objects import CustomObject, Kind, compact
from wheelhouse.plan.policy import plan_policy
from wheelhouse.reconcile.findings import Findings
from wheelhouse.reconcile.policy.claims import Claims
from wheelhouse.runtime import garbage
from wheelhouse.status.access import AccessFacts, access_status
from wheelhouse.status.conditions import same
from wheelhouse.status.read import read_distribution, read_grants

Json = dict[str, Any]
Figures = dict[str, float]

PLATFORM, MODEL = "platform", ObjectKey("model-team", "model-access")
READER = "roles/artifactregistry.reader"
TARGETS, MEMBERS = 5000, 1000
WARM_UP = 500
"""Accesses that exist before memory is measured, so that one-time costs do not count."""
REPEATED = 0.5
"""Seconds for which a short operation is repeated."""


class Engine:
    """A loop with repositories, and finished accesses to them.

    Args:
        repositories: their number; with one, all accesses are to it.
    """

    def __init__(self, repositories: int) -> None:
        self.fakes = fakes = Fakes(options=replace(OPTIONS, create_interval=timedelta()))
        for namespace in (PLATFORM, MODEL.namespace):
            fakes.cluster.put_namespace(namespace, projects="acme-packages", opted_in=True)
        fakes.cluster.service_accounts.add((MODEL.namespace, MODEL.name))
        self._names = [f"wheels-{number}" for number in range(repositories)]
        for name in self._names:
            spec: Json = {"location": "us-central1", "accessFrom": {"namespaceSelector": {}}}
            fakes.cluster.put(Kind.REPOSITORY, ObjectKey(PLATFORM, name), spec)
        spec = {
            "repositoryRef": {"name": self._names[0], "namespace": PLATFORM},
            "subjects": [{"kind": "ServiceAccount", "name": MODEL.name}],
            "secret": {"name": "pip-config"},
        }
        fakes.cluster.put(Kind.ACCESS, MODEL, spec)
        self.simulation = Simulation(fakes)
        self._model = ""
        self._versions = 1_000_000

    async def begin(self) -> None:
        """Let the operator finish the repositories, and the access that is the model for all others."""
        await self.simulation.run(120.0)
        self._model = json.dumps(self.fakes.cluster.objects[Kind.ACCESS, MODEL])
        assert '"Ready", "status": "True"' in self._model, self._model

    def bodies(self, numbers: range) -> Iterator[Json]:
        """Accesses as the API server would send them, ten per namespace; the policies contain their grants."""
        members: dict[str, list[str]] = {}
        uid = self.fakes.cluster.objects[Kind.ACCESS, MODEL]["metadata"]["uid"]
        for number in numbers:
            name = self._names[number % len(self._names)]
            text = self._model.replace(uid, f"11111111-0000-4000-8000-{number:012d}")
            text = text.replace(MODEL.namespace, f"team-{number // 10}").replace(MODEL.name, f"access-{number}")
            body: Json = json.loads(text.replace(self._names[0], name))
            body["metadata"]["resourceVersion"] = str(self._versions + number)
            body["metadata"]["managedFields"] = [{"manager": "kubectl", "fieldsV1": {"f:spec": {"f:subjects": {}}}}] * 3
            members.setdefault(name, []).append(body["status"]["grants"][0]["member"])
            yield body
        for name, added in members.items():
            standing = self.fakes.google.policy(repository(name)).bindings
            every = [*(member for binding in standing for member in binding.members), *added]
            self.fakes.google.plant_policy(repository(name), Binding(READER, tuple(every)))

    def namespaces(self, numbers: range) -> None:
        """The teams' namespaces and ServiceAccounts."""
        self.fakes.cluster.service_accounts |= {(f"team-{number // 10}", f"access-{number}") for number in numbers}
        for number in sorted({number // 10 for number in numbers}):
            labels = {"team": "ml", "wheelhouse.dev/credentials": "enabled"}
            self.simulation.informer.seen_namespace({"metadata": {"name": f"team-{number}", "labels": labels}})

    def watch(self, numbers: range) -> list[ObjectKey]:
        """See accesses for the first time, and return their keys."""
        keys = []
        for body in self.bodies(numbers):
            self.simulation.informer.seen(Kind.ACCESS, body)
            keys.append(ObjectKey(body["metadata"]["namespace"], body["metadata"]["name"]))
        return keys

    async def look(self, keys: list[ObjectKey]) -> None:
        """The first pass of every unit; check that it wrote nothing."""
        self.fakes.calls.clear()
        for name in self._names:
            await self.run(PolicyKey(repository(name)))
        for key in keys:
            await self.run(AccessKey(key))
            await self.run(SecretKey(key, key.namespace))
        written = {name for name in self.fakes.calls.count() if name not in {"policies.get", "repositories.get"}}
        assert not written, written
        self.fakes.calls.clear()

    async def run(self, key: Key) -> None:
        """One pass."""
        await self.simulation.loop.reconcile(key)


def repository(name: str) -> RepositoryName:
    """The Google repository of a PythonRepository."""
    return RepositoryName("acme-packages", "us-central1", name)


async def memory(count: int) -> Figures:
    """Resident memory per access, in kB: the objects from the watches, and the units' own data about them."""
    engine = Engine(max(1, count // 20))
    await engine.begin()
    warm, rest = range(WARM_UP), range(WARM_UP, WARM_UP + count)
    engine.namespaces(range(WARM_UP + count))
    await engine.look(engine.watch(warm))
    begun = measured()
    keys = engine.watch(rest)
    seen = measured()
    await engine.look(keys)
    remembered = measured()
    return {"seen": (seen - begun) / count, "remembered": (remembered - seen) / count}


def measured() -> float:
    """The resident set of this process in kB, without garbage."""
    gc.collect()
    return resident(os.getpid())


async def micro(count: int) -> Figures:
    """CPU of single steps in µs, with this many accesses in total and MEMBERS on one repository."""
    crowd, one = Engine(max(1, count // 20)), Engine(1)
    figures: Figures = {}
    for engine, number in ((crowd, count), (one, MEMBERS - 1)):
        await engine.begin()
        engine.namespaces(range(number))
    begun = time.process_time()
    keys = crowd.watch(range(count))
    figures["seen"] = (time.process_time() - begun) / count * 1e6
    await crowd.look(keys)
    one.watch(range(MEMBERS - 1))
    garbage.exclude_existing()  # As the operator does once the lists are there.
    figures["claim"] = claim(crowd, keys[0])
    figures["access"] = await a_pass(crowd, AccessKey(keys[0]))
    figures["secret"] = await a_pass(crowd, SecretKey(keys[0], keys[0].namespace))
    begun = time.process_time()
    await one.run(PolicyKey(repository("wheels-0")))
    figures["policy"] = (time.process_time() - begun) * 1e6
    return figures | planning(one) | targets(crowd, keys[0])


def repeated(act: Callable[[], object]) -> float:
    """CPU of a short operation, in µs."""
    act()
    times, begun = 0, time.process_time()
    while (taken := time.process_time() - begun) < REPEATED:
        act()
        times += 1
    return taken / times * 1e6


async def a_pass(engine: Engine, key: Key) -> float:
    """CPU of a pass with nothing to do, in µs."""
    times, begun = 0, time.process_time()
    while (taken := time.process_time() - begun) < REPEATED:
        await engine.run(key)
        times += 1
    return taken / times * 1e6


def claims(engine: Engine) -> Claims:
    """Claims with new findings."""
    world = replace(engine.fakes.world, cache=engine.simulation.cache)
    return Claims(world, Findings())


def claim(engine: Engine, key: ObjectKey) -> float:
    """CPU of deciding about one access, in µs."""
    judge, stored = claims(engine), engine.simulation.cache.access(key)
    assert stored is not None
    return repeated(lambda: judge.of(stored))


def planning(engine: Engine) -> Figures:
    """CPU of planning a policy with all grants, and one without any grant, in µs."""
    name = repository("wheels-0")
    claimants = claims(engine).claimants(name)
    standing, empty = engine.fakes.google.policy(name), Policy(b"e", 1, ())
    assert len(claimants) == standing.size == MEMBERS
    bare = [replace(claimant, ledger=(), may_add=True) for claimant in claimants]
    assert plan_policy(claimants, standing).policy is None
    assert len(plan_policy(bare, empty).add) == MEMBERS
    return {
        "plan standing": repeated(lambda: plan_policy(claimants, standing)),
        "plan empty": repeated(lambda: plan_policy(bare, empty)),
    }


def targets(engine: Engine, key: ObjectKey) -> Figures:
    """CPU of a status of an access with TARGETS Secrets, in µs."""
    found = engine.simulation.cache.access(key)
    assert found is not None
    stored = _with_targets(found.stored)
    standing, now = stored.status, engine.fakes.clock.now()
    grants, distribution = read_grants(standing), read_distribution(standing)
    facts = AccessFacts(stored, AccessFindings(), grants, distribution, wants_secret=True, suspended="")
    status = access_status(facts, now)
    return {
        "read": repeated(lambda: (read_grants(stored.status), read_distribution(stored.status))),
        "rendered": repeated(lambda: access_status(facts, now)),
        "same": repeated(lambda: same(status, standing)),
    }


def _with_targets(stored: CustomObject) -> CustomObject:
    status = stored.status
    namespaces = [f"namespace-{number}" for number in range(TARGETS)]
    status["secret"] |= {"namespaces": namespaces, "desired": TARGETS, "current": TARGETS}
    return replace(stored, status_json=compact(status))


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    WHAT = {"memory": memory, "micro": micro}[sys.argv[1]]
    print(json.dumps(asyncio.run(WHAT(int(sys.argv[2])))))
