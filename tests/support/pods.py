"""Pods without a kubelet: a Pod's files below a folder, and its command in a process that sees them."""

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.kube import Kube

UNSHARE = ("unshare", "--map-root-user", "--mount")

Read = Callable[[str, str], dict[str, str]]
"""Returns the data of a Secret or ConfigMap: its kind and its name."""


def require_mounts() -> None:
    """Skip the test on a machine where a process cannot have its own mounts.

    CI never skips it: .ci/run sets WHEELHOUSE_REQUIRE_MOUNTS, and the test fails there instead.
    """
    if shutil.which("unshare") is not None:
        tried = subprocess.run([*UNSHARE, "true"], check=False, capture_output=True)
        if tried.returncode == 0:
            return
    reason = "a process cannot have its own mounts here: install util-linux (unshare), and allow user namespaces"
    if os.environ.get("WHEELHOUSE_REQUIRE_MOUNTS"):
        pytest.fail(reason)
    pytest.skip(reason)


def lay_out(root: Path, volumes: list[dict[str, Any]], mounts: list[dict[str, Any]], read: Read) -> None:
    """Write what kubelet would mount, below `root` instead of `/`.

    Raises:
        KeyError: a Secret or ConfigMap has no such key: kubelet would not start the Pod.
    """
    by_name = {each["name"]: each for each in volumes}
    for mount in mounts:
        folder = root / mount["mountPath"].lstrip("/")
        folder.mkdir(parents=True)
        for path, text in _files(by_name[mount["name"]], read).items():
            (folder / path).write_text(text)


def _files(volume: dict[str, Any], read: Read) -> dict[str, str]:
    if "emptyDir" in volume:
        return {}
    if "configMap" in volume:
        return read("ConfigMap", volume["configMap"]["name"])
    sources = [volume] if "secret" in volume else volume["projected"]["sources"]
    found: dict[str, str] = {}
    # The other sources of a projected volume are of the ServiceAccount's token, which no client here reads.
    for source in (each["secret"] for each in sources if "secret" in each):
        data = read("Secret", source.get("secretName") or source["name"])
        found |= {
            item["path"]: data[item["key"]]
            for item in source["items"]
            if item["key"] in data or not source.get("optional")
        }
    return found


def run(
    etc: Path, *command: str, variables: dict[str, str], path: str = "/usr/bin:/bin"
) -> subprocess.CompletedProcess[str]:
    """Run a command that sees this folder as /etc, with only these variables, as behind `env -i`."""
    script = 'mount --bind "$0" /etc && exec "$@"'
    words = [f"{key}={value}" for key, value in {"PATH": path, **variables}.items()]
    argv = [*UNSHARE, "sh", "-c", script, str(etc), "env", "-i", *words, *command]
    return subprocess.run(argv, capture_output=True, text=True, check=False)


@dataclass(frozen=True)
class Started:
    """A container: the folder that stands for `/`, and its variables."""

    root: Path
    variables: dict[str, str]

    def run(self, *command: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a command in it; `more` are variables of the image, which the Pod's replace."""
        variables = {"HOME": str(self.root / "home")} | more | self.variables
        return run(self.root / "etc", *command, variables=variables)


def start(kube: Kube, namespace: str, manifest: dict[str, Any], root: Path, name: str = "main") -> Started:
    """Create a Pod (as a dry run), and lay out the files of one of its containers as kubelet would."""
    status, body = kube.world.api().call("POST", f"/api/v1/namespaces/{namespace}/pods?dryRun=All", manifest)
    assert status == 201, body
    spec = body["spec"]
    containers = (*spec["containers"], *spec.get("initContainers", ()))
    container = next(each for each in containers if each["name"] == name)
    lay_out(root, spec["volumes"], container["volumeMounts"], lambda _kind, name: kube.secret(namespace, name) or {})
    return Started(root, {each["name"]: each["value"] for each in container.get("env", ())})
