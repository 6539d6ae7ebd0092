"""The order of mints: the token that expires soonest first, nothing starves, and a cold start lets nothing expire."""

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from fakes.world import Fakes
from hypothesis import given
from hypothesis import strategies as st
from support.virtual_time import Wall, in_virtual_time

from wheelhouse.clients.google.rate import Rate
from wheelhouse.domain.iam import Identity
from wheelhouse.domain.keys import AccessKey, Key, SecretKey, TokenKey
from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.reasons import Reason
from wheelhouse.domain.token import MintedToken, Token
from wheelhouse.errors import Refused, Unavailable
from wheelhouse.plan.urgency import LONGEST, NEW, deadline, rank
from wheelhouse.reconcile.interests import Interests
from wheelhouse.reconcile.secret.tokens import TokenUnit
from wheelhouse.runtime.queue import WorkQueue
from wheelhouse.runtime.queue.line import Line

A_SECOND = 20.0
WORKERS = 16
NAMES = [AccessKey(ObjectKey("n", str(number))) for number in range(6)]


def key(name: str) -> TokenKey:
    return TokenKey(Identity("n", name), 3600)


@dataclass
class Mint:
    """The Tokens port: each exchange waits for its turn, and takes a tenth of a second."""

    rate: Rate
    wall: Wall
    minted: dict[str, float] = field(default_factory=dict)
    error: Callable[[str], Exception | None] = lambda _name: None
    asked: int = 0

    async def mint(self, identity: Identity, lifetime: timedelta, impersonate: str = "") -> MintedToken:
        await self.rate.turn()
        self.asked += 1
        await asyncio.sleep(0.1)
        error = self.error(identity.service_account)
        if error is not None:
            raise error
        self.minted[identity.service_account] = asyncio.get_running_loop().time()
        return MintedToken(Token("t"), self.wall.now(), self.wall.now() + lifetime)


class Start:
    """Identities that need tokens; the real queue, unit and rate in virtual time."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        wall = Wall()
        fakes = Fakes()
        fakes.cluster.put_namespace("n", opted_in=True)
        self.accounts = fakes.cluster.service_accounts
        self.port = Mint(Rate(A_SECOND, clock=loop.time), wall)
        self.queue = WorkQueue(
            lambda key: self.unit.reconcile(key) if isinstance(key, TokenKey) else asyncio.sleep(0, None),
            lambda _unit, _result, _seconds: None,
            wall,
            rank=lambda key: self.unit.rank(key) if isinstance(key, TokenKey) else 0.0,
        )
        self.interests = Interests(self.queue)
        world = replace(
            fakes.world, queue=self.queue, interests=self.interests, tokens=self.port, now=wall.now, elapsed=loop.time
        )
        self.unit = TokenUnit(world)

    def need(self, name: str, left: float | None) -> None:
        """A Secret needs the token of an identity."""
        self.accounts.add(("n", name))
        self.interests.follow(SecretKey(ObjectKey("n", name), "n"), (key(name),))
        self.unit.ask(key(name), None, left=left)

    async def run(self, seconds: float) -> None:
        """Let virtual time pass."""
        running = asyncio.create_task(self.queue.run())
        await asyncio.sleep(seconds)
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


@in_virtual_time
async def test_a_cold_start_of_ten_thousand_identities() -> None:
    """At 20 a second in 500 seconds, no token expires, and those that expire sooner are never much later.

    In the order of requests, about one in seven would have expired: 14 % of the tokens have less time left than the
    250 seconds that an average request waits.
    """
    start, chance = Start(), random.Random(0)
    lefts = {f"old-{number}": chance.uniform(5.0, 1800.0) for number in range(9_000)}
    news: dict[str, float | None] = dict.fromkeys((f"new-{number}" for number in range(1_000)), None)
    wishes = [*lefts.items(), *news.items()]
    chance.shuffle(wishes)
    for name, left in wishes:
        start.need(name, left)
    await start.run(520.0)
    minted = start.port.minted
    assert len(minted) == len(wishes)
    assert 10_000 / A_SECOND - 1 <= max(minted.values()) <= 10_000 / A_SECOND + 2
    assert [name for name, left in lefts.items() if minted[name] > left] == []
    order = sorted(wishes, key=lambda wish: NEW if wish[1] is None else wish[1])
    assert _late(minted, [name for name, _ in order]) <= (WORKERS + 1) / A_SECOND
    assert max(minted[name] for name in news) < NEW


@in_virtual_time
async def test_a_token_that_expires_soon_overtakes_the_line() -> None:
    """It waits only for the exchanges that have begun; a new Secret stands before a token with half an hour left."""
    start = Start()
    for number in range(2_000):
        start.need(f"old-{number}", 1800.0)
    asyncio.get_running_loop().call_later(10.0, start.need, "soon", 30.0)
    asyncio.get_running_loop().call_later(10.0, start.need, "new", None)
    await start.run(30.0)
    assert start.port.minted["soon"] <= 10.0 + (WORKERS + 3) / A_SECOND + 0.1
    assert start.port.minted["new"] <= 10.0 + (WORKERS + 3) / A_SECOND + 0.1


@in_virtual_time
async def test_a_more_urgent_secret_moves_the_token_that_waits() -> None:
    """A new Secret asks for the token of an identity, and then one whose token expires in a few seconds."""
    start = Start()
    for number in range(1_000):
        start.need(f"old-{number}", 120.0)
    start.need("shared", None)
    start.need("shared", 5.0)
    await start.run(5.0)
    assert "shared" in start.port.minted


@pytest.mark.parametrize("outage", [False, True])
@in_virtual_time
async def test_identities_that_fail_starve_nothing(outage: bool) -> None:
    """More identities fail again and again than Google allows exchanges: all others have their tokens in time."""
    start = Start()
    error = Unavailable("503") if outage else Refused("no", Reason.TOKEN_REFUSED)
    start.port.error = lambda name: error if name.startswith("bad") else None
    for number in range(1_400):
        start.need(f"bad-{number}", 0.0)
    lefts = {f"good-{number}": 350.0 + number for number in range(50)}
    for name, left in lefts.items():
        start.need(name, left)
    await start.run(410.0)
    assert start.port.asked > 410 * A_SECOND * 0.8
    assert [name for name, left in lefts.items() if start.port.minted.get(name, 9999.0) > left + 1.0] == []


@in_virtual_time
async def test_no_line_without_an_end_starves_a_new_secret() -> None:
    """Tokens that expire soon keep coming as fast as Google allows: a new one waits for five minutes at most."""
    start = Start()
    start.need("new", None)
    loop = asyncio.get_running_loop()
    for number in range(int(310 * A_SECOND)):
        loop.call_later(number / A_SECOND, start.need, f"old-{number}", 60.0)
    await start.run(310.0)
    assert start.port.minted["new"] <= NEW + 2.0


@given(st.lists(st.tuples(st.sampled_from(NAMES), st.floats(0, 9)), max_size=30), st.integers(0, 30))
def test_a_line_is_a_sorted_list(wishes: list[tuple[Key, float]], pops: int) -> None:
    """Each key once, with its lowest rank; equal ranks in the order of arrival."""
    line, model = Line(), dict[Key, tuple[float, int]]()
    for number, (each, wanted) in enumerate(wishes):
        if number % 7 == 6:
            line.discard(each)
            model.pop(each, None)
            continue
        line.add(each, wanted)
        if each not in model or wanted < model[each][0]:
            model[each] = wanted, number
    for _ in range(pops):
        first = min(model, key=lambda each: model[each], default=None)
        assert (first in line if first is not None else len(line) == 0, len(line)) == (True, len(model))
        assert line.pop() == first
        model.pop(first, None) if first is not None else None


@given(
    st.floats(0, 1e6),
    st.one_of(st.none(), st.floats(-1e5, 1e5)),
    st.floats(0, 1e5),
    st.floats(-1e5, 1e5),
    st.booleans(),
)
def test_a_request_is_overtaken_only_for_a_time(
    now: float, left: float | None, later: float, other: float, fails: bool
) -> None:
    """Nothing that is requested after the rank of a request goes first, which is an hour and five minutes at most."""
    own = rank(now, deadline(now, left), fails=fails)
    second = rank(now + later, deadline(now + later, other), fails=False)
    if now + later >= own:
        assert second >= own
    assert own <= now + LONGEST + NEW
    if later == 0.0 and left is not None and left <= other and not fails:
        assert own <= second


def _late(minted: dict[str, float], order: Sequence[str]) -> float:
    """By how many seconds a token was minted at most after one that may wait longer."""
    worst, soonest = 0.0, float("inf")
    for name in reversed(order):
        worst = max(worst, minted[name] - soonest)
        soonest = min(soonest, minted[name])
    return worst
