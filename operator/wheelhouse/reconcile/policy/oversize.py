"""Grants that made a policy too large for IAM, and when they are retried."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from math import inf

from wheelhouse.domain.iam import Pair
from wheelhouse.plan.claimant import Claimant

REMEMBERED = 600.0
"""Seconds until some of the grants are retried in any case."""


@dataclass(slots=True)
class Oversize:
    """The grants that wait because of one policy's size; times are of a monotonic clock.

    IAM does not say how large a policy may be, so only retries show what fits.

    Attributes:
        waiting: grants that are left out.
        overfull: principals in the policy since IAM found it too large: at most as many as a pass has seen.
        portion: how many of the waiting grants are retried at `retry_at`, even if no principal has left.
        retry_at: when that is.
        retried: those of them that IAM has not answered yet.
    """

    waiting: set[Pair] = field(default_factory=set)
    overfull: int = 0
    portion: int = 1
    retry_at: float = 0.0
    retried: set[Pair] = field(default_factory=set)

    def outgrew(self, pairs: Collection[Pair], size: int, now: float) -> None:
        """IAM found the policy too large with these grants; without them, it has `size` principals.

        Half of those that were retried, or that are the first, are retried in ten minutes: some of them may fit.
        """
        retried = self.retried.intersection(pairs)
        if retried or not self.waiting:
            self.portion = max(1, len(retried or pairs) // 2)
        if not self.waiting:
            self.retry_at = now + REMEMBERED
        self.waiting |= set(pairs)
        self.retried -= retried
        self.overfull = size

    def grew(self, size: int, pairs: Collection[Pair], now: float) -> None:
        """The policy has this many principals now, with these grants. After a retry that fits, the next one is now."""
        self.overfull = max(self.overfull, size)
        if fitting := self.retried.intersection(pairs):
            self.portion, self.retry_at = 2 * len(fitting), now
            self.retried -= fitting

    def has_room(self, size: int) -> bool:
        """Whether principals have left the policy since grants were too much for it, so that some may fit now."""
        return bool(self.waiting) and size < self.overfull

    def make_room(self, size: int, claimants: Sequence[Claimant], now: float) -> None:
        """Retry one grant for each principal that has left the policy, or a portion of all grants when it is time.

        Those of the oldest access are first. A retry of all of them would cost two writes of status for each, and a
        tenant could cause it all the time.

        Args:
            size: principals in the policy now.
            claimants: every access that wants grants.
            now: the time.
        """
        room = self.overfull - size if self.has_room(size) else 0
        due = self.until_retry(now) <= 0
        if room or due:
            ranked = sorted(claimants, key=lambda claimant: claimant.rank)
            wanted = dict.fromkeys(grant.identity for claimant in ranked for grant in claimant.wanted)
            waiting = [pair for pair in wanted if pair in self.waiting]
            if due:
                self.retried |= set(waiting[: self.portion])
                self.retry_at = now + REMEMBERED
            self.waiting -= self.retried.union(waiting[:room])
            self.overfull = min(self.overfull, size)

    def until_retry(self, now: float) -> float:
        """Seconds until some of the grants that were too much are retried in any case; infinite without any."""
        return max(0.0, self.retry_at - now) if self.waiting else inf

    def keep(self, wanted: Collection[Pair]) -> None:
        """Forget grants that no access wants any more."""
        self.waiting.intersection_update(wanted)
        self.retried.intersection_update(wanted)
