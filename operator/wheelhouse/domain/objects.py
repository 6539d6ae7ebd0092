"""The objects in the cache: our custom resources and namespaces, as plain values."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

from wheelhouse.domain.names import EMAIL_LENGTH, ObjectKey, shared

FINALIZER = "wheelhouse.dev/finalizer"
OPT_IN_LABEL = "wheelhouse.dev/credentials"
OPT_IN_VALUE = "enabled"
PROJECTS_ANNOTATION = "wheelhouse.dev/projects"
UPSTREAMS_ANNOTATION = "wheelhouse.dev/upstreams"
UPSTREAM_SECRETS_ANNOTATION = "wheelhouse.dev/upstream-secrets"
REQUESTED_ANNOTATION = "wheelhouse.dev/requested-at"
REQUEST_LENGTH = 256
"""Maximum characters of a request that are echoed."""
GOOGLE_ACCOUNT_ANNOTATION = "iam.gke.io/gcp-service-account"
"""GKE's own annotation: the Google service account that pods with this Kubernetes ServiceAccount act as
(https://cloud.google.com/kubernetes-engine/docs/how-to/workload-identity)."""


class Kind(StrEnum):
    """Our two kinds, by their plural names in URLs."""

    REPOSITORY = "pythonrepositories"
    ACCESS = "repositoryaccesses"

    @property
    def kind(self) -> str:
        """The kind's name in manifests."""
        return {Kind.REPOSITORY: "PythonRepository", Kind.ACCESS: "RepositoryAccess"}[self]


@dataclass(frozen=True, slots=True)
class CustomObject:
    """A PythonRepository or RepositoryAccess as last seen.

    Spec and status are kept as compact JSON: parsed dictionaries of 10,000 accesses took three times the memory.

    Attributes:
        recorded: the repository's full name in its status, unchecked; empty without one.
        requested: the annotation by which a person requests a reconcile pass now; empty without one.
        created: the creationTimestamp as the API server writes it, in UTC, so that text order is time order.
    """

    key: ObjectKey
    uid: str
    generation: int
    resource_version: str
    deleting: bool
    finalizers: tuple[str, ...]
    spec_json: str
    status_json: str
    recorded: str = ""
    requested: str = ""
    created: str = ""

    @property
    def finalized(self) -> bool:
        """Whether the object has our finalizer."""
        return FINALIZER in self.finalizers

    @property
    def spec(self) -> dict[str, Any]:
        """The spec, parsed at each call."""
        return loaded(self.spec_json)

    @property
    def status(self) -> dict[str, Any]:
        """The status, parsed at each call."""
        return loaded(self.status_json)

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> Self:
        """Read an object from the API server's JSON, without checking the spec, which is parsed separately.

        Raises:
            KeyError, TypeError, AttributeError: the metadata is not an object's.
        """
        meta = body["metadata"]
        annotations = meta.get("annotations")
        requested = annotations.get(REQUESTED_ANNOTATION, "") if isinstance(annotations, Mapping) else ""
        return cls(
            key=ObjectKey(shared(meta["namespace"]), meta["name"]),
            uid=meta["uid"],
            generation=meta.get("generation", 0),
            resource_version=meta["resourceVersion"],
            deleting="deletionTimestamp" in meta,
            finalizers=tuple(shared(name) for name in meta.get("finalizers") or ()),
            spec_json=compact(body.get("spec")),
            status_json=compact(body.get("status")),
            recorded=_recorded(body.get("status")),
            requested=str(requested)[:REQUEST_LENGTH],
            created=shared(str(meta.get("creationTimestamp", ""))),
        )


def compact(value: object) -> str:
    """A mapping as compact JSON with sorted keys, so that equal values are equal texts; `{}` for anything else."""
    return json.dumps(value, separators=(",", ":"), sort_keys=True) if isinstance(value, Mapping) and value else "{}"


def _recorded(status: object) -> str:
    name = status.get("repository") if isinstance(status, Mapping) else None
    return shared(name) if isinstance(name, str) else ""


def loaded(text: str) -> dict[str, Any]:
    """A JSON object from its text; empty if the text is another JSON value."""
    value = json.loads(text)
    return value if isinstance(value, dict) else {}


@dataclass(frozen=True, slots=True)
class Namespace:
    """What Wheelhouse reads of a Namespace.

    The administrator's annotations list what its repositories may use: projects, full names of upstreams
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


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """What Wheelhouse reads of a Kubernetes ServiceAccount: that it exists, and which Google account it acts as.

    `google_account` is the text of the annotation, which its tenant writes and nothing checks; empty without one.
    The uid is omitted: for Google, a ServiceAccount that is deleted and created again is the same principal.
    """

    namespace: str
    name: str
    google_account: str = ""

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> Self:
        """Read the metadata of a ServiceAccount from the API server's JSON.

        Raises:
            KeyError, TypeError, AttributeError: it is not an object's metadata.
        """
        meta = body["metadata"]
        annotation = str((meta.get("annotations") or {}).get(GOOGLE_ACCOUNT_ANNOTATION, ""))
        # One character more than an e-mail address may have, so that a longer text stays too long to be valid.
        return cls(str(meta["namespace"]), str(meta["name"]), annotation[: EMAIL_LENGTH + 1])


def _listed(annotations: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in annotations.get(name, "").split(",") if part.strip())


@dataclass(frozen=True, slots=True)
class Requirement:
    """One `matchExpressions` entry of a label selector."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Kubernetes' rules: NotIn and DoesNotExist match an absent key; an unknown operator never matches."""
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
        """Whether the labels meet all requirements."""
        return all(requirement.matches(labels) for requirement in self.requirements)
