"""`wheelhouse local` from end to end, in a path with spaces.

The control plane is real; the emulated Google, the operator and the manifests are small stand-ins (stand_ins/) in a
separate checkout, so that these tests only cover the world around them.
"""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import wheelhouse
import wheelhouse_local
from wheelhouse_local import processes
from wheelhouse_local.state import COMPONENTS, State
from wheelhouse_local.world import World

ROOT = Path(__file__).parents[2]
COMPONENT = "manifests/components/pod-injection"
STAND_INS = Path(__file__).with_name("stand_ins")
ENV_KEYS = {
    "kubeconfig",
    "project",
    "projectNumber",
    "workloadIdentityPool",
    "accessTokenFile",
    "caFile",
    "location",
    "endpoints",
    "operator",
}

ENDPOINTS = {
    "artifactRegistry",
    "artifactRegistryGrpc",
    "resourceManager",
    "serviceUsage",
    "secretManager",
    "kms",
    "iam",
    "iamCredentials",
    "sts",
    "metadata",
    "index",
}


class Checkout:
    """A copy of the local world with stand-ins, and one world's state."""

    def __init__(self, root: Path) -> None:
        self.world = World(root / "a state")
        self.source = root / "operator"
        local = self.source / "wheelhouse_local"
        ignored = shutil.ignore_patterns("google", "__pycache__")
        shutil.copytree(Path(wheelhouse_local.__file__).parent, local, ignore=ignored)
        self._place("google_process.py", local / "google" / "__main__.py")
        self._place("operator_process.py", self.source / "wheelhouse" / "__main__.py")
        # Otherwise an installed `wheelhouse` would come before this one.
        (self.source / "wheelhouse" / "__init__.py").touch()
        product = Path(wheelhouse.__file__).parent
        shutil.copy(product / "settings.py", self.source / "wheelhouse")
        shutil.copytree(product / "domain", self.source / "wheelhouse/domain")  # The grammars of settings.
        for name, folder in (("crds", root / "crds"), ("manifests", root / "manifests" / "overlays" / "local")):
            self._place(f"{name}.yaml", folder / "all.yaml")
            (folder / "kustomization.yaml").write_text("resources: [all.yaml]\n")
        shutil.copytree(ROOT / COMPONENT, root / COMPONENT)
        with (folder / "kustomization.yaml").open("a") as overlay:
            overlay.write(f"components: [../../../{COMPONENT}]\n")

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start a command of `wheelhouse local`."""
        state = () if "--state" in arguments else ("--state", str(self.world.state.root))
        argv = [sys.executable, "-m", "wheelhouse_local", *arguments, *state]
        env = {**os.environ, "PYTHONPATH": str(self.source), "GOOGLE_APPLICATION_CREDENTIALS": "/my/own.json"}
        # A shell's background jobs ignore SIGINT, and their children inherit that.
        return subprocess.Popen(
            argv,
            env=env,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def run(self, *arguments: str, code: int = 0) -> str:
        """Run a command of `wheelhouse local`, expect this exit status, and return its output."""
        process = self.start(*arguments)
        out, err = process.communicate()
        assert process.returncode == code, out + err
        return out if code == 0 else out + err

    @staticmethod
    def _place(name: str, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(STAND_INS / name, path)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    return Checkout(tmp_path_factory.mktemp("a checkout"))


@pytest.fixture
def up(checkout: Checkout) -> Checkout:
    """The running world; the first test starts it, and a later one restarts what an earlier one stopped."""
    checkout.run("up", "--detach", "--token-lifetime", "2m", "--set", "drift-interval=7")
    return checkout


@pytest.fixture(scope="module", autouse=True)
def _ended(checkout: Checkout) -> Iterator[None]:
    yield
    checkout.world.down(purge=True)


def test_up_on_a_running_world_says_so(up: Checkout) -> None:
    """A second up starts nothing, reports that it is running, and exits 0, with or without --detach."""
    pids = {name: up.world.pid(name) for name in COMPONENTS}
    assert all(pids.values())
    assert "is already running" in up.run("up")
    assert {name: up.world.pid(name) for name in COMPONENTS} == pids


def test_env_is_for_programs(up: Checkout) -> None:
    """The JSON has the keys that others rely on, and omits endpoints that do not exist."""
    document = json.loads(up.run("env", "--json"))
    assert set(document) == ENV_KEYS
    assert set(document["endpoints"]) == ENDPOINTS
    assert document["operator"]["pid"] == up.world.pid("operator")
    assert Path(document["accessTokenFile"]).read_text() == "owner"


def test_env_is_for_shells(up: Checkout, tmp_path: Path) -> None:
    """A shell that evals it has the wheel's kubectl and this world's API server, whatever its path contains."""
    script = tmp_path / "script"
    script.write_text(f"{up.run('env')}\nkubectl get namespace wheelhouse-system -o name; command -v kubectl; env")
    printed = subprocess.run(["/bin/sh", script], capture_output=True, text=True, check=True).stdout
    name, kubectl, *variables = printed.splitlines()
    assert name == "namespace/wheelhouse-system"
    assert kubectl == str(Path(sys.executable).with_name("kubectl"))
    found = dict(line.partition("=")[::2] for line in variables)
    registry = json.loads(up.run("env", "--json"))["endpoints"]["artifactRegistry"]
    assert found["CLOUDSDK_API_ENDPOINT_OVERRIDES_ARTIFACTREGISTRY"] == registry
    assert registry.endswith("/")
    assert found["CLOUDSDK_CORE_PROJECT"] == "acme-packages"
    assert f"http://{found['WHEELHOUSE_INDEX_HOST']}/" == json.loads(up.run("env", "--json"))["endpoints"]["index"]


def test_env_can_be_undone(up: Checkout, tmp_path: Path) -> None:
    """A shell that evals --unset has neither the variables nor the folder of kubectl, and otherwise its own PATH."""
    command = f'"{sys.executable}" -m wheelhouse_local env --state "{up.world.state.root}"'
    script = tmp_path / "script"
    script.write_text(f'set -e\neval "$({command})"\neval "$({command} --unset)"\nenv\n')
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(up.source)}
    printed = subprocess.run(["/bin/sh", script], env=env, capture_output=True, text=True, check=True).stdout
    found = dict(line.partition("=")[::2] for line in printed.splitlines())
    assert found["PATH"] == os.environ["PATH"]
    assert found.keys() - {"PWD", "SHLVL", "_", "OLDPWD"} == env.keys()


def test_changed_definitions_are_applied_to_a_running_world(up: Checkout) -> None:
    """A second up applies crds/ and the manifests again, and says so; nothing is restarted."""
    definition = up.source.parent / "crds/all.yaml"
    before, pids = definition.read_text(), {name: up.world.pid(name) for name in COMPONENTS}
    document = yaml.safe_load(before)
    document["metadata"]["labels"] = {"changed": "again"}
    definition.write_text(yaml.safe_dump(document))
    assert "with the current CRDs and manifests" in up.run("up")
    definition.write_text(before)
    name = document["metadata"]["name"]
    shown = up.world.kubectl("get", "crd", name, "-o", "jsonpath={.metadata.labels.changed}").stdout
    assert shown == "again"
    assert {name: up.world.pid(name) for name in COMPONENTS} == pids


def test_status_is_for_programs(up: Checkout) -> None:
    """The JSON has the state, process and log of each component."""
    document = json.loads(up.run("status", "--json"))
    assert document["directory"] == str(up.world.state.root)
    assert [row["name"] for row in document["components"]] == list(COMPONENTS)
    assert {row["state"] for row in document["components"]} == {"running"}
    assert document["components"][0]["pid"] == up.world.pid("etcd")
    assert Path(document["components"][0]["log"]).exists()


def test_up_prints_what_a_person_needs(checkout: Checkout) -> None:
    """After it is ready: how to use it and how to stop it, without the endpoints, which env prints."""
    checkout.run("down")
    said = checkout.run("up", "--detach").splitlines()
    root = shlex.quote(str(checkout.world.state.root))
    assert len(said) == 4
    assert said[0].startswith("Ready in ")
    assert said[1] == f'  eval "$(wheelhouse local env --state {root})"'
    assert f"`wheelhouse local down --state {root}` stops it." in said[3]
    checkout.run("down")


def test_ctrl_c_ends_logs_quietly(up: Checkout) -> None:
    """The exit status is that of an interrupted command, and no message follows the log."""
    process = up.start("logs", "operator", "--follow")
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=10)[1] == ""
    assert process.returncode == 130


def test_the_operator_has_its_own_identity_only(up: Checkout) -> None:
    """It has its ServiceAccount's kubeconfig and its settings, and nothing of the caller's home or credentials."""
    seen = dict(line.partition("=")[::2] for line in up.run("logs", "operator").splitlines())
    assert seen["KUBECONFIG"] == str(up.world.operator_kubeconfig)
    assert seen["WHEELHOUSE_DRIFT_INTERVAL"] == "7"
    assert seen["WHEELHOUSE_INDEX_URL_TEMPLATE"].endswith("/{location}-python.pkg.dev/{project}/{repository}/")
    assert seen["HOME"] == str(up.world.state.home)
    assert "GOOGLE_APPLICATION_CREDENTIALS" not in seen
    told = up.run("env", "--operator")
    assert told.startswith("unset GOOGLE_APPLICATION_CREDENTIALS\n")
    assert f"export GCE_METADATA_HOST={seen['GCE_METADATA_HOST']}\n" in told


def test_what_was_killed_is_seen_and_started_again(up: Checkout) -> None:
    """Status reports that the operator died and exits 1; restart starts it again, and nothing else is changed."""
    google = up.world.pid("google")
    up.world.kill("operator")
    assert "operator    died  (wheelhouse local restart operator)" in up.run("status", code=1)
    assert "operator is running, pid" in up.run("restart", "operator")
    assert "died" not in up.run("status")
    assert up.world.pid("google") == google


def test_tokens_and_policies_reach_the_emulated_google(up: Checkout, tmp_path: Path) -> None:
    """The owner's token is used; a bare repository name is completed; an unknown identity is rejected before."""
    assert up.run("token", "--as", "ksa:team-a/reader") == "ksa:team-a/reader for 120 s\n"
    assert "is not a known identity: use ksa:NAMESPACE/NAME" in up.run("token", "--as", "somebody", code=1)
    (tmp_path / "policy.yaml").write_text("bindings: []")
    up.run("policy", "team-wheels", str(tmp_path / "policy.yaml"))
    recorded = [json.loads(line) for line in up.run("requests", "--json").splitlines()]
    full = "projects/acme-packages/locations/us-central1/repositories/team-wheels"
    assert recorded[-1]["body"] == {"resource": full, "policy": {"bindings": []}}
    assert up.run("requests", "--json", "--since", "1h") == ""


def test_the_operators_requests_are_listed(up: Checkout) -> None:
    """The audit log has the operator's requests and their answers, in RBAC's terms."""
    assert up.run("requests", "--kubernetes", "--json") == "", (
        "the stand-in sent no request, and no other client is listed"
    )
    operator = ("--kubeconfig", str(up.world.operator_kubeconfig))
    up.world.kubectl(*operator, "get", "secret", "anything", "-n", "wheelhouse-system", check=False)
    asked = [json.loads(line) for line in up.run("requests", "--kubernetes", "--json").splitlines()][-1]
    assert asked.pop("time").startswith("20")
    assert asked.pop("ms") > 0
    assert asked == {
        "caller": "system:serviceaccount:wheelhouse-system:wheelhouse-operator",
        "service": "Kubernetes",
        "method": "get secrets",
        "resource": "/api/v1/namespaces/wheelhouse-system/secrets/anything",
        "status": "403",
    }


def test_ctrl_c_ends_a_world_in_the_foreground(checkout: Checkout) -> None:
    """Up shows the operator's log until it is interrupted, and then leaves no process."""
    checkout.run("down")
    process = checkout.start("up")
    assert process.stdout is not None
    shown = iter(process.stdout.readline, "")
    assert any(line.startswith("WHEELHOUSE_HTTP_PORT=") for line in shown)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    assert [checkout.world.pid(name) for name in COMPONENTS] == [None] * len(COMPONENTS)
    process.communicate()


def test_an_interrupted_first_up_leaves_nothing(checkout: Checkout, tmp_path: Path) -> None:
    """Ctrl-C while it starts: no process, no directory, one word, and the status of an interrupted command."""
    process = checkout.start("up", "--state", str(tmp_path / "new"))
    assert process.stderr is not None
    assert any(line == "Starting apiserver\n" for line in process.stderr)
    recorded = State(tmp_path / "new").load().processes
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60)[1].splitlines()[-1] == "Interrupted."
    assert process.returncode == 130
    assert "etcd" in recorded
    assert not any(processes.alive(one) for one in recorded.values())
    assert not (tmp_path / "new").exists()


def test_a_component_that_fails_is_shown_and_nothing_stays(checkout: Checkout) -> None:
    """Up exits 1 with the end of that component's log, and stops what it started."""
    checkout.run("down")
    broken = checkout.world.state.google / "broken"
    broken.touch()
    said = checkout.run("up", "--detach", code=1)
    broken.unlink()
    assert "google ended while it started" in said
    assert "the stand-in has no more paper" in said
    assert [checkout.world.pid(name) for name in COMPONENTS] == [None] * len(COMPONENTS)


def test_without_the_operator(checkout: Checkout) -> None:
    """--no-operator leaves out the operator, so that it can be run by hand, with its token kept up to date."""
    checkout.run("down")
    checkout.run("up", "--detach", "--no-operator")
    assert checkout.world.pid("operator") is None
    assert checkout.world.pid("kubelet")
    assert json.loads(checkout.run("env", "--json"))["operator"]["pid"] is None
    checkout.run("status")


def test_a_purge_leaves_nothing(up: Checkout) -> None:
    """After down --purge there is neither a process nor a file, and commands explain how to start."""
    ran = up.world.state.load().processes
    assert set(ran) == set(COMPONENTS)
    up.run("down", "--purge")
    assert not up.world.state.root.exists()
    assert not any(processes.alive(process) for process in ran.values())
    assert f"run `wheelhouse local up --state '{up.world.state.root}'`" in up.run("env", code=1)
    assert "No world is running" in up.run("status", code=1)
