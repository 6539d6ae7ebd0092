"""Cleanup policies in Google's messages: durations are compared in seconds, lists as sets."""

from datetime import timedelta
from typing import Any

from google.cloud import artifactregistry_v1 as registry

from wheelhouse.domain.cleanup import Cleanup, CleanupAction, CleanupCondition, CleanupPolicy, MostRecentVersions

_ACTIONS = {
    CleanupAction.DELETE: registry.CleanupPolicy.Action.DELETE,
    CleanupAction.KEEP: registry.CleanupPolicy.Action.KEEP,
}


def observed(message: registry.Repository) -> Cleanup:
    """The cleanup policies of a repository that Google returned."""
    policies = frozenset(_observed(name, policy) for name, policy in message.cleanup_policies.items())
    return Cleanup(policies, message.cleanup_policy_dry_run)


def messages(cleanup: Cleanup) -> dict[str, registry.CleanupPolicy]:
    """The policies by their id, which is also the map's key (published proto)."""
    return {policy.name: _message(policy) for policy in cleanup.policies}


def _observed(name: str, policy: registry.CleanupPolicy) -> CleanupPolicy:
    action = next((ours for ours, theirs in _ACTIONS.items() if theirs == policy.action), None)
    if "most_recent_versions" in policy:
        recent = policy.most_recent_versions
        kept = MostRecentVersions(recent.keep_count, frozenset(recent.package_name_prefixes))
        return CleanupPolicy(name, action, most_recent=kept)
    if "condition" not in policy:
        return CleanupPolicy(name, action, other="no condition")
    found = policy.condition
    condition = CleanupCondition(
        older_than=_seconds(found.older_than) if "older_than" in found else None,
        newer_than=_seconds(found.newer_than) if "newer_than" in found else None,
        package_name_prefixes=frozenset(found.package_name_prefixes),
        version_name_prefixes=frozenset(found.version_name_prefixes),
    )
    # Only other formats use this, and a PythonRepository cannot request it, but it still counts as a difference.
    tagged = [*(sorted(found.tag_prefixes)), *([str(int(found.tag_state))] if "tag_state" in found else ())]
    return CleanupPolicy(name, action, condition, other=",".join(tagged))


def _message(policy: CleanupPolicy) -> registry.CleanupPolicy:
    fields: dict[str, Any] = {"id": policy.name}
    if policy.action is not None:
        fields["action"] = _ACTIONS[policy.action]
    if policy.most_recent is not None:
        fields["most_recent_versions"] = registry.CleanupPolicyMostRecentVersions(
            keep_count=policy.most_recent.keep_count,
            package_name_prefixes=sorted(policy.most_recent.package_name_prefixes),
        )
    elif policy.condition is not None:
        fields["condition"] = registry.CleanupPolicyCondition(
            package_name_prefixes=sorted(policy.condition.package_name_prefixes),
            version_name_prefixes=sorted(policy.condition.version_name_prefixes),
            **_durations(policy.condition),
        )
    return registry.CleanupPolicy(**fields)


def _durations(condition: CleanupCondition) -> dict[str, timedelta]:
    ages = {"older_than": condition.older_than, "newer_than": condition.newer_than}
    return {name: timedelta(seconds=age) for name, age in ages.items() if age is not None}


def _seconds(age: timedelta) -> int:
    return int(age.total_seconds())
