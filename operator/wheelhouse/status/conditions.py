"""Checks → conditions: the only writer of conditions.

Ready, Reconciling and Stalled follow kstatus: Reconciling or Stalled are present only while true, never both, and
exactly one while Ready is not True (https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from wheelhouse.domain.findings import Check, Truth, failed, passed, pending
from wheelhouse.domain.reasons import STALLED_AT_ONCE, STALLED_LATER, ConditionType, Reason, foreign_conditions
from wheelhouse.status.words import IN_PLACE, worded

STALLS_AFTER = timedelta(minutes=15)
"""How long a refusal counts as propagation."""

Found = tuple[ConditionType, Check]
"""A condition's type and what was found."""


def timestamp(moment: datetime) -> str:
    """RFC 3339 in seconds, the form of times in Kubernetes."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(text: object) -> datetime | None:
    """Read an RFC 3339 time; None for anything else."""
    if not isinstance(text, str):
        return None
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


@dataclass(frozen=True, slots=True)
class Situation:
    """The generation of an object that its findings are about.

    Attributes:
        generation: the object's current generation.
        passed: of the last pass that finished in this process; None before the first one.
        deleting: whether the object is being released.
        suspended: the message of Ready while changes of the spec wait; empty if none wait.
        advice: the message of Ready if the user should know more than that everything is in place; empty otherwise.
    """

    generation: int
    passed: int | None
    deleting: bool = False
    suspended: str = ""
    advice: str = ""

    def observed(self, status: Mapping[str, Any]) -> int:
        """The generation for which a pass finished, in this process or an earlier one.

        A generation later than the object's comes from a restored store or another client, so it is ignored.
        """
        found = status.get("observedGeneration") if self.passed is None else self.passed
        return found if isinstance(found, int) and found <= self.generation else -1

    def known(self, check: Check | None, row: Mapping[str, Any]) -> Check:
        """A finding; until a unit has checked in this process, the one in the status of this generation."""
        if check is not None:
            return check
        standing = check_of(row)
        if standing is not None and row.get("observedGeneration") == self.generation:
            return standing
        return pending("Waiting for the first check.")


def known(
    checks: Iterable[tuple[ConditionType, Check | None]],
    status: Mapping[str, Any],
    situation: Situation,
    words: Mapping[ConditionType, str],
) -> tuple[Found, ...]:
    """The findings of all checks with their messages; one that waits for another names the condition that explains it.

    Args:
        checks: the kind's checks in order of work, None where this process has not checked yet.
        status: the current status.
        situation: what the checks are about.
        words: the messages of findings that passed.
    """
    rows: list[Found] = []
    previous = by_type(status)
    cause: ConditionType | None = None
    for kind, check in checks:
        found = worded(kind, situation.known(check, previous.get(kind, {})), words.get(kind, ""))
        if cause is not None and found.reason is Reason.PENDING:
            found = pending(f"See the condition {cause}.")
        elif cause is None and not found.ok and found.reason is not Reason.PENDING:
            cause = kind
        rows.append((kind, found))
    return tuple(rows)


def build(
    found: Sequence[Found],
    status: Mapping[str, Any],
    situation: Situation,
    now: datetime,
    advice: Sequence[Found] = (),
) -> list[Any]:
    """The list of conditions, Ready first.

    Args:
        found: the kind's checks in order of work.
        status: the current status, for the transition times.
        situation: what the checks are about.
        now: UTC.
        advice: findings that never affect Ready.
    """
    previous = by_type(status)
    ready, cause = _ready(found, situation, check_of(previous.get(ConditionType.READY, {})))
    rows: list[Found] = [(ConditionType.READY, ready), *found]
    if ready.truth is not Truth.TRUE:
        stalled = _stalled(cause, previous, now)
        rows.append((ConditionType.STALLED if stalled else ConditionType.RECONCILING, _present(ready)))
    rows.extend(advice)
    generation, time = situation.observed(status), timestamp(now)
    return [_row(kind, check, previous.get(kind, {}), generation, time) for kind, check in rows]


def suspended_note(generation: int, *, waits: bool) -> str:
    """The message of Ready for a suspended object.

    Args:
        generation: the object's current generation.
        waits: whether its spec differs from what is in place.
    """
    if waits:
        return f"spec.suspend is true, so generation {generation} is not applied. To apply it, remove spec.suspend."
    return "spec.suspend is true, so changes of the spec are not applied. To apply them, remove spec.suspend."


def by_type(status: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The conditions of a status by their type; malformed ones are ignored."""
    conditions = status.get("conditions")
    rows = conditions if isinstance(conditions, list) else []
    return {row["type"]: row for row in rows if isinstance(row, Mapping) and isinstance(row.get("type"), str)}


def complete(status: Mapping[str, Any], before: Mapping[str, Any]) -> Mapping[str, Any]:
    """A status as a write of it leaves it: with the conditions of other types, which other controllers wrote.

    Args:
        status: the status to write.
        before: the status that it replaces.
    """
    foreign = foreign_conditions(before)
    return {**status, "conditions": [*status.get("conditions", ()), *foreign]} if foreign else status


def same(wanted: Mapping[str, Any], standing: Mapping[str, Any]) -> bool:
    """Whether a status already equals the wanted one; others' conditions and the order do not count."""
    return _ours(wanted) == _ours(standing)


def _ours(status: Mapping[str, Any]) -> dict[str, Any]:
    rows = by_type(status)
    return {**status, "conditions": {kind: dict(rows[kind]) for kind in ConditionType if kind in rows}}


def check_of(row: Mapping[str, Any]) -> Check | None:
    """A condition as a check; None if it has a value that is not ours."""
    try:
        return Check(Truth(str(row.get("status"))), Reason(str(row.get("reason"))), str(row.get("message", "")))
    except ValueError:
        return None


def _ready(found: Iterable[Found], situation: Situation, before: Check | None) -> tuple[Check, Found | None]:
    wrong = [(kind, check) for kind, check in found if not check.ok]
    if situation.deleting:  # Only the reason for a delayed release is reported.
        wrong = [(kind, check) for kind, check in wrong if check.reason is not Reason.PENDING]
        if not wrong:
            return failed(Reason.DELETING, "The object is being deleted."), None
    cause = wrong[0] if wrong else None
    if cause is not None:
        return failed(cause[1].reason, cause[1].message), cause
    if situation.suspended:
        return passed(Reason.SUSPENDED, situation.suspended), None
    if situation.passed is None and before is not None and before.ok and before.reason is Reason.READY:
        return before, None  # The advice of an earlier process, until this one has checked.
    return passed(Reason.READY, situation.advice or IN_PLACE), None


def _stalled(cause: Found | None, previous: Mapping[str, Mapping[str, Any]], now: datetime) -> bool:
    if cause is None:
        return False
    kind, check = cause
    if check.reason in STALLED_AT_ONCE:
        return True
    if check.reason not in STALLED_LATER:
        return False
    before = previous.get(kind, {})
    since = moment(before.get("lastTransitionTime")) if before.get("status") == check.truth else None
    return since is not None and now - since >= STALLS_AFTER


def _present(ready: Check) -> Check:
    return passed(ready.reason, ready.message)


def _row(kind: ConditionType, check: Check, before: Mapping[str, Any], generation: int, time: str) -> dict[str, Any]:
    kept = before.get("lastTransitionTime") if _unchanged(before, check) else None
    return {
        "type": str(kind),
        "status": str(check.truth),
        "reason": str(check.reason),
        "message": check.message,
        "lastTransitionTime": kept or time,
        "observedGeneration": generation,
    }


def _unchanged(before: Mapping[str, Any], check: Check) -> bool:
    return before.get("status") == check.truth and moment(before.get("lastTransitionTime")) is not None
