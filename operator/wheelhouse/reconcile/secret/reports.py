"""What a pass over one Secret reports: whether it is as desired, and whether the index accepts its token."""

from wheelhouse.desired.declared import Declared
from wheelhouse.domain.access import DesiredAccess
from wheelhouse.domain.findings import Check
from wheelhouse.domain.keys import SecretKey, TokenKey
from wheelhouse.plan.keyring import NOT_VERIFIABLE, keyring_finding
from wheelhouse.plan.leases import Moment
from wheelhouse.plan.secrets import token_finding, until_next_finding
from wheelhouse.reconcile.findings import Findings
from wheelhouse.reconcile.secret.content import Content, digest
from wheelhouse.reconcile.secret.notices import Notices
from wheelhouse.reconcile.secret.targets import Distribution, Target
from wheelhouse.reconcile.secret.tokens import TokenUnit
from wheelhouse.reconcile.secret.verify import OFF, Verifier
from wheelhouse.reconcile.world import World


class Reports:
    """Counts a Secret in the aggregate of its access.

    Args:
        world: the ports.
        findings: what the units found; only read here.
        tokens: mints tokens.
    """

    def __init__(self, world: World, findings: Findings, tokens: TokenUnit) -> None:
        self._world = world
        self._findings = findings
        self._tokens = tokens
        self._verifier = Verifier(world)
        self._notices = Notices(world)

    async def on(
        self, key: SecretKey, declared: Declared[DesiredAccess], content: Content, all_of: Distribution, target: Target
    ) -> tuple[float | None, ...]:
        """Count what the pass found.

        Returns:
            Seconds until time alone changes something, each None if it does not.
        """
        if content.token is not None:
            return await self._on_token(key, declared, content, content.token, all_of, target)
        stands = target.tokenless and target.digest == digest(content)
        all_of.count(key.namespace, target, keyring_finding(stands=stands, failure=target.failure))
        all_of.replace_verified(NOT_VERIFIABLE)
        return ()

    async def _on_token(
        self,
        key: SecretKey,
        declared: Declared[DesiredAccess],
        content: Content,
        token: TokenKey,
        all_of: Distribution,
        target: Target,
    ) -> tuple[float | None, ...]:
        if target.token is not None and target.key == token:
            await self._notices.written(declared.stored, token, target.token, all_of.reported)
        now = self._now()
        failure = target.failure or self._tokens.failure(token)
        lease = target.true_lease
        if lease is not None and lease.left(now) > 0 and target.digest != digest(content):
            lease = None  # The token in the Secret is not the desired one.
        all_of.count(key.namespace, target, token_finding(lease, failure, f"{key.namespace}/{content.name}", now))
        if self._tokens.overdue(token):
            self._world.queue.add(token)
        if all_of.verified == NOT_VERIFIABLE:
            all_of.replace_verified(None)  # The Secret had no token before.
        verified, again = await self._verify(key, declared, content, token, target)
        all_of.count_verified(token, verified)
        timed = self._tokens.held(token) is not None  # The token unit wakes this key.
        due = lease.due(now) if lease is not None and not timed and lease.due(now) > 0 else None
        return again, due, until_next_finding(target.true_lease, failure, now)

    async def _verify(
        self, key: SecretKey, declared: Declared[DesiredAccess], content: Content, token: TokenKey, target: Target
    ) -> tuple[Check | None, float | None]:
        """The index's answer for the token in the Secret, while it is in memory."""
        if not self._world.options.verify_access:
            return OFF, None
        held = target.token
        if held is None or target.digest != digest(content) or held.lease.left(self._now()) <= 0:
            return None, None
        restored = self._findings.grants(declared.stored).restored
        if restored != target.restored:
            self._verifier.restored(token, content.proof)
            target.restored = restored
        verdict = await self._verifier.check(key, token, held, content.proof)
        if verdict.mint_again:
            self._tokens.ask(token, held)
        return verdict.check, verdict.wait

    def _now(self) -> Moment:
        return Moment(self._world.now(), self._world.elapsed())
