"""Secrets that a watch reported as changed: the check of the sweep comes at once."""

from wheelhouse.domain.keys import SecretKey
from wheelhouse.reconcile.interests import SecretTopic
from wheelhouse.reconcile.secret.sweep import Sweep
from wheelhouse.reconcile.secret.targets import Target, Targets
from wheelhouse.reconcile.world import World


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

    def doubt(self, namespace: str, name: str) -> None:
        """Check a Secret that may be deleted or edited, for each access that has its Secret there.

        Args:
            namespace: where the Secret is.
            name: its name.
        """
        for key in self._world.interests.followers(SecretTopic(namespace, name)):
            target = self._target(key) if isinstance(key, SecretKey) else None
            if target is None or not target.stands:  # It is not written yet, or it is another access's.
                continue
            wait = self._sweep.hasten(target)
            if wait > 0:
                self._world.queue.add_after(key, wait)
            else:
                self._world.queue.add(key)

    def _target(self, key: SecretKey) -> Target | None:
        declared = self._world.cache.access(key.access)
        return self._targets.peek(key, declared.stored.uid) if declared is not None else None
