"""When tokens are minted and reused, and what an answer about a Secret means."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wheelhouse.domain.pip import MintedToken, Token
from wheelhouse.domain.secret import Applied, Clash, Denied, SecretReply
from wheelhouse.plan.secrets import Step, Verdict, judge, probe_delay, refresh_at, reusable, tolerable

START = datetime(2026, 1, 1, tzinfo=UTC)
LIVES = st.integers(min_value=300, max_value=43200)


def minted(life: float = 3600) -> MintedToken:
    return MintedToken(Token("t"), START, START + timedelta(seconds=life))


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


@pytest.mark.parametrize(("jitter", "seconds"), [(-1.0, 1620), (0.0, 1800), (1.0, 1980)])
def test_a_token_is_replaced_at_half_its_life(jitter: float, seconds: float) -> None:
    """An hour's token is replaced after 30 minutes, 3 minutes earlier or later."""
    assert refresh_at(minted(), jitter) == at(seconds)


@given(life=LIVES, jitter=st.floats(min_value=-1, max_value=1))
def test_refresh_stands_between_45_and_55_percent(life: int, jitter: float) -> None:
    """Whatever the life, the refresh is at half of it ± 10 % of that time."""
    share = (refresh_at(minted(life), jitter) - START) / timedelta(seconds=life)
    assert 0.45 - 1e-6 <= share <= 0.55 + 1e-6


@pytest.mark.parametrize(("age", "expected"), [(0, True), (900, True), (901, False), (3599, False), (4000, False)])
def test_a_token_goes_elsewhere_only_while_it_is_fresh(age: float, expected: bool) -> None:
    """A token with less than three quarters of its life left goes into no other Secret."""
    assert reusable(minted(), at(age), None) is expected


def test_a_token_never_replaces_one_that_lives_longer() -> None:
    """No Secret receives a token that ends before the one it replaces; an equal end is fine."""
    assert not reusable(minted(), START, at(3601))
    assert reusable(minted(), START, at(3600))
    assert reusable(minted(), START, at(10))


@pytest.mark.parametrize(("age", "expected"), [(1800, True), (2699, True), (2700, False), (3600, False), (9999, False)])
def test_an_outage_goes_unsaid_until_a_quarter_of_the_life_is_left(age: float, expected: bool) -> None:
    """With refresh at half the life, a quarter of it is the last moment of silence."""
    assert tolerable(at(3600), at(1800), at(age)) is expected


def test_an_outage_without_a_known_token_is_said() -> None:
    """Where there is no token yet, there is nothing to lean on."""
    assert not tolerable(None, at(1), START)
    assert not tolerable(at(1), None, START)


@given(life=LIVES, jitter=st.floats(min_value=-1, max_value=1))
def test_an_expired_token_is_never_tolerated(life: int, jitter: float) -> None:
    """Whatever life and jitter, silence ends before the token does."""
    token = minted(life)
    assert not tolerable(token.expires, refresh_at(token, jitter), token.expires)


@pytest.mark.parametrize(("elapsed", "delay"), [(0, 5.0), (20, 5.0), (40, 10.0), (240, 60.0), (900, 60.0)])
def test_a_refused_index_is_asked_again_from_5_to_60_seconds(elapsed: float, delay: float) -> None:
    """The pace is a quarter of the time it has taken, within 5 s and 60 s."""
    assert probe_delay(timedelta(seconds=elapsed)) == delay


OWN, LIVING, DEAD = "wheelhouse.own", "wheelhouse.living", "wheelhouse.dead"


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        (Applied("u", created=True), Verdict(Step.DONE)),
        (Applied("u", created=False), Verdict(Step.DONE)),
        (Denied("not opted in"), Verdict(Step.ABSENT)),
        (Denied("terminating", terminating=True), Verdict(Step.ABSENT)),
        (Clash(("kubectl",)), Verdict(Step.FORCE, ("kubectl",))),
        (Clash((OWN,)), Verdict(Step.FORCE, (OWN,))),
        (Clash(("kubectl", OWN)), Verdict(Step.FORCE, ("kubectl", OWN))),
        (Clash((DEAD,)), Verdict(Step.TAKE_OVER, (DEAD,))),
        (Clash((DEAD, "kubectl")), Verdict(Step.TAKE_OVER, (DEAD,))),
        (Clash((LIVING,)), Verdict(Step.CONFLICT, (LIVING,))),
        (Clash((DEAD, LIVING)), Verdict(Step.CONFLICT, (DEAD, LIVING))),
        (Clash((LIVING,), immutable=True), Verdict(Step.CONFLICT, (LIVING,))),
        (Clash(("helm",), foreign_type=True), Verdict(Step.CONFLICT, ("helm",))),
        (Clash((DEAD,), foreign_type=True), Verdict(Step.CONFLICT, (DEAD,))),
        (Clash((), foreign_type=True, immutable=True), Verdict(Step.CONFLICT)),
        (Clash((), immutable=True), Verdict(Step.REPLACE)),
        (Clash((DEAD,), immutable=True), Verdict(Step.REPLACE, (DEAD,))),
        (Clash(("wheelhouse-operator",)), Verdict(Step.FORCE, ("wheelhouse-operator",))),
    ],
)
def test_the_answer_to_an_apply_decides_the_step(reply: SecretReply, verdict: Verdict) -> None:
    """Somebody else's is left, a dead access's taken over, a person's edit put back, a frozen one replaced."""
    assert judge(reply, OWN, {"own", "living"}) == verdict


@given(
    managers=st.lists(st.sampled_from([OWN, LIVING, DEAD, "kubectl"]), unique=True),
    foreign_type=st.booleans(),
    immutable=st.booleans(),
)
def test_a_living_access_or_a_foreign_type_is_never_forced(
    managers: list[str], foreign_type: bool, immutable: bool
) -> None:
    """Whatever else an answer says, another access's Secret and a foreign type are a conflict."""
    step = judge(Clash(tuple(managers), foreign_type, immutable), OWN, {"own", "living"}).step
    assert (step is Step.CONFLICT) == (foreign_type or LIVING in managers)
