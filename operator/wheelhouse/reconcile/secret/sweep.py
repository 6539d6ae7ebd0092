"""Whether Secrets still stand, asked again and again without reading one."""

from wheelhouse.domain.secret import Applied, SecretManifest
from wheelhouse.reconcile.secret.targets import Target, Targets
from wheelhouse.reconcile.secret.writer import SecretWriter
from wheelhouse.reconcile.world import World

PERIOD = 60.0
"""Seconds between two looks at one Secret."""
A_SECOND = 20
"""Looks a second, at all Secrets together."""
ROUNDED = 1e-3
"""Seconds that clocks and timers are apart."""


class Sweep:
    """Looks at each Secret about once a minute, and at no more than 20 a second.

    Args:
        world: the ports.
        targets: how many Secrets there are.
        writer: asks the API server.
    """

    def __init__(self, world: World, targets: Targets, writer: SecretWriter) -> None:
        self._world = world
        self._targets = targets
        self._writer = writer
        self._free = 0.0

    def wait(self, target: Target) -> float:
        """Seconds until a Secret is looked at; 0 when it has its turn now.

        The first look after a start lies somewhere within a period, so that not all come at once.
        """
        now = self._world.elapsed()
        if target.sweep_at is None:
            target.sweep_at = now + self._period() * (1 + self._world.jitter()) / 2
        if target.sweep_at > now + ROUNDED:
            return target.sweep_at - now
        if not target.turn:
            target.turn, target.sweep_at = True, max(now, self._free)
            self._free = target.sweep_at + 1 / A_SECOND
        wait = target.sweep_at - now
        return wait if wait > ROUNDED else 0.0

    def plan(self, target: Target) -> None:
        """The Secret was looked at or written now: the next look is a period later."""
        target.turn = False
        target.sweep_at = self._world.elapsed() + self._period() * (1 + 0.1 * self._world.jitter())

    async def look(self, manifest: SecretManifest, target: Target, expected: frozenset[str]) -> Applied | None:
        """Look at a Secret now.

        Args:
            manifest: whose it is.
            target: what is known of it; what is amiss is noted there.
            expected: the paths that our manager must hold; what a later version wrote besides stays until the refresh.

        Returns:
            What is told of a Secret that stands as it should.

        Raises:
            NotReady: SecretConflict: it is another's now.
            Conflict, Invalid, Refused, Unavailable: nothing was learned.
        """
        self.plan(target)
        reply = await self._writer.ask(manifest)
        if not isinstance(reply, Applied) or reply.created:
            target.amiss = "missing"
        elif (reply.owned is not None and not expected <= reply.owned) or target.uid not in {"", reply.uid}:
            target.amiss = "edited"
        else:
            return reply
        return None

    def _period(self) -> float:
        return max(PERIOD, self._targets.total / A_SECOND)
