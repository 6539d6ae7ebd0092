"""The interval at which Secrets are checked."""

import random
from dataclasses import replace
from itertools import pairwise

from fakes.world import Fakes

from wheelhouse.domain.findings import DistributionFindings
from wheelhouse.domain.names import ObjectKey
from wheelhouse.reconcile.findings import Findings
from wheelhouse.reconcile.policy.claims import Claims
from wheelhouse.reconcile.secret.content import Contents
from wheelhouse.reconcile.secret.holders import Holders
from wheelhouse.reconcile.secret.sweep import LATE, SPACING, Sweep
from wheelhouse.reconcile.secret.targets import Targets
from wheelhouse.reconcile.secret.writer import SecretWriter


def made(fakes: Fakes) -> tuple[Sweep, Targets]:
    """A sweep without Secrets."""
    chance = random.Random(1)
    world = replace(fakes.world, jitter=lambda: chance.uniform(-1, 1))
    targets, findings = Targets(), Findings()
    claims = Claims(world, findings)
    holders = Holders(world, findings, claims, Contents(world, findings, claims), targets)
    return Sweep(world, targets, SecretWriter(world, holders)), targets


def looks(number: int, seconds: float, pause: float = 0.0) -> tuple[dict[int, int], dict[int, list[float]]]:
    """How many checks are in each second, and when each of some Secrets is checked, since a start.

    Args:
        number: of Secrets.
        seconds: how long to look.
        pause: seconds without a pass after the first plan, such as the sleep of a machine.
    """
    fakes = Fakes()
    sweep, targets = made(fakes)
    all_of = targets.open(ObjectKey("owners", "one"), "uid", DistributionFindings())
    known = [targets.target(all_of, f"n{position}") for position in range(number)]
    due = sorted((sweep.wait(target), position) for position, target in enumerate(known))
    fakes.clock.advance(pause)
    rate: dict[int, int] = {}
    times: dict[int, list[float]] = {position: [] for position in range(number)}
    while due[0][0] < seconds:
        moment, position = due.pop(0)
        fakes.clock.advance(max(0.0, moment - fakes.clock.elapsed()))
        wait = sweep.wait(known[position])
        if wait == 0:
            now = fakes.clock.elapsed()
            rate[int(now)] = rate.get(int(now), 0) + 1
            times[position].append(now)
            sweep.plan(known[position])
            wait = sweep.wait(known[position])
        due.append((fakes.clock.elapsed() + wait, position))
        due.sort()
    return rate, times


def test_a_few_secrets_are_checked_once_a_minute() -> None:
    """Each within a minute of the start, and about a minute after the last time."""
    _, times = looks(50, 600)
    assert all(moments[0] <= 61 for moments in times.values())
    gaps = [later - earlier for moments in times.values() for earlier, later in pairwise(moments)]
    assert min(gaps) >= 53
    assert max(gaps) <= 68


def test_many_secrets_are_checked_20_a_second() -> None:
    """2,000 Secrets: each at least every two minutes, at most 20 checks per second, no burst at the start."""
    rate, times = looks(2000, 500)
    assert max(rate.values()) <= 21
    gaps = [later - earlier for moments in times.values() for earlier, later in pairwise([0.0, *moments])]
    assert max(gaps) <= 120


def test_checks_that_a_pause_prevented_are_not_sent_at_once() -> None:
    """A machine sleeps until all Secrets are overdue: 20 a second, besides those of the last seconds of the sleep."""
    rate, times = looks(2000, 500, pause=120.0)
    first = min(rate)
    assert rate[first] <= 20 * (LATE + 2)
    assert max(taken for second, taken in rate.items() if second > first) <= 21
    assert max(moments[0] for moments in times.values()) <= 240


def test_a_check_is_postponed_once() -> None:
    """If passes always come too late, as in an overload, a Secret is checked nevertheless."""
    fakes = Fakes()
    sweep, targets = made(fakes)
    target = targets.target(targets.open(ObjectKey("owners", "one"), "uid", DistributionFindings()), "n")
    waits = []
    for _ in range(3):
        waits.append(sweep.wait(target) > 0)
        fakes.clock.advance(waits[-1] * 100.3)
    assert waits == [True, True, False]


def test_a_turn_that_is_not_used_is_given_back() -> None:
    """One Secret that is written, requested or removed again and again takes no turns of the others."""
    fakes = Fakes()
    sweep, targets = made(fakes)
    all_of = targets.open(ObjectKey("owners", "one"), "uid", DistributionFindings())
    busy, other = targets.target(all_of, "busy"), targets.target(all_of, "other")
    for _ in range(3000):
        sweep.plan(busy)
        sweep.release(busy)
        sweep.plan(busy)
        sweep.hasten(busy)
    sweep.plan(other)
    assert sweep.wait(other) <= 65


def test_a_second_request_does_not_postpone_the_first() -> None:
    """A client that edits a Secret again and again delays its check by five seconds at most."""
    fakes = Fakes()
    sweep, targets = made(fakes)
    target = targets.target(targets.open(ObjectKey("owners", "one"), "uid", DistributionFindings()), "n")
    assert sweep.hasten(target) == 0
    assert sweep.wait(target) == 0
    sweep.plan(target)
    assert [sweep.hasten(target) for _ in range(3)] == [SPACING] * 3
    fakes.clock.advance(SPACING)
    assert (sweep.hasten(target), sweep.wait(target)) == (0, 0)
