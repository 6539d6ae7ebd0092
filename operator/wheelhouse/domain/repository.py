"""Repositories as wanted and as found."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from wheelhouse.domain.cleanup import Cleanup
from wheelhouse.domain.iam import Role
from wheelhouse.domain.modes import Mode, Remote, Upstream
from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.objects import Namespace, Selector

CLUSTER_LABEL = "wheelhouse-cluster"
OBJECT_LABEL = "wheelhouse-object"
PYTHON_FORMAT = "PYTHON"


class DeletionPolicy(StrEnum):
    """What becomes of the repository when its object is deleted."""

    ORPHAN = "Orphan"
    DELETE_IF_EMPTY = "DeleteIfEmpty"
    DELETE = "Delete"


class AdoptionPolicy(StrEnum):
    """What happens when the repository exists already and is not ours."""

    NEVER = "Never"
    IF_UNMANAGED = "IfUnmanaged"
    ALWAYS = "Always"


class Scanning(StrEnum):
    """Whether vulnerability scanning follows the project's setting or is off."""

    INHERITED = "Inherited"
    DISABLED = "Disabled"


@dataclass(frozen=True, slots=True)
class Ownership:
    """Who owns a repository, as two labels on it: the cluster and a digest of the object's namespace/name."""

    cluster: str
    digest: str

    @property
    def labels(self) -> dict[str, str]:
        """The labels as they stand on the repository."""
        return {CLUSTER_LABEL: self.cluster, OBJECT_LABEL: self.digest}

    @classmethod
    def of(cls, cluster: str, key: ObjectKey) -> "Ownership":
        """The ownership of one object."""
        return cls(cluster, digest_of(key))


def digest_of(key: ObjectKey) -> str:
    """What a label says of an object: 160 bits of SHA-256 of its namespace/name, since a value holds 63 characters."""
    return hashlib.sha256(str(key).encode(errors="backslashreplace")).hexdigest()[:40]


@dataclass(frozen=True, slots=True)
class AccessFrom:
    """Who may point an access at a repository, besides its own namespace: the union of names and selector.

    `roles` are those that the others may ask for.
    """

    namespaces: frozenset[str] = frozenset()
    selector: Selector | None = None
    roles: frozenset[Role] = frozenset({Role.READER})

    def admits(self, namespace: Namespace) -> bool:
        """Whether this namespace is named or selected."""
        selected = self.selector is not None and self.selector.matches(namespace.labels)
        return namespace.name in self.namespaces or selected


@dataclass(frozen=True, slots=True)
class UpstreamReference:
    """One upstream as a spec names it: a PythonRepository, or a repository by its full name."""

    name: str
    priority: int
    target: ObjectKey | RepositoryName


@dataclass(frozen=True, slots=True)
class DesiredRepository:
    """What one PythonRepository asks for; a field that is None is neither set nor compared.

    `upstreams` are what the spec names, before consent is asked; None but for Virtual repositories.
    """

    name: RepositoryName
    ownership: Ownership
    mode: Mode = Mode.STANDARD
    description: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    kms_key_name: str | None = None
    scanning: Scanning | None = None
    cleanup: Cleanup | None = None
    remote: Remote | None = None
    upstreams: tuple[UpstreamReference, ...] | None = None
    observe: bool = False
    adoption: AdoptionPolicy = AdoptionPolicy.NEVER


@dataclass(frozen=True, slots=True)
class RepositorySettings:
    """What can be asked of a repository on the wire: all of it for a create, and what a found one has."""

    mode: str
    description: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    kms_key_name: str = ""
    scanning: Scanning | None = None
    cleanup: Cleanup = field(default_factory=Cleanup)
    remote: Remote | None = None
    upstreams: frozenset[Upstream] = frozenset()


@dataclass(frozen=True, slots=True)
class RepositoryPatch:
    """A PATCH: the settings that shall stand afterwards, and the mask of what of them is sent.

    An update without a mask would replace everything (proto of UpdateRepositoryRequest), so there always is one.
    """

    settings: RepositorySettings
    mask: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ObservedRepository:
    """A repository as Artifact Registry answered; times are UTC, `registry_uri` is empty in replies that lack it."""

    name: RepositoryName
    format: str
    settings: RepositorySettings
    registry_uri: str
    create_time: datetime | None
    update_time: datetime | None

    @property
    def labels(self) -> Mapping[str, str]:
        """Its labels, everybody's."""
        return self.settings.labels


class OperationKind(StrEnum):
    """What a long-running operation does."""

    CREATE = "Create"
    DELETE = "Delete"


@dataclass(frozen=True, slots=True)
class Operation:
    """A long-running operation as recorded in status: it is attached to again after a restart."""

    name: str
    kind: OperationKind
    start_time: datetime


@dataclass(frozen=True, slots=True)
class OperationResult:
    """What a poll of an operation found: still running, done, or failed with a google.rpc.Code name."""

    done: bool
    error_code: str = ""
    error_message: str = ""
