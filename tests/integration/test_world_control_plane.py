"""The control plane of the local world is a real one, and leaves nothing behind."""

import json
from pathlib import Path

from wheelhouse_local.state import CONTROL_PLANE, Options
from wheelhouse_local.world import World


def test_it_is_a_current_kubernetes(control_plane: World) -> None:
    """The API server has the CEL functions of the admission policies, also if it was not built here."""
    version = json.loads(control_plane.kubectl("version", "-o", "json").stdout)["serverVersion"]
    assert (int(version["major"]), int(version["minor"])) >= (1, 32)


def test_namespaces_get_a_service_account_and_go(control_plane: World) -> None:
    """The controllers run: a namespace gets its default ServiceAccount, and disappears when it is deleted."""
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
