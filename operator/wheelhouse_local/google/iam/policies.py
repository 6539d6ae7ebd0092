"""IAM policies of repositories, secrets, keys and projects, and their combined permissions."""

import time
from collections.abc import Callable, Iterable
from typing import Protocol

from google.iam.v1 import policy_pb2
from google.protobuf import json_format

from wheelhouse_local.google.iam import limits, members, resources, rules, standing
from wheelhouse_local.google.iam.organization import AllowedDomains, Owned
from wheelhouse_local.google.iam.propagation import Propagation
from wheelhouse_local.google.iam.roles import permissions
from wheelhouse_local.google.iam.rules import Target
from wheelhouse_local.google.store import Store
from wheelhouse_local.google.transport.caller import Caller
from wheelhouse_local.google.transport.errors import ApiError, not_found

KIND = "policy"
FRESH_ETAG = b"\x00\x20\x01"
"""`ACAB`: the etag of a policy that was never set; recorded for other services, inferred for Artifact Registry."""


class ProjectFacts(Protocol):
    """What IAM needs to know about projects."""

    def permits(self, resource: str, permission: str) -> bool:
        """Whether the project allows anyone to have a permission on a resource."""
        ...

    def has_account(self, email: str) -> bool:
        """Whether a service account, by its e-mail in lower case, can get a grant."""
        ...

    def has_project(self, key: str) -> bool:
        """Whether there is a project with an id or a number."""
        ...

    def owns_account(self, email: str) -> bool:
        """Whether a service account, by its e-mail in lower case, would belong to a project here."""
        ...


class Policies:
    """Get, set and evaluate, by full resource name; a resource exists if its row is in the store."""

    def __init__(self, store: Store, projects: ProjectFacts, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._projects = projects
        self._clock = clock
        self.propagation = Propagation(store, clock)
        self.domains = AllowedDomains(store, Owned(projects.has_project, projects.owns_account))

    def get(self, name: str) -> policy_pb2.Policy:
        """The policy of a resource; version 0 and the etag ACAB before it was ever set.

        Raises:
            ApiError: NOT_FOUND without the resource.
        """
        if not self._exists(name):
            raise not_found()
        found = self._store.get(KIND, name)
        if found is None:
            return policy_pb2.Policy(etag=FRESH_ETAG)
        return json_format.ParseDict(found, policy_pb2.Policy())

    def replace(self, name: str, policy: policy_pb2.Policy) -> policy_pb2.Policy:
        """Replace the whole policy; without an etag it overwrites the current one.

        Raises:
            ApiError: NOT_FOUND without the resource, ABORTED for a stale etag, INVALID_ARGUMENT for what IAM rejects,
                FAILED_PRECONDITION for what the organization rejects, UNIMPLEMENTED for a feature that is not emulated.
        """
        current, kind = self.get(name), resources.kind_of(name)
        if policy.etag and policy.etag != current.etag:
            raise rules.stale(policy.etag, current.etag)
        if kind is None:
            raise not_found()
        limits.stored(self._store).check(policy)
        rules.check(policy, current, Target(kind, name, self._can_be_granted))
        wanted = rules.as_kept(policy, current)
        added = rules.added(wanted, current)
        standing.check_rejected(self._store, map(members.canonical, added))
        self.domains.check(name, added)
        if rules.content(wanted) == rules.content(current):
            return current  # A set without a change keeps the etag.
        with self._store.transaction():
            self.propagation.changed(name, current, wanted)
            return self._write(name, wanted)

    def plant(self, name: str, policy: policy_pb2.Policy) -> policy_pb2.Policy:
        """Set a policy without checks, even with conditions and tombstones: the real service has such policies.

        It takes effect at once.
        """
        self.get(name)
        with self._store.transaction():
            self.propagation.drop(name)
            return self._write(name, policy)

    def rename(self, old: str, new: str) -> None:
        """Write a member in another way in all policies, as Google does when a principal is deleted or restored.

        Each of these policies gets a new etag. That is inferred: Terraform expects it when an account was deleted.
        """
        with self._store.transaction():
            self.propagation.forget(old)
            for name, row in self._store.list(KIND):
                policy = json_format.ParseDict(row, policy_pb2.Policy())
                for binding in policy.bindings:
                    binding.members[:] = [new if members.canonical(m) == old else m for m in binding.members]
                if json_format.MessageToDict(policy) != row:
                    self._write(name, policy)

    def grant(self, name: str, role: str, member: str) -> None:
        """Add one member to a role, at once and without checks, as Google does for its own accounts."""
        policy = self.get(name)
        for binding in policy.bindings:
            if binding.role == role and not binding.HasField("condition"):
                if member not in binding.members:
                    binding.members.append(member)
                break
        else:
            policy.bindings.add(role=role, members=[member])
        self.plant(name, policy)

    def withdraw(self, name: str, role: str, member: str) -> None:
        """Remove one member from a role, at once."""
        policy = self.get(name)
        for binding in policy.bindings:
            if binding.role == role and member in binding.members:
                binding.members.remove(member)
        kept = [binding for binding in policy.bindings if binding.members]
        del policy.bindings[:]
        policy.bindings.extend(kept)
        self.plant(name, policy)

    def allowed(self, caller: Caller | None, resource: str, permission: str) -> bool:
        """Whether the policy of the resource, or of a parent, grants the permission; conditions never hold here.

        In a deleted project the only permission is to read the project, and without the Artifact Registry API its
        permissions have no effect: both inferred.
        """
        if not self._projects.permits(resource, permission):
            return False
        reach = members.reach(caller)
        return any(
            permission in permissions(role, name) and any(members.canonical(member) in reach for member in who)
            for name in resources.lineage(resource)
            if self._exists(name)
            for role, who in self.propagation.felt(name, self.get(name))
        )

    def held(self, caller: Caller | None, name: str, permissions: Iterable[str]) -> list[str]:
        """Which of these permissions the caller has; none if the resource does not exist (published proto).

        Raises:
            ApiError: INVALID_ARGUMENT for wildcards (published proto; the message is ours).
        """
        asked = list(permissions)
        if any("*" in permission for permission in asked):
            raise ApiError("INVALID_ARGUMENT", "Permissions with wildcards are not allowed.")
        return [permission for permission in asked if self._exists(name) and self.allowed(caller, name, permission)]

    def drop(self, name: str) -> None:
        """Delete the policy of a deleted resource, and those of its children."""
        with self._store.transaction():
            self.propagation.drop(name)
            self._store.delete(KIND, name)

    def _exists(self, name: str) -> bool:
        kind = resources.kind_of(name)
        return kind is not None and self._store.get(kind.store, resources.key(kind, name)) is not None

    def _can_be_granted(self, member: str) -> bool:
        """Whether a user, group or service account exists, as far as this world knows."""
        prefix, _, email = member.partition(":")
        if standing.is_deleted(self._store, member):
            return False
        return prefix != "serviceAccount" or self._projects.has_account(email)

    def _write(self, name: str, policy: policy_pb2.Policy) -> policy_pb2.Policy:
        last = self.get(name).etag
        written = policy_pb2.Policy()
        written.CopyFrom(policy)
        written.version = 3 if rules.conditional(policy) else 1
        # Recorded: 0x07 and the microseconds since 1970 in seven bytes. Every policy gets a different one, even
        # if the clock goes back.
        earliest = int.from_bytes(last[1:], "big") + 1 if last != FRESH_ETAG else 0
        written.etag = b"\x07" + max(round(self._clock() * 1_000_000), earliest).to_bytes(7, "big")
        self._store.put(KIND, name, json_format.MessageToDict(written))
        return written
