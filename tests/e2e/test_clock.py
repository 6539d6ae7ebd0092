"""An operator whose clock was wrong: what it recorded then must not keep an expired token in a Secret."""

import netrc
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.clock import Clock
from support.consumer import mounted
from support.kube import ACCESSES, Kube, await_that

from wheelhouse_local.state import Options
from wheelhouse_local.world import World

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

LIFETIME = 60
PATIENCE = 120.0
"""Seconds after which the index denies no client any more, once the clock is right."""
MOUNT_PATIENCE = 5.0
"""Seconds in which a new token reaches the mounted files."""


@pytest.fixture
def brief(tmp_path: Path, clock: Clock) -> Iterator[Kube]:
    """A world whose federated tokens live a minute; its operator uses the clock."""
    world = World(tmp_path / "brief world")
    world.up(Options(token_lifetime=LIFETIME, settings=clock.variables))
    yield Kube(world)
    world.down(purge=True)


@pytest.fixture
def mount(brief: Kube, tmp_path: Path) -> Iterator[Path]:
    """A reader's Secret as a pod mounts it."""
    brief.namespace("timely")
    brief.repository("timely", "timely")
    brief.reader("timely", "reader", "timely", "reader", secret="pip-config")
    brief.await_ready(ACCESSES, "timely", "reader")
    with mounted(brief.world, "timely/pip-config", tmp_path / "mount") as folder:
        yield folder


class Consumer(threading.Thread):
    """Requests a page of the index each second, with the mounted files; records each answer's time and status."""

    def __init__(self, mount: Path) -> None:
        super().__init__()
        self._mount = mount
        self._ended = threading.Event()
        self.answers: list[tuple[float, int]] = []

    def run(self) -> None:
        while not self._ended.wait(1):
            self.answers.append((time.monotonic(), self._ask()))

    def end(self) -> None:
        self._ended.set()
        self.join()

    def _ask(self) -> int:
        """A valid token gets 404, because the package does not exist."""
        url = (self._mount / "index-url").read_text()
        ((user, _, token),) = netrc.netrc(str(self._mount / "netrc")).hosts.values()
        passwords = urllib.request.HTTPPasswordMgrWithPriorAuth()
        passwords.add_password(None, url, user, str(token), is_authenticated=True)
        opener = urllib.request.build_opener(urllib.request.HTTPBasicAuthHandler(passwords))
        try:
            with opener.open(f"{url}nothing/", timeout=10) as reply:
                return int(reply.status)
        except urllib.error.HTTPError as error:
            return error.code


@pytest.fixture
def consumer(mount: Path) -> Iterator[Consumer]:
    found = Consumer(mount)
    found.start()
    yield found
    found.end()


def crash(world: World) -> None:
    world.kill("operator")
    world.start("operator")


def go_on(world: World) -> None:
    """The clock changes while the operator runs."""


def lives(kube: Kube) -> timedelta:
    """The token's remaining lifetime by the right clock, if the status is right."""
    body = kube.get(ACCESSES, "timely", "reader") or {}
    return datetime.fromisoformat(body["status"]["secret"]["expirationTime"]) - datetime.now(UTC)


@pytest.mark.parametrize("meanwhile", [crash, go_on])
def test_an_hour_ahead_and_right_again(
    brief: Kube, clock: Clock, consumer: Consumer, meanwhile: Callable[[World], None]
) -> None:
    """The clock is an hour ahead until the operator has minted, and then right: two minutes later everything works.

    This applies to an operator that crashes before each change, and to one that keeps running.
    """
    clock.set("+1h")
    meanwhile(brief.world)
    await_that(lambda: lives(brief) > timedelta(minutes=50), "a token by the wrong clock", 2 * LIFETIME)
    clock.set("+0")
    meanwhile(brief.world)
    await_that(
        lambda: timedelta() < lives(brief) <= timedelta(seconds=LIFETIME), "a token by the right clock", PATIENCE
    )
    mounted = time.monotonic() + MOUNT_PATIENCE
    await_that(lambda: time.monotonic() > mounted + LIFETIME, "more than a token's life", 2 * LIFETIME)
    consumer.end()
    assert {status for _, status in consumer.answers} <= {401, 404}
    assert [moment for moment, status in consumer.answers if status == 401 and moment > mounted] == []
