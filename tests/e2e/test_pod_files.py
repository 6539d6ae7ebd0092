"""A process with exactly the variables and files of a pod with the label installs and publishes."""

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from support.consumer import wheel
from support.kube import ACCESSES, REPOSITORIES, Kube, await_that
from support.pages import blocks
from support.pods import Started, require_mounts, start

pytestmark = pytest.mark.e2e

INSTALL = Path(__file__).parents[2] / "docs/how-to/install.md"
NAMESPACE, REPOSITORY = "pod-files", "pod-wheels"
TOOLS = Path(sys.executable).parent
PIP = (sys.executable, "-m", "pip", "install", "--no-cache-dir", "--disable-pip-version-check", "--no-deps")
UV = (str(TOOLS / "uv"), "pip", "install", "--no-cache", "--no-deps", "--python", sys.executable)
LABEL, NETRC_LABEL = "wheelhouse.dev/pip-config", "wheelhouse.dev/netrc"


def pod(secret: str, **labels: str) -> dict[str, Any]:
    """A plain Pod with the label."""
    container = {"name": "main", "image": "python:3.13-slim"}
    spec = {"serviceAccountName": "reader", "containers": [container], "initContainers": [container | {"name": "init"}]}
    metadata = {"name": "plain", "labels": {LABEL: secret, **labels}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


@pytest.fixture
def prepared(kube: Kube) -> Kube:
    """A repository with a Secret for a reader and one for a writer."""
    require_mounts()
    kube.namespace(NAMESPACE)
    kube.repository(NAMESPACE, REPOSITORY)
    kube.reader(NAMESPACE, "reader", REPOSITORY, "reader", secret="pip-config")
    kube.service_account(NAMESPACE, "writer")
    subjects = [{"kind": "ServiceAccount", "name": "writer"}]
    kube.access(NAMESPACE, "writer", REPOSITORY, role="Writer", subjects=subjects, secret={"name": "upload"})
    kube.await_ready(REPOSITORIES, NAMESPACE, REPOSITORY)
    kube.await_ready(ACCESSES, NAMESPACE, "reader", "writer")
    return kube


def twine(container: Started, file: Path) -> CompletedProcess[str]:
    """Upload with the file that only writers get."""
    options = ("--config-file", "/etc/wheelhouse/.pypirc", "-r", REPOSITORY)
    return container.run(sys.executable, "-m", "twine", "upload", "--disable-progress-bar", *options, str(file))


def uv_publish(container: Started, file: Path) -> CompletedProcess[str]:
    """Upload with the index of uv.toml, which has the repository's name."""
    return container.run(str(TOOLS / "uv"), "publish", "--no-cache", "--index", REPOSITORY, str(file))


@pytest.mark.parametrize("publish", [twine, uv_publish], ids=["twine", "uv"])
def test_a_writers_pod_publishes_and_a_readers_installs(
    prepared: Kube, tmp_path: Path, publish: Callable[[Started, Path], CompletedProcess[str]]
) -> None:
    """Each with one label; pip and uv install in the container and in the init container."""
    name = f"published-{publish.__name__}".replace("_", "-")
    file = wheel(tmp_path, name.replace("-", "_"))
    writer = start(prepared, NAMESPACE, pod("upload"), tmp_path / "writer")
    done = publish(writer, file)
    assert done.returncode == 0, done.stdout + done.stderr
    for container in ("main", "init"):
        reader = start(prepared, NAMESPACE, pod("pip-config"), tmp_path / container, container)
        assert reader.variables == {"NETRC": "/etc/wheelhouse/netrc"}
        assert not (reader.root / "etc/wheelhouse/.pypirc").exists()
        for tool, command in {"pip": PIP, "uv": UV}.items():
            target = reader.root / tool
            done = reader.run(*command, "--target", str(target), name)
            assert done.returncode == 0, f"{tool}: {done.stdout}{done.stderr}"
            assert (target / f"{name.replace('-', '_')}.py").exists()


def test_a_readers_pod_cannot_publish(prepared: Kube, tmp_path: Path) -> None:
    """Its files have no upload URL, so neither client sends anything."""
    file = wheel(tmp_path, "refused")
    reader = start(prepared, NAMESPACE, pod("pip-config"), tmp_path / "reader")
    assert twine(reader, file).returncode != 0
    assert uv_publish(reader, file).returncode != 0


def test_the_component_can_be_applied_alone(prepared: Kube) -> None:
    """The command of install.md adds it to a cluster that has the rest; without it, the label does nothing."""
    kinds = "mutatingadmissionpolicy,mutatingadmissionpolicybinding"
    prepared.world.kubectl("delete", kinds, "wheelhouse-pods")
    await_that(lambda: not volumes(prepared), "the policy to have no effect")
    (command,) = (each.text for each in blocks(INSTALL) if "components/pod-injection" in each.text)
    kubectl, *arguments, folder = shlex.split(command)
    assert kubectl == "kubectl"
    prepared.world.kubectl(*arguments, str(INSTALL.parents[2] / folder))
    await_that(lambda: volumes(prepared), "the policy to have an effect")


def volumes(kube: Kube) -> list[str]:
    """The volumes of a Pod with the label, besides the token's."""
    _, body = kube.world.api().call("POST", f"/api/v1/namespaces/{NAMESPACE}/pods?dryRun=All", pod("pip-config"))
    return [each["name"] for each in body["spec"]["volumes"] if each["name"].startswith("wheelhouse-")]
