"""What a RepositoryAccess asks for."""

from dataclasses import dataclass
from enum import StrEnum

from wheelhouse.domain.iam import Identity, Role
from wheelhouse.domain.names import ObjectKey


class SubjectKind(StrEnum):
    """Who can be given a role."""

    SERVICE_ACCOUNT = "ServiceAccount"
    GOOGLE_SERVICE_ACCOUNT = "GoogleServiceAccount"
    GOOGLE_GROUP = "GoogleGroup"
    GOOGLE_USER = "GoogleUser"

    @property
    def prefix(self) -> str:
        """The IAM member prefix of a Google subject (https://cloud.google.com/iam/docs/principal-identifiers)."""
        return {
            SubjectKind.GOOGLE_SERVICE_ACCOUNT: "serviceAccount",
            SubjectKind.GOOGLE_GROUP: "group",
            SubjectKind.GOOGLE_USER: "user",
        }[self]


@dataclass(frozen=True, slots=True)
class Subject:
    """One entry of `spec.subjects`."""

    kind: SubjectKind
    name: str


@dataclass(frozen=True, slots=True)
class DesiredSecret:
    """The Secret that is asked for: its name, and whose identity its token carries."""

    name: str
    identity: Identity


@dataclass(frozen=True, slots=True)
class DesiredAccess:
    """What one RepositoryAccess asks for.

    Attributes:
        adopts: whether identical grants that were there before become its own.
        suspend: whether new grants, new Secrets and changes of the spec wait.
        partial: whether only this much could be read of a spec that does not parse; the ledger says the rest.
    """

    key: ObjectKey
    repository: ObjectKey
    role: Role
    subjects: tuple[Subject, ...]
    secret: DesiredSecret | None
    adopts: bool = False
    suspend: bool = False
    partial: bool = False
