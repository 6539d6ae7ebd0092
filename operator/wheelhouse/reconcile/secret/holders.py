"""Which access owns a Secret, if two accesses want the same name in a namespace."""

from collections.abc import Collection, Iterator

from wheelhouse.desired.declared import Declared
from wheelhouse.domain.access import DesiredAccess
from wheelhouse.domain.keys import SecretKey
from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.secret import MANAGER_PREFIX
from wheelhouse.reconcile.findings import Findings
from wheelhouse.reconcile.interests import SecretTopic
from wheelhouse.reconcile.policy.claims import Claims
from wheelhouse.reconcile.secret.content import Content, Contents
from wheelhouse.reconcile.secret.targets import Targets
from wheelhouse.reconcile.world import World


class Holders:
    """Determines which other access owns a Secret, or has priority.

    Args:
        world: the ports.
        findings: what the units found; only read here.
        claims: decides about accesses.
        contents: the desired content.
        targets: what is known of each Secret.
    """

    def __init__(self, world: World, findings: Findings, claims: Claims, contents: Contents, targets: Targets) -> None:
        self._world = world
        self._findings = findings
        self._claims = claims
        self._contents = contents
        self._targets = targets

    def ahead(self, key: SecretKey, declared: Declared[DesiredAccess], place: SecretTopic) -> ObjectKey | None:
        """The access that has the Secret, or an older one that is ready to write it: checked before the first write."""
        own = (declared.stored.created, key.access)
        for other in self._followers(place):
            if other.access == key.access:
                continue
            rival = self._world.cache.access(other.access)
            target = self._targets.peek(other, rival.stored.uid) if rival is not None else None
            if rival is None or target is None:
                continue
            if target.lease is not None:
                return other.access
            if (rival.stored.created, other.access) < own:
                claim = self._claims.of(rival)
                wanted = self._contents.at(self._contents.of(rival, claim), claim, other.namespace)
                if isinstance(wanted, Content) and wanted.name == place.name:
                    return other.access
        return None

    async def living(self, managers: Collection[str], place: SecretTopic) -> dict[str, ObjectKey]:
        """The managers of existing accesses that may have a Secret here.

        A tenant can write any manager's name: an access that cannot have this Secret is not returned.

        Raises:
            Refused, Unavailable: the accesses cannot be listed.
        """
        known: dict[str, ObjectKey] = {}
        for follower in self._followers(place):
            declared = self._world.cache.access(follower.access)
            if declared is not None and f"{MANAGER_PREFIX}{declared.stored.uid}" in managers:
                known[f"{MANAGER_PREFIX}{declared.stored.uid}"] = follower.access
        if known or not managers:
            return known
        uids = await self._world.objects.access_uids()
        found = {name: uids.get(name.removeprefix(MANAGER_PREFIX)) for name in managers}
        return {name: key for name, key in found.items() if key is not None and self._may_hold(key, place)}

    def _may_hold(self, access: ObjectKey, place: SecretTopic) -> bool:
        if access.namespace != place.namespace:
            return False
        declared = self._world.cache.access(access)
        if declared is None or declared.effective is None or declared.effective.partial:
            return True
        secret = declared.effective.secret
        names = {secret.name if secret is not None else "", self._findings.distribution(declared.stored).name}
        return place.name in names

    def _followers(self, place: SecretTopic) -> Iterator[SecretKey]:
        followers = self._world.interests.followers(place)
        return (key for key in followers if isinstance(key, SecretKey) and key.namespace == place.namespace)
