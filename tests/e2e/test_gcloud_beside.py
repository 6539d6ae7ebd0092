"""Wheelhouse and the real gcloud: both create the same repository, and gcloud's changes are reverted."""

import json
from pathlib import Path
from typing import Any

import pytest
from support import google
from support.gcloud import artifacts
from support.kube import PROJECT, REPOSITORIES, Kube, await_that, full_name

from wheelhouse_local.state import Options
from wheelhouse_local.world import World

pytestmark = [pytest.mark.e2e, pytest.mark.gcloud]

DRIFT_INTERVAL = 3.0
HERE = "--location=us-central1"


@pytest.fixture(scope="module")
def watchful(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A world whose operator checks for drift every three seconds."""
    world = World(tmp_path_factory.mktemp("gcloud"))
    world.up(Options(settings={"WHEELHOUSE_DRIFT_INTERVAL": str(DRIFT_INTERVAL), "WHEELHOUSE_CREATE_INTERVAL": "0.1"}))
    yield Kube(world)
    world.down(purge=True)


def gcloud(kube: Kube, *arguments: str) -> str:
    return artifacts(kube, "repositories", *arguments)


def described(kube: Kube, name: str) -> dict[str, Any]:
    """The description from gcloud, without name, times and ownership labels; upstreams have no order."""
    found: dict[str, Any] = json.loads(gcloud(kube, "describe", name, HERE, "--format=json"))
    for field in ("name", "createTime", "updateTime", "registryUri"):
        found.pop(field)
    found["vulnerabilityScanningConfig"].pop("lastEnableTime")
    labels = {key: value for key, value in found.pop("labels", {}).items() if not key.startswith("wheelhouse-")}
    policies = found.get("virtualRepositoryConfig", {}).get("upstreamPolicies", [])
    policies.sort(key=lambda policy: policy["id"])
    return {**found, "labels": labels}


CLEANUP = [
    {"name": "old", "action": {"type": "Delete"}, "condition": {"olderThan": "30d", "packageNamePrefixes": ["acme-"]}},
    {"name": "new", "action": {"type": "Keep"}, "mostRecentVersions": {"keepCount": 3}},
]
SPEC_CLEANUP = {
    "dryRun": True,
    "policies": [{**policy, "action": policy["action"]["type"]} for policy in CLEANUP],  # type: ignore[index]  # JSON
}


def test_standard(watchful: Kube, tmp_path: Path) -> None:
    """Description, labels, scanning, cleanup policies with dry run."""
    watchful.namespace("same")
    policies = tmp_path / "policies.json"
    policies.write_text(json.dumps(CLEANUP))
    gcloud(
        watchful,
        *("create", "by-gcloud", HERE, "--repository-format=python", "--description=Wheels", "--labels=team=a"),
        "--disable-vulnerability-scanning",
    )
    gcloud(watchful, "set-cleanup-policies", "by-gcloud", HERE, f"--policy={policies}", "--dry-run")
    watchful.repository(
        *("same", "by-wheelhouse"),
        description="Wheels",
        labels={"team": "a"},
        vulnerabilityScanning="Disabled",
        cleanup=SPEC_CLEANUP,
    )
    watchful.await_ready(REPOSITORIES, "same", "by-wheelhouse")
    assert described(watchful, "by-wheelhouse") == described(watchful, "by-gcloud")


def test_remote(watchful: Kube) -> None:
    """PyPI, and another index with a user and a secret's version."""
    secret = f"projects/{PROJECT}/secrets/mirror"
    watchful.namespace("same")
    google.secret(watchful, "mirror", "hunter2")
    watchful.world.kubectl("annotate", "namespace", "same", f"wheelhouse.dev/upstream-secrets={secret}")
    create = ("create", "--repository-format=python", "--mode=remote-repository", HERE)
    gcloud(watchful, *create, "pypi-by-gcloud", "--remote-python-repo=PYPI")
    gcloud(
        watchful,
        *create,
        *("mirror-by-gcloud", "--remote-python-repo=https://a.example/simple", "--disable-remote-validation"),
        *("--remote-username=ann", f"--remote-password-secret-version={secret}/versions/1"),
    )
    watchful.repository("same", "pypi-by-wheelhouse", mode="Remote", remote={"upstream": "PyPI"})
    login = {"username": "ann", "passwordSecretVersion": f"{secret}/versions/1"}
    remote = {"url": "https://a.example/simple", "validateUpstream": False, "credentials": login}
    watchful.repository("same", "mirror-by-wheelhouse", mode="Remote", remote=remote)
    watchful.await_ready(REPOSITORIES, "same", "pypi-by-wheelhouse", "mirror-by-wheelhouse")
    for name in ("pypi", "mirror"):
        assert described(watchful, f"{name}-by-wheelhouse") == described(watchful, f"{name}-by-gcloud")


def test_virtual(watchful: Kube, tmp_path: Path) -> None:
    """Upstreams with their priorities, and none at all."""
    watchful.namespace("same")
    watchful.repository("same", "private")
    watchful.await_ready(REPOSITORIES, "same", "private")
    upstreams = tmp_path / "upstreams.json"
    upstreams.write_text(json.dumps([{"id": "private", "repository": full_name("private"), "priority": 9}]))
    create = ("create", "--repository-format=python", "--mode=virtual-repository", HERE)
    gcloud(watchful, *create, "all-by-gcloud", f"--upstream-policy-file={upstreams}")
    spec = {"upstreams": [{"name": "private", "priority": 9, "repositoryRef": {"name": "private"}}]}
    watchful.repository("same", "all-by-wheelhouse", mode="Virtual", virtual=spec)
    watchful.await_ready(REPOSITORIES, "same", "all-by-wheelhouse")
    assert described(watchful, "all-by-wheelhouse") == described(watchful, "all-by-gcloud")


def test_drift_is_restored_with_an_event(watchful: Kube, tmp_path: Path) -> None:
    """Description, label, cleanup policy and upstreams: the next check reverts gcloud's changes, with Events."""
    watchful.namespace("drift")
    watchful.repository("drift", "drifting", description="wanted", labels={"team": "a"}, cleanup=SPEC_CLEANUP)
    spec = {"upstreams": [{"name": "drifting", "priority": 9, "repositoryRef": {"name": "drifting"}}]}
    watchful.repository("drift", "drifting-all", mode="Virtual", virtual=spec)
    watchful.await_ready(REPOSITORIES, "drift", "drifting", "drifting-all")
    before, before_all = described(watchful, "drifting"), described(watchful, "drifting-all")
    gcloud(watchful, "update", "drifting", HERE, "--description=theirs", "--update-labels=team=b,theirs=stays")
    policies = tmp_path / "policies.json"
    policies.write_text(json.dumps(CLEANUP[:1]))
    gcloud(watchful, "set-cleanup-policies", "drifting", HERE, f"--policy={policies}", "--no-dry-run")
    upstreams = tmp_path / "upstreams.json"
    upstreams.write_text(json.dumps([{"id": "drifting", "repository": full_name("drifting"), "priority": 1}]))
    gcloud(watchful, "update", "drifting-all", HERE, f"--upstream-policy-file={upstreams}")
    expected = {**before, "labels": {"team": "a", "theirs": "stays"}}
    await_that(lambda: described(watchful, "drifting") == expected, "the repository to be restored")
    await_that(lambda: described(watchful, "drifting-all") == before_all, "the upstreams to be restored")
    notes = [each["note"] for name in ("drifting", "drifting-all") for each in watchful.events("drift", name)]
    for words in (
        "description was changed elsewhere from 'wanted' to 'theirs'",
        "labels.team was changed elsewhere from 'a' to 'b'",
        "cleanup.policies was changed elsewhere from new (Keep), old (Delete) to old (Delete)",
        "cleanup.dryRun was changed elsewhere from true to false",
        f"virtual.upstreams was changed elsewhere from drifting={full_name('drifting')}@9 to",
    ):
        assert any(words in note for note in notes), (words, notes)
