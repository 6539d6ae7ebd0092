"""Builds the control plane once with Go, into the cache: 6 to 11 minutes on two cores, 250 MB."""

import fcntl
import os
import queue
import re
import shutil
import subprocess
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable
from importlib import resources
from pathlib import Path

from wheelhouse_local.errors import LocalError

VERSION = "v1.37.2"
_PACKAGES = (
    "k8s.io/kubernetes/cmd/kube-apiserver",
    "k8s.io/kubernetes/cmd/kube-controller-manager",
    "go.etcd.io/etcd/server/v3",
)
_VERSION_FLAGS = {"gitVersion": VERSION, "gitMajor": VERSION[1:].split(".")[0], "gitMinor": VERSION.split(".")[1]}
_REMEDY = (
    "Install Go (https://go.dev/dl/), or set KUBEBUILDER_ASSETS to a folder with kube-apiserver,\n"
    "kube-controller-manager and etcd of Kubernetes 1.36 or later."
)
_SAY_EVERY_S = 10.0
_MINUTES_ON_TWO = (6, 11)


def cache() -> Path:
    """`wheelhouse/controlplane` under XDG_CACHE_HOME, by default ~/.cache."""
    home = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(home) if Path(home).is_absolute() else Path.home() / ".cache") / "wheelhouse" / "controlplane"


def ensure(say: Callable[[str], None]) -> Path:
    """Return the folder with the programs, and build them first if it does not exist.

    Only one process builds, and the others wait for it. The folder appears complete or not at all.

    Raises:
        LocalError: Go is missing, too old, or the build failed.
    """
    folder = cache() / VERSION
    if _complete(folder):
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another process is building the control plane; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        if not _complete(folder):
            _build(folder, say)
    return folder


def _complete(folder: Path) -> bool:
    return all((folder / name).is_file() for name in ("etcd", "kube-apiserver", "kube-controller-manager"))


def _build(folder: Path, say: Callable[[str], None]) -> None:
    # Next to the result, so that the last step is a rename; never in the package, which may be read-only.
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="build-") as name:
        work = Path(name)
        for file in ("go.mod", "go.sum"):
            (work / file).write_bytes(resources.files(__package__).joinpath(file).read_bytes())
        go = _go(work)
        say(f"Building Kubernetes {VERSION} with {go}, once: {expected(_cores())}, 250 MB in {folder}")
        say("  To skip the build, stop it and set KUBEBUILDER_ASSETS to a folder with kube-apiserver,")
        say("  kube-controller-manager and etcd of Kubernetes 1.36 or later.")
        output = work / "bin"
        output.mkdir()
        _run(go, work, output, say)
        (output / "server").rename(output / "etcd")
        if folder.exists():  # a part of one, from an interrupted copy
            shutil.rmtree(folder)
        output.rename(folder)


def expected(cores: int) -> str:
    """How long the build takes; measured on two cores: 6 to 11 minutes, of which linking uses one core."""
    shortest, longest = (max(round(minutes * 2 / cores), 2) for minutes in _MINUTES_ON_TWO)
    minutes = f"{shortest} to {longest}" if shortest < longest else f"{shortest}"
    return f"about {minutes} minutes on the {cores} cores of this machine" if cores > 1 else f"about {minutes} minutes"


def _cores() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _go(work: Path) -> str:
    """The path of a Go that can build the module in `work`."""
    go = shutil.which("go")
    if go is None:
        raise LocalError(f"The control plane has to be built once, and there is no `go` on PATH.\n{_REMEDY}")
    needed = re.search(r"^go (\d+)\.(\d+)", (work / "go.mod").read_text(), re.MULTILINE)
    # In the module's folder: since 1.21 Go downloads the release that go.mod requires, unless this is disabled.
    reply = subprocess.run([go, "env", "GOVERSION"], cwd=work, env=_env(), capture_output=True, text=True, check=False)
    found = re.match(r"go(\d+)\.(\d+)", reply.stdout)
    if needed and found and (int(found[1]), int(found[2])) >= (int(needed[1]), int(needed[2])):
        return go
    said = reply.stdout.strip() or reply.stderr.strip() or "no version"
    wanted = needed[0] if needed else "a recent Go"
    raise LocalError(f"The control plane has to be built once with {wanted} or later; {go} reports: {said}\n{_REMEDY}")


def _run(go: str, work: Path, output: Path, say: Callable[[str], None]) -> None:
    flags = " ".join(f"-X k8s.io/component-base/version.{name}={value}" for name, value in _VERSION_FLAGS.items())
    argv = [go, "build", "-v", "-mod=readonly", "-trimpath", "-ldflags", f"-s -w {flags}", "-o", f"{output}{os.sep}"]
    process = subprocess.Popen([*argv, *_PACKAGES], cwd=work, env=_env(), stderr=subprocess.PIPE, text=True)
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(process, lines), daemon=True).start()
    try:
        last = _progress(lines, say)
    except BaseException:
        process.terminate()
        raise
    finally:
        code = process.wait()
    if code != 0:
        raise LocalError(f"go build failed with status {code}:\n" + "\n".join(last))


def _read(process: subprocess.Popen[str], lines: "queue.SimpleQueue[str | None]") -> None:
    for line in process.stderr or ():
        lines.put(line.strip())
    lines.put(None)


def _progress(lines: "queue.SimpleQueue[str | None]", say: Callable[[str], None]) -> list[str]:
    """Print the build's progress every ten seconds, until it ends; return its last lines."""
    began, said, compiled = time.monotonic(), time.monotonic(), 0
    last: deque[str] = deque(maxlen=15)
    while True:
        try:
            line = lines.get(timeout=1)
            if line is None:
                return list(last)
            last.append(line)
            compiled += not line.startswith("go: ")
        except queue.Empty:  # a long compilation, or linking: nothing new, but time passes
            line = ""
        now = time.monotonic()
        if now - said >= _SAY_EVERY_S:
            said = now
            doing = last[-1] if last else "starting"
            say(f"  {int(now - began) // 60}:{int(now - began) % 60:02d}  {compiled} packages compiled; {doing}")


def _env() -> dict[str, str]:
    # The user's GOFLAGS or workspace could change what is built, so that it no longer matches go.sum.
    return {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off"}
