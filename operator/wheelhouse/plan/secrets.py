"""What an answer about a Secret means, and what is told of a Secret's token."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum, auto

from wheelhouse.domain.findings import Check, failed, passed
from wheelhouse.domain.reasons import Reason
from wheelhouse.domain.secret import MANAGER_PREFIX, Applied, Clash, SecretReply
from wheelhouse.errors import Invalid, NotReady, Refused, WheelhouseError
from wheelhouse.plan.leases import Lease, Moment


class Step(Enum):
    """What to do after an apply was answered."""

    DONE = auto()
    FORCE = auto()
    TAKE_OVER = auto()
    REPLACE = auto()
    CONFLICT = auto()
    DENIED = auto()


@dataclass(frozen=True, slots=True)
class Verdict:
    """A step; `others` are the managers that it is about (people for FORCE, accesses for the rest)."""

    step: Step
    others: tuple[str, ...] = ()


def accesses(reply: SecretReply, own: str) -> tuple[str, ...]:
    """The managers of other accesses that an answer names."""
    managers = reply.managers if isinstance(reply, Clash) else ()
    return tuple(name for name in managers if name.startswith(MANAGER_PREFIX) and name != own)


def judge(reply: SecretReply, own: str, living: Collection[str]) -> Verdict:
    """Read the answer to an apply as manager `own`.

    A Secret of another kind is never forced, nor is that of a living access. What a deleted access left is taken over,
    and a person's edit is put back.

    Args:
        reply: the answer.
        own: the manager that applied.
        living: the managers of the accesses whose Secret this may be.
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
    # Our own name stands there as an Update when a person edited with it: that is a person's edit.
    return Verdict(Step.FORCE, reply.managers)


def told(lease: Lease | None, failure: WheelhouseError | None, secret: str, now: Moment) -> Check | None:
    """What is to be said of one Secret's token; None when it is not written yet and nothing stands in the way.

    A refusal is told at once. An outage is told when a quarter of the token's life is left, since refresh has time
    until then.

    Args:
        lease: of the token in the Secret; None when there is no token that counts.
        failure: what stood in the way of the last mint or write.
        secret: namespace and name of the Secret.
        now: when this is said.
    """
    left = 0.0 if lease is None else lease.left(now)
    if lease is not None and left <= 0:
        because = f" {failure.message}" if failure is not None else ""
        return failed(Reason.EXPIRED, f"The token in Secret {secret} has expired; a new one follows.{because}")
    if isinstance(failure, NotReady | Refused | Invalid):
        return failed(failure.reason, failure.message)
    if failure is not None and (lease is None or left <= lease.alarm):
        return failed(Reason.UNAVAILABLE, f"{failure.message} The operator retries.")
    return None if lease is None else passed(Reason.DISTRIBUTED)


def news(lease: Lease | None, failure: WheelhouseError | None, now: Moment) -> float | None:
    """Seconds until time alone changes what `told` says; None when it does not."""
    if lease is None:
        return None
    left = lease.left(now)
    moments = [left, left - lease.alarm] if failure is not None else [left]
    return min((seconds for seconds in moments if seconds > 0), default=None)
