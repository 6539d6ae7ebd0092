"""An access: decides what it may have, wakes the policy and secret units, and reports what they found."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from wheelhouse.desired.declared import Declared
from wheelhouse.domain.access import DesiredAccess
from wheelhouse.domain.findings import Check, DistributionFindings, failed, pending
from wheelhouse.domain.iam import Identity
from wheelhouse.domain.keys import AccessKey, PolicyKey, SecretKey
from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.objects import OPT_IN_LABEL, OPT_IN_VALUE, CustomObject, Kind
from wheelhouse.domain.reasons import ConditionType, Reason
from wheelhouse.errors import WheelhouseError
from wheelhouse.plan.consent import Standing
from wheelhouse.plan.secret_advice import index_safety, secret_advice, sharing_advice
from wheelhouse.plan.uploads import Upload
from wheelhouse.reconcile.debts import Debts, GrantDebt, SecretDebt
from wheelhouse.reconcile.finalizer import add_finalizer, remove_finalizer
from wheelhouse.reconcile.findings import Findings
from wheelhouse.reconcile.interests import NamespaceTopic, SelectorTopic, Topic
from wheelhouse.reconcile.ledger import Ledger
from wheelhouse.reconcile.policy.claims import Claim, Claims
from wheelhouse.reconcile.policy.unit import PolicyUnit
from wheelhouse.reconcile.secret.unit import SecretUnit
from wheelhouse.reconcile.world import World
from wheelhouse.status.conditions import by_type, check_of, moment

KIND = Kind.ACCESS


class AccessUnit:
    """Reconciles RepositoryAccesses, one at a time per object."""

    def __init__(
        self,
        world: World,
        findings: Findings,
        ledger: Ledger,
        claims: Claims,
        policies: PolicyUnit,
        secrets: SecretUnit,
        debts: Debts,
    ) -> None:
        self._world = world
        self._findings = findings
        self._ledger = ledger
        self._claims = claims
        self._policies = policies
        self._secrets = secrets
        self._debts = debts

    async def reconcile(self, key: ObjectKey) -> float | None:
        """Decide, wake the units that have work, report.

        Returns:
            Seconds until time alone changes something; None if only a change can matter.

        Raises:
            WheelhouseError: for the queue to retry.
        """
        declared = self._world.cache.access(key)
        if declared is None:
            self._world.interests.drop(AccessKey(key))
            self._ledger.forget(KIND, key)
            self._secrets.gone(AccessKey(key))
            return None
        if declared.stored.deleting:
            return await self._release(declared)
        self._debts.lives(declared.stored.uid)
        self._world.interests.follow(AccessKey(key), _topics(declared))
        if declared.current is not None and not declared.stored.finalized:
            declared = await self._hold(declared)
            if declared is None:
                return None
        claim = self._claims.of(declared)
        self._decide(declared, claim)
        self._wake(declared, claim)
        progress, upload = await self._ledger.report(KIND, key), self._claims.uploads.of(declared, claim.access)
        waits = (progress, claim.again, upload.again)
        return min((seconds for seconds in waits if seconds is not None), default=None)

    async def _hold(self, declared: Declared[DesiredAccess]) -> Declared[DesiredAccess] | None:
        """Add the finalizer; None if the access does not exist."""
        try:
            held = await add_finalizer(self._world, KIND, declared.stored)
        except WheelhouseError:
            self._policies.cannot_arrive(declared)
            raise
        return self._world.cache.access(declared.stored.key) if held is not None else None

    def vanished(self, declared: Declared[Any]) -> None:
        """An object disappeared without a release: its ledger becomes debts, which the units pay."""
        stored, access = declared.stored, declared.effective
        if not (access is None or isinstance(access, DesiredAccess)):
            return
        found, distribution = self._findings.grants(stored), self._findings.distribution(stored)
        owned = tuple(record for record in self._claims.ledger(declared) if record.state.owned)
        if found.repository is not None and owned:
            self._debts.owe(GrantDebt(stored.key, stored.uid, found.repository, found.create_time, owned))
            self._world.queue.add(PolicyKey(found.repository))
        for namespace in distribution.namespaces if distribution.name else ():
            self._debts.owe(SecretDebt(stored.key, stored.uid, namespace, distribution.name))
            self._world.queue.add(SecretKey(stored.key, namespace))
        if isinstance(access, DesiredAccess):
            self._policies.cannot_arrive(declared)
        self._ledger.forget(KIND, stored.key)

    def rewritten(self, stored: CustomObject, before: DistributionFindings) -> None:
        """Another client wrote the object's status, and with it another record of its Secrets.

        A Secret of another name, which only memory knows, becomes a debt. A Secret that only status knows, which
        another operator may have written, is checked.

        Args:
            stored: the object.
            before: what memory knew of its Secrets.
        """
        after = self._findings.distribution(stored)
        if not after.name or (after.name, after.namespaces) == (before.name, before.namespaces):
            return
        if before.name and before.name != after.name:
            for namespace in before.namespaces:
                self._debts.owe(SecretDebt(stored.key, stored.uid, namespace, before.name))
        for namespace in dict.fromkeys((*before.namespaces, *after.namespaces)):
            self._world.queue.add(SecretKey(stored.key, namespace))

    def _decide(self, declared: Declared[DesiredAccess], claim: Claim) -> None:
        stored = declared.stored
        before = self._findings.access(stored)
        unreadable = (before.unreadable_since or self._unreadable(stored)) if declared.invalid is not None else None
        granting = self._policies.claimant(declared, claim).digest
        # At a start, status has the value that was handled last.
        requested = stored.requested != before.handled_request and self._secrets.request(declared, claim)
        self._findings.note_access(
            stored,
            generation=stored.generation,
            resolved=_resolved(claim, self._claims.uploads.of(declared, claim.access)) or before.resolved,
            granted=_refusal(declared, claim),
            advice=self._advice(declared),
            sharing=sharing_advice(claim.access, claim.places),
            granting=granting,
            distributing=self._secrets.digest(declared, claim),
            grants=self._findings.grants(stored),
            secret=self._secret(declared, claim),
            index_safe=_index_safe(stored, claim),
            secret_advice=self._secret_advice(stored, claim),
            waits=self._waits(declared),
            unreadable_since=unreadable,
            handled_request=before.handled_request if requested else stored.requested,
            heard_request=stored.requested,
        )
        if stored.requested != before.heard_request:
            for name in self._names(stored, claim):
                self._policies.recheck(name, claim.wanted)

    def _unreadable(self, stored: CustomObject) -> datetime:
        """Since when the spec does not parse: from status, so that a restart does not reset the time."""
        now, row = self._world.now(), by_type(stored.status).get(ConditionType.RESOLVED_REFS, {})
        since = moment(row.get("lastTransitionTime")) if row.get("reason") == Reason.INVALID_ARGUMENT else None
        return min(since, now) if since is not None else now

    def _waits(self, declared: Declared[DesiredAccess]) -> bool:
        """Whether suspend keeps the spec from being applied."""
        access = declared.current
        if access is None or not access.suspend:
            return False
        where = self._claims.fan_out(declared, access)
        wanted, _ = self._claims.desired(declared, access, where)
        held = {record.grant.identity for record in self._claims.ledger(declared)}
        secret, found = access.secret, self._findings.distribution(declared.stored)
        same = {grant.identity for grant in wanted} == held and where.members == frozenset(found.namespaces)
        if not same or (secret.name if secret is not None else "") != found.name:
            return True
        if secret is None:
            return False
        if self._claims.uploads.asked(declared, access) != found.upload:
            return True
        return secret.form.completed(found.form).without(self._world.options.denied_formats) != found.form

    def _advice(self, declared: Declared[DesiredAccess]) -> str:
        """The subjects that do not exist and get their grants anyway; Distributed reports the identity of the token."""
        secret = declared.effective.secret if declared.effective is not None else None
        token_of = secret.identity if secret is not None and secret.form.keyring is None else None
        named = {each for each in _accounts(declared) if each != token_of}
        missing = sorted(str(each) for each in named if self._world.cache.account(each) is False)
        if not missing:
            return ""
        return f"Granted, but ServiceAccount {', '.join(missing)} does not exist yet. Create it, or correct the name."

    def _secret_advice(self, stored: CustomObject, claim: Claim) -> tuple[tuple[str, str], ...]:
        mode = claim.repository.mode if claim.repository is not None else None
        found, denied = self._findings.distribution(stored), self._world.options.denied_formats
        return secret_advice(claim.access, found, mode, denied)

    def _secret(self, declared: Declared[DesiredAccess], claim: Claim) -> Check | None:
        """What prevents the request for a Secret."""
        access = claim.access
        if access is None or access.secret is None:
            return None
        refused = claim.places.refused
        if refused is not None and refused.reason is Reason.TOO_MANY_NAMESPACES:
            return refused
        if refused is not None and not claim.places.wanted:
            return pending("The operator writes no Secret. See the condition ResolvedRefs.")
        if claim.places.empty is not None:
            return claim.places.empty
        if access.secret.fan_out is not None and not access.secret.shared:
            return None  # Each namespace is checked by itself.
        namespace = self._claims.namespace(access.key.namespace)
        if namespace is None or not namespace.opted_in:
            label = namespace.labels.get(OPT_IN_LABEL) if namespace is not None else None
            found = f" (its label has the value {label!r})" if label is not None else ""
            message = (
                f"Namespace {access.key.namespace} has not opted in{found}. Ask its administrator to set the label"
            )
            return failed(Reason.NOT_OPTED_IN, f"{message} {OPT_IN_LABEL}={OPT_IN_VALUE}.")
        return None

    def _wake(self, declared: Declared[DesiredAccess], claim: Claim) -> None:
        for name in self._names(declared.stored, claim):
            self._policies.compare(declared, name, claim)
        self._secrets.wake(declared, claim)

    def _names(self, stored: CustomObject, claim: Claim | None) -> set[RepositoryName]:
        """The policies that this access concerns: of its current repository, and of those in its ledger."""
        found = self._findings.grants(stored)
        names = {found.repository if found.grants else None, claim.name if claim is not None else None}
        return {name for name in names if name is not None}

    async def _release(self, declared: Declared[DesiredAccess]) -> float | None:
        """Remove the finalizer once no grant and no Secret of it is left."""
        stored = declared.stored
        key = stored.key
        if not stored.finalized:
            return None
        claim = self._claims.of(declared)
        owned = any(record.state.owned for record in self._claims.ledger(declared))
        distribution = self._findings.distribution(stored)
        if owned or (distribution.name and distribution.namespaces):
            self._wake(declared, claim)
            return await self._ledger.report(KIND, key)
        self._debts.released(stored.uid)
        await remove_finalizer(self._world, KIND, stored)
        return None


def _resolved(claim: Claim, upload: Upload) -> Check | None:
    """The decision about the repository, about the namespaces of the Secrets, and about where uploads go."""
    found, refused = claim.consent.check, claim.places.refused
    fan_out = refused is not None and refused.reason is Reason.FAN_OUT_NOT_ALLOWED
    if fan_out and (found is None or found.ok):
        return refused
    return upload.check if found is not None and found.ok else found


def _refusal(declared: Declared[DesiredAccess], claim: Claim) -> Check | None:
    """What prevents a grant, independent of the policy."""
    if claim.invalid is None or declared.invalid is not None:
        return None
    return failed(claim.invalid.reason, claim.invalid.message)


def _index_safe(stored: CustomObject, claim: Claim) -> Check | None:
    """The advice about public indexes; that in status while this process has not checked the repository."""
    unseen = claim.repository is None or claim.repository.standing is Standing.UNSEEN
    before = check_of(by_type(stored.status).get(ConditionType.INDEX_SAFE, {})) if unseen else None
    return index_safety(claim.access, claim.repository, before)


def _topics(declared: Declared[DesiredAccess]) -> Iterator[Topic]:
    yield NamespaceTopic(declared.stored.key.namespace)
    if declared.effective is not None:
        yield declared.effective.repository
        if declared.effective.secret is not None and declared.effective.secret.upload is not None:
            yield declared.effective.secret.upload
        yield from _accounts(declared)
        for subject in declared.effective.subjects:
            if subject.selector is not None:
                yield SelectorTopic(subject.selector)
        fan_out = declared.effective.secret.fan_out if declared.effective.secret is not None else None
        if fan_out is not None:
            yield from (NamespaceTopic(name) for name in fan_out.namespaces)
            if fan_out.selector is not None:
                yield SelectorTopic(fan_out.selector)


def _accounts(declared: Declared[DesiredAccess]) -> Iterator[Identity]:
    """The ServiceAccounts of its own namespace that the access names: whether others exist is not its business."""
    access = declared.effective
    if access is None:
        return
    for subject in access.subjects:
        if subject.own_account:
            yield Identity(access.key.namespace, subject.name)
    identity = access.secret.identity if access.secret is not None else None
    if access.secret is not None and identity is not None and not access.secret.local_identities:
        yield identity
