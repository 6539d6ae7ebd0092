"""The cache and the queue in memory."""

from collections.abc import Collection

from fakes.clock import Clock
from fakes.kubernetes import Cluster
from wheelhouse.domain.keys import Key
from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.objects import CustomObject, Kind, Namespace
from wheelhouse.domain.repository import digest_of

TICK = 1e-5
"""Seconds that a clock of microseconds may be short of a float."""


class FakeCache:
    """The Cache port: stale until `sync` brings what the watches would."""

    def __init__(self) -> None:
        self.objects: dict[tuple[Kind, ObjectKey], CustomObject] = {}
        self.namespaces: dict[str, Namespace] = {}

    def sync(self, cluster: Cluster) -> tuple[set[tuple[Kind, ObjectKey]], set[str]]:
        """Catch up with the cluster; returns the objects and the Namespaces that changed, came or went."""
        objects = {place: CustomObject.parse(body) for place, body in cluster.objects.items()}
        places = {p for p in objects.keys() | self.objects.keys() if objects.get(p) != self.objects.get(p)}
        names = cluster.namespaces.keys() | self.namespaces.keys()
        changed = {name for name in names if cluster.namespaces.get(name) != self.namespaces.get(name)}
        self.objects = {place: found for place in objects if (found := cluster.get(*place)) is not None}
        self.namespaces = dict(cluster.namespaces)
        return places, changed

    def repository(self, key: ObjectKey) -> CustomObject | None:
        return self.objects.get((Kind.REPOSITORY, key))

    def access(self, key: ObjectKey) -> CustomObject | None:
        return self.objects.get((Kind.ACCESS, key))

    def namespace(self, name: str) -> Namespace | None:
        return self.namespaces.get(name)

    def _all(self, kind: Kind) -> list[CustomObject]:
        return [stored for (found, _), stored in self.objects.items() if found is kind]

    def accesses_of(self, repository: ObjectKey) -> Collection[CustomObject]:
        def refers(stored: CustomObject) -> bool:
            reference = stored.spec.get("repositoryRef")
            if not isinstance(reference, dict):
                return False
            return repository == ObjectKey(reference.get("namespace", stored.key.namespace), str(reference.get("name")))

        return [stored for stored in self._all(Kind.ACCESS) if refers(stored)]

    def accesses_on(self, full_name: str) -> Collection[CustomObject]:
        return [stored for stored in self._all(Kind.ACCESS) if stored.status.get("repository") == full_name]

    def repositories_on(self, full_name: str, digest: str = "") -> Collection[CustomObject]:
        return [
            stored
            for stored in self._all(Kind.REPOSITORY)
            if stored.status.get("repository") == full_name or digest_of(stored.key) == digest
        ]

    def access_uids(self) -> Collection[str]:
        return {stored.uid for stored in self._all(Kind.ACCESS)}

    def store(self, kind: Kind, stored: CustomObject) -> None:
        place = (kind, stored.key)
        known = self.objects.get(place)
        if known is not None and int(known.resource_version) > int(stored.resource_version):
            return
        if stored.deleting and not stored.finalizers:
            self.objects.pop(place, None)
            return
        self.objects[place] = stored


class FakeQueue:
    """The Queue port in virtual time: keys in the order in which they are due."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due: dict[Key, float] = {}

    def add(self, key: Key) -> None:
        self.add_after(key, 0.0)

    def add_after(self, key: Key, seconds: float) -> None:
        due = self._clock.now().timestamp() + seconds
        self._due[key] = min(due, self._due.get(key, due))

    def pop(self) -> Key | None:
        """The key that is due longest, or None when none is due now."""
        due = [(moment, position) for position, moment in enumerate(self._due.values())]
        if not due or min(due)[0] > self._clock.now().timestamp() + TICK:
            return None
        key = list(self._due)[min(due)[1]]
        del self._due[key]
        return key

    def skip(self, until: float | None = None) -> float | None:
        """Let time pass until the next key is due, at most to `until`; the seconds, or None when nothing waits."""
        if not self._due:
            return None
        due = min(self._due.values())
        seconds = max(0.0, (due if until is None else min(due, until)) - self._clock.now().timestamp())
        self._clock.advance(seconds)
        return seconds

    def clear(self) -> None:
        """What a crash loses."""
        self._due.clear()
