"""Which keys are reconciled when something changes, and since when an object is missing."""

from fakes.clock import Clock
from hypothesis import given
from hypothesis import strategies as st

from wheelhouse.domain.iam import Identity
from wheelhouse.domain.keys import AccessKey, Key, RepositoryKey
from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.objects import Requirement, Selector
from wheelhouse.reconcile.absences import FORGOTTEN, Absences
from wheelhouse.reconcile.interests import Interests, NamespaceTopic, SecretTopic, SelectorTopic, Topic


class Woken:
    """A queue without workers."""

    def __init__(self) -> None:
        self.keys: list[Key] = []

    def add(self, key: Key) -> None:
        self.keys.append(key)

    def add_after(self, key: Key, seconds: float) -> None:
        raise AssertionError(f"{key} in {seconds} s")

    def add_soon(self, key: Key, least: float, most: float) -> None:
        raise AssertionError(f"{key} in {least} to {most} s")

    def add_resync(self, key: Key) -> None:
        raise AssertionError(str(key))


def test_followers_of_a_topic_look_again() -> None:
    """All keys that follow a topic are added to the queue, except the one that changed it."""
    queue = Woken()
    interests = Interests(queue)
    one, two = AccessKey(ObjectKey("a", "one")), AccessKey(ObjectKey("a", "two"))
    topic = ObjectKey("owners", "wheels")
    interests.follow(one, [topic, NamespaceTopic("a")])
    interests.follow(two, [topic])
    interests.publish(topic, besides=two)
    assert queue.keys == [one]
    interests.publish(topic)
    assert set(queue.keys[1:]) == {one, two}


ML = SelectorTopic(Selector((Requirement("team", "In", ("ml",)),)))
TOPICS: list[Topic] = [ObjectKey("a", "x"), NamespaceTopic("a"), Identity("a", "x"), SecretTopic("a", "x"), ML]
KEYS: list[Key] = [AccessKey(ObjectKey("a", "x")), RepositoryKey(ObjectKey("a", "x")), AccessKey(ObjectKey("b", "x"))]


@given(st.lists(st.tuples(st.sampled_from(KEYS), st.sets(st.sampled_from(TOPICS))), max_size=12))
def test_a_key_follows_what_it_declared_last(steps: list[tuple[Key, set[Topic]]]) -> None:
    """Whatever was declared before, followers are those whose last declaration contains the topic."""
    interests = Interests(Woken())
    wanted: dict[Key, set[Topic]] = {}
    for key, topics in steps:
        interests.follow(key, topics)
        wanted[key] = topics
    for topic in TOPICS:
        assert set(interests.followers(topic)) == {key for key, topics in wanted.items() if topic in topics}
    assert interests.selectors() == ((ML,) if interests.followers(ML) else ())
    for key in KEYS:
        interests.drop(key)
    assert (interests._topics, interests._followers) == ({}, {})


def test_absence_is_counted_from_the_end_or_the_first_list() -> None:
    """A deleted repository is missing since its deletion, and an unseen one since the first complete list."""
    clock = Clock()
    absences = Absences(clock.elapsed)
    clock.advance(100)
    absences.listed()
    key, other = ObjectKey("a", "x"), ObjectKey("a", "never")
    clock.advance(5)
    absences.gone(key)
    clock.advance(10)
    absences.gone(key)
    assert (absences.seconds(key), absences.seconds(other)) == (10.0, 15.0)
    absences.back(key)
    absences.gone(key)
    assert absences.seconds(key) == 0.0


def test_long_absences_are_forgotten() -> None:
    """Memory has only absences that may still matter."""
    clock = Clock()
    absences = Absences(clock.elapsed)
    absences.gone(ObjectKey("a", "x"))
    clock.advance(FORGOTTEN)
    absences.gone(ObjectKey("a", "y"))
    assert list(absences._since) == [ObjectKey("a", "y")]
