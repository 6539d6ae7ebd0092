"""Killed components are restarted, and what depends on them continues.

These tests have a separate control plane, because they kill parts of it.
"""

import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.kube import await_that

from wheelhouse_local import installation, kubelet, processes
from wheelhouse_local.components import kubelet as kubelet_component
from wheelhouse_local.errors import LocalError
from wheelhouse_local.mount import Mount
from wheelhouse_local.state import CONTROL_PLANE, Options
from wheelhouse_local.world import World


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("a fragile world"))
    world.up(Options(components=CONTROL_PLANE))
    try:
        # While it builds its controllers, kube-controller-manager ends if the API server does. Then they run.
        account = ("get", "serviceaccount", "default")
        await_that(lambda: world.kubectl(*account, check=False).returncode == 0, "the controllers to run")
        yield world
    finally:
        world.down(purge=True)


def test_a_killed_part_starts_again(plane: World) -> None:
    """After a SIGKILL of the API server a restart brings it back at the same address."""
    server = plane.server
    plane.kill("apiserver")
    assert plane.died() == ["apiserver"]
    plane.restart("apiserver")
    assert plane.died() == []
    assert plane.server == server
    assert plane.kubectl("get", "--raw", "/readyz").stdout == "ok"


def test_a_mount_survives_the_api_server(plane: World, tmp_path: Path) -> None:
    """After an outage of the API server, the mount shows the changes since then."""
    plane.kubectl("create", "secret", "generic", "pip", "--from-literal=pip.conf=before")
    said: list[str] = []

    class Enough(Exception):
        """Ends an endless follow."""

    def say(line: str) -> None:
        said.append(line)
        content = (tmp_path / "pip.conf").read_text()
        if content == "after":
            raise Enough
        if len(said) == 1:
            assert content == "before"
            plane.kubectl("patch", "secret", "pip", "--type=merge", "-p", '{"stringData":{"pip.conf":"after"}}')
            plane.kill("apiserver")
            threading.Timer(0, plane.restart, ["apiserver"]).start()

    with pytest.raises(Enough):
        Mount(plane.api(), "default", "pip", tmp_path, say).follow()
    assert any("retrying" in line for line in said)


@pytest.fixture(scope="module")
def operator_account(plane: World) -> None:
    plane.kubectl("create", "namespace", "wheelhouse-system")
    plane.kubectl("create", "serviceaccount", "wheelhouse-operator", "-n", "wheelhouse-system")


@pytest.mark.usefixtures("operator_account")
def test_the_operators_token_is_kept_fresh(plane: World) -> None:
    """The token identifies the operator; each renewal is a different one, due well before it expires."""
    state = plane.state
    assert 0 < kubelet.renew(plane.api(), state.token) <= kubelet.LIFETIME_S * 0.8
    first = (state.token / "token").read_text()
    operator = ("--kubeconfig", str(plane.operator_kubeconfig))
    who = plane.kubectl(*operator, "auth", "whoami", "-o", "jsonpath={.status.userInfo.username}")
    assert who.stdout == "system:serviceaccount:wheelhouse-system:wheelhouse-operator"
    kubelet.renew(plane.api(), state.token)
    assert (state.token / "token").read_text() != first


@pytest.mark.usefixtures("operator_account")
def test_the_kubelet_waits_for_the_api_server(plane: World) -> None:
    """It retries while the API server is down, writes the token when it is up, and stops on request."""
    state = plane.state
    component = kubelet_component(state)
    plane.kill("apiserver")
    process = processes.spawn(component.argv, component.env, state.log("kubelet"))
    try:
        while "not renewed: " not in state.log("kubelet").read_text():
            assert processes.alive(process)
        plane.restart("apiserver")
        while not component.ready():
            assert processes.alive(process)
        processes.send(process, signal.SIGTERM)
        assert processes.wait(process, 5)
    finally:
        processes.end(process)


@pytest.mark.usefixtures("operator_account")
def test_a_policy_that_is_not_enforced_is_no_world(plane: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """That the operator has no permission for a request does not show that a policy would deny it."""
    monkeypatch.setattr(installation, "_PATIENCE_S", 0.0)
    with pytest.raises(LocalError, match=r"not enforced: .* POST .*/secrets is: .*cannot create"):
        installation.await_enforced(plane.state)
