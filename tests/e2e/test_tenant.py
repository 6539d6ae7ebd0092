"""The owner of a namespace with the real kubectl: what works beside our admission policies, and what they refuse."""

import json
import subprocess
from typing import Any

import pytest
import yaml
from support.kube import ACCESSES, REPOSITORIES, Kube, await_that, principal

pytestmark = pytest.mark.e2e

READER = "roles/artifactregistry.reader"
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
    """A namespace, its owner, and an access that works, all made by the owner."""
    kube.namespace("owned")
    kube.world.kubectl("create", "rolebinding", "owner", "-n", "owned", "--clusterrole=cluster-admin", "--user=owner")
    await_that(lambda: owner(kube, "create", "serviceaccount", "reader").returncode == 0, "the owner's rights")
    for manifest in (REPOSITORY, ACCESS):
        done = owner(kube, "apply", "-f", "-", stdin=manifest)
        assert done.returncode == 0, done.stderr
    kube.await_ready(ACCESSES, "owned", "reader")
    return kube


def test_an_owner_works_beside_the_policies(owned: Kube) -> None:
    """Apply, replace and delete work as before; a forged status and a stripped finalizer change and remove nothing."""
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
    # What kubectl got and sends back keeps the finalizer; a bare manifest has none.
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
