"""The meaning of a reply about a Secret, and the report on a Secret's token."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum, auto

from wheelhouse.domain.findings import Check, failed, passed
from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.reasons import Reason
from wheelhouse.domain.secret import MANAGER_PREFIX, Applied, Clash, SecretReply
from wheelhouse.errors import Invalid, NotReady, Refused, WheelhouseError
from wheelhouse.plan.leases import Lease, Moment


class Step(Enum):
    """The next step after the reply to an apply."""

    DONE = auto()
    FORCE = auto()
    TAKE_OVER = auto()
    REPLACE = auto()
    CONFLICT = auto()
    DENIED = auto()


@dataclass(frozen=True, slots=True)
class Verdict:
    """A step; `others` are the managers that it concerns (people for FORCE, accesses for the rest)."""

    step: Step
    others: tuple[str, ...] = ()


def accesses(reply: SecretReply, own: str) -> tuple[str, ...]:
    """The managers of other accesses that a reply names."""
    managers = reply.managers if isinstance(reply, Clash) else ()
    return tuple(name for name in managers if name.startswith(MANAGER_PREFIX) and name != own)


def outranks(access: ObjectKey, holder: ObjectKey, namespace: str) -> bool:
    """Whether an access takes the Secret of another existing access: a namespace's own access that of a fan-out."""
    return access.namespace == namespace != holder.namespace


def judge(reply: SecretReply, own: str, living: Collection[str]) -> Verdict:
    """Interpret the reply to an apply as manager `own`.

    Neither a Secret of another kind nor that of an access that keeps it is ever forced. The Secret of a deleted access,
    or of one that this access outranks, is taken over, and a person's edit is reverted.

    Args:
        reply: the reply.
        own: the manager that applied.
        living: the managers of the existing accesses that may own this Secret and keep it.
    """
    if isinstance(reply, Applied):
        return Verdict(Step.DONE)
    if not isinstance(reply, Clash):
        return Verdict(Step.DENIED)
    if reply.foreign_type:
        return Verdict(Step.CONFLICT)
    others = accesses(reply, own)
    holders = tuple(name for name in others if name in living)
    if holders:
        return Verdict(Step.CONFLICT, holders)
    if reply.immutable:
        return Verdict(Step.REPLACE, reply.managers)
    if others:
        return Verdict(Step.TAKE_OVER, others)
    # Our own name with an Update means that a person edited under that name.
    return Verdict(Step.FORCE, reply.managers)


def token_finding(lease: Lease | None, failure: WheelhouseError | None, secret: str, now: Moment) -> Check | None:
    """The report on one Secret's token; None if it is not written yet and there is no failure.

    A refusal is reported at once. An outage is reported when a quarter of the token's lifetime is left, because a
    refresh has time until then.

    Args:
        lease: the lease of the token in the Secret; None if there is no valid token.
        failure: the error of the last mint or write.
        secret: namespace and name of the Secret.
        now: the time of the report.
    """
    left = 0.0 if lease is None else lease.left(now)
    if lease is not None and left <= 0:
        because = f" {failure.message}" if failure is not None else ""
        return failed(
            Reason.EXPIRED, f"The token in Secret {secret} has expired. The operator requests a new one.{because}"
        )
    if isinstance(failure, NotReady | Refused | Invalid):
        return failed(failure.reason, failure.message)
    if failure is not None and (lease is None or left <= lease.alarm):
        return failed(Reason.UNAVAILABLE, f"{failure.message} The operator retries.")
    return None if lease is None else passed(Reason.DISTRIBUTED)


def until_next_finding(lease: Lease | None, failure: WheelhouseError | None, now: Moment) -> float | None:
    """Seconds until time alone changes the result of `token_finding`; None if it does not."""
    if lease is None:
        return None
    left = lease.left(now)
    moments = [left, left - lease.alarm] if failure is not None else [left]
    return min((seconds for seconds in moments if seconds > 0), default=None)
