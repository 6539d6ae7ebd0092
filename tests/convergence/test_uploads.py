"""`secret.uploadRepositoryRef`: one Secret installs from one repository and uploads to another that consents."""

import tomllib
from typing import Any

import pytest
from convergence.scenes import PULL, access, condition, living_token, owners, reason
from convergence.secret_scenes import HOUR, asked_data, edit, fail, heal, mints, secret, token
from convergence.simulation import Crash, Simulation
from fakes.calls import PortCall

from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.objects import Kind
from wheelhouse.errors import Refused, Unavailable

TARGET = ObjectKey("team-b", "uploads")
THERE = RepositoryName("b-packages", "europe-west1", "uploads")
URL = "https://europe-west1-python.pkg.dev/b-packages/uploads/"
REFERENCE = {"name": "uploads", "namespace": "team-b"}
CONSENT = {"namespaces": ["owners"], "roles": ["Reader", "Writer"]}
SECRET = {"name": "pip", "uploadRepositoryRef": REFERENCE}
REMOTE = {"mode": "Remote", "remote": {"upstream": "PyPI"}}
MINUTE = 60.0
TELLTALES = ("b-packages", "europe-west1")
"""What only the other team knows: the project and the location of its repository."""


async def world(
    target: dict[str, Any] | None = None, own: dict[str, Any] | None = None, **accesses: Any
) -> tuple[Simulation, ObjectKey]:
    """Namespace `owners` installs from its own repository, and wants to upload to one of `team-b`."""
    simulation = await owners(accessFrom={"namespaces": []}, **(own or {}))
    cluster = simulation.fakes.cluster
    cluster.put_namespace("team-b", projects="b-packages", opted_in=True)
    declare(simulation, {"accessFrom": CONSENT} if target is None else target)
    if target is None:
        grant(simulation)
    await simulation.run(30)
    key = access(simulation, "owners", "one", **{"subjects": PULL, "secret": SECRET, **accesses})
    await simulation.run(30)
    return simulation, key


def declare(simulation: Simulation, spec: dict[str, Any]) -> None:
    """Write the repository of team-b."""
    simulation.fakes.cluster.put(
        Kind.REPOSITORY, TARGET, {"location": "europe-west1", "adoptionPolicy": "IfUnmanaged", **spec}
    )


def grant(simulation: Simulation) -> None:
    """Let the ServiceAccount upload: an access of team-b grants the role Writer."""
    pull = {"kind": "ServiceAccount", "name": "pull", "namespace": "owners"}
    spec = {"repositoryRef": {"name": "uploads"}, "role": "Writer", "subjects": [pull]}
    simulation.fakes.cluster.put(Kind.ACCESS, ObjectKey("team-b", "writer"), spec)


def uploads(simulation: Simulation, namespace: str = "owners") -> str | None:
    """Where clients upload to; every file of the Secret agrees."""
    data = secret(simulation, namespace).data
    toml = tomllib.loads(data["uv.toml"])
    url: str | None = toml.get("publish-url")
    indexes = [index for index in toml["index"] if "publish-url" in index]
    assert [index["publish-url"] for index in indexes] == ([url] if url else [])
    assert (".pypirc" in data) is (url is not None)
    repositories = [table["url"] for table in tomllib.loads(data["pdm.toml"]).get("repository", {}).values()]
    assert repositories == ([url] if url else [])
    if url is not None:
        assert f"repository = {url}\n" in data[".pypirc"]
        assert url.split("/")[2] in data["netrc"]
    return url


def recorded(simulation: Simulation, key: ObjectKey) -> str | None:
    """The upload repository in status."""
    found: str | None = simulation.fakes.cluster.objects[Kind.ACCESS, key]["status"]["secret"].get("uploadRepository")
    return found


def telltales(simulation: Simulation, key: ObjectKey) -> list[str]:
    """What the Secrets, the status and the Events of an access have from the other team."""
    shown = [str(stored.data) for stored in simulation.fakes.cluster.secrets.values()]
    shown += [str(simulation.fakes.cluster.objects[Kind.ACCESS, key]["status"])]
    shown += [each.note for each in simulation.fakes.cluster.events if each.key == key]
    return [word for word in TELLTALES if any(word in text for text in shown)]


async def test_one_secret_installs_here_and_uploads_there() -> None:
    """Two hosts in netrc, two indexes in uv.toml, the section of the upload repository, one write, no extra grant."""
    simulation, key = await world()
    found = token(simulation)
    assert reason(simulation, key) == "Ready"
    assert uploads(simulation) == URL
    assert secret(simulation).data == {
        "index-url": "https://us-central1-python.pkg.dev/acme-packages/wheels/simple/",
        "pip.conf": "[global]\nindex-url = https://us-central1-python.pkg.dev/acme-packages/wheels/simple/\n",
        "netrc": "".join(
            f"machine {host}-python.pkg.dev login oauth2accesstoken password {found}\n"
            for host in ("us-central1", "europe-west1")
        ),
        "uv.toml": f'publish-url = "{URL}"\n\n[[index]]\nname = "wheels"\n'
        'url = "https://us-central1-python.pkg.dev/acme-packages/wheels/simple/"\ndefault = true\n'
        'authenticate = "always"\n\n[[index]]\nname = "uploads"\n'
        f'url = "{URL}simple/"\nexplicit = true\nauthenticate = "always"\npublish-url = "{URL}"\n',
        ".pypirc": f"[distutils]\nindex-servers =\n    uploads\n\n[uploads]\nrepository = {URL}\n"
        f"username = oauth2accesstoken\npassword = {found}\n",
        "pdm.toml": '[pypi]\nurl = "https://us-central1-python.pkg.dev/acme-packages/wheels/simple/"\n\n'
        f'[repository.uploads]\nurl = "{URL}"\n',
    }
    assert recorded(simulation, key) == THERE.full
    assert simulation.fakes.calls.count()["secrets.apply"] == 1
    assert recorded(simulation, key) not in str(simulation.fakes.cluster.objects[Kind.ACCESS, key]["status"]["grants"])


REFUSED: dict[str, dict[str, Any]] = {
    "of another namespace without consent": {},
    "that allows only readers": {"accessFrom": {"namespaces": ["owners"]}},
    "that allows another namespace": {"accessFrom": {"namespaces": ["team"], "roles": ["Writer"]}},
    "whose accessFrom is malformed": {"accessFrom": "everyone"},
}


@pytest.mark.parametrize("spec", REFUSED.values(), ids=REFUSED)
async def test_without_consent_nothing_of_the_other_team_is_shown(spec: dict[str, Any]) -> None:
    """The Secret is written and refreshed without uploads; the message is the one for a repository that is absent."""
    simulation, key = await world(spec)
    await simulation.run(2 * HOUR)
    refused = condition(simulation, key, "ResolvedRefs")
    assert uploads(simulation) is None
    assert living_token(simulation, "owners")
    assert telltales(simulation, key) == []
    simulation.fakes.cluster.delete(Kind.REPOSITORY, TARGET)
    await simulation.run(HOUR)
    assert condition(simulation, key, "ResolvedRefs") == refused
    assert refused is not None
    assert (refused.status, refused.reason) == ("False", "RefNotPermitted")
    assert refused.message.startswith("spec.secret.uploadRepositoryRef: PythonRepository team-b/uploads does not exist")


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("spec", REFUSED.values(), ids=REFUSED)
async def test_lost_consent_removes_uploads_within_a_minute(spec: dict[str, Any], *, restart: bool) -> None:
    """Also while no operator runs; the rest stays, with the same token where the process still has it."""
    simulation, key = await world()
    before, minted = token(simulation), mints(simulation)
    declare(simulation, spec)
    if restart:
        simulation.boot()
    await simulation.run(MINUTE)
    if spec.get("accessFrom") == "everyone":  # What the owner wants is not known.
        assert uploads(simulation) == URL
        return
    assert uploads(simulation) is None
    assert telltales(simulation, key) == []
    assert (token(simulation) == before) is not restart
    assert mints(simulation) == minted + restart
    assert reason(simulation, key) == "RefNotPermitted"
    declare(simulation, {"accessFrom": CONSENT})
    await simulation.run(MINUTE)
    assert (uploads(simulation), reason(simulation, key, "ResolvedRefs")) == (URL, "ResolvedRefs")


async def test_a_label_of_the_namespace_is_consent() -> None:
    """A selector in accessFrom admits the namespace, and no longer does when the label is removed."""
    selector = {"namespaceSelector": {"matchLabels": {"team": "ml"}}, "roles": ["Writer"]}
    simulation, _ = await world({"accessFrom": selector})
    cluster = simulation.fakes.cluster
    for labels, expected in (({}, None), ({"team": "ml"}, URL), ({}, None)):
        cluster.put_namespace("owners", projects="acme-packages", opted_in=True, **labels)
        await simulation.run(MINUTE)
        assert uploads(simulation) == expected


@pytest.mark.parametrize("restart", [False, True])
async def test_a_repository_that_comes_later_is_added(*, restart: bool) -> None:
    """Until then the Secret lacks only the uploads."""
    simulation, key = await world({})
    simulation.fakes.cluster.delete(Kind.REPOSITORY, TARGET)
    await simulation.run(HOUR)
    assert uploads(simulation) is None
    declare(simulation, {"accessFrom": CONSENT})
    if restart:
        simulation.boot()
    await simulation.run(MINUTE)
    assert (uploads(simulation), reason(simulation, key, "ResolvedRefs")) == (URL, "ResolvedRefs")


async def test_a_replaced_repository_changes_nothing() -> None:
    """`kubectl replace --force` takes seconds: the Secret keeps its uploads, and no request is made for it."""
    simulation, _ = await world()
    simulation.fakes.calls.clear()
    simulation.fakes.cluster.delete(Kind.REPOSITORY, TARGET)
    await simulation.run(10)
    declare(simulation, {"accessFrom": CONSENT})
    await simulation.run(MINUTE)
    assert uploads(simulation) == URL
    assert not [call for call in simulation.fakes.calls.log if asked_data(call)]


@pytest.mark.parametrize("policy", ["Orphan", "Delete"])
async def test_a_deleted_repository_takes_its_uploads_along(policy: str) -> None:
    """Within a minute; the Secret is refreshed as before."""
    simulation, key = await world({"accessFrom": CONSENT, "deletionPolicy": policy})
    simulation.fakes.cluster.delete(Kind.REPOSITORY, TARGET)
    await simulation.run(MINUTE)
    assert (uploads(simulation), recorded(simulation, key)) == (None, None)
    assert telltales(simulation, key) == []
    await simulation.run(2 * HOUR)
    assert living_token(simulation, "owners")


UNUSABLE: dict[str, dict[str, Any]] = {
    "suspended": {"accessFrom": CONSENT, "suspend": True},
    "malformed": {"accessFrom": CONSENT, "description": 7},
    "malformed with its accessFrom": {"accessFrom": 7},
}


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("spec", UNUSABLE.values(), ids=UNUSABLE)
async def test_what_the_owner_did_not_withdraw_stays(spec: dict[str, Any], *, restart: bool) -> None:
    """A repository that is suspended or malformed later keeps the uploads that exist, also through a restart."""
    simulation, _ = await world()
    declare(simulation, spec)
    for _ in range(2):
        await simulation.run(2 * HOUR)
        assert uploads(simulation) == URL
        assert living_token(simulation, "owners")
        if restart:
            simulation.boot()
    await simulation.run(MINUTE)
    assert uploads(simulation) == URL


async def test_a_repository_that_lost_its_project_stays() -> None:
    """As for grants: without the annotation of its Namespace nothing is added, and nothing removed."""
    simulation, _ = await world()
    simulation.fakes.cluster.put_namespace("team-b", projects="", opted_in=True)
    for _ in range(2):
        await simulation.run(HOUR)
        assert uploads(simulation) == URL
        simulation.boot()
    await simulation.run(MINUTE)
    assert uploads(simulation) == URL


@pytest.mark.parametrize("name", ["suspended", "malformed"])
async def test_a_repository_that_is_not_usable_is_not_added(name: str) -> None:
    """It is reported, and the Secret is written without it."""
    simulation, key = await world(UNUSABLE[name])
    assert uploads(simulation) is None
    row = condition(simulation, key, "ResolvedRefs")
    assert row is not None
    assert row.reason == "RepositoryNotReady"
    assert telltales(simulation, key) == []
    declare(simulation, {"accessFrom": CONSENT})
    await simulation.run(MINUTE)
    assert (uploads(simulation), reason(simulation, key, "ResolvedRefs")) == (URL, "ResolvedRefs")


async def test_only_a_standard_repository_is_named() -> None:
    """A Remote one accepts no uploads; the condition says so at once."""
    simulation, key = await world({"accessFrom": CONSENT, **REMOTE})
    assert uploads(simulation) is None
    row = condition(simulation, key, "ResolvedRefs")
    assert row is not None
    assert (row.reason, "is Remote, which does not accept uploads" in row.message) == ("NotWritable", True)
    assert living_token(simulation, "owners")


async def test_an_absent_repository_of_the_own_namespace_is_called_absent() -> None:
    """The own namespace may know."""
    simulation, key = await world(secret={"name": "pip", "uploadRepositoryRef": {"name": "later"}})
    row = condition(simulation, key, "ResolvedRefs")
    assert row is not None
    assert (row.reason, "there is no PythonRepository later" in row.message) == ("RepositoryNotFound", True)
    assert uploads(simulation) is None


async def test_a_repository_of_the_own_namespace_needs_no_consent() -> None:
    """As for grants."""
    simulation, key = await world(secret={"name": "pip", "uploadRepositoryRef": {"name": "mine"}})
    spec = {"location": "us-central1"}
    simulation.fakes.cluster.put(Kind.REPOSITORY, ObjectKey("owners", "mine"), spec)
    await simulation.run(MINUTE)
    assert uploads(simulation) == "https://us-central1-python.pkg.dev/acme-packages/mine/"
    assert reason(simulation, key, "ResolvedRefs") == "ResolvedRefs"
    assert secret(simulation).data["netrc"].count("machine") == 1


async def test_the_repository_of_installs_can_be_named() -> None:
    """One index, as for a writer."""
    simulation, _ = await world(secret={"name": "pip", "uploadRepositoryRef": {"name": "wheels"}})
    assert uploads(simulation) == "https://us-central1-python.pkg.dev/acme-packages/wheels/"
    assert secret(simulation).data["uv.toml"].count("[[index]]") == 1


async def test_a_writer_without_consent_does_not_upload_elsewhere() -> None:
    """The Secret of a writer of a Standard repository does not fall back to that one."""
    simulation, _ = await world({}, role="Writer")
    assert uploads(simulation) is None


async def test_a_changed_reference_is_followed() -> None:
    """Added, changed and removed: each is written at once, with the token that is there."""
    simulation, key = await world(secret={"name": "pip"})
    simulation.fakes.cluster.put(Kind.REPOSITORY, ObjectKey("owners", "mine"), {"location": "us-central1"})
    before = token(simulation)
    for reference, expected in (
        (REFERENCE, URL),
        ({"name": "mine"}, "https://us-central1-python.pkg.dev/acme-packages/mine/"),
        ({"name": "absent"}, None),
        (REFERENCE, URL),
        (None, None),
    ):
        edit(simulation, key, secret={"name": "pip"} | ({"uploadRepositoryRef": reference} if reference else {}))
        await simulation.run(15)
        assert uploads(simulation) == expected
    assert token(simulation) == before


@pytest.mark.parametrize("restart", [False, True])
async def test_suspend_keeps_uploads_while_their_owner_agrees(*, restart: bool) -> None:
    """A changed reference waits, also through a restart; consent that ends is not waited for."""
    simulation, key = await world()
    edit(simulation, key, suspend=True, secret={"name": "pip", "uploadRepositoryRef": {"name": "wheels"}})
    for _ in range(2):
        await simulation.run(HOUR)
        if restart:
            simulation.boot()
    await simulation.run(MINUTE)
    assert uploads(simulation) == URL
    assert "is not applied" in str(condition(simulation, key, "Ready"))
    declare(simulation, {})
    await simulation.run(MINUTE)
    assert uploads(simulation) is None
    assert telltales(simulation, key) == []


async def test_a_malformed_access_keeps_uploads_while_their_owner_agrees() -> None:
    """As for its grants."""
    simulation, key = await world()
    edit(simulation, key, role="Emperor")
    await simulation.run(2 * HOUR)
    assert (uploads(simulation), living_token(simulation, "owners")) == (URL, True)
    declare(simulation, {})
    await simulation.run(MINUTE)
    assert uploads(simulation) is None
    assert living_token(simulation, "owners")


async def test_a_secret_that_cannot_be_written_does_not_stay() -> None:
    """Without a grant there is no token to write it with: it is deleted once the other owner withdraws the consent."""
    simulation, key = await world(own=REMOTE)
    edit(simulation, key, role="Writer")  # NotWritable: the access loses its grants.
    await simulation.run(MINUTE)
    assert reason(simulation, key) == "NotWritable"
    assert uploads(simulation) == URL
    declare(simulation, {})
    await simulation.run(MINUTE)
    assert simulation.fakes.cluster.secrets == {}
    assert telltales(simulation, key) == []


async def test_a_fan_out_names_only_a_repository_of_its_namespace() -> None:
    """The owner of another one has not consented to what other namespaces see."""
    shared = SECRET | {"namespaces": ["owners", "team"], "serviceAccountName": "pull"}
    simulation, key = await world(secret=shared)
    assert (uploads(simulation), uploads(simulation, "team")) == (None, None)
    assert reason(simulation, key, "ResolvedRefs") == "FanOutNotAllowed"
    assert telltales(simulation, key) == []
    simulation.fakes.cluster.put(Kind.REPOSITORY, ObjectKey("owners", "mine"), {"location": "us-central1"})
    edit(simulation, key, secret=shared | {"uploadRepositoryRef": {"name": "mine"}})
    await simulation.run(MINUTE)
    own = "https://us-central1-python.pkg.dev/acme-packages/mine/"
    assert (uploads(simulation), uploads(simulation, "team")) == (own, own)
    assert reason(simulation, key, "ResolvedRefs") == "ResolvedRefs"
    simulation.fakes.cluster.delete(Kind.REPOSITORY, ObjectKey("owners", "mine"))
    await simulation.run(MINUTE)
    assert (uploads(simulation), uploads(simulation, "team")) == (None, None)
    assert living_token(simulation, "team")


@pytest.mark.parametrize("spec", [{}, {"accessFrom": CONSENT, "suspend": True}], ids=["forbidden", "suspended"])
async def test_status_alone_names_no_repository(spec: dict[str, Any]) -> None:
    """A status that another client wrote is not believed, while the operator runs and before it starts."""
    simulation, key = await world(spec)
    for starts in (False, True):
        body = simulation.fakes.cluster.objects[Kind.ACCESS, key]
        body["status"]["secret"]["uploadRepository"] = (
            "projects/evil-packages/locations/us-central1/repositories/wheels"
        )
        simulation.fakes.cluster.touch(body)
        if starts:
            simulation.boot()
        await simulation.run(HOUR)
        assert uploads(simulation) is None
        assert recorded(simulation, key) is None
        assert not [text for text in secret(simulation).data.values() if "evil" in text]


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_crash_at_the_write_loses_no_removal(moment: str) -> None:
    """Consent ends right after a process wrote uploads and died: the next one knows that it must remove them."""
    simulation, key = await world({})

    def crash(call: PortCall) -> None:
        if call.name == "secrets.apply" and not call.kwargs.get("dry_run") and URL in str(call.args[0].data):
            setattr(simulation.fakes.calls, moment, None)
            declare(simulation, {})
            raise Crash

    setattr(simulation.fakes.calls, moment, crash)
    declare(simulation, {"accessFrom": CONSENT})
    await simulation.run(MINUTE)
    assert getattr(simulation.fakes.calls, moment) is None
    await simulation.run(MINUTE)
    assert uploads(simulation) is None
    assert telltales(simulation, key) == []


async def test_ready_needs_the_role_writer() -> None:
    """Verified says what is missing; a later grant is found within 90 seconds, without a write of the Secret."""
    simulation, key = await world({"accessFrom": CONSENT})
    assert uploads(simulation) == URL
    told = []
    for _ in range(40):
        row = condition(simulation, key, "Verified")
        assert row is not None
        assert "may not upload to the repository of spec.secret.uploadRepositoryRef" in row.message
        told.append(row.reason)
        await simulation.run(MINUTE)
    assert list(dict.fromkeys(told)) == ["Propagating", "Refused"]
    assert told.index("Refused") in {15, 16}
    version = secret(simulation).version
    grant(simulation)
    await simulation.run(90)
    assert reason(simulation, key) == "Ready"
    assert secret(simulation).version == version
    assert telltales(simulation, key)  # What it shows while there is consent.
    declare(simulation, {})
    await simulation.run(MINUTE)
    assert telltales(simulation, key) == []


async def test_a_token_is_asked_about_the_upload_repository_once() -> None:
    """As about the index: again after a drift interval. Without the field, nothing is asked."""
    simulation, key = await world()
    asked = simulation.fakes.calls.count()["index.may_upload"]
    assert asked == simulation.fakes.calls.count()["index.probe"] == 1
    await simulation.run(600)
    assert simulation.fakes.calls.count()["index.may_upload"] == 2
    edit(simulation, key, secret={"name": "pip"})
    await simulation.run(HOUR)
    assert simulation.fakes.calls.count()["index.may_upload"] == 2


async def test_an_outage_of_the_question_is_no_refusal() -> None:
    """Ready stays for 15 minutes, as for the index."""
    simulation, key = await world()
    fail(simulation, "index.may_upload", Unavailable("503"))
    await simulation.run(20 * MINUTE)
    assert reason(simulation, key) == "Ready"
    await simulation.run(15 * MINUTE)
    assert reason(simulation, key, "Verified") == "Unavailable"
    heal(simulation)
    await simulation.run(2 * MINUTE)
    assert reason(simulation, key) == "Ready"


async def test_uploads_that_wait_for_a_token_are_no_edit() -> None:
    """Consent came while no operator ran, and Google issues no token for a while: nobody edited the Secret."""
    simulation, _ = await world({})
    declare(simulation, {"accessFrom": CONSENT})
    simulation.boot()
    fail(simulation, "tokens.mint", Unavailable("503"))
    await simulation.run(5 * MINUTE)
    assert uploads(simulation) is None
    heal(simulation)
    await simulation.run(5 * MINUTE)
    assert uploads(simulation) == URL
    assert not [each for each in simulation.fakes.cluster.events if each.reason == "SecretEdited"]


@pytest.mark.parametrize("spec", [{"suspend": True}, {"suspend": "nonsense"}])
async def test_a_spec_that_waits_takes_no_uploads_away(spec: dict[str, Any]) -> None:
    """A writer's own uploads stay while an edit that adds the reference is not applied, also after a restart."""
    simulation, key = await world(role="Writer", secret={"name": "pip"})
    before = uploads(simulation)
    edit(simulation, key, **spec, secret={**SECRET, "serviceAccountName": "pull"})
    await simulation.run(MINUTE)
    simulation.boot()
    await simulation.run(HOUR)
    assert uploads(simulation) == before is not None


async def test_a_secret_that_is_still_elsewhere_names_no_repository_of_another_team() -> None:
    """Its removal is refused, the reference comes, and the access is suspended: the other namespace learns nothing."""
    fan_out = {"name": "pip", "namespaces": ["owners", "a"], "identityFrom": "AccessNamespace"}
    simulation, key = await world(secret=fan_out)
    simulation.fakes.cluster.put_namespace("a", opted_in=True)
    await simulation.run(MINUTE)
    fail(simulation, "secrets.delete", Refused("A webhook denies it."))
    edit(simulation, key, secret=SECRET)
    await simulation.run(MINUTE)
    edit(simulation, key, suspend=True)
    await simulation.run(5 * MINUTE)
    assert uploads(simulation, "a") is None
    assert not any(word in str(dict(secret(simulation, "a").data)) for word in TELLTALES)
    heal(simulation)
    edit(simulation, key, suspend=False)
    await simulation.run(5 * MINUTE)
    assert ("a", "pip") not in simulation.fakes.cluster.secrets
    assert uploads(simulation) == URL
