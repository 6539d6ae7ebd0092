"""How findings get into status, and which Events tell of it."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from fakes.calls import PortCall
from fakes.kubernetes import FakeObjects
from fakes.world import Fakes

from wheelhouse.domain.findings import failed, pending
from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.objects import CustomObject, Kind
from wheelhouse.domain.reasons import Reason
from wheelhouse.errors import Conflict
from wheelhouse.reconcile import ledger
from wheelhouse.reconcile.findings import Findings
from wheelhouse.reconcile.ledger import EVENT_PAUSE, Ledger

KIND, KEY = Kind.ACCESS, ObjectKey("team", "one")
SPEC = {"repositoryRef": {"name": "wheels"}, "subjects": [{"kind": "ServiceAccount", "name": "pull"}]}


class Office:
    """A ledger over an access that the cache has seen."""

    def __init__(self) -> None:
        self.fakes, self.findings = Fakes(), Findings()
        self.ledger = Ledger(self.fakes.world, self.findings)
        self.edit()

    @property
    def body(self) -> dict[str, Any]:
        """The access in the API server."""
        return self.fakes.cluster.objects[KIND, KEY]

    @property
    def stored(self) -> CustomObject:
        """The access as the cache has it."""
        declared = self.fakes.cache.access(KEY)
        assert declared is not None
        return declared.stored

    def edit(self, **spec: Any) -> None:
        """Change the spec, and see it."""
        self.fakes.cache.store(KIND, self.fakes.cluster.put(KIND, KEY, SPEC | spec))

    def find(self, message: str) -> None:
        """A finding that makes the access not Ready, with these words."""
        check = failed(Reason.REF_NOT_PERMITTED, message)
        self.findings.note_access(self.stored, generation=self.stored.generation, resolved=check)

    async def tell(self, message: str) -> bool:
        """Whether an Event says that the access is not Ready for this reason, after it was something else."""
        check = failed(Reason.SUBJECT_NOT_PERMITTED, f"not {message}")
        self.findings.note_access(self.stored, generation=self.stored.generation, resolved=check)
        await self.ledger.record(KIND, KEY)
        self.fakes.cluster.events.clear()
        self.find(message)
        await self.ledger.record(KIND, KEY)
        return [event.note for event in self.fakes.cluster.events] == [message]


async def test_a_record_writes_what_changed_and_only_that() -> None:
    """Two findings are two writes, and a third record of the same is none."""
    office = Office()
    for message in ("one", "two", "two"):
        office.find(message)
        assert await office.ledger.record(KIND, KEY)
    assert office.fakes.calls.count()["objects.write_status"] == 2
    assert office.body["status"]["conditions"][0]["message"] == "two"


async def test_the_reply_to_a_write_counts_as_the_own_status(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if the API server stores it in another form than it was sent, as a webhook can do."""
    write = FakeObjects.write_status

    async def changed(self: FakeObjects, kind: Kind, stored: CustomObject, status: Mapping[str, Any]) -> Any:
        return await write(self, kind, stored, {**status, "zone": "a"})

    monkeypatch.setattr(FakeObjects, "write_status", changed)
    office = Office()
    office.find("one")
    assert await office.ledger.record(KIND, KEY)
    assert not office.findings.seen(KIND, office.stored)


async def test_a_record_over_the_change_of_another_client_is_a_conflict() -> None:
    """Nothing is written or told until the cache has seen the change; then the record goes through."""
    office = Office()
    office.find("one")
    office.fakes.cluster.put(KIND, KEY, SPEC | {"role": "Writer"})
    with pytest.raises(Conflict):
        await office.ledger.record(KIND, KEY)
    assert "status" not in office.body
    assert office.fakes.cluster.events == []
    office.edit(role="Writer")
    assert await office.ledger.record(KIND, KEY)
    assert office.body["status"]["conditions"][0]["message"] == "one"


async def test_an_object_that_is_gone_is_not_recorded() -> None:
    """Neither one that the API server no longer has, nor one that the cache no longer has; there is no Event."""
    office = Office()
    office.find("one")
    del office.fakes.cluster.objects[KIND, KEY]
    assert not await office.ledger.record(KIND, KEY)
    office.fakes.cache.remove(KIND, KEY, office.stored.uid)
    assert not await office.ledger.record(KIND, KEY)
    assert office.fakes.calls.count()["objects.write_status"] == 1
    assert office.fakes.cluster.events == []


async def test_the_own_write_is_not_that_of_another_hand() -> None:
    """Neither while its reply is on the way, nor afterwards with a condition of others beside it."""
    office = Office()
    early: list[bool] = []

    def after(call: PortCall) -> None:
        standing = office.fakes.cluster.get(KIND, KEY)
        if call.name == "objects.write_status" and standing is not None:
            early.append(office.findings.seen(KIND, standing))

    office.fakes.calls.after = after
    office.find("one")
    await office.ledger.record(KIND, KEY)
    office.fakes.calls.after = None
    assert early == [False]
    office.body["status"]["conditions"].append({"type": "Theirs", "status": "True"})
    office.fakes.cluster.touch(office.body)
    office.edit()
    office.find("two")
    await office.ledger.record(KIND, KEY)
    standing = office.fakes.cluster.get(KIND, KEY)
    assert standing is not None
    assert [row["type"] for row in standing.status["conditions"]][-1] == "Theirs"
    assert not office.findings.seen(KIND, standing)


async def test_progress_in_a_crowd_waits_longer_than_progress_of_one() -> None:
    """One waits 5 s; each of 400 waits 20 s, and of many more until the next look; the last one 5 s again."""
    office = Office()
    assert await _progress(office, KEY) == ledger.PROGRESS_PACE
    crowd = [ObjectKey("team", f"crowd-{number}") for number in range(3000)]
    waits = [await _progress(office, key) for key in crowd]
    assert (waits[398], waits[-1]) == (20.0, ledger.LONGEST_LOOK)
    for key in crowd:
        office.ledger.forget(KIND, key)
    assert await office.ledger.report(KIND, KEY) == ledger.PROGRESS_PACE


async def _progress(office: Office, key: ObjectKey) -> float | None:
    """Seconds until the progress of an object is written."""
    office.fakes.cache.store(KIND, office.fakes.cluster.put(KIND, key, SPEC))
    declared = office.fakes.cache.access(key)
    assert declared is not None
    office.findings.note_access(declared.stored, generation=declared.stored.generation, resolved=pending("Soon."))
    return await office.ledger.report(KIND, key)


async def test_an_event_is_said_once_in_ten_minutes() -> None:
    """A finding that comes and goes sends one Event, and another one after the pause."""
    office = Office()
    assert await office.tell("no consent")
    for _ in range(5):
        office.fakes.clock.advance(EVENT_PAUSE / 6)
        assert not await office.tell("no consent")
    office.fakes.clock.advance(EVENT_PAUSE / 6)
    assert await office.tell("no consent")


async def test_other_words_and_another_generation_are_news() -> None:
    """Only the same words about the same generation of the same object wait."""
    office = Office()
    assert await office.tell("no consent")
    assert await office.tell("no repository")
    office.edit(role="Writer")
    assert await office.tell("no consent")
    assert not await office.tell("no consent")


async def test_a_limited_number_of_events_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest is forgotten first, and is said again."""
    monkeypatch.setattr(ledger, "EVENTS_REMEMBERED", 4)  # Each telling here is two Events.
    office = Office()
    for number in range(3):
        assert await office.tell(f"reason {number}")
    assert not await office.tell("reason 2")
    assert await office.tell("reason 0")


async def test_a_write_under_way_is_awaited(monkeypatch: pytest.MonkeyPatch) -> None:
    """While status is being written, what the cache shows of it may already be replaced: only its end tells."""
    office, waiting = Office(), list[asyncio.Task[None]]()
    write = office.fakes.objects.write_status

    async def slowly(*arguments: Any) -> Any:
        waiting.append(asyncio.create_task(office.ledger.quiet(KIND, KEY)))
        for _ in range(5):
            await asyncio.sleep(0)
        assert not waiting[0].done()
        return await write(*arguments)

    monkeypatch.setattr(office.fakes.objects, "write_status", slowly)
    office.find("one")
    await office.ledger.quiet(KIND, KEY)  # Nothing is being written yet.
    await office.ledger.record(KIND, KEY)
    await asyncio.wait_for(waiting[0], 1)
