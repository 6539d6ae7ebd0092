"""Repositories as wanted and as found."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.objects import Namespace, Selector

CLUSTER_LABEL = "wheelhouse-cluster"
OBJECT_LABEL = "wheelhouse-object"
PYTHON_FORMAT = "PYTHON"
STANDARD_MODE = "STANDARD_REPOSITORY"


class DeletionPolicy(StrEnum):
    """What becomes of the repository when its object is deleted."""

    ORPHAN = "Orphan"
    DELETE = "Delete"


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
        """The ownership of one object: 160 bits of SHA-256, since a label value holds 63 characters."""
        return cls(cluster, hashlib.sha256(str(key).encode()).hexdigest()[:40])


@dataclass(frozen=True, slots=True)
class AccessFrom:
    """Who may point an access at a repository, besides its own namespace: the union of names and selector."""

    namespaces: frozenset[str] = frozenset()
    selector: Selector | None = None

    def admits(self, namespace: Namespace) -> bool:
        """Whether this namespace is named or selected."""
        selected = self.selector is not None and self.selector.matches(namespace.labels)
        return namespace.name in self.namespaces or selected


@dataclass(frozen=True, slots=True)
class DesiredRepository:
    """What one PythonRepository asks for; only fields that its spec sets are compared."""

    name: RepositoryName
    ownership: Ownership
    description: str | None


@dataclass(frozen=True, slots=True)
class ObservedRepository:
    """A repository as Artifact Registry answered; times are UTC, `registry_uri` is empty in replies that lack it."""

    name: RepositoryName
    format: str
    mode: str
    description: str
    labels: Mapping[str, str]
    registry_uri: str
    create_time: datetime | None
    update_time: datetime | None


@dataclass(frozen=True, slots=True)
class RepositoryPatch:
    """A PATCH with its explicit mask; labels are the whole map that shall stand afterwards."""

    description: str | None = None
    labels: Mapping[str, str] | None = None

    @property
    def mask(self) -> tuple[str, ...]:
        """The fields of the update mask."""
        return tuple(name for name in ("description", "labels") if getattr(self, name) is not None)


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
