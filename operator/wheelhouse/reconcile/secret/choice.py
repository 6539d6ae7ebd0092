"""Why a Secret is written now, and which token goes into it."""

from wheelhouse.domain.keys import TokenKey
from wheelhouse.domain.secret import Applied
from wheelhouse.plan.leases import HeldToken, Lease, Moment, recorded, replaces
from wheelhouse.reconcile.secret.content import Content, digest
from wheelhouse.reconcile.secret.targets import Target
from wheelhouse.reconcile.secret.tokens import TokenUnit
from wheelhouse.reconcile.world import World
from wheelhouse.status.conditions import moment


class Choice:
    """Decides about one Secret, without a request.

    Args:
        world: the clocks.
        tokens: mints tokens.
    """

    def __init__(self, world: World, tokens: TokenUnit) -> None:
        self._world = world
        self._tokens = tokens

    def why(self, content: Content, target: Target) -> str:
        """Why the Secret is written now; empty if it is as desired."""
        if target.amiss or not target.stands:
            return target.amiss or "new"
        if target.digest != digest(content):
            return "changed"
        if content.token is None or target.lease is None:
            return ""
        held = self._tokens.held(content.token)
        if held is not None:
            return "refresh" if held is not target.token else ""
        # The token unit forgets a token that no Secret needs, for example while the repository is missing.
        return "refresh" if target.lease.due(self._now()) <= 0 else ""

    def token(self, key: TokenKey, target: Target, why: str) -> HeldToken | None:
        """The token to write; None if the current one is kept, or if one was requested."""
        now = self._now()
        held = self._tokens.held(key)
        if held is not None and held is target.token and held.lease.left(now) > 0:
            return held
        same = target.key == key
        standing = target.true_lease if same and not target.amiss else None
        if held is not None and held.fresh(now) and replaces(held, standing, now):
            return held
        if same and why != "refresh" and target.token is not None and target.token.lease.left(now) > 0:
            return target.token
        if held is None or not held.fresh(now):
            self._tokens.ask(key, held, left=standing.left(now) if standing is not None else None)
        return None

    def corrected(self, lease: Lease, found: Applied, lifetime: int) -> Lease | None:
        """The times in the Secret itself, if those in status are of another token or of a wrong clock."""
        now, ends = self._now(), moment(found.expires_at)
        shown = recorded(ends, None, lifetime, now, moment(found.written_at))
        if shown is None or ends is None:
            return None
        return lease if abs((ends - lease.expires).total_seconds()) <= 1 else shown

    def _now(self) -> Moment:
        return Moment(self._world.now(), self._world.elapsed())
