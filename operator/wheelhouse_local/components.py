"""How to start each part of the world, and when it is ready."""

import sys

from wheelhouse_local import constants, environment, health
from wheelhouse_local.controlplane import programs
from wheelhouse_local.controlplane.binaries import Binaries
from wheelhouse_local.state import State
from wheelhouse_local.supervisor import Component

# -P: files in the caller's folder are not imported instead of ours.
_PYTHON = (sys.executable, "-P", "-m")


def control_plane(state: State, ports: dict[str, int], binaries: Binaries) -> list[Component]:
    """etcd, kube-apiserver and kube-controller-manager, in the order in which they need each other."""
    env, ca = environment.base(), state.control_plane / "ca.pem"

    def apiserver_ready() -> bool:
        return health.answers(ports["apiserver"], "/readyz", ca)

    def controllers_ready() -> bool:
        return health.answers(ports["controllers"], "/healthz", ca)

    return [
        Component("etcd", programs.etcd(binaries.etcd, state, ports), env, lambda: health.listens(ports["etcd"])),
        Component("apiserver", programs.apiserver(binaries.apiserver, state, ports), env, apiserver_ready),
        Component("controllers", programs.controllers(binaries.controllers, state, ports), env, controllers_ready),
    ]


def kubelet(state: State) -> Component:
    """Renews the operator's ServiceAccount token, as kubelet's projected volume does."""
    token = state.token / "token"
    began = token.stat().st_mtime if token.exists() else 0.0

    def ready() -> bool:
        return token.exists() and token.stat().st_mtime > began

    argv = [*_PYTHON, "wheelhouse_local.kubelet", "--state", str(state.root)]
    return Component("kubelet", argv, environment.base(), ready)


def google(state: State, ports: dict[str, int]) -> Component:
    """The emulated Google; it chooses its own ports and writes endpoints.json when it is ready."""
    written = state.google / "endpoints.json"
    began = written.stat().st_mtime_ns if written.exists() else 0

    def ready() -> bool:
        return written.exists() and written.stat().st_mtime_ns > began

    argv = [
        *_PYTHON,
        "wheelhouse_local.google",
        f"--data={state.google}",
        f"--kubernetes-server={programs.server(ports)}",
        f"--kubernetes-ca={state.control_plane / 'ca.pem'}",
        f"--kubernetes-token-file={state.control_plane / 'google-token'}",
    ]
    lifetime = state.load().options.token_lifetime
    if lifetime is not None:
        argv.append(f"--token-lifetime={lifetime}")
    return Component("google", argv, environment.base(), ready)


def operator(state: State, ports: dict[str, int]) -> Component:
    """The operator, with its own home directory: no credentials except those of its ServiceAccount."""
    (state.home / "gcloud").mkdir(parents=True, exist_ok=True)
    settings = environment.operator_settings(state)
    env = {**environment.base(), **constants.ALLOCATOR, "HOME": str(state.home), **settings}

    def ready() -> bool:
        return health.answers(ports["operator"], "/readyz")

    return Component("operator", [*_PYTHON, "wheelhouse", "run"], env, ready)
