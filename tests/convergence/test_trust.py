"""Nothing that others can write decides: forged statuses, ledgers and finalizers add nothing and remove nothing."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from convergence.scenes import (
    PULL,
    READER,
    WHEELS,
    access,
    condition,
    grants,
    living_token,
    members,
    owners,
    reason,
    short,
    wheels,
)
from convergence.secret_scenes import distributed, secret
from convergence.simulation import Simulation
from fakes.calls import PortCall
from fakes.world import Fakes

from wheelhouse.domain.iam import Binding
from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.objects import Kind
from wheelhouse.domain.pools import Pool

VICTIM = RepositoryName("acme-packages", "us-central1", "finance")
FINANCE, MINE = ObjectKey("finance", "finance"), ObjectKey("evil", "mine")
OWN = RepositoryName("acme-packages", "us-central1", "mine")
AUDITORS = "group:auditors@example.com"


async def two_teams() -> Simulation:
    """Two teams in one project, each with its own repository."""
    fakes = Fakes()
    for namespace in ("finance", "evil"):
        fakes.cluster.put_namespace(namespace, projects="acme-packages", opted_in=True)
        fakes.cluster.service_accounts.add((namespace, "pull"))
    fakes.cluster.put(Kind.REPOSITORY, FINANCE, {"location": "us-central1"})
    fakes.cluster.put(Kind.REPOSITORY, MINE, {"location": "us-central1"})
    simulation = Simulation(fakes)
    await simulation.run(60)
    return simulation


def forge(simulation: Simulation, kind: Kind, key: ObjectKey, **status: Any) -> None:
    """Write fields of a status as another client."""
    cluster = simulation.fakes.cluster
    body = cluster.objects[kind, key]
    body["status"] = {**body.get("status", {}), **status}
    cluster.touch(body)


def mallory(simulation: Simulation, name: str = "steal", **spec: Any) -> ObjectKey:
    key = ObjectKey("evil", name)
    subjects = [{"kind": "GoogleUser", "name": "mallory@example.com"}, *PULL]
    simulation.fakes.cluster.put(Kind.ACCESS, key, {"repositoryRef": {"name": "mine"}, "subjects": subjects} | spec)
    return key


@pytest.mark.parametrize("restart", [False, True])
async def test_a_forged_name_grants_nothing_on_another_repository(restart: bool) -> None:
    """The name is computed from the spec: a status with another team's repository changes nothing there."""
    simulation = await two_teams()
    forge(simulation, Kind.REPOSITORY, MINE, repository=VICTIM.full)
    mallory(simulation, role="RepoAdmin")
    if restart:
        simulation.boot()
    await simulation.run(1200)
    assert simulation.fakes.google.policy(VICTIM).bindings == ()
    assert simulation.fakes.cluster.objects[Kind.REPOSITORY, MINE]["status"]["repository"] == OWN.full
    assert simulation.fakes.google.granted(OWN, "user:mallory@example.com")


@pytest.mark.parametrize("restart", [False, True])
async def test_a_forged_url_gets_no_token(restart: bool) -> None:
    """URLs are built from the name: a forged indexURL reaches no Secret and is overwritten."""
    simulation = await two_teams()
    simulation.fakes.cluster.put(
        Kind.REPOSITORY, MINE, {"location": "us-central1", "accessFrom": {"namespaces": ["finance"]}}
    )
    reference = {"name": "mine", "namespace": "evil"}
    spec = {"repositoryRef": reference, "subjects": PULL, "secret": {"name": "pip"}}
    simulation.fakes.cluster.put(Kind.ACCESS, ObjectKey("finance", "use"), spec)
    await simulation.run(60)
    forge(simulation, Kind.REPOSITORY, MINE, indexURL="https://evil.example/simple/", uploadURL="https://evil.example/")
    if restart:
        simulation.boot()
    await simulation.run(3600)
    data = simulation.fakes.cluster.secrets["finance", "pip"].data
    assert not any("evil.example" in text for text in data.values())
    status = simulation.fakes.cluster.objects[Kind.REPOSITORY, MINE]["status"]
    assert "evil.example" not in str(status)


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("warm", [False, True])
async def test_a_forged_ledger_revokes_nothing(restart: bool, warm: bool) -> None:
    """An access revokes only what it can have granted: not the members of another team's repository."""
    simulation = await two_teams()
    simulation.fakes.google.plant_policy(VICTIM, Binding(READER, (AUDITORS,)))
    key = mallory(simulation)
    if warm:
        await simulation.run(60)
    ledger = [{"role": READER, "member": AUDITORS, "state": "Granted"}]
    forge(simulation, Kind.ACCESS, key, observedGeneration=1, repository=VICTIM.full, grants=ledger)
    if restart:
        simulation.boot()
    await simulation.run(1500)
    assert members(simulation, VICTIM) == {AUDITORS}
    simulation.fakes.cluster.delete(Kind.ACCESS, key)
    await simulation.run(120)
    assert members(simulation, VICTIM) == {AUDITORS}
    assert (Kind.ACCESS, key) not in simulation.fakes.cluster.objects


@pytest.mark.parametrize("restart", [False, True])
async def test_a_ledger_of_others_grants_and_secrets_is_corrected(restart: bool) -> None:
    """A ledger with another team's repository, member and Secret is overwritten, and tokens stay valid."""
    simulation = await two_teams()
    cluster = simulation.fakes.cluster
    theirs, ours = ObjectKey("finance", "use"), ObjectKey("evil", "use")
    for key, repository in ((theirs, "finance"), (ours, "mine")):
        spec = {"repositoryRef": {"name": repository}, "subjects": PULL, "secret": {"name": "pip"}}
        cluster.put(Kind.ACCESS, key, spec)
    await simulation.run(60)
    right = cluster.objects[Kind.ACCESS, ours]["status"]
    forged = cluster.objects[Kind.ACCESS, theirs]["status"]
    forge(simulation, Kind.ACCESS, ours, **{name: forged[name] for name in ("repository", "grants", "secret")})
    if restart:
        simulation.boot()
    await simulation.run(120)
    status = cluster.objects[Kind.ACCESS, ours]["status"]
    assert status["repository"] == right["repository"]
    # No record of the grant's owner is left: it is used, and stays.
    assert grants(simulation, ours) == {"evil/pull": "Existing"}
    assert (status["secret"]["namespaces"], status["secret"]["identity"]) == (["evil"], "evil/pull")
    assert (members(simulation, VICTIM), members(simulation, OWN)) == ({"finance/pull"}, {"evil/pull"})
    await simulation.run(7200)
    assert living_token(simulation, "evil")
    assert living_token(simulation, "finance")
    cluster.delete(Kind.ACCESS, ours)
    await simulation.run(60)
    assert list(cluster.secrets) == [("finance", "pip")]
    assert members(simulation, VICTIM) == {"finance/pull"}


@pytest.mark.parametrize("secret", [{"name": "x"}, {"namespaces": ["team"]}, {"name": "x", "namespaces": ["evil", 7]}])
async def test_a_forged_record_of_a_secret_holds_up_no_release(secret: dict[str, Any]) -> None:
    """A name without namespaces, or namespaces without a name, is no Secret that a release could wait for."""
    simulation = await owners()
    key = access(simulation, "team", "a", subjects=PULL)
    await simulation.run(60)
    forge(simulation, Kind.ACCESS, key, secret=secret)
    simulation.boot()
    simulation.fakes.cluster.delete(Kind.ACCESS, key)
    await simulation.run(60)
    assert (Kind.ACCESS, key) not in simulation.fakes.cluster.objects


@pytest.mark.parametrize("restart", [False, True])
async def test_an_emptied_status_is_unknown_and_withdraws_nothing(restart: bool) -> None:
    """The next pass writes a lost status again; grants and Secrets stay all the time."""
    simulation = await owners()
    key = access(simulation, "team", "a", subjects=PULL, secret={"name": "pip"})
    await simulation.run(60)
    for kind, each in ((Kind.REPOSITORY, WHEELS), (Kind.ACCESS, key)):
        body = simulation.fakes.cluster.objects[kind, each]
        del body["status"]
        simulation.fakes.cluster.touch(body)
    if restart:
        simulation.boot()
    for _ in range(24):
        await simulation.run(5)
        assert members(simulation) == {"team/pull"}
        assert living_token(simulation, "team")
    assert reason(simulation, key) == "Ready"
    assert reason(simulation, WHEELS, of=Kind.REPOSITORY) == "Ready"


async def test_ready_claimed_by_another_hand_does_not_last() -> None:
    """A forged Ready of an object that is not Ready is corrected."""
    simulation = await two_teams()
    key = ObjectKey("evil", "nothing")
    spec = {"repositoryRef": {"name": "finance", "namespace": "finance"}, "subjects": PULL}
    simulation.fakes.cluster.put(Kind.ACCESS, key, spec)
    await simulation.run(60)
    row = {"type": "Ready", "status": "True", "reason": "Ready", "message": "", "lastTransitionTime": "x"}
    forge(simulation, Kind.ACCESS, key, conditions=[row], repository=VICTIM.full)
    await simulation.run(60)
    ready = condition(simulation, key, "Ready")
    assert ready is not None
    assert (ready.status, ready.reason) == ("False", "RefNotPermitted")
    assert members(simulation, VICTIM) == set()


@pytest.mark.parametrize("deleted", [False, True])
@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize("told", [False, True])
async def test_a_stripped_finalizer_leaves_a_debt_that_is_paid(deleted: bool, warm: bool, told: bool) -> None:
    """An access that disappears without a release still loses its grant and its Secret within a minute."""
    simulation = await owners()
    key = access(simulation, "team", "a", subjects=PULL, secret={"name": "pip"})
    await simulation.run(60)
    cluster = simulation.fakes.cluster
    if not warm:
        simulation.boot()
        await simulation.run(1)
    body = cluster.objects[Kind.ACCESS, key]
    if deleted:
        cluster.delete(Kind.ACCESS, key)
    body["metadata"]["finalizers"] = []
    if told and not deleted:  # The watch shows the object without a finalizer before its deletion.
        cluster.touch(body)
        simulation.informer.seen(Kind.ACCESS, body)
    if not deleted:
        body["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    cluster.collect(Kind.ACCESS, key)
    await simulation.run(60)
    assert members(simulation) == set()
    assert ("team", "pip") not in cluster.secrets


async def test_a_debt_spares_what_another_access_wants() -> None:
    """An access that still wants the grant of a debt becomes its owner, and revokes it at the end."""
    simulation = await owners()
    one = access(simulation, "team", "a", subjects=PULL)
    two = access(simulation, "team", "b", subjects=PULL)
    await simulation.run(60)
    cluster = simulation.fakes.cluster
    body = cluster.objects[Kind.ACCESS, one]
    body["metadata"].update(finalizers=[], deletionTimestamp="2026-01-01T00:00:00Z")
    cluster.collect(Kind.ACCESS, one)
    await simulation.run(60)
    assert members(simulation) == {"team/pull"}
    cluster.delete(Kind.ACCESS, two)
    await simulation.run(60)
    assert members(simulation) == set()


async def test_a_released_access_leaves_no_debt() -> None:
    """After a proper release another client's identical grant is not changed."""
    simulation = await owners()
    key = access(simulation, "team", "a", subjects=PULL)
    await simulation.run(60)
    member = next(iter(simulation.fakes.google.policy(WHEELS_NAME).bindings[0].members))
    simulation.fakes.cluster.delete(Kind.ACCESS, key)
    await simulation.run(5)
    assert members(simulation) == set()
    simulation.fakes.google.plant_policy(WHEELS_NAME, Binding(READER, (member,)))
    await simulation.run(1500)
    assert members(simulation) == {"team/pull"}


WHEELS_NAME = RepositoryName("acme-packages", "us-central1", "wheels")


async def virtual() -> tuple[Simulation, ObjectKey, dict[str, Any], RepositoryName]:
    """evil/all reads finance/finance with consent."""
    simulation = await two_teams()
    consent = {"location": "us-central1", "accessFrom": {"namespaces": ["evil"]}}
    simulation.fakes.cluster.put(Kind.REPOSITORY, FINANCE, consent)
    key, name = ObjectKey("evil", "all"), RepositoryName("acme-packages", "us-central1", "all")
    upstream = {"name": "fin", "priority": 1, "repositoryRef": {"name": "finance", "namespace": "finance"}}
    spec = {"location": "us-central1", "mode": "Virtual", "virtual": {"upstreams": [upstream]}}
    simulation.fakes.cluster.put(Kind.REPOSITORY, key, spec)
    await simulation.run(120)
    assert upstreams(simulation, name) == {VICTIM.full}
    return simulation, key, spec, name


def upstreams(simulation: Simulation, name: RepositoryName) -> set[str]:
    return {upstream.repository for upstream in simulation.fakes.google.repositories[name.full].settings.upstreams}


@pytest.mark.parametrize("posture", [{}, {"suspend": True}, {"managementPolicy": "Observe"}, {"location": 7}])
@pytest.mark.parametrize("restart", [False, True])
async def test_no_posture_skips_lost_consent(posture: dict[str, Any], restart: bool) -> None:
    """A Virtual that is suspended, observed or no longer parses loses an upstream that withdraws its consent."""
    simulation, key, spec, name = await virtual()
    simulation.fakes.cluster.put(Kind.REPOSITORY, key, spec | posture)
    await simulation.run(30)
    if restart:
        simulation.boot()
    simulation.fakes.cluster.put(Kind.REPOSITORY, FINANCE, {"location": "us-central1"})
    await simulation.run(700)
    assert upstreams(simulation, name) == set()


@pytest.mark.parametrize("posture", [{}, {"suspend": True}, {"managementPolicy": "Observe"}, {"location": 7}])
@pytest.mark.parametrize("deleted_first", [False, True])
async def test_no_posture_outlives_the_consent_of_a_deleted_upstream(
    posture: dict[str, Any], deleted_first: bool
) -> None:
    """Consent ends with the object that gave it, also where the repository stays and its project would be allowed."""
    simulation, key, spec, name = await virtual()
    simulation.fakes.cluster.put_namespace("evil", projects="acme-packages")
    if deleted_first:
        simulation.fakes.cluster.delete(Kind.REPOSITORY, FINANCE)
        await simulation.run(5)
    simulation.fakes.cluster.put(Kind.REPOSITORY, key, spec | posture)
    await simulation.run(20)
    if not deleted_first:
        simulation.fakes.cluster.delete(Kind.REPOSITORY, FINANCE)
    await simulation.run(60)
    assert upstreams(simulation, name) == set()


async def test_an_orphan_release_just_after_that_of_its_upstream_leaves_nothing_to_read() -> None:
    """The upstream's object is gone when the Virtual is released, and what it consented to goes all the same."""
    simulation, key, _, name = await virtual()
    simulation.fakes.cluster.put_namespace("evil", projects="acme-packages")
    simulation.fakes.cluster.delete(Kind.REPOSITORY, FINANCE)
    await simulation.run(5)
    simulation.fakes.cluster.delete(Kind.REPOSITORY, key)
    await simulation.run(60)
    assert (Kind.REPOSITORY, key) not in simulation.fakes.cluster.objects
    assert upstreams(simulation, name) == set()


async def test_an_orphan_release_takes_what_others_consented_to_along() -> None:
    """A Virtual repository that is no longer managed does not read other teams' repositories any more."""
    simulation, key, _, name = await virtual()
    simulation.fakes.cluster.delete(Kind.REPOSITORY, key)
    await simulation.run(60)
    assert (Kind.REPOSITORY, key) not in simulation.fakes.cluster.objects
    assert upstreams(simulation, name) == set()


async def test_a_suspended_remote_loses_a_password_that_is_no_longer_allowed() -> None:
    """Suspend does not make Google's service agent keep sending a password that the Namespace no longer lists."""
    fakes = Fakes()
    secret = "projects/acme-packages/secrets/pw"
    fakes.cluster.put_namespace("team", projects="acme-packages", secrets=secret)
    key, name = ObjectKey("team", "cache"), RepositoryName("acme-packages", "us-central1", "cache")
    credentials = {"username": "u", "passwordSecretVersion": f"{secret}/versions/1"}
    remote = {"url": "https://up.example.com/simple/", "credentials": credentials}
    spec = {"location": "us-central1", "mode": "Remote", "remote": remote}
    fakes.cluster.put(Kind.REPOSITORY, key, spec)
    simulation = Simulation(fakes)
    await simulation.run(60)
    fakes.cluster.put(Kind.REPOSITORY, key, spec | {"suspend": True})
    await simulation.run(10)
    fakes.cluster.put_namespace("team", projects="acme-packages")
    await simulation.run(700)
    found = fakes.google.repositories[name.full].settings.remote
    assert found is not None
    assert found.credentials is None


@pytest.mark.parametrize("frozen", [{"suspend": True}, {"subjects": "everybody"}])
async def test_a_restart_with_the_clock_set_back_keeps_refreshing_a_frozen_access(frozen: dict[str, Any]) -> None:
    """The recorded expiry is not credible then, but it shows that the Secret was written."""
    simulation = await owners()
    spec: dict[str, Any] = {"subjects": PULL, "secret": {"name": "pip"}}
    key = access(simulation, "team", "a", **spec)
    await simulation.run(60)
    access(simulation, "team", "a", **(spec | frozen))
    await simulation.run(30)
    simulation.fakes.clock.skew = timedelta(hours=-1)
    simulation.boot()
    await simulation.run(2 * 3600)
    assert living_token(simulation, "team")
    assert reason(simulation, key, "Distributed") == "Distributed"


@pytest.mark.parametrize("restart", [False, True])
async def test_a_malformed_access_keeps_what_it_has_only_with_consent(restart: bool) -> None:
    """A spec that no longer parses keeps grant and Secret; lost consent removes both within a minute."""
    simulation = await owners()
    key = access(simulation, "team", "a", subjects=PULL, secret={"name": "pip", "serviceAccountName": "pull"})
    await simulation.run(60)
    access(simulation, "team", "a", subjects=PULL, secret={"name": "pip", "serviceAccountName": "pull"}, role="Emperor")
    await simulation.run(30)
    if restart:
        simulation.boot()
    await simulation.run(2 * 3600)
    assert grants(simulation, key) == {"team/pull": "Granted"}
    assert living_token(simulation, "team")
    simulation.fakes.cluster.put(Kind.REPOSITORY, WHEELS, {"location": "us-central1"})
    await simulation.run(60)
    assert members(simulation) == set()
    assert ("team", "pip") not in simulation.fakes.cluster.secrets


async def test_a_malformed_access_is_not_kept_for_ever() -> None:
    """After 24 hours an access that does not parse loses what it has."""
    simulation = await owners()
    access(simulation, "team", "a", subjects=PULL)
    await simulation.run(60)
    access(simulation, "team", "a", subjects=PULL, role="Emperor")
    await simulation.run(23 * 3600, limit=100_000)
    assert members(simulation) == {"team/pull"}
    await simulation.run(3700)
    assert members(simulation) == set()


async def test_a_suspended_access_gains_nothing_and_loses_with_consent() -> None:
    """Suspend keeps grant and Secret, refreshes the token, applies no change, but lost consent has priority."""
    simulation = await owners()
    key = access(simulation, "team", "a", subjects=PULL, secret={"name": "pip"})
    await simulation.run(60)
    more = [*PULL, {"kind": "ServiceAccount", "name": "other"}]
    spec = {"subjects": more, "secret": {"name": "pip", "serviceAccountName": "pull"}, "suspend": True}
    access(simulation, "team", "a", **spec)
    await simulation.run(2 * 3600)
    assert members(simulation) == {"team/pull"}
    assert living_token(simulation, "team")
    ready = condition(simulation, key, "Ready")
    assert ready is not None
    assert (ready.status, ready.reason, ready.generation) == ("True", "Suspended", 2)
    assert "generation 2 is not applied" in ready.message
    simulation.fakes.cluster.put(Kind.REPOSITORY, WHEELS, {"location": "us-central1"})
    await simulation.run(60)
    assert members(simulation) == set()
    assert ("team", "pip") not in simulation.fakes.cluster.secrets


async def test_a_repository_made_again_by_a_stranger_gets_no_grant() -> None:
    """A repository that another client deleted and created is a different one, whatever its name is."""
    simulation = await owners(managementPolicy="Full")
    key = access(simulation, "team", "a", subjects=PULL)
    await simulation.run(60)
    google = simulation.fakes.google
    google.remove(WHEELS_NAME)
    simulation.fakes.clock.advance(1)
    google.plant(WHEELS_NAME)
    access(simulation, "team", "b", subjects=[{"kind": "ServiceAccount", "name": "other"}])
    await simulation.run(1500)
    assert members(simulation) == set()
    assert reason(simulation, WHEELS, of=Kind.REPOSITORY) == "AlreadyExists"
    assert grants(simulation, key) == {}


async def test_a_replaced_repository_object_costs_its_accesses_nothing() -> None:
    """An object that is deleted and created again within seconds finds its accesses unchanged."""
    simulation = await owners()
    keys = [access(simulation, "team", f"a-{n}", subjects=PULL, secret={"name": f"pip-{n}"}) for n in range(3)]
    await simulation.run(60)
    calls = simulation.fakes.calls
    for _ in range(10):
        calls.clear()
        simulation.fakes.cluster.delete(Kind.REPOSITORY, WHEELS)
        await simulation.run(3)
        assert (Kind.REPOSITORY, WHEELS) not in simulation.fakes.cluster.objects
        simulation.fakes.cluster.put(Kind.REPOSITORY, WHEELS, wheels())
        await simulation.run(20)
        count = calls.count()
        assert (count["policies.set"], count["tokens.mint"]) == (0, 0)
        assert not [change for change in calls.changes if change.startswith("secret")]
        assert [reason(simulation, key) for key in keys] == ["Ready"] * 3
        assert reason(simulation, WHEELS, of=Kind.REPOSITORY) == "Ready"


async def test_a_suspended_repository_grants_nothing_new() -> None:
    """A suspended repository: accesses keep what they have, a new access waits, and lost consent revokes."""
    simulation = await owners()
    old = access(simulation, "team", "a", subjects=PULL)
    await simulation.run(60)
    simulation.fakes.cluster.put(Kind.REPOSITORY, WHEELS, wheels(suspend=True))
    new = access(simulation, "team", "b", subjects=[{"kind": "ServiceAccount", "name": "other"}])
    await simulation.run(700)
    assert members(simulation) == {"team/pull"}
    assert (reason(simulation, old), reason(simulation, new)) == ("Ready", "RepositoryNotReady")
    assert reason(simulation, WHEELS, of=Kind.REPOSITORY) == "Suspended"
    simulation.fakes.cluster.put(Kind.REPOSITORY, WHEELS, wheels(suspend=True, accessFrom={"namespaces": []}))
    await simulation.run(60)
    assert members(simulation) == set()


async def test_the_index_is_checked_again_after_a_grant_was_restored() -> None:
    """A grant that another client removed is restored at the next check for drift, and Verified is checked again."""
    simulation = await owners()
    access(simulation, "team", "a", subjects=PULL, secret={"name": "pip"})
    await simulation.run(60)
    simulation.fakes.google.plant_policy(WHEELS_NAME)
    asked = simulation.fakes.calls.count()["index.probe"]
    await simulation.run(800)
    assert members(simulation) == {"team/pull"}
    assert simulation.fakes.calls.count()["index.probe"] > asked
    assert any(event.reason == "GrantRestored" for event in simulation.fakes.cluster.events)


async def test_grants_move_to_a_new_pool_without_a_gap() -> None:
    """With the previous pool in the settings, the old member stays until the token of the new one is verified."""
    fakes = Fakes()
    simulation = Simulation(fakes)
    for name in ("owners", "team"):
        fakes.cluster.put_namespace(name, projects="acme-packages", opted_in=True)
    fakes.cluster.service_accounts |= {("team", "pull")}
    fakes.cluster.put(Kind.REPOSITORY, WHEELS, wheels())
    access(simulation, "team", "a", subjects=PULL, secret={"name": "pip"})
    access(simulation, "team", "b", subjects=[{"kind": "ServiceAccount", "name": "other"}])
    await simulation.run(60)
    old = next(m for b in fakes.google.policy(WHEELS_NAME).bindings for m in b.members if m.endswith("/pull"))
    fakes.options = replace(fakes.options, migrate_from=Pool.of(fakes.workload))
    fakes.workload = replace(fakes.workload, pool="new-pool.svc.id.goog", project_number="999")
    fakes.index._workload = fakes.workload
    simulation.boot()
    fakes.calls.clear()
    steps: list[str] = []

    def watch(call: PortCall) -> None:
        standing = {member for binding in fakes.google.policy(WHEELS_NAME).bindings for member in binding.members}
        if call.name == "index.probe" or (call.name == "policies.set" and old not in standing):
            steps.append(call.name)

    fakes.calls.after = watch
    await simulation.run(4500)
    after = {member for binding in fakes.google.policy(WHEELS_NAME).bindings for member in binding.members}
    assert {short(member) for member in after} == {"team/pull", "team/other"}
    assert all("new-pool" in member for member in after)
    assert living_token(simulation, "team")
    assert steps.index("index.probe") < steps.index("policies.set")


@pytest.mark.parametrize("ends", ["deleted", "not wanted"])
async def test_forged_grants_and_another_name_remove_no_secret(ends: str) -> None:
    """While the access waits for its grant again, the Secret that it requests is no debt. At its end, none is left."""
    simulation, key = await distributed()
    cluster = simulation.fakes.cluster
    before = secret(simulation).uid
    stranger = {"member": "user:eve@example.com", "role": READER, "state": "Granted"}
    ledger = cluster.objects[Kind.ACCESS, key]["status"]["secret"]
    forge(
        simulation, Kind.ACCESS, key, secret={**ledger, "name": "x", "namespaces": ["kube-system"]}, grants=[stranger]
    )
    await simulation.run(60)
    assert secret(simulation).uid == before
    ledger = cluster.objects[Kind.ACCESS, key]["status"]["secret"]
    assert (ledger["name"], ledger["namespaces"]) == ("pip", ["owners"])
    assert reason(simulation, key) == "Ready"
    if ends == "deleted":
        cluster.delete(Kind.ACCESS, key)
    else:
        cluster.put(Kind.ACCESS, key, {"repositoryRef": {"name": "wheels"}, "subjects": PULL})
    await simulation.run(60)
    assert not cluster.secrets
