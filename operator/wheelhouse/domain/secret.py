"""Secrets as they are written, and what the API server said of it: Wheelhouse never reads one."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from wheelhouse.domain.names import ObjectKey

SECRET_TYPE = "wheelhouse.dev/pip-config"  # noqa: S105 - a type, not a credential
MANAGER_PREFIX = "wheelhouse."
EXPIRES_ANNOTATION = "wheelhouse.dev/expires-at"
REFRESH_ANNOTATION = "wheelhouse.dev/refresh-at"


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
    """One Secret to apply; `data` are texts by key, hidden from every repr since they hold a token."""

    namespace: str
    name: str
    access: AccessReference
    data: Mapping[str, str] = field(default_factory=dict, repr=False)
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def labels(self) -> dict[str, str]:
        """The labels that mark the Secret as ours and name its access."""
        return {
            "app.kubernetes.io/managed-by": "wheelhouse",
            "wheelhouse.dev/access-uid": self.access.uid,
            "wheelhouse.dev/access": self.access.key.name,
            "wheelhouse.dev/access-namespace": self.access.key.namespace,
        }

    @property
    def owned_by_access(self) -> bool:
        """Whether the Secret carries an owner reference: only beside data, and only in the access's own namespace.

        In a release's dry run an access that is gone would make the reference a lie.
        """
        return bool(self.data) and self.namespace == self.access.key.namespace

    @property
    def bare(self) -> "SecretManifest":
        """Only {type, labels}: what a dry run asks with."""
        return SecretManifest(self.namespace, self.name, self.access)

    @property
    def paths(self) -> frozenset[str]:
        """What the access's field manager holds once this is applied, as `Applied.owned` tells it."""
        paths = {"type", *(f"data.{key}" for key in self.data)}
        paths |= {f"metadata.labels.{key}" for key in self.labels}
        paths |= {f"metadata.annotations.{key}" for key in self.annotations}
        if self.owned_by_access:
            paths.add(f"metadata.ownerReferences.{self.access.uid}")
        return frozenset(paths)


@dataclass(frozen=True, slots=True)
class Applied:
    """The apply went through, or would have in a dry run; only metadata come back.

    Attributes:
        uid: the Secret's.
        created: whether it was absent (HTTP 201).
        owned: the paths that the access's own field manager holds, like `data.netrc`; None when they were not asked
            for, as only a dry run of the bare manifest does.
        expires_at: the Secret's annotation `wheelhouse.dev/expires-at`, told with `owned`; empty without one.
        written_at: when that manager last changed it, by the API server's clock, told with `owned`.
    """

    uid: str
    created: bool
    owned: frozenset[str] | None = None
    expires_at: str = ""
    written_at: str = ""


@dataclass(frozen=True, slots=True)
class Clash:
    """409 or 422: other field managers hold what we want, or the Secret is of another type or immutable."""

    managers: tuple[str, ...] = ()
    foreign_type: bool = False
    immutable: bool = False


@dataclass(frozen=True, slots=True)
class Denied:
    """403 of an admission policy (the namespace has not opted in), or the namespace is terminating or gone."""

    message: str
    terminating: bool = False


SecretReply = Applied | Clash | Denied
