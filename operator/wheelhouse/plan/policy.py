"""All accesses of a repository × its IAM policy → one read-modify-write.

Adds grants that are wanted and missing, removes our grants that are no longer wanted, and changes nothing else.
"""

from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import cached_property

from wheelhouse.domain.iam import Grant, GrantRecord, GrantState, Pair, Policy
from wheelhouse.domain.names import ObjectKey
from wheelhouse.plan.bindings import changed
from wheelhouse.plan.claimant import Claimant
from wheelhouse.plan.room import Swap, fit, fits_all, partner, successors
from wheelhouse.plan.side import Entries, Side, inherited
from wheelhouse.plan.tombstones import buried, tombstones

Records = tuple[GrantRecord, ...]
Ledgers = Mapping[ObjectKey, Records]


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a pass knows besides claims and policy.

    Attributes:
        rejected: grants that IAM recently rejected, with its message: they are left out.
        withheld: grants left out because a set with them was refused: for the policy's size, or altogether.
        unset: what this process recorded and certainly never set, by the access's uid: if such a grant is in the
            policy, another client added it.
        sent: what this process recorded, and may have set.
        debts: grants of accesses that disappeared without a release.
        recorded: whether only grants in a ledger may be added or shared, as it is once the ledgers are written.
        only: the grants that this attempt may add, during the search for those that IAM rejects; None for all.
        still: whether nothing is removed, because the policy cannot be set in this pass.
    """

    rejected: Mapping[Pair, str] = field(default_factory=dict)
    withheld: AbstractSet[Pair] = frozenset()
    unset: Entries = frozenset()
    sent: Entries = frozenset()
    debts: Collection[GrantRecord] = ()
    recorded: bool = False
    only: AbstractSet[Pair] | None = None
    still: bool = False


@dataclass(frozen=True, slots=True)
class PolicyPlan:
    """What to do: record `before`, set `policy` (None: unchanged), then the ledgers are `after`.

    Attributes:
        full: the grants for which the policy has no room.
        missing: the wanted grants that are not in the policy afterwards.
        adopted: grants that an access takes over, with that access.
        restored: those of `add` that had been granted and were removed by another client.
        unpaid: the debts that remain, because an existing access wants them and has not recorded them.
        unannounced: the accesses with a grant that waits until status says that this process is about to set it.
        exchanged: those of `add` that use the room of a grant that their access gives up.
        size: principals in the policy afterwards.
    """

    add: tuple[Grant, ...]
    remove: tuple[Grant, ...]
    before: Ledgers
    after: Ledgers
    policy: Policy | None
    full: frozenset[Pair]
    missing: frozenset[Pair]
    adopted: tuple[tuple[ObjectKey, Grant], ...]
    restored: frozenset[Pair]
    unpaid: frozenset[Pair]
    unannounced: frozenset[ObjectKey]
    exchanged: frozenset[Pair]
    size: int


def plan_policy(
    claimants: Sequence[Claimant], observed: Policy, circumstances: Circumstances | None = None
) -> PolicyPlan:
    """Plan one pass.

    Args:
        claimants: every access that refers to this repository, or whose ledger does.
        observed: the policy that was just read.
        circumstances: what else is known.

    Returns:
        A plan that keeps every binding it does not own as it was read.
    """
    return _Planner(claimants, observed, circumstances or Circumstances()).plan()


class _Planner:
    def __init__(self, claimants: Sequence[Claimant], observed: Policy, known: Circumstances) -> None:
        self.observed = observed
        self.known = known
        self.present = observed.grants()
        self.sides = [Side(claimant) for claimant in sorted(claimants, key=lambda claimant: claimant.rank)]
        self.wanted: dict[Pair, Grant] = {}
        for side in self.sides:
            for pair, grant in side.claims.items():
                self.wanted.setdefault(pair, grant)
        self.owned = {record.grant.identity: record.grant for record in known.debts}
        for side in self.sides:
            for pair, record in side.held.items():
                if record.state.owned and not self.foreign(side, pair, record):
                    self.owned[pair] = record.grant
        self.adopted = self.adoptions()
        self.owned |= {grant.identity: grant for _, grant in self.adopted}
        self.unannounced: set[ObjectKey] = set()
        self.addable = self.additions()
        self.leaving = {pair for pair in self.owned if pair in self.present and pair not in self.wanted}
        granted = {pair for side in self.sides for pair, r in side.held.items() if r.state is GrantState.GRANTED}
        granted |= {record.grant.identity for record in known.debts if record.state is GrantState.GRANTED}
        found = tombstones(observed, granted.difference(self.present))
        self.tombstones = {} if known.still else found
        self.buried = {buried(tombstone) for tombstone in found} if known.still else set()
        self.kept = set(self.leaving) if known.still else self.replaced()
        self.fits = self.allotted()

    def foreign(self, side: Side, pair: Pair, record: GrantRecord) -> bool:
        """Whether another client added a recorded grant that is in the policy."""
        return (
            record.state is GrantState.RECORDED
            and pair in self.present
            and (side.claimant.uid, pair) in self.known.unset
        )

    def adoptions(self) -> tuple[tuple[ObjectKey, Grant], ...]:
        """Grants in the policy and in no ledger that an access takes over."""
        found: dict[Pair, tuple[ObjectKey, Grant]] = {}
        for side in self.sides:
            if side.claimant.adopts and side.claimant.may_add and not self.known.still:
                for pair, grant in side.claims.items():
                    if pair in self.present and pair not in self.owned:
                        found.setdefault(pair, (side.claimant.access, grant))
        return tuple(found.values())

    def additions(self) -> dict[Pair, Grant]:
        """Grants that may be added, the oldest access first; to restore a grant also requires a usable repository."""
        out = {*self.known.rejected, *self.known.withheld}
        found: dict[Pair, Grant] = {}
        for side in self.sides:
            if side.claimant.may_add:
                for pair, grant in side.claims.items():
                    if pair in self.present or pair in out:
                        continue
                    if self.known.recorded and not side.owns(pair):
                        continue
                    record = side.held[pair] if self.known.recorded else None
                    if record and inherited(side.claimant.uid, record, self.known.unset, self.known.sent):
                        self.unannounced.add(side.claimant.access)
                        continue
                    found.setdefault(pair, grant)
        return found

    def swaps(self) -> list[tuple[Side, Swap]]:
        """The claimants that lack a grant, with those that they give up."""
        found = []
        for side in self.sides:
            news = tuple(pair for pair in side.wanted if pair not in self.present)
            if news:
                olds = tuple(pair for pair in side.held if pair in self.leaving and side.owns(pair))
                found.append((side, Swap(news, olds)))
        return found

    def replaced(self) -> set[Pair]:
        """Grants that stay: the same member's next role cannot be added now, or the policy is too large."""
        kept: set[Pair] = set()
        for _, swap in self.swaps() if self.leaving else ():
            for new in swap.news:
                if new in self.addable:
                    continue
                olds = [old for old in swap.olds if old not in kept]
                old = partner(new, olds)
                if old is None and new in self.known.withheld:
                    old = next(iter(olds), None)
                if old is not None:
                    kept.add(old)
        return kept

    def allotted(self) -> frozenset[Pair]:
        """The additions that the policy has room for; the grants that the others would replace stay."""
        going = self.leaving - self.kept
        if fits_all(self.addable, len(going), self.observed):
            return frozenset(self.addable)
        swaps = []
        for side, swap in self.swaps():
            if side.claimant.may_add:
                news = tuple(pair for pair in swap.news if pair in self.addable)
                swaps.append(Swap(news, swap.olds))
        result = fit(swaps, going, self.observed)
        self.kept |= result.kept
        return result.fits

    def plan(self) -> PolicyPlan:
        only = self.known.only
        add = () if self.known.still else tuple(sorted(pair for pair in self.fits if only is None or pair in only))
        remove = tuple(sorted(self.leaving - self.kept))
        added, removed = frozenset(add), frozenset(remove)
        gone = removed.union(self.tombstones)
        policy = changed(self.observed, [self.wanted[pair] for pair in add], gone) if add or gone else None
        before, after = {}, {}
        for side in self.sides:
            key = side.claimant.access
            before[key], after[key] = self.ledgers(side, added, removed)
        return PolicyPlan(
            add=tuple(self.wanted[pair] for pair in add),
            remove=(*(self.owned[pair] for pair in remove), *self.tombstones.values()),
            before=before,
            after=after,
            policy=policy,
            full=frozenset(self.addable).difference(self.fits) | self.known.withheld,
            missing=frozenset(
                pair for side in self.sides for pair in side.wanted if pair not in self.present and pair not in added
            ),
            adopted=self.adopted,
            restored=self.drifted(added),
            unpaid=self.unpaid(removed),
            unannounced=frozenset(self.unannounced),
            exchanged=added.intersection(pair for _, swap in self.swaps() for pair in successors(swap))
            if remove
            else frozenset(),
            size=policy.size if policy is not None else self.observed.size,
        )

    def drifted(self, added: AbstractSet[Pair]) -> frozenset[Pair]:
        """Grants that are restored."""
        return frozenset(
            pair
            for side in (self.sides if added else ())
            for pair, record in side.held.items()
            if record.state is GrantState.GRANTED and pair in added
        )

    def unpaid(self, removed: AbstractSet[Pair]) -> frozenset[Pair]:
        """Debts that this plan does not pay and that no existing access has taken over."""
        owed = {record.grant.identity for record in self.known.debts}
        standing = frozenset(p for p in owed & self.present if p not in removed and p not in self.shared)
        return standing | (owed & self.buried)

    @cached_property
    def shared(self) -> frozenset[Pair]:
        """Grants that a claimant owns and wants: others may drop them from their ledgers."""
        if self.known.recorded:
            return frozenset(pair for side in self.sides for pair in side.claims if side.owns(pair))
        return frozenset(pair for pair in self.wanted if pair in self.owned)

    def ledgers(self, side: Side, added: AbstractSet[Pair], removed: AbstractSet[Pair]) -> tuple[Records, Records]:
        """A ledger before and after the policy is set."""
        if self.stands(side):
            return side.claimant.ledger, side.claimant.ledger  # Nothing to do, as for most.
        before, after = [], []
        for pair, grant in side.claims.items():
            record = self.record(side, pair, grant)
            if record is not None:
                before.append(record)
                granted = record.state is GrantState.RECORDED and pair in added
                after.append(record.with_state(GrantState.GRANTED) if granted else record)
        for pair, record in side.held.items():
            if record.state.owned and pair not in side.claims and not self.foreign(side, pair, record):
                before.append(record)
                stays = pair in self.present and pair not in removed and pair not in self.shared
                if stays or pair in self.buried:
                    after.append(record)
        return tuple(before), tuple(after)

    def stands(self, side: Side) -> bool:
        """Whether a claimant has exactly the grants that it claims, and all of them are in the policy."""
        if len(side.claims) != len(side.held):
            return False
        for pair, record in side.held.items():
            if record.state is not GrantState.GRANTED or pair not in side.claims or pair not in self.present:
                return False
        return True

    def record(self, side: Side, pair: Pair, grant: Grant) -> GrantRecord | None:
        """The entry of a grant that this access claims; None if there is nothing to record."""
        held = side.held.get(pair)
        if pair in self.present:
            if pair not in self.owned:
                return GrantRecord(grant, GrantState.EXISTING)
            if self.known.recorded and not side.owns(pair) and (side.claimant.access, grant) not in self.adopted:
                return held  # A grant in another ledger is shared once that is recorded.
            return GrantRecord(grant, GrantState.GRANTED)
        if pair in self.known.rejected:
            return GrantRecord(grant, GrantState.REJECTED, self.known.rejected[pair])
        if held is not None and held.state.owned:
            given_up = pair not in self.fits and (side.claimant.uid, pair) in self.known.unset
            return None if given_up and side.claimant.may_add else held
        if pair in self.fits and side.claimant.may_add and not self.known.recorded:
            return GrantRecord(grant, GrantState.RECORDED)
        return None
