"""Secrets that people delete, edit, freeze or forge, and accesses that want the same one."""

import pytest
from convergence.scenes import PULL, WHEELS, access, condition, living_token, owners, reason
from convergence.secret_scenes import (
    HOUR,
    REFUSED,
    SECRET,
    asked_data,
    distributed,
    edit,
    fail,
    heal,
    left,
    mints,
    secret,
)
from fakes.calls import PortCall

from wheelhouse.domain.objects import Kind
from wheelhouse.errors import Unavailable

# The sweep


@pytest.mark.parametrize("restart", [False, True])
async def test_a_deleted_secret_is_back_within_two_minutes(restart: bool) -> None:
    """With the token that the others have, if it is known; after a restart with a new one."""
    simulation, key = await distributed()
    if restart:
        simulation.boot()
    await simulation.run(100)
    simulation.fakes.calls.clear()
    del simulation.fakes.cluster.secrets["owners", "pip"]
    await simulation.run(120)
    assert living_token(simulation, "owners")
    assert mints(simulation) == restart
    assert "SecretEdited" not in {event.reason for event in simulation.fakes.cluster.events}
    assert reason(simulation, key) == "Ready"


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize(
    "change",
    [
        {".data.netrc": "machine evil login a password b"},
        {".data.pip.conf": None},
        {".metadata.labels.wheelhouse.dev/access": "other"},
        {".metadata.annotations.wheelhouse.dev/expires-at": "2999-01-01T00:00:00Z"},
    ],
)
async def test_an_edited_secret_is_restored_within_two_minutes(change: dict[str, str | None], restart: bool) -> None:
    """An Event says so, and the next look finds nothing to do."""
    simulation, _ = await distributed()
    if restart:
        simulation.boot()
    await simulation.run(100)
    secret(simulation).edit("kubectl-edit", change)
    await simulation.run(130)
    for path, text in change.items():
        assert secret(simulation).fields.get(path) not in {text, None}
    edits = [event for event in simulation.fakes.cluster.events if event.reason == "SecretEdited"]
    assert len(edits) == 1
    simulation.fakes.calls.clear()
    await simulation.run(200)
    assert [change for change in simulation.fakes.calls.changes if "secret" in change] == []


async def test_what_others_add_to_a_secret_stays() -> None:
    """A key, a label and an annotation of somebody else move the version, and cost no write."""
    simulation, _ = await distributed()
    added = {".data.mine": "x", ".metadata.labels.mine": "x", ".metadata.annotations.mine": "x"}
    secret(simulation).edit("kubectl-edit", added)
    simulation.fakes.calls.clear()
    await simulation.run(600)
    assert [change for change in simulation.fakes.calls.changes if "secret" in change] == []
    assert added.items() <= secret(simulation).fields.items()


async def test_a_frozen_secret_is_replaced() -> None:
    """A person sets `immutable: true`: the next refresh deletes the Secret and makes it again, with an Event."""
    simulation, _ = await distributed()
    secret(simulation).immutable = True
    await simulation.run(2000)
    assert left(simulation) > HOUR / 2
    assert not secret(simulation).immutable
    assert [event.reason for event in simulation.fakes.cluster.events].count("SecretReplaced") == 1


async def test_a_sweep_that_is_not_answered_says_nothing() -> None:
    """An outage of the API server's dry runs costs no condition and no Secret."""
    simulation, key = await distributed()
    fail(simulation, "secrets.apply", Unavailable("503"), lambda call: bool(call.kwargs.get("dry_run")))
    await simulation.run(600)
    assert reason(simulation, key) == "Ready"


async def test_a_check_that_takes_long_brings_no_secret_of_a_deleted_access_back() -> None:
    """Another operator releases the access, and deletes its Secret, while this one waits for the dry run's reply."""
    simulation, key = await distributed()
    await simulation.run(30)
    simulation.fakes.calls.clear()

    def released(call: PortCall) -> None:
        if call.name == "secrets.apply" and call.kwargs.get("dry_run"):
            simulation.fakes.cluster.secrets.pop(("owners", "pip"), None)
            simulation.fakes.cluster.objects.pop((Kind.ACCESS, key), None)
            simulation.watch()

    simulation.fakes.calls.before = released
    await simulation.run(300)
    assert ("owners", "pip") not in simulation.fakes.cluster.secrets
    assert [change for change in simulation.fakes.calls.changes if "secret" in change] == []


# Two accesses, one name


async def test_the_older_of_two_accesses_has_the_secret() -> None:
    """Both want one name: the older writes it, the other names it, and is there as soon as the name is free."""
    simulation = await owners()
    younger = access(simulation, "owners", "alpha", subjects=PULL, secret=SECRET)
    older = access(simulation, "owners", "zulu", subjects=PULL, secret=SECRET)
    bodies = simulation.fakes.cluster.objects
    bodies[Kind.ACCESS, older]["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z"
    bodies[Kind.ACCESS, younger]["metadata"]["creationTimestamp"] = "2026-01-01T00:00:01Z"
    await simulation.run(60)
    assert reason(simulation, older) == "Ready"
    row = condition(simulation, younger, "Distributed")
    assert row is not None
    assert row.reason == "SecretConflict"
    assert "owners/zulu" in row.message
    assert "Delete it" not in row.message
    before = mints(simulation)
    await simulation.run(1200)
    assert mints(simulation) == before
    simulation.fakes.cluster.delete(Kind.ACCESS, older)
    await simulation.run(2)
    await simulation.run(5)
    assert reason(simulation, younger) == "Ready"


async def test_the_older_access_comes_first_also_when_its_token_comes_later() -> None:
    """Nothing is written yet: the younger one waits for the older one, whose ServiceAccount has to be waited for."""
    simulation = await owners()
    fail(simulation, "tokens.mint", Unavailable("503"), lambda call: call.args[0].service_account == "push")
    younger = access(simulation, "owners", "alpha", subjects=PULL, secret=SECRET)
    older = access(simulation, "owners", "zulu", secret={"name": "pip", "serviceAccountName": "push"})
    for key, second in ((older, 0), (younger, 1)):
        body = simulation.fakes.cluster.objects[Kind.ACCESS, key]
        body["metadata"]["creationTimestamp"] = f"2026-01-01T00:00:0{second}Z"
    await simulation.run(60)
    assert simulation.fakes.cluster.secrets == {}
    assert reason(simulation, younger, "Distributed") == "SecretConflict"
    heal(simulation)
    await simulation.run(90)
    assert reason(simulation, older) == "Ready"


@pytest.mark.parametrize("restart", [False, True])
async def test_a_holder_is_not_displaced_by_age(restart: bool) -> None:
    """An older access that asks for the name later waits; after a restart, and at each refresh, too."""
    simulation, holder = await distributed()
    bodies = simulation.fakes.cluster.objects
    bodies[Kind.ACCESS, holder]["metadata"]["creationTimestamp"] = "2026-01-01T00:00:09Z"
    late = access(simulation, "owners", "late", subjects=PULL)
    bodies[Kind.ACCESS, late]["metadata"]["creationTimestamp"] = "2026-01-01T00:00:01Z"
    await simulation.run(10)
    edit(simulation, late, secret=SECRET)
    await simulation.run(30)
    if restart:
        simulation.boot()
    await simulation.run(4000)
    assert reason(simulation, holder) == "Ready"
    assert reason(simulation, late, "Distributed") == "SecretConflict"
    assert secret(simulation).managers.keys() == {f"wheelhouse.{bodies[Kind.ACCESS, holder]['metadata']['uid']}"}


async def test_a_restored_access_with_another_secret_name_leaves_none_behind() -> None:
    """A restored store brings back an older spec and status: the Secret that only memory knows is removed."""
    simulation, key = await distributed()
    body = simulation.fakes.cluster.objects[Kind.ACCESS, key]
    body["spec"]["secret"]["name"] = "before"
    body["status"]["secret"]["name"] = "before"
    simulation.fakes.cluster.touch(body)
    await simulation.run(400)
    assert {name for _, name in simulation.fakes.cluster.secrets} == {"before"}


async def test_a_removed_secret_is_not_verified() -> None:
    """Consent is lost and the Secret goes: no condition still says that the index accepts its token."""
    simulation = await owners()
    key = access(simulation, "team", "a", subjects=PULL, secret={"name": "pip"})
    await simulation.run(60)
    row = condition(simulation, key, "Verified")
    assert row is not None
    assert row.status == "True"
    simulation.fakes.cluster.put(Kind.REPOSITORY, WHEELS, {"location": "us-central1"})
    await simulation.run(60)
    assert simulation.fakes.cluster.secrets == {}
    row = condition(simulation, key, "Verified")
    assert row is not None
    assert (row.status, row.reason) == ("False", "Pending")


async def test_a_forged_secret_name_removes_no_wanted_secret() -> None:
    """A status that names another Secret makes no debt of the one that the spec requests."""
    simulation, key = await distributed()
    body = simulation.fakes.cluster.objects[Kind.ACCESS, key]
    uid = secret(simulation).uid
    body["status"]["secret"]["name"] = "other"
    simulation.fakes.cluster.touch(body)
    await simulation.run(400)
    assert secret(simulation).uid == uid


async def test_a_holder_that_was_told_of_a_conflict_holds_on() -> None:
    """Both accesses are recorded with a conflict, as two operators can leave them: the Secret says whose it is."""
    simulation, holder = await distributed()
    bodies = simulation.fakes.cluster.objects
    bodies[Kind.ACCESS, holder]["metadata"]["creationTimestamp"] = "2026-01-01T00:00:09Z"
    late = access(simulation, "owners", "late", subjects=PULL, secret=SECRET)
    bodies[Kind.ACCESS, late]["metadata"]["creationTimestamp"] = "2026-01-01T00:00:01Z"
    await simulation.run(30)
    assert reason(simulation, late, "Distributed") == "SecretConflict"
    for row in bodies[Kind.ACCESS, holder]["status"]["conditions"]:
        if row["type"] == "Distributed":
            row |= {"status": "False", "reason": "SecretConflict"}
    fail(simulation, "secrets.apply", Unavailable("503"), lambda call: call.args[0].access.key == holder)
    simulation.boot()
    await simulation.run(10)
    heal(simulation)
    await simulation.run(300)
    assert reason(simulation, holder) == "Ready"
    assert reason(simulation, late, "Distributed") == "SecretConflict"


async def test_somebody_elses_secret_is_left_alone() -> None:
    """A Secret of another kind is not touched; the message says what may be done, and it heals when that is done."""
    simulation = await owners()
    planted = simulation.fakes.secrets.plant("owners", "pip", key="theirs")
    key = access(simulation, "owners", "one", subjects=PULL, secret=SECRET)
    await simulation.run(120)
    row = condition(simulation, key, "Distributed")
    assert row is not None
    assert row.reason == "SecretConflict"
    assert "Delete it" in row.message
    assert simulation.fakes.cluster.secrets["owners", "pip"] is planted
    assert planted.data == {"key": "theirs"}
    await simulation.run(7200)
    assert mints(simulation) <= 5  # Looking whether it is still there needs no token.
    del simulation.fakes.cluster.secrets["owners", "pip"]
    await simulation.run(90)
    assert reason(simulation, key) == "Ready"


async def test_the_secret_of_a_deleted_access_is_taken_over() -> None:
    """What only the dead access held goes, and an Event says whose it was."""
    simulation, key = await distributed(role="Writer")
    cluster = simulation.fakes.cluster
    spec = cluster.objects[Kind.ACCESS, key]["spec"]
    old = secret(simulation)
    old.fields = {path: text for path, text in old.fields.items() if "ownerReferences" not in path}
    del cluster.objects[Kind.ACCESS, key]
    cluster.put(Kind.ACCESS, key, dict(spec) | {"role": "Reader"})
    simulation.boot()  # Only the API server knows what the dead one left.
    await simulation.run(60)
    assert "SecretTakenOver" in {event.reason for event in cluster.events}
    uid = cluster.objects[Kind.ACCESS, key]["metadata"]["uid"]
    assert secret(simulation).managers.keys() == {f"wheelhouse.{uid}"}
    assert ".pypirc" not in secret(simulation).data


# Forged Secrets


async def test_a_forged_manager_of_another_namespace_gives_nothing_away() -> None:
    """A tenant writes as the manager of an access elsewhere: no message names that one, and ours is written."""
    simulation, victim = await distributed("team")
    uid = simulation.fakes.cluster.objects[Kind.ACCESS, victim]["metadata"]["uid"]
    before = dict(secret(simulation, "team").fields)
    simulation.fakes.secrets.plant(
        "owners", "pip", manager=f"wheelhouse.{uid}", type_="wheelhouse.dev/pip-config", netrc="mine"
    )
    key = access(simulation, "owners", "two", subjects=PULL, secret=SECRET)
    await simulation.run(60)
    assert reason(simulation, key) == "Ready"
    assert "team/one" not in str(simulation.fakes.cluster.objects[Kind.ACCESS, key]["status"])
    assert secret(simulation, "team").fields == before
    simulation.fakes.cluster.delete(Kind.ACCESS, victim)
    await simulation.run(30)
    assert ("owners", "pip") in simulation.fakes.cluster.secrets


async def test_a_crash_before_the_first_write_never_takes_what_another_left() -> None:
    """The name is recorded, nothing is written, and what stands there is a deleted access's: the release leaves it."""
    simulation = await owners()
    dead = "wheelhouse.00000000-0000-4000-8000-000000000099"
    labels = {"wheelhouse.dev/access-uid": dead}
    planted = simulation.fakes.secrets.plant(
        "owners", "pip", manager=dead, type_="wheelhouse.dev/pip-config", netrc="theirs"
    )
    for name, text in labels.items():
        planted.fields[f".metadata.labels.{name}"] = text
        planted.managers[dead].add(f".metadata.labels.{name}")
    fail(simulation, "secrets.apply", REFUSED, asked_data)
    key = access(simulation, "owners", "one", subjects=PULL, secret=SECRET)
    await simulation.run(30)
    assert simulation.fakes.cluster.objects[Kind.ACCESS, key]["status"]["secret"]["name"] == "pip"
    simulation.fakes.cluster.delete(Kind.ACCESS, key)
    await simulation.run(30)
    assert (Kind.ACCESS, key) not in simulation.fakes.cluster.objects
    assert simulation.fakes.cluster.secrets["owners", "pip"] is planted


async def test_a_forged_label_does_not_keep_a_secret_alive() -> None:
    """A tenant marks our Secret as that of an access elsewhere: the release removes it all the same."""
    simulation, other = await distributed("team")
    key = access(simulation, "owners", "two", subjects=PULL, secret=SECRET)
    await simulation.run(30)
    uid = simulation.fakes.cluster.objects[Kind.ACCESS, other]["metadata"]["uid"]
    secret(simulation).edit(f"wheelhouse.{uid}", {".metadata.labels.wheelhouse.dev/access-uid": uid})
    simulation.fakes.cluster.delete(Kind.ACCESS, key)
    await simulation.run(30)
    assert ("owners", "pip") not in simulation.fakes.cluster.secrets
    assert living_token(simulation, "team")
