"""What the cache holds: our custom resources and namespaces, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

from wheelhouse.domain.names import ObjectKey

FINALIZER = "wheelhouse.dev/finalizer"
OPT_IN_LABEL = "wheelhouse.dev/credentials"
OPT_IN_VALUE = "enabled"
PROJECTS_ANNOTATION = "wheelhouse.dev/projects"
UPSTREAMS_ANNOTATION = "wheelhouse.dev/upstreams"
UPSTREAM_SECRETS_ANNOTATION = "wheelhouse.dev/upstream-secrets"
REQUESTED_ANNOTATION = "wheelhouse.dev/requested-at"
REQUEST_LENGTH = 256
"""Characters of a request that are echoed."""


class Kind(StrEnum):
    """Our two kinds, by the plural name that stands in URLs."""

    REPOSITORY = "pythonrepositories"
    ACCESS = "repositoryaccesses"

    @property
    def kind(self) -> str:
        """The kind's name in manifests."""
        return {Kind.REPOSITORY: "PythonRepository", Kind.ACCESS: "RepositoryAccess"}[self]


@dataclass(frozen=True, slots=True)
class CustomObject:
    """A PythonRepository or RepositoryAccess as last seen; `spec` and `status` stay raw until they are parsed.

    `requested` is the annotation by which a person asks for a look now; empty without one.
    """

    key: ObjectKey
    uid: str
    generation: int
    resource_version: str
    deleting: bool
    finalizers: tuple[str, ...]
    spec: Mapping[str, Any]
    status: Mapping[str, Any]
    requested: str = ""

    @property
    def finalized(self) -> bool:
        """Whether our finalizer holds the object."""
        return FINALIZER in self.finalizers

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> Self:
        """Read an object from the API server's JSON; tolerant, since the spec is parsed apart."""
        meta = body["metadata"]
        status = body.get("status")
        spec = body.get("spec")
        return cls(
            key=ObjectKey(meta["namespace"], meta["name"]),
            uid=meta["uid"],
            generation=meta.get("generation", 0),
            resource_version=meta["resourceVersion"],
            deleting="deletionTimestamp" in meta,
            finalizers=tuple(meta.get("finalizers", ())),
            spec=spec if isinstance(spec, Mapping) else {},
            status=status if isinstance(status, Mapping) else {},
            requested=str((meta.get("annotations") or {}).get(REQUESTED_ANNOTATION, ""))[:REQUEST_LENGTH],
        )


@dataclass(frozen=True, slots=True)
class Namespace:
    """What Wheelhouse reads of a Namespace.

    What its administrator allows its repositories: projects, and besides those full names of upstreams
    (`projects/P/locations/L/repositories/R`) and of secrets (`projects/P/secrets/S`).
    """

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    projects: tuple[str, ...] = ()
    upstreams: tuple[str, ...] = ()
    upstream_secrets: tuple[str, ...] = ()
    deleting: bool = False
    resource_version: int = field(default=0, compare=False)

    @property
    def opted_in(self) -> bool:
        """Whether Secrets may be written and tokens minted here."""
        return self.labels.get(OPT_IN_LABEL) == OPT_IN_VALUE

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> Self:
        """Read a Namespace from the API server's JSON."""
        meta = body["metadata"]
        annotations = meta.get("annotations") or {}
        return cls(
            name=meta["name"],
            labels=dict(meta.get("labels") or {}),
            projects=_listed(annotations, PROJECTS_ANNOTATION),
            upstreams=_listed(annotations, UPSTREAMS_ANNOTATION),
            upstream_secrets=_listed(annotations, UPSTREAM_SECRETS_ANNOTATION),
            deleting="deletionTimestamp" in meta,
            resource_version=int(meta.get("resourceVersion", 0)),
        )


def _listed(annotations: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in annotations.get(name, "").split(",") if part.strip())


@dataclass(frozen=True, slots=True)
class Requirement:
    """One `matchExpressions` entry of a label selector."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Kubernetes' rules: NotIn and DoesNotExist hold for an absent key; an unknown operator never matches."""
        match self.operator:
            case "In":
                return labels.get(self.key) in self.values
            case "NotIn":
                return labels.get(self.key) not in self.values
            case "Exists":
                return self.key in labels
            case "DoesNotExist":
                return self.key not in labels
        return False


@dataclass(frozen=True, slots=True)
class Selector:
    """A label selector; an empty one matches everything, as in Kubernetes."""

    requirements: tuple[Requirement, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether all requirements hold."""
        return all(requirement.matches(labels) for requirement in self.requirements)
