"""The freshness soak: pods that use mounted tokens every second never meet an expired one, with outages of anything.

Time is virtual. The tokens live for ten minutes, the shortest lifetime that can be requested, and everything else keeps
its share of that: an outage lasts a third of the lifetime, and kubelet brings a change into a pod after a thirtieth.
"""

import os
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from convergence.scenes import WHEELS, access, reason, wheels
from convergence.simulation import Simulation
from fakes.calls import PortCall
from fakes.world import Fakes

from wheelhouse.domain.iam import Identity
from wheelhouse.domain.objects import Kind
from wheelhouse.errors import Unavailable

LIFETIME = 600
OUTAGE, KUBELET = LIFETIME // 3, LIFETIME // 30
NAMESPACES, SECRETS = 40, 5
"""200 Secrets: in each namespace two share the identity of a third one, and the others have their own."""
PORTS = {
    "sts": ("tokens.",),
    "writes": ("secrets.",),
    "apiserver": ("secrets.", "objects.", "tokens."),
    "google": ("tokens.", "policies.", "repositories.", "index."),
}
SHORT = ("sts", "apiserver", "operator")
LONG = tuple(
    ("sts", "+600 s", "apiserver", "sleep", "writes", "-600 s", "operator", "google", "+50 days", "sts", "operator")
    for _ in range(2)
)


def events() -> tuple[str, ...]:
    """What happens in each lifetime: three in `make test`, twenty in `make test-long`."""
    if os.environ.get("WHEELHOUSE_TEST_PROFILE") == "long":
        return tuple(each for row in LONG for each in row)[:20]
    return SHORT


@dataclass
class Mount:
    """What one pod has mounted: each written token, after kubelet's delay."""

    written: deque[tuple[datetime, str]] = field(default_factory=deque)

    def token(self, now: datetime) -> str | None:
        """The token that the pod reads now; None before the first one arrived."""
        arrived = now - timedelta(seconds=KUBELET)
        while len(self.written) > 1 and self.written[1][0] <= arrived:
            self.written.popleft()
        return self.written[0][1] if self.written and self.written[0][0] <= arrived else None


class Paced(Simulation):
    """Delivers what changed once a second, not before each pass: 200 objects are compared each time."""

    delivered: float | None = None

    def watch(self) -> None:
        now = self.fakes.clock.timers()
        if self.delivered is None or now - self.delivered >= 1:
            self.delivered = now
            super().watch()

    def boot(self) -> None:
        self.delivered = None
        super().boot()


class Soak:
    """200 Secrets with staggered tokens, the pods that mount them, and what fails during outages."""

    def __init__(self) -> None:
        self.simulation = Paced(Fakes())
        self.fakes = self.simulation.fakes
        self.mounts: dict[tuple[str, str], Mount] = {}
        self.failed: Counter[str] = Counter()
        self.refused: list[str] = []
        self.used = 0
        self.down: tuple[str, ...] = ()
        self.fakes.calls.before, self.fakes.calls.after = self._fail, self._mount

    def _fail(self, call: PortCall) -> None:
        if call.name.startswith(self.down):
            self.failed[call.name] += 1
            raise Unavailable(f"{call.name} does not answer.")

    def _mount(self, call: PortCall) -> None:
        if call.name == "secrets.apply" and not call.kwargs.get("dry_run"):
            place = call.args[0].namespace, call.args[0].name
            token = self.fakes.cluster.secrets[place].data["netrc"].split()[-1]
            self.mounts.setdefault(place, Mount()).written.append((self.fakes.clock.now(), token))

    async def declare(self) -> None:
        """Declare everything, over half a lifetime, so that tokens are due at all times."""
        cluster = self.fakes.cluster
        cluster.put_namespace("owners", projects="acme-packages", opted_in=True)
        everyone = {"accessFrom": {"namespaceSelector": {}}}
        cluster.put(Kind.REPOSITORY, WHEELS, wheels(**everyone))
        for number in range(NAMESPACES):
            namespace = f"team-{number}"
            cluster.put_namespace(namespace, projects="acme-packages", opted_in=True)
            for index in range(SECRETS):
                self._access(namespace, index)
            await self.live(LIFETIME / 2 / NAMESPACES)
        await self.live(60)

    def _access(self, namespace: str, index: int) -> None:
        """One access; the last ServiceAccount of each namespace acts as a Google service account."""
        account = f"pull-{min(index, 2)}"
        cluster = self.fakes.cluster
        cluster.service_accounts.add((namespace, account))
        if index == SECRETS - 1:
            account = "acting"
            email = f"{namespace}@acme-packages.iam.gserviceaccount.com"
            cluster.service_accounts.add((namespace, account))
            cluster.google_accounts[namespace, account] = email
            self.fakes.tokens.may_act.add((Identity(namespace, account), email))
        secret = {"name": f"pip-{index}", "serviceAccountName": account, "tokenLifetime": "10m"}
        access(self.simulation, namespace, f"access-{index}", secret=secret)

    async def live(self, seconds: float, *, stopped: bool = False) -> None:
        """Let time pass in steps of a second, with or without the operator; every pod uses its token in each."""
        for _ in range(round(seconds)):
            if stopped:
                self.fakes.clock.advance(1)
            else:
                await self.simulation.run(1, limit=100_000)
            self._use()

    def _use(self) -> None:
        now, minted = self.fakes.clock.now(), self.fakes.tokens.minted
        for place, mount in self.mounts.items():
            token = mount.token(now)
            if token is not None:
                self.used += 1
                if minted[token][1].expires <= now:
                    self.refused.append(f"{'/'.join(place)} at {now:%H:%M:%S}")

    async def happen(self, what: str) -> None:
        """One lifetime with one event in it."""
        if what in PORTS:
            await self._until_due()
            self.down = PORTS[what]
            await self.live(OUTAGE)
            self.down = ()
        elif what == "operator":
            await self.live(OUTAGE, stopped=True)
            self.simulation.boot()
        elif what == "sleep":
            for _ in range(OUTAGE):
                self.fakes.clock.suspend(1)
                self._use()
        else:
            number, unit = what.split()
            self.fakes.clock.set_ahead(timedelta(**{{"s": "seconds", "days": "days"}[unit]: float(number)}))
            await self.live(OUTAGE / 2)
            self.fakes.clock.set_ahead(timedelta())
        await self.live(LIFETIME)

    async def _until_due(self) -> None:
        """Wait until a third of the tokens are due in the first half of an outage: a jump replaces all at once."""
        for _ in range(LIFETIME):
            tokens = {mount.written[-1][1] for mount in self.mounts.values()}
            begun = [self.fakes.tokens.minted[token][1].issued for token in tokens]
            ages = [(self.fakes.clock.now() - moment).total_seconds() for moment in begun]
            if sum(LIFETIME / 2 - OUTAGE / 2 < age < LIFETIME / 2 for age in ages) >= 0.3 * len(tokens):
                return
            await self.live(1)
        raise AssertionError("no time when enough tokens are due")

    def unready(self) -> Iterator[str]:
        """The accesses that are not Ready."""
        for kind, key in self.fakes.cluster.objects:
            if kind is Kind.ACCESS and reason(self.simulation, key) != "Ready":
                yield str(key)


@pytest.mark.slow
@pytest.mark.timeout(1800)  # Twenty lifetimes take some minutes.
async def test_no_pod_ever_uses_an_expired_token(capsys: pytest.CaptureFixture[str]) -> None:
    """Not one 401 in all lifetimes, although many exchanges and writes failed in the outages."""
    soak = Soak()
    await soak.declare()
    assert list(soak.unready()) == []
    assert len(soak.mounts) == NAMESPACES * SECRETS
    for event in events():
        before = Counter(soak.failed)
        await soak.happen(event)
        failed = soak.failed - before
        with capsys.disabled():
            print(f"  {event}: {failed['tokens.mint']} exchanges and {failed['secrets.apply']} writes failed")
        _enough(event, failed)
    assert soak.refused == []
    assert soak.used > len(events()) * LIFETIME * NAMESPACES * SECRETS
    assert list(soak.unready()) == []


def _enough(event: str, failed: Counter[str]) -> None:
    """Check that an outage disturbed enough: many tokens were due in it, and every Secret was checked."""
    if event in {"sts", "apiserver", "google"}:
        assert failed["tokens.mint"] >= 3 * NAMESPACES * 4
    if event in {"writes", "apiserver"}:
        assert failed["secrets.apply"] >= NAMESPACES * SECRETS
