"""What the units found, as values: each kind of finding has one writer. The status package derives conditions."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache

from wheelhouse.domain.actors import Actor
from wheelhouse.domain.configuration.form import UNSET, Form
from wheelhouse.domain.iam import GrantRecord, held_roles
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
    """One finding: it becomes one condition. Messages are stable, name the remedy and contain no credential."""

    truth: Truth
    reason: Reason
    message: str = ""

    @property
    def ok(self) -> bool:
        """Whether this allows Ready: Unknown prevents it only while it is Pending."""
        return self.truth is Truth.TRUE or (self.truth is Truth.UNKNOWN and self.reason is not Reason.PENDING)


@lru_cache(maxsize=1024)  # Most objects have the same few findings.
def passed(reason: Reason, message: str = "") -> Check:
    """A finding without a problem."""
    return Check(Truth.TRUE, reason, message)


def failed(reason: Reason, message: str) -> Check:
    """A finding that keeps the object from being Ready."""
    return Check(Truth.FALSE, reason, message)


def pending(message: str) -> Check:
    """A finding that is not available yet."""
    return Check(Truth.FALSE, Reason.PENDING, message)


@dataclass(frozen=True, slots=True)
class AccessSummary:
    """How many accesses and principals a repository's policy has."""

    accesses: int
    members: int
    member_limit: int


@dataclass(frozen=True, slots=True)
class RepositoryFindings:
    """What the repository unit found; times are UTC.

    Attributes:
        generation: of the last pass that finished in this process; None before the first one.
        name: the repository that the object manages; it is recorded in status before anything is created.
        usable: this process saw that the repository exists, and that it is ours or only observed. It is never read from
            status, which others could write.
        create_time: when Google created the repository that was found last.
        mode: the mode of the repository that was found.
        managed: what this object has set on the repository, so that it is removed when the spec drops it.
        held_up: why the release cannot continue; empty while it can.
        waits: whether suspend keeps a change of the spec from being applied.
        advice: what a user should know while the repository matches the spec; empty if there is nothing.
        index_safe: advice about public indexes; None if there is none.
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
    advice: str = ""
    index_safe: Check | None = None
    held_up: str = ""
    waits: bool = False
    handled_request: str = ""


@dataclass(frozen=True, slots=True)
class AccessFindings:
    """What the access unit found: whether the repository and the spec allow the access.

    Attributes:
        generation: of the last pass that finished in this process; None before the first one.
        resolved: the decision about consent and spec.
        granted: what prevents the request for a grant (an invalid subject); None if nothing does.
        advice: what a user should know about existing grants, such as a ServiceAccount that does not exist yet.
        granting: the digest of the access's current claim on the policy (`Claimant.digest`).
        sharing: what a user should know about an identity that other namespaces get; empty if there is nothing.
        distributing: the digest of the Secrets that it requests now; 0 if it requests none.
        grants: the ledger for which that was computed.
        secret: what prevents the request for a Secret (no opt-in …); None if nothing does.
        index_safe: advice about public indexes; None if there is none.
        secret_advice: what a user should know about the Secret, as reasons of Events and sentences.
        waits: whether suspend keeps a change of the spec from being applied.
        unreadable_since: since when the spec does not parse; None if it does.
        handled_request: the value of requested-at whose check and token are done; status shows it.
        heard_request: the value for which a check of the policy was last requested.
    """

    generation: int | None = None
    resolved: Check | None = None
    granted: Check | None = None
    advice: str = ""
    sharing: str = ""
    granting: int = 0
    distributing: int = 0
    grants: "GrantFindings | None" = None
    secret: Check | None = None
    index_safe: Check | None = None
    secret_advice: tuple[tuple[str, str], ...] = ()
    waits: bool = False
    unreadable_since: datetime | None = None
    handled_request: str = ""
    heard_request: str = ""


@dataclass(frozen=True, slots=True)
class GrantFindings:
    """What the policy unit found for one access; `repository`, `create_time` and `grants` are the ledger.

    Attributes:
        made_for: the digest of the claim that the check is about; None before the first pass of this process.
        repository: the repository that the grants are on.
        create_time: when Google created that repository; None if it is not known.
        restored: how often a grant of this access was restored; after that the index is checked again.
    """

    made_for: int | None = None
    check: Check | None = None
    repository: RepositoryName | None = None
    create_time: datetime | None = None
    grants: tuple[GrantRecord, ...] = ()
    restored: int = 0

    @property
    def owns(self) -> bool:
        """Whether any grant is ours to revoke."""
        return any(record.state.owned for record in self.grants)


def changes_role(before: GrantFindings, after: GrantFindings) -> bool:
    """Whether a member has another role, or one on another repository: the files of a Secret depend on both.

    A member that gets its first role has no Secret yet. If no member had a role before, that is not certain: the role
    may have been one on another repository, or one that another client granted.
    """
    if before.repository != after.repository:
        return True
    if before.grants == after.grants:
        return False
    old, new = held_roles(before.grants), held_roles(after.grants)
    members = old.keys() or {record.grant.member for record in before.grants}
    return any(new.get(member, old.get(member)) != old.get(member) for member in members)


@dataclass(frozen=True, slots=True)
class DistributionFindings:
    """What the secret unit found for all targets of one access; `name` and `namespaces` are the ledger.

    Attributes:
        made_for: the digest of the Secrets that the checks are about; None before the first pass of this process.
        name: the Secret's name; empty if no Secret of this access can exist.
        namespaces: where a Secret is, or may be.
        desired: how many are requested; None if that is not known.
        current: how many have a valid token and the desired content.
        failed: the first namespaces where it failed, with the reason.
        expires: the earliest expiry of all targets.
        refresh: the earliest refresh of all targets.
        identity: the identity of the token.
        acting: the Google service account that the identity acts as; empty if it acts as itself.
        proven: as whom Google issued a token in this process, before there was a grant.
        unproven: why it does not issue one; None if it does, or if that is not known yet.
        form: the form of the Secrets, or the authentication of new ones; without an authentication if status, which may
            be lost, does not say whether there is a Secret.
        upload: the repository that uploads go to by the Secrets; None if it is the one that clients install from.
    """

    made_for: int | None = None
    distributed: Check | None = None
    verified: Check | None = None
    name: str = ""
    namespaces: tuple[str, ...] = ()
    desired: int | None = None
    current: int = 0
    failed: tuple[tuple[str, str], ...] = ()
    expires: datetime | None = None
    refresh: datetime | None = None
    identity: str = ""
    acting: str = ""
    proven: frozenset[Actor] = frozenset()
    unproven: Check | None = None
    form: Form = UNSET
    upload: RepositoryName | None = None
