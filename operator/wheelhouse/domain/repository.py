"""Repositories: desired and observed."""

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
    """What happens to the repository when its object is deleted."""

    ORPHAN = "Orphan"
    DELETE_IF_EMPTY = "DeleteIfEmpty"
    DELETE = "Delete"


class AdoptionPolicy(StrEnum):
    """What happens if the repository already exists and is not ours."""

    NEVER = "Never"
    IF_UNMANAGED = "IfUnmanaged"
    ALWAYS = "Always"


class Scanning(StrEnum):
    """Whether vulnerability scanning follows the project's setting or is off."""

    INHERITED = "Inherited"
    DISABLED = "Disabled"


@dataclass(frozen=True, slots=True)
class Ownership:
    """The owner of a repository, as two labels on it: the cluster and a digest of the object's namespace/name."""

    cluster: str
    digest: str

    @property
    def labels(self) -> dict[str, str]:
        """The labels on the repository."""
        return {CLUSTER_LABEL: self.cluster, OBJECT_LABEL: self.digest}

    @classmethod
    def of(cls, cluster: str, key: ObjectKey) -> "Ownership":
        """The ownership of one object."""
        return cls(cluster, digest_of(key))


def digest_of(key: ObjectKey) -> str:
    """The label value for an object: 160 bits of SHA-256 of its namespace/name, to fit in 63 characters."""
    return hashlib.sha256(str(key).encode(errors="backslashreplace")).hexdigest()[:40]


@dataclass(frozen=True, slots=True)
class AccessFrom:
    """Which other namespaces may have an access to a repository: the union of names and selector.

    `roles` are those that they may request. `google_service_accounts` are e-mails, or `*@` and the domain of a project:
    the Google service accounts that ServiceAccounts of other namespaces may act as.
    """

    namespaces: frozenset[str] = frozenset()
    selector: Selector | None = None
    roles: frozenset[Role] = frozenset({Role.READER})
    google_service_accounts: tuple[str, ...] = ()

    def admits(self, namespace: Namespace) -> bool:
        """Whether this namespace is listed or selected."""
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
    """The desired state of one PythonRepository; a field that is None is neither set nor compared.

    `upstreams` are those of the spec, before the consent check; None except for Virtual repositories. `namespace` is
    that of the object.
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
    namespace: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class RepositorySettings:
    """The settings in a repository's message: all of them for a create, or those of an observed repository."""

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
    """A PATCH: the settings after it, and the mask of those that are sent.

    An update without a mask would replace everything (proto of UpdateRepositoryRequest), so there always is one.
    """

    settings: RepositorySettings
    mask: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ObservedRepository:
    """A repository that Artifact Registry returned; times are UTC, `registry_uri` is empty in replies that lack it."""

    name: RepositoryName
    format: str
    settings: RepositorySettings
    registry_uri: str
    create_time: datetime | None
    update_time: datetime | None

    @property
    def labels(self) -> Mapping[str, str]:
        """All its labels, including those of others."""
        return self.settings.labels


class OperationKind(StrEnum):
    """What a long-running operation does."""

    CREATE = "Create"
    DELETE = "Delete"


@dataclass(frozen=True, slots=True)
class Operation:
    """A long-running operation as recorded in status; the operator polls it again after a restart."""

    name: str
    kind: OperationKind
    start_time: datetime


@dataclass(frozen=True, slots=True)
class OperationResult:
    """What a poll of an operation found: still running, done, or failed with a google.rpc.Code name."""

    done: bool
    error_code: str = ""
    error_message: str = ""
