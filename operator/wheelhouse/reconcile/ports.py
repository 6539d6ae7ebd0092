"""What the loop needs from the outside: at most eight Protocols with at most eight methods.

All methods raise only errors of wheelhouse.errors; None means that something does not exist.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import timedelta
from typing import Any, Protocol

from wheelhouse.desired.declared import Declared
from wheelhouse.desired.repository import DeclaredRepository
from wheelhouse.domain.access import DesiredAccess
from wheelhouse.domain.iam import Identity, Policy
from wheelhouse.domain.keys import Key
from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.objects import CustomObject, Kind
from wheelhouse.domain.project import Project
from wheelhouse.domain.repository import ObservedRepository, OperationResult, RepositoryPatch, RepositorySettings
from wheelhouse.domain.secret import SecretManifest, SecretReply
from wheelhouse.domain.token import MintedToken, Token
from wheelhouse.reconcile.namespaces import Namespaces

GoogleAccount = Callable[[Identity], str | None]  # the annotation of a ServiceAccount; None if it does not exist
Probe = Callable[[str, Token], Awaitable[int]]  # GET a package page as a tenant: 200, 401, 403 or 404

MayUpload = Callable[[RepositoryName, Token], Awaitable[bool]]  # testIamPermissions as a tenant


class Repositories(Protocol):
    """Artifact Registry's repositories."""

    async def get(self, name: RepositoryName) -> ObservedRepository | None:
        """The repository, or None if it does not exist (one request)."""

    async def create(self, name: RepositoryName, settings: RepositorySettings) -> str:
        """Start to create it, and return the operation's name. Raises AlreadyExists if the name is taken."""

    async def patch(self, name: RepositoryName, patch: RepositoryPatch) -> None:
        """Change the fields that the patch names, with its explicit mask."""

    async def delete(self, name: RepositoryName) -> str | None:
        """Start to delete it; the operation's name, or None if the repository does not exist."""

    async def empty(self, name: RepositoryName) -> bool:
        """Whether it has no package (a list of one)."""

    async def poll(self, operation: str) -> OperationResult | None:
        """Check an operation once; None if it is not known (any more)."""


class Projects(Protocol):
    """Google Cloud projects, and who may use keys and secrets in them."""

    async def get(self, project_id: str) -> Project | None:
        """The project, or None if it does not exist. Raises Refused if it may not be read, or may not exist."""

    async def enable(self, project_id: str) -> None:
        """Enable the Artifact Registry API (Service Usage)."""

    async def permits(self, resource: str, role: str, member: str) -> bool | None:
        """Whether the IAM policy of a key or secret itself has this binding; None if it cannot be read."""


class Policies(Protocol):
    """IAM policies of repositories."""

    async def get(self, name: RepositoryName) -> Policy | None:
        """The whole policy (requestedPolicyVersion 3), or None if the repository does not exist."""

    async def set(self, name: RepositoryName, policy: Policy) -> None:
        """Replace the whole policy. Raises Conflict if `policy.etag` is stale, Invalid if IAM rejects it."""


class Tokens(Protocol):
    """Tokens of tenants, through Workload Identity."""

    async def mint(self, identity: Identity, lifetime: timedelta, impersonate: str = "") -> MintedToken:
        """A token of a ServiceAccount, or of the Google service account with this e-mail, as which it acts.

        Raises NotReady if the ServiceAccount does not exist, and Refused.
        """


class Secrets(Protocol):
    """Secrets, with write-only verbs: server-side apply as `wheelhouse.<access uid>`, and delete by uid."""

    async def apply(self, secret: SecretManifest, *, force: bool, dry_run: bool = False) -> SecretReply:
        """Apply the manifest."""

    async def disown(self, namespace: str, name: str, uid: str, manager: str) -> None:
        """Apply only the uid as `manager`, which removes the fields that only that manager held."""

    async def delete(self, namespace: str, name: str, uid: str) -> None:
        """Delete the Secret with this uid; no Secret, or another uid, counts as done."""


class Objects(Protocol):
    """Our own kinds, as far as the operator may write them."""

    async def write_status(self, kind: Kind, stored: CustomObject, status: Mapping[str, Any]) -> CustomObject | None:
        """Replace our status; None if the object does not exist. Raises Conflict if it changed meanwhile."""

    async def set_finalizers(self, kind: Kind, stored: CustomObject, names: Collection[str]) -> CustomObject | None:
        """Replace the finalizers; None if the object does not exist. Raises Conflict if it changed meanwhile."""

    async def event(self, kind: Kind, stored: CustomObject, reason: str, note: str, *, warning: bool = False) -> None:
        """Publish an Event; a refusal or an outage is logged, never raised."""

    async def definition_deleting(self, kind: Kind) -> bool:
        """Whether the kind's CustomResourceDefinition is being deleted or does not exist."""

    async def access_uids(self) -> Mapping[str, ObjectKey]:
        """All RepositoryAccesses by their uids, from a fresh list."""


class Cache(Protocol):
    """What the watches delivered; answers without a request."""

    def repository(self, key: ObjectKey) -> Declared[DeclaredRepository] | None:
        """A PythonRepository."""

    def access(self, key: ObjectKey) -> Declared[DesiredAccess] | None:
        """A RepositoryAccess."""

    @property
    def namespaces(self) -> Namespaces:
        """All namespaces."""

    def account(self, identity: Identity) -> bool | None:
        """Whether a ServiceAccount exists; None before the first complete list."""

    def accesses_of(self, repository: ObjectKey) -> Collection[Declared[DesiredAccess]]:
        """The accesses whose repositoryRef names this PythonRepository."""

    def accesses_on(self, name: RepositoryName) -> Collection[Declared[DesiredAccess]]:
        """The accesses whose status names this Google repository."""

    def repositories_on(self, name: RepositoryName, digest: str = "") -> Collection[Declared[DeclaredRepository]]:
        """The PythonRepositories that refer to or record this Google repository, or whose digest its labels have."""

    def store(self, kind: Kind, stored: CustomObject) -> None:
        """Store the reply of an own write, unless something newer is known."""


class Queue(Protocol):
    """The work queue: no duplicates, serial per key."""

    def add(self, key: Key) -> None:
        """Reconcile this now."""

    def add_after(self, key: Key, seconds: float) -> None:
        """Reconcile this after that time, or earlier if it is added otherwise."""

    def add_soon(self, key: Key, least: float, most: float) -> None:
        """Reconcile this once nothing was added for `least` seconds, but after `most` seconds in any case."""

    def add_resync(self, key: Key) -> None:
        """Reconcile this after all changes that wait."""
