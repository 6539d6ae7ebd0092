"""Secrets as they are written, and what the API server said of it: Wheelhouse never reads one."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from wheelhouse.domain.names import ObjectKey

SECRET_TYPE = "wheelhouse.dev/pip-config"  # noqa: S105 - a type, not a credential
MANAGER_PREFIX = "wheelhouse."


@dataclass(frozen=True, slots=True)
class AccessReference:
    """The access that a Secret belongs to; `owner` says whether it stands in the access's own namespace."""

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


@dataclass(frozen=True, slots=True)
class Applied:
    """The apply went through: the Secret's uid, and whether it was created (HTTP 201)."""

    uid: str
    created: bool


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
