"""Secrets are written and removed without ever being read: the API server's replies decide."""

from collections.abc import Collection

import structlog

from wheelhouse.domain.keys import SecretKey
from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.objects import OPT_IN_LABEL, OPT_IN_VALUE, CustomObject, Kind
from wheelhouse.domain.reasons import Reason
from wheelhouse.domain.secret import Applied, Clash, Denied, SecretManifest, SecretReply
from wheelhouse.errors import Conflict, NotReady
from wheelhouse.plan.secrets import Step, Verdict, accesses, judge, outranks
from wheelhouse.reconcile.interests import SecretTopic
from wheelhouse.reconcile.secret.holders import Holders
from wheelhouse.reconcile.world import World

logger = structlog.get_logger(__name__)

CONFLICT_DELAY = 60.0
DENIED_DELAY = 10.0

_OTHER_PLACE = "select other namespaces, or "
_OTHER_NAME = "remove spec.secret and add it again with another name. The operator checks again within a minute"
"""The remedy if a Secret has another owner: the name itself cannot be changed."""


class SecretWriter:
    """Applies and removes Secrets, and resolves who owns their fields.

    Args:
        world: the ports.
        holders: which access owns a Secret.
    """

    def __init__(self, world: World, holders: Holders) -> None:
        self._world = world
        self._holders = holders

    async def write(self, stored: CustomObject, manifest: SecretManifest, *, edited: bool) -> Applied:
        """Bring the Secret to the state of the manifest.

        Args:
            stored: the access, for its Events.
            manifest: the Secret.
            edited: whether it was found edited, which is reported once it is restored.

        Returns:
            The Secret's uid and the time of this write.

        Raises:
            NotReady: SecretConflict (another's Secret, which is not changed) or NotOptedIn.
            Conflict: it changed while it was being written.
            Invalid, Refused, Unavailable: for the API server's errors.
        """
        where = f"Secret {manifest.namespace}/{manifest.name}"
        reply = await self._world.secrets.apply(manifest, force=False)
        verdict = await self.judged(reply, manifest)
        match verdict.step:
            case Step.DONE:
                if edited:
                    await self._event(stored, "SecretEdited", f"{where} was edited. The operator restored it.")
                return _applied(reply)
            case Step.FORCE:
                applied = await self._force(stored, manifest)
                who = ", ".join(verdict.others) or "an unknown client"
                await self._event(stored, "SecretEdited", f"{where} was edited by {who}. The operator restored it.")
                return applied
            case Step.TAKE_OVER:
                applied = await self._force(stored, manifest)
                for manager in verdict.others:
                    await self._world.secrets.disown(manifest.namespace, manifest.name, applied.uid, manager)
                place = SecretTopic(manifest.namespace, manifest.name)
                displaced = self._holders.displace(verdict.others, place, SecretKey(stored.key, manifest.namespace))
                await self._event(stored, "SecretTakenOver", _taken_over(where, displaced))
                return applied
            case _:
                return await self._replace(stored, manifest)

    async def ask(self, manifest: SecretManifest) -> Applied | Denied:
        """Check the state of the Secret, with a dry run without data: absent, ours, or edited by a person.

        Raises:
            NotReady: SecretConflict: it is another access's.
            Conflict, Invalid, Refused, Unavailable: for the API server's errors.
        """
        bare = manifest.bare
        reply = await self._world.secrets.apply(bare, force=False, dry_run=True)
        if isinstance(reply, Clash):
            await self.judged(reply, bare)
            reply = await self._world.secrets.apply(bare, force=True, dry_run=True)
        if isinstance(reply, Clash):
            raise Conflict(f"Secret {manifest.namespace}/{manifest.name} changed while it was being checked.")
        return reply

    async def remove(self, manifest: SecretManifest) -> bool:
        """Delete the Secret if it is ours: a dry run shows its owner and its uid. Returns whether it existed.

        Raises:
            Conflict, Invalid, Refused, Unavailable: for the API server's errors.
        """
        bare = manifest.bare
        reply = await self._world.secrets.apply(bare, force=False, dry_run=True)
        if isinstance(reply, Clash) and not reply.foreign_type:
            others = accesses(reply, manifest.access.manager)
            if await self._holders.living(others, SecretTopic(manifest.namespace, manifest.name)):
                return False
            reply = await self._world.secrets.apply(bare, force=True, dry_run=True)
        if not isinstance(reply, Applied) or reply.created or not reply.owned:
            return False  # Absent, or nothing in it is this access's: a person, or a deleted access, created it.
        await self._world.secrets.delete(manifest.namespace, manifest.name, reply.uid)
        return True

    async def judged(self, reply: SecretReply, manifest: SecretManifest) -> Verdict:
        """The verdict on a reply; if another access owns the Secret, a fresh list shows which one.

        Raises:
            NotReady: SecretConflict or NotOptedIn.
        """
        own = manifest.access.manager
        foreign = isinstance(reply, Clash) and reply.foreign_type
        others = () if foreign else accesses(reply, own)
        place, access = SecretTopic(manifest.namespace, manifest.name), manifest.access.key
        living = await self._holders.living(others, place)
        living = {name: key for name, key in living.items() if not outranks(access, key, place.namespace)}
        verdict = judge(reply, own, living)
        where = f"{manifest.namespace}/{manifest.name}"
        if verdict.step is Step.CONFLICT:
            raise belongs_to(place, access, living[verdict.others[0]] if verdict.others else None)
        if isinstance(reply, Denied):
            raise _denied(where, manifest.namespace, reply)
        return verdict

    async def _force(self, stored: CustomObject, manifest: SecretManifest) -> Applied:
        reply = await self._world.secrets.apply(manifest, force=True)
        verdict = await self.judged(reply, manifest)
        return _applied(reply) if verdict.step is Step.DONE else await self._replace(stored, manifest)

    async def _replace(self, stored: CustomObject, manifest: SecretManifest) -> Applied:
        """A person made the Secret immutable (`immutable: true`): delete it, and apply again."""
        where = f"Secret {manifest.namespace}/{manifest.name}"
        immutable = await self._world.secrets.apply(manifest.bare, force=True, dry_run=True)
        if isinstance(immutable, Applied) and not immutable.created:
            await self._world.secrets.delete(manifest.namespace, manifest.name, immutable.uid)
        reply = await self._world.secrets.apply(manifest, force=False)
        if not isinstance(reply, Applied):
            raise Conflict(f"{where} changed while it was being replaced.")
        await self._event(
            stored, "SecretReplaced", f"{where} was immutable. The operator deleted it and created it again."
        )
        return reply

    async def _event(self, stored: CustomObject, reason: str, note: str) -> None:
        logger.warning(note, access=str(stored.key), reason=reason)
        await self._world.objects.event(Kind.ACCESS, stored, reason, note, warning=True)


def holds(reply: Applied | Denied) -> bool:
    """Whether the Secret exists, and our manager owns fields of it."""
    return isinstance(reply, Applied) and not reply.created and bool(reply.owned)


def belongs_to(place: SecretTopic, access: ObjectKey, holder: ObjectKey | None) -> NotReady:
    """SecretConflict: it names the owner of the Secret. Only a Secret without one may be deleted by hand.

    Args:
        place: the Secret.
        access: the access that wants it.
        holder: the access that has it, or has priority; None if the Secret is not Wheelhouse's.
    """
    where = f"{place.namespace}/{place.name}"
    other = _OTHER_NAME if access.namespace == place.namespace else f"{_OTHER_PLACE}{_OTHER_NAME}"
    if holder is None:
        message = f"Secret {where} does not belong to Wheelhouse, so the operator does not change it. Delete it,"
        return NotReady(f"{message} or {other}.", Reason.SECRET_CONFLICT, CONFLICT_DELAY)
    priority = ""
    if outranks(holder, access, place.namespace):
        priority = " An access in the namespace of the Secret has priority."
    message = f"Secret {where} belongs to RepositoryAccess {holder}.{priority} Delete that one, or {other}."
    return NotReady(message, Reason.SECRET_CONFLICT, CONFLICT_DELAY)


def _taken_over(where: str, displaced: Collection[ObjectKey]) -> str:
    if not displaced:
        return f"{where} was left behind by a deleted access. This access took it over."
    others = ", ".join(str(access) for access in displaced)
    return (
        f"{where} belonged to RepositoryAccess {others}. An access in the namespace of the Secret has priority, so "
        "this access took it over."
    )


def _denied(where: str, namespace: str, reply: Denied) -> NotReady:
    if reply.terminating:
        return NotReady(f"Namespace {namespace} is being deleted.", Reason.PENDING, CONFLICT_DELAY)
    message = (
        f"The operator may not write Secret {where}, because the namespace has not opted in. Ask its administrator to "
        f"set the label {OPT_IN_LABEL}={OPT_IN_VALUE}."
    )
    return NotReady(message, Reason.NOT_OPTED_IN, DENIED_DELAY)


def _applied(reply: SecretReply) -> Applied:
    return reply if isinstance(reply, Applied) else Applied("", created=False)
