"""Messages of conditions that are True: what is in place. They contain no times, so a refresh does not change them."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from wheelhouse.domain.configuration.reserved import index_name
from wheelhouse.domain.findings import Check
from wheelhouse.domain.iam import GrantRecord, GrantState
from wheelhouse.domain.reasons import ConditionType, Reason

IN_PLACE = "Everything that the spec requests is in place."
MATCHES = "Artifact Registry matches the spec."
REPOSITORY_REFS = "The project and everything that the spec refers to were found and may be used."
ACCESS_REFS = "The PythonRepository was found and permits this access."


_BY_REASON: Mapping[Reason, str] = {
    Reason.OBSERVED: "The repository was found. The operator does not change it.",
    Reason.NO_PUBLIC_INDEX: "No upstream is Remote, so no public package can replace a private one.",
    Reason.NOT_REQUESTED: "The spec requests no Secret.",
    Reason.NOT_APPLICABLE: "There is no token to verify, because the spec requests no Secret.",
    Reason.VERIFICATION_OFF: "The operator's setting verify_access is off, so it does not check the token.",
}
_BY_TYPE: Mapping[ConditionType, str] = {
    ConditionType.SYNCED: MATCHES,
    ConditionType.VERIFIED: "The index accepted the token in the Secret.",
}


def worded(kind: ConditionType, check: Check, words: str = "") -> Check:
    """The finding with a message, if it has passed and has none.

    Args:
        kind: the condition's type.
        check: what was found.
        words: the message, unless the reason has its own.
    """
    if check.message or not check.ok:
        return check
    return replace(check, message=_BY_REASON.get(check.reason) or words or _BY_TYPE.get(kind, ""))


def matches_as(repository_id: str) -> str:
    """That the repository matches, and its name in clients' files if that is not its id."""
    name = index_name(repository_id)
    if name == repository_id:
        return MATCHES
    return f"{MATCHES} In client configuration its name is {name}, because {repository_id} has a meaning to clients."


def granted_to(grants: Iterable[GrantRecord]) -> str:
    """How many members have which roles, from the ledger."""
    rows = [record.grant for record in grants if record.state is not GrantState.REJECTED]
    members = len({grant.member for grant in rows})
    if not members:
        return "No member has a grant."
    roles = ", ".join(sorted({grant.role for grant in rows}))
    return f"{members} member{' has' if members == 1 else 's have'} {roles} on the repository."


def distributed_as(name: str, desired: int, *, token: bool = True) -> str:
    """Which Secret is in place; the times of its token are in status only: a message must not change at a refresh.

    Args:
        name: the name of the Secret.
        desired: how many are requested.
        token: whether it has a token.
    """
    if not token:
        where = " in each namespace" if desired > 1 else ""
        return f"The Secret {name} is in place{where}. It has no token: clients get theirs from the keyring plugin."
    if desired > 1:
        return f"The Secret {name} has a valid token in each namespace. See status.secret for their number and times."
    return f"The Secret {name} has a valid token. See status.secret for the token's times."
