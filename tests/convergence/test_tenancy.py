"""No grant outlives its object, and none is made without the consent of its repository's owner."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from convergence.simulation import Simulation
from fakes.calls import PortCall
from fakes.world import OPTIONS, Fakes

from wheelhouse.domain.iam import Role
from wheelhouse.domain.keys import AccessKey, PolicyKey
from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.objects import FINALIZER, Kind

REPOSITORY = ObjectKey("owners", "wheels")
NAME = RepositoryName("acme-packages", "us-central1", "wheels")
Ask = Callable[[dict[str, str]], tuple[Kind, dict[str, Any]]]
Moments = list[tuple[float, str]]
"""Seconds since the creation of an object, and the port call then."""


def users(*names: str) -> list[dict[str, str]]:
    return [{"kind": "GoogleUser", "name": f"{name}@example.com"} for name in names]


def condition(fakes: Fakes, key: ObjectKey, kind: str) -> tuple[str, str]:
    status = fakes.cluster.objects[Kind.ACCESS, key]["status"]
    return next((row["status"], row["reason"]) for row in status["conditions"] if row["type"] == kind)


async def ready(**spec: Any) -> Simulation:
    """A Ready repository, and a namespace of another tenant."""
    fakes = Fakes()
    fakes.cluster.put_namespace("owners", projects="acme-packages", opted_in=True)
    fakes.cluster.put_namespace("strangers", opted_in=True)
    fakes.cluster.put(Kind.REPOSITORY, REPOSITORY, {"location": "us-central1", **spec})
    simulation = Simulation(fakes)
    await simulation.run(30.0)
    return simulation


def access(fakes: Fakes, name: str, *subjects: str) -> ObjectKey:
    key = ObjectKey("owners", name)
    fakes.cluster.put(Kind.ACCESS, key, {"repositoryRef": {"name": "wheels"}, "subjects": users(*subjects)})
    return key


async def test_a_rejected_member_leaks_no_other() -> None:
    """Bisection around a member that IAM rejects keeps the others ours, so that they are removed with their access."""
    simulation = await ready()
    fakes = simulation.fakes
    fakes.google.rejected_members = {"user:zoe@example.com"}
    key = access(fakes, "team", "ann", "bob", "zoe")
    await simulation.run(60.0)
    states = {row["member"]: row["state"] for row in fakes.cluster.objects[Kind.ACCESS, key]["status"]["grants"]}
    assert states == {
        "user:ann@example.com": "Granted",
        "user:bob@example.com": "Granted",
        "user:zoe@example.com": "Rejected",
    }
    fakes.cluster.delete(Kind.ACCESS, key)
    await simulation.run(60.0)
    assert fakes.google.policy(NAME).bindings == ()


async def test_a_rejected_member_is_reported_after_a_crash() -> None:
    """A member recorded before a crash and rejected after it is MemberRejected, not pending forever."""
    simulation = await ready()
    fakes = simulation.fakes
    key = access(fakes, "team", "zoe")
    body = fakes.cluster.objects[Kind.ACCESS, key]
    body["metadata"]["finalizers"] = [FINALIZER]
    grants = [{"role": Role.READER.iam, "member": "user:zoe@example.com", "state": "Recorded"}]
    body["status"] = {"observedGeneration": 1, "repository": NAME.full, "grants": grants}
    fakes.google.rejected_members = {"user:zoe@example.com"}
    simulation.boot()
    await simulation.run(60.0)
    assert condition(fakes, key, "Granted") == ("False", "MemberRejected")


async def test_an_access_without_finalizer_is_granted_nothing() -> None:
    """A policy pass woken by one access adds no grant for another one if nothing would revoke it again."""
    simulation = await ready()
    fakes = simulation.fakes
    first, second = access(fakes, "first", "ann"), access(fakes, "second", "bob")
    simulation.watch()
    await simulation.loop.reconcile(AccessKey(first))
    while not fakes.google.granted(NAME, "user:ann@example.com"):
        fakes.clock.advance(await simulation.loop.reconcile(PolicyKey(NAME)) or 0.0)
    assert not fakes.google.granted(NAME, "user:bob@example.com")
    assert FINALIZER not in fakes.cluster.objects[Kind.ACCESS, second]["metadata"].get("finalizers", [])


async def test_a_lost_annotation_opens_no_door() -> None:
    """While a repository's project is unknown, another tenant who requests Writer gets nothing and learns nothing."""
    simulation = await ready()
    fakes = simulation.fakes
    key = ObjectKey("strangers", "steal")
    reference = {"name": "wheels", "namespace": "owners"}
    subjects = [{"kind": "ServiceAccount", "name": "evil"}]
    fakes.cluster.put(Kind.ACCESS, key, {"repositoryRef": reference, "role": "Writer", "subjects": subjects})
    fakes.cluster.put_namespace("owners", projects="", opted_in=True)
    await simulation.run(60.0)
    assert fakes.google.policy(NAME).bindings == ()
    assert condition(fakes, key, "Ready") == ("False", "RefNotPermitted")


@pytest.mark.parametrize(
    "spec",
    [
        {"location": 7},
        {},
        {"location": "us-central1", "accessFrom": "everybody"},
        {"location": "us-central1", "mode": "Remote", "remote": {"url": "https://[x/"}},
        {
            "location": "us-central1",
            "cleanup": {"policies": [{"name": "a", "action": "Delete", "condition": {"olderThan": "d"}}]},
        },
    ],
)
async def test_a_malformed_repository_stalls_alone(spec: dict[str, Any]) -> None:
    """A malformed object stalls, allows no access, revokes nothing, and does not stop its neighbors."""
    simulation = await ready()
    fakes = simulation.fakes
    key = access(fakes, "team", "ann")
    await simulation.run(30.0)
    fakes.cluster.put(Kind.REPOSITORY, REPOSITORY, spec)
    fakes.cluster.put(Kind.REPOSITORY, ObjectKey("owners", "others"), {"location": "us-central1"})
    late = access(fakes, "late", "bob")
    await simulation.run(60.0)
    body = fakes.cluster.objects[Kind.REPOSITORY, REPOSITORY]
    reasons = {row["type"]: (row["status"], row["reason"]) for row in body["status"]["conditions"]}
    assert reasons["Stalled"] == ("True", "InvalidArgument")
    assert fakes.google.granted(NAME, "user:ann@example.com")
    assert not fakes.google.granted(NAME, "user:bob@example.com")
    assert condition(fakes, late, "Ready") == ("False", "RepositoryNotReady")
    other = fakes.cluster.objects[Kind.REPOSITORY, ObjectKey("owners", "others")]
    assert other["status"]["conditions"][0]["status"] == "True"
    fakes.cluster.delete(Kind.ACCESS, key)
    await simulation.run(60.0)
    assert not fakes.google.granted(NAME, "user:ann@example.com")


async def test_a_malformed_access_stalls_alone_and_is_released() -> None:
    """A malformed access keeps what it has, reports the error, and its deletion revokes everything."""
    simulation = await ready()
    fakes = simulation.fakes
    key = access(fakes, "team", "ann")
    await simulation.run(30.0)
    fakes.cluster.put(Kind.ACCESS, key, {"repositoryRef": {"name": "wheels"}, "role": "Emperor"})
    await simulation.run(60.0)
    assert condition(fakes, key, "Stalled") == ("True", "InvalidArgument")
    assert fakes.google.granted(NAME, "user:ann@example.com")
    fakes.cluster.delete(Kind.ACCESS, key)
    await simulation.run(60.0)
    assert fakes.google.policy(NAME).bindings == ()
    assert (Kind.ACCESS, key) not in fakes.cluster.objects


async def test_a_deleted_definition_loses_no_repository() -> None:
    """While the CRD is being deleted, release means Orphan, whatever the deletionPolicy is."""
    simulation = await ready(deletionPolicy="Delete")
    fakes = simulation.fakes
    fakes.cluster.definitions_deleting = {Kind.REPOSITORY}
    fakes.cluster.delete(Kind.REPOSITORY, REPOSITORY)
    await simulation.run(60.0)
    assert (Kind.REPOSITORY, REPOSITORY) not in fakes.cluster.objects
    assert fakes.google.repositories[NAME.full].labels == {}


async def test_a_release_that_comes_too_late_deletes_no_successor() -> None:
    """The object was released and made anew meanwhile, by another operator: the repository is the new one's."""
    simulation = await ready(deletionPolicy="Delete")
    cluster = simulation.fakes.cluster
    spec = cluster.objects[Kind.REPOSITORY, REPOSITORY]["spec"]
    cluster.delete(Kind.REPOSITORY, REPOSITORY)

    def anew(call: PortCall) -> None:
        body = cluster.objects[Kind.REPOSITORY, REPOSITORY]
        if call.name == "repositories.get" and "deletionTimestamp" in body["metadata"]:
            del cluster.objects[Kind.REPOSITORY, REPOSITORY]
            cluster.put(Kind.REPOSITORY, REPOSITORY, spec)

    simulation.fakes.calls.before = anew
    simulation.fakes.calls.clear()
    await simulation.run(60.0)
    assert "repositories.delete" not in simulation.fakes.calls.count()
    rows = cluster.objects[Kind.REPOSITORY, REPOSITORY]["status"]["conditions"]
    assert {"type": "Ready", "status": "True"}.items() <= next(r for r in rows if r["type"] == "Ready").items()


async def test_somebody_elses_repository_is_never_deleted() -> None:
    """Without our labels a repository is not changed, even under Delete."""
    fakes = Fakes()
    fakes.cluster.put_namespace("owners", projects="acme-packages", opted_in=True)
    fakes.google.plant(NAME, labels={"team": "others"}, description="theirs")
    fakes.cluster.put(
        Kind.REPOSITORY, REPOSITORY, {"location": "us-central1", "deletionPolicy": "Delete", "description": "x"}
    )
    simulation = Simulation(fakes)
    await simulation.run(60.0)
    fakes.cluster.delete(Kind.REPOSITORY, REPOSITORY)
    await simulation.run(60.0)
    assert (Kind.REPOSITORY, REPOSITORY) not in fakes.cluster.objects
    assert fakes.google.repositories[NAME.full].settings.description == "theirs"
    assert fakes.google.repositories[NAME.full].labels == {"team": "others"}


async def consuming() -> Simulation:
    """A Writer in another tenant's namespace, with its Secret."""
    simulation = await ready(accessFrom={"namespaces": ["strangers"], "roles": ["Writer"]})
    fakes = simulation.fakes
    fakes.cluster.service_accounts.add(("strangers", "ci"))
    spec = {
        "repositoryRef": {"name": "wheels", "namespace": "owners"},
        "role": "Writer",
        "subjects": [{"kind": "ServiceAccount", "name": "ci"}],
        "secret": {"name": "pip-config"},
    }
    fakes.cluster.put(Kind.ACCESS, ObjectKey("strangers", "use"), spec)
    await simulation.run(60.0)
    return simulation


async def test_no_token_follows_a_forged_url() -> None:
    """Whatever a status has for index and upload, files and probes use the repository's name."""
    simulation = await consuming()
    fakes = simulation.fakes
    before = dict(fakes.cluster.secrets["strangers", "pip-config"].data)
    assert "https://us-central1-python.pkg.dev/acme-packages/wheels/simple/" in before["pip.conf"]
    assert before["netrc"].startswith("machine us-central1-python.pkg.dev ")
    body = fakes.cluster.objects[Kind.REPOSITORY, REPOSITORY]
    forged = {"indexURL": "https://evil.example/simple/", "uploadURL": "https://evil.example/"}
    body["status"] = {**body["status"], **forged}
    fakes.cluster.touch(body)
    await simulation.run(30.0)
    simulation.boot()
    fakes.cluster.touch(body)
    await simulation.run(7200.0)
    after = dict(fakes.cluster.secrets["strangers", "pip-config"].data)
    assert before.keys() == after.keys()
    assert before["netrc"] != after["netrc"]  # It was refreshed meanwhile.
    assert not [key for key, text in after.items() if "evil" in text]
    assert not any("evil" in change for change in fakes.calls.changes)


async def test_no_token_follows_what_google_calls_the_repository() -> None:
    """The registry's URI is an answer like any other: URLs are built from the name."""
    simulation = await ready()
    fakes = simulation.fakes
    fakes.google.repositories[NAME.full] = replace(fakes.google.repositories[NAME.full], registry_uri="evil.example/x")
    simulation.boot()
    await simulation.run(60.0)
    status = fakes.cluster.objects[Kind.REPOSITORY, REPOSITORY]["status"]
    assert status["indexURL"] == "https://us-central1-python.pkg.dev/acme-packages/wheels/simple/"
    assert status["uploadURL"] == "https://us-central1-python.pkg.dev/acme-packages/wheels/"


async def test_a_secret_that_cannot_be_rendered_says_so() -> None:
    """If a URL must not receive a token there is no file, and the access reports it instead of failing silently."""
    fakes = Fakes(options=replace(OPTIONS, index_url_template="https://packages.example/{location}/\n{repository}/"))
    fakes.cluster.put_namespace("owners", projects="acme-packages", opted_in=True)
    fakes.cluster.service_accounts.add(("owners", "ci"))
    fakes.cluster.put(Kind.REPOSITORY, REPOSITORY, {"location": "us-central1"})
    key = ObjectKey("owners", "use")
    subjects = [{"kind": "ServiceAccount", "name": "ci"}]
    fakes.cluster.put(Kind.ACCESS, key, {"repositoryRef": {"name": "wheels"}, "subjects": subjects, "secret": {}})
    simulation = Simulation(fakes)
    await simulation.run(60.0)
    assert condition(fakes, key, "Distributed") == ("False", "TokenRefused")
    rows = fakes.cluster.objects[Kind.ACCESS, key]["status"]["conditions"]
    (message,) = [row["message"] for row in rows if row["type"] == "Distributed"]
    assert message == "The Secret is not written: index_url: a URL that must not receive a token."
    assert fakes.cluster.secrets == {}


ABSENT, CLOSED, NOWHERE = (
    {"name": "nothing", "namespace": "owners"},
    {"name": "wheels", "namespace": "owners"},
    {"name": "wheels", "namespace": "nowhere"},
)
RUNNER = [{"kind": "ServiceAccount", "name": "runner"}]


def reads(reference: dict[str, str]) -> tuple[Kind, dict[str, Any]]:
    return Kind.ACCESS, {"repositoryRef": reference, "subjects": RUNNER, "secret": {"name": "pip-config"}}


def writes(reference: dict[str, str]) -> tuple[Kind, dict[str, Any]]:
    return Kind.ACCESS, {"repositoryRef": reference, "subjects": RUNNER, "role": "Writer"}


def uploads(reference: dict[str, str]) -> tuple[Kind, dict[str, Any]]:
    secret = {"name": "pip-config", "uploadRepositoryRef": reference}
    return Kind.ACCESS, {"repositoryRef": {"name": "own"}, "subjects": RUNNER, "secret": secret}


def serves(reference: dict[str, str]) -> tuple[Kind, dict[str, Any]]:
    upstreams = [{"name": "theirs", "priority": 1, "repositoryRef": reference}]
    return Kind.REPOSITORY, {"location": "us-central1", "mode": "Virtual", "virtual": {"upstreams": upstreams}}


@pytest.mark.parametrize("other", [ABSENT, NOWHERE], ids=["no repository", "no namespace"])
@pytest.mark.parametrize("ask", [reads, writes, uploads, serves])
async def test_absent_and_forbidden_take_the_same_time(ask: Ask, other: dict[str, str]) -> None:
    """From the creation on, the same requests at the same moments: none of them tells that a repository exists."""
    answers = []
    for reference in (CLOSED, other):
        simulation = await ready()
        fakes = simulation.fakes
        fakes.cluster.put_namespace("strangers", projects="acme-packages", opted_in=True)
        fakes.cluster.service_accounts |= {("strangers", "runner")}
        fakes.cluster.put(Kind.REPOSITORY, ObjectKey("strangers", "own"), {"location": "europe-west1"})
        await simulation.run(30.0)
        moments: list[tuple[float, str]] = []
        begun = fakes.clock.elapsed()

        def log(call: PortCall, fakes: Fakes = fakes, begun: float = begun, to: Moments = moments) -> None:
            to.append((fakes.clock.elapsed() - begun, call.name))

        fakes.calls.before = log
        kind, spec = ask(reference)
        fakes.cluster.put(kind, ObjectKey("strangers", "ask"), spec)
        await simulation.run(900.0)
        status = fakes.cluster.objects[kind, ObjectKey("strangers", "ask")]["status"]
        assert "RefNotPermitted" in {row["reason"] for row in status["conditions"]}
        answers.append((moments, repr(status).replace("/".join(reversed(reference.values())), "REF")))
    assert answers[0] == answers[1]
    assert any(name == "objects.write_status" for _, name in answers[0][0])
