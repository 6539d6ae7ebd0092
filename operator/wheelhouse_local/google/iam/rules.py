"""What IAM rejects in a policy, and which two policies are equal."""

import re
from collections.abc import Callable
from typing import NamedTuple

from google.iam.v1 import policy_pb2
from google.protobuf.message import Message

from wheelhouse_local.google.iam import members, resources
from wheelhouse_local.google.iam.resources import Kind
from wheelhouse_local.google.iam.roles import NOT_EMULATED, grantable
from wheelhouse_local.google.transport.errors import ApiError, unimplemented

_VERSIONS = {0, 1, 3}

_ROLE = re.compile(r"(roles|organizations/[0-9]+/roles|projects/[^/]+/roles)/[A-Za-z0-9_.]+")
_ROLE_MESSAGE = (
    'The role name must be in the form "roles/{role}", "organizations/{organization_id}/roles/{role}", or '
    '"projects/{project_id}/roles/{role}".'
)


class Target(NamedTuple):
    """The resource of a policy, and whether a user, group or service account (canonical) can get a grant."""

    kind: Kind
    name: str
    exists: Callable[[str], bool]


def check(policy: policy_pb2.Policy, current: policy_pb2.Policy, target: Target) -> None:
    """Reject an invalid policy.

    Raises:
        ApiError: INVALID_ARGUMENT if IAM rejects the policy, UNIMPLEMENTED for a feature that is not emulated.
    """
    if policy.audit_configs:
        raise unimplemented("An audit configuration")
    _check_versions(policy, current, target.kind)
    known = _tuples(current)
    for binding in policy.bindings:
        _check_binding(binding, known, target)
    _check_tombstones({member for _, member in _tuples(policy)})


def check_requested_version(version: int) -> None:
    """Reject a read in a version that does not exist (published proto; the message is ours).

    The older form of conditional bindings, in which version 1 shows them, is not emulated: a read has them as they are.

    Raises:
        ApiError: INVALID_ARGUMENT.
    """
    if version not in _VERSIONS:
        raise ApiError("INVALID_ARGUMENT", "The requested version of a policy must be 0, 1 or 3.")


def added(policy: policy_pb2.Policy, current: policy_pb2.Policy) -> list[str]:
    """The members of grants that are not in the current policy, in the order of the policy."""
    known = _tuples(current)
    return [each for binding in policy.bindings for each in binding.members if (binding.role, each) not in known]


def _tuples(policy: policy_pb2.Policy) -> set[tuple[str, str]]:
    return {(binding.role, member) for binding in policy.bindings for member in binding.members}


def _check_tombstones(every: set[str]) -> None:
    """A policy cannot have a deleted principal together with a new one of the same e-mail.

    The message is quoted in a public thread, without its end.
    """
    deleted = {principal: member for member in every if (principal := members.buried(member)) is not None}
    for member in sorted(every) if deleted else ():
        found = deleted.get(members.canonical(member))
        if found is not None:
            text = f"Inconsistent representation of deleted member: '{found}' and '{member}'."
            raise ApiError("INVALID_ARGUMENT", text)


def _check_binding(binding: policy_pb2.Binding, known: set[tuple[str, str]], target: Target) -> None:
    """Existing members are not checked again: tombstones and others' roles may stay. Most messages are ours."""
    role = binding.role
    if not _ROLE.fullmatch(role):
        raise ApiError("INVALID_ARGUMENT", _ROLE_MESSAGE)
    if not grantable(role, target.kind, target.name) and all(role != other for other, _ in known):
        if role in NOT_EMULATED or target.kind is resources.PROJECT:
            raise unimplemented(f"The role {role} on {target.kind.words}")
        raise ApiError("INVALID_ARGUMENT", f"Role {role} is not supported for this resource.")
    if not binding.members:
        raise ApiError("INVALID_ARGUMENT", "Each binding must have at least one member.")
    for member in binding.members:
        if (role, member) not in known:
            members.check(member, target.exists)


def _check_versions(policy: policy_pb2.Policy, current: policy_pb2.Policy, kind: Kind) -> None:
    """Versions and conditions (published proto); the messages are ours.

    Conditions are not supported on repositories (documentation) and not emulated elsewhere, so only those of `plant`
    may stay. A request with the etag of a policy with conditions must have version 3. One without an etag overwrites
    the conditions, as the proto warns.
    """
    if policy.version not in _VERSIONS:
        raise ApiError("INVALID_ARGUMENT", "The version of a policy must be 0, 1 or 3.")
    standing, wanted = conditional(current), conditional(policy)
    if wanted - standing:
        if kind is not resources.REPOSITORY:
            raise unimplemented(f"A condition in the policy of {kind.words}")
        raise ApiError("INVALID_ARGUMENT", f"Conditions are not supported on {kind.words}.")
    if policy.version != 3 and (wanted or (standing and policy.etag)):
        raise ApiError("INVALID_ARGUMENT", "A policy with conditions can only be changed with version 3.")


def conditional(policy: policy_pb2.Policy) -> set[bytes]:
    """The bindings that have a condition, as bytes."""
    return {_bytes(binding) for binding in policy.bindings if binding.HasField("condition")}


def as_kept(policy: policy_pb2.Policy, current: policy_pb2.Policy) -> policy_pb2.Policy:
    """E-mails of new members in lower case, as IAM stores them; existing members stay unchanged."""
    known = {member for binding in current.bindings for member in binding.members}
    kept = policy_pb2.Policy()
    kept.CopyFrom(policy)
    for binding in kept.bindings:
        binding.members[:] = [m if m in known else members.canonical(m) for m in binding.members]
    return kept


def content(policy: policy_pb2.Policy) -> set[tuple[str, bytes, frozenset[str]]]:
    """The content of a policy, whatever the order of its bindings and members."""
    said: dict[tuple[str, bytes], set[str]] = {}
    for binding in policy.bindings:
        said.setdefault((binding.role, _bytes(binding.condition)), set()).update(binding.members)
    return {(role, condition, frozenset(who)) for (role, condition), who in said.items()}


def _bytes(message: Message) -> bytes:
    return bytes(message.SerializeToString(deterministic=True))


def stale(given: bytes, current: bytes) -> ApiError:
    """The recorded error for a write with an old etag."""

    def escaped(etag: bytes) -> str:
        return "".join(chr(byte) if 0x20 <= byte < 0x7F and byte not in b"\\'\"" else _escape(byte) for byte in etag)

    return ApiError(
        "ABORTED",
        "There were concurrent policy changes. Please retry the whole read-modify-write with exponential backoff. "
        f"The request's ETag '{escaped(given)}' did not match the current policy's ETag '{escaped(current)}'.",
    )


def _escape(byte: int) -> str:
    r"""A byte in C's notation: the recorded text has `\007` and `\'`."""
    return {0x5C: "\\\\", 0x27: "\\'", 0x22: '\\"', 0x0A: "\\n", 0x0D: "\\r", 0x09: "\\t"}.get(byte, f"\\{byte:03o}")
