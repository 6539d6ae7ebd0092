"""IAM policies of repositories, and what they allow."""

import re
import time
from collections.abc import Callable

from google.iam.v1 import policy_pb2
from google.protobuf import json_format

from wheelhouse_local.constants import PROJECT
from wheelhouse_local.google.errors import ApiError, not_found
from wheelhouse_local.google.identities import Caller
from wheelhouse_local.google.roles import PROJECT_POLICY, ROLES
from wheelhouse_local.google.store import Store

KIND = "policy"
FRESH_ETAG = b"\x00\x20\x01"
"""`ACAB`: what a policy has that was never set; recorded for other services, inferred for Artifact Registry."""
PRINCIPAL_LIMIT = 1500

_ROLE = re.compile(r"(roles|organizations/[0-9]+/roles|projects/[^/]+/roles)/[A-Za-z0-9_.]+")
_EMAIL = re.compile(r"[^@\s:]+@[a-z0-9.-]+\.[a-z0-9-]+", re.IGNORECASE)
_PRINCIPAL = re.compile(
    r"//iam\.googleapis\.com/(projects/[0-9]+/)?locations/global/(workloadIdentity|workforce)Pools/\S+"
)
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
        """The policy of a repository; version 0 and the etag ACAB before it was ever set."""
        if self._store.get("repository", name) is None:
            raise not_found()
        found = self._store.get(KIND, name)
        if found is None:
            return policy_pb2.Policy(etag=FRESH_ETAG)
        return json_format.ParseDict(found, policy_pb2.Policy())

    def replace(self, name: str, policy: policy_pb2.Policy) -> policy_pb2.Policy:
        """Replace the whole policy; without an etag it overwrites whatever stands."""
        current = self.get(name)
        if policy.etag and policy.etag != current.etag:
            raise ApiError("ABORTED", _stale(policy.etag, current.etag))
        self._validate(policy, current)
        if _content(policy) == _content(current):
            return current  # A set that changes nothing keeps the etag.
        return self._write(name, policy)

    def plant(self, name: str, policy: policy_pb2.Policy) -> policy_pb2.Policy:
        """Set a policy unchecked, conditions and tombstones too: the real service holds such from elsewhere."""
        self.get(name)
        return self._write(name, policy)

    def allowed(self, caller: Caller | None, resource: str, permission: str) -> bool:
        """Whether the repository's policy or the project's gives the permission; conditions never hold here."""
        members = caller.members if caller else frozenset({"allUsers"})
        if resource.split("/")[1:2] == [PROJECT] and any(
            permission in ROLES[role] and who & members for role, who in PROJECT_POLICY.items()
        ):
            return True
        if self._store.get("repository", resource) is None:
            return False
        folded = {_fold(member) for member in members}
        return any(
            permission in ROLES.get(binding.role, ())
            and not binding.HasField("condition")
            and any(_fold(member) in folded for member in binding.members)
            for binding in self.get(resource).bindings
        )

    def drop(self, name: str) -> None:
        """The repository is deleted, and its policy with it."""
        self._store.delete(KIND, name)

    def _write(self, name: str, policy: policy_pb2.Policy) -> policy_pb2.Policy:
        written = policy_pb2.Policy()
        written.CopyFrom(policy)
        conditional = any(binding.HasField("condition") for binding in policy.bindings)
        written.version = 3 if conditional else 1
        # Recorded: 0x07 and the microseconds since 1970 in seven bytes.
        written.etag = b"\x07" + int(self._clock() * 1_000_000).to_bytes(7, "big")
        self._store.put(KIND, name, json_format.MessageToDict(written))
        return written

    def _validate(self, policy: policy_pb2.Policy, current: policy_pb2.Policy) -> None:
        if policy.version not in {0, 1, 3}:
            raise ApiError("INVALID_ARGUMENT", "Policy version must be 0, 1 or 3.")
        standing = {_binding(binding) for binding in current.bindings if binding.HasField("condition")}
        conditional = {_binding(binding) for binding in policy.bindings if binding.HasField("condition")}
        if conditional - standing:
            # Inferred: repositories are not among the resources that take conditions; the words are ours.
            raise ApiError("INVALID_ARGUMENT", "Conditions are not supported on Artifact Registry repositories.")
        if standing and policy.version != 3:
            raise ApiError("INVALID_ARGUMENT", "A policy with conditions can only be set with version 3.")
        if sum(len(binding.members) for binding in policy.bindings) > PRINCIPAL_LIMIT:
            raise ApiError("INVALID_ARGUMENT", f"The policy has more than {PRINCIPAL_LIMIT} principals.")
        known = {(binding.role, _fold(member)) for binding in current.bindings for member in binding.members}
        for binding in policy.bindings:
            self._validate_binding(binding, known)

    def _validate_binding(self, binding: policy_pb2.Binding, known: set[tuple[str, str]]) -> None:
        """What stands already is not judged again: tombstones and foreign roles may stay."""
        if not _ROLE.fullmatch(binding.role):
            raise ApiError("INVALID_ARGUMENT", _ROLE_MESSAGE)
        if binding.role not in ROLES and not any(role == binding.role for role, _ in known):
            raise ApiError("INVALID_ARGUMENT", f"Role {binding.role} is not supported for this resource.")
        if not binding.members:
            raise ApiError("INVALID_ARGUMENT", "Each binding must have at least one member.")
        for member in binding.members:
            if (binding.role, _fold(member)) not in known:
                self._validate_member(member)

    def _validate_member(self, member: str) -> None:
        prefix, colon, value = member.partition(":")
        if member in {"allUsers", "allAuthenticatedUsers"}:
            return
        good = {
            "user": _EMAIL,
            "group": _EMAIL,
            "serviceAccount": _EMAIL,
            "principal": _PRINCIPAL,
            "principalSet": _PRINCIPAL,
        }.get(prefix)
        if not colon or good is None or not good.fullmatch(value):
            raise ApiError("INVALID_ARGUMENT", f"Invalid principal: {member}")
        email = value.lower()
        ours = prefix == "serviceAccount" and email.endswith(f"@{PROJECT}.iam.gserviceaccount.com")
        if ours and self._store.get("service-account", email) is None:
            raise ApiError("INVALID_ARGUMENT", f"Service account {email} does not exist.")


def _fold(member: str) -> str:
    """Type prefixes are exact, e-mails are case-folded, principals are exact."""
    prefix, colon, value = member.partition(":")
    return member if prefix in {"principal", "principalSet"} or not colon else f"{prefix}:{value.lower()}"


def _binding(binding: policy_pb2.Binding) -> bytes:
    return bytes(binding.SerializeToString(deterministic=True))


def _content(policy: policy_pb2.Policy) -> list[bytes]:
    return [_binding(binding) for binding in policy.bindings]


def _stale(given: bytes, current: bytes) -> str:
    def escaped(etag: bytes) -> str:
        return "".join(chr(byte) if 0x20 <= byte < 0x7F and byte not in b"\\'" else f"\\{byte:03o}" for byte in etag)

    return (
        "There were concurrent policy changes. Please retry the whole read-modify-write with exponential backoff. "
        f"The request's ETag '{escaped(given)}' did not match the current policy's ETag '{escaped(current)}'."
    )
