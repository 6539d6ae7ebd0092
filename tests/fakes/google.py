"""Google in memory: repositories, operations, IAM policies, and the fakes of the two ports over them."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from fakes.calls import Calls, port_call
from fakes.clock import Clock
from wheelhouse.domain.iam import MEMBER_LIMIT, Binding, Grant, Policy
from wheelhouse.domain.modes import CREDENTIAL_MASK, PASSWORD_MASK, USERNAME_MASK, Credentials, Mode, Remote
from wheelhouse.domain.names import RepositoryName
from wheelhouse.domain.reasons import Reason
from wheelhouse.domain.repository import (
    PYTHON_FORMAT,
    ObservedRepository,
    OperationResult,
    RepositoryPatch,
    RepositorySettings,
)
from wheelhouse.errors import AlreadyExists, Conflict, Invalid

FRESH_ETAG = b"\x00\x20\x01"
"""The etag of a policy that was never set (`ACAB`)."""


@dataclass(slots=True)
class _Operation:
    finish: Callable[[], None]
    polls_left: int
    result: OperationResult | None = None


@dataclass(slots=True)
class Google:
    """The state of Google; tests change and read it here, the ports use FakeRepositories and FakePolicies."""

    clock: Clock
    repositories: dict[str, ObservedRepository] = field(default_factory=dict)
    policies: dict[str, Policy] = field(default_factory=dict)
    operations: dict[str, _Operation] = field(default_factory=dict)
    filled: set[str] = field(default_factory=set)
    """Repositories with packages."""
    blind_gets: int = 0
    """How many gets after a create still find nothing."""
    polls_until_done: int = 0
    """How many polls find an operation running; it takes effect when it is done."""
    rejected_members: set[str] = field(default_factory=set)
    """Members for which setIamPolicy answers INVALID_ARGUMENT."""
    member_limit: int = MEMBER_LIMIT
    _serial: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def plant(
        self,
        name: RepositoryName,
        settings: RepositorySettings | None = None,
        *,
        labels: dict[str, str] | None = None,
        description: str = "",
    ) -> None:
        """A repository that another client created."""
        now = self.clock.now()
        uri = f"{name.location}-python.pkg.dev/{name.project}/{name.repository_id}"
        made = settings or RepositorySettings(Mode.STANDARD.wire, description, dict(labels or {}))
        self.repositories[name.full] = ObservedRepository(name, PYTHON_FORMAT, kept(made), uri, now, now)

    def remove(self, name: RepositoryName) -> None:
        """Delete a repository as another client, and its policy with it."""
        self.repositories.pop(name.full, None)
        self.policies.pop(name.full, None)

    def policy(self, name: RepositoryName) -> Policy:
        """The current policy."""
        return self.policies.get(name.full, Policy(FRESH_ETAG, 0, ()))

    def plant_policy(self, name: RepositoryName, *bindings: Binding) -> None:
        """Replace the policy as another writer would: the etag changes unless nothing changed."""
        if self.policy(name).bindings != bindings:
            version = 3 if any(binding.condition is not None for binding in bindings) else 1
            etag = b"\x07" + next(self._serial).to_bytes(7, "big")
            self.policies[name.full] = Policy(etag, version, tuple(bindings))

    def granted(self, name: RepositoryName, member: str) -> bool:
        """Whether any unconditional binding of the repository has this member."""
        grants = self.policy(name).grants()
        return any(Grant(role, member).identity == (role, found) for role, found in grants)

    def start(self, parent: str, finish: Callable[[], None]) -> str:
        """Start an operation; return its name."""
        name = f"{parent}/operations/{next(self._serial):08d}-0000-4000-8000-000000000000"
        self.operations[name] = _Operation(finish, self.polls_until_done)
        if not self.polls_until_done:
            self._finish(name)
        return name

    def poll(self, name: str) -> OperationResult | None:
        """Poll an operation once."""
        operation = self.operations.get(name)
        if operation is None:
            return None
        if operation.result is None and operation.polls_left > 0:
            operation.polls_left -= 1
            return OperationResult(done=False)
        self._finish(name)
        return operation.result

    def advance(self) -> None:
        """Operations continue whether they are polled or not."""
        for name, operation in list(self.operations.items()):
            if operation.result is None:
                operation.polls_left -= 1
                if operation.polls_left < 0:
                    self._finish(name)

    def fail(self, name: str, code: str, message: str) -> None:
        """Let an operation fail."""
        self.operations[name].result = OperationResult(True, code, message)

    def _finish(self, name: str) -> None:
        operation = self.operations[name]
        if operation.result is None:
            operation.finish()
            operation.result = OperationResult(done=True)


def kept(settings: RepositorySettings) -> RepositorySettings:
    """What the server stores: whether an upstream is validated is input-only."""
    remote = settings.remote
    return settings if remote is None else replace(settings, remote=replace(remote, validate=True))


def patched(found: RepositorySettings, patch: RepositoryPatch) -> RepositorySettings:
    """A repository after a PATCH: only the fields in the mask change."""
    wanted, changes = patch.settings, {}
    for path in patch.mask:
        match path:
            case "description":
                changes["description"] = wanted.description
            case "labels":
                changes["labels"] = dict(wanted.labels)
            case "vulnerability_scanning_config":
                changes["scanning"] = wanted.scanning
            case "virtual_repository_config":
                changes["upstreams"] = wanted.upstreams
    cleanup = found.cleanup
    if "cleanup_policies" in patch.mask:
        cleanup = replace(cleanup, policies=wanted.cleanup.policies)
    if "cleanup_policy_dry_run" in patch.mask:
        cleanup = replace(cleanup, dry_run=wanted.cleanup.dry_run)
    return replace(found, cleanup=cleanup, remote=_remote(found.remote, patch), **changes)


def _remote(found: Remote | None, patch: RepositoryPatch) -> Remote | None:
    if found is None:
        return None
    wanted = patch.settings.remote.credentials if patch.settings.remote else None
    if CREDENTIAL_MASK in patch.mask:
        return replace(found, credentials=wanted)
    standing = found.credentials or Credentials("", "")
    if wanted is not None and USERNAME_MASK in patch.mask:
        standing = replace(standing, username=wanted.username)
    if wanted is not None and PASSWORD_MASK in patch.mask:
        standing = replace(standing, password_secret_version=wanted.password_secret_version)
    touched = {USERNAME_MASK, PASSWORD_MASK} & set(patch.mask)
    return replace(found, credentials=standing) if touched else found


class FakeRepositories:
    """The Repositories port over Google's state."""

    PORT = "repositories"

    def __init__(self, google: Google, calls: Calls) -> None:
        self._google = google
        self.calls = calls
        self._pending: set[str] = set()
        self._blind: dict[str, int] = {}

    @port_call
    async def get(self, name: RepositoryName) -> ObservedRepository | None:
        self._google.advance()
        if self._blind.get(name.full, 0) > 0:
            self._blind[name.full] -= 1
            return None
        return self._google.repositories.get(name.full)

    @port_call
    async def create(self, name: RepositoryName, settings: RepositorySettings) -> str:
        full = name.full
        if full in self._google.repositories or full in self._pending:
            raise AlreadyExists("the repository already exists")

        def finish() -> None:
            self._pending.discard(full)
            self._google.plant(name, settings)
            self._blind[full] = self._google.blind_gets

        self._pending.add(full)
        self.calls.changes.append(f"create {full}")
        return self._google.start(name.parent, finish)

    @port_call
    async def patch(self, name: RepositoryName, patch: RepositoryPatch) -> None:
        found = self._google.repositories.get(name.full)
        if found is None:
            raise Conflict("Requested entity was not found.")
        settings = patched(found.settings, patch)
        self._google.repositories[name.full] = replace(found, settings=settings, update_time=self._google.clock.now())
        self.calls.changes.append(f"patch {name.full}")

    @port_call
    async def delete(self, name: RepositoryName) -> str | None:
        if name.full not in self._google.repositories:
            return None
        self.calls.changes.append(f"delete {name.full}")
        return self._google.start(name.parent, lambda: self._google.remove(name))

    @port_call
    async def empty(self, name: RepositoryName) -> bool:
        return name.full not in self._google.filled

    @port_call
    async def poll(self, operation: str) -> OperationResult | None:
        return self._google.poll(operation)


class FakePolicies:
    """The Policies port over Google's state."""

    PORT = "policies"

    def __init__(self, google: Google, calls: Calls) -> None:
        self._google = google
        self.calls = calls

    @port_call
    async def get(self, name: RepositoryName) -> Policy | None:
        return self._google.policy(name) if name.full in self._google.repositories else None

    @port_call
    async def set(self, name: RepositoryName, policy: Policy) -> None:
        google = self._google
        if not policy.etag:
            raise AssertionError("a policy is never set without an etag")
        if name.full not in google.repositories:
            raise Conflict("Requested entity was not found.")
        before = google.policy(name)
        if policy.etag != before.etag:
            raise Conflict("There were concurrent policy changes. Please retry the whole read-modify-write.")
        self._validate(policy)
        google.plant_policy(name, *policy.bindings)
        if google.policy(name) != before:
            self.calls.changes.append(f"setIamPolicy {name.full}")

    def _validate(self, policy: Policy) -> None:
        google = self._google
        if policy.size > google.member_limit:
            raise Invalid("The policy has too many members.", Reason.POLICY_FULL)
        for binding in policy.bindings:
            if not binding.members:
                raise Invalid("A binding must have at least one member.")
            for member in binding.members:
                if member in google.rejected_members:
                    raise Invalid(f"{member} does not exist.", Reason.MEMBER_REJECTED)
