"""Checks → conditions, after kstatus."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wheelhouse.domain.findings import Check, Truth, failed, passed, pending
from wheelhouse.domain.reasons import STALLED_AT_ONCE, STALLED_LATER, ConditionType, Reason
from wheelhouse.status.conditions import Situation, build, by_type, check_of, moment, timestamp

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
KINDS = (ConditionType.RESOLVED_REFS, ConditionType.GRANTED, ConditionType.VERIFIED)
CHECKS = st.builds(Check, st.sampled_from(Truth), st.sampled_from(Reason), st.sampled_from(["", "words"]))
FINDINGS = st.lists(CHECKS, min_size=3, max_size=3).map(lambda checks: list(zip(KINDS, checks, strict=True)))

Found = list[tuple[ConditionType, Check]]
GOOD: Found = [(kind, passed(Reason.READY)) for kind in KINDS]


def conditions(
    found: Found, rows: list[Any] | None = None, *, after: float = 0, generation: int = 1, deleting: bool = False
) -> list[Any]:
    """The conditions that follow `rows` after that many seconds."""
    now = NOW + timedelta(seconds=after)
    situation = Situation(generation, generation, deleting)
    return build(found, {"conditions": rows or []}, situation, now)


def with_one(kind: ConditionType, check: Check) -> Found:
    return [(each, check if each is kind else old) for each, old in GOOD]


def row(rows: list[Any], kind: ConditionType) -> Any:
    return by_type({"conditions": rows}).get(kind)


@given(found=FINDINGS, before=FINDINGS, after=st.integers(min_value=0, max_value=2000), deleting=st.booleans())
def test_exactly_one_of_reconciling_and_stalled_while_not_ready(
    found: Found, before: Found, after: int, deleting: bool
) -> None:
    """While Ready is not True, exactly one of Reconciling and Stalled is True, otherwise neither is present."""
    rows = conditions(found, conditions(before), after=after, deleting=deleting)
    types = [each["type"] for each in rows]
    assert types[:4] == ["Ready", *map(str, KINDS)]
    assert len(types) == len(set(types))
    extra = rows[4:]
    assert len(extra) == (0 if rows[0]["status"] == "True" else 1)
    assert all(each["type"] in {"Reconciling", "Stalled"} and each["status"] == "True" for each in extra)
    assert all(set(each) == {*rows[0]} and each["observedGeneration"] == 1 for each in rows)


@given(found=FINDINGS, deleting=st.booleans())
def test_an_object_being_deleted_is_never_ready(found: Found, deleting: bool) -> None:
    """Ready is True only if every finding is good and the object is not being released."""
    ready = conditions(found, deleting=deleting)[0]["status"] == "True"
    assert ready == (not deleting and all(check.ok for _, check in found))


@given(found=FINDINGS, before=FINDINGS, deleting=st.booleans())
def test_building_again_changes_nothing(found: Found, before: Found, deleting: bool) -> None:
    """The same findings a moment later result in identical conditions, so that nothing is written."""
    first = conditions(found, conditions(before), after=10, deleting=deleting)
    assert conditions(found, first, after=11, deleting=deleting) == first


def test_ready_names_the_first_finding_that_stands_in_its_way() -> None:
    """Of several failures, Ready and Reconciling have the reason and message of the earliest step."""
    found = [*with_one(ConditionType.GRANTED, failed(Reason.UNAVAILABLE, "503"))[:2], (KINDS[2], pending("waits"))]
    rows = conditions(found)
    assert (rows[0]["status"], rows[0]["reason"], rows[0]["message"]) == ("False", "Unavailable", "503")
    assert (rows[-1]["type"], rows[-1]["reason"], rows[-1]["message"]) == ("Reconciling", "Unavailable", "503")


@pytest.mark.parametrize("reason", [Reason.NOT_APPLICABLE, Reason.VERIFICATION_OFF])
def test_unknown_stands_not_in_the_way(reason: Reason) -> None:
    """What does not apply, or is off, leaves the object Ready."""
    rows = conditions(with_one(ConditionType.VERIFIED, Check(Truth.UNKNOWN, reason)))
    assert [each["status"] for each in rows] == ["True", "True", "True", "Unknown"]


@pytest.mark.parametrize("reason", sorted(STALLED_AT_ONCE))
def test_what_only_the_user_can_fix_stalls_at_once(reason: Reason) -> None:
    """A finding that does not resolve by itself is Stalled at once."""
    assert conditions(with_one(ConditionType.GRANTED, failed(reason, "mend")))[-1]["type"] == "Stalled"


@pytest.mark.parametrize("reason", sorted(STALLED_LATER))
@pytest.mark.parametrize(("after", "kind"), [(0, "Reconciling"), (899, "Reconciling"), (900, "Stalled")])
def test_a_refusal_stalls_after_15_minutes(reason: Reason, after: float, kind: str) -> None:
    """What may be propagation is Reconciling for 15 minutes, counted across restarts from the transition time."""
    found = with_one(ConditionType.VERIFIED, failed(reason, "403"))
    assert conditions(found, conditions(found), after=after)[-1]["type"] == kind


@pytest.mark.parametrize("reason", sorted(set(Reason) - STALLED_AT_ONCE - STALLED_LATER))
def test_what_heals_by_itself_never_stalls(reason: Reason) -> None:
    """All others are Reconciling however long they last, because Flux gives up on Stalled."""
    found = with_one(ConditionType.GRANTED, failed(reason, "waits"))
    assert conditions(found, conditions(found), after=86400)[-1]["type"] == "Reconciling"


def test_a_refusal_that_passed_begins_anew() -> None:
    """A condition that was True in between starts another 15 minutes."""
    refused = with_one(ConditionType.VERIFIED, failed(Reason.REFUSED, "403"))
    rows = conditions(GOOD, conditions(refused), after=600)
    rows = conditions(refused, rows, after=1200)
    assert conditions(refused, rows, after=2000)[-1]["type"] == "Reconciling"


def test_transition_times_change_with_the_status_alone() -> None:
    """Another reason, message or generation keeps the time; another status gets the current time."""
    first = conditions(with_one(ConditionType.GRANTED, pending("waits")))
    second = conditions(
        with_one(ConditionType.GRANTED, failed(Reason.UNAVAILABLE, "503")), first, after=60, generation=2
    )
    assert row(second, ConditionType.GRANTED)["lastTransitionTime"] == timestamp(NOW)
    assert row(second, ConditionType.GRANTED)["observedGeneration"] == 2
    third = conditions(GOOD, second, after=120)
    times = {each["type"]: each["lastTransitionTime"] for each in third}
    later = timestamp(NOW + timedelta(seconds=120))
    assert times == {
        "Ready": later,
        "Granted": later,
        "ResolvedRefs": timestamp(NOW),
        "Verified": timestamp(NOW),
    }


@pytest.mark.parametrize("garbage", ["never", "", 5, None])
def test_a_transition_time_that_is_none_is_replaced(garbage: object) -> None:
    """Another client wrote it, but the API server's clients expect times there."""
    first = [dict(each, lastTransitionTime=garbage) for each in conditions(GOOD)]
    assert {each["lastTransitionTime"] for each in conditions(GOOD, first, after=60)} == {
        timestamp(NOW + timedelta(seconds=60))
    }


def test_a_deletion_is_reported_until_something_delays_it() -> None:
    """Deleting while the release proceeds; a failure that delays it is reported instead."""
    rows = conditions(GOOD, deleting=True)
    assert (rows[0]["reason"], rows[-1]["type"]) == ("Deleting", "Reconciling")
    waiting = conditions(with_one(ConditionType.GRANTED, pending("waits")), deleting=True)
    assert waiting[0]["reason"] == "Deleting"
    held = conditions(with_one(ConditionType.GRANTED, failed(Reason.PERMISSION_DENIED, "403")), deleting=True)
    assert held[0]["reason"] == "PermissionDenied"


def test_no_reason_stalls_both_at_once_and_later() -> None:
    """Each reason has at most one way to stall, and absent looks like forbidden because neither stalls."""
    assert not STALLED_AT_ONCE & STALLED_LATER
    assert Reason.REF_NOT_PERMITTED not in STALLED_AT_ONCE | STALLED_LATER


@pytest.mark.parametrize(
    "garbage",
    [None, 7, "x", {}, [None], [7], ["Ready"], [{}], [{"type": 7}], [{"type": "Ready"}], [{"type": ["Ready"]}]],
)
def test_malformed_conditions_are_passed_over(garbage: object) -> None:
    """Whatever is in place of the conditions, a complete list is built from the findings."""
    rows = build(GOOD, {"conditions": garbage}, Situation(1, 1), NOW)
    assert [each["lastTransitionTime"] for each in rows] == [timestamp(NOW)] * 4


@given(check=CHECKS, status=st.text(max_size=5), reason=st.text(max_size=5))
def test_a_condition_reads_back_or_is_nothing(check: Check, status: str, reason: str) -> None:
    """Our own values read back as the original finding; others are None."""
    rows = conditions([(KINDS[0], check)])
    assert check_of(rows[1]) == check
    assert check_of({"status": status, "reason": reason}) is None
    assert check_of({}) is None


@given(st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2999, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - hypothesis wants naive bounds
def test_times_are_written_in_seconds_and_read_back(when: datetime) -> None:
    """RFC 3339 in UTC and whole seconds, as Kubernetes writes times."""
    assert moment(timestamp(when)) == when.replace(microsecond=0)


@pytest.mark.parametrize("garbage", [None, 0, "", "soon", "2026-13-01T00:00:00Z", [], {}])
def test_anything_else_is_no_time(garbage: object) -> None:
    """A value that is not an RFC 3339 time is None and never an error."""
    assert moment(garbage) is None


def test_a_time_in_another_zone_is_the_same_moment() -> None:
    """Offsets are parsed; the value is UTC."""
    assert moment("2026-01-01T13:00:00+01:00") == NOW


def test_a_suspended_object_keeps_its_truth() -> None:
    """Ready stays True with the reason Suspended; problems are still reported."""
    rows = build(GOOD, {}, Situation(2, 2, suspended="rests"), NOW)
    assert (rows[0]["status"], rows[0]["reason"]) == ("True", "Suspended")
    bad = with_one(ConditionType.GRANTED, failed(Reason.UNAVAILABLE, "503"))
    assert build(bad, {}, Situation(2, 2, suspended="rests"), NOW)[0]["reason"] == "Unavailable"


STANDING = {
    "observedGeneration": 3,
    "conditions": conditions(with_one(ConditionType.GRANTED, passed(Reason.GRANTED)), generation=3),
}


@pytest.mark.parametrize(
    ("situation", "check", "reason"),
    [
        (Situation(3, None), None, Reason.GRANTED),
        (Situation(3, 3), None, Reason.GRANTED),
        (Situation(4, None), None, Reason.PENDING),
        (Situation(4, 4), None, Reason.PENDING),
        (Situation(4, None), failed(Reason.UNAVAILABLE, "503"), Reason.UNAVAILABLE),
    ],
)
def test_until_a_unit_has_looked_its_condition_is_that_of_status(
    situation: Situation, check: Check | None, reason: Reason
) -> None:
    """After a start a condition of this generation stays until its unit has passed: pending never replaces it."""
    assert situation.known(check, by_type(STANDING)[ConditionType.GRANTED]).reason is reason


def test_a_generation_is_observed_once_a_pass_of_it_has_finished() -> None:
    """ObservedGeneration is that of the last finished pass, by this process or an earlier one."""
    assert Situation(4, None).observed({"observedGeneration": 3}) == 3
    assert Situation(4, 4).observed({"observedGeneration": 3}) == 4
    assert Situation(4, None).observed({"observedGeneration": "x"}) == -1
    assert Situation(4, None).observed({"observedGeneration": 5}) == -1
    assert Situation(1, 2).observed({"observedGeneration": 1}) == -1
