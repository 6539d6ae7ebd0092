"""IAM policies of repositories, and what they allow."""

import re
import time
from collections import Counter
from collections.abc import Callable, Iterable

from google.iam.v1 import policy_pb2
from google.protobuf import json_format
from google.protobuf.message import Message

from wheelhouse_local.constants import PROJECT
from wheelhouse_local.google import members
from wheelhouse_local.google.errors import ApiError, not_found, unimplemented
from wheelhouse_local.google.identities import Caller
from wheelhouse_local.google.roles import NOT_EMULATED, PROJECT_POLICY, ROLES
from wheelhouse_local.google.store import Store

KIND = "policy"
FRESH_ETAG = b"\x00\x20\x01"
"""`ACAB`: what a policy has that was never set; recorded for other services, inferred for Artifact Registry."""
PRINCIPAL_LIMIT, GROUP_LIMIT = 1500, 250
"""Occurrences in one policy (published proto)."""
_VERSIONS = {0, 1, 3}

_ROLE = re.compile(r"(roles|organizations/[0-9]+/roles|projects/[^/]+/roles)/[A-Za-z0-9_.]+")
_ROLE_MESSAGE = (
    'The role name must be in the form "roles/{role}", "organizations/{organization_id}/roles/{role}", or '
    '"projects/{project_id}/roles/{role}".'
)


class Policies:
    """Get, set and evaluate; existence of the repository is the registry's to know."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock

    def get(self, name: str) -> policy_pb2.Policy:
        """The policy of a repository; version 0 and the etag ACAB before it was ever set.

        Raises:
            ApiError: NOT_FOUND without the repository.
        """
        if not self._exists(name):
            raise not_found()
        found = self._store.get(KIND, name)
        if found is None:
            return policy_pb2.Policy(etag=FRESH_ETAG)
        return json_format.ParseDict(found, policy_pb2.Policy())

    def replace(self, name: str, policy: policy_pb2.Policy) -> policy_pb2.Policy:
        """Replace the whole policy; without an etag it overwrites whatever stands.

        Raises:
            ApiError: NOT_FOUND without the repository, ABORTED when the etag is stale, INVALID_ARGUMENT for what IAM
                refuses, UNIMPLEMENTED for what is not emulated.
        """
        current = self.get(name)
        if policy.etag and policy.etag != current.etag:
            raise ApiError("ABORTED", _stale(policy.etag, current.etag))
        self._validate(policy, current)
        wanted = _as_kept(policy, current)
        if _content(wanted) == _content(current):
            return current  # A set that changes nothing keeps the etag.
        return self._write(name, wanted)

    def plant(self, name: str, policy: policy_pb2.Policy) -> policy_pb2.Policy:
        """Set a policy unchecked, conditions and tombstones too: the real service holds such from elsewhere."""
        self.get(name)
        return self._write(name, policy)

    def allowed(self, caller: Caller | None, resource: str, permission: str) -> bool:
        """Whether the repository's policy or the project's gives the permission; conditions never hold here."""
        reach = members.reach(caller)
        if resource.split("/")[1:2] == [PROJECT] and any(permission in PROJECT_POLICY.get(who, ()) for who in reach):
            return True
        return self._exists(resource) and any(
            permission in ROLES.get(binding.role, ())
            and not binding.HasField("condition")
            and any(members.canonical(member) in reach for member in binding.members)
            for binding in self.get(resource).bindings
        )

    def held(self, caller: Caller | None, name: str, permissions: Iterable[str]) -> list[str]:
        """Which of these permissions the caller has; none where there is no repository (published proto).

        Raises:
            ApiError: INVALID_ARGUMENT for wildcards (published proto; the words are ours).
        """
        asked = list(permissions)
        if any("*" in permission for permission in asked):
            raise ApiError("INVALID_ARGUMENT", "Permissions with wildcards are not allowed.")
        return [permission for permission in asked if self._exists(name) and self.allowed(caller, name, permission)]

    def drop(self, name: str) -> None:
        """The repository is deleted, and its policy with it."""
        self._store.delete(KIND, name)

    def _exists(self, name: str) -> bool:
        return self._store.get("repository", name) is not None

    def _write(self, name: str, policy: policy_pb2.Policy) -> policy_pb2.Policy:
        last = self.get(name).etag
        written = policy_pb2.Policy()
        written.CopyFrom(policy)
        written.version = 3 if _conditional(policy) else 1
        # Recorded: 0x07 and the microseconds since 1970 in seven bytes. No two policies share one, whatever the clock.
        earliest = int.from_bytes(last[1:], "big") + 1 if last != FRESH_ETAG else 0
        written.etag = b"\x07" + max(round(self._clock() * 1_000_000), earliest).to_bytes(7, "big")
        self._store.put(KIND, name, json_format.MessageToDict(written))
        return written

    def _validate(self, policy: policy_pb2.Policy, current: policy_pb2.Policy) -> None:
        if policy.audit_configs:
            raise unimplemented("An audit configuration of a repository")
        _check_versions(policy, current)
        count = Counter(member.partition(":")[0] for binding in policy.bindings for member in binding.members)
        if count.total() > PRINCIPAL_LIMIT or count["group"] > GROUP_LIMIT:
            limits = f"{PRINCIPAL_LIMIT} principals, {GROUP_LIMIT} of which may be groups"
            raise ApiError("INVALID_ARGUMENT", f"A policy has at most {limits}.")  # The words are ours.
        known = {(binding.role, member) for binding in current.bindings for member in binding.members}
        for binding in policy.bindings:
            self._validate_binding(binding, known)

    def _validate_binding(self, binding: policy_pb2.Binding, known: set[tuple[str, str]]) -> None:
        """What stands already is not judged again: tombstones and foreign roles may stay. Most words are ours."""
        role = binding.role
        if not _ROLE.fullmatch(role):
            raise ApiError("INVALID_ARGUMENT", _ROLE_MESSAGE)
        if role not in ROLES and all(role != other for other, _ in known):
            if role in NOT_EMULATED:
                raise unimplemented(f"The role {role} on a repository")
            raise ApiError("INVALID_ARGUMENT", f"Role {role} is not supported for this resource.")
        if not binding.members:
            raise ApiError("INVALID_ARGUMENT", "Each binding must have at least one member.")
        for member in binding.members:
            if (role, member) not in known:
                members.check(member, lambda email: self._store.get("service-account", email) is not None)


def _check_versions(policy: policy_pb2.Policy, current: policy_pb2.Policy) -> None:
    """Versions and conditions (published proto); the words are ours.

    Conditions are not supported here (documentation), so only what was planted may stay. What names the etag of a
    policy with conditions must say version 3; what names none overwrites them, which the proto warns of.
    """
    if policy.version not in _VERSIONS:
        raise ApiError("INVALID_ARGUMENT", "The version of a policy is 0, 1 or 3.")
    standing, wanted = _conditional(current), _conditional(policy)
    if wanted - standing:
        raise ApiError("INVALID_ARGUMENT", "Conditions are not supported on Artifact Registry repositories.")
    if policy.version != 3 and (wanted or (standing and policy.etag)):
        raise ApiError("INVALID_ARGUMENT", "A policy with conditions can only be changed with version 3.")


def _conditional(policy: policy_pb2.Policy) -> set[bytes]:
    return {_bytes(binding) for binding in policy.bindings if binding.HasField("condition")}


def _as_kept(policy: policy_pb2.Policy, current: policy_pb2.Policy) -> policy_pb2.Policy:
    """E-mails of new members in lower case, as IAM keeps them; what stands stays as it is."""
    known = {member for binding in current.bindings for member in binding.members}
    kept = policy_pb2.Policy()
    kept.CopyFrom(policy)
    for binding in kept.bindings:
        binding.members[:] = [m if m in known else members.canonical(m) for m in binding.members]
    return kept


def _content(policy: policy_pb2.Policy) -> set[tuple[str, bytes, frozenset[str]]]:
    """What a policy says, whatever the order of its bindings and members."""
    said: dict[tuple[str, bytes], set[str]] = {}
    for binding in policy.bindings:
        said.setdefault((binding.role, _bytes(binding.condition)), set()).update(binding.members)
    return {(role, condition, frozenset(who)) for (role, condition), who in said.items()}


def _bytes(message: Message) -> bytes:
    return bytes(message.SerializeToString(deterministic=True))


def _stale(given: bytes, current: bytes) -> str:
    def escaped(etag: bytes) -> str:
        return "".join(chr(byte) if 0x20 <= byte < 0x7F and byte not in b"\\'\"" else _escape(byte) for byte in etag)

    return (
        "There were concurrent policy changes. Please retry the whole read-modify-write with exponential backoff. "
        f"The request's ETag '{escaped(given)}' did not match the current policy's ETag '{escaped(current)}'."
    )


def _escape(byte: int) -> str:
    r"""As C writes a byte: the recorded text has `\007` and `\'`."""
    return {0x5C: "\\\\", 0x27: "\\'", 0x22: '\\"', 0x0A: "\\n", 0x0D: "\\r", 0x09: "\\t"}.get(byte, f"\\{byte:03o}")
