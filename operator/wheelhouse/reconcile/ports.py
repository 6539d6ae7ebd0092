"""What the loop needs of the world: at most eight Protocols of at most eight methods.

All methods raise only errors of wheelhouse.errors; an absent thing is None.
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
from wheelhouse.domain.objects import CustomObject, Kind, Namespace
from wheelhouse.domain.project import Project
from wheelhouse.domain.repository import ObservedRepository, OperationResult, RepositoryPatch, RepositorySettings
from wheelhouse.domain.secret import SecretManifest, SecretReply
from wheelhouse.domain.token import MintedToken, Token

Probe = Callable[[str, Token], Awaitable[int]]  # GET a package page as a tenant: 200, 401, 403 or 404


class Repositories(Protocol):
    """Artifact Registry's repositories."""

    async def get(self, name: RepositoryName) -> ObservedRepository | None:
        """The repository, or None when there is none (one request)."""

    async def create(self, name: RepositoryName, settings: RepositorySettings) -> str:
        """Start a creation; returns the operation's name. Raises AlreadyExists when the name is taken."""

    async def patch(self, name: RepositoryName, patch: RepositoryPatch) -> None:
        """Change what the patch names, with its explicit mask."""

    async def delete(self, name: RepositoryName) -> str | None:
        """Start a deletion; the operation's name, or None when the repository is gone already."""

    async def empty(self, name: RepositoryName) -> bool:
        """Whether it holds no package (a list of one)."""

    async def poll(self, operation: str) -> OperationResult | None:
        """Look at an operation once; None when it is not known (any more)."""


class Projects(Protocol):
    """Google Cloud projects, and who may use keys and secrets in them."""

    async def get(self, project_id: str) -> Project | None:
        """The project, or None when there is none. Raises Refused when it may not be looked at, or may not exist."""

    async def enable(self, project_id: str) -> None:
        """Enable the Artifact Registry API (Service Usage)."""

    async def permits(self, resource: str, role: str, member: str) -> bool | None:
        """Whether the IAM policy of a key or secret itself has this binding; None when it cannot be seen."""


class Policies(Protocol):
    """IAM policies of repositories."""

    async def get(self, name: RepositoryName) -> Policy | None:
        """The whole policy (requestedPolicyVersion 3), or None when the repository is gone."""

    async def set(self, name: RepositoryName, policy: Policy) -> None:
        """Replace the whole policy. Raises Conflict when `policy.etag` is stale, Invalid when IAM rejects it."""


class Tokens(Protocol):
    """Tokens of tenants, through Workload Identity."""

    async def mint(self, identity: Identity, lifetime: timedelta) -> MintedToken:
        """One TokenRequest and one exchange. Raises NotReady when the ServiceAccount is not there, Refused."""


class Secrets(Protocol):
    """Secrets, with write-only verbs: server-side apply as `wheelhouse.<access uid>`, and delete by uid."""

    async def apply(self, secret: SecretManifest, *, force: bool, dry_run: bool = False) -> SecretReply:
        """Apply the manifest."""

    async def disown(self, namespace: str, name: str, uid: str, manager: str) -> None:
        """Apply nothing but the uid as `manager`: what only that manager held goes."""

    async def delete(self, namespace: str, name: str, uid: str) -> None:
        """Delete the Secret that has this uid; absent or another uid counts as done."""


class Objects(Protocol):
    """Our own kinds, as far as the operator may write them."""

    async def write_status(self, kind: Kind, stored: CustomObject, status: Mapping[str, Any]) -> CustomObject | None:
        """Apply the whole status; None when the object is gone. Raises Conflict when it changed since it was read."""

    async def set_finalizers(self, kind: Kind, stored: CustomObject, names: Collection[str]) -> CustomObject | None:
        """Replace the finalizers; None when the object is gone. Raises Conflict when it changed since it was read."""

    async def event(self, kind: Kind, stored: CustomObject, reason: str, note: str, *, warning: bool = False) -> None:
        """Publish an Event; a refusal or an outage is logged, never raised."""

    async def definition_deleting(self, kind: Kind) -> bool:
        """Whether the kind's CustomResourceDefinition is being deleted (or is gone)."""

    async def access_uids(self) -> Mapping[str, ObjectKey]:
        """All RepositoryAccesses by their uids, from a fresh list."""


class Cache(Protocol):
    """What the watches have seen; answers without a request."""

    def repository(self, key: ObjectKey) -> Declared[DeclaredRepository] | None:
        """A PythonRepository."""

    def access(self, key: ObjectKey) -> Declared[DesiredAccess] | None:
        """A RepositoryAccess."""

    def namespace(self, name: str) -> Namespace | None:
        """A Namespace."""

    def account(self, identity: Identity) -> bool | None:
        """Whether a ServiceAccount exists; None before the first complete list."""

    def accesses_of(self, repository: ObjectKey) -> Collection[Declared[DesiredAccess]]:
        """The accesses whose repositoryRef names this PythonRepository."""

    def accesses_on(self, name: RepositoryName) -> Collection[Declared[DesiredAccess]]:
        """The accesses whose status names this Google repository."""

    def repositories_on(self, name: RepositoryName, digest: str = "") -> Collection[Declared[DeclaredRepository]]:
        """The PythonRepositories that mean or record this Google repository, or whose digest its labels have."""

    def store(self, kind: Kind, stored: CustomObject) -> None:
        """Take the reply of an own write, unless something newer is known."""


class Queue(Protocol):
    """The work queue: no duplicates, serial per key."""

    def add(self, key: Key) -> None:
        """Look at this now."""

    def add_after(self, key: Key, seconds: float) -> None:
        """Look at this after that time, or earlier when something asks for it."""

    def add_soon(self, key: Key, least: float, most: float) -> None:
        """Look at this once no more company came for `least` seconds, after `most` seconds in any case."""

    def add_resync(self, key: Key) -> None:
        """Look at this when nothing that changed waits."""
