"""Each example of manifests/examples/repositories as a user runs it: applied, Ready, changed, released."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from support import google
from support.kube import PROJECT, REPOSITORIES, Kube, await_that, full_name, principal

from wheelhouse_local import control

pytestmark = pytest.mark.e2e

EXAMPLES = Path(__file__).parents[2] / "manifests" / "examples" / "repositories"
OWNERSHIP = {"wheelhouse-cluster", "wheelhouse-object"}
KEPT = {"description": "by hand", "labels": {"theirs": "stays"}}


def nothing(_kube: Kube) -> None:
    """Some examples need no preparation."""


@dataclass(frozen=True)
class Story:
    """The preparation, a change, Google's state after it, and what is left after the release."""

    file: str
    change: dict[str, Any]
    shows: Callable[[dict[str, Any]], Any]
    expected: Any
    before: Callable[[Kube], None] = nothing
    left: bool = True


def condition_of(found: dict[str, Any]) -> dict[str, Any]:
    old: dict[str, Any] = found["cleanupPolicies"]["old-nightlies"]["condition"]
    return old


STORIES = [
    Story(
        "standard",
        {"labels": {"cost-center": None}, "description": "Wheels"},
        lambda found: (found["description"], _labels(found), found["vulnerabilityScanningConfig"]["enablementConfig"]),
        ("Wheels", {"team": "platform"}, "DISABLED"),
    ),
    Story(
        "remote-pypi",
        {"description": "mirror"},
        lambda found: (found["description"], found["remoteRepositoryConfig"]),
        ("mirror", {"pythonRepository": {"publicRepository": "PYPI"}}),
    ),
    Story(
        "remote-with-credentials",
        {
            "remote": {
                "credentials": {
                    "username": "acme-2",
                    "passwordSecretVersion": f"projects/{PROJECT}/secrets/mirror-password/versions/1",
                }
            }
        },
        lambda found: found["remoteRepositoryConfig"],
        {
            "commonRepository": {"uri": "https://wheels.partner.example/simple"},
            "upstreamCredentials": {
                "usernamePasswordCredentials": {
                    "username": "acme-2",
                    "passwordSecretVersion": f"projects/{PROJECT}/secrets/mirror-password/versions/1",
                }
            },
        },
        before=lambda kube: google.secret(kube, "mirror-password", "hunter2"),
    ),
    Story(
        "virtual",
        {"virtual": {"upstreams": [{"name": "private", "priority": 7, "repositoryRef": {"name": "private-wheels"}}]}},
        lambda found: found["virtualRepositoryConfig"]["upstreamPolicies"],
        [{"id": "private", "priority": 7, "repository": full_name("private-wheels")}],
    ),
    Story(
        "cmek",
        {"description": "with a key"},
        lambda found: (found["description"], found["kmsKeyName"].rpartition("/")[2]),
        ("with a key", "wheels"),
        before=lambda kube: google.key(kube, "packages", "wheels") and None,
    ),
    Story(
        "cleanup",
        {"cleanup": {"dryRun": False}},
        lambda found: (found.get("cleanupPolicyDryRun"), sorted(found["cleanupPolicies"]), condition_of(found)),
        (None, ["newest", "old-nightlies"], {"olderThan": "2592000s", "versionNamePrefixes": ["0.0."]}),
    ),
    Story(
        "observe",
        {"description": "never written"},
        lambda found: (found["description"], _labels(found)),
        ("by hand", {"theirs": "stays"}),
        before=lambda kube: google.create(kube, "kept-by-terraform", **KEPT),
    ),
    Story(
        "adopt",
        {"labels": {"team": "ml"}},
        lambda found: (found["description"], _labels(found)),
        ("by hand", {"theirs": "stays", "team": "ml"}),
        before=lambda kube: google.create(kube, "made-by-gcloud", **KEPT),
    ),
    Story(
        "delete-if-empty",
        {"description": "a preview"},
        lambda found: found["description"],
        "a preview",
        left=False,
    ),
]


def _labels(found: dict[str, Any]) -> dict[str, str]:
    return {key: value for key, value in found.get("labels", {}).items() if key not in OWNERSHIP}


def objects(file: str) -> Iterator[dict[str, Any]]:
    text = (EXAMPLES / f"{file}.yaml").read_text()
    return (each for each in yaml.safe_load_all(text) if each["kind"] == "PythonRepository")


def test_every_example_is_a_story() -> None:
    """Every file of the folder is tested."""
    assert {path.stem for path in EXAMPLES.iterdir()} == {story.file for story in STORIES}


@pytest.mark.parametrize("story", [story for story in STORIES if story.before is not nothing], ids=lambda it: it.file)
def test_an_example_says_what_it_needs(story: Story) -> None:
    """An example that needs preparation says at its top how it behaves in the local environment."""
    top = (EXAMPLES / f"{story.file}.yaml").read_text().partition("apiVersion")[0]
    assert "local environment" in top


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.file)
def test_story(kube: Kube, story: Story) -> None:
    """The unchanged file is applied and becomes Ready; its change is applied; its release leaves the right state."""
    story.before(kube)
    kube.world.kubectl("apply", "-f", str(EXAMPLES / f"{story.file}.yaml"))
    *others, last = objects(story.file)
    namespace, name = last["metadata"]["namespace"], last["metadata"]["name"]
    for each in (*others, last):
        kube.await_ready(REPOSITORIES, namespace, each["metadata"]["name"])
    body = kube.get(REPOSITORIES, namespace, name)
    assert body is not None
    assert body["status"]["mode"] == last["spec"].get("mode", "Standard")
    assert body["status"]["indexURL"].endswith(f"us-central1-python.pkg.dev/{PROJECT}/{name}/simple/")
    assert ("uploadURL" in body["status"]) is (body["status"]["mode"] == "Standard")
    kube.patch(REPOSITORIES, namespace, name, {"spec": story.change})
    kube.await_ready(REPOSITORIES, namespace, name)
    found = google.described(kube, name)
    assert found is not None
    assert story.shows(found) == story.expected
    for each in (last, *others):
        kube.delete(REPOSITORIES, namespace, each["metadata"]["name"])
        kube.await_gone(REPOSITORIES, namespace, each["metadata"]["name"])
    after = google.described(kube, name)
    assert (after is not None) is story.left
    assert not OWNERSHIP & set((after or {}).get("labels", {}))
    for each in (last, *others):  # Other tests of this world use the same files.
        assert kube.google("DELETE", f"v1/{full_name(each['metadata']['name'])}")[0] in {200, 404}


def test_a_repository_with_packages_stays_until_the_user_decides(kube: Kube) -> None:
    """DeleteIfEmpty with a package: NotEmpty with the remedies, Stalled; Orphan releases it with the package."""
    kube.namespace("filled")
    kube.repository("filled", "filled", deletionPolicy="DeleteIfEmpty")
    kube.await_ready(REPOSITORIES, "filled", "filled")
    base = kube.world.environment()["endpoints"]["index"]
    url = f"{base}us-central1-python.pkg.dev/{PROJECT}/filled/"
    google.upload(url, b"x", "a-1.0.zip", "a", "1.0", google.owner_authorization(kube))
    kube.delete(REPOSITORIES, "filled", "filled")
    body = kube.await_reason(REPOSITORIES, "filled", "filled", "NotEmpty")
    assert "Orphan" in kube.condition(body, "Ready")["message"]
    assert kube.condition(body, "Stalled")["status"] == "True"
    kube.patch(REPOSITORIES, "filled", "filled", {"spec": {"deletionPolicy": "Orphan"}})
    kube.await_gone(REPOSITORIES, "filled", "filled")
    assert google.ask(kube, "GET", f"{full_name('filled')}/packages")["packages"]


@pytest.mark.parametrize("policy", ["Orphan", "DeleteIfEmpty", "Delete"])
def test_a_repository_of_others_outlives_an_object_with_its_name(kube: Kube, policy: str) -> None:
    """Under every deletionPolicy a repository without our labels is unchanged, with its content."""
    name = f"foreign-{policy.lower()}"
    kube.namespace("foreign-owner")
    google.create(kube, name, **KEPT)
    before = google.described(kube, name)
    kube.repository("foreign-owner", name, deletionPolicy=policy)
    kube.await_reason(REPOSITORIES, "foreign-owner", name, "AlreadyExists")
    kube.delete(REPOSITORIES, "foreign-owner", name)
    kube.await_gone(REPOSITORIES, "foreign-owner", name)
    assert google.described(kube, name) == before


def test_consent_lost_leaves_the_rest(kube: Kube) -> None:
    """An upstream of another namespace is added and removed with its owner's consent; the others stay."""
    kube.namespace("giver")
    kube.namespace("taker")
    kube.repository("giver", "given", accessFrom={"namespaces": ["taker"]})
    kube.repository("taker", "own")
    upstreams = [
        {"name": "own", "priority": 2, "repositoryRef": {"name": "own"}},
        {"name": "given", "priority": 1, "repositoryRef": {"name": "given", "namespace": "giver"}},
    ]
    kube.repository("taker", "both", mode="Virtual", virtual={"upstreams": upstreams})
    kube.await_ready(REPOSITORIES, "taker", "both")

    def shown() -> set[str]:
        found = google.described(kube, "both") or {}
        return {each["id"] for each in found["virtualRepositoryConfig"].get("upstreamPolicies", ())}

    assert shown() == {"own", "given"}
    kube.repository("giver", "given")
    await_that(lambda: shown() == {"own"}, "the upstream to go")
    body = kube.await_reason(REPOSITORIES, "taker", "both", "RefNotPermitted")
    assert "spec.accessFrom" in kube.condition(body, "Ready")["message"]
    kube.repository("giver", "given", accessFrom={"namespaces": ["taker"]})
    kube.await_ready(REPOSITORIES, "taker", "both")
    assert shown() == {"own", "given"}


def test_the_service_agent_reads_nothing_without_consent(kube: Kube) -> None:
    """The confused deputy: another's repository by full name, by URL, and another's secret with an own URL."""
    kube.namespace("victim")
    kube.namespace("attacker")
    kube.repository("victim", "loot")
    kube.await_ready(REPOSITORIES, "victim", "loot")
    google.secret(kube, "victims-password", "hunter2")
    by_name = [{"name": "loot", "priority": 1, "repository": full_name("loot")}]
    kube.repository("attacker", "by-name", mode="Virtual", virtual={"upstreams": by_name})
    url = f"https://us-central1-python.pkg.dev/{PROJECT}/loot/"
    kube.repository("attacker", "by-url", mode="Remote", remote={"url": url})
    hidden = "https://python.us-central1.rep.pkg.dev/acme-packages/loot/"
    kube.repository("attacker", "by-other-url", mode="Remote", remote={"url": hidden})
    login = {"username": "a", "passwordSecretVersion": f"projects/{PROJECT}/secrets/victims-password/versions/1"}
    stolen = {"url": "https://attacker.example", "credentials": login, "validateUpstream": False}
    kube.repository("attacker", "by-secret", mode="Remote", remote=stolen)
    for name, reason in (
        ("by-name", "RefNotPermitted"),
        ("by-url", "RefNotPermitted"),
        ("by-other-url", "RefNotPermitted"),
        ("by-secret", "SecretNotAllowed"),
    ):
        kube.await_reason(REPOSITORIES, "attacker", name, reason)
        assert google.described(kube, name) is None
    other = [{"name": "x", "priority": 1, "repository": "projects/other-project/locations/us-central1/repositories/x"}]
    kube.repository("attacker", "by-project", mode="Virtual", virtual={"upstreams": other})
    kube.await_reason(REPOSITORIES, "attacker", "by-project", "RefNotPermitted")


def test_what_a_create_needs_of_the_service_agent_is_reported(kube: Kube) -> None:
    """A key without the grant: the command in a Warning Event and in the failure; once granted, a request fixes it."""
    kube.namespace("preflight")
    name = google.key(kube, "bare", "bare", granted=False)
    kube.repository("preflight", "keyed", kmsKeyName=name)
    body = kube.await_reason(REPOSITORIES, "preflight", "keyed", "InvalidArgument")
    command = (
        "gcloud kms keys add-iam-policy-binding bare --project=acme-packages --location=us-central1 --keyring=bare"
    )
    assert command in kube.condition(body, "Ready")["message"]
    events = kube.events("preflight", "keyed")
    assert any(each["reason"] == "KeyNotGranted" and command in each["note"] for each in events)
    google.grant(kube, name, "roles/cloudkms.cryptoKeyEncrypterDecrypter")
    kube.annotate(REPOSITORIES, "preflight", "keyed", "wheelhouse.dev/requested-at", "now")
    kube.await_ready(REPOSITORIES, "preflight", "keyed")
    body = kube.get(REPOSITORIES, "preflight", "keyed")
    assert body is not None
    assert body["status"]["lastHandledRequest"] == "now"


def test_suspended_means_untouched(kube: Kube) -> None:
    """While suspended no change is applied, and status and an Event report that; deletion still releases."""
    kube.namespace("paused")
    kube.repository("paused", "paused", description="before")
    kube.await_ready(REPOSITORIES, "paused", "paused")
    kube.repository("paused", "paused", description="after", suspend=True)
    body = kube.await_reason(REPOSITORIES, "paused", "paused", "Suspended")
    await_that(lambda: [e for e in kube.events("paused", "paused") if e["reason"] == "Suspended"], "the Event")
    # Ready stays True with the current generation, because otherwise GitOps tools would wait forever.
    assert kube.condition(body, "Ready")["status"] == "True"
    assert body["status"]["observedGeneration"] == body["metadata"]["generation"]
    assert "is not applied" in kube.condition(body, "Ready")["message"]
    assert (google.described(kube, "paused") or {})["description"] == "before"
    kube.repository("paused", "paused", description="after", suspend=False)
    kube.await_reason(REPOSITORIES, "paused", "paused", "Ready")
    assert (google.described(kube, "paused") or {})["description"] == "after"
    kube.repository("paused", "paused", description="last", suspend=True)
    kube.delete(REPOSITORIES, "paused", "paused")
    kube.await_gone(REPOSITORIES, "paused", "paused")
    assert not OWNERSHIP & set((google.described(kube, "paused") or {}).get("labels", {}))


def test_a_writer_of_a_virtual_is_not_writable(kube: Kube) -> None:
    """A Virtual repository accepts no uploads: NotWritable, and no grant."""
    kube.namespace("readonly-mode")
    kube.repository("readonly-mode", "only-shown", mode="Virtual", virtual={"upstreams": []})
    kube.await_ready(REPOSITORIES, "readonly-mode", "only-shown")
    kube.service_account("readonly-mode", "writer")
    subjects = [{"kind": "ServiceAccount", "name": "writer"}]
    kube.access("readonly-mode", "writer", "only-shown", role="Writer", subjects=subjects)
    kube.await_reason("repositoryaccesses", "readonly-mode", "writer", "NotWritable")
    assert kube.members("only-shown") == {}


def test_a_project_without_the_api(kube: Kube) -> None:
    """ApiDisabled with the command that fixes it, Stalled; then Ready at the next request."""
    control.project(kube.world.state, "no-api-yet", api=False, operatorRights=True)
    kube.namespace("no-api", projects="no-api-yet")
    kube.repository("no-api", "waiting-for-api")
    body = kube.await_reason(REPOSITORIES, "no-api", "waiting-for-api", "ApiDisabled")
    command = "gcloud services enable artifactregistry.googleapis.com --project=no-api-yet"
    assert command in kube.condition(body, "Ready")["message"]
    assert kube.condition(body, "Stalled")["status"] == "True"
    control.project(kube.world.state, "no-api-yet", api=True)
    kube.annotate(REPOSITORIES, "no-api", "waiting-for-api", "wheelhouse.dev/requested-at", "1")
    kube.await_ready(REPOSITORIES, "no-api", "waiting-for-api")


def test_a_project_that_goes_away(kube: Kube) -> None:
    """Objects in a project that is being deleted report that and the remedy, and can still be deleted."""
    control.project(kube.world.state, "going-away", api=True, operatorRights=True)
    kube.namespace("going", projects="going-away")
    kube.repository("going", "goes", deletionPolicy="Delete")
    kube.await_ready(REPOSITORIES, "going", "goes")
    control.project(kube.world.state, "going-away", action="delete")
    kube.annotate(REPOSITORIES, "going", "goes", "wheelhouse.dev/requested-at", "1")
    body = kube.await_reason(REPOSITORIES, "going", "goes", "InvalidArgument")
    assert "gcloud projects undelete going-away" in kube.condition(body, "Ready")["message"]
    kube.delete(REPOSITORIES, "going", "goes")
    kube.await_gone(REPOSITORIES, "going", "goes")


def test_writers_of_other_namespaces_by_consent(kube: Kube) -> None:
    """`accessFrom.roles` allows another namespace to write, and to administer packages; the default does not."""
    kube.namespace("generous")
    kube.namespace("guests", projects="")
    kube.repository("generous", "open", accessFrom={"namespaces": ["guests"], "roles": ["Writer", "RepoAdmin"]})
    kube.await_ready(REPOSITORIES, "generous", "open")
    kube.service_account("guests", "guest")
    subjects = [{"kind": "ServiceAccount", "name": "guest"}]
    for role in ("Writer", "RepoAdmin"):
        kube.access("guests", role.lower(), "open", of="generous", role=role, subjects=subjects)
        kube.await_ready("repositoryaccesses", "guests", role.lower())
    kube.access("guests", "reader", "open", of="generous", subjects=subjects)
    kube.await_reason("repositoryaccesses", "guests", "reader", "RefNotPermitted")
    granted = {f"roles/artifactregistry.{role}": [principal("guests", "guest")] for role in ("writer", "repoAdmin")}
    assert kube.members("open") == granted


def test_a_domain_scoped_project(kube: Kube) -> None:
    """The older form of a project's id, `example.com:proj`, from the annotation to the verified Secret."""
    control.project(kube.world.state, "acme.example:scoped", api=True, operatorRights=True)
    kube.namespace("scoped", projects="acme.example:scoped")
    kube.repository("scoped", "scoped-wheels")
    kube.reader("scoped", "reader", "scoped-wheels", "reader", secret="pip-config")
    kube.await_ready(REPOSITORIES, "scoped", "scoped-wheels")
    kube.await_ready("repositoryaccesses", "scoped", "reader")
    body = kube.get(REPOSITORIES, "scoped", "scoped-wheels")
    assert body is not None
    full = "projects/acme.example:scoped/locations/us-central1/repositories/scoped-wheels"
    assert body["status"]["repository"] == full
