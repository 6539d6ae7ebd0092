"""Secrets are refreshed as long as their grant exists, and removed when consent is withdrawn."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from convergence.scenes import NAME, PULL, WHEELS, access, living_token, members, owners, reason, wheels
from convergence.secret_scenes import HOUR, REFUSED, SECRET, distributed, edit, fail, heal, left, mints, secret, token
from convergence.simulation import Simulation
from fakes.calls import PortCall

from wheelhouse.domain.keys import SecretKey
from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.objects import Kind
from wheelhouse.errors import Invalid, Unavailable

# Refresh


async def test_a_token_is_replaced_at_half_its_life() -> None:
    """One mint, one write and one status write per half hour; the Secret always has half a lifetime left."""
    simulation, _ = await distributed()
    simulation.fakes.calls.clear()
    for _ in range(48):
        await simulation.run(300)
        assert left(simulation) >= HOUR / 2 - 1
    assert mints(simulation) == 8
    changes = simulation.fakes.calls.changes
    assert changes.count("update secret owners/pip") == 8
    assert changes.count("status owners/one") == 8


async def test_all_secrets_of_an_identity_share_a_token() -> None:
    """A second access of one ServiceAccount mints nothing while the token is fresh; one mint refreshes both."""
    simulation, _ = await distributed()
    access(simulation, "owners", "two", subjects=PULL, secret={"name": "other"})
    await simulation.run(30)
    assert token(simulation) == token(simulation, name="other")
    assert mints(simulation) == 1
    await simulation.run(2000)
    assert token(simulation) == token(simulation, name="other")
    assert mints(simulation) == 2


async def test_a_new_secret_gets_no_token_that_is_half_used_up() -> None:
    """A Secret that is added after a quarter of the token's lifetime gets a new one, and so do the others."""
    simulation, _ = await distributed()
    await simulation.run(1000)
    access(simulation, "owners", "two", subjects=PULL, secret={"name": "other"})
    await simulation.run(30)
    assert mints(simulation) == 2
    assert left(simulation, name="other") > HOUR - 60
    assert token(simulation) == token(simulation, name="other")


async def test_no_token_is_replaced_by_one_that_ends_earlier() -> None:
    """Google issues five minutes instead of an hour: the Secret keeps its token until the new ones live as long."""
    simulation, key = await distributed()
    simulation.fakes.tokens.lifetime = timedelta(minutes=5)
    before = left(simulation)
    for _ in range(120):
        await simulation.run(30)
        now = left(simulation)
        assert now > 0
        assert now >= before - 30 - 61
        before = now
    assert mints(simulation) < 40
    assert reason(simulation, key) == "Ready"


@pytest.mark.parametrize("life", [timedelta(0), timedelta(microseconds=1), timedelta(seconds=1), timedelta(seconds=20)])
async def test_tokens_that_hardly_live_are_not_minted_in_a_loop(life: timedelta) -> None:
    """Two mints are 30 seconds apart if the token lives less than a quarter of the requested lifetime."""
    simulation = await owners()
    simulation.fakes.tokens.lifetime = life
    access(simulation, "owners", "one", subjects=PULL, secret=SECRET)
    await simulation.run(600)
    assert mints(simulation) <= 21
    assert simulation.fakes.calls.count()["secrets.apply"] <= 60


async def refused_role(simulation: Simulation, key: ObjectKey) -> None:
    fail(simulation, "policies.set", REFUSED)
    edit(simulation, key, role="Writer")


async def malformed(simulation: Simulation, key: ObjectKey) -> None:
    edit(simulation, key, role="Emperor")


async def from_a_newer_version(simulation: Simulation, key: ObjectKey) -> None:
    edit(simulation, key, unknownToThisVersion=1)


async def suspended(simulation: Simulation, key: ObjectKey) -> None:
    edit(simulation, key, suspend=True)


async def suspended_and_changed(simulation: Simulation, key: ObjectKey) -> None:
    edit(simulation, key, suspend=True, role="Writer", secret={"name": "pip", "serviceAccountName": "push"})


async def held_up(simulation: Simulation, key: ObjectKey) -> None:
    simulation.fakes.google.filled.add(NAME.full)
    simulation.fakes.cluster.put(Kind.REPOSITORY, WHEELS, wheels(deletionPolicy="DeleteIfEmpty"))
    simulation.fakes.cluster.delete(Kind.REPOSITORY, WHEELS)


async def malformed_repository(simulation: Simulation, key: ObjectKey) -> None:
    simulation.fakes.cluster.put(Kind.REPOSITORY, WHEELS, wheels(location=7))


async def google_is_down(simulation: Simulation, key: ObjectKey) -> None:
    def before(call: PortCall) -> None:
        if call.name.startswith(("repositories.", "policies.", "projects.")):
            raise Unavailable("Google answered 503.")

    simulation.fakes.calls.before = before


async def unwritable_status(simulation: Simulation, key: ObjectKey) -> None:
    fail(simulation, "objects.write_status", Invalid("status: too long"))


Trouble = Callable[[Simulation, ObjectKey], Awaitable[None]]


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize(
    "trouble",
    [
        refused_role,
        malformed,
        from_a_newer_version,
        suspended,
        suspended_and_changed,
        held_up,
        malformed_repository,
        google_is_down,
        unwritable_status,
    ],
)
async def test_nothing_but_withdrawal_ends_refresh(trouble: Trouble, restart: bool) -> None:
    """Whatever is wrong with a spec, a repository or Google: while the grant exists its token is refreshed."""
    simulation, key = await distributed()
    await trouble(simulation, key)
    await simulation.run(60)
    if restart:
        simulation.boot()
    for _ in range(24):
        await simulation.run(300)
        assert living_token(simulation, "owners"), trouble.__name__
    assert members(simulation) == {"owners/pull"}


async def test_a_suspended_access_gets_no_new_secret() -> None:
    """Additions to a suspended access wait until it is resumed."""
    simulation = await owners()
    key = access(simulation, "owners", "one", subjects=PULL)
    await simulation.run(30)
    edit(simulation, key, suspend=True, secret=SECRET)
    await simulation.run(120)
    assert ("owners", "pip") not in simulation.fakes.cluster.secrets
    edit(simulation, key, suspend=None)
    await simulation.run(30)
    assert living_token(simulation, "owners")


async def test_a_suspended_access_keeps_its_secret_as_it_is() -> None:
    """A new name and another ServiceAccount wait, though their grants exist; the old token is refreshed."""
    both = [*PULL, {"kind": "ServiceAccount", "name": "push"}]
    wanted = {"name": "pip", "serviceAccountName": "pull"}
    simulation, key = await distributed(subjects=both, secret=wanted)
    edit(simulation, key, suspend=True, secret={"name": "other", "serviceAccountName": "push"})
    await simulation.run(2000)
    assert set(simulation.fakes.cluster.secrets) == {("owners", "pip")}
    assert left(simulation) > HOUR / 2
    assert simulation.fakes.tokens.minted[token(simulation)][0].service_account == "pull"


async def test_a_repository_that_goes_gives_no_new_secret() -> None:
    """While its release is delayed, accesses keep what they have; a Secret that is requested then is not created."""
    simulation, key = await distributed(secret=None)
    await held_up(simulation, key)
    await simulation.run(30)
    edit(simulation, key, secret=SECRET)
    await simulation.run(300)
    assert members(simulation) == {"owners/pull"}
    assert simulation.fakes.cluster.secrets == {}


async def test_a_spec_of_which_nothing_can_be_read_keeps_its_secret() -> None:
    """Not even its reference is readable: after a restart the Secret stays, though nothing can be refreshed."""
    simulation, key = await distributed()
    edit(simulation, key, repositoryRef=7)
    simulation.boot()
    await simulation.run(600)
    assert living_token(simulation, "owners")


async def test_a_changed_role_is_written_with_one_apply() -> None:
    """Reader → Writer: the Secret gets its upload URL with the same token, once the grant exists."""
    simulation, key = await distributed()
    before = token(simulation)
    edit(simulation, key, role="Writer")
    await simulation.run(30)
    assert ".pypirc" in secret(simulation).data
    assert token(simulation) == before
    edit(simulation, key, role="Reader")
    await simulation.run(30)
    assert ".pypirc" not in secret(simulation).data


# Withdrawal


async def withdraw(simulation: Simulation, key: ObjectKey) -> None:
    simulation.fakes.cluster.put(Kind.REPOSITORY, WHEELS, {"location": "us-central1"})


async def opt_out(simulation: Simulation, key: ObjectKey) -> None:
    simulation.fakes.cluster.put_namespace("team", opted_in=False)


async def drop(simulation: Simulation, key: ObjectKey) -> None:
    edit(simulation, key, secret=None)


async def delete(simulation: Simulation, key: ObjectKey) -> None:
    simulation.fakes.cluster.delete(Kind.ACCESS, key)


async def drop_while_suspended(simulation: Simulation, key: ObjectKey) -> None:
    edit(simulation, key, secret=None, suspend=True)


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("act", [withdraw, opt_out, drop, delete, drop_while_suspended])
async def test_withdrawal_removes_the_secret(act: Trouble, restart: bool) -> None:
    """Lost consent, a lost opt-in, a Secret that is no longer requested, a deleted access."""
    simulation, key = await distributed("team")
    await act(simulation, key)
    if restart:
        simulation.boot()
    await simulation.run(60)
    assert ("team", "pip") not in simulation.fakes.cluster.secrets
    body = simulation.fakes.cluster.objects.get((Kind.ACCESS, key))
    assert body is None or "secret" not in body["status"]


@pytest.mark.parametrize("error", [Invalid("a webhook says no"), REFUSED, Unavailable("503")])
async def test_a_removal_that_fails_is_tried_again(error: Exception) -> None:
    """Whatever a webhook or an outage answers to a removal, the release ends once the cause is gone."""
    simulation, key = await distributed()
    fail(simulation, "secrets.apply", error, lambda call: bool(call.kwargs.get("dry_run")))
    simulation.fakes.cluster.delete(Kind.ACCESS, key)
    await simulation.run(600)
    assert (Kind.ACCESS, key) in simulation.fakes.cluster.objects
    assert simulation.fakes.calls.count()["secrets.apply"] < 100
    heal(simulation)
    await simulation.run(120)
    assert (Kind.ACCESS, key) not in simulation.fakes.cluster.objects
    assert ("owners", "pip") not in simulation.fakes.cluster.secrets


async def test_the_secret_of_an_access_whose_finalizer_was_stripped_is_removed() -> None:
    """An access that disappears without a release leaves a Secret behind, which is still removed."""
    simulation, key = await distributed()
    stored = secret(simulation)
    simulation.fakes.cluster.put(
        Kind.ACCESS, key, simulation.fakes.cluster.objects[Kind.ACCESS, key]["spec"], finalizers=[]
    )
    stored.fields = {path: text for path, text in stored.fields.items() if "ownerReferences" not in path}
    simulation.fakes.cluster.delete(Kind.ACCESS, key)
    await simulation.run(60)
    assert ("owners", "pip") not in simulation.fakes.cluster.secrets


async def test_another_name_moves_the_secret() -> None:
    """The Secret with the old name is removed, the one with the new name is created, and status names it."""
    simulation, key = await distributed()
    edit(simulation, key, secret={"name": "other"})
    await simulation.run(30)
    assert set(simulation.fakes.cluster.secrets) == {("owners", "other")}
    assert simulation.fakes.cluster.objects[Kind.ACCESS, key]["status"]["secret"]["name"] == "other"
    assert reason(simulation, key) == "Ready"


# Fan-out


async def test_two_secrets_of_one_access_are_independent() -> None:
    """Each namespace has its own state, and one aggregate counts them: a failure in one does not affect the other."""
    both = {"name": "pip", "namespaces": ["owners", "team"], "identityFrom": "AccessNamespace"}
    simulation, key = await distributed(secret=both)
    status = simulation.fakes.cluster.objects[Kind.ACCESS, key]["status"]["secret"]
    assert status["namespaces"] == ["owners", "team"]
    assert status["summary"] == "2/2"
    assert token(simulation) == token(simulation, "team")
    fail(simulation, "secrets.apply", REFUSED, lambda call: call.args[0].namespace == "team")
    await simulation.run(2000)
    status = simulation.fakes.cluster.objects[Kind.ACCESS, key]["status"]["secret"]
    assert status["summary"] == "1/2"
    assert status["failed"] == [{"namespace": "team", "reason": "PermissionDenied"}]
    assert left(simulation) > HOUR / 2 > left(simulation, "team")
    heal(simulation)
    await simulation.run(120)
    assert reason(simulation, key) == "Ready"
    edit(simulation, key, secret=None)
    await simulation.run(30)
    assert simulation.fakes.cluster.secrets == {}


async def test_a_key_of_a_namespace_that_is_no_target_does_nothing() -> None:
    """A pass for another namespace writes nothing there, and does not change the Secret and its record."""
    simulation, key = await distributed()
    before = simulation.fakes.cluster.objects[Kind.ACCESS, key]["status"]
    await simulation.loop.reconcile(SecretKey(key, "team"))
    await simulation.run(30)
    assert ("team", "pip") not in simulation.fakes.cluster.secrets
    assert simulation.fakes.cluster.objects[Kind.ACCESS, key]["status"] == before
