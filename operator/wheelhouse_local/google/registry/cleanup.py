"""Cleanup policies: what they may contain (published proto); the messages are ours."""

from google.cloud.artifactregistry_v1 import types

from wheelhouse_local.google.registry.modes import VIRTUAL, RepositoryPb
from wheelhouse_local.google.transport.errors import ApiError

POLICY_LIMIT, ID_LENGTH = 10, 127
_ACTIONS = types.CleanupPolicy.Action


def check(repository: RepositoryPb) -> None:
    """Reject what the proto forbids: over ten policies, a key that is not the id, MostRecentVersions to delete.

    Raises:
        ApiError: INVALID_ARGUMENT.
    """
    policies = repository.cleanup_policies
    if policies and repository.mode == VIRTUAL:  # Inferred: it has nothing to clean up.
        raise ApiError("INVALID_ARGUMENT", "A virtual repository cannot have cleanup policies.")
    if len(policies) > POLICY_LIMIT:
        raise ApiError("INVALID_ARGUMENT", f"A repository can have at most {POLICY_LIMIT} cleanup policies.")
    for key, policy in policies.items():
        if not 0 < len(key) <= ID_LENGTH or policy.id != key:
            raise ApiError("INVALID_ARGUMENT", f"The key {key!r} of a cleanup policy must be its id.")
        if policy.action not in {_ACTIONS.DELETE, _ACTIONS.KEEP}:
            raise ApiError("INVALID_ARGUMENT", f"The cleanup policy {key!r} has no action.")
        kind = policy.WhichOneof("condition_type")
        if kind is None:
            raise ApiError("INVALID_ARGUMENT", f"The cleanup policy {key!r} has no condition.")
        if kind == "most_recent_versions" and policy.action != _ACTIONS.KEEP:
            raise ApiError(
                "INVALID_ARGUMENT", f"The cleanup policy {key!r}: most recent versions require the action KEEP."
            )
