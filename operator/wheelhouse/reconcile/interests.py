"""Which keys depend on which topics: a unit declares them for its key, and nothing scans all objects."""

from collections.abc import Iterable
from dataclasses import dataclass

from wheelhouse.domain.iam import Identity
from wheelhouse.domain.keys import Key, TokenKey
from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.objects import Selector
from wheelhouse.reconcile.ports import Queue


@dataclass(frozen=True, slots=True)
class NamespaceTopic:
    """A Namespace: its labels, its annotations and its deletion."""

    name: str


@dataclass(frozen=True, slots=True)
class SecretTopic:
    """The place of a Secret, for an access that waits until the name is available."""

    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class SelectorTopic:
    """The namespaces that a label selector matches."""

    selector: Selector


Topic = ObjectKey | RepositoryName | NamespaceTopic | SelectorTopic | Identity | SecretTopic | TokenKey
"""A PythonRepository, a repository in Google, namespaces, a ServiceAccount, the place of a Secret, a token."""


class Interests:
    """Topics and the keys that follow them.

    Args:
        queue: receives the followers of a changed topic.
    """

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._topics: dict[Key, tuple[Topic, ...]] = {}
        self._followers: dict[Topic, Key | set[Key]] = {}
        self._selectors: dict[SelectorTopic, None] = {}

    def follow(self, key: Key, topics: Iterable[Topic]) -> None:
        """Declare all topics of a key; earlier ones that are not among them are dropped."""
        wanted = tuple(dict.fromkeys(topics))
        before = self._topics.get(key, ())
        if wanted == before:
            return
        for topic in set(before).difference(wanted):
            self._remove(topic, key)
        for topic in set(wanted).difference(before):
            self._add(topic, key)
        if wanted:
            self._topics[key] = wanted
        else:
            self._topics.pop(key, None)

    def drop(self, key: Key) -> None:
        """Delete all topics of the key."""
        self.follow(key, ())

    def publish(self, topic: Topic, besides: Key | None = None, *, crowd: int | None = None) -> None:
        """Reconcile all followers of a topic.

        Args:
            topic: what changed.
            besides: the key that changed it, which is left out.
            crowd: more followers than this wait for all other changes.
        """
        followers = self.followers(topic)
        add = self._queue.add_resync if crowd is not None and len(followers) > crowd else self._queue.add
        for key in followers:
            if key != besides:
                add(key)

    def followers(self, topic: Topic) -> tuple[Key, ...]:
        """The keys that follow a topic."""
        found = self._followers.get(topic)
        if found is None:
            return ()
        return tuple(found) if isinstance(found, set) else (found,)

    def selectors(self) -> tuple[SelectorTopic, ...]:
        """The selectors that any key follows."""
        return tuple(self._selectors)

    def _add(self, topic: Topic, key: Key) -> None:
        found = self._followers.get(topic)
        if isinstance(topic, SelectorTopic):
            self._selectors[topic] = None
        if found is None:
            self._followers[topic] = key  # Most topics have one follower: a set for each would take 200 bytes more.
        elif isinstance(found, set):
            found.add(key)
        elif found != key:
            self._followers[topic] = {found, key}

    def _remove(self, topic: Topic, key: Key) -> None:
        found = self._followers.get(topic)
        if isinstance(found, set):
            found.discard(key)
            if not found:
                del self._followers[topic]
        elif found == key:
            del self._followers[topic]
        if isinstance(topic, SelectorTopic) and topic not in self._followers:
            self._selectors.pop(topic, None)
