"""A cluster outside GKE, by settings: tokens are exchanged through the provider of a workload identity pool."""

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest
from support.kube import ACCESSES, Kube

from wheelhouse_local import environment, installation
from wheelhouse_local.constants import PROVIDER
from wheelhouse_local.state import COMPONENTS, Options
from wheelhouse_local.world import World

pytestmark = pytest.mark.e2e

READER = "roles/artifactregistry.reader"
POOL = PROVIDER.partition("/providers/")[0]
SETTINGS = {
    "WHEELHOUSE_WORKLOAD_IDENTITY_PROVIDER": PROVIDER,
    # This world's metadata server reports a GKE cluster.
    "WHEELHOUSE_WORKLOAD_IDENTITY_OVERRIDE": "true",
}


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kube]:
    """A world whose operator uses the provider, and whose admission policy allows its audience."""
    world = World(tmp_path_factory.mktemp("outside") / "world")
    world.up(Options(components=tuple(name for name in COMPONENTS if name != "operator")))
    try:
        installation.apply(world.state, lambda _line: None)
        name = ("validatingadmissionpolicy", "wheelhouse-tokens")
        policy = json.loads(world.kubectl("get", *name, "-o", "json").stdout)
        place = [each["name"] for each in policy["spec"]["variables"]].index("audience")
        value = f"'https://iam.googleapis.com/{PROVIDER}'"
        change = [{"op": "replace", "path": f"/spec/variables/{place}/expression", "value": value}]
        world.kubectl("patch", *name, "--type=json", "-p", json.dumps(change))
        environ = {**environment.base(), "HOME": str(world.state.home), **environment.operator_settings(world.state)}
        argv = [sys.executable, "-P", "-m", "wheelhouse", "run"]
        process = subprocess.Popen(argv, env=environ | SETTINGS, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
        try:
            yield Kube(world)
        finally:
            process.terminate()
            process.wait(20)
    finally:
        world.down(purge=True)


def test_a_serviceaccount_outside_gke_gets_its_token(outside: Kube) -> None:
    """The member has the form of Kubernetes' user names, the index accepts the token, and a selector works too."""
    outside.namespace("far")
    outside.namespace("far-b", place="far")
    outside.repository("far", "far")
    outside.reader("far", "reader", "far", "reader", secret="pip-config")
    subject = {"kind": "ServiceAccount", "name": "runner", "namespaceSelector": {"matchLabels": {"place": "far"}}}
    outside.access("far", "others", "far", subjects=[subject])
    outside.await_ready(ACCESSES, "far", "reader", "others")
    body = outside.get(ACCESSES, "far", "reader") or {}
    assert outside.condition(body, "Verified")["status"] == "True"
    member = f"principal://iam.googleapis.com/{POOL}/subject/system:serviceaccount"
    assert sorted(outside.members("far")[READER]) == [f"{member}:far-b:runner", f"{member}:far:reader"]
    assert body["status"]["grantSummary"] == "Reader: far/reader"
