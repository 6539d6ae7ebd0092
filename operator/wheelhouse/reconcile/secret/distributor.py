"""One Secret of an access: checked in its turn, and written when it is due."""

import structlog

from wheelhouse.desired.declared import Declared
from wheelhouse.domain.access import DesiredAccess
from wheelhouse.domain.keys import SecretKey
from wheelhouse.domain.lifetime import DEFAULT_LIFETIME
from wheelhouse.domain.objects import CustomObject, Kind
from wheelhouse.domain.reasons import Reason
from wheelhouse.domain.secret import AccessReference, SecretManifest
from wheelhouse.errors import Conflict, Invalid, NotReady, Refused, Unavailable
from wheelhouse.plan.leases import HeldToken, Moment, retry, retry_refused
from wheelhouse.plan.places import LIMIT
from wheelhouse.reconcile.findings import Findings
from wheelhouse.reconcile.interests import SecretTopic
from wheelhouse.reconcile.ledger import Ledger
from wheelhouse.reconcile.secret.choice import Choice
from wheelhouse.reconcile.secret.contained import about_to_contain, note_contained, to_expect
from wheelhouse.reconcile.secret.content import Content, digest
from wheelhouse.reconcile.secret.holders import Holders
from wheelhouse.reconcile.secret.rendering import Renderer, paths, unwanted
from wheelhouse.reconcile.secret.sweep import Sweep
from wheelhouse.reconcile.secret.targets import Distribution, Target
from wheelhouse.reconcile.secret.tokens import TokenUnit
from wheelhouse.reconcile.secret.writer import SecretWriter, belongs_to, holds
from wheelhouse.reconcile.world import World
from wheelhouse.status.read import is_recorded

logger = structlog.get_logger(__name__)

SOON = 5.0


class Distributor:
    """Brings Secrets to their desired content.

    Args:
        world: the ports.
        findings: what the units found.
        ledger: records the Secret's name and namespaces before they are used.
        tokens: mints tokens.
        holders: which access owns a Secret.
        writer: writes Secrets.
        sweep: checks whether Secrets still exist.
    """

    def __init__(
        self,
        world: World,
        findings: Findings,
        ledger: Ledger,
        tokens: TokenUnit,
        holders: Holders,
        writer: SecretWriter,
        sweep: Sweep,
    ) -> None:
        self._world = world
        self._findings = findings
        self._ledger = ledger
        self._holders = holders
        self._writer = writer
        self._sweep = sweep
        self._choice = Choice(world, tokens)
        self._renderer = Renderer(world.options.index_url_template)

    async def distribute(
        self,
        key: SecretKey,
        declared: Declared[DesiredAccess],
        content: Content,
        all_of: Distribution,
        target: Target,
    ) -> float | None:
        """Write one Secret if it is due; a failure is recorded in `target`.

        Returns:
            Seconds until the next attempt, if one is needed.

        Raises:
            Conflict: the Secret, or the access, changed meanwhile.
        """
        now = self._world.elapsed()
        if target.floor > now:
            return target.floor - now
        try:
            stands = await self._check(key, declared.stored, content, target)
            await self._write(key, declared, content, all_of, target, stands=stands)
        except NotReady as error:
            target.failure = error
            if error.reason is Reason.SECRET_CONFLICT:
                target.removed()
                target.conflicted = True
            return error.retry_after * (1 + 0.1 * self._world.jitter())
        except (Refused, Invalid, Unavailable) as error:
            target.failure = error
            wanted = content.token.lifetime if content.token is not None else DEFAULT_LIFETIME
            life = target.lease.life if target.token is not None and target.lease else wanted
            if not isinstance(error, Unavailable):
                return retry_refused(life, self._world.jitter())
            target.floor = now + error.floor
            return retry(life, self._world.jitter(), error.floor)
        target.failure = None
        return None

    async def _check(self, key: SecretKey, stored: CustomObject, content: Content, target: Target) -> bool:
        """Check whether another access's Secret is gone, or whether ours still exists.

        Returns:
            Whether a Secret that belonged to another access turned out to be this access's.
        """
        bare = _bare(key, stored, content)
        stands = False
        if target.conflicted:
            reply = await self._writer.ask(bare)
            stands = holds(reply)
            target.conflicted = False
        if not target.stands or target.amiss or self._sweep.wait(target) > 0:
            return stands
        if (target.tokenless and content.token is not None) or target.digest not in {0, digest(content)}:
            self._sweep.plan(target)  # Its keys are about to change.
            return stands
        try:
            expected = paths(bare.access, key.namespace, to_expect(content, target))
            found = await self._sweep.check(bare, target, expected, unwanted(content))
        except (Refused, Invalid, Unavailable) as error:
            where = f"{key.namespace}/{content.name}"
            logger.info("Could not check a Secret", secret=where, because=error.message)
            return stands
        if found is not None and target.token is None and target.lease is not None and content.token is not None:
            target.lease = self._choice.corrected(target.lease, found, content.token.lifetime)
        return stands

    async def _write(
        self,
        key: SecretKey,
        declared: Declared[DesiredAccess],
        content: Content,
        all_of: Distribution,
        target: Target,
        *,
        stands: bool,
    ) -> None:
        stored = declared.stored
        why = self._choice.why(content, target)
        if not why and not all_of.lists(self._findings.distribution(stored).namespaces, key.namespace):
            why = "unrecorded"  # Another client removed the record: a release must know of the Secret.
        if not why:
            return
        if not target.stands and not stands:
            place = SecretTopic(key.namespace, content.name)
            if (rival := self._holders.ahead(key, declared, place)) is not None:
                raise belongs_to(place, key.access, rival)
        held = self._choice.token(content.token, target, why) if content.token is not None else None
        if held is None and content.token is not None:
            return
        now = Moment(self._world.now(), self._world.elapsed())
        shown = HeldToken(held.token, held.lease.rebased(now)) if held is not None else None
        if not await self._record(key, stored, content, all_of, target, shown):
            return
        if self._released(stored):
            raise Conflict(f"RepositoryAccess {stored.key} was deleted while its Secret was being checked.")
        wanted = self._renderer.manifest(AccessReference(stored.key, stored.uid), key.namespace, content, shown)
        edited = target.amiss == "edited"
        applied = await self._writer.write(stored, wanted, edited=edited)
        target.uid, target.written_at = applied.uid, applied.written_at
        target.digest, target.key, target.token = digest(content), content.token, held
        target.formats = content.form.formats
        target.lease, target.tokenless, target.amiss = shown.lease if shown is not None else None, held is None, ""
        all_of.added.discard(key.namespace)
        self._sweep.plan(target)
        note_contained(self._findings, stored, content, all_of)
        logger.info("Secret written", secret=f"{key.namespace}/{content.name}", access=str(stored.key), why=why)

    def _released(self, stored: CustomObject) -> bool:
        """Whether the access was deleted since the pass began: another operator may have removed its Secret already."""
        now = self._world.cache.access(stored.key)
        return now is None or now.stored.uid != stored.uid or (now.stored.deleting and not stored.deleting)

    async def _record(
        self,
        key: SecretKey,
        stored: CustomObject,
        content: Content,
        all_of: Distribution,
        target: Target,
        held: HeldToken | None,
    ) -> bool:
        """Record in status what a restart must know, before the effect. False if the access does not exist."""
        record = False
        if not target.uid or not all_of.lists(self._findings.distribution(stored).namespaces, key.namespace):
            self._list(key, stored, content, all_of)
            await self._ledger.quiet(Kind.ACCESS, stored.key)  # A write that is under way may remove the name.
            now = self._world.cache.access(stored.key)
            record = now is None or not is_recorded(now.stored, content.name, key.namespace)
        found = self._findings.distribution(stored)
        # Many tokens are minted one after another: a short time must not cost a write for each of them.
        tolerance = held.lease.life / 60 if held is not None and all_of.places.wanted > 1 else 0.0
        later = (found.expires - held.lease.expires).total_seconds() if held is not None and found.expires else 0.0
        if held is not None and later > tolerance:
            self._findings.note_distribution(stored, expires=held.lease.expires, refresh=held.lease.refreshes)
            record = True
        record = about_to_contain(self._findings, stored, content) or record
        return await self._ledger.record(Kind.ACCESS, stored.key) if record else True

    def _list(self, key: SecretKey, stored: CustomObject, content: Content, all_of: Distribution) -> None:
        """Add the namespace to the ledger, with all others where a Secret is wanted: one write records them all.

        Raises:
            NotReady: the ledger has no room until other Secrets of the access are removed, or has their former name.
        """
        found = self._findings.distribution(stored)
        ledger = found.namespaces if found.name else ()
        if ledger and found.name != content.name:  # The ledger has one name for all.
            raise NotReady("Waiting until the Secrets with the former name are removed.", Reason.PENDING, SOON)
        if all_of.lists(ledger, key.namespace):
            return
        listed = frozenset(ledger)
        new = tuple(name for name in dict.fromkeys((key.namespace, *all_of.places.names)) if name not in listed)
        if len(ledger) + len(new) > LIMIT:
            raise NotReady("Waiting until Secrets in other namespaces are removed.", Reason.PENDING, SOON)
        all_of.added.update(new)
        form = found.form if found.name else content.form
        self._findings.note_distribution(
            stored, name=content.name, namespaces=(*ledger, *new), desired=all_of.places.wanted, form=form
        )


def _bare(key: SecretKey, stored: CustomObject, content: Content) -> SecretManifest:
    """The manifest for a check."""
    return SecretManifest(key.namespace, content.name, AccessReference(stored.key, stored.uid))
