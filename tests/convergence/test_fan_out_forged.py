"""Fan-outs whose status another client wrote, or that wait while the spec changes: status alone gives nothing."""

from typing import Any

import pytest
from convergence.fan_out_scenes import LOCAL, SHARED, fan_out, join, places, summary
from convergence.scenes import PULL, access, living_token, members, owners, reason
from convergence.secret_scenes import HOUR, REFUSED, asked_data, edit, fail, heal, left, mints, secret, token
from convergence.simulation import Simulation
from convergence.test_impersonation import OTHER, OWN, acting, annotate
from convergence.test_secret_forms import ANNOTATION
from convergence.test_trust import forge
from fakes.calls import PortCall

from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.objects import Kind
from wheelhouse.errors import Refused, Unavailable, WheelhouseError
from wheelhouse.plan.places import LIMIT

TEAMS = ("a", "b", "c")


def identities(simulation: Simulation) -> dict[str, str]:
    """Whose token each Secret has."""
    minted = simulation.fakes.tokens.minted
    return {team: str(minted[token(simulation, team)][0]) for team in TEAMS}


def form(simulation: Simulation, team: str) -> str:
    """Where a Secret has the token. Others may have written its annotation."""
    return "URL" if token(simulation, team) in secret(simulation, team).data["pip.conf"] else "Netrc"


async def test_a_forged_google_service_account_reaches_no_secret_of_a_suspended_fan_out() -> None:
    """TargetNamespace: the account has a grant, the namespace permits it, and no other pass corrects the status."""
    subjects: list[dict[str, Any]] = [*PULL, {"kind": "GoogleServiceAccount", "name": OWN}]
    simulation = await owners()
    join(simulation, "a")
    simulation.fakes.cluster.put_namespace("a", opted_in=True, tier="app", projects="acme-packages")
    annotate(simulation, OWN, "a")
    key = access(simulation, "owners", "one", subjects=subjects, secret=LOCAL)
    await simulation.run(60)
    edit(simulation, key, suspend=True)
    await simulation.run(30)
    forged = {"identity": "a/pull", "googleServiceAccount": OWN}
    forge(simulation, Kind.ACCESS, key, secret={**summary(simulation, key), **forged})
    simulation.boot()
    await simulation.run(HOUR * 0.6)
    assert OWN not in simulation.fakes.tokens.acting.values()
    assert left(simulation, "a") > HOUR / 3


@pytest.mark.parametrize("wish", [SHARED, LOCAL])
@pytest.mark.parametrize("identity", ["a/pull", "*/push", "*/pull", "evil/x", "owners/push", "junk"])
@pytest.mark.parametrize("restart", [False, True])
async def test_a_forged_identity_is_corrected_while_the_fan_out_is_suspended(
    wish: dict[str, Any], identity: str, restart: bool
) -> None:
    """Each Secret keeps a living token of its own identity, and status names that one again."""
    simulation, key = await fan_out(*TEAMS, secret=wish)
    right, before = summary(simulation, key)["identity"], identities(simulation)
    edit(simulation, key, suspend=True)
    await simulation.run(30)
    forge(simulation, Kind.ACCESS, key, secret={**summary(simulation, key), "identity": identity})
    if restart:
        simulation.boot()
    await simulation.run(HOUR * 0.6)
    assert (summary(simulation, key)["identity"], identities(simulation)) == (right, before)
    assert all(left(simulation, team) > HOUR / 3 for team in TEAMS)


@pytest.mark.parametrize(("before", "after"), [(LOCAL, SHARED), (SHARED, LOCAL)])
@pytest.mark.parametrize("restart", [False, True])
async def test_a_suspended_fan_out_keeps_its_identities(
    before: dict[str, Any], after: dict[str, Any], restart: bool
) -> None:
    """A changed `identityFrom` waits as well: no namespace gets the token of another one."""
    simulation, key = await fan_out(*TEAMS, secret=before)
    recorded, whose = summary(simulation, key)["identity"], identities(simulation)
    edit(simulation, key, suspend=True, secret=after)
    await simulation.run(30)
    if restart:
        simulation.boot()
    await simulation.run(HOUR * 0.6)
    assert (summary(simulation, key)["identity"], identities(simulation)) == (recorded, whose)
    assert all(left(simulation, team) > HOUR / 3 for team in TEAMS)


@pytest.mark.parametrize("wish", [SHARED, LOCAL])
async def test_a_restart_with_a_broken_spec_keeps_the_identities(wish: dict[str, Any]) -> None:
    """Only status says then whose tokens the Secrets have."""
    simulation, key = await fan_out(*TEAMS, secret=wish)
    recorded, whose = summary(simulation, key)["identity"], identities(simulation)
    edit(simulation, key, role="Emperor")
    await simulation.run(30)
    simulation.boot()
    await simulation.run(HOUR * 0.6)
    assert (summary(simulation, key)["identity"], identities(simulation)) == (recorded, whose)
    assert all(left(simulation, team) > HOUR / 3 for team in TEAMS)


@pytest.mark.parametrize("wish", [SHARED, LOCAL])
@pytest.mark.parametrize("frozen", [{"suspend": True}, {"role": "Emperor"}])
@pytest.mark.parametrize("restart", [False, True])
async def test_a_forged_ledger_makes_no_secret(wish: dict[str, Any], frozen: dict[str, Any], restart: bool) -> None:
    """Status names namespaces that opted in and that the spec does not select; the Secret that exists in one stays."""
    simulation, key = await fan_out("a", "b", secret=wish)
    forged = [f"other-{number}" for number in range(20)]
    for name in forged[:10]:
        simulation.fakes.cluster.put_namespace(name, opted_in=True)
        simulation.fakes.cluster.service_accounts.add((name, "pull"))
    edit(simulation, key, **frozen)
    simulation.fakes.cluster.put_namespace("b", opted_in=True)  # Not selected any more, but its Secret stays.
    await simulation.run(30)
    found = summary(simulation, key)
    forge(simulation, Kind.ACCESS, key, secret={**found, "namespaces": ["a", "b", *forged], "current": 22})
    if restart:
        simulation.boot()
    simulation.fakes.calls.clear()
    await simulation.run(50)
    assert simulation.fakes.calls.count()["secrets.apply"] <= 3 * len(forged) + 4
    await simulation.run(HOUR)
    assert places(simulation) == {"a", "b"}
    assert (summary(simulation, key)["namespaces"], summary(simulation, key)["summary"]) == (["a", "b"], "2/2")
    assert all(left(simulation, team) > HOUR / 3 for team in ("a", "b"))


async def test_a_forged_ledger_of_the_largest_size_removes_nothing() -> None:
    """One dry run for each name, two status writes at most, and the Secrets of another access stay."""
    simulation, _ = await fan_out("a", "b")
    mine = access(simulation, "team", "mine", subjects=PULL, secret={"name": "pip"})
    await simulation.run(30)
    names = [*(f"n{number}" for number in range(LIMIT - 3)), "a", "b", "team"]
    forge(simulation, Kind.ACCESS, mine, secret={**summary(simulation, mine), "namespaces": names})
    simulation.boot()
    simulation.fakes.calls.clear()
    await simulation.run(120, limit=3 * LIMIT)
    calls = simulation.fakes.calls.count()
    assert calls["secrets.apply"] <= LIMIT + 10
    assert calls["objects.write_status"] <= 2
    assert places(simulation) == {"a", "b", "team"}
    assert summary(simulation, mine)["namespaces"] == ["team"]
    assert reason(simulation, mine) == "Ready"


async def test_a_label_that_flaps_ends_as_it_is() -> None:
    """Sixty changes in 18 seconds: no more than one write and one removal for each, and the Secret is there at last."""
    simulation, key = await fan_out("a", "b")
    simulation.fakes.calls.clear()
    for number in range(60):
        labels = {"tier": "app"} if number % 2 else {}
        simulation.fakes.cluster.put_namespace("a", opted_in=True, **labels)
        await simulation.run(0.3)
    await simulation.run(30)
    assert places(simulation) == {"a", "b"}
    assert reason(simulation, key) == "Ready"
    calls = simulation.fakes.calls.count()
    assert calls["secrets.delete"] <= 30
    assert calls["secrets.apply"] <= 62
    assert calls["tokens.mint"] <= 1


async def test_a_selector_of_everything_spares_namespaces_that_have_not_opted_in() -> None:
    """The cluster's own namespaces get no Secret, no request, and are no failure."""
    everything = {"matchExpressions": [{"key": "absent", "operator": "DoesNotExist"}]}
    simulation, key = await fan_out("a", secret=SHARED | {"namespaceSelector": everything})
    simulation.fakes.calls.clear()
    system = {"kube-system", "kube-public", "default", "wheelhouse-system"}
    for name in system:
        simulation.fakes.cluster.put_namespace(name)
    await simulation.run(120)
    assert places(simulation) == {"a", "owners", "team"}
    assert reason(simulation, key) == "Ready"
    asked = {call.args[0].namespace for call in simulation.fakes.calls.log if call.name == "secrets.apply"}
    assert asked == {"a", "owners", "team"}


async def test_a_namespace_that_terminates_during_a_removal_holds_up_nothing() -> None:
    """The API server refuses the check of its Secret, or the deletion: the ledger loses it, and the release ends."""
    simulation, key = await fan_out(*TEAMS)

    def terminates(call: PortCall) -> None:
        if call.name == "secrets.delete" and call.args[0] == "b":
            del simulation.fakes.cluster.secrets["b", "pip"]
            simulation.fakes.cluster.put_namespace("b", opted_in=True, deleting=True, tier="app")

    simulation.fakes.calls.before = terminates
    simulation.fakes.cluster.delete(Kind.ACCESS, key)
    await simulation.run(60)
    assert (Kind.ACCESS, key) not in simulation.fakes.cluster.objects
    assert places(simulation) == set()
    assert members(simulation) == set()


# Restarts


@pytest.mark.parametrize("steps", range(8))
@pytest.mark.parametrize("recorded", [False, True])
async def test_a_restart_during_a_changed_annotation_leaves_no_earlier_token(steps: int, recorded: bool) -> None:
    """One namespace has not opted in, so that the access was and stays PartlyDistributed."""
    teams = [f"n{number}" for number in range(5)]
    simulation = await owners()
    annotate(simulation, OWN)
    join(simulation, *teams)
    key = access(simulation, "owners", "one", subjects=PULL, secret=SHARED | {"namespaces": ["closed"]})
    await simulation.run(90)
    assert reason(simulation, key) == "PartlyDistributed"
    annotate(simulation, OTHER)
    while not any(acting(simulation, team) == OTHER for team in teams):
        await simulation.step() or simulation.fakes.queue.skip()
    for _ in range(steps):
        await simulation.step() or simulation.fakes.queue.skip()
    if recorded:  # As any other pass of the access may do now.
        await simulation.loop._accesses._ledger.record(Kind.ACCESS, key)
    simulation.boot()
    await simulation.run(120)
    assert [acting(simulation, team) for team in teams] == [OTHER] * len(teams)
    assert reason(simulation, key) == "PartlyDistributed"


async def test_no_status_counts_secrets_without_the_identity_that_it_names() -> None:
    """Any pass may write the status just after the first Secret with the new identity was written."""
    simulation, key = await fan_out(*TEAMS)
    counts: list[int] = []

    def verifies(call: PortCall) -> None:
        stored = simulation.cache.access(key)
        if call.name == "index.probe" and stored is not None:
            found = simulation.loop._findings.distribution(stored.stored)
            counts.extend([found.current] if found.acting == OWN else [])

    simulation.fakes.calls.before = verifies
    annotate(simulation, OWN)
    await simulation.run(60)
    assert counts
    assert counts[0] == 0
    assert summary(simulation, key)["current"] == len(TEAMS)


@pytest.mark.parametrize("wish", [SHARED, LOCAL])
async def test_a_restart_mints_nothing_for_a_namespace_that_has_not_opted_in(wish: dict[str, Any]) -> None:
    """Its failure is found first: neither the others nor status pay for it."""
    simulation = await owners()
    if wish is SHARED:
        annotate(simulation, OWN)
    join(simulation, *TEAMS)
    key = access(simulation, "owners", "one", subjects=PULL, secret=wish | {"namespaces": ["closed"]})
    await simulation.run(90)
    assert reason(simulation, key) == "PartlyDistributed"
    simulation.boot()
    simulation.fakes.calls.clear()
    await simulation.run(300)
    assert mints(simulation) == 0
    assert simulation.fakes.calls.changes == []


# A lost status


async def lost(made: str, *names: str) -> tuple[Simulation, ObjectKey]:
    """A fan-out whose form is not in its spec, and whose status is lost while no operator runs."""
    simulation, key = await fan_out(*names, secret=SHARED | {"authentication": made})
    edit(simulation, key, secret=SHARED)
    await simulation.run(30)
    simulation.fakes.cluster.objects[Kind.ACCESS, key]["status"] = {"observedGeneration": -1}
    return simulation, key


@pytest.mark.parametrize(("made", "other"), [("Netrc", "URL"), ("URL", "Netrc")])
async def test_one_namespace_does_not_decide_the_form_of_all(made: str, other: str) -> None:
    """The first of five namespaces edited its Secret, as its tenant may: the form of the others counts."""
    simulation, _ = await lost(made, "a", "b", "c", "d", "e")
    text = None if other == "URL" else other
    secret(simulation, "a").edit("kubectl-edit", {ANNOTATION: text})
    simulation.boot()
    simulation.fakes.calls.clear()
    await simulation.run(20)
    assert simulation.fakes.calls.count()["secrets.apply"] <= 2 * 5 + 5
    await simulation.run(HOUR)
    assert [form(simulation, team) for team in "abcde"] == [made] * 5


@pytest.mark.parametrize("made", ["Netrc", "URL"])
async def test_a_namespace_without_a_secret_decides_no_form(made: str) -> None:
    """Its Secret was deleted while no operator ran."""
    simulation, _ = await lost(made, "a", "b")
    del simulation.fakes.cluster.secrets["a", "pip"]
    simulation.boot()
    await simulation.run(HOUR)
    assert (form(simulation, "a"), form(simulation, "b")) == (made, made)


@pytest.mark.parametrize("made", ["Netrc", "URL"])
async def test_the_own_namespace_decides_the_form(made: str) -> None:
    """Nobody in the other namespaces can edit that Secret."""
    simulation, key = await lost(made, "a", "b", "c")
    simulation.fakes.cluster.put_namespace("owners", projects="acme-packages", opted_in=True, tier="app")
    simulation.boot()
    await simulation.run(120)
    assert form(simulation, "owners") == made
    simulation.fakes.cluster.objects[Kind.ACCESS, key]["status"] = {"observedGeneration": -1}
    for team in TEAMS:
        secret(simulation, team).edit("kubectl-edit", {ANNOTATION: "Netrc" if made == "URL" else None})
    simulation.boot()
    await simulation.run(HOUR)
    assert [form(simulation, team) for team in ("owners", *TEAMS)] == [made] * 4


async def test_the_form_stays_unknown_while_no_secret_can_be_asked() -> None:
    """An outage is no answer: nothing is written before one comes."""
    simulation, _ = await lost("URL", *TEAMS)
    fail(simulation, "secrets.apply", REFUSED, lambda call: not asked_data(call))
    simulation.boot()
    await simulation.run(120)
    assert form(simulation, "a") == "URL"
    heal(simulation)
    await simulation.run(HOUR)
    assert [form(simulation, team) for team in TEAMS] == ["URL"] * 3


@pytest.mark.parametrize("trouble", [Refused("exceeded quota"), Unavailable("no answer"), "deleting"], ids=str)
async def test_the_trouble_of_one_namespace_is_no_answer_about_the_form(trouble: WheelhouseError | str) -> None:
    """Status is lost and the form is not set: the tokens in the other namespaces are refreshed all the same."""
    simulation, key = await fan_out("a", "b", "c", "d", secret=LOCAL)
    simulation.fakes.cluster.objects[Kind.ACCESS, key]["status"] = {"observedGeneration": -1}
    if isinstance(trouble, str):
        simulation.fakes.cluster.secrets["b", "pip"].deleting = True
    else:
        fail(simulation, "secrets.apply", trouble, lambda call: call.args[0].namespace == "b")
    simulation.boot()
    await simulation.run(1.5 * HOUR)
    assert all(living_token(simulation, name) for name in "acd")
