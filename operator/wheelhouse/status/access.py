"""RepositoryAccess: outcome ↔ status."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from wheelhouse.domain.iam import Grant, GrantRecord, GrantState
from wheelhouse.domain.objects import CustomObject
from wheelhouse.domain.outcome import AccessOutcome, SecretRecord, pending
from wheelhouse.domain.reasons import ConditionType
from wheelhouse.status.conditions import build, by_type, check_of, moment, timestamp

SUMMARY_LENGTH = 256


def access_status(outcome: AccessOutcome, status: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The whole status that is ours; `status` is what stands there now, for the transition times."""
    found = [
        (ConditionType.RESOLVED_REFS, outcome.resolved),
        (ConditionType.GRANTED, outcome.granted),
        (ConditionType.DISTRIBUTED, outcome.distributed),
        (ConditionType.VERIFIED, outcome.verified),
    ]
    fields = {
        "observedGeneration": outcome.generation,
        "repository": outcome.repository,
        "grants": [_grant(record) for record in outcome.grants],
        "grantSummary": _grant_summary(outcome.grants),
        "secret": _secret(outcome.secret) if outcome.secret else None,
        "conditions": build(found, status, outcome.generation, now, deleting=outcome.deleting),
    }
    return {name: value for name, value in fields.items() if value not in (None, [], "")}


def read_access(stored: CustomObject) -> AccessOutcome:
    """What the status says, so that a restart forgets nothing; checks of an older generation are pending."""
    status = stored.status
    repository = status.get("repository")
    waiting = pending("Not looked at yet.")
    outcome = AccessOutcome(
        generation=stored.generation,
        resolved=waiting,
        granted=waiting,
        distributed=waiting,
        verified=waiting,
        repository=repository if isinstance(repository, str) else None,
        grants=tuple(_read_grants(status.get("grants"))),
        secret=_read_secret(status.get("secret")),
        deleting=stored.deleting,
    )
    if status.get("observedGeneration") != stored.generation:
        return outcome
    rows = by_type(status)
    return replace(
        outcome,
        resolved=check_of(rows.get(ConditionType.RESOLVED_REFS, {})) or waiting,
        granted=check_of(rows.get(ConditionType.GRANTED, {})) or waiting,
        distributed=check_of(rows.get(ConditionType.DISTRIBUTED, {})) or waiting,
        verified=check_of(rows.get(ConditionType.VERIFIED, {})) or waiting,
    )


def _grant(record: GrantRecord) -> dict[str, str]:
    row = {"role": record.grant.role, "member": record.grant.member, "state": str(record.state)}
    return row | ({"message": record.message} if record.message else {})


def _grant_summary(grants: Iterable[GrantRecord]) -> str:
    """Who, as what: for the wide column."""
    parts = [
        f"{_short(r.grant.member)} {r.grant.role.rpartition('.')[2]}"
        for r in grants
        if r.state is not GrantState.REJECTED
    ]
    text = ", ".join(parts)
    return text if len(text) <= SUMMARY_LENGTH else f"{text[: SUMMARY_LENGTH - 1]}…"


def _short(member: str) -> str:
    return member.rpartition("/subject/")[2] if member.startswith("principal:") else member


def _secret(record: SecretRecord) -> dict[str, Any]:
    desired, current = len(record.namespaces), len(record.current)
    fields = {
        "name": record.name,
        "namespaces": list(record.namespaces),
        "summary": f"{current}/{desired}",
        "desired": desired,
        "current": current,
        "failed": [{"namespace": namespace, "reason": reason} for namespace, reason in record.failed[:10]],
        "expirationTime": timestamp(record.expires) if record.expires else None,
        "refreshTime": timestamp(record.refresh) if record.refresh else None,
        "identity": record.identity,
    }
    return {name: value for name, value in fields.items() if value not in (None, [], "")}


def _read_grants(raw: object) -> Iterable[GrantRecord]:
    for row in raw if isinstance(raw, list) else []:
        state = next((s for s in GrantState if isinstance(row, Mapping) and s == row.get("state")), None)
        if state is not None:
            grant = Grant(str(row.get("role")), str(row.get("member")))
            yield GrantRecord(grant, state, str(row.get("message", "")))


def _read_secret(raw: object) -> SecretRecord | None:
    if not isinstance(raw, Mapping) or not isinstance(raw.get("name"), str):
        return None
    listed = raw.get("namespaces")
    namespaces = tuple(str(name) for name in listed) if isinstance(listed, list) else ()
    complete = raw.get("current") == len(namespaces)
    return SecretRecord(
        name=raw["name"],
        namespaces=namespaces,
        current=namespaces if complete else (),
        expires=moment(raw.get("expirationTime")),
        refresh=moment(raw.get("refreshTime")),
        identity=str(raw.get("identity", "")),
    )
