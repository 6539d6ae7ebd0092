"""Secrets are written and removed without ever being read: what the API server answers decides."""

from dataclasses import replace

from wheelhouse.domain.objects import OPT_IN_LABEL, OPT_IN_VALUE, CustomObject, Kind
from wheelhouse.domain.reasons import Reason
from wheelhouse.domain.secret import Applied, Clash, Denied, SecretManifest, SecretReply
from wheelhouse.errors import Conflict, NotReady
from wheelhouse.plan.secrets import Step, Verdict, judge
from wheelhouse.reconcile.ports import World


class SecretWriter:
    """Applies and removes Secrets, and settles who holds their fields."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def write(self, stored: CustomObject, manifest: SecretManifest) -> None:
        """Make the Secret as the manifest says.

        Raises:
            NotReady: SecretConflict (somebody else's Secret, left as it is) or NotOptedIn.
            Conflict: it changed while it was being written.
        """
        secrets = self._world.secrets
        reply = await secrets.apply(manifest, force=False)
        verdict = self._judge(reply, manifest)
        match verdict.step:
            case Step.DONE:
                return
            case Step.FORCE:
                _must(await secrets.apply(manifest, force=True), manifest)
                who = ", ".join(verdict.others) or "somebody"
                note = f"Secret {manifest.namespace}/{manifest.name} was edited by {who}: put back."
                await self._world.objects.event(Kind.ACCESS, stored, "SecretEdited", note, warning=True)
            case Step.TAKE_OVER:
                uid = _must(await secrets.apply(manifest, force=True), manifest)
                for manager in verdict.others:
                    await secrets.disown(manifest.namespace, manifest.name, uid, manager)
                note = f"Secret {manifest.namespace}/{manifest.name} was left by a deleted access: taken over."
                await self._world.objects.event(Kind.ACCESS, stored, "SecretTakenOver", note)
            case Step.REPLACE:
                await self._replace(manifest)
            case _:
                _must(reply, manifest)

    async def remove(self, manifest: SecretManifest) -> None:
        """Delete the Secret if it is ours: a dry run tells whose it is and its uid."""
        bare = replace(manifest, data={}, annotations={})
        reply = await self._world.secrets.apply(bare, force=False, dry_run=True)
        verdict = self._judge(reply, manifest)
        if verdict.step is Step.FORCE:
            reply = await self._world.secrets.apply(bare, force=True, dry_run=True)
        if isinstance(reply, Applied) and not reply.created:
            await self._world.secrets.delete(manifest.namespace, manifest.name, reply.uid)

    async def _replace(self, manifest: SecretManifest) -> None:
        """A person froze the Secret (`immutable: true`): delete it, and apply again."""
        bare = replace(manifest, data={}, annotations={})
        uid = _must(await self._world.secrets.apply(bare, force=True, dry_run=True), manifest)
        await self._world.secrets.delete(manifest.namespace, manifest.name, uid)
        _must(await self._world.secrets.apply(manifest, force=False), manifest)

    def _judge(self, reply: SecretReply, manifest: SecretManifest) -> Verdict:
        return judge(reply, manifest.access.manager, self._world.cache.access_uids())


def _must(reply: SecretReply, manifest: SecretManifest) -> str:
    """The uid of what was applied; anything else becomes the error that says what to do."""
    where = f"{manifest.namespace}/{manifest.name}"
    if isinstance(reply, Applied):
        return reply.uid
    if isinstance(reply, Clash):
        if not reply.foreign_type and not reply.managers:
            raise Conflict(f"Secret {where} changed while it was being written.")
        message = f"Secret {where} belongs to somebody else and is left as it is: delete it, or set another secret.name"
        raise NotReady(f"{message} in a new object.", Reason.SECRET_CONFLICT, retry_after=60.0)
    if isinstance(reply, Denied) and reply.terminating:
        raise NotReady(f"Namespace {manifest.namespace} is being deleted.", Reason.PENDING, retry_after=60.0)
    message = f"Writing Secret {where} was refused: label the namespace {OPT_IN_LABEL}={OPT_IN_VALUE}."
    raise NotReady(message, Reason.NOT_OPTED_IN, retry_after=60.0)
