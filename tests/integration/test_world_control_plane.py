"""The control plane of the local world is a real one, and leaves nothing behind."""

import json
from pathlib import Path

import pytest

from wheelhouse_local import installation
from wheelhouse_local.errors import LocalError
from wheelhouse_local.state import CONTROL_PLANE, Options
from wheelhouse_local.world import World


def test_it_is_a_current_kubernetes(control_plane: World) -> None:
    """The API server says a version that has the admission policies' CEL, whoever built it."""
    version = json.loads(control_plane.kubectl("version", "-o", "json").stdout)["serverVersion"]
    assert (int(version["major"]), int(version["minor"])) >= (1, 32)


def test_namespaces_get_a_service_account_and_go(control_plane: World) -> None:
    """The controllers run: a namespace gets its default ServiceAccount, and vanishes when it is deleted."""
    control_plane.kubectl("create", "namespace", "shortlived")
    control_plane.kubectl("wait", "--for=create", "--timeout=20s", "-n", "shortlived", "serviceaccount/default")
    control_plane.kubectl("delete", "namespace", "shortlived", "--wait", "--timeout=30s")
    assert "NotFound" in control_plane.kubectl("get", "namespace", "shortlived", check=False).stderr


def test_state_survives_and_processes_do_not(tmp_path: Path) -> None:
    """Down leaves no process; the next up has the same objects, token and ports; a purge leaves no file."""
    world = World(tmp_path / "a world")
    try:
        assert world.up(Options(components=CONTROL_PLANE)) == list(CONTROL_PLANE)
        assert world.up() == [], "a second up has nothing to start"
        world.kubectl("create", "configmap", "kept")
        kubeconfig = world.kubeconfig.read_text()
        assert world.down() == list(CONTROL_PLANE)
        assert all(world.pid(name) is None for name in CONTROL_PLANE)
        assert world.up() == list(CONTROL_PLANE)
        assert world.kubeconfig.read_text() == kubeconfig
        assert world.kubectl("get", "configmap", "kept", "-o", "name").stdout == "configmap/kept\n"
    finally:
        world.down(purge=True)
    assert not (tmp_path / "a world").exists()


def test_a_killed_part_starts_again(control_plane: World) -> None:
    """After a SIGKILL of the API server a restart brings it back at the same address."""
    server = control_plane.server
    control_plane.kill("apiserver")
    assert control_plane.died() == ["apiserver"]
    control_plane.restart("apiserver")
    assert control_plane.died() == []
    assert control_plane.server == server
    assert control_plane.kubectl("get", "--raw", "/readyz").stdout == "ok"


def test_a_policy_that_is_not_enforced_is_no_world(control_plane: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """That the operator has no right to a request does not show that a policy would refuse it."""
    monkeypatch.setattr(installation, "_PATIENCE_S", 0.0)
    with pytest.raises(LocalError, match=r"not enforced: POST .*/secrets as the operator is .*cannot create"):
        installation.await_enforced(control_plane.state)
