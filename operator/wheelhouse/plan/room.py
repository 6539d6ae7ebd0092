"""Which grants fit into a policy within IAM's limits, so that no replacement loses the grant that it replaces."""

from collections.abc import Collection, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from wheelhouse.domain.iam import GROUP_LIMIT, MEMBER_LIMIT, Pair, Policy, is_group


@dataclass(frozen=True, slots=True)
class Swap:
    """One claimant's new grants, and those that it gives up."""

    news: tuple[Pair, ...]
    olds: tuple[Pair, ...]


@dataclass(frozen=True, slots=True)
class Fit:
    """The grants that fit, and those that stay because their successor does not fit."""

    fits: frozenset[Pair]
    kept: frozenset[Pair]


def fit(swaps: Sequence[Swap], leaving: AbstractSet[Pair], observed: Policy) -> Fit:
    """Allot the room in a policy.

    Each claimant first gets the room that it frees itself. The rest goes to the claimants in order. A grant whose
    successor does not fit stays.

    Args:
        swaps: one for each claimant that adds anything, in order of priority.
        leaving: the grants that leave the policy.
        observed: the policy as it was read.
    """
    kept: set[Pair] = set()
    while True:
        round_ = _Round(leaving - kept, observed)
        round_.allot(swaps)
        more = {old for swap in swaps for old in round_.orphaned(swap)}
        if not more:
            return Fit(frozenset(round_.taken), frozenset(kept))
        kept |= more


def fits_all(news: Collection[Pair], going: int, observed: Policy) -> bool:
    """Whether all of them fit, however the room is allotted.

    Args:
        news: the grants to add.
        going: how many grants leave the policy.
        observed: the policy as it was read.
    """
    if len(news) > MEMBER_LIMIT - observed.size + going:
        return False
    groups = sum(map(is_group, news))
    return not groups or groups <= GROUP_LIMIT - observed.groups


def successors(swap: Swap) -> Sequence[Pair]:
    """The new grants that use the room of those that the claimant gives up."""
    return _successors_first(swap.news, swap.olds)[: len(swap.olds)]


def partner(new: Pair, olds: Collection[Pair]) -> Pair | None:
    """The grant of the same member that a new one replaces: a change of role."""
    return next((old for old in olds if old[1] == new[1]), None)


class _Round:
    """One attempt to allot; `going` are the grants that leave in it."""

    def __init__(self, going: AbstractSet[Pair], observed: Policy) -> None:
        self.taken: set[Pair] = set()
        self._going = going
        self._spent: set[Pair] = set()
        self._room = MEMBER_LIMIT - observed.size + len(going)
        self._groups = GROUP_LIMIT - observed.groups + sum(map(is_group, going))

    def allot(self, swaps: Sequence[Swap]) -> None:
        for swap in swaps:
            own = [old for old in swap.olds if old in self._going and old not in self._spent]
            for new in _successors_first(swap.news, own):
                if own and self._take(new):
                    self._spent.add(_pop(new, own))
        for swap in swaps:
            for new in swap.news:
                self._take(new)

    def orphaned(self, swap: Swap) -> set[Pair]:
        """What this claimant would lose without a gain: as many grants as it has new ones that do not fit."""
        own = [old for old in swap.olds if old in self._going]
        orphaned = set()
        for new in _successors_first(sorted(swap.news, key=lambda new: new not in self.taken), own):
            if own:
                old = _pop(new, own)
                if new not in self.taken:
                    orphaned.add(old)
        return orphaned

    def _take(self, new: Pair) -> bool:
        if new in self.taken:
            return True
        group = is_group(new)
        if self._room < 1 or (group and self._groups < 1):
            return False
        self.taken.add(new)
        self._room -= 1
        self._groups -= group
        return True


def _successors_first(news: Sequence[Pair], olds: Collection[Pair]) -> list[Pair]:
    return sorted(news, key=lambda new: partner(new, olds) is None)


def _pop(new: Pair, olds: list[Pair]) -> Pair:
    """Remove the grant that a new one replaces: one of the same member, otherwise any."""
    old = partner(new, olds) or olds[0]
    olds.remove(old)
    return old
