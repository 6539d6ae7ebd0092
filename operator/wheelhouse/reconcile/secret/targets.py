"""What is known of each Secret, and the aggregate of an access: a pass costs the same for any number of Secrets."""

import math
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from wheelhouse.domain.configuration.form import ALL_FORMATS, Format
from wheelhouse.domain.findings import Check, DistributionFindings, failed, passed
from wheelhouse.domain.keys import SecretKey, TokenKey
from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.reasons import Reason
from wheelhouse.errors import WheelhouseError
from wheelhouse.plan.leases import HeldToken, Lease
from wheelhouse.plan.places import NO_PLACES, Places
from wheelhouse.reconcile.interests import SecretTopic
from wheelhouse.reconcile.secret.earliest import Earliest

FAILED_SHOWN = 10


@dataclass(slots=True, eq=False)
class Target:
    """One Secret of an access, in memory.

    Attributes:
        seen: digest of what the last pass saw; None before the first one.
        digest: of the content in the Secret; 0 if there is none, or if it is not known.
        key: whose token the Secret has.
        token: the token in the Secret, if this process wrote it.
        lease: the times of the token, as the Secret shows them; None if they are missing or not valid.
        tokenless: whether there is a Secret without a token.
        formats: what the Secret can have: an earlier version may have written it, with fewer formats.
        uid: the Secret's, if this process wrote it.
        written_at: when this process wrote it, by the API server's clock.
        written: whether status showed a written Secret; true also when the recorded expiry cannot be trusted.
        doubtful: whether status names the Secret but not its times: a process may have ended right after writing it.
        inherited: whether only status named the Secret so far: this process has not checked it.
        amiss: why the Secret must be written again: it is missing, edited, or older than the last write.
        conflicted: whether the Secret was found not to be this access's.
        failure: the error of the last write.
        floor: elapsed seconds before which nothing is written again: Retry-After.
        sweep_at: elapsed seconds of the next check whether it still exists; None before it is planned.
        turn: the second of its turn in the sweep; None without one.
        postponed: whether that check came too late, and got another turn.
        hastened: elapsed seconds of the last check that a watch requested.
        restored: how often grants had been restored when the index was last checked.
        place: its place, while this access wants it.
        proof: the token that is requested before there is a grant; None if there is none.
        good: whether it counts as current in the aggregate.
        counted: the times that it has in the aggregate.
    """

    seen: int | None = None
    digest: int = 0
    key: TokenKey | None = None
    token: HeldToken | None = None
    lease: Lease | None = None
    tokenless: bool = False
    formats: frozenset[Format] = ALL_FORMATS
    uid: str = ""
    written_at: str = ""
    written: bool = False
    doubtful: bool = False
    inherited: bool = False
    amiss: str = ""
    conflicted: bool = False
    failure: WheelhouseError | None = None
    floor: float = 0.0
    sweep_at: float | None = None
    turn: int | None = None
    postponed: bool = False
    hastened: float = -math.inf
    restored: int = 0
    place: SecretTopic | None = None
    proof: TokenKey | None = None
    good: bool = False
    counted: tuple[datetime, datetime] | None = None

    @property
    def stands(self) -> bool:
        """Whether there is a Secret that this access wrote, as far as is known."""
        return self.lease is not None or self.tokenless

    @property
    def true_lease(self) -> Lease | None:
        """The token's times by its mint, if this process minted it: those in the Secret may be of a wrong clock."""
        return self.token.lease if self.token is not None else self.lease

    def removed(self) -> None:
        """Note that our Secret no longer exists."""
        self.digest, self.token, self.lease, self.uid, self.amiss = 0, None, None, "", ""
        self.tokenless = False


@dataclass(slots=True, eq=False)
class Distribution:
    """All Secrets of one access.

    Attributes:
        uid: the uid of the access.
        unseen: namespaces of the ledger that no pass has checked since the start; None once all were.
        recorded: the record of the Secrets in status at the start: the first one that is written changes the findings
            about all. None once all were checked.
        digest: of the desired content; Secrets with another one are not current.
        added: namespaces that this process recorded in the ledger, and where it has not written yet.
        places: where Secrets are wanted.
        verified: the last finding about the index that passed.
        unverified: tokens that the index does not accept.
        request: the value of requested-at that the operator acts upon, and the tokens that it replaces.
        reported: the Events that were sent about its tokens.
    """

    uid: str
    unseen: set[str] | None = None
    recorded: DistributionFindings | None = None
    digest: int = 0
    targets: dict[str, Target] = field(default_factory=dict)
    current: int = 0
    failed: dict[str, Check] = field(default_factory=dict)
    expires: Earliest = field(default_factory=Earliest)
    refresh: Earliest = field(default_factory=Earliest)
    added: set[str] = field(default_factory=set)
    places: Places = NO_PLACES
    verified: Check | None = None
    unverified: dict[TokenKey, Check] = field(default_factory=dict)
    request: tuple[str, dict[TokenKey, HeldToken | None]] | None = None
    reported: set[object] = field(default_factory=set)
    _ledger: tuple[str, ...] = ()
    _listed: frozenset[str] = frozenset()

    def lists(self, ledger: tuple[str, ...], namespace: str) -> bool:
        """Whether the ledger names a namespace, at constant cost while the ledger is the same."""
        if ledger is not self._ledger:
            self._ledger, self._listed = ledger, frozenset(ledger)
        return namespace in self._listed

    def ask_for(self, content: int, places: Places) -> None:
        """What the access wants. If its content changed, no Secret has it yet. Secrets in other places do not count.

        Args:
            content: the digest of the desired content.
            places: where Secrets are wanted.
        """
        if places is not self.places:
            self.places = places
            for namespace, target in self.targets.items():
                if target.good and namespace not in places.members:
                    self.current, target.good, target.seen = self.current - 1, False, None
        if self.digest != content:
            self.digest, self.current = content, 0
            for target in self.targets.values():
                target.good = False

    def knows(self, places: Places) -> bool:
        """Whether all of these places are among those that a pass has seen."""
        return not self.digest or places is self.places or self.places.members.issuperset(places.names)

    def count(self, namespace: str, target: Target, check: Check | None) -> None:
        """Record what a pass found for one Secret."""
        self._saw(namespace)
        good = check is not None and check.ok
        self.current += good - target.good
        target.good = good
        if check is None or check.ok or check.reason is Reason.PENDING:
            self.failed.pop(namespace, None)
        else:
            self.failed[namespace] = check
        self._time(target, target.lease)

    def drop(self, namespace: str) -> None:
        """The Secret does not exist, or is no longer ours."""
        self._saw(namespace)
        self.added.discard(namespace)
        target = self.targets.pop(namespace, None)
        if target is not None:
            self.current -= target.good
            self.failed.pop(namespace, None)
            self._time(target, None)
            if target.key is not None and target.key.identity.namespace == namespace:
                self.unverified.pop(target.key, None)

    def count_verified(self, token: TokenKey, check: Check | None) -> None:
        """Record what the index answered for one token; None if it was not asked."""
        if check is None:
            return
        if check.ok:
            self.unverified.pop(token, None)
            self.verified = check
        else:
            self.unverified[token] = check

    def replace_verified(self, check: Check | None) -> None:
        """What holds now, instead of all that the index answered: no Secret is left, or none has a token."""
        self.verified = check
        self.unverified.clear()

    def check_verified(self) -> Check | None:
        """What the index answered for all tokens: the first failure, if there is one."""
        return next(iter(self.unverified.values()), self.verified)

    def check(self, otherwise: Check) -> Check | None:
        """The finding for the whole access; None while only status has one, because some Secrets are not checked yet.

        The message of a partial failure has no numbers: it must not change with each Secret that is written.

        Args:
            otherwise: the finding while some are missing and there is no failure.
        """
        if self.unseen:
            return None
        if self.failed:
            namespace, first = next(iter(self.failed.items()))
            if self.places.wanted <= 1:
                return first
            if not self.current:
                return failed(first.reason, f"{namespace}: {first.message}")
            message = "Some namespaces have no Secret as requested: status.secret.failed lists at most ten of them."
            return failed(Reason.PARTLY_DISTRIBUTED, f"{message} {namespace}: {first.message}")
        return passed(Reason.DISTRIBUTED) if self.current and self.current >= self.places.wanted else otherwise

    def shown(self) -> tuple[tuple[str, str], ...]:
        """The first failures, for status."""
        return tuple((namespace, str(check.reason)) for namespace, check in islice(self.failed.items(), FAILED_SHOWN))

    def _saw(self, namespace: str) -> None:
        if self.unseen is not None:
            self.unseen.discard(namespace)
            if not self.unseen:
                self.unseen = self.recorded = None

    def _time(self, target: Target, lease: Lease | None) -> None:
        moments = (lease.expires, lease.refreshes) if lease is not None else None
        if moments == target.counted:
            return
        for book, position in ((self.expires, 0), (self.refresh, 1)):
            if target.counted is not None:
                book.remove(target.counted[position])
            if moments is not None:
                book.add(moments[position])
        target.counted = moments


class Targets:
    """All Secrets of all accesses."""

    def __init__(self) -> None:
        self._accesses: dict[ObjectKey, Distribution] = {}
        self.total = 0

    def earliest(self) -> datetime | None:
        """When the first token in any Secret expires, by the wall clock; None without a token."""
        ends = (each.expires.first() for each in self._accesses.values())
        return min((end for end in ends if end is not None), default=None)

    def get(self, access: ObjectKey) -> Distribution | None:
        """What is known of an access, with any uid."""
        return self._accesses.get(access)

    def namespaces(self, access: ObjectKey) -> tuple[str, ...]:
        """The namespaces of its known Secrets."""
        return (*found.targets, *(found.unseen or ())) if (found := self._accesses.get(access)) else ()

    def open(self, access: ObjectKey, uid: str, recorded: DistributionFindings) -> Distribution:
        """What is known of an access, at first what its status says; nothing else if it has another uid."""
        found = self._accesses.get(access)
        if found is None or found.uid != uid:
            self.forget(access)
            unseen = set(recorded.namespaces) or None
            found = self._accesses[access] = Distribution(uid, unseen, recorded if unseen else None)
        return found

    def target(self, distribution: Distribution, namespace: str) -> Target:
        """One Secret; new ones are counted."""
        found = distribution.targets.get(namespace)
        if found is None:
            found = distribution.targets[namespace] = Target()
            self.total += 1
        return found

    def peek(self, key: SecretKey, uid: str) -> Target | None:
        """One Secret, if it is known."""
        found = self._accesses.get(key.access)
        return found.targets.get(key.namespace) if found is not None and found.uid == uid else None

    def drop(self, access: ObjectKey, namespace: str) -> None:
        """The Secret does not exist."""
        found = self._accesses.get(access)
        if found is None:
            return
        self.total -= namespace in found.targets
        found.drop(namespace)
        if not found.targets and not found.unseen:
            del self._accesses[access]

    def forget(self, access: ObjectKey) -> None:
        """The access does not exist."""
        found = self._accesses.pop(access, None)
        self.total -= len(found.targets) if found is not None else 0
