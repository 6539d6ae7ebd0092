"""getIamPolicy, setIamPolicy and testIamPermissions of the services that use plain JSON, all implemented once."""

from collections.abc import Callable, Mapping

from google.iam.v1 import policy_pb2
from google.protobuf import json_format

from wheelhouse_local.google.iam import rules
from wheelhouse_local.google.iam.policies import Policies
from wheelhouse_local.google.transport.caller import Caller
from wheelhouse_local.google.transport.errors import ApiError, unimplemented
from wheelhouse_local.google.transport.route import Asked, Json, Route
from wheelhouse_local.google.transport.transcoding import check_bytes

Require = Callable[[Caller, str, str], None]
"""Rejects a caller without the permission on a resource (full name), with the service's own message."""


class PolicyRoutes:
    """The three calls for one kind of resource.

    Args:
        policies: the policies.
        service: the name of the service in faults and the trace.
        permission: `SERVICE.KIND`, the part before the dot and the verb.
        name: returns the full name of the resource for the parts of a path.
        require: see Require.
    """

    def __init__(
        self,
        policies: Policies,
        service: str,
        permission: str,
        name: Callable[[Mapping[str, str]], str],
        require: Require,
    ) -> None:
        self._policies = policies
        self._service = service
        self._permission = permission
        self._name = name
        self._require = require

    def table(self, path: str, get: str = "GET") -> list[Route]:
        """The calls below a path; `get` is the HTTP verb to read a policy."""
        return [
            Route(get, f"{path}:getIamPolicy", f"{self._service}.GetIamPolicy", self._get),
            Route("POST", f"{path}:setIamPolicy", f"{self._service}.SetIamPolicy", self._set),
            Route("POST", f"{path}:testIamPermissions", f"{self._service}.TestIamPermissions", self._test),
        ]

    def _get(self, asked: Asked) -> Json:
        name = self._name(asked.parts)
        self._require(asked.caller, name, f"{self._permission}.getIamPolicy")
        rules.check_requested_version(_requested(asked))
        return _document(self._policies.get(name))

    def _set(self, asked: Asked) -> Json:
        name = self._name(asked.parts)
        self._require(asked.caller, name, f"{self._permission}.setIamPolicy")
        # gcloud names the whole policy in its mask; masks for a part of one are not emulated.
        if set(str(asked.body.get("updateMask") or "").split(",")) - {"", "bindings", "etag", "version"}:
            raise unimplemented("A policy written by a mask")
        check_bytes(policy_pb2.Policy.DESCRIPTOR, asked.body.get("policy"))
        try:
            policy = json_format.ParseDict(asked.body.get("policy") or {}, policy_pb2.Policy())
        except json_format.ParseError as error:
            raise ApiError("INVALID_ARGUMENT", f"Invalid JSON payload received. {error}") from None
        return _document(self._policies.replace(name, policy))

    def _test(self, asked: Asked) -> Json:
        wanted = asked.body.get("permissions") or []
        if not isinstance(wanted, list):
            raise ApiError("INVALID_ARGUMENT", "Invalid JSON payload received.")
        held = self._policies.held(asked.caller, self._name(asked.parts), map(str, wanted))
        return {"permissions": held} if held else {}


def _requested(asked: Asked) -> int:
    """The version of a policy that a caller asks for: in the query, or in the body of a POST."""
    options = asked.body.get("options")
    in_body = options.get("requestedPolicyVersion") if isinstance(options, dict) else None
    try:
        return int(asked.query.get("options.requestedPolicyVersion") or in_body or 0)
    except (TypeError, ValueError):
        raise ApiError("INVALID_ARGUMENT", "Invalid JSON payload received.") from None


def _document(policy: policy_pb2.Policy) -> Json:
    document: Json = json_format.MessageToDict(policy)
    return document
