"""Bad input: each command × wrong argument, missing world, stopped world, unreadable file, interruption.

The answer is one sentence and an exit status that is not 0, and nothing is left behind.
"""

import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from wheelhouse.cli.main import main
from wheelhouse_local import ports
from wheelhouse_local.cli import local
from wheelhouse_local.state import Record, State
from wheelhouse_local.world import World

ENDPOINTS = '{"artifactRegistry": "http://127.0.0.1:1/", "index": "http://127.0.0.1:1/"}'


@dataclass(frozen=True, slots=True)
class Bad:
    """A command line, and a part of its answer."""

    line: str
    said: str


WRONG = [
    Bad("up --nonsense", "No such option"),
    Bad("up --token-lifetime soon", "'soon' is not a duration: use 50ms, 90s, 2m or 1h"),
    Bad("up --token-lifetime 50ms", "'50ms' is not a number of whole seconds"),
    Bad("up --set drift", "use NAME=VALUE, where NAME is one of"),
    Bad("up --set drift_interval=never", "WHEELHOUSE_DRIFT_INTERVAL must be seconds from 1 to 86400."),
    Bad("env --nonsense", "No such option"),
    Bad("env superfluous", "Got unexpected extra argument"),
    Bad("status --nonsense", "No such option"),
    Bad("logs kitchen", "'kitchen' is not one of 'etcd', 'apiserver'"),
    Bad("restart kitchen", "'kitchen' is not one of 'etcd', 'apiserver'"),
    Bad("restart", "Missing argument 'COMPONENT'"),
    Bad("down all", "Got unexpected extra argument"),
    Bad("token", "Missing option '--as'"),
    Bad("token --as somebody", "use ksa:NAMESPACE/NAME, user:EMAIL or gsa:EMAIL"),
    Bad("mount pip m", "'pip' is not NAMESPACE/SECRET"),
    Bad("mount a/b/c m", "'a/b/c' is not NAMESPACE/SECRET"),
    Bad("mount a/pip m --mode 9", "use an octal number such as 0644"),
    Bad("mount a/pip m --mode rw-r--r--", "use an octal number such as 0644"),
    Bad("mount a/pip m --items pip.conf", "use KEY=PATH, such as"),
    Bad("mount a/pip m --items pip.conf=", "use KEY=PATH, such as"),
    Bad("mount a/pip m --items =x", "use KEY=PATH"),
    Bad("mount a/pip m --items a=x --items a=y", "once for each key"),
    Bad("mount a/pip m --items a=/etc/x", "use a relative path without `..`"),
    Bad("mount a/pip m --items a=x/../../y", "use a relative path without `..`"),
    Bad("mount a/pip m --items a=..data", "use a relative path without `..`"),
    Bad("mount a/pip m --items a=x --items b=x", "cannot both be files"),
    Bad("mount a/pip m --items a=x --items c=x-y --items b=x/y", "cannot both be files"),
    Bad("exec a/sa", "Missing argument 'COMMAND'"),
    Bad("exec sa true", "'sa' is not NAMESPACE/SERVICEACCOUNT"),
    Bad("exec a/b/c true", "'a/b/c' is not NAMESPACE/SERVICEACCOUNT"),
    Bad("policy wheels", "Missing argument 'FILE'"),
    Bad("group packagers", "is not the email address of a group"),
    Bad("group packagers@acme.example somebody", "is not an IAM member"),
    Bad("principal", "Missing argument 'MEMBER'"),
    Bad("principal ada@acme.example --delete", "is not an IAM member"),
    Bad("principal user:ada@acme.example", "Select what to do: --delete"),
    Bad("principal allUsers --delete", "--delete is for a user, a group or a service account"),
    Bad("principal user:ada@acme.example --delete --reject named", "either --delete or --reject"),
    Bad("principal user:ada@acme.example --reject", "requires an argument"),
    Bad("principal user:ada@acme.example --reject softly", "'softly' is not one of 'named', 'unnamed'"),
    Bad("principal user:ada@acme.example --propagation later", "is not a duration"),
    Bad("org-policy", "Missing argument 'PROJECT'"),
    Bad("org-policy acme-packages --allow-domain acme", "'acme' is not a domain: use a name such as acme.example"),
    Bad("org-policy acme-packages --allow-domain a.example --allow-all", "either --allow-domain or --allow-all"),
    Bad("limits --principals 0", "0 is not in the range"),
    Bad("limits --groups 251", "251 is not in the range"),
    Bad("limits all", "Got unexpected extra argument"),
    Bad("project", "Missing argument 'NAME'"),
    Bad("project acme-x --api maybe", "'maybe' is not one of 'on', 'off'"),
    Bad("fault", "Select the calls with --on METHOD"),
    Bad("fault --on Sts.Tokn --status 503", "did you mean Sts.Token?"),
    Bad("fault --on Sts.Token", "--on METHOD needs an effect"),
    Bad("fault --on Sts.Token --status 200", "200 is not in the range"),
    Bad("fault --on Sts.Token --delay 0ms", "'0ms' must be longer than 0"),
    Bad("fault --propagation later", "is not a duration"),
    Bad("requests --since yesterday", "2026-11-24T12:00:00Z"),
    Bad("requests all", "Got unexpected extra argument"),
]

UNREADABLE = [
    Bad("policy projects/p absent.yaml", "'absent.yaml': No such file or directory"),
    Bad("policy projects/p .", "'.': Is a directory"),
    Bad("policy projects/p binary", "binary: this is not an IAM policy in JSON or YAML"),
    Bad("policy projects/p broken.yaml", "broken.yaml, line 2: this is not an IAM policy"),
    Bad("mount a/pip binary", "Directory 'binary' is a file"),
    *(Bad(f"{line} --state binary", "Directory 'binary' is a file") for line in ("up", "env", "down", "requests")),
    *(Bad(f"{line} --state binary/x", "binary/x") for line in ("up --detach", "env", "status", "restart google")),
]

NEEDS_A_WORLD = [
    "env",
    "env --json",
    "env --operator",
    "restart operator",
    "token --as user:ada@acme.example",
    "mount a/pip m",
    "mount a/pip m --follow",
    "exec a/sa true",
    "policy wheels policy.yaml",
    "policy projects/p/locations/us-central1/repositories/wheels policy.yaml",
    "group packagers@acme.example",
    "project acme-staging",
    "principal user:ada@acme.example --delete",
    "org-policy acme-packages",
    "limits",
    "fault --list",
    "fault --clear",
    "fault --on Sts.Token --status 503",
    "fault --propagation 5s",
]
NEEDS_A_RECORD = ["logs", "logs operator -f", "requests", "requests --json --follow", "requests --kubernetes"]
"""These read files, so they also work in a stopped world."""


def snapshot(folder: Path) -> dict[str, bytes | None]:
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with good and bad files."""
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00\x80")
    (tmp_path / "broken.yaml").write_text("bindings:\n- [")
    (tmp_path / "policy.yaml").write_text("bindings: []")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    return tmp_path


@pytest.fixture
def stopped(folder: Path) -> Path:
    """A world that was started and stopped."""
    state = State(folder / "home/wheelhouse/local")
    state.create()
    state.save(Record(ports={"apiserver": 1, "operator": 1}))
    (state.root / "lock").touch()
    (state.google / "endpoints.json").write_text(ENDPOINTS)
    (state.google / "owner-token").write_text("owner")
    (state.control_plane / "admin-token").write_text("admin")
    return folder


def refused(folder: Path, line: str, said: str) -> Result:
    """Run a command that must fail with one sentence, and change nothing in the folder."""
    before = snapshot(folder)
    result = CliRunner().invoke(local, line.split())
    assert isinstance(result.exception, SystemExit), result.output
    assert result.exit_code in {1, 2}
    sentence = [one for one in result.stderr.splitlines() if not one.startswith(("Usage: ", "Try '")) and one]
    assert len(sentence) == 1, result.output
    assert sentence[0].startswith("Error: ")
    assert said in sentence[0]
    assert "Errno" not in sentence[0]
    assert result.stdout == ("false\n" if line.startswith("env") and "--json" not in line else "")
    assert snapshot(folder) == before
    return result


def test_all_commands_are_in_the_tables() -> None:
    """A new command needs rows here."""
    assert {bad.line.split()[0] for bad in WRONG} == set(local.commands)
    of_worlds = {line.split()[0] for line in (*NEEDS_A_WORLD, *NEEDS_A_RECORD)}
    assert of_worlds == set(local.commands) - {"up", "down", "status"}


@pytest.mark.parametrize("bad", WRONG, ids=lambda bad: bad.line)
def test_wrong_arguments(stopped: Path, bad: Bad) -> None:
    """The error names the argument and the valid forms, whether or not a world is running."""
    refused(stopped, bad.line, bad.said)


@pytest.mark.parametrize("bad", UNREADABLE, ids=lambda bad: bad.line)
def test_unreadable_files(stopped: Path, bad: Bad) -> None:
    """The error names the file."""
    refused(stopped, bad.line, bad.said)


@pytest.mark.parametrize("line", [*NEEDS_A_WORLD, *NEEDS_A_RECORD])
def test_a_missing_world(folder: Path, line: str) -> None:
    """The error names the directory and the command that starts a world; the directory is not created."""
    result = refused(folder, line, "run `wheelhouse local up`")
    assert str(folder / "home/wheelhouse/local") in result.stderr


@pytest.mark.parametrize("line", NEEDS_A_WORLD)
def test_a_stopped_world(stopped: Path, line: str) -> None:
    """The error says that it is not running, and which command helps."""
    refused(stopped, line, "run `wheelhouse local ")


@pytest.mark.parametrize("line", ["logs", "logs operator", "requests --json", "requests --kubernetes"])
def test_a_stopped_world_has_its_records(stopped: Path, line: str) -> None:
    """What was recorded can be read after the end."""
    before = snapshot(stopped)
    assert CliRunner().invoke(local, line.split()).exit_code == 0
    assert snapshot(stopped) == before


@pytest.mark.parametrize("form", ["", "--json"])
@pytest.mark.parametrize("world", ["folder", "stopped"])
def test_status_without_a_world(request: pytest.FixtureRequest, world: str, form: str) -> None:
    """Its answer is that nothing is running, with exit status 1."""
    folder: Path = request.getfixturevalue(world)
    before = snapshot(folder)
    result = CliRunner().invoke(local, ["status", *form.split()])
    assert result.exit_code == 1
    assert result.stderr == ""
    assert form or result.stdout == f"No world is running in {folder / 'home/wheelhouse/local'}\n"
    assert snapshot(folder) == before


def test_down_without_a_world(folder: Path) -> None:
    """What is wanted is so already: one sentence, exit status 0, and no directory."""
    before = snapshot(folder)
    result = CliRunner().invoke(local, ["down", "--purge"])
    assert result.exit_code == 0
    assert "No world was running" in result.stdout
    assert snapshot(folder) == before


def test_a_record_of_another_program(stopped: Path) -> None:
    """A world.json that is not ours stays, and the error names it."""
    for content in ("{}", "[", "[]", '{"options": 1}'):
        (stopped / "home/wheelhouse/local/world.json").write_text(content)
        for line in ("up", "env", "status", "down", "restart google"):
            refused(stopped, line, "world.json is not the record of a local world")


def test_a_first_up_that_cannot_start_leaves_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the programs and without Go, not even the directory stays; a file of the user does."""
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    (folder / "mine").mkdir()
    (folder / "mine/notes").write_text("mine")
    for state in ("new", "mine"):
        result = CliRunner().invoke(local, ["up", "--detach", "--state", state])
        assert result.exit_code == 1
        assert "no `go` on PATH" in result.stderr
    assert not (folder / "new").exists()
    assert [path.name for path in (folder / "mine").iterdir()] == ["notes"]


QUIET = {"logs -f", "mount a/pip m --follow", "requests --follow"}


@pytest.mark.parametrize(
    ("line", "where"),
    [
        ("up", "world.World.up"),
        ("down", "world.World.down"),
        ("restart google", "world.World.restart"),
        ("status", "world.World.pid"),
        ("env", "world.World.pid"),
        ("logs -f", "logs.follow"),
        ("mount a/pip m", "mount.Mount.once"),
        ("mount a/pip m --follow", "mount.Mount.follow"),
        ("token --as user:ada@acme.example", "control.token"),
        ("policy projects/p policy.yaml", "control.plant"),
        ("group packagers@acme.example", "control.group"),
        ("project acme-x", "control.project"),
        ("fault --list", "control.faults"),
        ("requests", "trace.google"),
        ("requests --follow", "trace.follow"),
    ],
)
def test_an_interrupted_command(stopped: Path, monkeypatch: pytest.MonkeyPatch, line: str, where: str) -> None:
    """Ctrl-C ends it with the status of an interrupted command and one word; following ends without a word."""

    def interrupt(*_arguments: object, **_options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(World, "check_started", lambda _: None)
    if line.startswith("mount"):
        monkeypatch.setattr(World, "pid", lambda *_: 1)
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # `up` would change this process's handlers
    monkeypatch.setattr(f"wheelhouse_local.{where}", interrupt)
    before = snapshot(stopped)
    result = CliRunner().invoke(local, line.split())
    assert result.exit_code == 130, result.output
    assert result.stderr == ("" if line in QUIET else "Interrupted.\n")
    assert snapshot(stopped) == before


@pytest.mark.parametrize("form", ["env", "env --operator", "env --nonsense"])
def test_eval_fails_without_a_world(folder: Path, form: str) -> None:
    """The shell's line fails, so that a script with `set -e` ends there."""
    command = f'"{sys.executable}" -m wheelhouse_local {form}'
    operator = str(Path(__file__).parents[2] / "operator")
    script = f'eval "$({command})" && echo worked; set -e; eval "$({command})"; echo went on'
    env = {"PYTHONPATH": operator, "HOME": str(folder), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(["/bin/sh", "-c", script], env=env, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("nonsense", "No such command 'nonsense'"),
        ("local nonsense", "No such command 'nonsense'"),
        ("run now", "Got unexpected extra argument"),
        (
            "crds --write absent",
            "Cannot write absent/pythonrepositories.wheelhouse.dev.yaml: No such file or directory",
        ),
        ("crds --reference absent", "Cannot write absent/pythonrepository.md: No such file or directory"),
        ("crds --write binary", "Directory 'binary' is a file"),
    ],
)
def test_other_commands(folder: Path, line: str, said: str) -> None:
    """Commands that need no world answer in the same way."""
    before = snapshot(folder)
    result = CliRunner().invoke(main, line.split())
    assert result.exit_code in {1, 2}
    assert isinstance(result.exception, SystemExit)
    assert said in re.sub(r"\s+", " ", result.stderr)
    assert snapshot(folder) == before


@pytest.mark.parametrize("content", [b"", b"x: [", b"\xff\xfe\x00", b"- a"])
def test_run_with_a_broken_kubeconfig(folder: Path, content: bytes) -> None:
    """The error is one line that says that nobody could log in."""
    (folder / "kubeconfig").write_bytes(content)
    operator = str(Path(__file__).parents[2] / "operator")
    port = str(ports.choose(set()))
    env = {"PYTHONPATH": operator, "HOME": str(folder), "KUBECONFIG": "kubeconfig", "WHEELHOUSE_HTTP_PORT": port}
    argv = [sys.executable, "-m", "wheelhouse", "run"]
    done = subprocess.run(argv, env=env, cwd=folder, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("Error: Cannot log in to Kubernetes.")
    assert "Traceback" not in done.stderr


def test_every_command_explains_itself() -> None:
    """Every option and argument has a help text, or is explained by the text of its command."""
    for name, command in local.commands.items():
        for option in command.params:
            if isinstance(option, click.Option):
                assert option.help, f"{name} {option.name}"
