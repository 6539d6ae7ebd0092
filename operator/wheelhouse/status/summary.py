"""Who has which role, in one line for `kubectl get -o wide` and for Events."""

from collections.abc import Iterable

from wheelhouse.domain.iam import GrantRecord, GrantState, Role
from wheelhouse.domain.pools import principal

SUMMARY_LENGTH = 256
_POOLS = ("/workloadIdentityPools/", "/workforcePools/")
_ROLES = {role.iam: str(role) for role in Role}


def grant_summary(grants: Iterable[GrantRecord]) -> str:
    """The members by role: `Reader: ml/trainer, group:team@example.com`. Rejected grants are left out.

    Args:
        grants: the ledger.

    Returns:
        At most 256 characters: what does not fit is counted (`and 12 more`).
    """
    rows = [record.grant for record in grants if record.state is not GrantState.REJECTED]
    members: dict[str, list[str]] = {}
    for grant in rows:
        members.setdefault(_ROLES.get(grant.role, grant.role), []).append(_short(grant.member))
    text, shown = "", 0
    for role, names in members.items():
        for index, name in enumerate(names):
            lead = ", " if index else f"{'; ' if text else ''}{role}: "
            rest = len(rows) - shown - 1
            room = SUMMARY_LENGTH - (len(f" and {rest} more") if rest else 0)
            if len(text) + len(lead) + len(name) > room:
                return f"{text} and {len(rows) - shown} more" if text else f"{len(rows)} members"
            text, shown = text + lead + name, shown + 1
    return text


def _short(member: str) -> str:
    """A ServiceAccount as namespace/name, another principal without the path of its pool, an e-mail with its type."""
    found = principal(member)
    if found is not None:
        return str(found[1])
    for pools in _POOLS:
        if pools in member:
            return member.partition(pools)[2]
    return member
