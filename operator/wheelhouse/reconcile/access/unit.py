"""An access: decides what is wanted, wakes the policy and Secret units, and reports what they found."""

import contextlib
from dataclasses import replace

from wheelhouse.domain.iam import GrantState
from wheelhouse.domain.keys import PolicyKey, SecretKey
from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.objects import CustomObject, Kind
from wheelhouse.domain.outcome import AccessOutcome, Check, SecretRecord, Truth, failed, passed, pending
from wheelhouse.domain.reasons import Reason
from wheelhouse.errors import Invalid
from wheelhouse.reconcile.finalizer import hold, let_go
from wheelhouse.reconcile.ledger import Ledger
from wheelhouse.reconcile.policy.claims import Claim, Claims
from wheelhouse.reconcile.policy.unit import PolicyUnit
from wheelhouse.reconcile.ports import World
from wheelhouse.reconcile.secret.unit import Absence, SecretUnit

KIND = Kind.ACCESS


class AccessUnit:
    """Reconciles RepositoryAccesses, one at a time per object."""

    def __init__(self, world: World, ledger: Ledger, claims: Claims, policies: PolicyUnit, secrets: SecretUnit) -> None:
        self._world = world
        self._ledger = ledger
        self._claims = claims
        self._policies = policies
        self._secrets = secrets

    async def reconcile(self, key: ObjectKey) -> float | None:
        """Decide, wake who has work, report.

        Returns:
            Seconds until progress is due to be written; None when only a change can matter.

        Raises:
            WheelhouseError: Conflict or Unavailable, for the queue to come back.
        """
        stored = self._world.cache.access(key)
        if stored is None:
            self._ledger.forget(KIND, key)
            self._secrets.forget(key)
            return None
        if stored.deleting:
            return await self._release(stored)
        try:
            self._claims.of(stored)
        except Invalid as error:
            self._ledger.note_access(stored, resolved=failed(error.reason, error.message))
            return await self._ledger.report(KIND, key)
        held = await hold(self._world, KIND, stored)
        if held is None:
            return None
        self._decide(held, self._claims.of(held))
        self._wake(held)
        return await self._ledger.report(KIND, key)

    def _decide(self, stored: CustomObject, claim: Claim) -> None:
        outcome = self._ledger.access(stored)
        name = claim.name
        if name is not None and not outcome.grants:
            outcome = replace(outcome, repository=name.full)
        wish = self._secrets.wish(stored)
        secret = outcome.secret
        if (
            secret is None
            and claim.access.secret is not None
            and wish not in {Absence.NOT_WANTED, Absence.NOT_OPTED_IN}
        ):
            # In the ledger already with the first record, long before the first apply.
            secret = SecretRecord(claim.access.secret.name, (stored.key.namespace,))
        self._ledger.note_access(
            stored,
            repository=outcome.repository,
            resolved=claim.consent.check,
            granted=_granted(outcome, claim),
            distributed=_distributed(outcome, claim, wish),
            verified=_verified(outcome, claim),
            secret=secret,
        )

    def _wake(self, stored: CustomObject) -> None:
        for name in self._policy_names(stored):
            if self._policies.stale(stored, name):
                self._world.queue.add(PolicyKey(name))
        if self._secrets.stale(stored):
            self._world.queue.add(SecretKey(stored.key, stored.key.namespace))

    def _policy_names(self, stored: CustomObject) -> set[RepositoryName]:
        """The policies that this access concerns: what it points at now, and what its ledger names."""
        outcome = self._ledger.access(stored)
        names = {RepositoryName.parse(outcome.repository or "")}
        with contextlib.suppress(Invalid):
            names.add(self._claims.of(stored).name)
        return {name for name in names if name is not None}

    async def _release(self, stored: CustomObject) -> float | None:
        """Let go once no grant and no Secret of it is left."""
        if not stored.finalized:
            self._ledger.forget(KIND, stored.key)
            self._secrets.forget(stored.key)
            return None
        outcome = self._ledger.access(stored)
        owned = any(record.state.owned for record in outcome.grants)
        if (owned and RepositoryName.parse(outcome.repository or "") is not None) or outcome.secret is not None:
            self._wake(stored)
            return await self._ledger.report(KIND, stored.key)
        await let_go(self._world, KIND, stored)
        self._ledger.forget(KIND, stored.key)
        self._secrets.forget(stored.key)
        return None


def _granted(outcome: AccessOutcome, claim: Claim) -> Check:
    if claim.complaint is not None:
        return failed(claim.complaint.reason, claim.complaint.message)
    held = {r.grant.identity for r in outcome.grants if r.state in {GrantState.GRANTED, GrantState.EXISTING}}
    if claim.consent.permitted and all(grant.identity in held for grant in claim.wanted):
        return passed(Reason.GRANTED) if outcome.granted.reason is Reason.PENDING else outcome.granted
    if outcome.granted.truth is Truth.TRUE or not claim.consent.permitted:
        return pending("Waiting for the repository's IAM policy.")
    return outcome.granted


def _distributed(outcome: AccessOutcome, claim: Claim, wish: object) -> Check:
    if claim.access.secret is None:
        return passed(Reason.NOT_REQUESTED)
    if outcome.distributed.reason is Reason.NOT_REQUESTED or wish is Absence.NOT_WANTED:
        return pending("Waiting for the grant.")
    if outcome.distributed.reason is Reason.NOT_OPTED_IN and wish is not Absence.NOT_OPTED_IN:
        return pending("Waiting for the Secret.")
    return outcome.distributed


def _verified(outcome: AccessOutcome, claim: Claim) -> Check:
    if claim.access.secret is None:
        return Check(Truth.UNKNOWN, Reason.NOT_APPLICABLE)
    if outcome.verified.reason is Reason.NOT_APPLICABLE or not claim.consent.permitted:
        return pending("Waiting for the Secret.")
    return outcome.verified
