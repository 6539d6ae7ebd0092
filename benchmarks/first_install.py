"""From `kubectl apply` to the first `pip install`.

Times are wall-clock seconds of a whole world on this machine, where the operator and its servers share the cores;
memory is the operator's resident set as the kernel counts it.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

from wheelhouse_local.environment import kubectl
from wheelhouse_local.state import Options
from wheelhouse_local.world import World

NAMESPACE = """
apiVersion: v1
kind: Namespace
metadata:
  name: {name}
  labels: {{wheelhouse.dev/credentials: enabled}}
  annotations: {{wheelhouse.dev/projects: acme-packages}}
---
apiVersion: v1
kind: ServiceAccount
metadata: {{name: wheels, namespace: {name}}}
"""
OBJECTS = """
apiVersion: wheelhouse.dev/v1alpha1
kind: PythonRepository
metadata: {{name: {name}, namespace: {name}}}
spec: {{location: us-central1}}
---
apiVersion: wheelhouse.dev/v1alpha1
kind: RepositoryAccess
metadata: {{name: wheels, namespace: {name}}}
spec:
  repositoryRef: {{name: {name}}}
  role: Writer
  subjects: [{{kind: ServiceAccount, name: wheels}}]
  secret: {{name: pip-config}}
"""


def section(runs: int) -> str:
    """Run everything; return the section for the results."""
    with tempfile.TemporaryDirectory(prefix="wheelhouse-bench-") as name:
        work = Path(name)
        world = World(work / "world", say=lambda line: print(f"  {line}", file=sys.stderr, flush=True))
        # Each run has its own project, so that no run waits for the turn that Google's quota gives after the previous
        # one.
        world.up(Options(settings={"WHEELHOUSE_CREATE_INTERVAL": "0"}))
        try:
            rows = measure(world, work, runs)
        finally:
            world.down(purge=True)
    return table(rows)


def measure(world: World, work: Path, runs: int) -> dict[str, list[float]]:
    """All figures, each as the list of its runs."""
    wheel = a_wheel(work)
    rows: dict[str, list[float]] = {
        "apply of both objects to Ready, s": [],
        "apply of both objects to the first successful pip install, s": [],
        "operator start to its first write, s": [],
        "operator resident memory, MB": [],
    }
    to_ready, to_install, to_write, memory = rows.values()
    for number in range(runs):
        print(f"  run {number + 1} of {runs}", file=sys.stderr, flush=True)
        name = f"bench-{number}"
        world.kubectl("apply", "-f", "-", stdin=NAMESPACE.format(name=name))
        begun = time.perf_counter()
        world.kubectl("apply", "-f", "-", stdin=OBJECTS.format(name=name))
        world.kubectl("wait", "--for=condition=Ready", "pyaccess/wheels", "-n", name, "--timeout=60s")
        to_ready.append(time.perf_counter() - begun)
        install(world, work / name, name, wheel)
        to_install.append(time.perf_counter() - begun)
        memory.append(resident(world))
        to_write.append(first_write(world, f"{name}-start"))
    return rows


def install(world: World, folder: Path, namespace: str, wheel: Path) -> None:
    """Twine upload and pip install through the Secret, as a pod would."""
    folder.mkdir()
    python = [sys.executable, "-m", "wheelhouse_local", "mount", "--state", str(world.state.root)]
    env = {key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "UV_", "TWINE_"))}
    subprocess.run([*python, f"{namespace}/pip-config", str(folder / "m")], check=True, capture_output=True)
    twine = [sys.executable, "-m", "twine", "upload", "--disable-progress-bar", "--config-file"]
    subprocess.run(
        [*twine, str(folder / "m/.pypirc"), "-r", namespace, str(wheel)], check=True, capture_output=True, env=env
    )
    pip = [sys.executable, "-m", "pip", "install", "--no-deps", "--disable-pip-version-check", "--no-cache-dir"]
    env |= {"PIP_CONFIG_FILE": str(folder / "m/pip.conf"), "NETRC": str(folder / "m/netrc")}
    subprocess.run([*pip, "--target", str(folder / "t"), "benched"], check=True, capture_output=True, env=env)


def first_write(world: World, name: str) -> float:
    """Seconds from the operator's start until its first write to an object that was waiting."""
    world.stop("operator")
    world.kubectl("apply", "-f", "-", stdin=NAMESPACE.format(name=name) + "---" + OBJECTS.format(name=name))
    watch = [str(kubectl()), "--kubeconfig", str(world.kubeconfig), "wait", "-n", name, f"pyrepo/{name}"]
    waiting = subprocess.Popen(
        [*watch, "--for=jsonpath={.metadata.finalizers}", "--timeout=60s"], stdout=subprocess.DEVNULL
    )
    begun = time.perf_counter()
    world.start("operator")
    if waiting.wait():
        raise SystemExit("the operator wrote nothing")
    return time.perf_counter() - begun


def resident(world: World) -> float:
    """The operator's resident set in MB (1,000,000 bytes)."""
    lines = Path(f"/proc/{world.pid('operator')}/status").read_text().splitlines()
    kilobytes = next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))
    return kilobytes * 1024 / 1e6


def a_wheel(folder: Path) -> Path:
    """The smallest wheel that pip accepts."""
    wheel = folder / "benched-1.0-py3-none-any.whl"
    info = "benched-1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("benched.py", "")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: benched\nVersion: 1.0\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: bench\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", f"benched.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    return wheel


def table(rows: dict[str, list[float]]) -> str:
    """The results as Markdown."""
    lines = [
        "## From apply to the first install",
        "",
        f"benchmarks/first_install.py, {len(next(iter(rows.values())))} runs.",
        "",
        "| figure | median | min | max | aim |",
        "|---|---|---|---|---|",
    ]
    aims = {"operator start to its first write, s": "≤ 2", "operator resident memory, MB": "≤ 115"}
    form: Callable[[float], str] = "{:.2f}".format
    for name, values in rows.items():
        figures = [form(f) for f in (statistics.median(values), min(values), max(values))]
        lines.append(f"| {name} | {' | '.join(figures)} | {aims.get(name, '')} |")
    return "\n".join(lines) + "\n"
