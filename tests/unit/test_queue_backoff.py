"""The delay in seconds after each error: all keys are retried, and nothing causes a busy loop."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wheelhouse.domain.iam import Identity
from wheelhouse.domain.keys import AccessKey, Key, SecretKey, TokenKey
from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.reasons import Reason
from wheelhouse.errors import AlreadyExists, Conflict, Invalid, NotReady, Refused, Unavailable
from wheelhouse.runtime.queue.backoff import Next, after_error

ACCESS = AccessKey(ObjectKey("n", "a"))
SECRET = SecretKey(ObjectKey("n", "a"), "n")
TOKEN, SHORT_TOKEN = (TokenKey(Identity("n", "a"), lifetime) for lifetime in (3600, 900))

CHANCES = st.floats(0, 1, exclude_max=True)
ERRORS = st.one_of(
    st.sampled_from([Invalid("i"), Refused("r"), Conflict("c"), AlreadyExists("a"), ValueError("a defect")]),
    st.builds(lambda wait: NotReady("n", Reason.PENDING, wait), st.floats(-1, 600)),
    st.builds(
        lambda wait, limit: Unavailable("u", wait, retry_limit=limit),
        st.none() | st.floats(-1, 1e6),
        st.sampled_from([60.0, 300.0]),
    ),
)


@pytest.mark.parametrize(
    ("error", "key", "low", "high"),
    [
        (Invalid("edit it"), ACCESS, 480, 720),
        (Invalid("edit it"), TOKEN, 60, 60),
        (Refused("403"), ACCESS, 60, 60),
        (Refused("403"), SHORT_TOKEN, 15, 15),
        (NotReady("not yet", Reason.PENDING, retry_after=7.0), ACCESS, 7, 7),
        (NotReady("not yet", Reason.PENDING, retry_after=0.0), ACCESS, 1, 1),
        (Conflict("etag"), ACCESS, 0.02, 0.2),
        (AlreadyExists("409"), ACCESS, 0.02, 0.2),
        (Unavailable("503"), ACCESS, 0.2, 2),
        (Unavailable("503"), SECRET, 0.5, 5),
        (Unavailable("503"), TOKEN, 0.5, 5),
        (Unavailable("503"), SHORT_TOKEN, 0.125, 1.25),
        (Unavailable("429", retry_after=30.0), ACCESS, 30, 30),
        (Unavailable("429", retry_after=3600.0), ACCESS, 60, 60),
        (Unavailable("429", retry_after=3600.0, retry_limit=300.0), ACCESS, 300, 300),
        (Unavailable("429", retry_after=0.0), ACCESS, 0.2, 2),
        (ValueError("a defect"), ACCESS, 0.2, 2),
        (ValueError("a defect"), TOKEN, 0.5, 5),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_each_error_has_its_delay(error: Exception, key: Key, low: float, high: float) -> None:
    """Errors are named by what happens next: the delay after the first of them, for every random number."""
    found = [after_error(key, error, Next(), chance).seconds for chance in (0.0, 1.0)]
    assert found == pytest.approx([low, high])


@pytest.mark.parametrize(
    ("error", "key", "limit"),
    [
        (Unavailable("503"), ACCESS, 300.0),
        (Unavailable("503"), SECRET, 60.0),
        (Unavailable("503"), TOKEN, 60.0),
        (Unavailable("503"), SHORT_TOKEN, 15.0),
        (ValueError("a defect"), ACCESS, 300.0),
        (Conflict("etag"), ACCESS, 30.0),
    ],
    ids=str,
)
def test_failures_in_a_row_wait_longer_up_to_a_limit(error: Exception, key: Key, limit: float) -> None:
    """Backoff doubles with each failure and never gives up."""
    then, delays = Next(), []
    for _ in range(60):
        then = after_error(key, error, then, 1.0)
        delays.append(then.seconds)
    assert delays[1] == pytest.approx(2 * (delays[0] or 0))
    assert delays[-1] == pytest.approx(limit)


def test_a_conflict_and_an_outage_are_counted_apart() -> None:
    """A conflict is an answer: an earlier outage is over, and the next one is the first again."""
    then = Next()
    for _ in range(12):
        then = after_error(ACCESS, Unavailable("503"), then, 1.0)
    then = after_error(ACCESS, Conflict("etag"), then, 1.0)
    assert then.seconds == pytest.approx(0.2)
    assert after_error(ACCESS, Unavailable("503"), then, 1.0).seconds == pytest.approx(2.0)


@pytest.mark.parametrize("answer", [Invalid("i"), Refused("r"), NotReady("n", Reason.PENDING)], ids=str)
def test_an_answer_ends_a_row_of_failures(answer: Exception) -> None:
    """A server that denies a request is reachable."""
    before = Next(1.0, failures=12, conflicts=12)
    then = after_error(ACCESS, answer, before, 0.5)
    assert (then.failures, then.conflicts) == (0, 0)


@given(
    error=ERRORS, key=st.sampled_from([ACCESS, SECRET, TOKEN, SHORT_TOKEN]), chance=CHANCES, rows=st.integers(0, 10**4)
)
def test_every_key_comes_back(error: Exception, key: Key, chance: float, rows: int) -> None:
    """After any error and any number of them: not at once, within twelve minutes, and never before the floor."""
    then = after_error(key, error, Next(None, 0.0, rows, rows), chance)
    assert then.seconds is not None
    assert 0.01 < then.seconds <= 720
    assert 0 <= then.floor <= min(then.seconds, 300)
