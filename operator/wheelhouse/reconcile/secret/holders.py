"""Which access owns a Secret, if two accesses want the same name in a namespace."""

from collections.abc import Collection, Iterator

from wheelhouse.desired.declared import Declared
from wheelhouse.domain.access import DesiredAccess
from wheelhouse.domain.keys import SecretKey
from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.secret import MANAGER_PREFIX
from wheelhouse.plan.places import may_fan_out
from wheelhouse.plan.secrets import outranks
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
        """The access that has the Secret, or one with priority that is ready to write it.

        Checked before the first write. The namespace's own access has priority over a fan-out, then the older one.
        """
        own = _rank(key.access, declared, place)
        for other in self._followers(place):
            if other.access == key.access or outranks(key.access, other.access, place.namespace):
                continue
            rival = self._world.cache.access(other.access)
            if rival is None:
                continue
            target = self._targets.peek(other, rival.stored.uid)
            if target is not None and target.stands:
                return other.access
            if _rank(other.access, rival, place) < own and self._wants(rival, place):
                return other.access
        return None

    def displace(self, managers: Collection[str], place: SecretTopic, by: SecretKey) -> tuple[ObjectKey, ...]:
        """Notify the accesses whose Secret another one took: they check it in their next pass.

        Returns:
            The accesses; managers of deleted accesses have none.
        """
        displaced = []
        for follower in self._followers(place):
            declared = self._world.cache.access(follower.access)
            if follower == by or declared is None or f"{MANAGER_PREFIX}{declared.stored.uid}" not in managers:
                continue
            target = self._targets.peek(follower, declared.stored.uid)
            if target is not None:
                target.conflicted = True
            self._world.queue.add(follower)
            displaced.append(follower.access)
        return tuple(displaced)

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

    def _wants(self, declared: Declared[DesiredAccess], place: SecretTopic) -> bool:
        claim = self._claims.of(declared)
        wanted = self._contents.at(declared, self._contents.of(declared, claim), claim, place.namespace)
        return isinstance(wanted, Content) and wanted.name == place.name

    def _may_hold(self, access: ObjectKey, place: SecretTopic) -> bool:
        """Whether an access can have a Secret in this place: in its own namespace, or as a fan-out."""
        declared = self._world.cache.access(access)
        desired = declared.effective if declared is not None else None
        if declared is None:
            return True
        if access.namespace != place.namespace and (desired is None or not may_fan_out(desired)):
            return False
        if desired is None or desired.partial:
            return True
        found = self._findings.distribution(declared.stored)
        if place.name not in {desired.secret.name if desired.secret is not None else "", found.name}:
            return False
        return place.namespace in {access.namespace, *found.namespaces, *self._claims.of(declared).places.names}

    def _followers(self, place: SecretTopic) -> Iterator[SecretKey]:
        followers = self._world.interests.followers(place)
        return (key for key in followers if isinstance(key, SecretKey) and key.namespace == place.namespace)


def _rank(access: ObjectKey, declared: Declared[DesiredAccess], place: SecretTopic) -> tuple[bool, str, ObjectKey]:
    """The smaller rank has priority."""
    return access.namespace != place.namespace, declared.stored.created, access
