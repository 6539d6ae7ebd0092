"""Requests to the emulated Google, and the operator's requests to the API server, as JSON objects."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from wheelhouse_local.errors import LocalError
from wheelhouse_local.state import State

Entry = dict[str, Any]
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
    yield from (entry for entry in _lines([state.google / "requests.jsonl"]) if _recent(entry, since))


def kubernetes(state: State, since: datetime | None = None) -> Iterator[Entry]:
    """Yield the operator's requests to the API server, oldest first, from its audit log.

    `method` is the verb and the resource in RBAC's terms, `resource` the path with its query. A watch is included from
    its start, with the milliseconds until it was answered.
    """
    folder = state.control_plane
    # The server renames a full log to audit-TIME.jsonl.
    for event in _lines([*sorted(folder.glob("audit-*.jsonl")), folder / "audit.jsonl"]):
        reference = event.get("objectRef", {})
        if (event["stage"] == "ResponseStarted") != (event["verb"] == "watch"):
            continue
        received, answered = _instant(event["requestReceivedTimestamp"]), _instant(event["stageTimestamp"])
        names = (reference.get("resource"), reference.get("subresource"))
        entry = {
            "time": event["requestReceivedTimestamp"],
            "caller": event["user"]["username"],
            "service": "Kubernetes",
            "method": f"{event['verb']} {'/'.join(name for name in names if name)}".strip(),
            "resource": event["requestURI"],
            "status": str(event.get("responseStatus", {}).get("code", "")),
            "ms": round((answered - received).total_seconds() * 1000, 3),
        }
        if _recent(entry, since):
            yield entry


def _lines(files: list[Path]) -> Iterator[Entry]:
    for path in files:
        if path.exists():
            with path.open() as file:
                # The last line may be half written.
                yield from (json.loads(line) for line in file if line.endswith("\n"))


def _recent(entry: Entry, since: datetime | None) -> bool:
    return since is None or _instant(entry["time"]) >= since


def _instant(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
