"""A Secret: mint → write → verify, refresh at half life, remove when it is not wanted."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum, auto

from wheelhouse.domain.iam import Grant, GrantState, Identity
from wheelhouse.domain.keys import AccessKey, SecretKey
from wheelhouse.domain.modes import Mode
from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.objects import OPT_IN_LABEL, OPT_IN_VALUE, CustomObject, Kind
from wheelhouse.domain.outcome import AccessOutcome, Check, SecretRecord, failed, passed, pending
from wheelhouse.domain.pip import ClientConfiguration, MintedToken, render
from wheelhouse.domain.reasons import Reason
from wheelhouse.domain.secret import AccessReference, SecretManifest
from wheelhouse.errors import Invalid, NotReady, Refused, Unavailable
from wheelhouse.plan.secrets import refresh_at, tolerable
from wheelhouse.reconcile.ledger import Ledger
from wheelhouse.reconcile.policy.claims import Claims
from wheelhouse.reconcile.ports import World
from wheelhouse.reconcile.secret.tokens import Mint
from wheelhouse.reconcile.secret.verify import PROBE, PUBLIC_PROBE, Verifier
from wheelhouse.reconcile.secret.writer import SecretWriter
from wheelhouse.status.access import read_access
from wheelhouse.status.conditions import timestamp

KIND = Kind.ACCESS
RETRY_DELAY = 5.0
SLOW_DELAY = 60.0


class Absence(Enum):
    """Why there shall be no Secret: nobody asks for it, or it must wait."""

    NOT_WANTED = auto()
    NOT_OPTED_IN = auto()
    WAITING = auto()


@dataclass(frozen=True, slots=True)
class Wish:
    """The Secret that shall stand, but for its token."""

    name: str
    identity: Identity
    index: str
    index_url: str
    upload_url: str | None
    page: str
    """The package page that is asked for to verify the token."""


class SecretUnit:
    """Reconciles Secrets, one at a time per access and namespace."""

    def __init__(self, world: World, ledger: Ledger, claims: Claims) -> None:
        self._world = world
        self._ledger = ledger
        self._claims = claims
        self._mint = Mint(world)
        self._verifier = Verifier(world)
        self._writer = SecretWriter(world)
        self._seen: dict[SecretKey, tuple[int, Wish | Absence]] = {}
        self._written: dict[SecretKey, tuple[Wish, MintedToken]] = {}

    def wish(self, stored: CustomObject) -> Wish | Absence:
        """What shall stand in the access's namespace; of an object that does not parse nothing new can be said."""
        if stored.deleting:
            return Absence.NOT_WANTED
        try:
            claim = self._claims.of(stored)
        except Invalid:
            return Absence.WAITING
        secret, view = claim.access.secret, claim.repository
        if secret is None or not claim.consent.permitted:
            return Absence.NOT_WANTED
        namespace = self._claims.namespace(stored.key.namespace)
        if namespace is None or not namespace.opted_in:
            return Absence.NOT_OPTED_IN
        grant = Grant(claim.access.role.iam, self._world.workload.member(secret.identity))
        if not _has(self._ledger.access(stored), grant) or view is None or not view.index_url or view.name is None:
            return Absence.WAITING
        writes = claim.access.role.uploads
        upload_url = view.upload_url if writes else None
        package = PROBE if view.mode in {None, Mode.STANDARD} else PUBLIC_PROBE
        page = f"{view.index_url}{package}/"
        return Wish(secret.name, secret.identity, view.name.repository_id, view.index_url, upload_url, page)

    def stale(self, stored: CustomObject) -> bool:
        """Whether what is wanted differs from what the last pass saw."""
        key = SecretKey(stored.key, stored.key.namespace)
        return self._seen.get(key) != (stored.generation, self.wish(stored))

    def forget(self, access: ObjectKey) -> None:
        """The access is gone."""
        key = SecretKey(access, access.namespace)
        self._seen.pop(key, None)
        self._written.pop(key, None)
        self._verifier.forget(key)

    async def reconcile(self, key: SecretKey) -> float | None:
        """Make one Secret as its access says.

        Returns:
            Seconds until it must be looked at again: the token's refresh, or another try.

        Raises:
            WheelhouseError: Conflict or Unavailable, for the queue to come back.
        """
        stored = self._world.cache.access(key.access)
        if stored is None:
            self.forget(key.access)
            return None
        wish = self.wish(stored)
        self._seen[key] = (stored.generation, wish)
        record = self._ledger.access(stored).secret
        renamed = isinstance(wish, Wish) and record is not None and record.name != wish.name
        if wish in {Absence.NOT_WANTED, Absence.NOT_OPTED_IN} or renamed:
            await self._remove(key, stored)
        if isinstance(wish, Absence):
            self._explain(stored, wish)
            return None
        return await self._keep(key, stored, wish)

    async def _keep(self, key: SecretKey, stored: CustomObject, wish: Wish) -> float | None:
        await self._record(key, stored, wish)
        try:
            await self._refresh(key, stored, wish)
            self._ledger.recovered(KIND, stored, "distributed")
            return await self._verify(key, stored, wish)
        except NotReady as error:
            self._note(stored, distributed=failed(error.reason, error.message))
            return error.retry_after
        except (Refused, Invalid) as error:
            self._note(stored, distributed=failed(error.reason, error.message))
            return SLOW_DELAY
        except Unavailable as error:
            self._note(stored, distributed=self._during_outage(stored, error))
            raise

    async def _record(self, key: SecretKey, stored: CustomObject, wish: Wish) -> None:
        """The ledger names the Secret before it is first applied, so that removal works without listing."""
        record = self._ledger.access(stored).secret
        if record is None or record.name != wish.name:
            self._ledger.note_access(stored, secret=SecretRecord(wish.name, (key.namespace,)))
        written = read_access(stored).secret
        if written is None or written.name != wish.name or key.namespace not in written.namespaces:
            await self._ledger.record(KIND, stored.key)

    async def _refresh(self, key: SecretKey, stored: CustomObject, wish: Wish, *, anew: bool = False) -> None:
        outcome = self._ledger.access(stored)
        record = outcome.secret or SecretRecord(wish.name, (key.namespace,))
        now = self._world.now()
        due = record.refresh is None or now >= record.refresh
        before = self._written.get(key)
        if not due and not anew and outcome.distributed.ok and (before is None or before[0] == wish):
            return
        if before is not None and not due and not anew and before[0].identity == wish.identity:
            minted = before[1]
        else:
            minted = await self._mint.token(wish.identity, record.expires, anew=anew)
        refresh = refresh_at(minted, self._world.jitter())
        await self._writer.write(stored, self._manifest(key, stored, wish, minted, refresh))
        self._written[key] = (wish, minted)
        record = replace(
            record, current=(key.namespace,), expires=minted.expires, refresh=refresh, identity=str(wish.identity)
        )
        self._note(stored, secret=record, distributed=passed(Reason.DISTRIBUTED))

    def _manifest(
        self, key: SecretKey, stored: CustomObject, wish: Wish, minted: MintedToken, refresh: datetime
    ) -> SecretManifest:
        configuration = ClientConfiguration(wish.index, wish.index_url, wish.upload_url, minted.token)
        return SecretManifest(
            namespace=key.namespace,
            name=wish.name,
            access=AccessReference(stored.key, stored.uid),
            data=render(configuration),
            annotations={
                "wheelhouse.dev/expires-at": timestamp(minted.expires),
                "wheelhouse.dev/refresh-at": timestamp(refresh),
                "reloader.stakater.com/ignore": "true",
            },
        )

    async def _verify(self, key: SecretKey, stored: CustomObject, wish: Wish) -> float | None:
        """Ask the index with the token just written; not repeated while nothing changes."""
        outcome = self._ledger.access(stored)
        record = outcome.secret
        until_refresh = (
            max(0.0, (record.refresh - self._world.now()).total_seconds()) if record and record.refresh else 0.0
        )
        if not self._world.options.verify_access:
            self._note(stored, verified=Verifier.OFF)
            return until_refresh
        if outcome.verified.ok:
            return until_refresh
        if key not in self._written:  # After a restart the token is not known: it is never read back.
            await self._refresh(key, stored, wish, anew=True)
        verdict = await self._verifier.verify(key, wish.page, self._written[key][1].token)
        if verdict.mint_again:
            await self._refresh(key, stored, wish, anew=True)
            verdict = await self._verifier.verify(key, wish.page, self._written[key][1].token)
        self._note(stored, verified=verdict.check)
        return until_refresh if verdict.retry_after is None else min(until_refresh, verdict.retry_after)

    async def _remove(self, key: SecretKey, stored: CustomObject) -> None:
        record = self._ledger.access(stored).secret
        if record is None:
            return
        await self._writer.remove(SecretManifest(key.namespace, record.name, AccessReference(stored.key, stored.uid)))
        self._written.pop(key, None)
        self._verifier.forget(key)
        self._note(stored, secret=None)
        self._world.queue.add(AccessKey(stored.key))

    def _explain(self, stored: CustomObject, absence: Absence) -> None:
        if stored.deleting or absence is Absence.WAITING:
            return
        if absence is Absence.NOT_OPTED_IN:
            message = (
                f"Namespace {stored.key.namespace} has not opted in: whoever administers it sets the label "
                f"{OPT_IN_LABEL}={OPT_IN_VALUE}."
            )
            self._note(stored, distributed=failed(Reason.NOT_OPTED_IN, message), verified=pending("No Secret yet."))

    def _during_outage(self, stored: CustomObject, error: Unavailable) -> Check:
        """While the token lives long enough an outage goes unsaid; once it has expired, that is what matters."""
        outcome, now = self._ledger.access(stored), self._world.now()
        record = outcome.secret
        if record is not None and record.expires is not None and now >= record.expires:
            return failed(Reason.EXPIRED, f"The token in Secret {record.name} has expired: {error.message}")
        if outcome.distributed.ok and record is not None and tolerable(record.expires, record.refresh, now):
            return outcome.distributed
        return failed(Reason.UNAVAILABLE, f"{error.message} Tried again by itself.")

    def _note(self, stored: CustomObject, **changes: Check | SecretRecord | None) -> None:
        before = self._ledger.access(stored)
        if self._ledger.note_access(stored, **changes) != before:
            self._world.queue.add(AccessKey(stored.key))


def _has(outcome: AccessOutcome, grant: Grant) -> bool:
    return any(
        record.grant.identity == grant.identity and record.state in {GrantState.GRANTED, GrantState.EXISTING}
        for record in outcome.grants
    )
