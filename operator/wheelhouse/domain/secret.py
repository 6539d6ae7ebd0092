"""Secrets as they are written, and the API server's reply: Wheelhouse never reads a Secret."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from wheelhouse.domain.names import ObjectKey

SECRET_TYPE = "wheelhouse.dev/pip-config"  # noqa: S105 - a type, not a credential
MANAGER_PREFIX = "wheelhouse."
MANAGED_BY = ("app.kubernetes.io/managed-by", "wheelhouse")
"""The label of all Secrets that Wheelhouse writes."""
EXPIRES_ANNOTATION = "wheelhouse.dev/expires-at"
REFRESH_ANNOTATION = "wheelhouse.dev/refresh-at"
AUTHENTICATION_ANNOTATION = "wheelhouse.dev/authentication"
"""Where pip and uv find the token. A Secret without it has the token in the URLs, as those of earlier versions."""


@dataclass(frozen=True, slots=True)
class AccessReference:
    """The access that a Secret belongs to."""

    key: ObjectKey
    uid: str

    @property
    def manager(self) -> str:
        """The field manager of this access's Secrets."""
        return f"{MANAGER_PREFIX}{self.uid}"


@dataclass(frozen=True, slots=True)
class SecretManifest:
    """One Secret to apply; `data` are texts by key, hidden from every repr because they contain a token."""

    namespace: str
    name: str
    access: AccessReference
    data: Mapping[str, str] = field(default_factory=dict, repr=False)
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def labels(self) -> dict[str, str]:
        """The labels that mark the Secret as ours and name its access."""
        return {
            MANAGED_BY[0]: MANAGED_BY[1],
            "wheelhouse.dev/access-uid": self.access.uid,
            "wheelhouse.dev/access": self.access.key.name,
            "wheelhouse.dev/access-namespace": self.access.key.namespace,
        }

    @property
    def owned_by_access(self) -> bool:
        """Whether the Secret has an owner reference: only with data, and only in the access's own namespace.

        In a release's dry run the access may no longer exist, and the reference would be wrong.
        """
        return bool(self.data) and self.namespace == self.access.key.namespace

    @property
    def bare(self) -> "SecretManifest":
        """Only {type, labels}: the manifest of a dry run."""
        return SecretManifest(self.namespace, self.name, self.access)

    @property
    def paths(self) -> frozenset[str]:
        """The paths that the access's field manager owns once this is applied, in the form of `Applied.owned`."""
        paths = {"type", *(f"data.{key}" for key in self.data)}
        paths |= {f"metadata.labels.{key}" for key in self.labels}
        paths |= {f"metadata.annotations.{key}" for key in self.annotations}
        if self.owned_by_access:
            paths.add(f"metadata.ownerReferences.{self.access.uid}")
        return frozenset(paths)


@dataclass(frozen=True, slots=True)
class SeenSecret:
    """A Secret in a watch, without data.

    Attributes:
        namespace: where it is.
        name: its name.
        uid: its uid.
        owned: a digest of the fields that accesses' field managers own.
    """

    namespace: str
    name: str
    uid: str
    owned: int


@dataclass(frozen=True, slots=True)
class Applied:
    """The apply succeeded, or would have in a dry run; the reply has only metadata.

    Attributes:
        uid: the uid of the Secret.
        created: whether it was absent (HTTP 201).
        owned: the paths that the access's own field manager owns, such as `data.netrc`; None unless requested, which
            only a dry run of the bare manifest does.
        expires_at: the Secret's annotation `wheelhouse.dev/expires-at`, returned with `owned`; empty without one.
        authentication: its annotation `wheelhouse.dev/authentication`, returned with `owned`; empty without one.
        written_at: when that manager last changed it, by the API server's clock, in whole seconds.
    """

    uid: str
    created: bool
    owned: frozenset[str] | None = None
    expires_at: str = ""
    written_at: str = ""
    authentication: str = ""


@dataclass(frozen=True, slots=True)
class Clash:
    """409 or 422: other field managers own the fields, or the Secret has another type or is immutable."""

    managers: tuple[str, ...] = ()
    foreign_type: bool = False
    immutable: bool = False


@dataclass(frozen=True, slots=True)
class Denied:
    """403 of an admission policy (no opt-in), or the namespace is terminating or does not exist."""

    message: str
    terminating: bool = False


SecretReply = Applied | Clash | Denied
