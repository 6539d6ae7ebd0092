"""Events of the machines: kills, a second operator, clocks, sleep, a restored etcd, broken watches, faults."""

import asyncio
from datetime import timedelta
from random import Random
from typing import Any

from convergence.interleaved.acts import Act, Users
from convergence.interleaved.expectation import Place
from convergence.interleaved.faults import LOST, METHODS, Rule, answers
from convergence.interleaved.process import RESYNC

from wheelhouse.domain.objects import Kind

STARTED = 150.0
"""Seconds after a start until everything was checked: the lists, the 30 s of an absence, 60 s for the rest."""
BACKED_OFF = 420.0
"""Seconds after an outage until the last key is retried: the longest backoff, and a Retry-After."""
LOOKED_AT = 1700.0
"""Seconds after a wrong answer until the last key is retried: the slow retry, and a lasting rejection."""
TOLD_TIME = 130.0
"""Seconds after a clock was set until no expired token is left."""
RESTORED = 900.0


def kill(users: Users, rnd: Random) -> str | None:
    """Kill an operator, and start one after a while."""
    site = users.site
    if not site.running:
        return None
    victim = rnd.choice(site.running)
    victim.kill()
    down = rnd.choice([0.0, 0.5, 5.0, 60.0, 400.0])
    restart_after(users, down)
    return f"kill {victim.name}, start after {down} s"


def restart_after(users: Users, seconds: float) -> None:
    """Start an operator after a while."""
    site = users.site
    site.lost_memory()
    disturbance = site.calm.begin()

    async def work() -> None:
        await asyncio.sleep(seconds)
        if not site.running:
            site.note(f"started {site.start().name}")
        disturbance.until = site.seconds + STARTED

    users.begin(work())


def second(users: Users, rnd: Random) -> str | None:
    """Two operators at once, as in a rollout: then the first or the second one ends."""
    site = users.site
    if len(site.running) != 1:
        return None
    one, two = site.running[0], site.start()
    both = rnd.choice([1.0, 30.0, 300.0])

    async def work() -> None:
        await asyncio.sleep(both)
        if len(site.running) == 2:
            ended = rnd.choice([one, one, two])
            ended.kill()
            site.lost_memory()
            site.note(f"ended {ended.name}")

    users.begin(work())
    return f"{two.name} beside {one.name} for {both} s"


def set_clock(users: Users, rnd: Random) -> str | None:
    """The clock jumps by up to two hours, and is right again later."""
    site = users.site
    if site.skew:
        return None
    site.skew = timedelta(seconds=rnd.choice([-7200, -3600, -600, -20, 20, 600, 3600, 7200]))
    site.right_since = float("inf")
    disturbance = site.calm.begin()
    wrong = rnd.choice([5.0, 120.0, 1200.0, 4000.0])

    async def work() -> None:
        await asyncio.sleep(wrong)
        site.skew = timedelta()
        site.right_since = disturbance.until = site.seconds + TOLD_TIME
        site.note("the clock is right again")

    users.begin(work())
    return f"the clock jumps by {site.skew.total_seconds():.0f} s for {wrong} s"


def sleep(users: Users, rnd: Random) -> str | None:
    """The machine sleeps: the world's time continues, its own stops."""
    site = users.site
    slept = rnd.choice([30.0, 1200.0, 2000.0, 3500.0, 10_000.0])
    site.wall.slept += timedelta(seconds=slept)
    site.calm.once(site.seconds, TOLD_TIME)
    site.right_since = max(site.right_since, site.seconds + TOLD_TIME)
    return f"the machine slept for {slept} s"


def _named(body: dict[str, Any]) -> set[Place]:
    """The Secrets that the status of an access names."""
    status = body.get("status")
    secret = status.get("secret") if isinstance(status, dict) else None
    listed = secret if isinstance(secret, dict) else {}
    return {(namespace, str(listed.get("name"))) for namespace in listed.get("namespaces") or ()}


def restore(users: Users, rnd: Random) -> str | None:
    """Etcd is restored to an earlier state: every watch breaks, and resourceVersions decrease."""
    site = users.site
    state = site.cluster.snapshot()
    wait = rnd.choice([1.0, 20.0, 300.0])

    async def work() -> None:
        await asyncio.sleep(wait)
        site.cluster.restore(state)
        # A watch that saw an earlier restore late can leave a Secret in the backup that no status in it names.
        names = {place for body in site.bodies(Kind.ACCESS) for place in _named(body)}
        site.standing.doubtful |= site.cluster.secrets.keys() - names
        site.risk(site.tuples.unrecorded())
        site.standing.unsure |= set(site.fakes.google.repositories)
        site.calm.once(site.seconds, RESTORED)
        site.settling = max(site.settling, site.seconds + RESTORED)
        site.restored = site.seconds + RESTORED
        for process in site.running:
            for watch in process.watches:
                watch.open()
        site.note("etcd is what it was")
        site.acted()

    users.begin(work())
    return f"a backup of etcd, restored after {wait} s"


def reconnect(users: Users, rnd: Random) -> str | None:
    """A watch breaks: it lists again, and deletions in between are never delivered."""
    site = users.site
    if not site.running:
        return None
    watch = rnd.choice(rnd.choice(site.running).watches)
    watch.close()
    gap = rnd.choice([0.1, 5.0, 30.0])
    disturbance = site.calm.begin()
    site.settling = float("inf")

    async def work() -> None:
        await asyncio.sleep(gap)
        if not watch.dead:
            watch.open()
        disturbance.until = site.seconds + RESYNC + STARTED
        site.settling = site.seconds + RESYNC + STARTED

    users.begin(work())
    return f"the watch of {watch} breaks for {gap} s"


FAILURES = [(method, outcome) for method in METHODS for outcome in (*answers(method), LOST)]
"""Every error from every call."""
IN_TURN = 5
"""Minimum number of them in a run."""


def fail(users: Users, rnd: Random) -> str | None:
    """One call returns one error for a while, for all or for one object; or its replies are lost. Each in its turn."""
    site = users.site
    method, outcome = FAILURES[users.turn % len(FAILURES)]
    users.turn += 1
    names = [str(key) for kind, key in site.cluster.objects if kind is Kind.ACCESS or method.startswith("objects")]
    about = rnd.choice(names) if names and method.startswith(("objects", "secrets")) and rnd.random() < 0.6 else ""
    rule, lasts = Rule(method, about, outcome), rnd.choice([2.0, 30.0, 200.0, 1200.0])
    site.faults.rules.append(rule)
    disturbance = site.calm.begin(about)
    heals = BACKED_OFF if outcome in {"Unavailable", "Retry-After", "Conflict", LOST} else LOOKED_AT

    async def work() -> None:
        await asyncio.sleep(lasts)
        site.faults.rules.remove(rule)
        disturbance.until = site.seconds + heals
        site.note(f"no more {rule}")

    users.begin(work())
    return f"{rule} for {lasts} s"


def trouble(users: Users, rnd: Random) -> str | None:
    """Everything about one access fails, or its status writes: its neighbors must not be affected."""
    site = users.site
    keys = [str(key) for kind, key in site.cluster.objects if kind is Kind.ACCESS]
    if not keys:
        return None
    method = rnd.choice(["", "objects.write_status", "objects.write_status", "objects.set_finalizers", "secrets.apply"])
    rule = Rule(method, rnd.choice(keys), rnd.choice(["Invalid", "Refused", "Conflict", "Unavailable", "Retry-After"]))
    site.faults.rules.append(rule)
    disturbance = site.calm.begin(rule.about)
    lasts = rnd.choice([900.0, 2000.0])

    async def work() -> None:
        await asyncio.sleep(lasts)
        site.faults.rules.remove(rule)
        disturbance.until = site.seconds + LOOKED_AT
        site.note(f"no more {rule}")

    users.begin(work())
    return f"{rule} for {lasts} s"


PROCESSES: list[Act] = [kill, kill, reconnect]
"""Crashes and broken connections."""
CLOCKS: list[Act] = [set_clock, set_clock, sleep, kill]
"""Time itself."""
