"""gcloud, 200 accesses and ten kills at once: the policy ends as exactly what others granted and what is wanted."""

import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from support.gcloud import attempt
from support.kube import ACCESSES, GROUP, REPOSITORIES, Kube, await_that, principal

pytestmark = [pytest.mark.e2e, pytest.mark.gcloud, pytest.mark.slow]

NAMESPACE = NAME = "chaos"
KILLS, WAVE = 10, 20
"""Each wave of new accesses ends with a kill: 200 accesses in total."""
ACCOUNTS = 30
"""Several accesses ask for the grant of one ServiceAccount."""
ROLES = {"Reader": "roles/artifactregistry.reader", "Writer": "roles/artifactregistry.writer"}
EARLIER = [f"group:earlier-{number}@acme.example" for number in range(5)]
"""Readers that gcloud added before; accesses ask for them too."""
UNTIL_KILLED = 2.0
"""Maximum seconds from the last change of a wave to its kill: a pass begins 0.2 to 2 s after a change."""
CONFLICT = "concurrent policy changes"
"""Words of the error if somebody changed the policy after gcloud had read it: nothing was changed."""

Pair = tuple[str, str]


class Gcloud:
    """The real gcloud, which adds and removes bindings until it is told to stop."""

    def __init__(self, kube: Kube) -> None:
        self.kube = kube
        self.granted: set[Pair] = set()
        self.conflicts = 0
        self.problems: list[str] = []
        self.changes = 0
        self._stop = threading.Event()

    def add(self, role: str, member: str) -> None:
        """Add a binding."""
        self._change("add-iam-policy-binding", role, member)
        self.granted.add((role, member))

    def remove(self, role: str, member: str) -> None:
        """Remove a binding."""
        self._change("remove-iam-policy-binding", role, member)
        self.granted.discard((role, member))

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Add and remove bindings during the block."""
        thread = threading.Thread(target=self._work)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    def _work(self) -> None:
        """Two more bindings for each that goes."""
        try:
            number = 0
            while not self._stop.is_set():
                role = list(ROLES.values())[number % 2]
                self.add(role, f"user:person-{number}@acme.example")
                if number % 2:
                    self.remove(*min(pair for pair in self.granted if "person" in pair[1]))
                number += 1
        except AssertionError as error:
            self.problems.append(str(error))

    def _change(self, verb: str, role: str, member: str) -> None:
        where = ("repositories", verb, NAME, "--location=us-central1")
        while True:
            done = attempt(self.kube, *where, f"--role={role}", f"--member={member}")
            if done.returncode == 0:
                self.changes += 1
                return
            assert CONFLICT in done.stderr, done.stderr
            self.conflicts += 1


class Accesses:
    """Accesses that come, change their role, and go."""

    def __init__(self, kube: Kube, moments: random.Random) -> None:
        self.kube = kube
        self.moments = moments
        self.living: dict[str, dict[str, Any]] = {}

    def come(self, first: int) -> None:
        """A wave of new ones."""
        specs = {}
        for number in range(first, first + WAVE):
            subjects = [{"kind": "ServiceAccount", "name": f"account-{number % ACCOUNTS}"}]
            if number % 7 == 0:
                subjects.append({"kind": "GoogleGroup", "name": EARLIER[number % 5].partition(":")[2]})
            role = self.moments.choice(list(ROLES))
            specs[f"access-{number:03d}"] = {"repositoryRef": {"name": NAME}, "role": role, "subjects": subjects}
        self._apply(specs)

    def change(self) -> None:
        """A sixth of them get another role, and a third of them go."""
        names = self.moments.sample(sorted(self.living), len(self.living) // 2)
        changed, gone = names[: len(names) // 3], names[len(names) // 3 :]
        others = {"Reader": "Writer", "Writer": "Reader"}
        self._apply({name: {**self.living[name], "role": others[self.living[name]["role"]]} for name in changed})
        for name in gone:
            self.go(name)

    def _apply(self, specs: dict[str, dict[str, Any]]) -> None:
        kind = {"apiVersion": "wheelhouse.dev/v1alpha1", "kind": "RepositoryAccess"}
        named = {name: {"name": name, "namespace": NAMESPACE} for name in specs}
        self.kube.apply(*({**kind, "metadata": named[name], "spec": spec} for name, spec in specs.items()))
        self.living |= specs

    def go(self, name: str) -> None:
        """Delete one."""
        self.kube.delete(ACCESSES, NAMESPACE, name)
        del self.living[name]

    @property
    def wanted(self) -> set[Pair]:
        """The grants that they ask for."""
        return {(ROLES[spec["role"]], member(each)) for spec in self.living.values() for each in spec["subjects"]}


def member(subject: dict[str, str]) -> str:
    """A subject's IAM member."""
    if subject["kind"] == "GoogleGroup":
        return f"group:{subject['name']}"
    return principal(NAMESPACE, subject["name"])


def policy(kube: Kube) -> list[Pair]:
    """Every member of every binding."""
    return sorted((role, each) for role, members in kube.members(NAME).items() for each in members)


def test_the_policy_is_what_others_granted_and_what_is_wanted(kube: Kube) -> None:
    """Gcloud works on the policy all the while, and the operator is killed ten times: nothing is lost or left over."""
    seed = int(os.environ.get("WHEELHOUSE_TEST_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 30)
    print(f"WHEELHOUSE_TEST_SEED={seed}")
    moments = random.Random(seed)
    kube.namespace(NAMESPACE)
    kube.repository(NAMESPACE, NAME)
    kube.await_ready(REPOSITORIES, NAMESPACE, NAME)
    gcloud, accesses = Gcloud(kube), Accesses(kube, moments)
    for each in EARLIER:
        gcloud.add(ROLES["Reader"], each)
    with gcloud.busy():
        for wave in range(KILLS):
            accesses.come(wave * WAVE)
            accesses.change()
            time.sleep(moments.uniform(0.0, UNTIL_KILLED))  # The time is random here.
            kube.world.kill("operator")
            kube.world.start("operator")
    assert gcloud.problems == []
    print(f"gcloud: {gcloud.changes} changes, {gcloud.conflicts} conflicts; {len(accesses.living)} accesses remain")
    await_policy(kube, gcloud.granted | accesses.wanted)
    for name in list(accesses.living):
        accesses.go(name)
    await_policy(kube, gcloud.granted)


def await_policy(kube: Kube, expected: set[Pair]) -> None:
    """Every access is Ready or gone, and the policy is exactly this."""
    path = f"{GROUP}/namespaces/{NAMESPACE}/{ACCESSES}"

    def settled() -> bool:
        found = kube.world.api().call("GET", path)[1]["items"]
        return all(ready(body) for body in found) and policy(kube) == sorted(expected)

    try:
        await_that(settled, "the policy")
    finally:
        found = set(policy(kube))
        assert (found - expected, expected - found) == (set(), set()), "(too much, too little)"


def ready(body: dict[str, Any]) -> bool:
    """Whether an access is Ready for its current spec."""
    status = body.get("status", {})
    rows = {row["type"]: row["status"] for row in status.get("conditions", ())}
    return rows.get("Ready") == "True" and status["observedGeneration"] == body["metadata"]["generation"]
