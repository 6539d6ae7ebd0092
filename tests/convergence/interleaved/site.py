"""Everything of one run: Kubernetes and Google, two clocks, the operators, and the complaints about them."""

import asyncio
import random
from collections.abc import Iterable
from datetime import datetime, timedelta

from convergence.interleaved.calm import Calm
from convergence.interleaved.cluster import Body, WatchedCluster
from convergence.interleaved.effects import Effects
from convergence.interleaved.expectation import Expected, Granted, Judge
from convergence.interleaved.faults import Faults
from convergence.interleaved.process import Process
from convergence.interleaved.standing import Standing
from convergence.interleaved.tuples import Tuples, ledger
from fakes.clock import Clock
from fakes.world import Fakes

from wheelhouse.domain.iam import Policy
from wheelhouse.domain.names import RepositoryName
from wheelhouse.domain.objects import Kind
from wheelhouse.domain.project import Project
from wheelhouse.status.conditions import timestamp

PROJECTS = ("acme-packages", "acme-data")
TRACES: list[str] = []
"""The ends of the logged tracebacks."""
MINUTE = 800
"""Maximum passes and port calls in one minute; the busiest successful run has 300."""
PASSED_OVER: set[str] = set()
"""Kinds of complaints that are ignored."""


class Wall(Clock):
    """The true time: it moves with the loop's time, and continues while a machine sleeps."""

    def __init__(self) -> None:
        super().__init__()
        self.slept = timedelta()

    def now(self) -> datetime:
        """UTC."""
        return self.time + timedelta(seconds=asyncio.get_running_loop().time()) + self.slept

    def local(self) -> datetime:
        """UTC too: a process adds the offset of its own clock."""
        return self.now()

    def elapsed(self) -> float:
        """The loop's time."""
        return asyncio.get_running_loop().time()

    def timers(self) -> float:
        """The loop's time: the queue of a process has its own clock."""
        return self.elapsed()


class Site:
    """One world, its users, and one or two operators."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.wall = Wall()
        self.skew = timedelta()
        """The offset of the operators' clock."""
        self.cluster = WatchedCluster(lambda: timestamp(self.wall.now()))
        self.fakes = Fakes(clock=self.wall, cluster=self.cluster)
        self.fakes.projects.known |= {name: Project(name, "123456789012", active=True) for name in PROJECTS}
        self.faults = Faults(random.Random(f"{seed} faults"))
        self.calm = Calm()
        self.judge = Judge(self.fakes)
        self.tuples = Tuples(self.fakes)
        self.effects = Effects(self)
        self.standing = Standing(self)
        self.processes: list[Process] = []
        self.log: list[str] = []
        self.complaints: list[str] = []
        self.tampered: dict[str, float] = {}
        """When another client last changed the object with this name."""
        self.passes = 0
        self._minute = (0.0, 0)
        self.right_since = 0.0
        """Since when the operators' clock has been right; infinite if it is not."""
        self.settling = 0.0
        """Until when an operator may act on an outdated state: events were lost, or etcd was restored."""
        self.restored = 0.0
        """Until when an operator may work with objects as they were before a restore of etcd."""
        self.releasing = False
        """Whether all objects are being deleted, one after the other."""
        self._expected: Expected | None = None
        self._at_risk: set[Granted] = set()

    # Time

    @property
    def seconds(self) -> float:
        """The loop's time: monotonic, because it stops while the machine sleeps."""
        return asyncio.get_running_loop().time()

    @property
    def uptime(self) -> float:
        """The same, and on while the machine sleeps."""
        return self.seconds + self.wall.slept.total_seconds()

    def shown(self) -> datetime:
        """The time of the operators' clock."""
        return self.wall.now() + self.skew

    # Operators

    def start(self) -> Process:
        """Start an operator."""
        self.judge.starts += 1
        process = Process(self, f"operator {self.judge.starts}")
        self.processes.append(process)
        return process

    @property
    def running(self) -> list[Process]:
        """The running operators."""
        return [process for process in self.processes if not process.dead]

    # What is expected, and what is wrong

    def changed(self) -> None:
        """Something changed: the expectation must be computed again."""
        self._expected = None

    def acted(self) -> None:
        """A user acted: the desired state changed."""
        self.changed()
        self.effects.look()

    @property
    def expected(self) -> Expected:
        """The expectation for the current state."""
        if self._expected is None:
            self._expected = self.judge.judge(self.seconds)
        return self._expected

    def note(self, text: str) -> None:
        """Add a line to the log of acts."""
        self.log.append(f"{self.seconds:9.2f}  {text}")

    def complain(self, kind: str, text: str) -> None:
        """Record a problem; only the first of each kind is reported."""
        line = f"{kind}: {text}"
        if self.minds(kind) and not any(known.startswith(f"{kind}:") for known in self.complaints):
            self.complaints.append(line)
            self.log.append(f"{self.seconds:9.2f}  !! {line}")

    def minds(self, kind: str) -> bool:
        """Whether complaints of a kind count."""
        return kind not in PASSED_OVER

    def tamper(self, words: Iterable[str], heals: float) -> None:
        """Another client changed these: they must be right again after `heals` seconds."""
        for word in words:
            self.tampered[word] = self.seconds
            self.calm.once(self.seconds, heals, word)

    def touched(self, words: Iterable[str]) -> float:
        """When another client last changed any of these."""
        return max((self.tampered.get(word, -1.0) for word in words), default=-1.0)

    def count(self) -> None:
        """Count a pass, or a port call: too many in a minute are a busy loop, and such a run never ends."""
        minute, count = self._minute
        count = count + 1 if minute == self.seconds // 60 else 1
        self._minute = (self.seconds // 60, count)
        if count == MINUTE:
            self.complain("spins", f"{count} passes and port calls within one minute")
            for process in self.running:
                process.kill()

    def trace(self) -> str:
        """The end of the last traceback that the queue logged."""
        return TRACES[-1] if TRACES else "no traceback was logged"

    # What only an operator's memory knows

    def lost_memory(self) -> None:
        """An operator ended: grants that only it knew to be ours look like others' grants now."""
        self.tuples.doubt(self._at_risk)
        self._at_risk.clear()

    def stripped(self, kind: Kind, body: Body) -> None:
        """Our finalizer was removed: only a running operator knows what the object had."""
        if kind is Kind.REPOSITORY:
            self.standing.unsure |= set(self.fakes.google.repositories)
        self.risk(ledger(body))

    def risk(self, grants: Iterable[Granted]) -> None:
        """No status records any more that these are ours."""
        self._at_risk |= set(grants)
        if not self.running:
            self.lost_memory()

    # What others do to Google

    def plant_policy(self, name: RepositoryName, policy: Policy) -> None:
        """Write a policy as another client."""
        before = self.fakes.google.policy(name)
        self.fakes.google.plant_policy(name, *policy.bindings)
        self.tuples.set_by_others(name.full, before, self.fakes.google.policy(name))
        self.changed()

    def remove_repository(self, name: RepositoryName) -> None:
        """Delete a repository as another client."""
        self.fakes.google.remove(name)
        self.tuples.gone(name.full)
        self.changed()

    def bodies(self, kind: Kind) -> list[Body]:
        """All objects of a kind."""
        return [body for (found, _), body in self.cluster.objects.items() if found is kind]
