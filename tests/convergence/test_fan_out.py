"""One access writes Secrets into many namespaces, which come, go, and change their labels."""

from typing import Any

import pytest
from convergence.fan_out_scenes import LOCAL, SHARED, fan_out, join, places, summary
from convergence.scenes import PULL, access, condition, grants, living_token, members, owners, reason
from convergence.secret_scenes import HOUR, REFUSED, asked_data, edit, fail, heal, left, mints, secret, token
from fakes.calls import PortCall

from wheelhouse.domain.keys import AccessKey, SecretKey
from wheelhouse.domain.objects import REQUESTED_ANNOTATION, Kind
from wheelhouse.errors import Unavailable
from wheelhouse.reconcile.secret import rendering

TEAMS = ("a", "b", "c")


async def test_a_shared_identity_is_minted_once() -> None:
    """Each namespace gets the token of the ServiceAccount of the access's namespace, and it alone has the role."""
    simulation, key = await fan_out(*TEAMS)
    assert places(simulation) == set(TEAMS)
    assert len({token(simulation, namespace) for namespace in TEAMS}) == 1
    assert mints(simulation) == 1
    assert members(simulation) == {"owners/pull"}
    found = summary(simulation, key)
    assert (found["summary"], found["namespaces"], found["identity"]) == ("3/3", list(TEAMS), "owners/pull")
    row = condition(simulation, key, "Distributed")
    assert row is not None
    assert "Anyone who can read one of these Secrets can act as this ServiceAccount" in row.message
    assert [event.reason for event in simulation.fakes.cluster.events].count("SharedIdentity") == 1


async def test_each_namespace_has_its_own_identity() -> None:
    """By default the ServiceAccount of that name in each namespace has the role, and its token is in the Secret."""
    simulation, key = await fan_out(*TEAMS, secret=LOCAL)
    assert places(simulation) == set(TEAMS)
    minted = simulation.fakes.tokens.minted
    assert {str(minted[token(simulation, each)][0]) for each in TEAMS} == {f"{each}/pull" for each in TEAMS}
    assert mints(simulation) == len(TEAMS)
    assert members(simulation) == {"owners/pull", *(f"{namespace}/pull" for namespace in TEAMS)}
    assert summary(simulation, key)["identity"] == "*/pull"
    await simulation.run(HOUR)
    assert all(left(simulation, namespace) > HOUR / 3 for namespace in TEAMS)
    assert "SharedIdentity" not in {event.reason for event in simulation.fakes.cluster.events}


async def test_names_and_selector_are_a_union() -> None:
    """The own namespace gets the Secret only if it is named or selected."""
    simulation, key = await fan_out("a", secret=SHARED | {"namespaces": ["team"]})
    assert places(simulation) == {"a", "team"}
    edit(simulation, key, secret=SHARED | {"namespaces": ["team", "owners"]})
    await simulation.run(30)
    assert places(simulation) == {"a", "team", "owners"}
    edit(simulation, key, secret={"name": "pip"})
    await simulation.run(30)
    assert places(simulation) == {"owners"}
    assert reason(simulation, key) == "Ready"


@pytest.mark.parametrize("secret", [SHARED, LOCAL])
async def test_namespaces_come_and_go(secret: dict[str, Any]) -> None:
    """A namespace that gains the labels has its Secret at once; one that loses either of them has none."""
    simulation, key = await fan_out(*TEAMS, secret=secret)
    join(simulation, "d")
    await simulation.run(2)
    assert living_token(simulation, "d")
    simulation.fakes.cluster.put_namespace("a", opted_in=True)
    simulation.fakes.cluster.put_namespace("b", tier="app")
    await simulation.run(30)
    assert places(simulation) == {"c", "d"}
    assert summary(simulation, key)["namespaces"] == ["c", "d"]
    assert members(simulation) - {"owners/pull"} == (set() if secret is SHARED else {"c/pull", "d/pull"})
    simulation.fakes.cluster.put_namespace("a", opted_in=True, tier="app")
    await simulation.run(10)
    assert places(simulation) == {"a", "c", "d"}
    assert reason(simulation, key) == "Ready"


async def test_a_namespace_that_terminates_is_no_error() -> None:
    """It no longer counts, whether it terminates before its first Secret or after it, and nothing is retried there."""
    simulation, key = await fan_out(*TEAMS)
    simulation.fakes.cluster.put_namespace("a", opted_in=True, deleting=True, tier="app")
    await simulation.run(30)
    assert summary(simulation, key)["summary"] == "2/2"
    assert reason(simulation, key) == "Ready"
    del simulation.fakes.cluster.namespaces["a"]
    join(simulation, "d")

    def terminates(call: PortCall) -> None:
        """The namespace starts to terminate before the watch shows it."""
        if asked_data(call) and call.args[0].namespace == "d":
            simulation.fakes.cluster.put_namespace("d", opted_in=True, deleting=True, tier="app")

    simulation.fakes.calls.before = terminates
    await simulation.run(30)
    heal(simulation)
    assert reason(simulation, key) == "Ready"
    assert summary(simulation, key)["namespaces"] == ["b", "c"]
    assert "failed" not in summary(simulation, key)


async def test_a_named_namespace_that_has_not_opted_in_is_reported() -> None:
    """The others have their Secrets, and status names the namespace and the remedy, until it opts in."""
    simulation = await owners()
    join(simulation, "a")
    simulation.fakes.cluster.put_namespace("closed")
    wanted = {"name": "pip", "namespaces": ["a", "closed", "absent"], "identityFrom": "AccessNamespace"}
    key = access(simulation, "owners", "one", subjects=PULL, secret=wanted)
    await simulation.run(60)
    assert places(simulation) == {"a"}
    row = condition(simulation, key, "Distributed")
    assert row is not None
    assert row.reason == "PartlyDistributed"
    assert "wheelhouse.dev/credentials=enabled" in row.message
    found = summary(simulation, key)
    assert found["summary"] == "1/3"
    assert {each["namespace"]: each["reason"] for each in found["failed"]} == {
        "absent": "NotOptedIn",
        "closed": "NotOptedIn",
    }
    join(simulation, "closed", "absent")
    await simulation.run(30)
    assert reason(simulation, key) == "Ready"
    assert places(simulation) == {"a", "closed", "absent"}


async def test_a_selector_that_matches_nothing_is_in_place() -> None:
    """Nothing is missing, so the access is Ready, and the message says that there is no Secret."""
    simulation = await owners()
    key = access(simulation, "owners", "one", subjects=PULL, secret=SHARED)
    await simulation.run(60)
    assert reason(simulation, key) == "Ready"
    row = condition(simulation, key, "Distributed")
    assert row is not None
    assert "No namespace matches" in row.message
    assert reason(simulation, key, "Verified") == "NotApplicable"
    join(simulation, "a")
    await simulation.run(30)
    assert places(simulation) == {"a"}
    assert reason(simulation, key, "Verified") == "Verified"
    simulation.fakes.cluster.put_namespace("a")
    await simulation.run(30)
    assert places(simulation) == set()
    assert reason(simulation, key) == "Ready"


@pytest.mark.parametrize("secret", [SHARED, LOCAL, {"name": "pip", "namespaces": ["a"]}])
async def test_only_the_repositorys_namespace_fans_out(secret: dict[str, Any]) -> None:
    """An access of another namespace gets no Secret and no grant elsewhere; its own Secret is not affected."""
    simulation = await owners()
    join(simulation, *TEAMS)
    key = access(simulation, "team", "one", subjects=PULL, secret=secret)
    await simulation.run(60)
    assert reason(simulation, key) == "FanOutNotAllowed"
    assert reason(simulation, key, "Stalled") == "FanOutNotAllowed"
    assert places(simulation) == set()
    assert members(simulation) == {"team/pull"}
    edit(simulation, key, secret=secret | {"namespaces": ["a", "team"]})
    await simulation.run(60)
    assert reason(simulation, key) == "FanOutNotAllowed"
    assert places(simulation) == {"team"}
    edit(simulation, key, secret={"name": "pip", "namespaces": ["team"]})
    await simulation.run(60)
    assert reason(simulation, key) == "Ready"


async def test_a_shared_identity_needs_the_opt_in_of_its_own_namespace() -> None:
    """Without it all Secrets are removed, and they are back with it."""
    simulation, key = await fan_out(*TEAMS)
    simulation.fakes.cluster.put_namespace("owners", projects="acme-packages")
    await simulation.run(30)
    assert places(simulation) == set()
    assert reason(simulation, key, "Distributed") == "NotOptedIn"
    simulation.fakes.cluster.put_namespace("owners", projects="acme-packages", opted_in=True)
    await simulation.run(60)
    assert places(simulation) == set(TEAMS)
    assert reason(simulation, key) == "Ready"


async def test_a_missing_service_account_costs_the_others_nothing() -> None:
    """Its namespace is listed as failed, and gets its Secret when the ServiceAccount is created."""
    simulation = await owners()
    join(simulation, "a", "b")
    join(simulation, "c", account=False)
    key = access(simulation, "owners", "one", subjects=PULL, secret=LOCAL)
    await simulation.run(60)
    assert places(simulation) == {"a", "b"}
    assert reason(simulation, key, "Distributed") == "PartlyDistributed"
    assert summary(simulation, key)["failed"] == [{"namespace": "c", "reason": "ServiceAccountNotFound"}]
    simulation.boot()
    simulation.fakes.calls.clear()
    await simulation.run(120)
    assert mints(simulation) == 0
    simulation.fakes.cluster.service_accounts.add(("c", "pull"))
    await simulation.run(120)
    assert places(simulation) == set(TEAMS)
    assert reason(simulation, key) == "Ready"


async def test_the_identity_moves_without_a_gap() -> None:
    """From a shared identity to the namespaces' own and back: no Secret is ever without a token."""
    simulation, key = await fan_out(*TEAMS)
    for wanted, whose in ((LOCAL, set(TEAMS)), (SHARED, {"owners"})):
        edit(simulation, key, secret=wanted)
        await simulation.run(60)
        minted = simulation.fakes.tokens.minted
        assert {minted[token(simulation, each)][0].namespace for each in TEAMS} == whose
        assert reason(simulation, key) == "Ready"
    assert not [change for change in simulation.fakes.calls.changes if change.startswith("delete secret")]


async def test_suspend_adds_and_removes_no_secret() -> None:
    """Tokens are refreshed, and a namespace that opts out loses its Secret all the same."""
    simulation, key = await fan_out(*TEAMS, secret=LOCAL)
    edit(simulation, key, suspend=True)
    join(simulation, "d")
    simulation.fakes.cluster.put_namespace("a", opted_in=True)
    simulation.fakes.cluster.put_namespace("b", tier="app")
    await simulation.run(HOUR)
    assert places(simulation) == {"a", "c"}
    assert left(simulation, "a") > HOUR / 3
    edit(simulation, key, suspend=False)
    await simulation.run(60)
    assert places(simulation) == {"c", "d"}
    assert "a/pull" not in grants(simulation, key)


async def test_everything_goes_with_the_access() -> None:
    """No Secret and no grant is left in any namespace."""
    simulation, key = await fan_out(*TEAMS, secret=LOCAL)
    simulation.fakes.cluster.delete(Kind.ACCESS, key)
    await simulation.run(30)
    assert simulation.fakes.cluster.objects.get((Kind.ACCESS, key)) is None
    assert simulation.fakes.cluster.secrets == {}
    assert members(simulation) == set()


# What it costs


async def test_what_a_fan_out_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    """40 Secrets: one mint, one apply each, rendered once, and a status write before the first and after the last."""
    rendered: list[object] = []
    render = rendering.render
    monkeypatch.setattr(rendering, "render", lambda *wish: (rendered.append(wish), render(*wish))[1])
    simulation = await owners()
    teams = [f"n{number:02d}" for number in range(40)]
    join(simulation, *teams)
    simulation.fakes.calls.clear()
    key = access(simulation, "owners", "one", subjects=PULL, secret=SHARED)
    await simulation.run(30)
    assert reason(simulation, key) == "Ready"
    calls = simulation.fakes.calls.count()
    assert calls["tokens.mint"] == calls["index.probe"] == 1
    assert calls["secrets.apply"] == len(teams)
    log = simulation.fakes.calls.log
    assert len([call for call in log if call.name == "objects.write_status" and call.args[0] is Kind.ACCESS]) == 2
    assert len(rendered) == 1
    # A refresh: nothing is recorded, and the new times are written once.
    simulation.fakes.calls.clear()
    await simulation.run(HOUR * 0.55)
    calls = simulation.fakes.calls.count()
    writes = [call for call in simulation.fakes.calls.log if asked_data(call)]
    assert calls["tokens.mint"] == 1
    assert len(writes) == len(teams)
    assert calls["objects.write_status"] <= 2
    assert len(rendered) == 2


async def test_namespaces_that_come_together_are_recorded_together() -> None:
    """Ten new namespaces cost two status writes: the ledger before the first Secret, and the report."""
    simulation, key = await fan_out(*TEAMS)
    simulation.fakes.calls.clear()
    join(simulation, *(f"n{number}" for number in range(10)))
    await simulation.run(30)
    assert summary(simulation, key)["summary"] == "13/13"
    calls = simulation.fakes.calls.count()
    assert calls["objects.write_status"] == 2
    assert len([call for call in simulation.fakes.calls.log if asked_data(call)]) == 10


async def test_a_restart_mints_and_writes_nothing() -> None:
    """All Secrets are as status says."""
    for wanted in (SHARED, LOCAL):
        simulation, key = await fan_out(*TEAMS, secret=wanted)
        simulation.boot()
        simulation.fakes.calls.clear()
        await simulation.run(300)
        assert reason(simulation, key) == "Ready"
        assert mints(simulation) == 0
        assert simulation.fakes.calls.changes == []


async def test_a_new_namespace_overtakes_a_refresh() -> None:
    """While all Secrets are updated, a namespace that comes has its Secret before most of the others."""
    teams = [f"n{number:02d}" for number in range(40)]
    simulation, key = await fan_out(*teams)
    written: list[str] = []

    def note(call: PortCall) -> None:
        if asked_data(call):
            written.append(call.args[0].namespace)
            if len(written) == 5:
                join(simulation, "late")
            simulation.fakes.clock.advance(0.05)

    await simulation.run(100)
    simulation.fakes.calls.before = note
    body = simulation.fakes.cluster.objects[Kind.ACCESS, key]
    simulation.fakes.cluster.put(Kind.ACCESS, key, body["spec"], annotations={REQUESTED_ANNOTATION: "now"})
    await simulation.run(50)
    assert len(written) == len(teams) + 1
    assert written.index("late") < 15
    assert token(simulation, "late") == token(simulation, "n39")


async def test_a_crash_between_ledger_and_secret_is_found_soon() -> None:
    """The ledger names a namespace that has no Secret yet: the sweep sees it, and no other Secret is written."""
    simulation, key = await fan_out(*TEAMS)
    join(simulation, "d")
    fail(simulation, "secrets.apply", REFUSED, lambda call: asked_data(call) and call.args[0].namespace == "d")
    while "d" not in summary(simulation, key)["namespaces"]:
        await simulation.step() or simulation.fakes.queue.skip()
    simulation.boot()
    heal(simulation)
    simulation.fakes.calls.clear()
    await simulation.run(30)
    assert places(simulation) == {*TEAMS, "d"}
    assert reason(simulation, key) == "Ready"


async def test_ten_failures_are_listed_and_the_message_is_stable() -> None:
    """Thirteen namespaces fail, one after another: status names ten, and is not written for each of them."""
    teams = [f"n{number:02d}" for number in range(20)]
    simulation, key = await fan_out(*teams)
    fail(simulation, "secrets.apply", REFUSED, lambda call: asked_data(call) and call.args[0].namespace >= "n07")
    simulation.fakes.calls.clear()
    await simulation.run(HOUR * 0.55)
    assert reason(simulation, key) == "PartlyDistributed"
    found = summary(simulation, key)
    assert found["summary"] == "7/20"
    assert len(found["failed"]) == 10
    assert simulation.fakes.calls.count()["objects.write_status"] <= 4
    assert all(secret(simulation, each).data for each in teams)
    heal(simulation)
    await simulation.run(180)
    assert reason(simulation, key) == "Ready"


async def test_a_pass_parses_no_status() -> None:
    """A pass for one of many Secrets costs the same for any number of them."""
    simulation, key = await fan_out(*TEAMS)
    declared = simulation.cache.access(key)
    assert declared is not None
    stored = type(declared.stored)
    parsed: list[object] = []
    status = stored.status
    try:
        stored.status = property(lambda self: (parsed.append(self), status.fget(self))[1])  # type: ignore[assignment, misc, union-attr, method-assign] # counts reads
        await simulation.loop.reconcile(SecretKey(key, "a"))
    finally:
        stored.status = status  # type: ignore[method-assign] # restored
    assert parsed == []


async def test_a_selector_alone_selects_all_that_opted_in() -> None:
    """An empty selector matches every namespace with the label, and no other."""
    simulation, _ = await fan_out("a", secret=SHARED | {"namespaceSelector": {}})
    simulation.fakes.cluster.put_namespace("closed", tier="app")
    await simulation.run(30)
    assert places(simulation) == {"a", "owners", "team"}


async def test_a_single_name_that_has_not_opted_in_is_reported() -> None:
    """No namespace gets a Secret, so the reason is that of the one namespace."""
    simulation = await owners()
    simulation.fakes.cluster.put_namespace("closed")
    wanted = {"name": "pip", "namespaces": ["closed"], "identityFrom": "AccessNamespace"}
    key = access(simulation, "owners", "one", subjects=PULL, secret=wanted)
    await simulation.run(60)
    assert reason(simulation, key) == "NotOptedIn"
    assert reason(simulation, key, "Stalled") == "NotOptedIn"


async def test_a_failure_ends_with_the_wish_for_the_secret() -> None:
    """A namespace that never had its Secret is no longer selected: nothing is reported about it."""
    simulation = await owners()
    join(simulation, "a")
    join(simulation, "b", account=False)
    key = access(simulation, "owners", "one", subjects=PULL, secret={"name": "pip", "namespaces": ["a"]})
    await simulation.run(60)
    edit(simulation, key, secret={"name": "pip", "namespaces": ["a", "b"]})
    await simulation.run(60)
    assert reason(simulation, key) == "PartlyDistributed"
    edit(simulation, key, secret={"name": "pip", "namespaces": ["a"]})
    await simulation.run(60)
    assert reason(simulation, key) == "Ready"
    assert "failed" not in summary(simulation, key)


async def test_a_removal_forgets_no_secret_that_is_recorded_meanwhile() -> None:
    """While the Secret of one namespace is deleted, another namespace gets into the ledger, and stays in it."""
    simulation, key = await fan_out("a", secret={"name": "pip", "namespaces": ["a"]})
    join(simulation, "b")
    ledgers: list[list[str]] = []

    def selected(call: PortCall) -> None:
        if call.name == "objects.write_status" and "a" not in places(simulation):
            ledgers.append(call.args[2].get("secret", {}).get("namespaces", []))
        if call.name == "secrets.delete":
            stored = simulation.fakes.cache.access(key)
            assert stored is not None
            found = simulation.loop._findings
            found.note_distribution(stored.stored, namespaces=("a", "b"))

    simulation.fakes.calls.before = selected
    edit(simulation, key, secret={"name": "pip", "namespaces": ["b"]})
    await simulation.run(1)
    await simulation.run(60)
    assert ledgers
    assert all("b" in ledger for ledger in ledgers)
    assert places(simulation) == {"b"}


async def test_the_own_identity_gets_into_no_other_namespace_unasked() -> None:
    """The spec no longer shares the identity, and the new grants take long: a new namespace waits for its own."""
    simulation, key = await fan_out("a")
    fail(simulation, "policies.set", Unavailable("503"))
    edit(simulation, key, secret=LOCAL)
    join(simulation, "b")
    await simulation.run(60)
    assert places(simulation) == {"a"}
    heal(simulation)
    await simulation.run(120)
    assert simulation.fakes.tokens.minted[token(simulation, "b")][0].namespace == "b"


async def test_new_places_are_not_ready_before_their_secrets() -> None:
    """The Secrets that exist have the desired content, but the spec now wants more of them."""
    simulation = await owners()
    join(simulation, "a", "b")
    key = access(simulation, "owners", "one", subjects=PULL, secret={"name": "pip"})
    await simulation.run(60)
    assert reason(simulation, key) == "Ready"
    access(simulation, "owners", "one", subjects=PULL, secret=SHARED)
    simulation.watch()
    await simulation.loop.reconcile(AccessKey(key))
    row = condition(simulation, key, "Ready")
    assert row is not None
    assert (row.reason, row.generation) != ("Ready", 2)
    await simulation.run(30)
    assert reason(simulation, key) == "Ready"
    assert places(simulation) == {"a", "b"}


async def test_a_namespace_that_matches_again_at_once_counts() -> None:
    """Its Secret is looked at again, although the access has not noticed that the label was gone."""
    simulation, key = await fan_out("x", "y")
    await simulation.run(5)
    for labels in ({}, {"tier": "app"}):
        simulation.fakes.cluster.put_namespace("y", opted_in=True, **labels)
        simulation.watch()
        if not labels:
            await simulation.loop.reconcile(SecretKey(key, "x"))
    await simulation.run(5)
    assert reason(simulation, key) == "Ready"
    assert summary(simulation, key)["current"] == 2
