"""The owner of a namespace with the real kubectl: what our admission policies allow, and which attacks fail."""

import base64
import json
import subprocess
import time
from typing import Any

import pytest
import yaml
from support.kube import ACCESSES, REPOSITORIES, Kube, await_that, full_name, principal

pytestmark = pytest.mark.e2e

READER = "roles/artifactregistry.reader"
NAMES = (("owned", "reader"), ("owned", "wanting"), ("victim", "reader"))
REQUESTED = "wheelhouse.dev/requested-at"
ACCOUNT = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "reader", "namespace": "owned"}}
OWNER = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "RoleBinding",
    "metadata": {"name": "owner", "namespace": "owned"},
    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
    "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "owner"}],
}
REPOSITORY = {
    "apiVersion": "wheelhouse.dev/v1alpha1",
    "kind": "PythonRepository",
    "metadata": {"name": "owned", "namespace": "owned"},
    "spec": {"location": "us-central1", "deletionPolicy": "Delete"},
}
ACCESS = {
    "apiVersion": "wheelhouse.dev/v1alpha1",
    "kind": "RepositoryAccess",
    "metadata": {"name": "reader", "namespace": "owned"},
    "spec": {
        "repositoryRef": {"name": "owned"},
        "subjects": [{"kind": "ServiceAccount", "name": "reader"}],
        "secret": {"name": "pip-config"},
    },
}


def owner(kube: Kube, *arguments: str, stdin: Any = None) -> subprocess.CompletedProcess[str]:
    """Run kubectl as a person with a RoleBinding to cluster-admin in the namespace `owned`."""
    text = None if stdin is None else json.dumps(stdin)
    return kube.world.kubectl("--as=owner", "-n", "owned", *arguments, stdin=text, check=False)


@pytest.fixture
def owned(kube: Kube) -> Kube:
    """A namespace, its owner, and a working access, all created by the owner."""
    kube.namespace("owned")
    kube.apply(OWNER)
    await_that(lambda: owner(kube, "apply", "-f", "-", stdin=ACCOUNT).returncode == 0, "the owner's rights")
    for manifest in (REPOSITORY, ACCESS):
        done = owner(kube, "apply", "-f", "-", stdin=manifest)
        assert done.returncode == 0, done.stderr
    kube.await_ready(ACCESSES, "owned", "reader")
    return kube


def test_an_owner_works_beside_the_policies(owned: Kube) -> None:
    """Apply, replace and delete work as before; a forged status and a removed finalizer have no effect."""
    forged = json.dumps({"status": {"observedGeneration": 1, "repository": "projects/p/locations/l/repositories/x"}})
    stripped = json.dumps({"metadata": {"finalizers": None}})
    for plural, name in ((REPOSITORIES, "owned"), (ACCESSES, "reader")):
        before = owned.get(plural, "owned", name)
        refused = owner(owned, "patch", plural, name, "--subresource=status", "--type=merge", "-p", forged)
        assert "Only Wheelhouse may write this status." in refused.stderr
        refused = owner(owned, "patch", plural, name, "--type=merge", "-p", stripped)
        assert "Only Wheelhouse may remove the finalizer" in refused.stderr
        assert owned.get(plural, "owned", name) == before
    edited = REPOSITORY | {"spec": {"location": "us-central1", "deletionPolicy": "Delete", "description": "applied"}}
    for arguments in (("apply",), ("apply", "--server-side", "--force-conflicts")):
        done = owner(owned, *arguments, "-f", "-", stdin=edited)
        assert done.returncode == 0, done.stderr
    # An object that kubectl read and sends back keeps the finalizer; a bare manifest has none.
    got = yaml.safe_load(owner(owned, "get", REPOSITORIES, "owned", "-o", "yaml").stdout)
    got["spec"]["description"] = "replaced"
    done = owner(owned, "replace", "-f", "-", stdin=got)
    assert done.returncode == 0, done.stderr
    refused = owner(owned, "replace", "-f", "-", stdin=REPOSITORY)
    assert "use kubectl apply, which keeps it" in refused.stderr
    owned.await_ready(REPOSITORIES, "owned", "owned")
    # Force is a delete and a create: the operator releases the old object in between.
    done = owner(owned, "replace", "--force", "--timeout=60s", "-f", "-", stdin=ACCESS)
    assert done.returncode == 0, done.stderr
    owned.await_ready(ACCESSES, "owned", "reader")
    assert owned.members("owned") == {READER: [principal("owned", "reader")]}
    assert owner(owned, "delete", ACCESSES, "reader", "--timeout=60s").returncode == 0
    assert owned.members("owned") == {}
    assert owner(owned, "delete", REPOSITORIES, "owned", "--timeout=60s").returncode == 0
    assert owned.get(REPOSITORIES, "owned", "owned") is None


@pytest.fixture
def victim(kube: Kube) -> str:
    """Another team's access, with a grant and a Secret; the access's uid."""
    kube.namespace("victim")
    kube.repository("victim", "victim")
    kube.reader("victim", "reader", "victim", "reader", secret="pip-config")
    kube.await_ready(ACCESSES, "victim", "reader")
    uid: str = (kube.get(ACCESSES, "victim", "reader") or {})["metadata"]["uid"]
    return uid


def untouched(kube: Kube) -> tuple[Any, ...]:
    """The other team's objects and grants."""
    return kube.members("victim"), kube.secret("victim", "pip-config"), kube.ready(ACCESSES, "victim", "reader")


def bait(name: str, uid: str) -> dict[str, Any]:
    """A Secret with all the markers of the other team's access."""
    labels = {
        "app.kubernetes.io/managed-by": "wheelhouse",
        "wheelhouse.dev/access": "reader",
        "wheelhouse.dev/access-namespace": "victim",
        "wheelhouse.dev/access-uid": uid,
    }
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": "owned", "labels": labels},
        "type": "wheelhouse.dev/pip-config",
        "data": {"netrc": base64.b64encode(b"bait").decode()},
    }


def marks(kube: Kube, name: str) -> set[str]:
    """The namespaces of the accesses in the markers of one of the owner's Secrets."""
    _, body = kube.world.api().call("GET", f"/api/v1/namespaces/owned/secrets/{name}")
    uids = {(kube.get(ACCESSES, space, each) or {}).get("metadata", {}).get("uid"): space for space, each in NAMES}
    managers = {each["manager"].removeprefix("wheelhouse.") for each in body["metadata"]["managedFields"]}
    labels = body["metadata"]["labels"]
    return {uids[uid] for uid in managers & uids.keys()} | {labels["wheelhouse.dev/access-namespace"]}


def request(kube: Kube, namespace: str, value: str) -> None:
    """Request a new token, and wait for it."""
    before = kube.secret(namespace, "pip-config")
    kube.annotate(ACCESSES, namespace, "reader", REQUESTED, value)
    await_that(lambda: kube.secret(namespace, "pip-config") != before, "a new token")


def test_markers_of_another_access_gain_nothing(owned: Kube, victim: str) -> None:
    """Another team's field manager, label and owner reference on a tenant's own Secrets move no token."""
    before = untouched(owned)
    foreign = ("apply", "--server-side", "--force-conflicts", f"--field-manager=wheelhouse.{victim}", "-f", "-")
    for name in ("bait", "left"):
        assert owner(owned, *foreign, stdin=bait(name, victim)).returncode == 0
    wanting = ACCESS | {"metadata": {"name": "wanting", "namespace": "owned"}}
    wanting["spec"] = {**wanting["spec"], "secret": {"name": "bait"}}
    assert owner(owned, "apply", "-f", "-", stdin=wanting).returncode == 0
    # No access of another namespace can have a Secret here: its markers are like any other edit.
    owned.await_ready(ACCESSES, "owned", "wanting")
    assert marks(owned, "bait") == marks(owned, "pip-config") == {"owned"}
    reference = {"apiVersion": ACCESS["apiVersion"], "kind": "RepositoryAccess", "name": "reader", "uid": victim}
    added = [{"op": "add", "path": "/metadata/ownerReferences/-", "value": reference}]
    done = owner(owned, "patch", "secret", "pip-config", "--type=json", "-p", json.dumps(added))
    assert done.returncode == 0, done.stderr
    request(owned, "owned", "after the owner reference")
    assert untouched(owned) == before
    assert owner(owned, *foreign, stdin=bait("pip-config", victim)).returncode == 0
    request(owned, "owned", "after the manager")
    # The write takes over the fields, and a second request removes the other manager's entry.
    await_that(lambda: marks(owned, "pip-config") == {"owned"}, "the other manager's entry to be removed")
    assert untouched(owned) == before
    for name in ("wanting", "reader"):
        assert owner(owned, "delete", ACCESSES, name, "--timeout=60s").returncode == 0
    assert owned.members("owned") == {}
    assert untouched(owned) == before
    # The other team's access still works, and its deletion removes nothing of the owner's.
    request(owned, "victim", "as ever")
    owned.delete(ACCESSES, "victim", "reader")
    owned.await_gone(ACCESSES, "victim", "reader")
    assert owned.secret("victim", "pip-config") is None
    assert owned.secret("owned", "left") == {"netrc": "bait"}
    assert owner(owned, "delete", "secret", "left").returncode == 0


@pytest.mark.slow
def test_requests_in_a_loop_mint_one_token_in_30_seconds(owned: Kube) -> None:
    """With `requested-at` changed repeatedly, the tenant's mints stay 30 seconds apart."""
    until = time.monotonic() + 45
    with owned.counted("owned") as counts:
        number = 0
        while time.monotonic() < until:
            number += 1
            done = owner(owned, "annotate", "--overwrite", ACCESSES, "reader", f"{REQUESTED}={number}")
            assert done.returncode == 0, done.stderr
    assert number > 10
    assert 1 <= counts["create serviceaccounts/token"] == counts["Sts.Token"] <= 2
    assert counts["patch secrets"] <= 2
    assert counts["ArtifactRegistry.SetIamPolicy"] == counts["ArtifactRegistry.CreateRepository"] == 0


@pytest.mark.parametrize("down", [False, True], ids=["running", "down"])
def test_a_forged_status_gains_nothing(owned: Kube, victim: str, down: bool) -> None:
    """A status that a cluster administrator forged adds no grant, sends no token elsewhere, and removes nothing."""
    before = untouched(owned)
    # Another access has the same grant: it stays in use while the forged record of it is corrected.
    beside = ACCESS | {"metadata": {"name": "wanting", "namespace": "owned"}}
    beside["spec"] = {**beside["spec"], "secret": {"name": "bait"}}
    assert owner(owned, "apply", "-f", "-", stdin=beside).returncode == 0
    owned.await_ready(ACCESSES, "owned", "wanting")
    stolen = [{"role": READER, "member": principal("victim", "reader"), "state": "Granted"}]
    secret = {"name": "pip-config", "namespaces": ["victim"], "identity": "victim/reader"}
    evil = {"indexURL": "https://evil.example/simple/", "uploadURL": "https://evil.example/"}
    if down:
        owned.world.stop("operator")
    for plural, name, status in (
        (REPOSITORIES, "owned", {"repository": full_name("victim"), **evil}),
        (ACCESSES, "reader", {"repository": full_name("victim"), "grants": stolen, "secret": secret}),
    ):
        patch = json.dumps({"status": status})
        owned.world.kubectl("patch", plural, name, "-n", "owned", "--subresource=status", "--type=merge", "-p", patch)
    if down:
        owned.world.start("operator")
    for plural, name in ((REPOSITORIES, "owned"), (ACCESSES, "reader")):

        def healed(plural: str = plural, name: str = name) -> bool:
            return (owned.get(plural, "owned", name) or {})["status"]["repository"] == full_name("owned")

        await_that(healed, f"the status of {name} to be right again")
    request(owned, "owned", f"after the forgery {down}")
    assert "evil.example" not in str(owned.secret("owned", "pip-config"))
    assert "evil.example" not in str(owned.get(REPOSITORIES, "owned", "owned"))
    assert owned.members("owned") == {READER: [principal("owned", "reader")]}
    assert untouched(owned) == before
    assert owner(owned, "delete", ACCESSES, "reader", "wanting", "--timeout=60s").returncode == 0
    assert owned.secret("owned", "pip-config") is None
    assert untouched(owned) == before
    assert owned.members("owned") == {}
    assert owner(owned, "delete", REPOSITORIES, "owned", "--timeout=60s").returncode == 0
