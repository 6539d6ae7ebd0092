"""Findings ↔ status: a restart reads what was written."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wheelhouse.domain.configuration.form import Authentication, Form, Format, Index
from wheelhouse.domain.findings import (
    AccessFindings,
    AccessSummary,
    Check,
    DistributionFindings,
    GrantFindings,
    RepositoryFindings,
    Truth,
    failed,
    passed,
    pending,
)
from wheelhouse.domain.iam import Grant, GrantRecord, GrantState
from wheelhouse.domain.modes import Mode
from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.objects import CustomObject, compact
from wheelhouse.domain.reasons import Reason
from wheelhouse.domain.repository import Operation, OperationKind
from wheelhouse.status.access import AccessFacts, access_status
from wheelhouse.status.read import read_distribution, read_grants, read_repository
from wheelhouse.status.repository import RepositoryFacts, repository_status
from wheelhouse.status.summary import SUMMARY_LENGTH

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NAME = RepositoryName("acme-packages", "us-central1", "wheels")
POOL = "principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/subject"

WORDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
LABELS = st.from_regex(r"[a-z]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
SECONDS = st.integers(min_value=0, max_value=4_000_000_000)
TIMES = SECONDS.map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
CHECKS = st.builds(Check, st.sampled_from(Truth), st.sampled_from(Reason), st.one_of(st.just(""), WORDS))
COUNTS = st.integers(min_value=0, max_value=2000)
NAMES = st.builds(lambda last: NAME._replace(repository_id=last), LABELS)
REPOSITORIES = st.builds(
    RepositoryFindings,
    resolved=CHECKS,
    synced=CHECKS,
    name=st.none() | NAMES,
    create_time=st.none() | TIMES,
    update_time=st.none() | TIMES,
    operation=st.none() | st.builds(Operation, WORDS, st.sampled_from(OperationKind), TIMES),
    mode=st.none() | st.sampled_from(Mode),
    managed=st.frozensets(WORDS, max_size=3),
    handled_request=st.just("") | WORDS,
)
RECORDS = st.builds(GrantRecord, st.builds(Grant, WORDS, WORDS), st.sampled_from(GrantState), st.just("") | WORDS)
GRANTS = st.builds(
    GrantFindings,
    check=CHECKS,
    repository=st.none() | NAMES,
    create_time=st.none() | TIMES,
    grants=st.lists(RECORDS, max_size=3).map(tuple),
)
DISTRIBUTIONS = st.builds(
    DistributionFindings,
    distributed=CHECKS,
    verified=CHECKS,
    name=LABELS,
    namespaces=st.lists(LABELS, max_size=3, unique=True).map(tuple),
    desired=COUNTS,
    current=COUNTS,
    failed=st.lists(st.tuples(LABELS, WORDS), max_size=3).map(tuple),
    expires=st.none() | TIMES,
    refresh=st.none() | TIMES,
    identity=st.just("") | WORDS,
    form=st.builds(
        Form,
        st.sampled_from(Authentication),
        st.sampled_from(Index),
        st.frozensets(st.sampled_from(Format), min_size=1),
    ),
)

GOOD = passed(Reason.READY)


def stored(status: Any = None, *, generation: int = 1, deleting: bool = False) -> CustomObject:
    return CustomObject(ObjectKey("team-a", "x"), "u", generation, "1", deleting, (), "{}", compact(status or {}))


def repository(
    found: RepositoryFindings, status: Any = None, *, generation: int = 1, summary: AccessSummary | None = None
) -> dict[str, Any]:
    facts = RepositoryFacts(stored(status, generation=generation), found, summary, suspended="", template=None)
    return repository_status(facts, NOW)


@pytest.mark.parametrize(
    ("repository_id", "words"),
    [
        ("wheels", ""),
        ("pypi", " In client configuration its name is pypi-repository, because pypi has a meaning to clients."),
    ],
)
def test_the_status_tells_a_name_that_clients_do_not_know_by_its_id(repository_id: str, words: str) -> None:
    """A repository whose id is reserved says in Synced how clients' files call it."""
    found = RepositoryFindings(
        generation=1, resolved=GOOD, synced=passed(Reason.SYNCED), name=NAME._replace(repository_id=repository_id)
    )
    (row,) = (each for each in repository(found)["conditions"] if each["type"] == "Synced")
    assert (row["status"], row["message"]) == ("True", f"Artifact Registry matches the spec.{words}")


def access(
    status: Any = None,
    *,
    found: AccessFindings | None = None,
    grants: GrantFindings | None = None,
    distribution: DistributionFindings | None = None,
    generation: int = 1,
    now: datetime = NOW,
    secret: bool = True,
) -> dict[str, Any]:
    facts = AccessFacts(
        stored=stored(status, generation=generation),
        access=found or AccessFindings(generation, GOOD),
        grants=grants or GrantFindings(),
        distribution=distribution or DistributionFindings(),
        wants_secret=secret,
        suspended="",
    )
    return access_status(facts, now)


def reasons(status: dict[str, Any]) -> dict[str, str]:
    return {row["type"]: row["reason"] for row in status["conditions"]}


@settings(max_examples=60, deadline=None)
@given(found=REPOSITORIES, summary=st.none() | st.builds(AccessSummary, COUNTS, COUNTS, COUNTS))
def test_a_repositorys_ledger_reads_back(found: RepositoryFindings, summary: AccessSummary | None) -> None:
    """What a PythonRepository's unit recorded survives a restart, except checks and what Google must confirm."""
    status = repository(replace(found, generation=1), summary=summary)
    assert read_repository(status) == (replace(found, resolved=None, synced=None), summary)


@settings(max_examples=60, deadline=None)
@given(grants=GRANTS, distribution=DISTRIBUTIONS)
def test_an_accesss_ledgers_read_back(grants: GrantFindings, distribution: DistributionFindings) -> None:
    """All grants and Secrets that an access's units recorded survive a restart."""
    status = access(grants=grants, distribution=distribution)
    assert read_grants(status) == replace(grants, check=None)
    assert read_distribution(status) == replace(distribution, distributed=None, verified=None)


@settings(max_examples=40, deadline=None)
@given(found=REPOSITORIES, grants=GRANTS, distribution=DISTRIBUTIONS)
def test_a_restart_writes_nothing(
    found: RepositoryFindings, grants: GrantFindings, distribution: DistributionFindings
) -> None:
    """After a restart, before any unit has run, the computed status equals the current one."""
    status = repository(replace(found, generation=1))
    assert repository(read_repository(status)[0], status) == status
    first = AccessFindings(1, GOOD, handled_request="now")
    status = access(found=first, grants=replace(grants, made_for=0), distribution=replace(distribution, made_for=0))
    known = {"grants": read_grants(status), "distribution": read_distribution(status)}
    again = AccessFindings(handled_request="now")
    assert access(status, found=again, now=NOW + timedelta(minutes=1), **known) == status


def test_findings_for_another_claim_are_pending() -> None:
    """What the policy and the secret unit found for an earlier claim does not apply to the current one."""
    grants = GrantFindings(made_for=1, check=passed(Reason.GRANTED))
    distribution = DistributionFindings(made_for=1, distributed=passed(Reason.DISTRIBUTED), verified=GOOD, name="pip")
    same = access(found=AccessFindings(1, GOOD, granting=1, distributing=1), grants=grants, distribution=distribution)
    assert reasons(same)["Ready"] == "Ready"
    other = access(found=AccessFindings(1, GOOD, granting=2, distributing=2), grants=grants, distribution=distribution)
    assert {reasons(other)[kind] for kind in ("Ready", "Granted", "Distributed", "Verified")} == {"Pending"}


@pytest.mark.parametrize("started", [True, False], ids=["after a start", "before the pass of the access"])
def test_a_secret_for_the_earlier_role_is_not_in_place(started: bool) -> None:
    """A role changes with the policy, without a new generation, and the files of the Secret depend on it."""
    reader, writer = (
        GrantRecord(Grant(f"roles/artifactregistry.{role}", "user:a@x.y"), GrantState.GRANTED)
        for role in ("reader", "writer")
    )
    grants = GrantFindings(made_for=0, check=passed(Reason.GRANTED), repository=NAME, grants=(writer,))
    found = AccessFindings(1, GOOD, grants=grants)
    distribution = DistributionFindings(made_for=0, distributed=passed(Reason.DISTRIBUTED), verified=GOOD, name="pip")
    status = access(found=found, grants=grants, distribution=distribution)
    assert reasons(status)["Ready"] == "Ready"
    if started:
        distribution = read_distribution(status)
    elsewhere = replace(grants, repository=NAME._replace(repository_id="other"))
    for after in (replace(grants, grants=(reader,)), elsewhere):
        now = replace(found, grants=after) if started else found
        changed = access(status, found=now, grants=after, distribution=distribution)
        assert {reasons(changed)[kind] for kind in ("Ready", "Distributed", "Verified")} == {"Pending"}
    another = replace(writer, grant=Grant("roles/artifactregistry.writer", "user:b@x.y"))
    more = replace(grants, grants=(writer, another))
    now = replace(found, grants=more) if started else found
    added = access(status, found=now, grants=more, distribution=distribution)
    assert reasons(added)["Ready"] == "Ready"


def test_a_generation_that_no_pass_has_finished_is_not_claimed() -> None:
    """Until the unit has passed a new generation, observedGeneration is the old one and Synced is Updating."""
    found = RepositoryFindings(generation=1, resolved=GOOD, synced=passed(Reason.SYNCED), name=NAME)
    before = repository(found)
    assert (before["observedGeneration"], reasons(before)["Ready"]) == (1, "Ready")
    during = repository(found, before, generation=2)
    assert (during["observedGeneration"], reasons(during)["Ready"]) == (1, "Updating")
    refused = repository(replace(found, synced=failed(Reason.UNAVAILABLE, "503")), before, generation=2)
    assert (refused["observedGeneration"], reasons(refused)["Ready"]) == (1, "Unavailable")
    after = repository(replace(found, generation=2), before, generation=2)
    assert (after["observedGeneration"], reasons(after)["Ready"]) == (2, "Ready")


def test_a_refused_subject_and_a_missing_opt_in_come_before_what_was_found() -> None:
    """What prevents a grant or a Secret is reported, whatever the units found before."""
    grants = GrantFindings(made_for=0, check=passed(Reason.GRANTED))
    found = AccessFindings(
        1, GOOD, granted=failed(Reason.SUBJECT_TOO_LONG, "x"), secret=failed(Reason.NOT_OPTED_IN, "x")
    )
    said = reasons(access(found=found, grants=grants))
    assert (said["Granted"], said["Distributed"], said["Verified"]) == ("SubjectTooLong", "NotOptedIn", "Pending")


def test_a_missing_serviceaccount_is_reported_for_an_existing_grant() -> None:
    """A grant to a ServiceAccount that does not exist is made, and its condition reports it."""
    found = AccessFindings(1, GOOD, advice="ServiceAccount a/x does not exist yet.")
    grants = GrantFindings(made_for=0, check=passed(Reason.GRANTED))
    status = access(found=found, grants=grants, secret=False)
    row = next(row for row in status["conditions"] if row["type"] == "Granted")
    assert (row["status"], row["message"]) == ("True", "ServiceAccount a/x does not exist yet.")


def test_ready_repeats_the_advice_also_before_the_first_check_of_a_new_process() -> None:
    """A user who reads only Ready learns that a ServiceAccount is missing, and a restart does not rewrite it."""
    advice = "Granted, but ServiceAccount team-a/late does not exist yet."
    grants = GrantFindings(made_for=0, check=GOOD)
    status = access(found=AccessFindings(1, GOOD, advice=advice), grants=grants, secret=False)
    assert messages(status)["Ready"] == advice
    again = access(status, found=AccessFindings(), secret=False)
    assert messages(again) == messages(status)
    ended = access(status, found=AccessFindings(1, GOOD), grants=grants, secret=False)
    assert messages(ended)["Ready"] == "Everything that the spec requests is in place."


def test_what_waits_for_another_condition_names_it() -> None:
    """An access without consent is not said to wait for a check: the condition that explains it is named."""
    refused = failed(Reason.REF_NOT_PERMITTED, "no")
    first = access(found=AccessFindings(None, None))
    assert messages(first)["Granted"] == "Waiting for the first check."
    found = messages(access(first, found=AccessFindings(1, refused)))
    assert {found[kind] for kind in ("Granted", "Distributed", "Verified")} == {"See the condition ResolvedRefs."}
    granted = GrantFindings(made_for=0, check=failed(Reason.POLICY_FULL, "full"))
    found = messages(access(found=AccessFindings(1, GOOD), grants=granted))
    assert (found["Granted"], found["Distributed"]) == ("full", "See the condition Granted.")


def test_a_new_object_is_not_ready() -> None:
    """The default status, observedGeneration -1, reads as not checked yet."""
    status = access({"observedGeneration": -1}, found=AccessFindings())
    assert (status["observedGeneration"], reasons(status)["Ready"]) == (-1, "Pending")
    assert reasons(repository(RepositoryFindings(), {"observedGeneration": -1}))["Ready"] == "Pending"


def test_a_grant_without_a_secret_needs_none() -> None:
    """Distributed and Verified do not prevent an access without a Secret from being Ready."""
    status = access(grants=GrantFindings(made_for=0, check=passed(Reason.GRANTED)), secret=False)
    assert reasons(status) == {
        "Ready": "Ready",
        "ResolvedRefs": "Ready",
        "Granted": "Granted",
        "Distributed": "NotRequested",
        "Verified": "NotApplicable",
    }


def messages(status: dict[str, Any]) -> dict[str, str]:
    return {row["type"]: row["message"] for row in status["conditions"]}


def test_good_conditions_say_what_is_in_place() -> None:
    """Members and role, the Secret's name, and no time: a refresh of the token changes no message."""
    records = tuple(
        GrantRecord(Grant("roles/artifactregistry.reader", f"user:{name}@x.y"), state)
        for name, state in (("a", GrantState.GRANTED), ("b", GrantState.EXISTING), ("c", GrantState.REJECTED))
    )
    grants = GrantFindings(made_for=0, check=passed(Reason.GRANTED), grants=records)
    found = DistributionFindings(
        made_for=0, distributed=passed(Reason.DISTRIBUTED), verified=passed(Reason.VERIFIED), name="pip", expires=NOW
    )
    said = messages(access(grants=grants, distribution=found))
    assert said["Ready"] == "Everything that the spec requests is in place."
    assert said["Granted"] == "2 members have roles/artifactregistry.reader on the repository."
    assert said["Distributed"] == "The Secret pip has a valid token. See status.secret for the token's times."
    later = replace(found, expires=NOW + timedelta(hours=1), refresh=NOW)
    assert messages(access(grants=grants, distribution=later)) == said
    one = replace(grants, grants=records[:1])
    assert messages(access(grants=one))["Granted"] == "1 member has roles/artifactregistry.reader on the repository."


def test_no_good_condition_is_without_a_message() -> None:
    """Each condition of both kinds has one, with or without a Secret and a grant, and for each reason."""
    grants = GrantFindings(made_for=0, check=passed(Reason.GRANTED))
    found = DistributionFindings(made_for=0, distributed=passed(Reason.DISTRIBUTED), verified=passed(Reason.VERIFIED))
    off = replace(found, verified=Check(Truth.UNKNOWN, Reason.VERIFICATION_OFF))
    statuses = [access(grants=grants, secret=False)]
    statuses += [access(grants=grants, distribution=each) for each in (found, off)]
    for reason in (Reason.SYNCED, Reason.OBSERVED):
        safe = passed(Reason.NO_PUBLIC_INDEX)
        each = RepositoryFindings(generation=1, resolved=passed(Reason.RESOLVED_REFS), synced=passed(reason))
        statuses.append(repository(replace(each, index_safe=safe)))
    assert [reasons(status)["Ready"] for status in statuses] == ["Ready"] * 5
    assert [messages(status) for status in statuses if not all(messages(status).values())] == []


def test_the_grant_summary_says_who_as_what() -> None:
    """ServiceAccounts are short, others in IAM's form, rejected ones are left out."""
    pools = "iam.googleapis.com/projects/1/locations/global/workloadIdentityPools"
    workforce = "principalSet://iam.googleapis.com/locations/global/workforcePools/people/group/ml"
    members = {
        f"principal://{pools}/acme-packages.svc.id.goog/subject/ns/a/sa/pull": GrantState.GRANTED,
        f"principalSet://{pools}/acme-packages.svc.id.goog/namespace/ml": GrantState.GRANTED,
        workforce: GrantState.RECORDED,
        "group:team@x.y": GrantState.EXISTING,
        "user:bob@x.y": GrantState.REJECTED,
    }
    reader, writer = "roles/artifactregistry.reader", "roles/artifactregistry.writer"
    grants = [GrantRecord(Grant(reader, member), state) for member, state in members.items()]
    grants.append(GrantRecord(Grant(writer, "user:ann@x.y"), GrantState.GRANTED))
    status = access(grants=GrantFindings(grants=tuple(grants)))
    assert status["grantSummary"] == (
        "Reader: a/pull, acme-packages.svc.id.goog/namespace/ml, people/group/ml, group:team@x.y; Writer: user:ann@x.y"
    )


def test_a_rejected_grant_has_iams_message_in_status() -> None:
    """And a grant of a Principal is marked, so that it does not follow a change of the pool after a restart."""
    grants = (
        GrantRecord(Grant("roles/x.reader", "user:bob@x.y"), GrantState.REJECTED, "unknown"),
        GrantRecord(Grant("roles/x.reader", f"{POOL}/ns/a/sa/b", verbatim=True), GrantState.GRANTED),
    )
    status = access(grants=GrantFindings(grants=grants))
    assert [row.get("message") for row in status["grants"]] == ["unknown", None]
    assert [row.get("kind") for row in status["grants"]] == [None, "Principal"]
    assert [record.grant.verbatim for record in read_grants(status).grants] == [False, True]


@pytest.mark.parametrize("length", [3, 30, 300])
@pytest.mark.parametrize("count", [1, 2, 40, 1000])
def test_a_long_grant_summary_counts_what_it_leaves_out(length: int, count: int) -> None:
    """However many grants there are, the column stays within its length and counts the rest."""
    members = [f"user:{number:0{length}}@x.y" for number in range(count)]
    grants = tuple(GrantRecord(Grant("roles/artifactregistry.reader", m), GrantState.GRANTED) for m in members)
    summary = access(grants=GrantFindings(grants=grants))["grantSummary"]
    assert len(summary) <= SUMMARY_LENGTH
    shown = sum(member in summary for member in members)
    if shown < count:
        assert summary.endswith(f" and {count - shown} more" if shown else f"{count} members")


def test_the_secrets_progress_is_reported() -> None:
    """Counts, a summary for the column, and at most ten failures with their reasons."""
    failures = tuple((f"n{number}", "NotOptedIn") for number in range(12))
    found = DistributionFindings(
        name="pip", namespaces=tuple("abc"), current=1, failed=failures, expires=NOW, refresh=NOW, identity="a/pull"
    )
    secret = access(distribution=found)["secret"]
    assert (secret["summary"], secret["desired"], secret["current"], len(secret["failed"])) == ("1/3", 3, 1, 10)
    assert secret["failed"][0] == {"namespace": "n0", "reason": "NotOptedIn"}
    assert secret["expirationTime"] == secret["refreshTime"] == "2026-01-01T00:00:00Z"


def test_what_is_absent_is_not_written() -> None:
    """A status contains no null, empty list or empty text."""
    assert set(access()) == {"observedGeneration", "conditions"}
    assert set(repository(RepositoryFindings())) == {"observedGeneration", "conditions"}


def test_urls_are_built_from_the_name() -> None:
    """Index and upload URL follow the repository's name; only Standard repositories have an upload URL."""
    found = RepositoryFindings(generation=1, resolved=GOOD, synced=GOOD, name=NAME, mode=Mode.STANDARD)
    forged = {"indexURL": "https://evil.example/simple/", "uploadURL": "https://evil.example/"}
    status = repository(found, forged)
    assert status["indexURL"] == "https://us-central1-python.pkg.dev/acme-packages/wheels/simple/"
    assert status["uploadURL"] == "https://us-central1-python.pkg.dev/acme-packages/wheels/"
    assert "uploadURL" not in repository(replace(found, mode=Mode.VIRTUAL))


FIELDS = [
    "observedGeneration", "repository", "repositoryCreateTime", "indexURL", "uploadURL", "createTime", "updateTime",
    "operation", "accessSummary", "managed", "mode", "lastHandledRequest", "grants", "secret", "conditions",
]  # fmt: skip
INNER = [
    "name",
    "kind",
    "startTime",
    "accesses",
    "members",
    "role",
    "member",
    "state",
    "namespaces",
    "current",
    "type",
    "status",
]
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.sampled_from(["", "x", "True", "Granted", "Create", "[::", "a/"])
)
GARBAGE = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(INNER), inner, max_size=3)
)


@settings(max_examples=120, deadline=None)
@given(status=st.dictionaries(st.sampled_from(FIELDS), GARBAGE, max_size=5))
def test_a_malformed_status_never_raises(status: dict[str, Any]) -> None:
    """Whatever a status contains, it reads as findings, and a complete status can be written over it."""
    found, summary = read_repository(status)
    assert repository(found, status, summary=summary)["conditions"]
    known = {"grants": read_grants(status), "distribution": read_distribution(status)}
    assert access(status, found=AccessFindings(), **known)["conditions"]


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
    """An operation that cannot be polled is ignored, and the repository is read again."""
    assert read_repository({"operation": operation})[0].operation is None


def test_a_pending_check_never_replaces_a_standing_one() -> None:
    """A unit that has not run in this process leaves its condition unchanged."""
    status = access(grants=GrantFindings(made_for=0, check=passed(Reason.GRANTED)), secret=False)
    again = access(status, found=AccessFindings(1, GOOD), grants=read_grants(status), secret=False)
    assert reasons(again)["Granted"] == "Granted"
    assert pending("x").reason is Reason.PENDING
