"""Whether Secrets still exist, checked repeatedly without reading one."""

import math

from wheelhouse.domain.secret import Applied, SecretManifest
from wheelhouse.plan.leases import FLOOR_TOLERANCE, Moment
from wheelhouse.reconcile.secret.targets import Target, Targets
from wheelhouse.reconcile.secret.writer import SecretWriter
from wheelhouse.reconcile.world import World
from wheelhouse.status.conditions import moment

PERIOD = 60.0
"""Seconds between two checks of one Secret."""
A_SECOND = 20
"""Checks per second, for all Secrets together. Those of one second are sent together, which costs less CPU."""
SHARE = 0.9
"""The share of these checks that is planned for: if all were, a check would have to look long for a free second."""
LATE = 5.0
"""Seconds after its time at which a check is postponed once: after a pause of the process, too many would be sent."""
SPACING = 5.0
"""Seconds between two checks of one Secret that a watch requests: another client may edit it again and again."""
ROUNDED = 1e-3
"""Seconds that clocks and timers may differ."""


class Sweep:
    """Checks each Secret about once a minute, and at most 20 per second, besides those that a watch requests.

    Args:
        world: the ports.
        targets: how many Secrets there are.
        writer: sends the requests to the API server.
    """

    def __init__(self, world: World, targets: Targets, writer: SecretWriter) -> None:
        self._world = world
        self._targets = targets
        self._writer = writer
        self._turns: dict[int, int] = {}
        self._second = 0

    def wait(self, target: Target) -> float:
        """Seconds until a Secret is checked; 0 if it is its turn now.

        The first check after a start is at a random point of a period, so that the load is spread.
        """
        now, due = self._world.elapsed(), target.sweep_at
        if due is None:
            due = self._reserve(target, now + self._period() * (1 + self._world.jitter()) / 2)
        elif due <= now + ROUNDED and self._needs_turn(target, due, now):
            due, target.postponed = self._reserve(target, now), True
        return due - now if due - now > ROUNDED else 0.0

    def plan(self, target: Target) -> None:
        """The Secret was checked or written now: the next check is a period later."""
        target.postponed = False
        self._reserve(target, self._world.elapsed() + self._period() * (1 + 0.05 * self._world.jitter()))

    def hasten(self, target: Target) -> float:
        """Check a Secret earlier, because it may have changed. Seconds until then."""
        now = self._world.elapsed()
        due = max(now, target.hastened + SPACING)
        requested = target.turn is None and target.sweep_at == target.hastened
        if target.sweep_at is None or target.sweep_at > due or (target.turn is None and not requested):
            self.release(target)
            target.sweep_at = target.hastened = due
        return max(0.0, target.sweep_at - now)

    def release(self, target: Target) -> None:
        """Give the turn of a Secret to others: it is checked at another time, or no longer."""
        if target.turn is not None and target.turn > self._world.elapsed() and target.turn in self._turns:
            self._turns[target.turn] -= 1
        target.turn = None

    async def check(
        self,
        manifest: SecretManifest,
        target: Target,
        expected: frozenset[str],
        unwanted: frozenset[str] = frozenset(),
    ) -> Applied | None:
        """Check a Secret now.

        Args:
            manifest: the Secret and its access.
            target: what is known of it; a problem is recorded there.
            expected: the paths that our manager must own; additional ones of a later version stay until the refresh.
            unwanted: paths that our manager must not own.

        Returns:
            The reply for a Secret that is as desired.

        Raises:
            NotReady: SecretConflict: it is another access's now.
            Conflict, Invalid, Refused, Unavailable: the check failed.
        """
        self.plan(target)
        reply = await self._writer.ask(manifest)
        if not isinstance(reply, Applied) or reply.created:
            target.amiss = "missing"
        elif target.uid not in {"", reply.uid} or _differs(reply.owned, expected, unwanted):
            target.amiss = "edited"
        elif self._outdated(target, reply):
            target.amiss = "outdated"
        else:
            return reply
        return None

    def _period(self) -> float:
        return max(PERIOD, self._targets.total / (SHARE * A_SECOND))

    def _needs_turn(self, target: Target, due: float, now: float) -> bool:
        """Whether a check that is due has no turn, or missed it. One that a watch requests needs none."""
        if target.turn is None:
            return due != target.hastened
        return due < now - LATE and not target.postponed

    def _reserve(self, target: Target, moment: float) -> float:
        """Plan a check for the first second from `moment` on with a free turn, and return that second."""
        self.release(target)
        if (now := int(self._world.elapsed())) > self._second:
            self._turns = {second: taken for second, taken in self._turns.items() if second >= now}
            self._second = now
        second = math.ceil(moment - ROUNDED)
        while self._turns.get(second, 0) >= A_SECOND:
            second += 1
        self._turns[second] = self._turns.get(second, 0) + 1
        target.turn, target.sweep_at = second, float(second)
        return target.sweep_at

    def _outdated(self, target: Target, found: Applied) -> bool:
        """Whether the Secret is older than the last write of this process, or shows an earlier end than its token.

        Either a backup of etcd was restored, or the clock was wrong at the write.
        """
        before, after = moment(found.written_at), moment(target.written_at)
        if before is not None and after is not None and before < after:
            return True
        ends = moment(found.expires_at)
        if target.token is None or ends is None:
            return False
        now = Moment(self._world.now(), self._world.elapsed())
        return (target.token.lease.rebased(now).expires - ends).total_seconds() > FLOOR_TOLERANCE


def _differs(owned: frozenset[str] | None, expected: frozenset[str], unwanted: frozenset[str]) -> bool:
    return owned is not None and (not expected <= owned or bool(unwanted & owned))
