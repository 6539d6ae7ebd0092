"""One Secret of an access: checked in its turn, and written when it is due."""

import structlog

from wheelhouse.desired.declared import Declared
from wheelhouse.domain.access import DesiredAccess
from wheelhouse.domain.keys import SecretKey
from wheelhouse.domain.objects import CustomObject, Kind
from wheelhouse.domain.reasons import Reason
from wheelhouse.domain.secret import AccessReference, Applied, SecretManifest
from wheelhouse.errors import Conflict, Invalid, NotReady, Refused, Unavailable
from wheelhouse.plan.leases import HeldToken, Lease, Moment, recorded, replaces, retry
from wheelhouse.plan.places import LIMIT
from wheelhouse.reconcile.findings import Findings
from wheelhouse.reconcile.interests import SecretTopic
from wheelhouse.reconcile.ledger import Ledger
from wheelhouse.reconcile.secret.content import Content, digest
from wheelhouse.reconcile.secret.holders import Holders
from wheelhouse.reconcile.secret.rendering import Renderer, paths
from wheelhouse.reconcile.secret.sweep import Sweep
from wheelhouse.reconcile.secret.targets import Distribution, Target
from wheelhouse.reconcile.secret.tokens import TokenUnit
from wheelhouse.reconcile.secret.writer import SecretWriter, belongs_to, holds
from wheelhouse.reconcile.world import World
from wheelhouse.status.conditions import moment
from wheelhouse.status.read import is_recorded

logger = structlog.get_logger(__name__)

SLOW = 60.0
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
        self._tokens = tokens
        self._holders = holders
        self._writer = writer
        self._sweep = sweep
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
        except (Refused, Invalid) as error:
            target.failure = error
            return SLOW * (1 + 0.2 * self._world.jitter())
        except Unavailable as error:
            target.failure = error
            life = target.lease.life if target.token is not None and target.lease else content.token.lifetime
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
        if target.lease is None or target.amiss or self._sweep.wait(target) > 0:
            return stands
        try:
            found = await self._sweep.check(bare, target, paths(bare.access, key.namespace, content))
        except (Refused, Invalid, Unavailable) as error:
            where = f"{key.namespace}/{content.name}"
            logger.info("Could not check a Secret", secret=where, because=error.message)
            return stands
        if found is not None and target.token is None:
            target.lease = self._corrected(target.lease, found, content.token.lifetime)
        return stands

    def _corrected(self, lease: Lease, found: Applied, lifetime: int) -> Lease | None:
        """The times in the Secret itself, if those in status are of another token or of a wrong clock."""
        now, ends = self._now(), moment(found.expires_at)
        shown = recorded(ends, None, lifetime, now, moment(found.written_at))
        if shown is None or ends is None:
            return None
        return lease if abs((ends - lease.expires).total_seconds()) <= 1 else shown

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
        why = self._why(content, target)
        if not why and not all_of.lists(self._findings.distribution(stored).namespaces, key.namespace):
            why = "unrecorded"  # Another client removed the record: a release must know of the Secret.
        if not why:
            return
        if target.lease is None and not stands:
            place = SecretTopic(key.namespace, content.name)
            if (rival := self._holders.ahead(key, declared, place)) is not None:
                raise belongs_to(place, key.access, rival)
        held = self._choose(content, target, why)
        if held is None:
            return
        shown = HeldToken(held.token, held.lease.rebased(self._now()))
        if not await self._record(key, stored, content, all_of, target, shown):
            return
        if self._released(stored):
            raise Conflict(f"RepositoryAccess {stored.key} was deleted while its Secret was being checked.")
        wanted = self._renderer.manifest(AccessReference(stored.key, stored.uid), key.namespace, content, shown)
        edited = target.amiss == "edited"
        applied = await self._writer.write(stored, wanted, edited=edited)
        target.uid, target.written_at = applied.uid, applied.written_at
        target.digest, target.key, target.token, target.lease = digest(content), content.token, held, shown.lease
        target.amiss = ""
        all_of.added.discard(key.namespace)
        self._sweep.plan(target)
        self._note_content(stored, content, all_of)
        logger.info("Secret written", secret=f"{key.namespace}/{content.name}", access=str(stored.key), why=why)

    def _note_content(self, stored: CustomObject, content: Content, all_of: Distribution) -> None:
        """Note what the Secret has. A status that names another identity never counts the Secrets without it."""
        found = self._findings.distribution(stored)
        same = (found.identity, found.acting) == (content.identity, content.token.impersonate)
        current = found.current if same else all_of.current
        self._findings.note_distribution(
            stored, identity=content.identity, acting=content.token.impersonate, form=content.form, current=current
        )

    def _released(self, stored: CustomObject) -> bool:
        """Whether the access was deleted since the pass began: another operator may have removed its Secret already."""
        now = self._world.cache.access(stored.key)
        return now is None or now.stored.uid != stored.uid or (now.stored.deleting and not stored.deleting)

    def _why(self, content: Content, target: Target) -> str:
        """Why the Secret is written now; empty if it is as desired."""
        if target.amiss or target.lease is None:
            return target.amiss or "new"
        if target.digest != digest(content):
            return "changed"
        held = self._tokens.held(content.token)
        if held is not None:
            return "refresh" if held is not target.token else ""
        # The token unit forgets a token that no Secret needs, for example while the repository is missing.
        return "refresh" if target.lease.due(self._now()) <= 0 else ""

    def _choose(self, content: Content, target: Target, why: str) -> HeldToken | None:
        """The token to write; None if the current one is kept, or if one was requested."""
        now = self._now()
        held = self._tokens.held(content.token)
        if held is not None and held is target.token and held.lease.left(now) > 0:
            return held
        same = target.key == content.token
        standing = target.true_lease if same and not target.amiss else None
        if held is not None and held.fresh(now) and replaces(held, standing, now):
            return held
        if same and why != "refresh" and target.token is not None and target.token.lease.left(now) > 0:
            return target.token
        if held is None or not held.fresh(now):
            self._tokens.ask(content.token, held, left=standing.left(now) if standing is not None else None)
        return None

    async def _record(
        self,
        key: SecretKey,
        stored: CustomObject,
        content: Content,
        all_of: Distribution,
        target: Target,
        held: HeldToken,
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
        tolerance = held.lease.life / 60 if all_of.places.wanted > 1 else 0.0
        if found.expires is not None and (found.expires - held.lease.expires).total_seconds() > tolerance:
            self._findings.note_distribution(stored, expires=held.lease.expires, refresh=held.lease.refreshes)
            record = True
        return await self._ledger.record(Kind.ACCESS, stored.key) if record else True

    def _list(self, key: SecretKey, stored: CustomObject, content: Content, all_of: Distribution) -> None:
        """Add the namespace to the ledger, with all others where a Secret is wanted: one write records them all.

        Raises:
            NotReady: the ledger has no room until other Secrets of the access are removed.
        """
        found = self._findings.distribution(stored)
        ledger = found.namespaces if found.name else ()
        if found.name == content.name and all_of.lists(ledger, key.namespace):
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

    def _now(self) -> Moment:
        return Moment(self._world.now(), self._world.elapsed())


def _bare(key: SecretKey, stored: CustomObject, content: Content) -> SecretManifest:
    """The manifest for a check."""
    return SecretManifest(key.namespace, content.name, AccessReference(stored.key, stored.uid))
