"""The desired state of a RepositoryAccess."""

from dataclasses import dataclass
from enum import StrEnum

from wheelhouse.domain.configuration.form import UNSET, Form
from wheelhouse.domain.iam import Identity, Role
from wheelhouse.domain.lifetime import DEFAULT_LIFETIME
from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.objects import Selector


class SubjectKind(StrEnum):
    """The kinds of principals that can get a role."""

    SERVICE_ACCOUNT = "ServiceAccount"
    GOOGLE_SERVICE_ACCOUNT = "GoogleServiceAccount"
    GOOGLE_GROUP = "GoogleGroup"
    GOOGLE_USER = "GoogleUser"
    PRINCIPAL = "Principal"

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
    """One entry of `spec.subjects`.

    Attributes:
        namespace: of a ServiceAccount; None for the access's own namespace.
        selector: the namespaces of ServiceAccounts of this name; None for one namespace.
    """

    kind: SubjectKind
    name: str
    namespace: str | None = None
    selector: Selector | None = None

    @property
    def own_account(self) -> bool:
        """Whether it is a ServiceAccount of the access's own namespace."""
        return self.kind is SubjectKind.SERVICE_ACCOUNT and self.namespace is None and self.selector is None


@dataclass(frozen=True, slots=True)
class FanOut:
    """The namespaces that get a Secret, if the spec names or selects any: a union.

    Attributes:
        selector: selects namespaces, but only those that have opted in; None without a selector.
    """

    namespaces: tuple[str, ...] = ()
    selector: Selector | None = None


@dataclass(frozen=True, slots=True)
class DesiredSecret:
    """The requested Secret.

    Attributes:
        name: its name, in each of its namespaces.
        identity: the ServiceAccount in the access's own namespace; None if the Secret has no token and names none.
        lifetime: of the token, in seconds.
        form: which files it has, and where they have the token.
        fan_out: where the Secrets are; None for the access's own namespace alone.
        shared: whether all Secrets have a token of `identity`, and not of the ServiceAccount of that name there.
        upload: the PythonRepository that uploads go to, if the spec names one.
    """

    name: str
    identity: Identity | None
    lifetime: int = DEFAULT_LIFETIME
    form: Form = UNSET
    fan_out: FanOut | None = None
    shared: bool = False
    upload: ObjectKey | None = None

    @property
    def local_identities(self) -> bool:
        """Whether each Secret has the token of a ServiceAccount of its own namespace, which acts as itself."""
        return self.fan_out is not None and self.identity is not None and not self.shared


@dataclass(frozen=True, slots=True)
class DesiredAccess:
    """The desired state of one RepositoryAccess.

    Attributes:
        adopts: whether it takes over identical grants that existed before.
        suspend: whether new grants, new Secrets and changes of the spec wait.
        partial: whether the spec does not parse, so that only this much is known of it; the ledger has the rest.
    """

    key: ObjectKey
    repository: ObjectKey
    role: Role
    subjects: tuple[Subject, ...]
    secret: DesiredSecret | None
    adopts: bool = False
    suspend: bool = False
    partial: bool = False
