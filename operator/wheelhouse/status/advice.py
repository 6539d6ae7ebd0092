"""Findings → advice: what a user should know although it does not affect Ready, and whether it is new."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wheelhouse.domain.findings import AccessFindings, RepositoryFindings, Truth
from wheelhouse.domain.reasons import ConditionType, Reason
from wheelhouse.status.conditions import by_type

CLEANUP_DELETES_NOTHING = "CleanupDeletesNothing"


@dataclass(frozen=True, slots=True)
class Advice:
    """One piece of advice: the condition whose message has it, and the reason of its Event."""

    condition: ConditionType
    reason: str
    message: str

    def is_new(self, status: Mapping[str, Any], before: Mapping[str, Any]) -> bool:
        """Whether a status shows this advice and the status before did not; after a restart the status still has it."""
        row, old = (by_type(each).get(self.condition, {}) for each in (status, before))
        return self.message in row.get("message", "") and self.message not in old.get("message", "")


def repository_advice(found: RepositoryFindings) -> list[Advice]:
    """The advice that a repository needs attention; an IndexSafe that is Unknown is not such advice."""
    advice = []
    if found.index_safe is not None and found.index_safe.truth is Truth.FALSE:
        advice.append(Advice(ConditionType.INDEX_SAFE, found.index_safe.reason, found.index_safe.message))
    if found.advice:
        advice.append(Advice(ConditionType.SYNCED, CLEANUP_DELETES_NOTHING, found.advice))
    return advice


def access_advice(found: AccessFindings) -> list[Advice]:
    """The advice about an access: ServiceAccounts that do not exist, and its Secret."""
    advice = [Advice(ConditionType.DISTRIBUTED, reason, message) for reason, message in found.secret_advice]
    if found.index_safe is not None and found.index_safe.truth is Truth.FALSE:
        advice.append(Advice(ConditionType.INDEX_SAFE, found.index_safe.reason, found.index_safe.message))
    if found.advice:
        advice.append(Advice(ConditionType.GRANTED, Reason.SERVICE_ACCOUNT_NOT_FOUND, found.advice))
    return advice
