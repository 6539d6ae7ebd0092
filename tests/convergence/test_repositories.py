"""Any valid spec, on any existing repository, through any faults: it settles, and then stays so."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
from convergence.simulation import Simulation
from convergence.test_faults import faults
from fakes import wishes
from fakes.calls import PortCall
from fakes.world import Fakes
from hypothesis import example, given
from hypothesis import strategies as st

from wheelhouse.domain.modes import Mode
from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.objects import Kind
from wheelhouse.domain.project import Project
from wheelhouse.domain.reasons import Reason
from wheelhouse.domain.repository import (
    CLUSTER_LABEL,
    OBJECT_LABEL,
    ObservedRepository,
    Ownership,
    RepositorySettings,
)
from wheelhouse.errors import Conflict, Invalid, Refused, Unavailable

TEAM, OTHERS = "team-a", "team-b"
KEY = ObjectKey(TEAM, "wheels")
NAME = wishes.NAME
SECRET = "projects/acme-keys/secrets/mirror"
OURS = Ownership.of("cluster-1", KEY)
TOOLS = {"goog-terraform-provisioned", "managed-by-cnrm"}

_policy = st.sampled_from(
    [
        {"name": "old", "action": "Delete", "condition": {"olderThan": "30d"}},
        {"name": "old", "action": "Delete", "condition": {"olderThan": "720h", "packageNamePrefixes": ["acme-"]}},
        {"name": "new", "action": "Keep", "mostRecentVersions": {"keepCount": 3}},
    ]
)
_common = st.fixed_dictionaries(
    {
        "location": st.just(NAME.location),
        "adoptionPolicy": st.sampled_from(["Never", "IfUnmanaged", "Always"]),
        "managementPolicy": st.sampled_from(["Full", "Full", "Full", "Observe"]),
    },
    optional={
        "description": st.sampled_from(["", "wheels"]),
        "labels": st.dictionaries(st.sampled_from(["team", "env"]), st.sampled_from(["a", "b"])),
        "vulnerabilityScanning": st.sampled_from(["Inherited", "Disabled"]),
    },
)
_cleanup = st.fixed_dictionaries(
    {}, optional={"dryRun": st.booleans(), "policies": st.lists(_policy, max_size=2, unique_by=lambda p: p["name"])}
)
_credentials = st.fixed_dictionaries(
    {"username": st.sampled_from(["ann", "bob"]), "passwordSecretVersion": st.just(f"{SECRET}/versions/1")}
)
_remote = st.fixed_dictionaries({"upstream": st.just("PyPI")}, optional={"credentials": _credentials}) | (
    st.fixed_dictionaries({"url": st.just("https://a.example")}, optional={"credentials": _credentials})
)
_upstream = st.sampled_from(
    [
        {"name": "own", "priority": 3, "repositoryRef": {"name": "private"}},
        {"name": "theirs", "priority": 2, "repositoryRef": {"name": "shared", "namespace": OTHERS}},
        {"name": "full", "priority": 1, "repository": f"{NAME.parent}/repositories/anybodys"},
    ]
)
_virtual = st.fixed_dictionaries({"upstreams": st.lists(_upstream, max_size=3, unique_by=lambda u: u["name"])})
specs = st.one_of(
    st.builds(
        lambda common, more: {**common, **more}, _common, st.fixed_dictionaries({}, optional={"cleanup": _cleanup})
    ),
    st.builds(lambda common, remote: {**common, "mode": "Remote", "remote": remote}, _common, _remote),
    st.builds(lambda common, virtual: {**common, "mode": "Virtual", "virtual": virtual}, _common, _virtual),
)


@dataclass
class Ours:
    """One world with a team, its neighbors, and the object of the repository under test."""

    simulation: Simulation

    @classmethod
    def make(cls) -> "Ours":
        fakes = Fakes()
        fakes.cluster.put_namespace(TEAM, projects=NAME.project, secrets=SECRET, opted_in=True)
        fakes.cluster.put_namespace(OTHERS, projects=NAME.project)
        fakes.cluster.put(Kind.REPOSITORY, ObjectKey(TEAM, "private"), {"location": NAME.location})
        shared = {"location": NAME.location, "accessFrom": {"namespaces": [TEAM]}}
        fakes.cluster.put(Kind.REPOSITORY, ObjectKey(OTHERS, "shared"), shared)
        return cls(Simulation(fakes))

    @property
    def fakes(self) -> Fakes:
        return self.simulation.fakes

    def declare(self, spec: Mapping[str, Any]) -> None:
        self.fakes.cluster.put(Kind.REPOSITORY, KEY, spec)

    def conditions(self, key: ObjectKey = KEY) -> dict[str, Any]:
        body = self.fakes.cluster.objects[Kind.REPOSITORY, key]
        return {row["type"]: row for row in body.get("status", {}).get("conditions", ())}

    def settled(self) -> str | None:
        """Every object is Ready, or Stalled until the user fixes it, or waits for what others must provide."""
        for kind, key in self.fakes.cluster.objects:
            found = self.conditions(key)
            ready = found.get("Ready", {})
            waits = ready.get("reason") == Reason.NOT_FOUND
            if kind is Kind.REPOSITORY and ready.get("status") != "True" and "Stalled" not in found and not waits:
                return f"{key}: {ready}"
        return None

    def found(self, name: RepositoryName = NAME) -> RepositorySettings | None:
        observed = self.fakes.google.repositories.get(name.full)
        return observed.settings if observed else None

    async def stays(self) -> None:
        """Two more checks for drift write nothing."""
        await self.simulation.run(1300.0)
        self.fakes.calls.clear()
        await self.simulation.run(1300.0)
        assert self.fakes.calls.changes == []


def adoptable(spec: Mapping[str, Any], planted: ObservedRepository) -> bool:
    """The rules of adoption, from the specification."""
    labels = planted.labels
    if labels.items() >= OURS.labels.items():
        return True
    foreign = OBJECT_LABEL in labels and labels[CLUSTER_LABEL] != "cluster-1"
    managed = foreign or bool(TOOLS & labels.keys())
    return spec["adoptionPolicy"] == "Always" or (spec["adoptionPolicy"] == "IfUnmanaged" and not managed)


def possible(spec: Mapping[str, Any], planted: ObservedRepository) -> bool:
    """Whether the immutable fields match the spec."""
    source = spec.get("remote", {}).get("url", "PyPI")
    found = planted.settings
    same = found.remote is None or found.remote.source == source
    return planted.format == "PYTHON" and found.mode == Mode(spec.get("mode", "Standard")).wire and same


def check_fields(spec: Mapping[str, Any], found: RepositorySettings, before: RepositorySettings | None) -> None:
    """Each field in the spec has its value; each other one is unchanged."""
    assert found.mode == Mode(spec.get("mode", "Standard")).wire
    assert found.labels.items() >= {**spec.get("labels", {}), **OURS.labels}.items()
    assert found.description == spec.get("description", before.description if before else "")
    if "cleanup" in spec:
        assert found.cleanup.dry_run == spec["cleanup"].get("dryRun", False)
        assert {p.name for p in found.cleanup.policies} == {p["name"] for p in spec["cleanup"].get("policies", ())}
    elif before:
        assert found.cleanup == before.cleanup
    if before:
        assert found.labels["theirs"] == "stays"
        assert found.kms_key_name == before.kms_key_name
    if "virtual" in spec:
        assert {u.name for u in found.upstreams} == {u["name"] for u in spec["virtual"]["upstreams"]}
    if "credentials" in spec.get("remote", {}):
        assert found.remote is not None
        assert found.remote.credentials is not None
        assert found.remote.credentials.username == spec["remote"]["credentials"]["username"]


def parted(found: RepositorySettings) -> RepositorySettings:
    """A repository that is no longer managed: without our labels, the password, and upstreams of other namespaces."""
    labels = {key: value for key, value in found.labels.items() if key not in OURS.labels}
    remote = found.remote and replace(found.remote, credentials=None)
    upstreams = frozenset(each for each in found.upstreams if not each.repository.endswith("/shared"))
    return replace(found, labels=labels, remote=remote, upstreams=upstreams)


@given(
    spec=specs,
    planted=st.none() | wishes.observed,
    seeds=st.tuples(st.integers(0, 1 << 16), st.integers(0, 1 << 16)),
    rate=st.sampled_from([0.0, 0.1, 0.3]),
    blind=st.integers(0, 2),
    polls=st.integers(0, 3),
)
async def test_any_repository_settles(
    spec: dict[str, Any],
    planted: ObservedRepository | None,
    seeds: tuple[int, int],
    rate: float,
    blind: int,
    polls: int,
) -> None:
    """Outages, lost replies, 404 after a create, 409, 429, crashes: finally it is as desired, or unchanged."""
    ours = Ours.make()
    google, calls = ours.fakes.google, ours.fakes.calls
    google.blind_gets, google.polls_until_done = blind, polls
    if planted is not None:
        google.repositories[NAME.full] = replace(planted, create_time=ours.fakes.clock.now())
    quota = Unavailable("429", retry_after=1.0, reason=Reason.QUOTA_EXCEEDED)
    calls.before, calls.after = faults(seeds[0], rate, Conflict("409"), quota), faults(seeds[1], rate)
    ours.declare(spec)
    await ours.simulation.run(60.0)
    calls.before = calls.after = None
    await ours.simulation.settle(ours.settled, seconds=3600.0)
    await ours.stays()
    assert ours.settled() is None
    found, ready = ours.found(), ours.conditions()["Ready"]
    if spec["managementPolicy"] == "Observe":
        # With our own labels still on it, it is about to be released: they are removed, and what others consented to.
        leaving = planted is not None and OURS.labels.items() <= planted.labels.items()
        assert found == (parted(planted.settings) if planted and leaving else planted and planted.settings)
    elif planted is None or (adoptable(spec, planted) and possible(spec, planted)):
        assert ready["status"] == "True", ready
        assert found is not None
        check_fields(spec, found, planted.settings if planted else None)
    else:
        assert ready["reason"] in {Reason.ALREADY_EXISTS, Reason.IMMUTABLE_FIELD_DIFFERS}
        assert found == planted.settings


@given(
    first=specs,
    second=specs,
    policy=st.sampled_from(["Orphan", "DeleteIfEmpty", "Delete"]),
    filled=st.booleans(),
    seeds=st.tuples(st.integers(0, 1 << 16), st.integers(0, 1 << 16)),
    rate=st.sampled_from([0.0, 0.1, 0.3]),
)
async def test_any_change_and_any_release(
    first: dict[str, Any],
    second: dict[str, Any],
    policy: str,
    *,
    filled: bool,
    seeds: tuple[int, int],
    rate: float,
) -> None:
    """A changed spec is applied, dropped settings are removed, and the release is correct, whatever fails."""
    first = {**first, "managementPolicy": "Full"}
    # Immutable fields stay: the API server rejects the rest.
    mode = {name: first[name] for name in ("mode", "remote", "virtual") if name in first}
    second = {name: value for name, value in second.items() if name not in ("mode", "remote", "virtual", "cleanup")}
    second = {**second, **mode, "managementPolicy": "Full", "deletionPolicy": policy}
    ours = Ours.make()
    ours.declare(first)
    await ours.simulation.settle(ours.settled)
    ours.declare(second)
    await ours.simulation.settle(ours.settled)
    found = ours.found()
    assert found is not None
    check_fields(second, found, None)
    assert not set(first.get("labels", {})) - set(second.get("labels", {})) & found.labels.keys()
    assert "cleanup" in second or not found.cleanup.policies
    if filled:
        ours.fakes.google.filled.add(NAME.full)
    calls = ours.fakes.calls
    calls.before, calls.after = faults(seeds[0], rate, Conflict("409")), faults(seeds[1], rate)
    ours.fakes.cluster.delete(Kind.REPOSITORY, KEY)
    await ours.simulation.run(60.0)
    calls.before = calls.after = None
    await ours.simulation.run(400.0)
    left = ours.found()
    deleted = policy == "Delete" or (policy == "DeleteIfEmpty" and not filled)
    assert (left is None) is deleted
    if policy == "DeleteIfEmpty" and filled:
        assert ours.conditions()["Ready"]["reason"] == Reason.NOT_EMPTY
        assert left == found
    else:
        assert (Kind.REPOSITORY, KEY) not in ours.fakes.cluster.objects
        if left is not None:
            assert left == parted(found)


@example(
    planted=ObservedRepository(
        NAME, "PYTHON", RepositorySettings("STANDARD_REPOSITORY", "", OURS.labels), "", None, None
    ),
    policy="Delete",
    spec={"location": NAME.location, "managementPolicy": "Observe"},
)
@given(
    planted=wishes.observed,
    policy=st.sampled_from(["Orphan", "DeleteIfEmpty", "Delete"]),
    spec=specs,
)
async def test_nothing_of_others_is_ever_deleted(
    planted: ObservedRepository, policy: str, spec: dict[str, Any]
) -> None:
    """A repository that existed before and does not have our labels still exists after the object is deleted."""
    ours = Ours.make()
    ours.fakes.google.repositories[NAME.full] = planted
    ours.declare({**spec, "adoptionPolicy": "Never", "deletionPolicy": policy})
    await ours.simulation.run(60.0)
    mine = planted.labels.items() >= OURS.labels.items()
    ours.fakes.cluster.delete(Kind.REPOSITORY, KEY)
    await ours.simulation.run(120.0)
    assert (Kind.REPOSITORY, KEY) not in ours.fakes.cluster.objects
    if not mine:
        assert ours.found() == planted.settings
    elif spec["managementPolicy"] == "Observe":
        assert ours.found() == parted(planted.settings)  # Under Observe the operator only removes its own labels.


PLAIN = {"location": NAME.location}


async def test_an_operation_of_an_hour() -> None:
    """It is polled at a bounded rate until it is done, even across a restart, and nothing is created twice."""
    ours = Ours.make()
    await ours.simulation.settle(ours.settled)
    ours.fakes.google.polls_until_done = 400
    ours.fakes.calls.clear()
    ours.declare(PLAIN)
    await ours.simulation.run(1800.0)
    assert ours.conditions()["Ready"]["reason"] == Reason.CREATING
    ours.simulation.boot()
    await ours.simulation.settle(ours.settled, seconds=7200.0)
    assert ours.fakes.calls.count()["repositories.create"] == 1
    assert ours.fakes.calls.count()["repositories.poll"] < 450


@pytest.mark.parametrize(
    ("code", "reason", "tries"),
    [
        ("INVALID_ARGUMENT", Reason.INVALID_ARGUMENT, 1),
        ("PERMISSION_DENIED", Reason.PERMISSION_DENIED, 2),
        ("INTERNAL", Reason.UNAVAILABLE, 2),
    ],
)
async def test_an_operation_that_fails(code: str, reason: Reason, tries: int) -> None:
    """Its code decides: what only the user can fix waits for the user, the rest is retried and recovers."""
    ours = Ours.make()
    await ours.simulation.settle(ours.settled)
    ours.fakes.google.polls_until_done = 5
    ours.declare(PLAIN)
    await ours.simulation.run(0.3)
    (name,) = [n for n, operation in ours.fakes.google.operations.items() if operation.result is None]
    ours.fakes.google.fail(name, code, "no")
    ours.fakes.repositories._pending.clear()
    ours.fakes.google.polls_until_done = 0
    await ours.simulation.run(1.0)
    if reason is not Reason.UNAVAILABLE:
        assert ours.conditions()["Ready"]["reason"] == reason
    await ours.simulation.run(120.0)
    assert ours.fakes.calls.count()["repositories.create"] - 2 == tries
    assert (ours.found() is not None) is (tries == 2)


async def test_an_operation_whose_id_is_lost() -> None:
    """After an unknown operation, the repository that it created is found by its labels."""
    ours = Ours.make()
    await ours.simulation.settle(ours.settled)
    ours.fakes.google.polls_until_done = 3
    ours.declare(PLAIN)
    await ours.simulation.run(0.3)
    lost = {n: op for n, op in ours.fakes.google.operations.items() if op.result is None}
    for name, operation in lost.items():
        del ours.fakes.google.operations[name]
        operation.finish()
    await ours.simulation.settle(ours.settled)
    assert ours.conditions()["Ready"]["status"] == "True"


async def test_the_pace_of_creates() -> None:
    """In one project and location one in two seconds, in another at once; an unused turn delays no object."""
    ours = Ours.make()
    for number in range(4):
        ours.fakes.cluster.put(Kind.REPOSITORY, ObjectKey(TEAM, f"r{number}"), {"location": NAME.location})
    ours.fakes.cluster.put(Kind.REPOSITORY, ObjectKey(TEAM, "far"), {"location": "europe-west1"})
    moments: dict[str, float] = {}
    start = ours.fakes.clock.now()

    def note(call: PortCall) -> None:
        if call.name == "repositories.create":
            moments[call.args[0].repository_id] = (ours.fakes.clock.now() - start).total_seconds()

    ours.fakes.calls.before = note
    await ours.simulation.settle(ours.settled)
    assert moments.pop("far") == 0.0
    times = sorted(moments.values())
    assert len(times) == 6
    assert all(later - earlier >= 1.99 for earlier, later in itertools.pairwise(times))
    assert times[-1] < 11.0
    assert ours.fakes.calls.count()["repositories.get"] == 14


async def test_a_deleted_project_lets_its_objects_go() -> None:
    """A 403 after which Resource Manager reports the project's deletion: reported, and the release succeeds."""
    ours = Ours.make()
    ours.declare(PLAIN)
    await ours.simulation.settle(ours.settled)
    ours.fakes.projects.known[NAME.project] = Project(NAME.project, "1", active=False)

    def refuse(call: PortCall) -> None:
        if call.name.startswith("repositories."):
            raise Refused("Permission denied on resource project acme-packages.")

    ours.fakes.calls.before = refuse
    await ours.simulation.run(700.0)
    ready = ours.conditions()["Ready"]
    assert ready["reason"] == Reason.INVALID_ARGUMENT
    assert "gcloud projects undelete acme-packages" in ready["message"]
    ours.fakes.cluster.delete(Kind.REPOSITORY, KEY)
    await ours.simulation.run(10.0)
    assert (Kind.REPOSITORY, KEY) not in ours.fakes.cluster.objects


@pytest.mark.parametrize("enabling", [False, True])
async def test_a_switched_off_api(*, enabling: bool) -> None:
    """It is reported with the command, or with the setting enabled once and retried; then all recovers."""
    ours = Ours.make()
    options = replace(ours.fakes.options, enable_apis=enabling)
    ours.fakes.options = options
    ours.simulation.boot()
    off = True

    def refuse(call: PortCall) -> None:
        if off and call.name.startswith("repositories."):
            raise Invalid("The API is not enabled. Run: gcloud services enable", Reason.API_DISABLED)

    ours.fakes.calls.before = refuse
    ours.declare(PLAIN)
    await ours.simulation.run(200.0)
    ready = ours.conditions()["Ready"]
    assert ours.fakes.calls.changes.count(f"enable {NAME.project}") == (1 if enabling else 0)
    assert ready["reason"] == (Reason.PENDING if enabling else Reason.API_DISABLED)
    assert "enable" in ready["message"]
    off = False
    await ours.simulation.run(100.0)
    assert ours.conditions()["Ready"]["status"] == "True"


async def test_an_upstream_that_gets_ready_wakes_its_readers() -> None:
    """By reference and by full name: the Virtual is reconciled when its upstream changes, not at the next interval."""
    ours = Ours.make()
    late = {"name": "late", "priority": 1, "repositoryRef": {"name": "late"}}
    ours.declare({**PLAIN, "mode": "Virtual", "virtual": {"upstreams": [late]}})
    await ours.simulation.run(5.0)
    assert ours.conditions()["ResolvedRefs"]["reason"] == Reason.REPOSITORY_NOT_FOUND
    ours.fakes.cluster.put(Kind.REPOSITORY, ObjectKey(TEAM, "late"), {"location": NAME.location})
    await ours.simulation.run(20.0)
    assert ours.conditions()["Ready"]["status"] == "True"
    found = ours.found()
    assert found is not None
    assert {upstream.name for upstream in found.upstreams} == {"late"}
    ours.fakes.cluster.delete(Kind.REPOSITORY, ObjectKey(TEAM, "late"))
    await ours.simulation.run(40.0)  # A replacement would come within 30 s.
    assert ours.conditions()["ResolvedRefs"]["reason"] == Reason.REPOSITORY_NOT_FOUND
    assert (ours.found() or found).upstreams == frozenset()


async def test_a_full_name_of_another_namespace_is_watched_too() -> None:
    """A repository of another namespace by its full name: it is removed when its owner withdraws consent."""
    ours = Ours.make()
    full = f"{NAME.parent}/repositories/shared"
    ours.declare(
        {**PLAIN, "mode": "Virtual", "virtual": {"upstreams": [{"name": "x", "priority": 1, "repository": full}]}}
    )
    await ours.simulation.settle(ours.settled)
    assert len((ours.found() or RepositorySettings("")).upstreams) == 1
    ours.fakes.cluster.put(Kind.REPOSITORY, ObjectKey(OTHERS, "shared"), PLAIN)
    await ours.simulation.run(20.0)
    assert (ours.found() or RepositorySettings("x")).upstreams == frozenset()
    assert ours.conditions()["Ready"]["reason"] == Reason.REF_NOT_PERMITTED


async def test_the_namespaces_list_of_secrets_is_obeyed_at_once() -> None:
    """Credentials are added and removed with the annotation."""
    ours = Ours.make()
    login = {"username": "ann", "passwordSecretVersion": f"{SECRET}/versions/1"}
    ours.declare({**PLAIN, "mode": "Remote", "remote": {"url": "https://a.example", "credentials": login}})
    await ours.simulation.settle(ours.settled)

    def credentials() -> object:
        found = ours.found()
        assert found is not None
        assert found.remote is not None
        return found.remote.credentials

    assert credentials() is not None
    ours.fakes.cluster.put_namespace(TEAM, projects=NAME.project)
    await ours.simulation.run(20.0)
    assert credentials() is None
    assert ours.conditions()["Ready"]["reason"] == Reason.SECRET_NOT_ALLOWED
    ours.fakes.cluster.put_namespace(TEAM, projects=NAME.project, secrets=SECRET)
    await ours.simulation.run(20.0)
    assert credentials() is not None


async def test_two_observers_of_one_repository() -> None:
    """The first keeps it, the other is OwnedElsewhere; when the first is deleted the other gets it."""
    ours = Ours.make()
    ours.fakes.google.plant(NAME)
    observing = {**PLAIN, "managementPolicy": "Observe", "repositoryId": NAME.repository_id}
    ours.declare(observing)
    await ours.simulation.settle(ours.settled)
    second = ObjectKey(OTHERS, "second")
    ours.fakes.cluster.put(Kind.REPOSITORY, second, observing)
    await ours.simulation.run(30.0)
    assert ours.conditions()["Synced"]["reason"] == Reason.OBSERVED
    assert ours.conditions(second)["Ready"]["reason"] == Reason.OWNED_ELSEWHERE
    ours.fakes.cluster.delete(Kind.REPOSITORY, KEY)
    await ours.simulation.run(800.0)
    assert ours.conditions(second)["Synced"]["reason"] == Reason.OBSERVED


async def test_a_deleted_repository_comes_back_empty() -> None:
    """After a deletion by another client, the next pass creates it again, with a Warning."""
    ours = Ours.make()
    ours.declare(PLAIN)
    await ours.simulation.settle(ours.settled)
    ours.fakes.google.remove(NAME)
    await ours.simulation.run(800.0)
    assert ours.found() is not None
    assert [event.warning for event in ours.fakes.cluster.events if event.reason == "Recreating"] == [True]


@pytest.mark.parametrize("policy", ["IfUnmanaged", "Always"])
async def test_an_owner_without_its_status_is_still_the_owner(policy: str) -> None:
    """A restored backup has lost the status: no one else adopts a repository with the labels of an existing object."""
    ours = Ours.make()
    ours.fakes.google.plant(NAME, labels=Ownership.of("cluster-1", ObjectKey(OTHERS, "zz-restored")).labels)
    thief = {**PLAIN, "adoptionPolicy": policy, "repositoryId": NAME.repository_id}
    ours.declare(thief)
    owner = ObjectKey(OTHERS, "zz-restored")
    ours.fakes.cluster.put(Kind.REPOSITORY, owner, {**PLAIN, "repositoryId": NAME.repository_id})
    await ours.simulation.run(60.0)
    assert ours.conditions()["Ready"]["reason"] == Reason.OWNED_ELSEWHERE
    assert ours.conditions(owner)["Ready"]["status"] == "True"
