"""Two objects that must look the same, because a difference would tell which repositories exist."""

from datetime import datetime
from typing import Any

from e2e.attacks.pair import Json, Pair


def same(pair: Pair, plural: str, first: str, second: str, renamed: dict[str, str]) -> None:
    """Check that two objects of the attacker's tell the same, in words, in times and in writes.

    Args:
        pair: the scenario.
        plural: their kind.
        first: the name of one of them.
        second: the name of the other.
        renamed: what the second says differently because of its spec, and what the first says instead.
    """
    bodies = [pair.board.get(plural, pair.attacker, name) for name in (first, second)]
    one, other = (
        _told(body, renamed if name == second else {}) for body, name in zip(bodies, (first, second), strict=True)
    )
    assert one == other
    times, others = (_times(body) for body in bodies)
    assert times.keys() == others.keys()
    assert all(abs(times[kind] - others[kind]) <= 1 for kind in times), (times, others)
    assert pair.board.writes(pair.attacker, plural, first) == pair.board.writes(pair.attacker, plural, second)


def _told(body: Json | None, renamed: dict[str, str]) -> Any:
    """The whole status without times."""
    assert body is not None
    status = {key: value for key, value in body["status"].items() if key != "conditions"}
    rows = [
        {key: text for key, text in row.items() if key != "lastTransitionTime"} for row in body["status"]["conditions"]
    ]
    text = repr((status, rows, body["metadata"].get("finalizers")))
    for found, instead in renamed.items():
        text = text.replace(found, instead)
    return text


def _times(body: Json | None) -> dict[str, float]:
    """For each condition, the seconds between the oldest one and it."""
    assert body is not None
    found = {
        row["type"]: datetime.fromisoformat(row["lastTransitionTime"]).timestamp()
        for row in body["status"]["conditions"]
    }
    return {kind: moment - min(found.values()) for kind, moment in found.items()}
