"""What the units found, in memory: status is read again after another client wrote it."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from wheelhouse.domain.iam import Grant, GrantRecord, GrantState
from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.objects import CustomObject, Kind, compact
from wheelhouse.reconcile.findings import Findings

NAME = RepositoryName("acme-packages", "us-central1", "wheels")
READER = "roles/artifactregistry.reader"


def row(member: str) -> dict[str, str]:
    return {"role": READER, "member": member, "state": "Granted"}


def stored(version: int, *members: str, uid: str = "u", **status: Any) -> CustomObject:
    body = {"repository": NAME.full, "grants": [row(member) for member in members]} | status
    return CustomObject(ObjectKey("a", "x"), uid, 1, str(version), False, (), "{}", compact(body), NAME.full)


def members(findings: Findings, found: CustomObject) -> list[str]:
    return [record.grant.member for record in findings.grants(found).grants]


def record(member: str) -> GrantRecord:
    return GrantRecord(Grant(READER, member), GrantState.GRANTED)


def test_memory_starts_from_status() -> None:
    """The first access to an object reads its ledger from its status."""
    findings = Findings()
    assert members(findings, stored(1, "user:a@x.y")) == ["user:a@x.y"]
    assert findings.grants(stored(1, "user:a@x.y")).check is None


def test_what_is_noted_stays_until_another_hand_writes() -> None:
    """Own findings stay after edits of the spec; a status that another client wrote is read again."""
    findings = Findings()
    first = stored(1)
    findings.note_grants(first, grants=(record("user:a@x.y"),))
    assert members(findings, replace(first, resource_version="2", generation=2)) == ["user:a@x.y"]
    other = stored(3, "user:b@x.y")
    assert members(findings, other) == ["user:a@x.y"]
    assert findings.seen(Kind.ACCESS, other)
    assert members(findings, first) == ["user:b@x.y"]
    assert not findings.seen(Kind.ACCESS, other)


def test_a_grant_that_is_set_and_not_reported_stays() -> None:
    """Another operator that saw only the record may remove it, while this one sets the grant."""
    findings = Findings()
    waiting = {"grants": [row("user:a@x.y") | {"state": "Recorded"}], "repository": NAME.full}
    first = stored(1, **waiting)
    findings.note_grants(first, grants=(record("user:a@x.y"),))
    findings.note_set(first, frozenset({(READER, "user:a@x.y")}))
    emptied = stored(2, conditions=[{"type": "Ready"}], grants=[], repository=None)
    assert findings.seen(Kind.ACCESS, emptied)
    assert members(findings, emptied) == ["user:a@x.y"]
    assert findings.grants(emptied).repository == NAME
    again = stored(3, conditions=[{"type": "Granted"}], grants=[], repository=None)
    assert findings.seen(Kind.ACCESS, again)
    assert members(findings, again) == ["user:a@x.y"]
    for state in ("Recorded", "Rejected", "Existing"):
        found = stored(4, conditions=[{"type": "Ready"}], grants=[row("user:a@x.y") | {"state": state}])
        assert findings.seen(Kind.ACCESS, found)
        assert findings.grants(found).grants == (record("user:a@x.y"),)
    late = stored(5, "user:b@x.y", conditions=[{"type": "Ready"}])
    findings.writing(Kind.ACCESS, found, late.status)
    findings.written(Kind.ACCESS, late)  # It was composed before the set.
    assert findings.seen(Kind.ACCESS, stored(6, conditions=[{"type": "Ready"}], grants=[], repository=None))
    assert members(findings, late) == ["user:a@x.y"]
    reported = stored(7, "user:a@x.y", conditions=[{"type": "Ready"}])
    findings.writing(Kind.ACCESS, late, reported.status)
    findings.written(Kind.ACCESS, reported)
    assert findings.seen(Kind.ACCESS, stored(8, conditions=[{"type": "Ready"}], grants=[], repository=None))
    assert members(findings, reported) == []


def test_an_own_write_is_no_other_hand() -> None:
    """After its own write, memory is up to date and nothing is read again."""
    findings = Findings()
    findings.note_grants(stored(1), grants=(record("user:a@x.y"),), made_for=5)
    written = stored(2, "user:a@x.y")
    findings.written(Kind.ACCESS, written)
    assert not findings.seen(Kind.ACCESS, written)
    assert findings.grants(written).made_for == 5


def test_a_watch_that_is_faster_than_the_reply_takes_nothing_back() -> None:
    """The watch delivers the status before the reply: findings from in between stay."""
    findings, before = Findings(), stored(1, "a")
    findings.grants(before)
    written = stored(2, "b")
    findings.writing(Kind.ACCESS, before, written.status)
    findings.note_grants(before, grants=(record("c"),))
    assert not findings.seen(Kind.ACCESS, written)
    assert members(findings, before) == ["c"]
    assert findings.seen(Kind.ACCESS, stored(3, "d"))
    assert members(findings, before) == ["d"]


@pytest.mark.parametrize("brought", [False, True])
def test_a_status_like_the_own_one_that_conflicted_is_another_operators(brought: bool) -> None:
    """Two operators write the same status: for the one whose write conflicts, the other's ledger counts."""
    findings, before = Findings(), stored(1)
    findings.note_grants(before, grants=(record("b"),))
    same = stored(2, "a")
    findings.writing(Kind.ACCESS, before, same.status)
    if brought:
        assert not findings.seen(Kind.ACCESS, same)
    findings.conflicted(Kind.ACCESS, same if brought else before)
    assert findings.seen(Kind.ACCESS, same) is not brought
    assert members(findings, same) == ["a"]


def test_a_grant_of_this_process_stays_its_own() -> None:
    """Another operator that finds the grant before its record takes it for another client's: memory knows better."""
    findings = Findings()
    findings.note_grants(
        stored(1), repository=NAME, grants=(record("a"), replace(record("b"), state=GrantState.RECORDED))
    )
    rows = [row(member) | {"state": "Existing"} for member in ("a", "b", "c")]
    other = stored(2, grants=rows)
    assert findings.seen(Kind.ACCESS, other)
    states = [each.state for each in findings.grants(other).grants]
    assert states == [GrantState.GRANTED, GrantState.EXISTING, GrantState.EXISTING]


def test_a_restored_store_loses_no_owned_entry() -> None:
    """If the resourceVersion is older, the grants in memory and those in status both count."""
    findings = Findings()
    findings.note_grants(stored(9, "user:a@x.y"), grants=(record("user:a@x.y"), record("user:b@x.y")))
    restored = stored(4, "user:c@x.y")
    assert findings.seen(Kind.ACCESS, restored)
    assert members(findings, restored) == ["user:c@x.y", "user:a@x.y", "user:b@x.y"]


def test_a_ledger_of_an_earlier_repository_takes_nothing_from_memory() -> None:
    """A store that was restored twice may have higher versions than before; an older createTime gives it away."""
    findings = Findings()
    before = stored(1, "user:a@x.y", repositoryCreateTime="2026-05-01T10:00:00Z")
    later = datetime(2026, 5, 1, 11, tzinfo=UTC)
    findings.note_grants(before, create_time=later, grants=(record("user:b@x.y"),))
    restored = stored(9, "user:c@x.y", repositoryCreateTime="2026-05-01T10:00:00Z")
    assert findings.seen(Kind.ACCESS, restored)
    assert members(findings, restored) == ["user:b@x.y"]
    assert findings.grants(restored).create_time == later


@pytest.mark.parametrize("minute", [29, 30, 31])
def test_an_older_status_takes_nothing_from_memory(minute: int) -> None:
    """A store that was restored twice may have higher versions than before; the times of conditions give it away."""

    def conditions(minute: int) -> list[dict[str, str]]:
        first = {"type": "Accepted", "lastTransitionTime": "2026-05-01T10:00:00Z"}
        return [first, {"type": "Ready", "lastTransitionTime": f"2026-05-01T10:{minute}:00Z"}]

    findings = Findings()
    before = stored(1, "user:a@x.y", conditions=conditions(30))
    assert members(findings, before) == ["user:a@x.y"]
    other = stored(9, conditions=conditions(minute))
    assert findings.seen(Kind.ACCESS, other)
    assert members(findings, other) == (["user:a@x.y"] if minute < 30 else [])


def test_another_operator_with_a_clock_that_is_behind_may_move_an_access() -> None:
    """Its conditions seem older, but its ledger is of another repository: that counts."""

    def conditions(second: int) -> list[dict[str, str]]:
        return [{"type": "Ready", "lastTransitionTime": f"2026-05-01T10:00:{second:02}Z"}]

    findings = Findings()
    before = stored(1, "user:a@x.y", conditions=conditions(5))
    assert members(findings, before) == ["user:a@x.y"]
    other = stored(2, "user:b@x.y", repository=f"{NAME.full}-two", conditions=conditions(3))
    assert findings.seen(Kind.ACCESS, other)
    assert members(findings, other) == ["user:b@x.y"]


def test_conditions_of_others_tell_nothing_about_the_age() -> None:
    """Another controller's condition may be newer in a status that is older."""
    findings = Findings()
    ready = {"type": "Ready", "lastTransitionTime": "2026-05-01T10:30:00Z"}
    before = stored(1, "user:a@x.y", conditions=[ready])
    assert members(findings, before) == ["user:a@x.y"]
    scanned = {"type": "example.com/Scanned", "lastTransitionTime": "2026-05-01T10:50:00Z"}
    restored = stored(9, conditions=[ready | {"lastTransitionTime": "2026-05-01T10:20:00Z"}, scanned])
    assert findings.seen(Kind.ACCESS, restored)
    assert members(findings, restored) == ["user:a@x.y"]


def test_a_ledger_of_a_later_repository_replaces_memory() -> None:
    """Another operator may know of a repository that this one has not seen yet."""
    findings = Findings()
    before = stored(1, "user:a@x.y", repositoryCreateTime="2026-05-01T10:00:00Z")
    assert members(findings, before) == ["user:a@x.y"]
    other = stored(2, "user:b@x.y", repositoryCreateTime="2026-05-01T11:00:00Z")
    assert findings.seen(Kind.ACCESS, other)
    assert members(findings, other) == ["user:b@x.y"]


@pytest.mark.parametrize("status", ["{}", "null"])
def test_an_emptied_status_loses_no_owned_entry(status: str) -> None:
    """A status that another client emptied says nothing: what memory owns may not be recorded elsewhere."""
    findings = Findings()
    findings.note_grants(stored(1), grants=(record("user:a@x.y"),))
    emptied = replace(stored(2), status_json=status)
    assert findings.seen(Kind.ACCESS, emptied)
    assert members(findings, emptied) == ["user:a@x.y"]


def test_a_status_without_grants_ends_what_memory_owns() -> None:
    """Another operator that withdrew everything writes conditions and no grants."""
    findings = Findings()
    findings.note_grants(stored(1), grants=(record("user:a@x.y"),))
    other = stored(2, conditions=[{"type": "Ready", "status": "False"}])
    assert findings.seen(Kind.ACCESS, other)
    assert members(findings, other) == []


@pytest.mark.parametrize("version", [2, 9], ids=["of a restored store", "new"])
def test_another_object_of_the_name_begins_anew(version: int) -> None:
    """It does not have the findings of its predecessor, whose last pass changes nothing for it."""
    findings = Findings()
    before, after = stored(5), stored(version, uid="other")
    findings.note_grants(before, grants=(record("user:a@x.y"),))
    assert not findings.seen(Kind.ACCESS, after)
    assert members(findings, after) == []
    findings.note_grants(before, grants=(record("user:a@x.y"),))
    findings.note_grants(after, grants=(record("user:b@x.y"),))
    assert members(findings, after) == ["user:b@x.y"]


def test_usable_is_never_read_from_status() -> None:
    """Only this process's own check at Google makes a repository usable, whatever its status claims."""
    findings = Findings()
    claims = {"createTime": "2026-01-01T00:00:00Z", "conditions": [{"type": "Ready", "status": "True"}]}
    forged = stored(1, **claims)
    assert not findings.repository(forged).usable
    findings.note_repository(forged, usable=True)
    other = stored(2, repository="projects/acme-packages/locations/us/repositories/x")
    assert findings.seen(Kind.REPOSITORY, other)
    assert findings.repository(other).name != NAME
