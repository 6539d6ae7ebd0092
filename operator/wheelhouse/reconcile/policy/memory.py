"""What this process remembers of one policy between passes; a restart loses it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from wheelhouse.domain.iam import GrantState, Pair
from wheelhouse.domain.names import ObjectKey
from wheelhouse.plan.claimant import Claimant
from wheelhouse.reconcile.policy.oversize import REMEMBERED, Oversize

LONGEST_REMEMBERED = 6 * 3600.0
"""Maximum seconds until the operator retries a rejected member. The wait starts at ten minutes, and doubles with each
retry: an access with many bad members must not cost as many sets every ten minutes."""
REST, LONGEST_REST = 4.0, 10.0
"""How long new grants wait after a pass that set the policy: this many times its duration, and seconds at most."""
LONGEST_WAIT = 120.0
"""Maximum seconds that a pass waits for accesses that are about to request grants: a set for each would delay all."""
LONGEST_HANDOVER = 30.0
"""Maximum seconds that a revocation waits for an access that is about to request the same grant."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """A member that IAM rejected: its message, when to retry, and how often it was rejected."""

    words: str
    retry_at: float
    times: int = 1


@dataclass(slots=True)
class Memory:
    """One policy as this process knows it; times are of a monotonic clock.

    Attributes:
        unset: what this process recorded and certainly never set, by the access's uid.
        sent: what this process recorded, and requested to set: without an answer, it may be set.
        rejected: members that IAM rejected.
        oversize: grants that made the policy too large.
        failures: how often in a row an access could not be recorded.
        refused: whether the whole last set was refused.
        seen: what the last pass saw of each access (`Claimant.mark`).
        creation: when the repository that the last pass saw was created.
        begun: when the last pass began.
        due: when the next pass reads the policy even if nothing has changed; in the past after a pass that failed.
        rests_until: until when new grants wait to be combined with others.
        waits_until: when the next pass stops waiting for arriving accesses; None while it waits for none.
        awaited: the accesses that it waits for until then, by uid; none while a revocation waits too.
        looked: when a pass last decided about all accesses, and waited.
        stragglers: uids of accesses that a pass has waited for in vain.
    """

    unset: set[tuple[str, Pair]] = field(default_factory=set)
    sent: set[tuple[str, Pair]] = field(default_factory=set)
    rejected: dict[Pair, Rejection] = field(default_factory=dict)
    oversize: Oversize = field(default_factory=Oversize)
    failures: dict[ObjectKey, int] = field(default_factory=dict)
    refused: bool = False
    seen: dict[ObjectKey, int] = field(default_factory=dict)
    creation: datetime | None = None
    begun: float = 0.0
    due: float = 0.0
    rests_until: float = 0.0
    waits_until: float | None = None
    awaited: Mapping[str, ObjectKey] = field(default_factory=dict)
    looked: float = 0.0
    stragglers: frozenset[str] = frozenset()

    def rest(self, begun: float, now: float) -> None:
        """Note that the policy was set: while accesses arrive, the next pass combines what a few more bring.

        Args:
            begun: when the pass began.
            now: when it ended.
        """
        self.rests_until = now + min(LONGEST_REST, REST * (now - begun))

    def waits_for(self, arriving: Mapping[str, ObjectKey], now: float, *, revokes: bool) -> bool:
        """Whether a pass should wait for these accesses, so that one set has the grants of all of them.

        No pass waits twice for an access that does not arrive, such as one whose finalizer a webhook denies.

        Args:
            arriving: the accesses that may add grants soon, without stragglers, by uid.
            now: the time.
            revokes: whether a revocation waits for them too.
        """
        if not arriving:
            self.waits_no_more()
            return False
        until = now + (LONGEST_HANDOVER if revokes else LONGEST_WAIT)
        self.waits_until = until if self.waits_until is None else min(self.waits_until, until)
        if now < self.waits_until:
            self.awaited, self.looked = {} if revokes else arriving, now
            return True
        self.stragglers |= arriving.keys()
        self.waits_no_more()
        return False

    def waits_no_more(self) -> None:
        """A pass acts now; the next one that waits has all its time."""
        self.waits_until, self.awaited = None, {}

    def rejections(self, now: float) -> Mapping[Pair, str]:
        """The grants that IAM rejected recently, with its message."""
        return {pair: each.words for pair, each in self.rejected.items() if now < each.retry_at}

    def reject(self, pairs: Collection[Pair], words: str, now: float) -> None:
        """IAM rejected these grants with this message."""
        for pair in pairs:
            before = self.rejected.get(pair)
            times = before.times + 1 if before is not None else 1
            wait = min(LONGEST_REMEMBERED, REMEMBERED * 2.0 ** min(times - 1, 16))
            self.rejected[pair] = Rejection(words, now + wait, times)

    def retry(self, pairs: Collection[Pair]) -> None:
        """A person requests a check of these grants: those that were rejected, or did not fit, are tried again.

        Those of other accesses keep their wait: a tenant must not make the operator retry for all.
        """
        for pair in pairs:
            self.oversize.waiting.discard(pair)
            if (before := self.rejected.get(pair)) is not None:
                self.rejected[pair] = replace(before, retry_at=0.0)

    def asked(self, pairs: Collection[Pair]) -> set[tuple[str, Pair]]:
        """A set with these grants is being sent: until its answer arrives, it is not known whether it was applied.

        Returns:
            The grants that leave `unset`; a set that was certainly refused puts them back.
        """
        entries = {entry for entry in self.unset if entry[1] in pairs}
        self.unset -= entries
        self.sent |= entries
        return entries

    def doubt(self, uid: str) -> None:
        """Another client changed the access's ledger, so another operator may have set the grants that it records."""
        self.unset = {entry for entry in self.unset if entry[0] != uid}
        self.sent = {entry for entry in self.sent if entry[0] != uid}

    def saw(self, claimant: Claimant, *, settled: bool) -> None:
        """Record the claim that a pass saw."""
        self.seen[claimant.access] = claimant.mark(settled=settled)

    def knows(self, claimant: Claimant) -> bool:
        """Whether the last pass saw an access with exactly this claim."""
        seen = self.seen.get(claimant.access)
        if not claimant.concerned:
            return seen is None
        return seen == claimant.mark(settled=True) or seen == claimant.mark(settled=False)

    def equals(self, claimants: Sequence[Claimant]) -> bool:
        """Whether the last pass saw exactly these claims of all accesses."""
        return len(claimants) == len(self.seen) and all(self.knows(claimant) for claimant in claimants)

    def prune(self, claimants: Sequence[Claimant]) -> None:
        """Delete what no access has or wants any more, but keep failed records, which may have been written."""
        accesses = {claimant.access for claimant in claimants}
        self.failures = {access: count for access, count in self.failures.items() if access in accesses}
        recorded = {
            (claimant.uid, record.grant.identity)
            for claimant in claimants
            for record in claimant.ledger
            if record.state is GrantState.RECORDED
        }
        refused = self.rejected or self.oversize.waiting or self.oversize.retried
        wanted = {grant.identity for claimant in claimants for grant in claimant.wanted} if refused else ()
        self.oversize.keep(wanted)
        self.rejected = {pair: each for pair, each in self.rejected.items() if pair in wanted}
        failed = {claimant.uid for claimant in claimants if claimant.access in self.failures}
        self.unset = {entry for entry in self.unset if entry in recorded or entry[0] in failed}
        self.sent &= recorded
