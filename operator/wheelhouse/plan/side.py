"""One access in the plan of a policy: what it has recorded and what it wants, by the identity of each grant."""

from collections.abc import Set as AbstractSet

from wheelhouse.domain.iam import GrantRecord, GrantState, Pair, identity
from wheelhouse.plan.claimant import Claimant

Entries = AbstractSet[tuple[str, Pair]]
"""Grants in ledgers, each with the uid of its access."""


class Side:
    """One claimant, with its grants by their identity.

    Attributes:
        held: what it has recorded.
        wanted: all that it wants.
        claims: the grants that count now: only those that it already has, if none may be added.
    """

    __slots__ = ("claimant", "claims", "held", "wanted")

    def __init__(self, claimant: Claimant) -> None:
        self.claimant = claimant
        self.held = {identity(r.grant.role, r.grant.member): r for r in claimant.ledger}
        self.wanted = self.claims = {identity(grant.role, grant.member): grant for grant in claimant.wanted}
        if not claimant.may_add:
            self.claims = {pair: grant for pair, grant in self.wanted.items() if self.has(pair)}

    def has(self, pair: Pair) -> bool:
        """Whether it has recorded the grant, as its own or another client's."""
        record = self.held.get(pair)
        return record is not None and record.state is not GrantState.REJECTED

    def owns(self, pair: Pair) -> bool:
        """Whether it has recorded the grant as its own."""
        record = self.held.get(pair)
        return record is not None and record.state.owned


def inherited(uid: str, record: GrantRecord, unset: Entries, sent: Entries) -> bool:
    """Whether another process recorded a grant, and status does not say yet that this one is about to set it.

    Args:
        uid: of the access.
        record: an entry of its ledger.
        unset: what this process recorded and certainly never set.
        sent: what this process recorded, and may have set.
    """
    entry = (uid, record.grant.identity)
    recorded = record.state is GrantState.RECORDED and not record.message
    return recorded and entry not in unset and entry not in sent
