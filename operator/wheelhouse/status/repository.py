"""PythonRepository: outcome ↔ status."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from wheelhouse.domain.modes import Mode
from wheelhouse.domain.objects import CustomObject
from wheelhouse.domain.outcome import AccessSummary, RepositoryOutcome, failed, pending
from wheelhouse.domain.reasons import ConditionType, Reason
from wheelhouse.domain.repository import Operation, OperationKind
from wheelhouse.status.conditions import build, by_type, check_of, moment, timestamp


def repository_status(outcome: RepositoryOutcome, status: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The whole status that is ours; `status` is what stands there now, for the transition times."""
    found = [(ConditionType.RESOLVED_REFS, outcome.resolved), (ConditionType.SYNCED, outcome.synced)]
    operation, summary = outcome.operation, outcome.access_summary
    advice = [(ConditionType.INDEX_SAFE, outcome.index_safe)] if outcome.index_safe else []
    fields = {
        "observedGeneration": outcome.generation,
        "repository": outcome.repository,
        "indexURL": outcome.index_url,
        "uploadURL": outcome.upload_url,
        "mode": str(outcome.mode) if outcome.mode else None,
        "createTime": timestamp(outcome.create_time) if outcome.create_time else None,
        "updateTime": timestamp(outcome.update_time) if outcome.update_time else None,
        "operation": operation
        and {"name": operation.name, "kind": str(operation.kind), "startTime": timestamp(operation.start_time)},
        "accessSummary": summary
        and {"accesses": summary.accesses, "members": summary.members, "memberLimit": summary.member_limit},
        "managed": sorted(outcome.managed) or None,
        "lastHandledRequest": outcome.handled_request or None,
        "conditions": build(found, status, outcome.generation, now, deleting=outcome.deleting, advice=advice),
    }
    return {name: value for name, value in fields.items() if value is not None}


def read_repository(stored: CustomObject) -> RepositoryOutcome:
    """What the status says, so that a restart forgets nothing; checks of an older generation are pending."""
    status = stored.status
    outcome = RepositoryOutcome(
        generation=stored.generation,
        resolved=pending("Not looked at yet."),
        synced=failed(Reason.CREATING, "Not looked at yet."),
        repository=_text(status, "repository"),
        index_url=_text(status, "indexURL"),
        upload_url=_text(status, "uploadURL"),
        create_time=moment(status.get("createTime")),
        update_time=moment(status.get("updateTime")),
        operation=_operation(status.get("operation")),
        access_summary=_summary(status.get("accessSummary")),
        mode=next((mode for mode in Mode if mode == status.get("mode")), None),
        managed=_managed(status.get("managed")),
        handled_request=_text(status, "lastHandledRequest") or "",
        deleting=stored.deleting,
    )
    if status.get("observedGeneration") != stored.generation:
        return outcome
    rows = by_type(status)
    resolved = check_of(rows.get(ConditionType.RESOLVED_REFS, {}))
    synced = check_of(rows.get(ConditionType.SYNCED, {}))
    safe = check_of(rows.get(ConditionType.INDEX_SAFE, {}))
    return replace(outcome, resolved=resolved or outcome.resolved, synced=synced or outcome.synced, index_safe=safe)


def _text(status: Mapping[str, Any], name: str) -> str | None:
    value = status.get(name)
    return value if isinstance(value, str) and value else None


def _managed(raw: object) -> frozenset[str]:
    return frozenset(str(entry) for entry in raw) if isinstance(raw, list) else frozenset()


def _operation(raw: object) -> Operation | None:
    if not isinstance(raw, Mapping):
        return None
    start = moment(raw.get("startTime"))
    kind = next((kind for kind in OperationKind if kind == raw.get("kind")), None)
    if start is None or kind is None or not isinstance(raw.get("name"), str):
        return None
    return Operation(raw["name"], kind, start)


def _summary(raw: object) -> AccessSummary | None:
    if not isinstance(raw, Mapping):
        return None
    numbers = [raw.get(name) for name in ("accesses", "members", "memberLimit")]
    return (
        AccessSummary(*(n for n in numbers if isinstance(n, int))) if all(isinstance(n, int) for n in numbers) else None
    )
