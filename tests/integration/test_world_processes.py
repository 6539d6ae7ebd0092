"""Processes outlive the command that started them, and no other process is ever stopped."""

import os
import signal
import socket
import sys
from pathlib import Path

import pytest

from wheelhouse_local import ports, processes
from wheelhouse_local.errors import LocalError
from wheelhouse_local.state import Process, State, write_private
from wheelhouse_local.supervisor import Component, Supervisor

SLEEPER = [sys.executable, "-c", "import signal; print('up', flush=True); signal.pause()"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal; signal.signal(15, signal.SIG_IGN); print('up', flush=True)\nwhile True: signal.pause()",
]


@pytest.fixture
def state(tmp_path: Path) -> State:
    state = State(tmp_path / "a world")
    state.create()
    return state


def _component(state: State, argv: list[str]) -> Component:
    """A component that is ready when it has written its first line."""
    return Component("etcd", argv, os.environ, lambda: "up" in state.log("etcd").read_text())


def test_a_recycled_pid_is_never_killed(state: State) -> None:
    """A process with the id of one of ours, but another start time, belongs to another program: it keeps running."""
    supervisor = Supervisor(state)
    supervisor.start(_component(state, SLEEPER))
    record = state.load()
    theirs = record.processes["etcd"]
    record.processes["etcd"] = Process(theirs.pid, "another boot/1")
    state.save(record)
    try:
        assert supervisor.running("etcd") is None
        supervisor.kill("etcd")
        supervisor.end(["etcd"])
        assert processes.alive(theirs)
    finally:
        processes.end(theirs)
    assert not processes.alive(theirs)


def test_it_has_a_session_of_its_own(state: State) -> None:
    """Ctrl-C in the starter's terminal does not reach it."""
    supervisor = Supervisor(state)
    supervisor.start(_component(state, SLEEPER))
    process = supervisor.running("etcd")
    assert process is not None
    assert os.getsid(process.pid) == process.pid
    supervisor.end(["etcd"])
    assert state.load().processes == {}


def test_what_ignores_the_request_is_killed(state: State) -> None:
    """A process that does not stop on request is killed after the grace period."""
    process = processes.spawn(STUBBORN, os.environ, state.log("etcd"))
    while "up" not in state.log("etcd").read_text():
        assert processes.alive(process)
    processes.send(process, signal.SIGTERM)
    assert not processes.wait(process, 0.2)
    processes.end(process, grace=0.2)
    assert not processes.alive(process)


def test_a_failed_start_shows_why(state: State) -> None:
    """The message has the end of this start's log, and not of an earlier one's."""
    state.log("etcd").write_text("an old trouble\n")
    failing = _component(state, [sys.executable, "-c", "raise SystemExit('the disk is full')"])
    with pytest.raises(LocalError, match="etcd ended while it started") as caught:
        Supervisor(state).start(failing)
    assert "the disk is full" in str(caught.value)
    assert "an old trouble" not in str(caught.value)


def test_a_missing_program_is_named(state: State) -> None:
    """A program that cannot be run is an error that names the component."""
    with pytest.raises(LocalError, match=r"etcd cannot be started: .*nowhere"):
        Supervisor(state).start(_component(state, ["/nowhere/etcd"]))


def test_ports_are_kept_while_they_are_free(state: State) -> None:
    """A port is the same at the next start, and another one if another process uses it."""
    supervisor = Supervisor(state)
    first = supervisor.claim_ports(["etcd", "apiserver"])
    assert supervisor.claim_ports(["etcd", "apiserver"]) == first
    with socket.create_server(("127.0.0.1", first["etcd"])):
        assert not ports.is_free(first["etcd"])
        second = supervisor.claim_ports(["etcd", "apiserver"])
    assert second["apiserver"] == first["apiserver"]
    assert second["etcd"] != first["etcd"]


def test_an_unknown_record_is_refused(state: State) -> None:
    """A world.json that is not ours is not changed, and reported."""
    write_private(state.root / "world.json", '{"a": 1}')
    with pytest.raises(LocalError, match=r"world\.json is not the record of a local world"):
        state.load()


def test_a_purge_leaves_other_files(state: State) -> None:
    """Files of others stay, even in the world's directory."""
    (state.root / "thesis.txt").write_text("mine")
    state.purge()
    assert [path.name for path in state.root.iterdir()] == ["thesis.txt"]
