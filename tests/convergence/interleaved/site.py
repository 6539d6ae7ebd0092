"""Everything of one run: Kubernetes and Google, two clocks, the operators, and what is held against them."""

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
"""The ends of the tracebacks that were logged."""
MINUTE = 800
"""Passes and port calls in one minute; the busiest of a run that goes well has 300."""
PASSED_OVER: set[str] = set()
"""Kinds of complaints that are not wanted now."""


class Wall(Clock):
    """The true time: it goes with the loop's, and on while a machine sleeps."""

    def __init__(self) -> None:
        super().__init__()
        self.slept = timedelta()

    def now(self) -> datetime:
        """UTC."""
        return self.time + timedelta(seconds=asyncio.get_running_loop().time()) + self.slept

    def local(self) -> datetime:
        """UTC too: a process adds what its own clock is wrong by."""
        return self.now()

    def elapsed(self) -> float:
        """The loop's time."""
        return asyncio.get_running_loop().time()

    def timers(self) -> float:
        """The loop's time: the queue of a process has its own."""
        return self.elapsed()


class Site:
    """One world, its users, and one or two operators."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.wall = Wall()
        self.skew = timedelta()
        """How far the operators' clock is ahead."""
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
        """When somebody else last changed what is named so."""
        self.passes = 0
        self._minute = (0.0, 0)
        self.right_since = 0.0
        """Since when the operators' clock has been right; infinite while it is not."""
        self.settling = 0.0
        """Until when an operator may act on what is no longer so: events were lost, or etcd went back."""
        self._expected: Expected | None = None
        self._at_risk: set[Granted] = set()

    # Time

    @property
    def seconds(self) -> float:
        """The loop's time: monotonic, as it stands still while the machine sleeps."""
        return asyncio.get_running_loop().time()

    @property
    def uptime(self) -> float:
        """The same, and on while the machine sleeps."""
        return self.seconds + self.wall.slept.total_seconds()

    def shown(self) -> datetime:
        """What the operators' clock shows."""
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
        """The operators that live."""
        return [process for process in self.processes if not process.dead]

    # What is expected, and what is wrong

    def changed(self) -> None:
        """Something changed: what is expected must be computed anew."""
        self._expected = None

    def acted(self) -> None:
        """Somebody acted: from now on something else is wanted."""
        self.changed()
        self.effects.look()

    @property
    def expected(self) -> Expected:
        """What is expected of the state as it stands."""
        if self._expected is None:
            self._expected = self.judge.judge(self.seconds)
        return self._expected

    def note(self, text: str) -> None:
        """A line of the log of acts."""
        self.log.append(f"{self.seconds:9.2f}  {text}")

    def complain(self, kind: str, text: str) -> None:
        """Something is wrong; of each kind the first is told."""
        line = f"{kind}: {text}"
        if self.minds(kind) and not any(known.startswith(f"{kind}:") for known in self.complaints):
            self.complaints.append(line)
            self.log.append(f"{self.seconds:9.2f}  !! {line}")

    def minds(self, kind: str) -> bool:
        """Whether complaints of a kind are wanted."""
        return kind not in PASSED_OVER

    def tamper(self, words: Iterable[str], heals: float) -> None:
        """Somebody else changed these: it must be right again after `heals` seconds."""
        for word in words:
            self.tampered[word] = self.seconds
            self.calm.once(self.seconds, heals, word)

    def touched(self, words: Iterable[str]) -> float:
        """When somebody else last changed any of these."""
        return max((self.tampered.get(word, -1.0) for word in words), default=-1.0)

    def count(self) -> None:
        """A pass, or a port call: too many in a minute are a loop that spins, and no run ends then."""
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
        """An operator ended: what only it knew to be ours can no longer be told from others' grants."""
        self.tuples.doubt(self._at_risk)
        self._at_risk.clear()

    def stripped(self, kind: Kind, body: Body) -> None:
        """Our finalizer was taken off: only an operator that runs now knows what the object had."""
        if kind is Kind.REPOSITORY:
            self.standing.unsure |= set(self.fakes.google.repositories)
        self.risk(ledger(body))

    def risk(self, grants: Iterable[Granted]) -> None:
        """No status says any more that these are ours."""
        self._at_risk |= set(grants)
        if not self.running:
            self.lost_memory()

    # What others do to Google

    def plant_policy(self, name: RepositoryName, policy: Policy) -> None:
        """Write a policy as somebody else."""
        before = self.fakes.google.policy(name)
        self.fakes.google.plant_policy(name, *policy.bindings)
        self.tuples.set_by_others(name.full, before, self.fakes.google.policy(name))
        self.changed()

    def remove_repository(self, name: RepositoryName) -> None:
        """Delete a repository as somebody else."""
        self.fakes.google.remove(name)
        self.tuples.gone(name.full)
        self.changed()

    def bodies(self, kind: Kind) -> list[Body]:
        """All objects of a kind."""
        return [body for (found, _), body in self.cluster.objects.items() if found is kind]
