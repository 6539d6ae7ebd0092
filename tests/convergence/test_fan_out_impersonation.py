"""Secrets of many namespaces, and ServiceAccounts that act as Google service accounts."""

from typing import Any

import pytest
from convergence.fan_out_scenes import LOCAL, SHARED, fan_out, join, places, summary
from convergence.scenes import PULL, access, condition, members, owners, reason
from convergence.secret_scenes import HOUR, edit, mints
from convergence.secret_scenes import token as token_in
from convergence.test_impersonation import OTHER, OUTSIDE, OWN, acting, annotate, member
from convergence.test_trust import forge

from wheelhouse.domain.objects import Kind

TEAMS = ("a", "b")
ACTING = {"identity": "owners/pull", "googleServiceAccount": OWN}


async def test_one_identity_acts_as_its_google_service_account_in_all_namespaces() -> None:
    """AccessNamespace: one grant, and one token in both Secrets, also after a refresh and a restart."""
    simulation = await owners()
    annotate(simulation, OWN)
    join(simulation, *TEAMS)
    key = access(simulation, "owners", "one", subjects=PULL, secret=SHARED)
    await simulation.run(60)
    assert reason(simulation, key) == "Ready"
    assert members(simulation) == {member(OWN)}
    assert [acting(simulation, team) for team in TEAMS] == [OWN, OWN]
    assert mints(simulation) == 1
    assert summary(simulation, key).items() >= ACTING.items()
    simulation.boot()
    await simulation.run(HOUR * 0.6)
    assert [acting(simulation, team) for team in TEAMS] == [OWN, OWN]
    assert members(simulation) == {member(OWN)}


async def test_a_changed_annotation_reaches_all_namespaces() -> None:
    """The remembered decision about a fan-out does not survive the annotation that it was made for."""
    simulation, key = await fan_out(*TEAMS, secret=SHARED)
    assert members(simulation) == {"owners/pull"}
    for email in (OWN, OTHER):
        annotate(simulation, email)
        await simulation.run(60)
        assert members(simulation) == {member(email)}
        assert [acting(simulation, team) for team in TEAMS] == [email, email]
    annotate(simulation, OUTSIDE)
    await simulation.run(60)
    row = condition(simulation, key, "Granted")
    assert row is not None
    assert row.reason == "SubjectNotPermitted"
    assert member(OUTSIDE) not in members(simulation)


async def test_each_serviceaccount_of_a_fan_out_acts_as_itself() -> None:
    """TargetNamespace: annotations in the access's namespace and in the others are not followed."""
    simulation = await owners()
    join(simulation, *TEAMS)
    for namespace in ("owners", *TEAMS):
        annotate(simulation, OWN, namespace)
    key = access(simulation, "owners", "one", subjects=PULL, secret={**LOCAL, "namespaces": ["owners"]})
    await simulation.run(60)
    assert reason(simulation, key) == "Ready"
    assert members(simulation) == {"owners/pull", "a/pull", "b/pull"}
    assert [acting(simulation, each) for each in ("owners", *TEAMS)] == ["", "", ""]
    assert "googleServiceAccount" not in summary(simulation, key)


async def test_no_namespace_needs_no_token_of_the_google_service_account() -> None:
    """A selector that matches nothing: nothing waits for a token that no Secret needs, until a namespace comes."""
    simulation = await owners()
    annotate(simulation, OWN)
    key = access(simulation, "owners", "one", subjects=PULL, secret=SHARED)
    await simulation.run(60)
    assert reason(simulation, key) == "Ready"
    assert (members(simulation), mints(simulation)) == ({"owners/pull"}, 0)
    join(simulation, "a")
    await simulation.run(60)
    assert members(simulation) == {member(OWN)}
    assert acting(simulation, "a") == OWN


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("suspend", [False, True])
async def test_a_forged_google_service_account_reaches_no_secret_of_a_fan_out(restart: bool, suspend: bool) -> None:
    """Status names an account that has a grant, and that the namespaces permit: no token of it is ever minted."""
    subjects: list[dict[str, Any]] = [*PULL, {"kind": "GoogleServiceAccount", "name": OWN}]
    simulation = await owners()
    join(simulation, *TEAMS)
    for team in TEAMS:
        simulation.fakes.cluster.put_namespace(team, opted_in=True, tier="app", projects="acme-packages")
    for namespace in ("owners", *TEAMS):
        annotate(simulation, OWN, namespace)
    key = access(simulation, "owners", "one", subjects=subjects, secret=LOCAL)
    await simulation.run(60)
    assert reason(simulation, key) == "Ready"
    if suspend:
        edit(simulation, key, suspend=True)
        await simulation.run(30)
    forge(simulation, Kind.ACCESS, key, secret={**summary(simulation, key), **ACTING, "identity": "a/pull"})
    if restart:
        simulation.boot()
    await simulation.run(HOUR * 0.6)
    assert places(simulation) == set(TEAMS)
    assert OWN not in simulation.fakes.tokens.acting.values()
    assert all(token_in(simulation, team) for team in TEAMS)
