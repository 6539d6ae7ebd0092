"""The emulated Google's storage: transactions, and expiring tokens."""

from pathlib import Path

import pytest

from wheelhouse_local.constants import OWNER
from wheelhouse_local.google.iam.identities import Identities, service_account_identity
from wheelhouse_local.google.store import Store


def test_a_store_rolls_back_whole(tmp_path: Path) -> None:
    """A transaction that fails changes nothing, and another process sees only complete ones."""
    store = Store(tmp_path / "x.sqlite")
    store.put("kind", "a", {"n": 1})

    def fail() -> None:
        with store.transaction():
            store.put("kind", "a", {"n": 2})
            store.put("kind", "b", {"n": 2})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert store.list("kind") == [("a", {"n": 1})]
    with store.transaction():
        store.put("kind", "b", {"n": 2})
        store.delete("kind", "a")
    assert Store(tmp_path / "x.sqlite").list("kind") == [("b", {"n": 2})]


def test_a_store_lists_by_prefix(tmp_path: Path) -> None:
    """A prefix is literal: it has no wildcards, and other kinds are not included."""
    store = Store(tmp_path / "x.sqlite")
    for kind, name in (("k", "a/1"), ("k", "a/é"), ("k", "a%2"), ("k", "ab"), ("other", "a/3")):
        store.put(kind, name, {})
    assert [name for name, _ in store.list("k", "a/")] == ["a/1", "a/é"]


def test_expired_tokens_are_forgotten(tmp_path: Path) -> None:
    """A token is valid until its last second, and then a sweep deletes it."""
    store, now = Store(tmp_path / "x.sqlite"), [1000.0]
    identities = Identities(store, lambda: now[0])
    token = identities.issue(service_account_identity("a", "b"), 10)
    now[0] = 1009.9
    assert identities.resolve(token) is not None
    now[0] = 1010.0
    assert identities.resolve(token) is None
    identities.sweep()
    assert store.list("token") == []
    assert identities.resolve(OWNER) is None
