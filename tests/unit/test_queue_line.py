"""Which key of a line is next: the namespaces take turns, and each keeps its order."""

from collections import Counter, deque

from hypothesis import given
from hypothesis import strategies as st

from wheelhouse.domain.iam import Identity
from wheelhouse.domain.keys import AccessKey, Key, PolicyKey, RepositoryKey, SecretKey, TokenKey
from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.runtime.queue.line import Line

CROWD = 1000
NAMESPACES = st.sampled_from("abc")


def access(namespace: str, number: int) -> AccessKey:
    return AccessKey(ObjectKey(namespace, f"access-{number}"))


def repository(namespace: str, number: int) -> RepositoryKey:
    return RepositoryKey(ObjectKey(namespace, f"repository-{number}"))


def secret(namespace: str, number: int) -> SecretKey:
    """The Secrets of all accesses are in one namespace; they take turns by the namespaces of the accesses."""
    return SecretKey(ObjectKey(namespace, "fan-out"), f"target-{number}")


KINDS = [access, repository, secret]


def filled(*keys: Key) -> Line:
    line = Line()
    for key in keys:
        line.add(key, 0.0)
    return line


def emptied(line: Line) -> list[Key]:
    """The keys in the order of the line."""
    found = []
    while (key := line.pop()) is not None:
        found.append(key)
    return found


def test_a_neighbor_does_not_wait_for_a_crowd() -> None:
    """Its turn comes after one key of the crowd, whatever kind of object is crowded, and at any moment."""
    for kind in KINDS:
        line = filled(*(kind("crowd", number) for number in range(CROWD)))
        for number in range(3):
            line.add(kind("neighbor", number), 0.0)
            assert kind("neighbor", number) in {line.pop(), line.pop()}


def test_a_neighbor_that_comes_again_and_again_does_not_stop_a_crowd() -> None:
    line = filled(*(access("crowd", number) for number in range(CROWD)))
    served: Counter[str] = Counter()
    for number in range(CROWD):
        line.add(access("neighbor", number), 0.0)
        key = line.pop()
        assert isinstance(key, AccessKey)
        served[key.object.namespace] += 1
    assert abs(served["crowd"] - served["neighbor"]) <= 1


def test_a_namespace_gets_no_turns_for_the_past() -> None:
    """Having waited for nothing while a crowd was served is no credit: a second crowd takes turns with the first."""
    line = filled(*(access("first", number) for number in range(CROWD)))
    for _ in range(CROWD // 2):
        line.pop()
    for number in range(CROWD):
        line.add(access("second", number), 0.0)
    next_ones = [line.pop() for _ in range(100)]
    assert sum(isinstance(key, AccessKey) and key.object.namespace == "second" for key in next_ones) == 50


def test_a_namespace_that_removes_its_keys_keeps_its_turn() -> None:
    line = filled(*(access("crowd", number) for number in range(CROWD)))
    for number in range(CROWD):
        line.add(access("neighbor", number), 0.0)
        line.discard(access("neighbor", number))
    line.add(access("neighbor", 0), 0.0)
    assert access("neighbor", 0) in {line.pop(), line.pop()}


def test_the_lowest_rank_is_first() -> None:
    """Only tokens have ranks; they take no turns, because accesses of several namespaces may share one."""
    tokens = [TokenKey(Identity(namespace, "reader"), 3600) for namespace in "abc"]
    line = filled(*tokens)
    line.add(tokens[1], -1.0)
    line.add(tokens[2], -2.0)
    assert emptied(line) == [tokens[2], tokens[1], tokens[0]]


def test_keys_that_objects_share_come_in_the_order_of_their_arrival() -> None:
    """A policy belongs to no single namespace, and a token to all Secrets of its identity. Some come again."""
    policies = [PolicyKey(RepositoryName(f"project-{number % 3}", "us", f"r-{number}")) for number in range(9)]
    tokens = [TokenKey(Identity(f"team-{number}", "reader"), 3600) for number in range(9)]
    for keys in (policies, tokens):
        line = filled(*keys[:4])
        assert line.pop() == keys[0]
        for key in (keys[0], *keys[4:]):
            line.add(key, 0.0)
        assert emptied(line) == [*keys[1:4], keys[0], *keys[4:]]


def test_nothing_is_kept_of_an_empty_line() -> None:
    for empty in (emptied, lambda line: [line.discard(key) for key in list(line)]):
        line = filled(*(access(f"team-{number}", number) for number in range(CROWD)))
        empty(line)
        assert not line._places
        assert not line._heaps


@given(st.lists(st.none() | st.tuples(NAMESPACES, st.integers(0, 9)), max_size=200))
def test_each_key_comes_once_in_order_and_no_namespace_is_ahead(steps: list[tuple[str, int] | None]) -> None:
    """None takes a key; all else adds one, which has no effect while it waits."""
    line = Line()
    waiting: dict[str, deque[Key]] = {name: deque() for name in "abc"}
    ahead = {(one, other): 0 for one in "abc" for other in "abc" if one != other}
    for step in [*steps, *[None] * len(steps)]:
        if step is None:
            key = line.pop()
            busy = [name for name in waiting if waiting[name]]
            if not busy:
                assert key is None
                continue
            assert isinstance(key, AccessKey)
            name = key.object.namespace
            assert waiting[name].popleft() == key
            for one, other in ahead:
                ahead[one, other] += (one == name) - (other == name)
                assert one not in busy or other not in busy or ahead[one, other] <= 1
        else:
            key = access(*step)
            if key not in waiting[key.object.namespace]:
                waiting[key.object.namespace].append(key)
            line.add(key, 0.0)
        for one, other in ahead:
            if not waiting[one] or not waiting[other]:
                ahead[one, other] = 0
        assert set(line) == {key for keys in waiting.values() for key in keys}
