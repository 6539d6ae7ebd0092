"""IAM policies of repositories, and the ledger of our grants in them."""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

MEMBER_LIMIT = 1500
"""Principals in one policy, counting each occurrence (google.iam.v1.Policy)."""

GROUP_LIMIT = 250
"""How many of them may be Google groups (google.iam.v1.Policy)."""

DEFAULT_ETAG = b"\x00\x20\x01"
"""The etag of a policy that was never set (`ACAB`, seen for subnets, Cloud Run, secrets and others)."""

SUBJECT_LIMIT = 127
"""Bytes of `google.subject` (Workload Identity Federation limits)."""


class Role(StrEnum):
    """The roles that a RepositoryAccess may request."""

    READER = "Reader"
    WRITER = "Writer"
    REPO_ADMIN = "RepoAdmin"

    @property
    def iam(self) -> str:
        """The predefined role's name in IAM."""
        return {
            Role.READER: "roles/artifactregistry.reader",
            Role.WRITER: "roles/artifactregistry.writer",
            Role.REPO_ADMIN: "roles/artifactregistry.repoAdmin",
        }[self]

    @property
    def uploads(self) -> bool:
        """Whether the role may upload."""
        return self is not Role.READER


Pair = tuple[str, str]
"""A grant's identity: its role, and its member in the form for comparison."""


def identity(role: str, member: str) -> Pair:
    """The key by which grants compare: e-mails are case-folded, `principal://` and type prefixes are exact."""
    if member.startswith(("principal:", "principalSet:")):
        return role, member
    prefix, colon, value = member.partition(":")
    return role, f"{prefix}{colon}{value.lower()}"


def undeleted(member: str) -> str | None:
    """The member before its account was deleted; None if the member is not a deleted one.

    Google renames a deleted member to `deleted:TYPE:NAME?uid=NUMBER`
    (https://cloud.google.com/iam/docs/overview#deleted-principals).
    """
    prefix, _, rest = member.partition(":")
    return rest.rpartition("?uid=")[0] or rest if prefix == "deleted" else None


def is_group(pair: Pair) -> bool:
    """Whether the member counts against the limit of groups."""
    return pair[1].startswith("group:")


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """One (role, member) pair; the role by its IAM name, the member in IAM's notation.

    Attributes:
        verbatim: whether a spec has the member in exactly this form, so that it does not follow a change of the
            cluster's workload identity pool.
    """

    role: str
    member: str
    verbatim: bool = field(default=False, compare=False)

    @property
    def identity(self) -> Pair:
        """The key by which grants compare."""
        return identity(self.role, self.member)


class GrantState(StrEnum):
    """The state of an entry: Recorded (will be ours), Granted (ours), Existing (not ours), Rejected (by IAM)."""

    RECORDED = "Recorded"
    GRANTED = "Granted"
    EXISTING = "Existing"
    REJECTED = "Rejected"

    @property
    def owned(self) -> bool:
        """Whether the grant is ours to remove."""
        return self is GrantState.RECORDED or self is GrantState.GRANTED

    @property
    def held(self) -> bool:
        """Whether the member has the grant."""
        return self is GrantState.GRANTED or self is GrantState.EXISTING


@dataclass(frozen=True, slots=True)
class GrantRecord:
    """One entry of `status.grants`."""

    grant: Grant
    state: GrantState
    message: str = ""

    def with_state(self, state: GrantState, message: str = "") -> "GrantRecord":
        """The same grant in another state."""
        return GrantRecord(self.grant, state, message)


def held_roles(records: Iterable[GrantRecord]) -> Mapping[str, AbstractSet[str]]:
    """The roles of each member that has any, as IAM names them."""
    found: dict[str, set[str]] = {}
    for record in records:
        if record.state.held:
            found.setdefault(record.grant.member, set()).add(record.grant.role)
    return found


@dataclass(frozen=True, slots=True)
class Binding:
    """One binding as Google sends it; `condition` stays raw, and the operator never edits a binding with one."""

    role: str
    members: tuple[str, ...]
    condition: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """A whole IAM policy with its etag; the order, and what other clients added, stay as they were read."""

    etag: bytes
    version: int
    bindings: tuple[Binding, ...]

    def grants(self) -> frozenset[Pair]:
        """The identities of all unconditional grants."""
        return frozenset(
            identity(binding.role, member)
            for binding in self.bindings
            if binding.condition is None
            for member in binding.members
        )

    @property
    def size(self) -> int:
        """Principals counted as IAM counts them: each occurrence."""
        return sum(len(binding.members) for binding in self.bindings)

    @property
    def groups(self) -> int:
        """Groups counted as IAM counts them: each occurrence."""
        return sum(member.startswith("group:") for binding in self.bindings for member in binding.members)


@dataclass(frozen=True, slots=True)
class Identity:
    """A Kubernetes ServiceAccount whose token is minted."""

    namespace: str
    service_account: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.service_account}"


@dataclass(frozen=True, slots=True)
class WorkloadIdentity:
    """The pool of the cluster's ServiceAccounts; `gke` decides the form of subjects.

    `project_number` is the number of the pool's project, not of the repository's.
    """

    project_number: str
    pool: str
    gke: bool = True

    def subject(self, identity: Identity) -> str:
        """The subject of a ServiceAccount (https://cloud.google.com/iam/docs/principal-identifiers)."""
        if self.gke:
            return f"ns/{identity.namespace}/sa/{identity.service_account}"
        return f"system:serviceaccount:{identity.namespace}:{identity.service_account}"

    @property
    def principals(self) -> str:
        """The common prefix of the members of this pool's ServiceAccounts."""
        return f"principal://{self._pool}/subject/"

    @property
    def everyone(self) -> str:
        """The member for all identities of the pool."""
        return f"principalSet://{self._pool}/*"

    @property
    def _pool(self) -> str:
        return f"iam.googleapis.com/projects/{self.project_number}/locations/global/workloadIdentityPools/{self.pool}"

    def member(self, identity: Identity) -> str:
        """The IAM member of a ServiceAccount."""
        return self.principals + self.subject(identity)
