"""One run from a seed: users act, machines fail, all calms down, and the world becomes as desired, and stays so."""

import asyncio
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from convergence.interleaved import acts, fan_out, keyring, machines, strangers, upload_acts
from convergence.interleaved.acts import OFTEN, SELDOM, Act, Users
from convergence.interleaved.effects import token_of
from convergence.interleaved.process import RESYNC
from convergence.interleaved.site import Site
from convergence.interleaved.stage import ALL, WHEELS, chosen, namespaces
from convergence.interleaved.stage import strangers as others
from convergence.interleaved.tuples import parsed
from support.virtual_time import VirtualLoop

from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.objects import Kind
from wheelhouse.domain.secret import SECRET_TYPE

LOOK = 10.0
"""Seconds between two checks of the whole state."""
SETTLED_IN = 3000.0
"""Seconds after the last fault within which the world is as desired."""
QUIET = 1500.0
"""Additional seconds for reports that wait for the next write: two checks for drift."""
REPORTED = 30.0
"""Seconds from a new token to its times in status."""
IDLE = RESYNC + 30.0
"""Seconds without a write, including a whole resync."""
UNDER_WAY = 5000.0
"""Maximum seconds of unfinished work: the longest fault, the slow retries after it, and a Namespace deletion."""
NEWS = 20
"""More Events with one text are noise."""
RELEASED_IN = 1500.0
WAITS = (0.02, 0.1, 0.3, 1.0, 5.0, 30.0, 120.0)


@dataclass(frozen=True, slots=True)
class Plot:
    """A kind of run: its acts besides the common ones, and its rates of failed calls."""

    acts: tuple[Act, ...] = ()
    every: int = 2
    """One of this many acts is one of these."""
    least: int = 4
    """Minimum number of acts; the maximum is 14."""
    about: ObjectKey | None = None
    """A repository that always exists."""
    errors: tuple[float, ...] = (0.0,)
    lost: tuple[float, ...] = (0.0,)
    kills: tuple[float, ...] = (0.0,)


@dataclass(slots=True)
class Outcome:
    """The result of a run: its complaint, if any, and its log of acts."""

    seed: int
    kind: str
    complaints: list[str]
    log: list[str]
    passes: int
    seconds: float


PLOTS: Mapping[str, Plot] = {
    "lag": Plot(),
    "seldom": Plot(tuple(SELDOM)),
    "reading": Plot((acts.read_other, acts.allow_secrets, acts.consent, acts.suspend, acts.observe), about=ALL),
    "errors": Plot(errors=(0.05, 0.15)),
    "lost": Plot(lost=(0.05, 0.2)),
    "lasting": Plot((machines.fail,), least=2 * machines.IN_TURN),
    "neighbors": Plot((machines.trouble,), every=4),
    "kills": Plot(tuple(machines.PROCESSES), every=3, kills=(0.0, 0.01)),
    "clocks": Plot(tuple(machines.CLOCKS)),
    "statuses": Plot(tuple(strangers.STATUS)),
    "two": Plot((machines.second,), every=3),
    "policies": Plot(tuple(strangers.GOOGLE)),
    "secrets": Plot(tuple(strangers.SECRETS)),
    "restores": Plot((machines.restore, machines.reconnect), every=3),
    "all": Plot(
        (
            *SELDOM,
            *machines.PROCESSES,
            *machines.CLOCKS,
            *strangers.STATUS,
            *strangers.GOOGLE,
            *strangers.SECRETS,
            machines.second,
            machines.fail,
            machines.restore,
        ),
        errors=(0.0, 0.02),
        lost=(0.0, 0.02),
    ),
}
"""The kinds of runs; a seed's kind is its remainder."""
LATEST: Mapping[str, Plot] = {
    "fanout": Plot(
        (fan_out.spread, fan_out.spread, acts.relabel, acts.opt, acts.delete_namespace, acts.suspend), about=WHEELS
    ),
}
LATER: Mapping[str, Plot] = {
    "places": Plot((acts.change_places, acts.change_places, acts.relabel, acts.delete_namespace), about=WHEELS),
}
KEYRING: Mapping[str, Plot] = {
    "keyring": Plot(
        (
            *(keyring.change_credential,) * 3,
            fan_out.spread,
            acts.suspend,
            acts.accounts,
            machines.kill,
            machines.reconnect,
        ),
        kills=(0.0, 0.01),
        about=WHEELS,
    ),
}
"""Kinds that were added later: they have seeds of their own, so that every earlier seed still is the same run."""
UPLOADS: Mapping[str, Plot] = {
    "uploads": Plot(
        (
            *(upload_acts.refer, upload_acts.refer, upload_acts.refer),
            *(acts.consent, acts.relabel, upload_acts.rest, acts.break_spec),
            *(fan_out.spread, machines.PROCESSES[0]),
        ),
        about=ALL,
    ),
}
TIERS = (PLOTS, LATER, LATEST, KEYRING, UPLOADS)
TIER = 1_000_000
"""Seeds of a tier."""


def plot_of(seed: int) -> Plot:
    """The plot of a seed."""
    return TIERS[seed // TIER][kind_of(seed)]


def kind_of(seed: int) -> str:
    """The kind of a seed."""
    kinds = list(TIERS[seed // TIER])
    return kinds[seed % len(kinds)]


def seeds_of(kind: str, count: int, first: int = 0) -> list[int]:
    """The first seeds of a kind."""
    tier = next(number for number, plots in enumerate(TIERS) if kind in plots)
    kinds, start = list(TIERS[tier]), tier * TIER
    place = next(seed for seed in range(start, start + len(kinds)) if kind_of(seed) == kind)
    return [place + len(kinds) * number for number in range(first, first + count)]


def tell(seed: int) -> Outcome:
    """Run one seed."""
    random.seed(seed)  # The queue's jitter.
    loop = VirtualLoop()
    try:
        asyncio.set_event_loop(loop)
        return loop.run_until_complete(_tell(seed))
    finally:
        asyncio.set_event_loop(None)
        loop.close()


async def _tell(seed: int) -> Outcome:
    kind = kind_of(seed)
    site = Site(seed)
    rnd = random.Random(f"{seed} acts")
    ticker = asyncio.create_task(_look(site))
    users: Users | None = None
    try:
        users = Users(site, chosen(rnd, plot_of(seed).about))
        users.turn = seed // len(PLOTS) * machines.IN_TURN
        for part in (_begin, _act, _calm_down, _settle, _idle, _release):
            await part(site, users, rnd)
            if site.complaints:
                break
    finally:
        ticker.cancel()
        for process in site.running:
            process.kill()
        tasks = [ticker, *(users.busy if users else ())]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, *(process.ended() for process in site.processes), return_exceptions=True)
    return Outcome(seed, kind, site.complaints, site.log, site.passes, site.seconds)


async def _look(site: Site) -> None:
    while True:
        await asyncio.sleep(LOOK)
        site.acted()
        site.standing.look()


async def _begin(site: Site, users: Users, rnd: random.Random) -> None:
    namespaces(site)
    site.start()
    users.declare()
    site.note(f"declared {', '.join(f'{kind.kind} {key}' for kind, key in users.objects)}")
    if rnd.random() < 0.7:
        await _until_right(site, SETTLED_IN, "does not begin well")
        for full in list(site.fakes.google.repositories):
            others(site, parsed(full))
            site.tamper({full}, strangers.DRIFT)


async def _act(site: Site, users: Users, rnd: random.Random) -> None:
    plot = plot_of(site.seed)
    site.faults.error_rate, site.faults.lost_rate = rnd.choice(plot.errors), rnd.choice(plot.lost)
    site.faults.kill_rate = rnd.choice(plot.kills)
    troubled = site.faults.error_rate or site.faults.lost_rate or site.faults.kill_rate
    disturbance = site.calm.begin() if troubled else None
    for number in range(rnd.randint(plot.least, 14)):
        special = plot.acts and number % plot.every == 0
        for _ in range(10):
            act = rnd.choice(plot.acts if special else OFTEN)
            done = act(users, rnd)
            if done is not None:
                site.note(done)
                break
        await asyncio.sleep(rnd.choice(WAITS))
        if site.faults.kill_rate and not site.running:
            site.note("killed at a call")
            machines.restart_after(users, rnd.choice([0.0, 5.0]))
        if site.complaints:
            return
    if disturbance is not None:
        heals = machines.LOOKED_AT if site.faults.error_rate else machines.BACKED_OFF
        disturbance.until = site.seconds + heals


async def _calm_down(site: Site, users: Users, rnd: random.Random) -> None:
    site.faults.error_rate = site.faults.lost_rate = site.faults.kill_rate = 0.0
    if not site.running:
        machines.restart_after(users, 0.0)
    until = site.seconds + UNDER_WAY
    while users.busy and site.seconds < until and not site.complaints:
        await asyncio.wait(set(users.busy), timeout=LOOK)
    if users.busy and not site.complaints:
        site.complain("stuck", "a user waits for a deletion")
    for process in site.running[1:]:
        process.kill()
        site.lost_memory()
    site.note("no more acts and faults from now on")


async def _settle(site: Site, users: Users, rnd: random.Random) -> None:
    await _until_right(site, SETTLED_IN, "does not settle")


async def _until_right(site: Site, seconds: float, complaint: str) -> None:
    difference: str | None = None
    until = site.seconds + seconds
    while site.seconds < until and not site.complaints:
        await asyncio.sleep(LOOK)
        difference = site.standing.difference()
        if difference is None:
            return
    site.complain(complaint, str(difference))


async def _idle(site: Site, users: Users, rnd: random.Random) -> None:
    """A correct state stays, without writes except those for new tokens."""
    await asyncio.sleep(QUIET)
    tokens = _tokens(site)
    await asyncio.sleep(REPORTED)
    if (difference := site.standing.difference()) is not None:
        await _until_right(site, 60.0, "does not stay")
        site.note(f"for a moment: {difference}")
    first = len(site.fakes.calls.changes)
    await asyncio.sleep(IDLE)
    refreshed = {place for place, token in _tokens(site).items() if token != tokens.get(place)}
    fresh = {f"{verb} secret {'/'.join(place)}" for place in refreshed for verb in ("delete", "create", "update")}
    for (kind, key), body in site.cluster.objects.items():
        secret = body["spec"].get("secret") if kind is Kind.ACCESS else None
        if isinstance(secret, dict) and secret.get("name", "pip-config") in {name for _, name in refreshed}:
            fresh.add(f"status {key}")
    writes = [change for change in site.fakes.calls.changes[first:] if change not in fresh]
    if writes:
        site.complain("writes", f"a settled world is written to: {writes}")
    told = Counter(site.cluster.events)
    if told and (often := told.most_common(1)[0])[1] > NEWS:
        site.complain("events", f"{often[1]} times {often[0]}")


def _tokens(site: Site) -> dict[tuple[str, str], str | None]:
    return {place: token_of(stored.data) for place, stored in site.cluster.secrets.items()}


async def _release(site: Site, users: Users, rnd: random.Random) -> None:
    """Everything is deleted: nothing of ours is left."""
    site.releasing = True
    for kind, key in list(site.cluster.objects):
        users.delete(kind, key)
        if rnd.random() < 0.5:
            await asyncio.sleep(rnd.choice(WAITS[:4]))
    site.note("everything was deleted")
    until = site.seconds + RELEASED_IN
    while site.seconds < until:
        await asyncio.sleep(LOOK)
        if not site.cluster.objects and not _left(site):
            return
    held = [f"{kind.kind} {key}" for kind, key in site.cluster.objects]
    site.complain("left", f"objects {held}, {_left(site)}")


def _left(site: Site) -> list[str]:
    repositories = site.fakes.google.repositories
    grants = [str(grant) for grant in sorted(site.tuples.ours) if grant[0] in repositories]
    secrets = [
        "/".join(place)
        for place, stored in site.cluster.secrets.items()
        if stored.type == SECRET_TYPE and place not in site.standing.doubtful
    ]
    labels = [str(wrong) for wrong in site.standing.look() if wrong.kind == "labels"]
    return grants + secrets + labels
