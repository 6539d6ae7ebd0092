"""What a pass found, as values: the status package turns them into conditions."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from wheelhouse.domain.iam import GrantRecord
from wheelhouse.domain.modes import Mode
from wheelhouse.domain.reasons import Reason
from wheelhouse.domain.repository import Operation


class Truth(StrEnum):
    """A condition's status."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class Check:
    """One finding: it becomes one condition. Messages are stable, name the remedy and hold no credential."""

    truth: Truth
    reason: Reason
    message: str = ""

    @property
    def ok(self) -> bool:
        """Whether this stands in the way of Ready: Unknown does only while it is Pending."""
        return self.truth is Truth.TRUE or (self.truth is Truth.UNKNOWN and self.reason is not Reason.PENDING)


def passed(reason: Reason, message: str = "") -> Check:
    """A finding that is as it should be."""
    return Check(Truth.TRUE, reason, message)


def failed(reason: Reason, message: str) -> Check:
    """A finding that keeps the object from being Ready."""
    return Check(Truth.FALSE, reason, message)


def pending(message: str) -> Check:
    """A finding that is still to come."""
    return Check(Truth.FALSE, Reason.PENDING, message)


@dataclass(frozen=True, slots=True)
class AccessSummary:
    """How many accesses and principals a repository's policy serves."""

    accesses: int
    members: int
    member_limit: int


@dataclass(frozen=True, slots=True)
class RepositoryOutcome:
    """What is known of a PythonRepository; times are UTC.

    `mode` is the one that was found; `managed` is the ledger of what this object has set on the repository, so that it
    is taken back when the spec drops it; `index_safe` is advice, None where there is nothing to advise.
    """

    generation: int
    resolved: Check
    synced: Check
    repository: str | None = None
    index_url: str | None = None
    upload_url: str | None = None
    create_time: datetime | None = None
    update_time: datetime | None = None
    operation: Operation | None = None
    access_summary: AccessSummary | None = None
    mode: Mode | None = None
    managed: frozenset[str] = frozenset()
    index_safe: Check | None = None
    handled_request: str = ""
    deleting: bool = False


@dataclass(frozen=True, slots=True)
class SecretRecord:
    """`status.secret`: name and namespaces are the ledger (written before the first apply), the rest reports."""

    name: str
    namespaces: tuple[str, ...] = ()
    current: tuple[str, ...] = ()
    failed: tuple[tuple[str, str], ...] = ()
    expires: datetime | None = None
    refresh: datetime | None = None
    identity: str = ""


@dataclass(frozen=True, slots=True)
class AccessOutcome:
    """What is known of a RepositoryAccess."""

    generation: int
    resolved: Check
    granted: Check
    distributed: Check
    verified: Check
    repository: str | None = None
    grants: tuple[GrantRecord, ...] = ()
    secret: SecretRecord | None = None
    deleting: bool = False
