"""Directories have the same layout and changes as kubelet's."""

import base64
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import wheelhouse_local
from wheelhouse_local import volume
from wheelhouse_local.errors import LocalError
from wheelhouse_local.mount import Mount
from wheelhouse_local.world import World


def test_a_generation_is_seen_whole(tmp_path: Path) -> None:
    """Keys are links through one link, which one rename points to the next generation; removed keys are gone."""
    folder = tmp_path / "a mount"
    assert volume.write(folder, {"pip.conf": b"1", "netrc": b"1"})
    first = (folder / "..data").readlink()
    assert (folder / "pip.conf").readlink() == Path("..data/pip.conf")
    assert volume.write(folder, {"pip.conf": b"2"})
    assert (folder / "..data").readlink() != first
    assert (folder / "pip.conf").read_text() == "2"
    shown = {path.name for path in folder.iterdir()}
    assert shown == {"..data", str((folder / "..data").readlink()), "pip.conf"}
    assert (folder / "pip.conf").stat().st_mode & 0o077 == 0


def test_nothing_changes_when_nothing_changed(tmp_path: Path) -> None:
    """The same content again creates no new generation: watchers of the directory see no change."""
    volume.write(tmp_path, {"pip.conf": b"1"})
    before = (tmp_path / "..data").readlink()
    assert not volume.write(tmp_path, {"pip.conf": b"1"})
    assert (tmp_path / "..data").readlink() == before


def test_a_file_of_another_origin_is_not_overwritten(tmp_path: Path) -> None:
    """An existing file is an error, and the content of the directory stays unchanged."""
    volume.write(tmp_path, {"a": b"1"})
    (tmp_path / "pip.conf").write_text("mine")
    with pytest.raises(FileExistsError):
        volume.write(tmp_path, {"a": b"2", "pip.conf": b"2"})
    assert (tmp_path / "pip.conf").read_text() == "mine"
    assert (tmp_path / "a").read_text() == "1"


@pytest.fixture
def secret(control_plane: World) -> Iterator[str]:
    control_plane.kubectl(
        "create", "secret", "generic", "pip", "--from-literal=pip.conf=one", "--from-literal=netrc=one"
    )
    yield "pip"
    control_plane.kubectl("delete", "secret", "pip", "--ignore-not-found")


@pytest.fixture
def follower(control_plane: World, tmp_path: Path, secret: str) -> Iterator["subprocess.Popen[str]"]:
    """`wheelhouse local mount default/pip DIR --follow`; it prints a line for each change."""
    command = ["mount", f"default/{secret}", str(tmp_path / "a mount"), "--follow"]
    source = Path(wheelhouse_local.__file__).parents[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "wheelhouse_local", *command, "--state", str(control_plane.state.root)],
        env={**os.environ, "PYTHONPATH": str(source)},
        stderr=subprocess.PIPE,
        text=True,
    )
    yield process
    process.terminate()
    process.communicate()


def _patch(world: World, **data: str) -> None:
    encoded = ",".join(f'"{key}":"{base64.b64encode(value.encode()).decode()}"' for key, value in data.items())
    world.kubectl("patch", "secret", "pip", "--type=merge", "-p", f'{{"data":{{{encoded},"netrc":null}}}}')


def test_a_mount_follows_the_secret(control_plane: World, tmp_path: Path, follower: "subprocess.Popen[str]") -> None:
    """A change reaches the directory; the deletion of the Secret does not; a new Secret is shown."""
    assert follower.stderr is not None
    folder = tmp_path / "a mount"
    assert "netrc, pip.conf" in follower.stderr.readline()
    assert (folder / "pip.conf").read_text() == "one"
    _patch(control_plane, **{"pip.conf": "two"})
    assert "pip.conf" in follower.stderr.readline()
    assert (folder / "pip.conf").read_text() == "two"
    assert not (folder / "netrc").exists()
    control_plane.kubectl("delete", "secret", "pip")
    assert "was deleted; its files stay" in follower.stderr.readline()
    assert (folder / "pip.conf").read_text() == "two"
    control_plane.kubectl("create", "secret", "generic", "pip", "--from-literal=pip.conf=three")
    assert "pip.conf" in follower.stderr.readline()
    assert (folder / "pip.conf").read_text() == "three"


def test_an_absent_secret_is_reported(control_plane: World, tmp_path: Path) -> None:
    """Without --follow there is nothing to wait for."""
    with pytest.raises(LocalError, match='Secret default/nothing: secrets "nothing" not found'):
        Mount(control_plane.api(), "default", "nothing", tmp_path, lambda _: None).once()
