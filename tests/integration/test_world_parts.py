"""The world holds the shipped CRDs and manifests and the emulated Google together."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from wheelhouse_local import control
from wheelhouse_local.state import COMPONENTS, Options
from wheelhouse_local.world import World


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Everything but the operator."""
    world = World(tmp_path_factory.mktemp("all parts"))
    world.up(Options(components=tuple(name for name in COMPONENTS if name != "operator")))
    try:
        yield world
    finally:
        world.down(purge=True)


def test_the_shipped_kinds_are_served(parts: World) -> None:
    """Kubectl knows both kinds by their short names."""
    assert parts.kubectl("get", "pyrepo,pyaccess", "-A").returncode == 0


def test_the_operator_is_kept_to_its_policies(parts: World) -> None:
    """With its own rotated token the operator may neither read a Secret nor write one of another type."""
    operator = ("--kubeconfig", str(parts.operator_kubeconfig), "-n", "wheelhouse-system")
    assert "cannot list" in parts.kubectl(*operator, "get", "secrets", check=False).stderr
    refused = parts.kubectl(*operator, "create", "secret", "generic", "foreign", check=False)
    assert "ValidatingAdmissionPolicy 'wheelhouse-secrets'" in refused.stderr


def test_google_keeps_its_address_and_its_owner(parts: World) -> None:
    """After a kill and a restart the emulated Google has the same address and the same owner."""
    before = parts.environment()["endpoints"]
    owner = Path(parts.environment()["accessTokenFile"]).read_text()
    parts.kill("google")
    parts.restart("google")
    assert parts.environment()["endpoints"] == before
    assert Path(parts.environment()["accessTokenFile"]).read_text() == owner
    assert control.token(parts.state, "ksa:team-a/reader")
