"""The meaning of a reply about a Secret, and the report on a Secret's token."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wheelhouse.domain.reasons import Reason
from wheelhouse.domain.secret import Applied, Clash, Denied, SecretReply
from wheelhouse.errors import Conflict, Invalid, NotReady, Refused, Unavailable, WheelhouseError
from wheelhouse.plan.leases import Lease, Moment
from wheelhouse.plan.probes import probe_delay
from wheelhouse.plan.secrets import Step, Verdict, accesses, judge, token_finding, until_next_finding

START = datetime(2026, 1, 1, tzinfo=UTC)
OUTAGE = Unavailable("The Security Token Service answered 503.")
REFUSED = Refused("Google refused a token.", Reason.TOKEN_REFUSED)
OWN, LIVING, DEAD = "wheelhouse.own", "wheelhouse.living", "wheelhouse.dead"


def at(seconds: float) -> Moment:
    return Moment(START + timedelta(seconds=seconds), seconds)


HOUR = Lease(at(0), 3600, 1800, 900)


@pytest.mark.parametrize(("elapsed", "delay"), [(0, 5.0), (20, 5.0), (40, 10.0), (240, 60.0), (900, 60.0)])
def test_a_refused_index_is_asked_again_from_5_to_60_seconds(elapsed: float, delay: float) -> None:
    """The interval is a quarter of the elapsed time, between 5 s and 60 s."""
    assert probe_delay(elapsed) == delay


@pytest.mark.parametrize(
    ("lease", "failure", "age", "reason"),
    [
        (None, None, 0, None),
        (None, OUTAGE, 0, Reason.UNAVAILABLE),
        (None, REFUSED, 0, Reason.TOKEN_REFUSED),
        (HOUR, None, 0, Reason.DISTRIBUTED),
        (HOUR, None, 3599, Reason.DISTRIBUTED),
        (HOUR, None, 3600, Reason.EXPIRED),
        (HOUR, OUTAGE, 2699, Reason.DISTRIBUTED),
        (HOUR, OUTAGE, 2700, Reason.UNAVAILABLE),
        (HOUR, OUTAGE, 3600, Reason.EXPIRED),
        (HOUR, REFUSED, 0, Reason.TOKEN_REFUSED),
        (HOUR, REFUSED, 3600, Reason.EXPIRED),
        (HOUR, NotReady("gone", Reason.SERVICE_ACCOUNT_NOT_FOUND), 1, Reason.SERVICE_ACCOUNT_NOT_FOUND),
        (HOUR, Invalid("no"), 1, Reason.INVALID_ARGUMENT),
    ],
)
def test_the_report_on_a_token(
    lease: Lease | None, failure: WheelhouseError | None, age: float, reason: Reason | None
) -> None:
    """A refusal at once, an outage with a quarter of the lifetime left, the expiry of a token in any case."""
    check = token_finding(lease, failure, "owners/pip", at(age))
    assert (check.reason if check is not None else None) == reason


@given(
    age=st.floats(min_value=0, max_value=4000),
    failure=st.sampled_from([None, OUTAGE, REFUSED, Conflict("again")]),
    later=st.floats(min_value=0.001, max_value=4000),
)
def test_the_time_comes_when_the_finding_changes(age: float, failure: WheelhouseError | None, later: float) -> None:
    """The finding stays until the returned time, and then it may change; after the last one it never does."""
    seconds = until_next_finding(HOUR, failure, at(age))
    before = token_finding(HOUR, failure, "owners/pip", at(age))
    until = later if seconds is None else min(later, seconds * 0.999999)
    assert token_finding(HOUR, failure, "owners/pip", at(age + until)) == before


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        (Applied("u", created=True), Verdict(Step.DONE)),
        (Applied("u", created=False), Verdict(Step.DONE)),
        (Denied("not opted in"), Verdict(Step.DENIED)),
        (Denied("terminating", terminating=True), Verdict(Step.DENIED)),
        (Clash(("kubectl",)), Verdict(Step.FORCE, ("kubectl",))),
        (Clash((OWN,)), Verdict(Step.FORCE, (OWN,))),
        (Clash(("kubectl", OWN)), Verdict(Step.FORCE, ("kubectl", OWN))),
        (Clash((DEAD,)), Verdict(Step.TAKE_OVER, (DEAD,))),
        (Clash((DEAD, "kubectl")), Verdict(Step.TAKE_OVER, (DEAD,))),
        (Clash((LIVING,)), Verdict(Step.CONFLICT, (LIVING,))),
        (Clash((DEAD, LIVING)), Verdict(Step.CONFLICT, (LIVING,))),
        (Clash((LIVING,), immutable=True), Verdict(Step.CONFLICT, (LIVING,))),
        (Clash(("helm",), foreign_type=True), Verdict(Step.CONFLICT)),
        (Clash((DEAD,), foreign_type=True), Verdict(Step.CONFLICT)),
        (Clash((), foreign_type=True, immutable=True), Verdict(Step.CONFLICT)),
        (Clash((), immutable=True), Verdict(Step.REPLACE)),
        (Clash((DEAD,), immutable=True), Verdict(Step.REPLACE, (DEAD,))),
        (Clash(("wheelhouse-operator",)), Verdict(Step.FORCE, ("wheelhouse-operator",))),
    ],
)
def test_the_answer_to_an_apply_decides_the_step(reply: SecretReply, verdict: Verdict) -> None:
    """Another's Secret stays, a deleted access's is taken over, a person's edit reverted, an immutable one replaced."""
    assert judge(reply, OWN, {OWN, LIVING}) == verdict


@given(
    managers=st.lists(st.sampled_from([OWN, LIVING, DEAD, "kubectl"]), unique=True),
    foreign_type=st.booleans(),
    immutable=st.booleans(),
)
def test_an_existing_access_or_another_type_is_never_forced(
    managers: list[str], foreign_type: bool, immutable: bool
) -> None:
    """Whatever else a reply contains, another access's Secret and another type are a conflict."""
    reply = Clash(tuple(managers), foreign_type, immutable)
    assert (judge(reply, OWN, {LIVING}).step is Step.CONFLICT) == (foreign_type or LIVING in managers)
    assert set(accesses(reply, OWN)) == set(managers) & {LIVING, DEAD}
