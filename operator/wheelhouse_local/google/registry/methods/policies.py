"""Methods about the IAM policies of repositories."""

from google.iam.v1 import iam_policy_pb2, policy_pb2

from wheelhouse_local.google.iam import rules
from wheelhouse_local.google.iam.policies import Policies
from wheelhouse_local.google.registry.methods.base import ARTIFACT_REGISTRY, method
from wheelhouse_local.google.transport.caller import Caller
from wheelhouse_local.google.transport.errors import unimplemented
from wheelhouse_local.google.transport.method import Message, Method


def methods(policies: Policies) -> dict[str, Method]:
    """The table, by `Service.Method`."""

    def get(asked: Message) -> Message:
        rules.check_requested_version(asked.options.requested_policy_version)
        return policies.get(asked.resource)

    def replace(asked: Message) -> Message:
        if asked.update_mask.paths:
            raise unimplemented("A policy written by a mask")
        return policies.replace(asked.resource, asked.policy)

    def test(caller: Caller, asked: Message) -> Message:
        held = policies.held(caller, asked.resource, asked.permissions)
        return iam_policy_pb2.TestIamPermissionsResponse(permissions=held)

    return {
        "ArtifactRegistry.GetIamPolicy": method(
            iam_policy_pb2.GetIamPolicyRequest,
            policy_pb2.Policy,
            "resource",
            "repositories.getIamPolicy",
            get,
        ),
        "ArtifactRegistry.SetIamPolicy": method(
            iam_policy_pb2.SetIamPolicyRequest, policy_pb2.Policy, "resource", "repositories.setIamPolicy", replace
        ),
        "ArtifactRegistry.TestIamPermissions": Method(
            ARTIFACT_REGISTRY,
            iam_policy_pb2.TestIamPermissionsRequest,
            iam_policy_pb2.TestIamPermissionsResponse,
            "resource",
            None,
            test,
        ),
    }
