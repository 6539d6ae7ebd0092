"""Deleting in any order never hangs, and leaves nothing of ours behind: all 720 orders of six objects."""

import itertools
import os
import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from convergence.scenes import NAME, PULL, WHEELS, members
from convergence.simulation import Simulation
from fakes.calls import PortCall
from fakes.world import Fakes
from support.deletions import CONTENTS, SETTINGS, Remains, Setting, Thing, remains

from wheelhouse.domain.iam import Binding
from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.objects import Kind
from wheelhouse.domain.project import Project
from wheelhouse.domain.repository import CLUSTER_LABEL, OBJECT_LABEL
from wheelhouse.errors import Refused

ORDERS = list(itertools.permutations(Thing))
LONG = os.environ.get("WHEELHOUSE_TEST_PROFILE") == "long"
"""Whether each order is tried with all settings. `make test` tries it with one or two, drawn from the order."""
FOLLOWED = 90.0
"""Seconds in which everything follows a deletion: 30 s until a repository's absence counts, and retries."""
HURRIES = (0.0, 0.0, 0.1, 0.5, 2.0, 10.0)
FOREIGN = Binding("roles/artifactregistry.writer", ("group:data@acme.example",))
SECRET = "pip-config"


class Scene:
    """One access with a Secret on one repository, and the deletions of everything that they depend on."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.fakes = Fakes()
        self.cluster, self.google = self.fakes.cluster, self.fakes.google
        self.home = WHEELS.namespace if Thing.REPOSITORY in setting.inside else "team"
        """The Namespace that is deleted."""
        self.access = ObjectKey(
            WHEELS.namespace if setting.inside >= {Thing.ACCESS, Thing.REPOSITORY} else "team", "one"
        )
        self.keys = {(Kind.ACCESS, self.access): Thing.ACCESS, (Kind.REPOSITORY, WHEELS): Thing.REPOSITORY}
        self.simulation = Simulation(self.fakes)

    async def declare(self) -> None:
        """Reach the state that the deletions begin with."""
        cluster = self.cluster
        cluster.put_namespace(WHEELS.namespace, projects=NAME.project, opted_in=True)
        cluster.put_namespace("team", opted_in=True)
        cluster.service_accounts.add((self.access.namespace, "pull"))
        spec = {
            "location": NAME.location,
            "deletionPolicy": self.setting.policy,
            "accessFrom": {"namespaces": ["team"]},
        }
        cluster.put(Kind.REPOSITORY, WHEELS, spec)
        reference = {"name": WHEELS.name, "namespace": WHEELS.namespace}
        wish = {"repositoryRef": reference, "subjects": PULL, "secret": {"name": SECRET}}
        cluster.put(Kind.ACCESS, self.access, wish)
        await self.simulation.run(30.0)
        self.google.plant_policy(NAME, FOREIGN, *self.google.policy(NAME).bindings)
        assert self.remains() == remains((), self.setting)

    def delete(self, thing: Thing) -> None:
        """Delete one object, as a person or an administrator."""
        match thing:
            case Thing.ACCESS:
                self.cluster.delete(Kind.ACCESS, self.access)
            case Thing.REPOSITORY:
                self.cluster.delete(Kind.REPOSITORY, WHEELS)
            case Thing.ACCOUNT:
                self.cluster.service_accounts.discard((self.access.namespace, "pull"))
            case Thing.NAMESPACE:
                self._delete_namespace()
            case Thing.PROJECT:
                self.fakes.projects.known[NAME.project] = Project(NAME.project, "123456789012", active=False)
                self.fakes.calls.before = deny
            case Thing.DEFINITIONS:
                self.cluster.definitions_deleting |= set(Kind)
                for kind, key in self.keys:
                    self.cluster.delete(kind, key)

    def _delete_namespace(self) -> None:
        """Everything in it is deleted; it is gone once it is empty."""
        found = self.cluster.namespaces[self.home]
        self.cluster.namespaces[self.home] = replace(found, deleting=True)
        for place in [place for place in self.cluster.secrets if place[0] == self.home]:
            del self.cluster.secrets[place]
        self.cluster.service_accounts = {each for each in self.cluster.service_accounts if each[0] != self.home}
        for kind, key in self.keys:
            if key.namespace == self.home:
                self.cluster.delete(kind, key)

    async def follow(self, seconds: float) -> None:
        """Let the operator work; then Kubernetes removes a Namespace that is empty."""
        await self.simulation.run(seconds)
        found = self.cluster.namespaces.get(self.home)
        if found is not None and found.deleting and all(key.namespace != self.home for _, key in self.cluster.objects):
            del self.cluster.namespaces[self.home]

    def remains(self) -> Remains:
        """What exists now, in a deleted project too."""
        found = self.google.repositories.get(NAME.full)
        labels = set(found.labels) & {CLUSTER_LABEL, OBJECT_LABEL} if found is not None else set()
        assert len(labels) != 1, labels
        granted = members(self.simulation)
        assert granted <= {f"{self.access.namespace}/pull"}, granted
        assert found is None or members(self.simulation, role=FOREIGN.role) == set(FOREIGN.members)
        objects = {self.keys[place] for place in self.cluster.objects}
        home = {Thing.NAMESPACE} if self.home in self.cluster.namespaces else set()
        secrets = set(self.cluster.secrets)
        assert secrets <= {(self.access.namespace, SECRET)}, secrets
        return Remains(frozenset(objects | home), bool(secrets), found is not None, bool(labels), bool(granted))


def deny(call: PortCall) -> None:
    """Refuse calls in a deleted project, as Google does."""
    if call.name.startswith(("repositories.", "policies.")):
        raise Refused("Project #123456789012 has been deleted.")


def settings_of(order: Sequence[Thing], settings: Sequence[Setting]) -> Sequence[Setting]:
    """The settings to try an order with."""
    return settings if LONG else [random.Random(f"setting {' '.join(order)}").choice(settings)]


@pytest.mark.parametrize("inside", CONTENTS, ids=lambda inside: "+".join(sorted(inside)))
async def test_each_deletion_is_followed_before_the_next(inside: frozenset[Thing]) -> None:
    """After each deletion of each order, exactly what the documentation names is left."""
    for order in ORDERS:
        for setting in settings_of(order, [each for each in SETTINGS if each.inside == inside]):
            scene = Scene(setting)
            await scene.declare()
            for number, thing in enumerate(order):
                scene.delete(thing)
                await scene.follow(FOLLOWED)
                assert scene.remains() == remains(order[: number + 1], setting), (setting, order[: number + 1])


async def test_deletions_overtake_each_other() -> None:
    """With less time than each needs, and with restarts of the operator in between, the end of each order is the same.

    The operator has time before the project alone is deleted, because afterwards it can change nothing there.
    """
    for order in ORDERS:
        for setting in settings_of(order, SETTINGS):
            scene = Scene(setting)
            await scene.declare()
            await hurried(scene, order)
            found, expected = scene.remains(), remains(order, setting)
            if setting.policy != "Orphan":  # The definitions may be deleted before the repository is.
                expected = replace(expected, created=found.created)
            assert found == expected, (setting, order)


async def hurried(scene: Scene, order: Sequence[Thing]) -> None:
    """Delete in this order, with waits that the order decides."""
    moments = random.Random(" ".join(order))
    for thing in order:
        if thing is Thing.PROJECT:
            await scene.follow(FOLLOWED)
        scene.delete(thing)
        if moments.random() < 0.3:
            scene.simulation.boot()
        await scene.follow(moments.choice(HURRIES))
    await scene.follow(FOLLOWED)
