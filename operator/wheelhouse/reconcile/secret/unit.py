"""A Secret: check that it exists → write the desired content → verify; removed when it is no longer wanted."""

from collections.abc import Collection, Iterable

from wheelhouse.desired.declared import Declared
from wheelhouse.domain.access import DesiredAccess
from wheelhouse.domain.findings import pending
from wheelhouse.domain.keys import AccessKey, SecretKey, TokenKey
from wheelhouse.errors import Conflict
from wheelhouse.plan.keyring import keyring_finding
from wheelhouse.plan.leases import Moment
from wheelhouse.plan.places import not_opted_in
from wheelhouse.plan.secrets import token_finding, until_next_finding
from wheelhouse.reconcile.debts import Debts, SecretDebt
from wheelhouse.reconcile.findings import Findings
from wheelhouse.reconcile.interests import SecretTopic, Topic
from wheelhouse.reconcile.ledger import Ledger
from wheelhouse.reconcile.policy.claims import Claim, Claims
from wheelhouse.reconcile.secret.content import Absence, Content, Contents, Wanted, digest
from wheelhouse.reconcile.secret.distributor import Distributor
from wheelhouse.reconcile.secret.doubts import Doubts
from wheelhouse.reconcile.secret.earliest import soonest
from wheelhouse.reconcile.secret.forms import Forms
from wheelhouse.reconcile.secret.holders import Holders
from wheelhouse.reconcile.secret.memory import Memory
from wheelhouse.reconcile.secret.proofs import Proofs
from wheelhouse.reconcile.secret.removal import WHY, Removal
from wheelhouse.reconcile.secret.reports import Reports
from wheelhouse.reconcile.secret.requests import Requests
from wheelhouse.reconcile.secret.sweep import Sweep
from wheelhouse.reconcile.secret.targets import Distribution, Target, Targets
from wheelhouse.reconcile.secret.tokens import TokenUnit
from wheelhouse.reconcile.secret.watched import Watched
from wheelhouse.reconcile.secret.writer import SecretWriter
from wheelhouse.reconcile.world import World

COMPANY = 0.1
"""Seconds that a new Secret of a fan-out waits for others, so that one write of status records all of them."""


class SecretUnit:
    """Reconciles Secrets, one at a time per access and namespace.

    Args:
        world: the ports.
        findings: what the units found; this one writes those of the distribution.
        ledger: records the Secret's name and namespaces before they are used.
        claims: decides about accesses.
        tokens: mints tokens.
        debts: what accesses left behind that disappeared without a release.
    """

    def __init__(
        self, world: World, findings: Findings, ledger: Ledger, claims: Claims, tokens: TokenUnit, debts: Debts
    ) -> None:
        self._world = world
        self._findings = findings
        self._claims = claims
        self._tokens = tokens
        self._targets = Targets()
        self._memory = Memory(world, findings, self._targets)
        self._contents = Contents(world, findings, claims)
        self._requests = Requests(findings, tokens, self._contents, self._targets)
        holders = Holders(world, findings, claims, self._contents, self._targets)
        writer = SecretWriter(world, holders)
        self._sweep = Sweep(world, self._targets, writer)
        self._reports = Reports(world, findings, tokens)
        self.watched = Watched(world, self._targets, self._sweep)
        self._proofs = Proofs(world, findings, claims, tokens)
        self._forms = Forms(findings, writer)
        self._doubts = Doubts(writer)
        self._distributor = Distributor(world, findings, ledger, tokens, holders, writer, self._sweep)
        self._removal = Removal(world, findings, writer, debts)

    def until_expiry(self) -> float | None:
        """Seconds until the first token in any Secret expires, negative if it has; None without a token."""
        first = self._targets.earliest()
        return None if first is None else (first - self._world.now()).total_seconds()

    def targets(self, declared: Declared[DesiredAccess], claim: Claim) -> Collection[str]:
        """The namespaces where a Secret is wanted, or where one exists or may exist."""
        found = self._findings.distribution(declared.stored)
        wanted = () if declared.stored.deleting else (*claim.places.names, *claim.places.missing)
        return dict.fromkeys((*wanted, *(found.namespaces if found.name else ())))

    def digest(self, declared: Declared[DesiredAccess], claim: Claim) -> int:
        """The desired Secrets, to compare with `DistributionFindings.made_for`; 0 if nothing is to be written."""
        content, known = digest(self._contents.of(declared, claim)), self._targets.get(declared.stored.key)
        found = known is None or known.uid != declared.stored.uid or known.knows(claim.places)
        return content if found else -content  # No pass has seen the new places: its findings are of fewer Secrets.

    def wake(self, declared: Declared[DesiredAccess], claim: Claim) -> None:
        """Add the Secrets whose desired content differs from what their last pass saw.

        New Secrets of a fan-out wait for others that come at the same time, so that one write of status records all of
        them. Secrets that exist wait for everything that is new: their tokens are still valid.
        """
        stored = declared.stored
        whole, known = self._contents.of(declared, claim), self._targets.get(stored.key)
        found = self._findings.distribution(stored)
        recorded = frozenset(found.namespaces if found.name else ())
        targets = known.targets if known is not None and known.uid == stored.uid else {}
        # A place where no Secret could be written is in no ledger: its failure ends with the wish for the Secret.
        namespaces = dict.fromkeys((*self.targets(declared, claim), *targets))
        common = self._common(declared, claim, whole, self._proofs.key(declared, claim, whole))
        for namespace in namespaces:
            target = targets.get(namespace)
            wanted = self._contents.at(declared, whole, claim, namespace)
            if target is not None and target.seen == _fingerprint(common, wanted):
                continue
            key = SecretKey(stored.key, namespace)
            if len(namespaces) == 1 or not isinstance(wanted, Content):
                self._world.queue.add(key)
            elif namespace in recorded:
                self._world.queue.add_resync(key)
            else:  # Its claim to the name counts from now on: another access may be about to write.
                self._world.interests.follow(key, _topics(namespace, wanted))
                self._world.queue.add_soon(key, COMPANY, COMPANY)

    def gone(self, access: AccessKey) -> None:
        """An access no longer exists: each of its Secrets is removed if that is owed, and forgotten."""
        for namespace in self._targets.namespaces(access.object):
            self._world.queue.add(SecretKey(access.object, namespace))

    def request(self, declared: Declared[DesiredAccess], claim: Claim) -> bool:
        """A person requests new tokens; whether any is still to be minted."""
        return self._requests.heard(declared, claim)

    async def reconcile(self, key: SecretKey) -> float | None:
        """Bring one Secret to the desired state of its access.

        Returns:
            Seconds until the next pass; None if only a change can matter.

        Raises:
            Conflict: for the queue to retry.
        """
        if (declared := self._world.cache.access(key.access)) is None:
            wait = await self._removal.pay(key, "", None)
            self._forget(key)
            return wait
        claim = self._claims.of(declared)
        await self._forms.recall(declared, claim.places)
        whole = self._contents.of(declared, claim)
        wanted = self._contents.at(declared, whole, claim, key.namespace)
        distribution, target = self._memory.recall(key, declared.stored, wanted)
        distribution.ask_for(digest(whole), claim.places)
        target.proof = self._proofs.seek(declared, claim, whole)
        target.seen = _fingerprint(self._common(declared, claim, whole, target.proof), wanted)
        waits = _requested(key, declared, claim) if wanted is Absence.WAITING else None
        debts = await self._removal.pay(key, wanted.name if isinstance(wanted, Content) else "", target, waits)
        return soonest(debts, await self._pass(key, declared, claim, wanted, distribution, target))

    async def _pass(
        self,
        key: SecretKey,
        declared: Declared[DesiredAccess],
        claim: Claim,
        wanted: Wanted,
        distribution: Distribution,
        target: Target,
    ) -> float | None:
        stored, found = declared.stored, self._findings.distribution(declared.stored)
        if isinstance(wanted, Content):
            if distribution.lists(found.namespaces, key.namespace) and found.name not in {"", wanted.name}:
                wait = await self._removal.remove(key, stored, "the spec has another Secret name")
                if wait is not None:
                    distribution.count(key.namespace, target, self._findings.distribution(stored).distributed)
                    self._memory.note(stored, distribution, pending("Waiting for the Secret."))
                    return wait
                target.removed()
                found = self._findings.distribution(stored)
            listed = distribution.lists(found.namespaces, key.namespace)
            target.written |= listed and found.expires is not None and key.namespace not in distribution.added
            if not await self._doubts.settled(key, stored, claim, wanted.name, target):
                return await self._remove(key, declared, claim, Absence.NOT_WANTED, distribution, target)
            if claim.may_add or target.written or target.stands:
                return await self._keep(key, declared, wanted, distribution, target)
        elif wanted is not Absence.WAITING:
            return await self._remove(key, declared, claim, wanted, distribution, target)
        elif not await self._doubts.settled(key, stored, claim, found.name, target):
            return await self._remove(key, declared, claim, Absence.NOT_WANTED, distribution, target)
        return self._wait(key, declared, claim, distribution, target)

    async def _remove(
        self,
        key: SecretKey,
        declared: Declared[DesiredAccess],
        claim: Claim,
        why: Absence,
        all_of: Distribution,
        target: Target,
    ) -> float | None:
        wait = await self._removal.remove(key, declared.stored, WHY[why])
        if wait is None:
            self._removed(key, declared, claim, all_of, target)
        return wait

    def _removed(
        self, key: SecretKey, declared: Declared[DesiredAccess], claim: Claim, all_of: Distribution, target: Target
    ) -> None:
        self._follow(key, target, ())
        target.removed()
        target.written = False
        missing = key.namespace in claim.places.missing
        all_of.count(key.namespace, target, not_opted_in(key.namespace) if missing else None)
        if not (missing or key.namespace in claim.places.members) or declared.stored.deleting:
            self._sweep.release(target)
            self._targets.drop(key.access, key.namespace)
        if not self._findings.distribution(declared.stored).name:
            all_of.replace_verified(None)  # No Secret has a token that the index could have accepted.
        if not declared.stored.deleting:
            self._memory.note(
                declared.stored, all_of, pending("The operator writes no Secret. See the condition ResolvedRefs.")
            )

    def _wait(
        self, key: SecretKey, declared: Declared[DesiredAccess], claim: Claim, all_of: Distribution, target: Target
    ) -> float | None:
        """Nothing new may be written now: an existing Secret stays, and its expiry is reported."""
        stored, access, found = declared.stored, claim.access, self._findings.distribution(declared.stored)
        if access is not None and access.secret is not None and claim.may_add and not found.name:
            # The grant is recorded before it is made: that write includes the Secret's name.
            form = access.secret.form.completed(found.form)
            found = self._findings.note_distribution(
                stored, name=access.secret.name, namespaces=claim.places.names, form=form
            )
            all_of.added.update(claim.places.names)
        self._follow(key, target, (SecretTopic(key.namespace, found.name),) if found.name else ())
        now = Moment(self._world.now(), self._world.elapsed())
        failure = self._tokens.failure(target.proof) if target.proof is not None else None
        check = token_finding(target.true_lease, failure, f"{key.namespace}/{found.name}", now)
        if target.tokenless:
            check = keyring_finding(stands=True, failure=None)
        all_of.count(key.namespace, target, check)
        self._memory.note(stored, all_of, pending("Waiting for the grant."))
        return until_next_finding(target.true_lease, None, now)

    async def _keep(
        self, key: SecretKey, declared: Declared[DesiredAccess], content: Content, all_of: Distribution, target: Target
    ) -> float | None:
        self._follow(key, target, _topics(key.namespace, content))
        self.watched.followed(SecretTopic(key.namespace, content.name), target)
        conflict: Conflict | None = None
        wait: float | None = None
        try:
            wait = await self._distributor.distribute(key, declared, content, all_of, target)
        except Conflict as error:
            conflict = error
        waits = await self._reports.on(key, declared, content, all_of, target)
        self._memory.note(declared.stored, all_of, pending("Waiting for the Secret."))
        if conflict is not None:
            raise conflict
        # The sweep does not apply to what is to be written or retried.
        sweep = self._sweep.wait(target) if target.stands and wait is None and not target.amiss else None
        return soonest(wait, sweep, *waits)

    def _common(self, declared: Declared[DesiredAccess], claim: Claim, whole: Wanted, proof: TokenKey | None) -> int:
        """What the passes over all Secrets of an access decide by, for comparison."""
        restored = self._findings.grants(declared.stored).restored
        return hash((declared.stored.uid, digest(whole), claim.may_add, restored, proof))

    def _follow(self, key: SecretKey, target: Target | None, topics: Iterable[Topic]) -> None:
        """Follow what the Secret depends on; keys that wait for an abandoned place are woken."""
        wanted = tuple(topics)
        if target is not None and target.proof is not None:
            wanted += (target.proof,)
        place = next((topic for topic in wanted if isinstance(topic, SecretTopic)), None)
        self._world.interests.follow(key, wanted)
        if target is None:
            return
        if target.place is not None and target.place != place:
            self._world.interests.publish(target.place, besides=key)
        target.place = place

    def _forget(self, key: SecretKey) -> None:
        known = self._targets.get(key.access)
        target = known.targets.get(key.namespace) if known is not None else None
        self._follow(key, target, ())
        if target is not None:
            self._sweep.release(target)
        self._targets.drop(key.access, key.namespace)


def _fingerprint(common: int, wanted: Wanted) -> int:
    """What a pass over one Secret decides by, for comparison."""
    return hash((common, digest(wanted) or wanted))


def _requested(key: SecretKey, declared: Declared[DesiredAccess], claim: Claim) -> SecretDebt | None:
    """The Secret that the access requests here, as a debt: a status of another client can make it one."""
    secret = claim.access.secret if claim.access is not None else None
    return SecretDebt(key.access, declared.stored.uid, key.namespace, secret.name) if secret is not None else None


def _topics(namespace: str, content: Content) -> tuple[Topic, ...]:
    """What a desired Secret depends on: its place, and its token if it has one."""
    place = SecretTopic(namespace, content.name)
    return (place,) if content.token is None else (place, content.token)
