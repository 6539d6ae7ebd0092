"""Secrets that a watch reported as changed: the check of the sweep comes at once."""

from wheelhouse.domain.keys import SecretKey
from wheelhouse.reconcile.interests import SecretTopic
from wheelhouse.reconcile.secret.sweep import Sweep
from wheelhouse.reconcile.secret.targets import Target, Targets
from wheelhouse.reconcile.world import World

MOST = 5000
"""Early reports that are remembered; the sweep finds the others."""


class Watched:
    """Brings the check of a Secret forward. Only the check decides whether the Secret is written.

    Args:
        world: the ports.
        targets: what is known of each Secret.
        sweep: checks Secrets.
    """

    def __init__(self, world: World, targets: Targets, sweep: Sweep) -> None:
        self._world = world
        self._targets = targets
        self._sweep = sweep
        self._early: set[SecretTopic] = set()

    def doubt(self, namespace: str, name: str) -> None:
        """Check a Secret that may be deleted or edited, for each access that has its Secret there.

        Args:
            namespace: where the Secret is.
            name: its name.
        """
        topic = SecretTopic(namespace, name)
        followers = self._world.interests.followers(topic)
        if not followers and len(self._early) < MOST:
            self._early.add(topic)
        for key in followers:
            target = self._target(key) if isinstance(key, SecretKey) else None
            if target is None or not target.stands:  # It is not written yet, or it is another access's.
                continue
            wait = self._sweep.hasten(target)
            if wait > 0:
                self._world.queue.add_after(key, wait)
            else:
                self._world.queue.add(key)

    def followed(self, topic: SecretTopic, target: Target) -> None:
        """A Secret is known from now on: check it at once if it was reported before, as it happens after a start."""
        if topic in self._early:
            self._early.discard(topic)
            self._sweep.hasten(target)

    def _target(self, key: SecretKey) -> Target | None:
        declared = self._world.cache.access(key.access)
        return self._targets.peek(key, declared.stored.uid) if declared is not None else None
