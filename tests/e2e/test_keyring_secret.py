"""A Secret without a token: real pip, uv and twine with the real keyring plugin, in pods with the label."""

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.consumer import environment, wheel
from support.kube import ACCESSES, REPOSITORIES, Kube, await_that
from support.pods import UNSHARE, Started, require_mounts, start

pytestmark = pytest.mark.e2e

NAMESPACE, REPOSITORY = "ringed", "ringed-wheels"
EXAMPLES = Path(__file__).parents[2] / "manifests" / "examples"
TOOLS = Path(sys.executable).parent
PIP = (sys.executable, "-m", "pip", "install", "--no-cache-dir", "--disable-pip-version-check", "--no-deps")
UV = ("uv", "pip", "install", "--no-cache", "--no-deps", "--python", sys.executable)
TWINE = (sys.executable, "-m", "twine", "upload", "--non-interactive", "--disable-progress-bar")
KEYRING = {"credential": "Keyring"}


@pytest.fixture
def prepared(kube: Kube) -> Kube:
    """A repository with a Secret for readers and one for writers, both without a token."""
    require_mounts()
    kube.namespace(NAMESPACE)
    kube.repository(NAMESPACE, REPOSITORY)
    for name, role in (("reader", "Reader"), ("writer", "Writer")):
        kube.service_account(NAMESPACE, name)
        subjects = [{"kind": "ServiceAccount", "name": name}]
        kube.access(NAMESPACE, name, REPOSITORY, role=role, subjects=subjects, secret={"name": name, **KEYRING})
    kube.await_ready(REPOSITORIES, NAMESPACE, REPOSITORY)
    kube.await_ready(ACCESSES, NAMESPACE, "reader", "writer")
    return kube


def pod(secret: str, account: str, **labels: str) -> dict[str, Any]:
    """A plain Pod with the label."""
    spec = {"serviceAccountName": account, "containers": [{"name": "main", "image": "python:3.13-slim"}]}
    metadata = {"name": "plain", "labels": {"wheelhouse.dev/pip-config": secret, **labels}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def begun(kube: Kube, folder: Path, secret: str, account: str, **labels: str) -> Started:
    """A Pod with its files. Their URLs are Artifact Registry's, as on a cluster: the plugin knows no other host."""
    container = start(kube, NAMESPACE, pod(secret, account, **labels), folder)
    for path in (folder / "etc").rglob("*"):
        if path.is_file():
            path.write_text(re.sub(r"http://((?:[^/@\s]*@)?)127\.0\.0\.1:\d+/", r"https://\1", path.read_text()))
    return container


def run(kube: Kube, account: str, container: Started, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command with the identity, the network, the variables and the files of the Pod.

    A program `keyring` in the Pod's folder `bin` is first on PATH.
    """
    state = str(kube.world.state.root)
    executed = [sys.executable, "-m", "wheelhouse_local", "exec", "--state", state, f"{NAMESPACE}/{account}"]
    words = [f"{name}={text}" for name, text in {"HOME": str(container.root), **container.variables}.items()]
    script = 'mount --bind "$0" /etc && exec env "$@"'
    inside = [*UNSHARE, "sh", "-c", script, str(container.root / "etc"), *words, *command]
    env = environment() | {"PATH": os.pathsep.join((str(container.root / "bin"), str(TOOLS), os.environ["PATH"]))}
    env.pop("NETRC", None)
    return subprocess.run(
        [*executed, *inside], env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )


def test_pods_publish_and_install_with_their_own_identity(prepared: Kube, tmp_path: Path) -> None:
    """Twine and uv publish, pip and uv install, with and without NETRC; a pod without an access does not."""
    names = {tool: f"ringed_{tool}" for tool in ("twine", "uv")}
    writer = begun(prepared, tmp_path / "writer", "writer", "writer")
    twine = (*TWINE, "--config-file", "/etc/wheelhouse/.pypirc", "-r", REPOSITORY)
    for tool, command in {"twine": twine, "uv": ("uv", "publish", "--no-cache", "--index", REPOSITORY)}.items():
        done = run(prepared, "writer", writer, *command, str(wheel(tmp_path, names[tool])))
        assert done.returncode == 0, f"{tool}: {done.stdout}{done.stderr}"
    prepared.service_account(NAMESPACE, "stranger")
    for account, labels in (("reader", {}), ("reader", {"wheelhouse.dev/netrc": "false"}), ("stranger", {})):
        root = tmp_path / f"{account}-{len(labels)}"
        reader = begun(prepared, root, "reader", account, **labels)
        assert ("NETRC" in reader.variables) is not bool(labels)
        assert not (root / "etc/wheelhouse/netrc").exists()
        for tool, command in {"pip": PIP, "uv": UV}.items():
            done = run(prepared, account, reader, *command, "--target", str(root / tool), *names.values())
            assert (done.returncode == 0) is (account == "reader"), f"{tool}: {done.stdout}{done.stderr}"
            assert (root / tool / "ringed_uv.py").exists() is (account == "reader")


def elsewhere(folder: Path) -> None:
    """Put the program keyring into another folder than pip's: pip does not run the one beside itself."""
    folder.mkdir()
    program = folder / "keyring"
    program.write_text(f'#!/bin/sh\nexec {TOOLS}/keyring "$@"\n')
    program.chmod(0o755)


@pytest.mark.parametrize("provider", ["Import", "Subprocess"])
@pytest.mark.parametrize("index", ["Primary", "Extra"])
def test_pip_works_without_input(prepared: Kube, tmp_path: Path, provider: str, index: str) -> None:
    """With the option `--no-input`, pip asks keyring only if the file says how."""
    name = f"{provider}-{index}".lower()
    subjects = [{"kind": "ServiceAccount", "name": "reader"}]
    secret = {"name": name, "index": index, "keyringProvider": provider, **KEYRING}
    prepared.access(NAMESPACE, name, REPOSITORY, subjects=subjects, secret=secret)
    prepared.await_ready(ACCESSES, NAMESPACE, name)
    writer = begun(prepared, tmp_path / "writer", "writer", "writer")
    file = wheel(tmp_path, f"quiet_{name.replace('-', '_')}")
    done = run(prepared, "writer", writer, "uv", "publish", "--no-cache", "--index", REPOSITORY, str(file))
    assert done.returncode == 0, done.stderr
    reader = begun(prepared, tmp_path / "reader", name, "reader")
    if provider == "Subprocess":
        elsewhere(tmp_path / "reader" / "bin")
    option = "extra-index-url" if index == "Extra" else "index-url"
    text = (tmp_path / "reader/etc/xdg/pip/pip.conf").read_text()
    assert f"keyring-provider = {provider.lower()}" in text
    assert f"\n{option} = " in text
    only = () if index == "Primary" else ("--index-url", "http://127.0.0.1:9/simple/", "--retries", "0")
    command = (*PIP, "--no-input", *only, "--target", str(tmp_path / "pip"), file.name.partition("-")[0])
    done = run(prepared, "reader", reader, *command)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_token_is_requested(prepared: Kube) -> None:
    """New accesses, a request and a change of the form: no TokenRequest, no exchange and no request to the index."""
    with prepared.counted(NAMESPACE) as counts:
        subjects = [{"kind": "ServiceAccount", "name": "reader"}]
        prepared.access(NAMESPACE, "counted", REPOSITORY, subjects=subjects, secret={"name": "counted", **KEYRING})
        prepared.await_ready(ACCESSES, NAMESPACE, "counted")
        prepared.annotate(ACCESSES, NAMESPACE, "counted", "wheelhouse.dev/requested-at", "now")
        prepared.patch(ACCESSES, NAMESPACE, "counted", {"spec": {"secret": {"index": "Extra"}}})
        await_that(
            lambda: "extra-index-url" in (prepared.secret(NAMESPACE, "counted") or {}).get("pip.conf", ""), "Extra"
        )
    assert tokens(counts) == []
    body = prepared.get(ACCESSES, NAMESPACE, "counted")
    assert body is not None
    verified = prepared.condition(body, "Verified")
    assert (verified["status"], verified["reason"]) == ("Unknown", "NotApplicable")
    assert "expirationTime" not in body["status"]["secret"]
    assert body["status"]["secret"]["credential"] == "Keyring"
    # The count notices tokens.
    with prepared.counted(NAMESPACE) as counts:
        change = {"spec": {"secret": {"credential": "Token"}}}
        prepared.patch(ACCESSES, NAMESPACE, "counted", change)
        await_that(lambda: "netrc" in (prepared.secret(NAMESPACE, "counted") or {}), "the token")
        prepared.await_ready(ACCESSES, NAMESPACE, "counted")
    assert tokens(counts) != []
    prepared.patch(ACCESSES, NAMESPACE, "counted", {"spec": {"secret": {"credential": "Keyring"}}})
    await_that(lambda: "netrc" not in (prepared.secret(NAMESPACE, "counted") or {"netrc": ""}), "the token to go")
    found = prepared.secret(NAMESPACE, "counted") or {}
    assert set(found) == {"pip.conf", "uv.toml", "pdm.toml", "index-url"}
    assert not re.search("oauth2accesstoken:|password", "".join(found.values()))


def tokens(counts: Counter[str]) -> list[str]:
    """The counted requests that need or make a token of a ServiceAccount."""
    return [each for each in counts if "token" in each.lower() or "Exchange" in each or each.startswith("Index.")]


def test_the_example_has_its_files(kube: Kube) -> None:
    """keyring.yaml is Ready beside quickstart.yaml, and the API server gives its Pod the files without NETRC."""
    kube.world.kubectl("apply", "-f", str(EXAMPLES / "quickstart.yaml"))
    applied = kube.world.kubectl("apply", "--validate=strict", "-f", str(EXAMPLES / "keyring.yaml"))
    assert "Warning" not in applied.stderr
    kube.await_ready(ACCESSES, "ml-training", "keyring")
    example = next(
        each for each in yaml.safe_load_all((EXAMPLES / "keyring.yaml").read_text()) if each["kind"] == "Pod"
    )
    path = "/api/v1/namespaces/ml-training/pods?dryRun=All"
    made = example | {"metadata": example["metadata"] | {"name": "again"}}
    status, body = kube.world.api().call("POST", path, made)
    assert status == 201, body
    (container,) = body["spec"]["containers"]
    assert [each["name"] for each in container["env"]] == ["HOME"]
    assert "/etc/xdg/pip" in {each["mountPath"] for each in container["volumeMounts"]}
    assert set(kube.secret("ml-training", "keyring-config") or {}) == {"pip.conf", "uv.toml", "pdm.toml", "index-url"}
