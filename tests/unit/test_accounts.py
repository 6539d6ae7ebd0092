"""Which ServiceAccounts exist: unknown before the first list, then every difference is reported once."""

import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wheelhouse.domain.names import is_google_service_account
from wheelhouse.domain.objects import GOOGLE_ACCOUNT_ANNOTATION, ServiceAccount
from wheelhouse.runtime.accounts import ServiceAccounts

WHEELS = ServiceAccount("team-a", "wheels")
GOOGLE = "wheels@acme-packages.iam.gserviceaccount.com"
BOUND = ServiceAccount("team-a", "wheels", GOOGLE)
OTHER = ServiceAccount("team-b", "wheels")


@pytest.fixture
def told() -> list[tuple[str, str]]:
    return []


@pytest.fixture
def accounts(told: list[tuple[str, str]]) -> ServiceAccounts:
    accounts = ServiceAccounts()
    accounts.changed = lambda namespace, name: told.append((namespace, name))
    return accounts


def test_nothing_is_known_before_a_list(accounts: ServiceAccounts, told: list[tuple[str, str]]) -> None:
    """Before the first complete list nothing is absent, whatever was seen; the list itself is not reported."""
    accounts.seen(WHEELS, gone=True)
    assert accounts.exists("team-a", "wheels") is None
    assert accounts.google_account("team-a", "wheels") is None
    accounts.listed([BOUND])
    assert accounts.exists("team-a", "wheels") is True
    assert accounts.google_account("team-a", "wheels") == GOOGLE
    assert accounts.exists("team-b", "wheels") is False
    assert accounts.google_account("team-b", "wheels") is None
    assert told == []


def test_an_empty_list_is_a_list(accounts: ServiceAccounts) -> None:
    """In a cluster without ServiceAccounts, each one is known to be absent."""
    accounts.listed([])
    assert accounts.exists("team-a", "wheels") is False


def test_a_lifecycle_is_reported(accounts: ServiceAccounts, told: list[tuple[str, str]]) -> None:
    """Creation, annotation, deletion and another creation are reported; events without a change are not."""
    accounts.listed([OTHER])
    for found, gone in (
        (WHEELS, False),
        (WHEELS, False),
        (BOUND, False),
        (BOUND, True),
        (BOUND, True),
        (WHEELS, False),
    ):
        accounts.seen(found, gone=gone)
    assert told == [("team-a", "wheels")] * 4


def test_a_list_reports_what_was_missed(accounts: ServiceAccounts, told: list[tuple[str, str]]) -> None:
    """Additions, changes and deletions in a later list are reported, and nothing else."""
    kept = ServiceAccount("team-c", "wheels")
    accounts.listed([WHEELS, OTHER, kept])
    accounts.listed([BOUND, kept, ServiceAccount("team-d", "new")])
    assert sorted(told) == [("team-a", "wheels"), ("team-b", "wheels"), ("team-d", "new")]
    assert accounts.exists("team-b", "wheels") is False


def test_a_listener_sees_the_new_answers(accounts: ServiceAccounts) -> None:
    """The callback sees the new answers."""
    answers: list[bool | None] = []
    accounts.changed = lambda namespace, name: answers.append(accounts.exists(namespace, name))
    accounts.listed([WHEELS])
    accounts.listed([])
    accounts.seen(WHEELS, gone=False)
    accounts.seen(WHEELS, gone=True)
    assert answers == [False, True, False]


FOUND = st.builds(ServiceAccount, st.sampled_from("ab"), st.sampled_from("xy"), st.sampled_from(["", GOOGLE]))


@given(st.lists(FOUND | st.tuples(FOUND, st.booleans()) | st.lists(FOUND, unique_by=lambda f: (f.namespace, f.name))))
def test_a_listener_has_the_true_state(steps: list[Any]) -> None:
    """A listener has the same state as the store, and nothing is reported without a change."""
    accounts = ServiceAccounts()
    mirror: dict[tuple[str, str], str | None] = {}
    truth: dict[tuple[str, str], str | None] = {}

    def changed(namespace: str, name: str) -> None:
        new = accounts.google_account(namespace, name)
        assert mirror.get((namespace, name)) != new
        mirror[namespace, name] = new

    accounts.changed = changed
    accounts.listed([])
    for step in steps:
        if isinstance(step, list):
            truth = {(found.namespace, found.name): found.google_account for found in step}
            accounts.listed(step)
        else:
            found, gone = step if isinstance(step, tuple) else (step, False)
            truth[found.namespace, found.name] = None if gone else found.google_account
            accounts.seen(found, gone=gone)
        for namespace, name in ((n, m) for n in "ab" for m in "xy"):
            known = truth.get((namespace, name))
            assert accounts.google_account(namespace, name) == mirror.get((namespace, name)) == known
            assert accounts.exists(namespace, name) is (known is not None)


def test_ten_thousand_are_small() -> None:
    """At most 250 bytes each, with names of realistic length, and every one annotated."""
    accounts, count = ServiceAccounts(), 10_000
    tracemalloc.start()
    try:
        accounts.listed(
            ServiceAccount(f"team-{number:05}-production", f"wheels-reader-{number}", f"{number}-{GOOGLE}")
            for number in range(count)
        )
        assert tracemalloc.get_traced_memory()[0] / count < 250
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("meta", "expected"),
    [
        ({}, ""),
        ({"annotations": None}, ""),
        ({"annotations": {"other": "x"}}, ""),
        ({"annotations": {GOOGLE_ACCOUNT_ANNOTATION: GOOGLE}}, GOOGLE),
    ],
)
def test_what_is_read_of_one(meta: dict[str, Any], expected: str) -> None:
    """Namespace, name, and GKE's annotation."""
    body = {"metadata": {"namespace": "team-a", "name": "wheels", "uid": "x", "resourceVersion": "1", **meta}}
    assert ServiceAccount.parse(body) == ServiceAccount("team-a", "wheels", expected)


def test_a_long_annotation_stays_wrong() -> None:
    """A tenant's text takes little memory, and truncation does not make it a valid address."""
    long = "a" * 300 + "@acme-packages.iam.gserviceaccount.com" + "\n" * 200_000
    meta = {"namespace": "team-a", "name": "wheels", "annotations": {GOOGLE_ACCOUNT_ANNOTATION: long}}
    found = ServiceAccount.parse({"metadata": meta})
    assert len(found.google_account) < 400
    for length in range(len(GOOGLE), 330):
        text = "a" * (length - len(GOOGLE)) + GOOGLE
        meta["annotations"] = {GOOGLE_ACCOUNT_ANNOTATION: text + "/" + "x" * 400}
        assert not is_google_service_account(ServiceAccount.parse({"metadata": meta}).google_account)


@pytest.mark.parametrize("body", [{}, {"metadata": None}, {"metadata": {}}, {"metadata": {"name": "x"}}])
def test_other_things_are_no_service_account(body: dict[str, Any]) -> None:
    """Without a namespace and a name the object is not identified."""
    with pytest.raises((KeyError, TypeError, AttributeError)):
        ServiceAccount.parse(body)
