"""What the units found, as values: each kind of finding has one writer, and the status package derives conditions."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from wheelhouse.domain.iam import GrantRecord
from wheelhouse.domain.modes import Mode
from wheelhouse.domain.names import RepositoryName
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
        """Whether this allows Ready: Unknown forbids it only while it is Pending."""
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
class RepositoryFindings:
    """What the repository unit found; times are UTC.

    Attributes:
        generation: of the last pass that finished in this process; None before the first one.
        name: the repository that the object stands for, recorded in status before anything is made.
        usable: this process saw that the repository exists, and that it is ours or only observed. Status never says
            so: what others could write gives nothing.
        create_time: when Google made the repository that was found last.
        mode: the one that was found.
        managed: what this object has set on the repository, so that it is taken back when the spec drops it.
        held_up: why the release cannot go on, while it cannot.
        waits: whether suspend keeps a change of the spec from being carried out.
        index_safe: advice; None where there is nothing to advise.
    """

    generation: int | None = None
    resolved: Check | None = None
    synced: Check | None = None
    name: RepositoryName | None = None
    usable: bool = False
    create_time: datetime | None = None
    update_time: datetime | None = None
    operation: Operation | None = None
    mode: Mode | None = None
    managed: frozenset[str] = frozenset()
    index_safe: Check | None = None
    held_up: str = ""
    waits: bool = False
    handled_request: str = ""


@dataclass(frozen=True, slots=True)
class AccessFindings:
    """What the access unit found: how the repository and the spec stand to each other.

    Attributes:
        generation: of the last pass that finished in this process; None before the first one.
        resolved: the judgement of consent and spec.
        granted: what keeps a grant from being asked for at all (a subject that cannot be had); None without such.
        advice: what a user should know of grants that are made, like a ServiceAccount that does not exist yet.
        granting: the digest of what the access asks the policy for now (`Claimant.digest`).
        distributing: the digest of the Secrets that it asks for now; 0 while it asks for none.
        secret: what keeps a Secret from being asked for (no opt-in …); None without such.
        waits: whether suspend keeps a change of the spec from being carried out.
        unreadable_since: since when the spec does not parse; None while it does.
    """

    generation: int | None = None
    resolved: Check | None = None
    granted: Check | None = None
    advice: str = ""
    granting: int = 0
    distributing: int = 0
    secret: Check | None = None
    waits: bool = False
    unreadable_since: datetime | None = None
    handled_request: str = ""


@dataclass(frozen=True, slots=True)
class GrantFindings:
    """What the policy unit found for one access; `repository`, `create_time` and `grants` are the ledger.

    Attributes:
        made_for: the digest of the claim that the check is about; None before the first pass of this process.
        repository: the repository that the grants are on.
        create_time: when Google made that repository; None when it is not known.
        restored: how often a grant of this access was put back; the index is asked again after that.
    """

    made_for: int | None = None
    check: Check | None = None
    repository: RepositoryName | None = None
    create_time: datetime | None = None
    grants: tuple[GrantRecord, ...] = ()
    restored: int = 0

    @property
    def owns(self) -> bool:
        """Whether any grant is ours to withdraw."""
        return any(record.state.owned for record in self.grants)


@dataclass(frozen=True, slots=True)
class DistributionFindings:
    """What the secret unit found for all targets of one access; `name` and `namespaces` are the ledger.

    Attributes:
        made_for: the digest of the Secrets that the checks are about; None before the first pass of this process.
        name: the Secret's name; empty when no Secret of this access can exist.
        namespaces: where a Secret is, or may be.
        current: how many hold a living token and what is wanted.
        failed: the first namespaces where it failed, with the reason.
        expires: the earliest expiry of all targets.
        refresh: the earliest refresh of all targets.
        identity: whose token it is.
    """

    made_for: int | None = None
    distributed: Check | None = None
    verified: Check | None = None
    name: str = ""
    namespaces: tuple[str, ...] = ()
    current: int = 0
    failed: tuple[tuple[str, str], ...] = ()
    expires: datetime | None = None
    refresh: datetime | None = None
    identity: str = ""
