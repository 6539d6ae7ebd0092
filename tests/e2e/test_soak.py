"""A promise: no pod ever sees an expired token, whatever is out of order for a third of a token's life.

A token's life of a minute stands for an hour. The API server issues no shorter token than ten minutes, so the emulated
Google shortens the lives.
"""

import os
import re
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support import google
from support.clock import Clock
from support.kube import ACCESSES, PROJECT, Kube, await_that
from support.observer import Observer

from wheelhouse_local import control, trace
from wheelhouse_local.state import Options
from wheelhouse_local.world import World

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

LIFETIME = 60.0
SECRETS = 200
REFRESH = LIFETIME / 2
OUTAGE = LIFETIME / 3
REST = LIFETIME
"""Seconds between two outages. The operator's clock jumps in the middle: if it jumps ahead, all tokens are replaced."""
DELAY = LIFETIME / 30
"""Seconds in which kubelet brings a changed Secret into a pod."""
SOONEST, LATEST = REFRESH * 0.9, REFRESH * 1.1
"""A token is replaced at half its life, or up to a tenth of that before or after."""
MANY = SECRETS * 3 // 10
"""An outage begins when this many tokens have not been replaced yet, and must be before its end."""
LONGEST = OUTAGE * 1.1
"""Maximum seconds of an outage, which includes the start of the program that was killed."""
ATTEMPTS = 3
ROUNDS = 5 if os.environ.get("WHEELHOUSE_TEST_PROFILE") == "long" else 1
"""Rounds of at least four lifetimes each, with all outages."""
ENOUGH = SECRETS // 4
"""Minimum exchanges or writes that must fail in an outage: fewer would mean that it did not matter."""
NAMESPACE = "soak"


@pytest.fixture
def brief(tmp_path: Path, clock: Clock) -> Iterator[Kube]:
    """A world whose tokens live a minute. An hour of exchanges is a minute too, as far as the highest rate permits."""
    world = World(tmp_path / "brief world")
    world.up(Options(token_lifetime=int(LIFETIME), settings={**clock.variables, "WHEELHOUSE_EXCHANGE_RATE": "60"}))
    yield Kube(world)
    world.down(purge=True)


@pytest.fixture
def observer(brief: Kube, tmp_path: Path) -> Iterator[Observer]:
    """Two hundred pods with a Secret and an identity each."""
    kube = brief
    kube.namespace(NAMESPACE)
    kube.repository(NAMESPACE, "soaked")
    names = [f"reader-{number}" for number in range(SECRETS)]
    kube.apply(*(_account(name) for name in names))
    kube.apply(*(_access(name) for name in names))
    kube.await_ready(ACCESSES, NAMESPACE, *names)
    base = kube.world.environment()["endpoints"]["index"]
    url = f"{base}us-central1-python.pkg.dev/{PROJECT}/soaked/"
    google.upload(url, b"x", "soak-1.0.zip", "soak", "1.0", google.owner_authorization(kube))
    found = Observer(kube.world, NAMESPACE, "soak", DELAY, tmp_path / "pods")
    found.start()
    await_that(lambda: found.answers[200] > SECRETS, "all pods to have their files")
    yield found
    found.end()


def _account(name: str) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": NAMESPACE}}


def _access(name: str) -> dict[str, object]:
    spec = {
        "repositoryRef": {"name": "soaked"},
        "subjects": [{"kind": "ServiceAccount", "name": name}],
        "secret": {"name": name},
    }
    metadata = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": "wheelhouse.dev/v1alpha1", "kind": "RepositoryAccess", "metadata": metadata, "spec": spec}


def without_sts(kube: Kube, _observer: Observer) -> int:
    """Security Token Service answers 503; returns the exchanges that failed."""
    begun = datetime.now(UTC)
    control.fault(kube.world.state, {"on": "Sts.*", "status": 503})
    time.sleep(OUTAGE)  # The length of an outage is what is tested.
    control.clear(kube.world.state)
    return sum(row["method"] == "Sts.Token" and row["status"] == "503" for row in trace.google(kube.world.state, begun))


def without_api_server(kube: Kube, _observer: Observer) -> int:
    """The API server is killed and started again; returns the requests of the operator that got no answer."""
    before = _unanswered(kube)
    kube.world.kill("apiserver")
    time.sleep(OUTAGE / 2)
    kube.world.start("apiserver")
    return _unanswered(kube) - before


def without_operator(kube: Kube, observer: Observer) -> int:
    """The operator is killed and started again; returns the tokens that it should have replaced meanwhile."""
    kube.world.kill("operator")
    time.sleep(OUTAGE * 3 / 4)
    late = sum(age > REFRESH for age in observer.ages())
    kube.world.start("operator")
    return late


Disturbance = tuple[Callable[[Kube, Observer], int], float, str]

DISTURBANCES: list[Disturbance] = [
    (without_sts, OUTAGE * 0.8, "+1h"),
    (without_api_server, OUTAGE / 2, "+0"),
    (without_operator, OUTAGE * 3 / 4, "-1h"),
]
"""Each with the seconds in which refreshes must become due, and the offset of the operator's clock after it.

The seconds are at most the length of the outage.
"""


def _alive(kube: Kube) -> None:
    """No outage ended a component; the end of the operator's log says why one did."""
    assert kube.world.died() == [], kube.world.state.log("operator").read_text()[-4000:]


def _unanswered(kube: Kube) -> int:
    """Exchanges for tokens and writes that the operator could not send to the API server."""
    _alive(kube)
    port = kube.world.state.load().ports["operator"]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as reply:
        text = reply.read().decode()
    rows = re.findall(r'^wheelhouse_kubernetes_requests_total\{code="0",[^}]*\} (.*)$', text, re.MULTILINE)
    return sum(int(float(number)) for number in rows)


def disturbed(kube: Kube, observer: Observer, clock: Clock, disturbance: Disturbance) -> int:
    """Disturb when the refreshes of many tokens are about to become due, and return what failed.

    On a busy machine a start takes longer. Refusals after an outage that lasted too long prove nothing: it is repeated.
    """
    disturb, due, offset = disturbance
    for _ in range(ATTEMPTS):
        await_that(lambda: sum(LATEST - due <= age < SOONEST for age in observer.ages()) >= MANY, "refreshes")
        begun, refused = time.monotonic(), len(observer.refused)
        failed = disturb(kube, observer)
        took = time.monotonic() - begun
        time.sleep(REST / 2)
        _alive(kube)
        after = len(observer.refused) - refused
        observer.note(f"{disturb.__name__}: {took:.0f} s, {failed} failed, {after} refused")
        if took <= LONGEST or not after:
            clock.set(offset)
            time.sleep(REST / 2)
            return failed
        del observer.refused[refused:]
        time.sleep(REST / 2)
    raise AssertionError(f"{disturb.__name__} took too long {ATTEMPTS} times, at last {took:.0f} s")


@pytest.mark.timeout(ROUNDS * 900)
def test_no_pod_sees_an_expired_token(brief: Kube, observer: Observer, clock: Clock) -> None:
    """Outages of Security Token Service, the API server and the operator, and a clock that jumps: no 401, no 403."""
    begun, failed = time.monotonic(), list[int]()
    for _ in range(ROUNDS):
        failed += [disturbed(brief, observer, clock, disturbance) for disturbance in DISTURBANCES]
        clock.set("+0")
        time.sleep(REST)
    seconds = time.monotonic() - begun
    observer.end()
    observer.note(f"answers {dict(observer.answers)}")
    assert observer.refused == [], "\n".join(observer.notes)
    assert set(observer.answers) <= {200, 401, 403}  # Refusals in an outage that was repeated do not count.
    assert sum(observer.answers.values()) > SECRETS * seconds / 2, "the pods did not request a page every second or two"
    assert min(failed) >= ENOUGH, "\n".join(observer.notes)
    lives = {name: len(pod.tokens) for name, pod in observer.pods.items()}
    assert len(lives) == SECRETS
    assert min(lives.values()) >= seconds / LIFETIME, "a token was not replaced in time"
