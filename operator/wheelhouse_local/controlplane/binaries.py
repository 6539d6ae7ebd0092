"""Finds the control plane's programs: KUBEBUILDER_ASSETS, PATH, the cache, and finally a build with Go."""

import os
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from wheelhouse_local.controlplane import build
from wheelhouse_local.errors import LocalError

OLDEST = (1, 36)
"""The first version with MutatingAdmissionPolicy v1, which configures pods. The operator itself needs only 1.32."""

_PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager")


@dataclass(frozen=True)
class Binaries:
    """The three programs, the version that the API server reports, and where they were found."""

    etcd: Path
    apiserver: Path
    controllers: Path
    version: str
    origin: str


def find(say: Callable[[str], None]) -> Binaries:
    """Find the programs, or build them; `say` receives a line for each rejected place and for a build's progress.

    All three come from one place: an API server and a controller manager of different versions are not compatible.

    Raises:
        LocalError: the Kubernetes in KUBEBUILDER_ASSETS is too old, or the build failed.
    """
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    if assets and (found := _in_assets(Path(assets), say)):
        return found
    if found := _on_path(say):
        return found
    folder = build.ensure(say)
    return _binaries(folder, f"built for the local world: {folder}")


def _in_assets(folder: Path, say: Callable[[str], None]) -> Binaries | None:
    missing = [name for name in _PROGRAMS if not _executable(folder / name)]
    if missing:
        say(f"KUBEBUILDER_ASSETS ({folder}) has no {' and no '.join(missing)}: looking elsewhere")
        return None
    found = _binaries(folder, f"KUBEBUILDER_ASSETS: {folder}")
    if _number(found.version) < OLDEST:
        raise LocalError(
            f"KUBEBUILDER_ASSETS ({folder}) has Kubernetes {found.version}; it must be at least 1.{OLDEST[1]}.\n"
            "Set it to a folder with a later version, or unset KUBEBUILDER_ASSETS."
        )
    return found


def _on_path(say: Callable[[str], None]) -> Binaries | None:
    for entry in os.environ.get("PATH", "").split(os.pathsep):
        folder = Path(entry)
        if not entry or not all(_executable(folder / name) for name in _PROGRAMS):
            continue
        found = _binaries(folder, f"PATH: {folder}")
        if _number(found.version) >= OLDEST:
            return found
        say(f"{folder} has Kubernetes {found.version}, older than 1.{OLDEST[1]}: looking elsewhere")
    return None


def _binaries(folder: Path, origin: str) -> Binaries:
    etcd, apiserver, controllers = (folder / name for name in _PROGRAMS)
    try:
        reply = subprocess.run([apiserver, "--version"], capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        raise LocalError(f"{apiserver} cannot be run: {error}") from error
    return Binaries(etcd, apiserver, controllers, reply.stdout.strip().removeprefix("Kubernetes "), origin)


def _executable(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def _number(version: str) -> tuple[int, int]:
    match = re.match(r"v?(\d+)\.(\d+)", version)
    return (int(match[1]), int(match[2])) if match else (0, 0)
