"""How long tokens live by two clocks, when they are minted, and which token may go into which Secret."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wheelhouse.domain.token import MintedToken, Token
from wheelhouse.plan.leases import HeldToken, Lease, Moment, held, recorded, replaces, retry, spacing

START = datetime(2026, 1, 1, tzinfo=UTC)
LIVES = st.integers(min_value=1, max_value=43200)
JITTERS = st.floats(min_value=-1, max_value=1)
JUMPS = st.floats(min_value=-1e8, max_value=1e8)


def at(seconds: float, jump: float = 0.0) -> Moment:
    """This long after the start, with a wall clock that jumped."""
    return Moment(START + timedelta(seconds=seconds + jump), seconds)


def token(life: float = 3600, jitter: float = 0.0, asked: float = 0.0) -> HeldToken:
    """A token that was requested `asked` seconds after the start."""
    issued = START + timedelta(seconds=asked)
    return held(MintedToken(Token("t"), issued, issued + timedelta(seconds=life)), at(asked), jitter)


@pytest.mark.parametrize(("jitter", "seconds"), [(-1.0, 1620), (0.0, 1800), (1.0, 1980)])
def test_a_token_is_replaced_at_half_its_life(jitter: float, seconds: float) -> None:
    """A token of one hour is replaced after 30 minutes, 3 minutes earlier or later."""
    lease = token(jitter=jitter).lease
    assert lease.due(at(0)) == pytest.approx(seconds)
    assert lease.refreshes == START + timedelta(seconds=seconds)


@given(life=LIVES, jitter=JITTERS)
def test_refresh_stands_between_45_and_55_percent(life: int, jitter: float) -> None:
    """Whatever the lifetime, the refresh is at half of it ± 10 % of that time."""
    assert 0.45 - 1e-6 <= token(life, jitter).lease.due(at(0)) / life <= 0.55 + 1e-6


@given(life=LIVES, age=st.floats(min_value=0, max_value=1e5), jump=JUMPS)
def test_the_earlier_of_two_ends_counts(life: int, age: float, jump: float) -> None:
    """A wall clock that jumps can end a token's use early, and never late."""
    lease = token(life).lease
    assert lease.left(at(age, jump)) <= life - age + 1e-3
    assert lease.due(at(age, jump)) <= life / 2 - age + 1e-3


def test_a_machine_that_slept_finds_its_tokens_dead() -> None:
    """The timer's clock stopped for two hours, the wall clock did not."""
    assert token().lease.left(Moment(START + timedelta(hours=2), 1.0)) < 0


def test_a_life_below_zero_is_none() -> None:
    """A reply whose token expired before its start results in no lifetime, and no negative timer."""
    assert token(-5).lease.life == 0
    assert not token(-5).fresh(at(0))
    assert not token(0).fresh(at(0))


@pytest.mark.parametrize(("age", "expected"), [(0, True), (900, True), (901, False), (3599, False), (4000, False)])
def test_a_token_goes_elsewhere_only_while_it_is_fresh(age: float, expected: bool) -> None:
    """A token with less than three quarters of its lifetime left goes into no other Secret."""
    assert token().fresh(at(age)) is expected


@pytest.mark.parametrize(("earlier", "expected"), [(0, True), (60, True), (61, False), (-600, True)])
def test_no_token_replaces_one_that_ends_later(earlier: float, expected: bool) -> None:
    """A minute of tolerance, and no more."""
    standing = token().lease
    assert replaces(token(3600 - earlier), standing, at(0)) is expected


def test_anything_replaces_nothing() -> None:
    """Without a valid token in place, none prevents a replacement."""
    assert replaces(token(1), None, at(0))


@given(
    expires=st.none() | st.floats(min_value=-1e7, max_value=1e7),
    refresh=st.none() | st.floats(min_value=-1e7, max_value=1e7),
    lifetime=st.integers(min_value=600, max_value=43200),
)
def test_what_is_recorded_is_bounded(expires: float | None, refresh: float | None, lifetime: int) -> None:
    """Whatever status contains: no time that a restart accepts is later than a new token's times could be."""
    times = [None if seconds is None else START + timedelta(seconds=seconds) for seconds in (expires, refresh)]
    lease = recorded(times[0], times[1], lifetime, at(0))
    if lease is None:
        return
    assert lease.left(at(0)) <= lifetime
    assert lease.due(at(0)) <= lifetime * 0.55
    assert lease.due(at(0)) <= lease.left(at(0))
    assert lease.alarm >= 0


@given(life=st.integers(min_value=600, max_value=43200), jitter=JITTERS, age=st.floats(min_value=0, max_value=1))
def test_a_true_record_is_believed(life: int, jitter: float, age: float) -> None:
    """The times of a token of this lifetime read back unchanged, whenever they are read."""
    lease, now = token(life, jitter).lease, at(age * life)
    found = recorded(lease.expires, lease.refreshes, life, now)
    assert found is not None
    assert found.left(now) == pytest.approx(lease.left(now), abs=1e-3)
    assert found.due(now) == pytest.approx(lease.due(now), abs=1e-3)


def test_a_record_without_a_refresh_is_due_half_a_lifetime_before_its_end() -> None:
    """As the annotation on a Secret has it."""
    lease = recorded(START + timedelta(minutes=50), None, 3600, at(0))
    assert lease is not None
    assert lease.due(at(0)) == 1200


@pytest.mark.parametrize(("ahead", "believed"), [(0, True), (200, True), (400, False), (3600, False), (-9999, True)])
def test_a_record_of_a_clock_that_was_ahead_is_not_believed(ahead: float, believed: bool) -> None:
    """The API server's clock shows when the Secret was written: no token written then can live that long."""
    written = START - timedelta(minutes=30)
    expires = written + timedelta(seconds=3600 + ahead)
    assert (recorded(expires, None, 3600, at(1200), written) is not None) is believed


@given(life=LIVES, jitter=JITTERS)
def test_an_outage_is_reported_before_the_token_expires(life: int, jitter: float) -> None:
    """An outage is reported with a quarter of the lifetime left, exactly for a minted token, whatever the jitter."""
    lease = token(life, jitter).lease
    assert lease.alarm == life / 4
    read = recorded(lease.expires, lease.refreshes, max(life, 600), at(0))
    assert isinstance(read, Lease)
    assert 0.22 * life <= read.alarm <= 0.28 * life


@pytest.mark.parametrize(
    ("lifetime", "life", "seconds"),
    [
        (3600, 3600, 30),
        (3600, 60, 30),
        (600, 600, 5),
        (600, 151, 5),
        (600, 149, 30),
        (43200, 43200, 360),
        (43200, 3600, 30),
        (43200, 300, 30),
        (12, 12, 0.5),
    ],
)
def test_mints_keep_their_distance(lifetime: int, life: float, seconds: float) -> None:
    """1/120 of the lifetime and half a second, 30 seconds if a token lives less than a quarter of it."""
    assert spacing(lifetime, life) == seconds


@given(life=LIVES, jitter=JITTERS, floor=st.floats(min_value=0, max_value=60))
def test_retries_are_paced_by_the_life(life: int, jitter: float, floor: float) -> None:
    """From 1/720 to 1/60 of it, half a second at least, and not before the server's Retry-After."""
    seconds = retry(life, jitter, floor)
    assert max(life / 720 - 1e-9, 0.5, floor) <= seconds <= max(life / 60 + 1e-9, 0.5, floor)


@given(life=LIVES, seconds=st.floats(min_value=0, max_value=1e5), jump=JUMPS)
def test_times_that_are_shown_lie_never_after_the_end(life: int, seconds: float, jump: float) -> None:
    """A wall clock that was set back moves the times that users read; the ages by both clocks agree with them."""
    lease, now = token(life).lease, at(seconds, jump)
    shown = lease.rebased(now)
    assert (shown.expires - now.wall).total_seconds() <= lease.left(now) + 61
    assert 0 <= lease.left(now) - shown.left(now) <= 61
    assert shown.rebased(at(seconds + 100, jump)) == shown
    if jump >= -60:
        assert shown == lease
