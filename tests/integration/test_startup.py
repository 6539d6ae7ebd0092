"""A new operator on an older installation: not ready, with the reason, until an administrator applies our manifests."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace

import pytest
from support.kube import await_that

from wheelhouse.api.schema import SCHEMA_ANNOTATION
from wheelhouse.clients.kubernetes.installed import POLICIES, POLICY_ANNOTATION
from wheelhouse_local import components, health, installation
from wheelhouse_local.state import COMPONENTS, Options
from wheelhouse_local.supervisor import Supervisor
from wheelhouse_local.world import World

DEFINITIONS = ("pythonrepositories.wheelhouse.dev", "repositoryaccesses.wheelhouse.dev")
POLICY = "validatingadmissionpolicy"


def downgrade(world: World) -> None:
    """Restore the state of the release before versions: no annotations, three policies, no permission to read them."""
    world.kubectl("annotate", "crd", *DEFINITIONS, f"{SCHEMA_ANNOTATION}-")
    world.kubectl("annotate", POLICY, *POLICIES, f"{POLICY_ANNOTATION}-")
    new = ("wheelhouse-status", "wheelhouse-finalizer", "wheelhouse-namespaces")
    world.kubectl("delete", f"{POLICY},{POLICY}binding", *new)
    role = json.loads(world.kubectl("get", "clusterrole", "wheelhouse-operator", "-o", "json").stdout)
    rules = [rule for rule in role["rules"] if "admissionregistration.k8s.io" not in rule["apiGroups"]]
    assert len(rules) == len(role["rules"]) - 1
    world.kubectl("patch", "clusterrole", "wheelhouse-operator", "--type=merge", "-p", json.dumps({"rules": rules}))


@pytest.fixture
def old(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world with an older installation, in which the operator runs and is not ready."""
    world = World(tmp_path_factory.mktemp("an older installation"))
    world.up(Options(components=tuple(name for name in COMPONENTS if name != "operator")))
    try:
        downgrade(world)
        supervisor = Supervisor(world.state)
        with world.state.lock():
            port = supervisor.claim_ports(["operator"])["operator"]
            operator = components.operator(world.state, world.state.load().ports)
            # World.start would wait until it is ready.
            supervisor.start(replace(operator, ready=lambda: health.listens(port)))
        yield world
    finally:
        world.down(purge=True)


def complaint(world: World) -> str:
    """The complaint of the readiness probe; empty if it is ready."""
    url = f"http://127.0.0.1:{world.state.load().ports['operator']}/readyz"
    try:
        with urllib.request.urlopen(url, timeout=5):
            return ""
    except urllib.error.HTTPError as error:
        return error.read().decode() if error.code == 503 else ""


def test_applying_fixes_an_older_installation(old: World) -> None:
    """Each older object is named in turn, and the operator becomes ready by an apply alone, without a restart."""
    root = installation.sources()
    pid = old.pid("operator")
    options = ("apply", "--server-side", "--force-conflicts", "--field-manager=wheelhouse-local")
    await_that(lambda: "Apply crds/ first." in complaint(old), "the operator to miss the definitions")
    assert DEFINITIONS[0] in complaint(old)
    old.kubectl(*options, "-k", str(root / "crds"))
    await_that(lambda: "cannot read ValidatingAdmissionPolicy" in complaint(old), "the operator to miss a right")
    old.kubectl(*options, "-f", str(root / "manifests/base/rbac.yaml"))
    words = f"{POLICIES[0]} is older than this operator"
    await_that(lambda: words in complaint(old), "the operator to find old policies")
    old.kubectl("annotate", POLICY, *POLICIES[:3], f"{POLICY_ANNOTATION}=99")
    await_that(lambda: "wheelhouse-status does not exist" in complaint(old), "the operator to miss a policy")
    assert "Apply manifests/base." in complaint(old)
    installation.apply(old.state, lambda _line: None)
    await_that(lambda: not complaint(old), "the operator to be ready")
    assert old.pid("operator") == pid
    log = old.state.log("operator").read_text()
    # Each complaint is logged once, however often it is checked.
    assert log.count("Apply crds/ first.") == 1
    assert log.count("wheelhouse-status does not exist") == 1
