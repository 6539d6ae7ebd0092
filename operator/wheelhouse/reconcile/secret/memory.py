"""What a process remembers of Secrets, what it reads from status at its start, and its findings about them."""

from typing import Any

from wheelhouse.domain.findings import Check, DistributionFindings, changes_role
from wheelhouse.domain.keys import AccessKey, SecretKey
from wheelhouse.domain.lifetime import LONGEST_LIFETIME
from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.objects import CustomObject
from wheelhouse.domain.reasons import ConditionType, Reason
from wheelhouse.plan.leases import Lease, Moment, recorded
from wheelhouse.reconcile.findings import Findings
from wheelhouse.reconcile.memo import Memo
from wheelhouse.reconcile.secret.content import Content, Wanted, digest
from wheelhouse.reconcile.secret.identities import EVERYWHERE
from wheelhouse.reconcile.secret.targets import Distribution, Target, Targets
from wheelhouse.reconcile.world import World
from wheelhouse.status.conditions import check_of
from wheelhouse.status.read import recorded_conditions, recorded_grants

LEAST, MOST = 1.0, 5.0
"""Seconds that progress alone waits for more changes."""

_UNFINISHED = frozenset({Reason.PENDING, Reason.PROPAGATING, Reason.UNAVAILABLE})
"""Findings that are unverified at the start: without a token in memory no verification is possible, so one is
minted."""


class Memory:
    """Recalls Secrets, and records findings about them.

    Args:
        world: the ports.
        findings: what the units found.
        targets: what is known of each Secret.
    """

    def __init__(self, world: World, findings: Findings, targets: Targets) -> None:
        self._world = world
        self._findings = findings
        self._targets = targets
        self._roles: Memo[ObjectKey, bool] = Memo()

    def recall(self, key: SecretKey, stored: CustomObject, wanted: Wanted) -> tuple[Distribution, Target]:
        """What is known of an access's Secrets and of one of them; initially the contents of status."""
        found = self._findings.distribution(stored)
        distribution = self._targets.open(key.access, stored.uid, found)
        target = distribution.targets.get(key.namespace)
        if target is None:
            target = self._targets.target(distribution, key.namespace)
            if distribution.lists(found.namespaces, key.namespace) and key.namespace not in distribution.added:
                verified = self._inherit(key.namespace, target, stored, distribution.recorded or found, wanted)
                distribution.verified = distribution.verified or verified
        return distribution, target

    def note(self, stored: CustomObject, distribution: Distribution, otherwise: Check) -> None:
        """Record the findings for all Secrets of an access, and request a report.

        Args:
            stored: the access.
            distribution: its Secrets.
            otherwise: the finding if there is no Secret and no failure.
        """
        before = self._findings.distribution(stored)
        # Until all are checked, the condition in status stays, unless a Secret with other content was written since.
        check = distribution.check(otherwise) or before.distributed
        verified = distribution.check_verified()
        if verified is None and check is not None and not check.ok and before.expires is None:
            verified = otherwise  # There was never anything to verify.
        changes: dict[str, Any] = {"made_for": distribution.digest, "distributed": check, "verified": verified}
        if not distribution.unseen:
            changes |= {
                "desired": distribution.places.wanted,
                "current": distribution.current,
                "failed": distribution.shown(),
                "expires": distribution.expires.first(),
                "refresh": distribution.refresh.first(),
            }
        after = self._findings.note_distribution(stored, **changes)
        if _checks(before) != _checks(after):
            self._world.queue.add(AccessKey(stored.key))
        elif before != after:
            self._world.queue.add_soon(AccessKey(stored.key), LEAST, MOST)

    def _inherit(
        self, namespace: str, target: Target, stored: CustomObject, found: DistributionFindings, wanted: Wanted
    ) -> Check | None:
        """Read what an earlier process wrote into status.

        Returns:
            What the index answered for the token that is still in the Secret, if it accepted it.
        """
        token = wanted.token if isinstance(wanted, Content) else None
        lifetime = token.lifetime if token is not None else LONGEST_LIFETIME
        now = Moment(self._world.now(), self._world.elapsed())
        target.tokenless = found.form.keyring is not None and found.current > 0
        target.formats = found.form.formats
        target.doubtful, target.inherited = found.expires is None and not target.tokenless, True
        lease: Lease | None = recorded(found.expires, found.refresh, lifetime, now)
        rows = recorded_conditions(stored)
        row = rows.get(ConditionType.DISTRIBUTED, {})
        distributed, verified = check_of(row), check_of(rows.get(ConditionType.VERIFIED, {}))
        failure = dict(found.failed).get(namespace, "")
        if not failure and distributed is not None and len(found.namespaces) == 1:
            failure = "" if distributed.ok else distributed.reason
        target.conflicted = failure == Reason.SECRET_CONFLICT
        if not isinstance(wanted, Content):
            target.lease = lease
            return None
        if target.conflicted or found.name != wanted.name or _other(found, wanted):
            target.tokenless = target.tokenless and not target.conflicted
            return None
        target.lease, target.key = lease, wanted.token
        partly = distributed is not None and distributed.reason is Reason.PARTLY_DISTRIBUTED
        incomplete = found.current + len(found.failed) < (found.desired or 0)
        # With a failure, the condition is the same while others are not written yet, and status names ten at most.
        finished = not failure and distributed is not None and (distributed.ok or (partly and not incomplete))
        # Tokens of many ServiceAccounts are not minted again only to be sure; that of one is. The annotation of that
        # one may have changed shortly before, and no Secret shows which annotation its token was minted for.
        finished = finished and not (incomplete and not wanted.identity.startswith(EVERYWHERE))
        finished = finished and row.get("observedGeneration") == stored.generation
        finished = finished and not self._changes_role(stored)
        finished = finished and found.upload == wanted.uploads_to  # Consent may have changed while no operator ran.
        finished = finished and (found.form.keyring is None) == (token is not None)
        # Without a token there is no refresh that would bring the files of a new version of the operator.
        finished = finished and (token is not None or found.form.formats == wanted.form.formats)
        if finished and verified is not None and verified.reason not in _UNFINISHED:
            target.digest = digest(wanted)
        if incomplete:
            target.sweep_at = now.elapsed  # Some are recorded, and were never written: check at once.
        return verified if target.digest and verified is not None and verified.ok else None

    def _changes_role(self, stored: CustomObject) -> bool:
        before, after = recorded_grants(stored), self._findings.grants(stored)
        return self._roles.get(stored.key, (before, after), lambda: changes_role(before, after))


def _other(found: DistributionFindings, wanted: Content) -> bool:
    """Whether the recorded times are of another identity's token."""
    return (found.identity, found.acting) != (wanted.identity, wanted.acting)


def _checks(found: DistributionFindings) -> tuple[int | None, Check | None, Check | None, str]:
    return found.made_for, found.distributed, found.verified, found.name
