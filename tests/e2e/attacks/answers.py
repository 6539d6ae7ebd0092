"""What the API server and our objects tell an attacker."""

from collections.abc import Sequence
from typing import Any

from wheelhouse.domain.reasons import STALLED_AT_ONCE, Reason

Json = dict[str, Any]
# The condition that names each reason (the design page api.md).
CONDITIONS = {
    "ProjectNotAllowed": "ResolvedRefs",
    "SecretNotAllowed": "ResolvedRefs",
    "FanOutNotAllowed": "ResolvedRefs",
    "RefNotPermitted": "ResolvedRefs",
    "RepositoryNotReady": "ResolvedRefs",
    "RepositoryNotFound": "ResolvedRefs",
    "AlreadyExists": "Synced",
    "OwnedElsewhere": "Synced",
    "SubjectNotPermitted": "Granted",
    "NotWritable": "Granted",
    "Suspended": "ResolvedRefs",
    "NotOptedIn": "Distributed",
    "SecretConflict": "Distributed",
    "ServiceAccountNotFound": "Distributed",
    "TokenRefused": "Granted",
}


def condition(body: Json, kind: str) -> Json:
    """A condition of an object; empty without it."""
    found: list[Json] = body.get("status", {}).get("conditions", [])
    return next((row for row in found if row["type"] == kind), {"status": "", "reason": "", "message": ""})


def refused(answer: tuple[int, Json], *words: str) -> None:
    """The API server refuses a request, with a sentence."""
    status, body = answer
    assert status in {400, 403, 422}, body
    assert not [each for each in words if each not in body["message"]], body["message"]


def check_report(body: Json, reason: str, words: Sequence[str]) -> None:
    """Check that an object is not Ready with this reason and these words, and Stalled if only a user can mend it."""
    ready = condition(body, "Ready")
    assert (ready["status"], ready["reason"]) == ("False", reason), ready
    assert condition(body, CONDITIONS[reason])["reason"] == reason
    stalled, moving = condition(body, "Stalled")["status"], condition(body, "Reconciling")["status"]
    assert (stalled, moving) == (("True", "") if Reason(reason) in STALLED_AT_ONCE else ("", "True"))
    assert not [each for each in words if each not in ready["message"]], ready["message"]
