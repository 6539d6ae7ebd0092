"""Requests to the emulated Google, and the operator's requests to the API server, as JSON objects."""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from wheelhouse_local.errors import LocalError
from wheelhouse_local.logs import Tail
from wheelhouse_local.state import State

Entry = dict[str, Any]
_POLL_S = 0.2
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def seconds(text: str) -> float:
    """Read `50ms`, `90`, `90s`, `2m` or `1h` as seconds.

    Raises:
        LocalError: it has another form.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|[smh]?)", text)
    if match is None:
        raise LocalError(f"{text!r} is not a duration: use 50ms, 90s, 2m or 1h")
    return float(match[1]) * _UNITS[match[2] or "s"]


def moment(text: str) -> datetime:
    """Read a time (ISO 8601, UTC by default) or how long ago it was (`90s`).

    Raises:
        LocalError: it has another form.
    """
    try:
        return _instant(text)
    except ValueError:
        return datetime.now(UTC) - timedelta(seconds=seconds(text))


def google(state: State, since: datetime | None = None) -> Iterator[Entry]:
    """Yield the requests to the emulated Google, oldest first, as it recorded them."""
    yield from (entry for entry in _objects(_lines([_google_file(state)])) if _recent(entry, since))


def kubernetes(state: State, since: datetime | None = None) -> Iterator[Entry]:
    """Yield the operator's requests to the API server, oldest first, from its audit log.

    `method` is the verb and the resource in RBAC's terms, `resource` the path with its query. A watch is included from
    its start, with the milliseconds until it was answered.
    """
    current = _audit_file(state)
    # The server renames a full log to audit-TIME.jsonl.
    for event in _objects(_lines([*sorted(current.parent.glob("audit-*.jsonl")), current])):
        entry = _audited(event)
        if entry is not None and _recent(entry, since):
            yield entry


def follow(
    state: State, wait: Callable[[float], bool], of_kubernetes: bool = False, since: datetime | None = None
) -> Iterator[Entry]:
    """Yield the recorded requests of the current log and then new ones, until `wait` (in seconds) returns True."""
    tail = Tail(_audit_file(state) if of_kubernetes else _google_file(state))
    while True:
        for row in _objects(tail.new()):
            entry = _audited(row) if of_kubernetes else row
            if entry is not None and _recent(entry, since):
                yield entry
        if wait(_POLL_S):
            return


def _google_file(state: State) -> Path:
    return state.google / "requests.jsonl"


def _audit_file(state: State) -> Path:
    return state.control_plane / "audit.jsonl"


def _audited(event: Entry) -> Entry | None:
    """One event of the audit log as a request; None for a stage that is not its answer."""
    if (event["stage"] == "ResponseStarted") != (event["verb"] == "watch"):
        return None
    reference = event.get("objectRef", {})
    received, answered = _instant(event["requestReceivedTimestamp"]), _instant(event["stageTimestamp"])
    names = (reference.get("resource"), reference.get("subresource"))
    return {
        "time": event["requestReceivedTimestamp"],
        "caller": event["user"]["username"],
        "service": "Kubernetes",
        "method": f"{event['verb']} {'/'.join(name for name in names if name)}".strip(),
        "resource": event["requestURI"],
        "status": str(event.get("responseStatus", {}).get("code", "")),
        "ms": round((answered - received).total_seconds() * 1000, 3),
    }


def _objects(lines: Iterable[str]) -> Iterator[Entry]:
    return (json.loads(line) for line in lines)


def _lines(files: list[Path]) -> Iterator[str]:
    for path in files:
        if path.exists():
            with path.open() as file:
                # The last line may be half written.
                yield from (line for line in file if line.endswith("\n"))


def _recent(entry: Entry, since: datetime | None) -> bool:
    return since is None or _instant(entry["time"]) >= since


def _instant(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
