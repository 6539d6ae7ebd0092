"""PythonRepository: findings → status, by a list of named checks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from wheelhouse.domain.findings import AccessSummary, Check, RepositoryFindings, failed, passed
from wheelhouse.domain.modes import Mode
from wheelhouse.domain.objects import CustomObject
from wheelhouse.domain.reasons import ConditionType, Reason
from wheelhouse.domain.urls import index_urls
from wheelhouse.status.conditions import Situation, build, by_type, check_of, known, timestamp
from wheelhouse.status.words import REPOSITORY_REFS, matches_as, worded


@dataclass(frozen=True, slots=True)
class RepositoryFacts:
    """All that is known about one repository.

    Attributes:
        suspended: the message of Ready while changes of the spec wait; empty if none wait.
        template: the operator's setting `index_url_template`.
    """

    stored: CustomObject
    found: RepositoryFindings
    summary: AccessSummary | None
    suspended: str
    template: str | None


def resolved(facts: RepositoryFacts) -> Check | None:
    """Whether the references in the spec were found and may be used."""
    return facts.found.resolved


def synced(facts: RepositoryFacts) -> Check | None:
    """Whether Artifact Registry matches the spec; a new generation counts as updating until a pass has completed."""
    new = facts.found.generation not in (None, facts.stored.generation)
    if new and facts.found.synced is not None and facts.found.synced.ok and not facts.stored.deleting:
        return failed(Reason.UPDATING, "The operator is applying the new spec.")
    found = facts.found.synced
    if found is not None and found.ok and facts.found.advice:
        return passed(found.reason, facts.found.advice)
    return found


CHECKS: Sequence[tuple[ConditionType, Callable[[RepositoryFacts], Check | None]]] = (
    (ConditionType.RESOLVED_REFS, resolved),
    (ConditionType.SYNCED, synced),
)
"""In the order of the work; Ready has the reason of the first one that is not passed."""


def repository_status(facts: RepositoryFacts, now: datetime) -> dict[str, Any]:
    """Our whole status for an object in its current state."""
    stored, found = facts.stored, facts.found
    status = stored.status
    situation = Situation(stored.generation, found.generation, stored.deleting, facts.suspended, found.advice)
    words = {ConditionType.RESOLVED_REFS: REPOSITORY_REFS}
    if found.name is not None:
        words[ConditionType.SYNCED] = matches_as(found.name.repository_id)
    checks = known(((kind, check(facts)) for kind, check in CHECKS), status, situation, words)
    operation, summary = found.operation, facts.summary
    index_url = upload_url = None
    if found.name is not None:
        index_url, upload_url = index_urls(found.name, facts.template)
    fields = {
        "observedGeneration": situation.observed(status),
        "repository": found.name.full if found.name else None,
        "indexURL": index_url if found.mode else None,
        "uploadURL": upload_url if found.mode is Mode.STANDARD else None,
        "mode": str(found.mode) if found.mode else None,
        "createTime": timestamp(found.create_time) if found.create_time else None,
        "updateTime": timestamp(found.update_time) if found.update_time else None,
        "operation": operation
        and {"name": operation.name, "kind": str(operation.kind), "startTime": timestamp(operation.start_time)},
        "accessSummary": summary
        and {"accesses": summary.accesses, "members": summary.members, "memberLimit": summary.member_limit},
        "managed": sorted(found.managed) or None,
        "lastHandledRequest": found.handled_request or None,
        "conditions": build(checks, status, situation, now, advice=_advice(facts)),
    }
    return {name: value for name, value in fields.items() if value is not None}


def _advice(facts: RepositoryFacts) -> list[tuple[ConditionType, Check]]:
    safe = facts.found.index_safe
    if safe is None and facts.found.generation is None:
        safe = check_of(by_type(facts.stored.status).get(ConditionType.INDEX_SAFE, {}))
    return [(ConditionType.INDEX_SAFE, worded(ConditionType.INDEX_SAFE, safe))] if safe is not None else []
