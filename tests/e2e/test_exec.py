"""`wheelhouse local exec`: real clients with the real keyring plugin, as pods of one ServiceAccount or another."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.consumer import environment, wheel
from support.kube import ACCESSES, PROJECT, Kube, await_that

from wheelhouse_local import trace

pytestmark = pytest.mark.e2e

NAMESPACE, REPOSITORY = "exec", "exec-wheels"
URL = f"https://us-central1-python.pkg.dev/{PROJECT}/{REPOSITORY}/"
SIMPLE = URL.replace("://", "://oauth2accesstoken@") + "simple/"
TOOLS = Path(sys.executable).parent
PIP = (sys.executable, "-m", "pip", "install", "--no-cache-dir", "--disable-pip-version-check", "--no-deps")


def command(kube: Kube, account: str, *words: str) -> list[str]:
    """The command line; the tools of this environment are first on PATH, as in an image that has them."""
    state = str(kube.world.state.root)
    return [sys.executable, "-m", "wheelhouse_local", "exec", "--state", state, account, *words]


def execute(kube: Kube, account: str, *words: str) -> subprocess.CompletedProcess[str]:
    path = f"{TOOLS}{os.pathsep}{os.environ['PATH']}"
    # Not the configuration of this machine's user.
    env = environment() | {"PATH": path, "PIP_CONFIG_FILE": os.devnull, "UV_NO_CONFIG": "1"}
    return subprocess.run(
        command(kube, account, *words), env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )


@pytest.fixture
def prepared(kube: Kube) -> Kube:
    """A writer and a reader without a Secret, and an account without an access."""
    kube.namespace(NAMESPACE)
    kube.repository(NAMESPACE, REPOSITORY)
    kube.reader(NAMESPACE, "reader", REPOSITORY, "reader")
    kube.service_account(NAMESPACE, "writer")
    kube.service_account(NAMESPACE, "stranger")
    subjects = [{"kind": "ServiceAccount", "name": "writer"}]
    kube.access(NAMESPACE, "writer", REPOSITORY, role="Writer", subjects=subjects)
    kube.await_ready(ACCESSES, NAMESPACE, "reader", "writer")
    return kube


def test_the_keyring_plugin_works_with_the_pods_own_identity(prepared: Kube, tmp_path: Path) -> None:
    """The writer publishes with twine, the reader installs with pip and uv, and the stranger does not."""
    file = str(wheel(tmp_path, "ringed"))
    twine = (sys.executable, "-m", "twine", "upload", "--non-interactive", "--disable-progress-bar")
    done = execute(prepared, f"{NAMESPACE}/writer", *twine, "--repository-url", URL, file)
    assert done.returncode == 0, done.stdout + done.stderr
    pip = (*PIP, "--index-url", SIMPLE, "--target", str(tmp_path / "pip"))
    uv = ("uv", "pip", "install", "--no-cache", "--keyring-provider", "subprocess", "--default-index", SIMPLE)
    uv = (*uv, "--python", sys.executable, "--target", str(tmp_path / "uv"))
    for tool, words in {"pip": pip, "uv": uv}.items():
        done = execute(prepared, f"{NAMESPACE}/reader", *words, "ringed")
        assert done.returncode == 0, done.stdout + done.stderr
        assert (tmp_path / tool / "ringed.py").exists()
    pip = (*PIP, "--index-url", SIMPLE, "--target", str(tmp_path / "none"))
    done = execute(prepared, f"{NAMESPACE}/stranger", *pip, "ringed")
    assert done.returncode != 0
    assert not (tmp_path / "none").exists()
    rows = [row for row in trace.google(prepared.world.state) if f"/{REPOSITORY}/" in row["resource"]]
    callers = {(row["method"], row["caller"].rpartition("/")[2], row["status"]) for row in rows if row["caller"]}
    assert ("Index.Upload", "writer", "200") in callers
    assert ("Index.File", "reader", "200") in callers
    assert {(who, status) for _, who, status in callers if who == "stranger"} == {("stranger", "403")}
    assert {who for _, who, _ in callers} == {"writer", "reader", "stranger"}


@pytest.mark.parametrize(
    ("account", "words", "said"),
    [
        ("exec/nobody", ["true"], "create it with `kubectl create serviceaccount nobody -n exec`"),
        ("exec/annotated", ["true"], "has the annotation iam.gke.io/gcp-service-account"),
        ("exec/reader", ["/no/such/program"], "cannot be run: No such file or directory"),
    ],
)
def test_what_cannot_run_says_why(prepared: Kube, account: str, words: list[str], said: str) -> None:
    """One sentence with the remedy, and exit status 1."""
    annotated = {"name": "annotated", "namespace": NAMESPACE, "annotations": {"iam.gke.io/gcp-service-account": "g@x"}}
    prepared.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": annotated})
    done = execute(prepared, account, *words)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_the_exit_status_is_that_of_the_command(prepared: Kube, tmp_path: Path) -> None:
    """A failure and a signal are passed on, in both directions; options after the account are the command's own."""
    assert execute(prepared, "exec/reader", "sh", "-c", "exit 7").returncode == 7
    assert execute(prepared, "exec/reader", "sh", "-c", "kill -9 $$").returncode == 128 + signal.SIGKILL
    ready = tmp_path / "ready"
    script = f"trap 'exit 9' TERM; touch {ready}; while :; do sleep 0.05; done"
    process = subprocess.Popen(command(prepared, "exec/reader", "sh", "-c", script))
    await_that(ready.exists, "the command to run")
    process.terminate()
    assert process.wait(20) == 9
