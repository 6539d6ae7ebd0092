"""Outcome ↔ status: what is written is what a restart reads."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wheelhouse.domain.iam import Grant, GrantRecord, GrantState
from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.objects import CustomObject
from wheelhouse.domain.outcome import (
    AccessOutcome,
    AccessSummary,
    Check,
    RepositoryOutcome,
    SecretRecord,
    Truth,
    passed,
)
from wheelhouse.domain.reasons import Reason
from wheelhouse.domain.repository import Operation, OperationKind
from wheelhouse.status.access import SUMMARY_LENGTH, access_status, read_access
from wheelhouse.status.repository import read_repository, repository_status

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FULL = "projects/acme-packages/locations/us-central1/repositories/wheels"
POOL = "principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/subject"

WORDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
SECONDS = st.integers(min_value=0, max_value=4_000_000_000)
TIMES = SECONDS.map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
CHECKS = st.builds(Check, st.sampled_from(Truth), st.sampled_from(Reason), st.one_of(st.just(""), WORDS))
COUNTS = st.integers(min_value=0, max_value=2000)
REPOSITORIES = st.builds(
    RepositoryOutcome,
    generation=st.integers(min_value=1, max_value=9),
    resolved=CHECKS,
    synced=CHECKS,
    repository=st.none() | WORDS,
    index_url=st.none() | WORDS,
    upload_url=st.none() | WORDS,
    create_time=st.none() | TIMES,
    update_time=st.none() | TIMES,
    operation=st.none() | st.builds(Operation, WORDS, st.sampled_from(OperationKind), TIMES),
    access_summary=st.none() | st.builds(AccessSummary, COUNTS, COUNTS, COUNTS),
    deleting=st.booleans(),
)
RECORDS = st.builds(GrantRecord, st.builds(Grant, WORDS, WORDS), st.sampled_from(GrantState), st.just("") | WORDS)
SECRETS = st.builds(
    SecretRecord,
    name=WORDS,
    namespaces=st.lists(WORDS, max_size=3, unique=True).map(tuple),
    expires=st.none() | TIMES,
    refresh=st.none() | TIMES,
    identity=st.just("") | WORDS,
).flatmap(lambda record: st.sampled_from([record, replace(record, current=record.namespaces)]))
"""All or nothing is current: which of several namespaces are is not in the status, and a restart asks again."""
ACCESSES = st.builds(
    AccessOutcome,
    generation=st.integers(min_value=1, max_value=9),
    resolved=CHECKS,
    granted=CHECKS,
    distributed=CHECKS,
    verified=CHECKS,
    repository=st.none() | WORDS,
    grants=st.lists(RECORDS, max_size=3).map(tuple),
    secret=st.none() | SECRETS,
    deleting=st.booleans(),
)

GOOD = passed(Reason.READY)
ACCESS = AccessOutcome(1, GOOD, GOOD, GOOD, GOOD, FULL)


def stored(status: Any, *, generation: int = 1, deleting: bool = False) -> CustomObject:
    return CustomObject(ObjectKey("team-a", "x"), "u", generation, "1", deleting, (), {}, status)


@settings(max_examples=60, deadline=None)
@given(outcome=REPOSITORIES)
def test_a_repositorys_status_reads_back(outcome: RepositoryOutcome) -> None:
    """Every field of a PythonRepository's outcome survives a restart."""
    status = repository_status(outcome, {}, NOW)
    assert read_repository(stored(status, generation=outcome.generation, deleting=outcome.deleting)) == outcome


@settings(max_examples=60, deadline=None)
@given(outcome=ACCESSES)
def test_an_accesss_status_reads_back(outcome: AccessOutcome) -> None:
    """Every field of a RepositoryAccess's outcome survives a restart, its ledgers above all."""
    status = access_status(outcome, {}, NOW)
    assert read_access(stored(status, generation=outcome.generation, deleting=outcome.deleting)) == outcome


@settings(max_examples=40, deadline=None)
@given(repository=REPOSITORIES, access=ACCESSES)
def test_what_was_read_is_written_the_same(repository: RepositoryOutcome, access: AccessOutcome) -> None:
    """After a restart, a minute later, the very status that stands there is computed, so that nothing is written."""
    status = repository_status(repository, {}, NOW)
    read = read_repository(stored(status, generation=repository.generation, deleting=repository.deleting))
    assert repository_status(read, status, NOW + timedelta(minutes=1)) == status
    status = access_status(access, {}, NOW)
    known = read_access(stored(status, generation=access.generation, deleting=access.deleting))
    assert access_status(known, status, NOW + timedelta(minutes=1)) == status


def test_an_older_generations_checks_are_pending() -> None:
    """A changed spec makes findings pending again and forgets no ledger, operation or URL."""
    grants = (GrantRecord(Grant("r", "user:a@x.y"), GrantState.GRANTED),)
    access = replace(ACCESS, grants=grants, secret=SecretRecord("pip", ("team-a",)))
    read = read_access(stored(access_status(access, {}, NOW), generation=2))
    assert (read.generation, read.repository, read.grants, read.secret) == (2, FULL, grants, access.secret)
    assert {c.reason for c in (read.resolved, read.granted, read.distributed, read.verified)} == {Reason.PENDING}
    operation = Operation("o/1", OperationKind.CREATE, NOW)
    repository = RepositoryOutcome(1, GOOD, GOOD, FULL, "https://x/simple/", operation=operation)
    kept = read_repository(stored(repository_status(repository, {}, NOW), generation=2))
    assert (kept.repository, kept.index_url, kept.operation) == (FULL, "https://x/simple/", operation)
    assert (kept.resolved.reason, kept.synced.reason) == (Reason.PENDING, Reason.CREATING)


def test_a_new_object_is_not_ready() -> None:
    """The default status, observedGeneration -1, reads as nothing looked at yet."""
    assert not read_access(stored({"observedGeneration": -1})).granted.ok
    assert not read_repository(stored({"observedGeneration": -1})).synced.ok


def test_the_grant_summary_says_who_as_what() -> None:
    """ServiceAccounts are short, others as IAM writes them, rejected ones left out."""
    grants = (
        GrantRecord(Grant("roles/artifactregistry.reader", f"{POOL}/ns/a/sa/pull"), GrantState.GRANTED),
        GrantRecord(Grant("roles/artifactregistry.writer", "user:ann@x.y"), GrantState.EXISTING),
        GrantRecord(Grant("roles/artifactregistry.writer", "user:bob@x.y"), GrantState.REJECTED, "unknown"),
    )
    status = access_status(replace(ACCESS, grants=grants), {}, NOW)
    assert status["grantSummary"] == "ns/a/sa/pull reader, user:ann@x.y writer"
    assert [row.get("message") for row in status["grants"]] == [None, None, "unknown"]


def test_a_long_grant_summary_is_cut() -> None:
    """However many grants there are, the column stays within its length and shows that it was cut."""
    grants = tuple(GrantRecord(Grant("roles/x.reader", f"user:{n}@x.y"), GrantState.GRANTED) for n in range(1000))
    summary = access_status(replace(ACCESS, grants=grants), {}, NOW)["grantSummary"]
    assert len(summary) == SUMMARY_LENGTH
    assert summary.endswith("…")


def test_the_secrets_progress_is_told() -> None:
    """Counts, a summary for the column, and at most ten failures with their reasons."""
    failures = tuple((f"n{number}", "NotOptedIn") for number in range(12))
    record = SecretRecord("pip", tuple("abc"), ("a",), failures, NOW, NOW, "a/pull")
    secret = access_status(replace(ACCESS, secret=record), {}, NOW)["secret"]
    assert (secret["summary"], secret["desired"], secret["current"], len(secret["failed"])) == ("1/3", 3, 1, 10)
    assert secret["failed"][0] == {"namespace": "n0", "reason": "NotOptedIn"}
    assert secret["expirationTime"] == secret["refreshTime"] == "2026-01-01T00:00:00Z"


def test_what_is_absent_is_not_written() -> None:
    """No null, empty list or empty text stands in a status."""
    assert set(access_status(replace(ACCESS, repository=None), {}, NOW)) == {"observedGeneration", "conditions"}
    empty = repository_status(RepositoryOutcome(1, GOOD, GOOD), {}, NOW)
    assert set(empty) == {"observedGeneration", "conditions"}


FIELDS = [
    "observedGeneration", "repository", "indexURL", "uploadURL", "createTime", "updateTime", "operation",
    "accessSummary", "grants", "secret", "conditions",
]  # fmt: skip
INNER = [
    "name",
    "kind",
    "startTime",
    "accesses",
    "members",
    "role",
    "member",
    "namespaces",
    "current",
    "type",
    "status",
]
SCALARS = st.none() | st.booleans() | st.integers() | st.sampled_from(["", "x", "True", "Granted", "Create"])
GARBAGE = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(INNER), inner, max_size=3)
)


@settings(max_examples=80, deadline=None)
@given(status=st.dictionaries(st.sampled_from(FIELDS), GARBAGE, max_size=5))
def test_a_malformed_status_never_raises(status: dict[str, Any]) -> None:
    """Whatever stands in a status, it reads as an outcome, and a whole status can be written over it."""
    read = stored(status)
    assert repository_status(read_repository(read), status, NOW)["conditions"]
    assert access_status(read_access(read), status, NOW)["conditions"]


@pytest.mark.parametrize(
    "operation",
    [
        None,
        "x",
        {},
        {"name": "o/1"},
        {"name": "o/1", "kind": "Create"},
        {"name": "o/1", "kind": "Create", "startTime": "soon"},
        {"name": "o/1", "kind": "Explode", "startTime": "2026-01-01T00:00:00Z"},
        {"name": 7, "kind": "Create", "startTime": "2026-01-01T00:00:00Z"},
    ],
)
def test_half_an_operation_is_none(operation: object) -> None:
    """An operation that cannot be attached to is forgotten, and the repository looked at afresh."""
    assert read_repository(stored({"operation": operation})).operation is None
