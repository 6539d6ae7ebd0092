"""The Policies port: IAM policies, unchanged byte for byte except for the plan's changes."""

import re
from dataclasses import dataclass

from google.api_core import exceptions
from google.iam.v1 import iam_policy_pb2, options_pb2, policy_pb2
from google.protobuf import json_format
from google.type import expr_pb2

from wheelhouse.clients.google.artifact_registry.connection import ArtifactRegistry, gone
from wheelhouse.domain.iam import Binding, Policy
from wheelhouse.domain.names import RepositoryName
from wheelhouse.domain.reasons import Reason
from wheelhouse.errors import Invalid, Unavailable

REQUESTED_VERSION = 3
"""Always requested: with a lower version, bindings come without their conditions, and a write would delete these."""

_TOO_LARGE = re.compile(r"too (large|many|big)|larger than|exceed|maximum", re.IGNORECASE)
"""How IAM probably reports that a policy is full [inferred: no recording of it exists]."""


@dataclass(frozen=True, slots=True)
class WholeBinding(Binding):
    """A binding with fields that this client does not know; `dataclasses.replace` keeps them."""

    rest: bytes = b""


@dataclass(frozen=True, slots=True)
class WholePolicy(Policy):
    """A policy with audit configurations, or with fields that this client does not know."""

    rest: bytes = b""


class GooglePolicies:
    """IAM policies of repositories in Artifact Registry; every method is one request.

    Args:
        google: the connection.
    """

    def __init__(self, google: ArtifactRegistry) -> None:
        self._google = google

    async def get(self, name: RepositoryName) -> Policy | None:
        """The whole policy, or None if the repository does not exist.

        Raises:
            Invalid, Refused, Unavailable: for Google's errors.
        """
        request = iam_policy_pb2.GetIamPolicyRequest(
            resource=name.full, options=options_pb2.GetPolicyOptions(requested_policy_version=REQUESTED_VERSION)
        )
        try:
            message = await self._google.call("GetIamPolicy", self._google.client.get_iam_policy, request, name.project)
        except exceptions.NotFound:
            return None
        if not message.etag:
            raise Unavailable(f"Google answered with a policy of {name} without an etag.")
        return from_wire(message)

    async def set(self, name: RepositoryName, policy: Policy) -> None:
        """Replace the whole policy; its etag identifies the one that was read.

        Raises:
            Conflict: the etag is stale, or the repository does not exist.
            Invalid: IAM rejects a member (MemberRejected), or the policy is too large (PolicyFull).
            Refused, Unavailable: for Google's errors; after Unavailable the policy may or may not have been set.
        """
        if not policy.etag:
            raise Unavailable("A policy must be set with the etag of the one that was read.")
        request = iam_policy_pb2.SetIamPolicyRequest(resource=name.full, policy=to_wire(policy))
        try:
            await self._google.call("SetIamPolicy", self._google.client.set_iam_policy, request, name.project)
        except exceptions.NotFound:
            raise gone(name) from None
        except Invalid as error:
            if error.reason is Reason.API_DISABLED:
                raise
            full = _TOO_LARGE.search(error.message)
            raise Invalid(
                error.message, Reason.POLICY_FULL if full else Reason.MEMBER_REJECTED, error.details
            ) from None


def from_wire(message: policy_pb2.Policy) -> Policy:
    """IAM's message as our value."""
    rest = policy_pb2.Policy()
    rest.CopyFrom(message)
    for field in ("version", "bindings", "etag"):
        rest.ClearField(field)
    bindings = tuple(_binding(binding) for binding in message.bindings)
    left = rest.SerializeToString(deterministic=True)
    if left:
        return WholePolicy(message.etag, message.version, bindings, left)
    return Policy(message.etag, message.version, bindings)


def to_wire(policy: Policy) -> policy_pb2.Policy:
    """Our value as IAM's message: version 3 if any binding has a condition, otherwise the read one and at least 1."""
    message = policy_pb2.Policy()
    if isinstance(policy, WholePolicy):
        message.MergeFromString(policy.rest)
    message.etag = policy.etag
    conditional = any(binding.condition is not None for binding in policy.bindings)
    message.version = REQUESTED_VERSION if conditional else max(1, policy.version)
    for binding in policy.bindings:
        added = message.bindings.add(role=binding.role, members=binding.members)
        if isinstance(binding, WholeBinding):
            added.MergeFromString(binding.rest)
        if binding.condition is not None:
            added.condition.CopyFrom(json_format.ParseDict(dict(binding.condition), expr_pb2.Expr()))
    return message


def _binding(message: policy_pb2.Binding) -> Binding:
    condition = json_format.MessageToDict(message.condition) if message.HasField("condition") else None
    rest = policy_pb2.Binding()
    rest.CopyFrom(message)
    for field in ("role", "members", "condition"):
        rest.ClearField(field)
    left = rest.SerializeToString(deterministic=True)
    if left:
        return WholeBinding(message.role, tuple(message.members), condition, left)
    return Binding(message.role, tuple(message.members), condition)
