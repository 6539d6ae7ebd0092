"""Directories have the same layout and changes as kubelet's."""

import base64
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import wheelhouse_local
from wheelhouse_local import volume
from wheelhouse_local.errors import LocalError
from wheelhouse_local.mount import Layout, Mount
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


def test_files_have_the_modes_of_a_pod(tmp_path: Path) -> None:
    """By default all can read files and folders, whatever the umask is; another mode replaces the generation."""
    before = os.umask(0o077)
    try:
        assert volume.write(tmp_path, {"pip/pip.conf": b"1"})
        file = tmp_path / "pip/pip.conf"
        generation = tmp_path / (tmp_path / "..data").readlink()
        assert [oct(path.stat().st_mode & 0o777) for path in (file, generation, file.parent)] == [
            "0o644",
            "0o755",
            "0o755",
        ]
        assert volume.write(tmp_path, {"pip/pip.conf": b"1"}, 0o440)
        assert file.stat().st_mode & 0o777 == 0o440
    finally:
        os.umask(before)


def test_folders_are_replaced_with_their_generation(tmp_path: Path) -> None:
    """The first part of a path is the link: the files of one folder, and two folders, change together."""
    volume.write(tmp_path, {"pip/pip.conf": b"1", "uv/uv.toml": b"1", "uv/more/x": b"1"})
    assert (tmp_path / "pip").readlink() == Path("..data/pip")
    assert (tmp_path / "uv/more/x").read_text() == "1"
    assert not volume.write(tmp_path, {"pip/pip.conf": b"1", "uv/uv.toml": b"1", "uv/more/x": b"1"})
    volume.write(tmp_path, {"uv/uv.toml": b"2"})
    assert {path.name for path in tmp_path.iterdir()} == {"..data", str((tmp_path / "..data").readlink()), "uv"}
    assert [str(path.relative_to(tmp_path / "uv")) for path in (tmp_path / "uv").rglob("*")] == ["uv.toml"]


def test_a_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    """If a file cannot be written, the current generation stays, and no part of the next one does."""
    volume.write(tmp_path, {"a": b"1"})
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(OSError, match="too long"):
        volume.write(tmp_path, {"a": b"2", f"b/{'x' * 300}": b"2"})
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert (tmp_path / "a").read_text() == "1"


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
        # A shell's background jobs ignore SIGINT, and their children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
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


def test_items_choose_keys_and_paths(control_plane: World, tmp_path: Path, secret: str) -> None:
    """Only these keys are written, to these paths; a key that the Secret does not have is named."""
    said: list[str] = []
    Mount(control_plane.api(), "default", secret, tmp_path, said.append, Layout(0o600, {"netrc": "a/b/netrc"})).once()
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith("..")] == ["a"]
    assert (tmp_path / "a/b/netrc").read_text() == "one"
    assert (tmp_path / "a/b/netrc").stat().st_mode & 0o777 == 0o600
    assert said == [f"Secret default/pip → {tmp_path}: a/b/netrc"]
    wrong = Mount(control_plane.api(), "default", secret, tmp_path, said.append, Layout(items={"uv.toml": "uv.toml"}))
    with pytest.raises(LocalError, match=r"has no key uv\.toml; its keys are: netrc, pip\.conf"):
        wrong.once()
    assert (tmp_path / "a/b/netrc").read_text() == "one"


def test_ctrl_c_ends_following_quietly(follower: "subprocess.Popen[str]") -> None:
    """The exit status is that of an interrupted command, and nothing is printed."""
    assert follower.stderr is not None
    assert "netrc, pip.conf" in follower.stderr.readline()
    follower.send_signal(signal.SIGINT)
    assert follower.wait(10) == 130
    assert follower.stderr.read() == ""


def test_an_absent_secret_is_reported(control_plane: World, tmp_path: Path) -> None:
    """Without --follow there is nothing to wait for."""
    with pytest.raises(LocalError, match=r"Secret default/nothing does not exist\. .* use --follow to wait"):
        Mount(control_plane.api(), "default", "nothing", tmp_path, lambda _: None).once()
