"""Whether a list of conditions is well-formed: kstatus, known values, plausible times."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from wheelhouse.domain.reasons import ConditionType, Reason

FIELDS = {"type", "status", "reason", "message", "lastTransitionTime", "observedGeneration"}


def misshapen(status: Mapping[str, Any], generation: int) -> str | None:
    """The problem with our conditions in a status that was just written; None if there is none."""
    listed = status.get("conditions", ())
    rows = [row for row in listed if isinstance(row, dict) and row.get("type") in set(ConditionType)]
    types = [row["type"] for row in rows]
    if len(set(types)) != len(types):
        return f"a type occurs twice: {types}"
    if not types or types[0] != "Ready":
        return f"Ready is not the first: {types}"
    for row in rows:
        if (wrong := _misshapen(row, generation)) is not None:
            return f"{row}: {wrong}"
    moving = {"Reconciling", "Stalled"} & set(types)
    if any(row["status"] != "True" for row in rows if row["type"] in moving):
        return "Reconciling and Stalled are present only while true"
    if (rows[0]["status"] == "True") is (len(moving) != 0) or len(moving) > 1:
        return f"Ready is {rows[0]['status']} beside {sorted(moving)}"
    observed = status.get("observedGeneration")
    if not isinstance(observed, int) or observed > generation:
        return f"observedGeneration is {observed}, the generation {generation}"
    if rows[0]["observedGeneration"] != observed:
        return f"observedGeneration is {observed}, that of Ready {rows[0]['observedGeneration']}"
    return None


def _misshapen(row: Mapping[str, Any], generation: int) -> str | None:
    if set(row) != FIELDS:
        return "its fields are others"
    if row["status"] not in {"True", "False", "Unknown"} or row["reason"] not in set(Reason):
        return "a word that is not ours"
    # Conditions are about the generation that a pass has finished: an earlier one while work continues.
    if not isinstance(row["observedGeneration"], int) or row["observedGeneration"] > generation:
        return "it is about a generation that does not exist"
    if row["status"] != "True" and row["type"] == "Ready" and not row["message"]:
        return "it says nothing to the user"
    try:
        datetime.strptime(row["lastTransitionTime"], "%Y-%m-%dT%H:%M:%S%z")
    except (ValueError, TypeError):
        return "its time is none"
    return None
