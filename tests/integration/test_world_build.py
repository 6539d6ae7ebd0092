"""The control plane is found or built once, and an error explains how to get what is missing."""

import os
import threading
from pathlib import Path

import pytest

from wheelhouse_local.controlplane import binaries, build
from wheelhouse_local.errors import LocalError

PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager")


class Machine:
    """A PATH, a cache and a fake Go."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.bin = folder / "a bin"
        self.bin.mkdir()
        self._monkeypatch = monkeypatch
        monkeypatch.setenv("PATH", str(self.bin))
        monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "a cache"))
        monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)

    def script(self, path: Path, body: str) -> None:
        path.write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\n{body}\n")
        path.chmod(0o755)

    def kubernetes(self, folder: Path, version: str, programs: tuple[str, ...] = PROGRAMS) -> Path:
        folder.mkdir(exist_ok=True)
        for name in programs:
            self.script(folder / name, f"echo Kubernetes {version}")
        return folder

    def assets(self, folder: Path) -> None:
        self._monkeypatch.setenv("KUBEBUILDER_ASSETS", str(folder))

    def go(self, build: str, version: str = "go1.26.8") -> None:
        """A `go` whose build runs in the copied module's folder, with $out for the programs."""
        outputs = 'for argument; do case "$previous" in -o) out=$argument;; esac; previous=$argument; done'
        self.script(self.bin / "go", f'[ "$1" = env ] && echo {version} && exit\n{outputs}\n{build}')


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


BUILD = """
echo build >> "$out/../../builds"
for name in server kube-apiserver kube-controller-manager; do
  printf '#!/bin/sh\\necho Kubernetes v1.37.2\\n' > "$out/$name"; chmod +x "$out/$name"
done
"""


def _ignore(line: str) -> None:
    pass


def test_without_go_it_says_what_to_install(machine: Machine) -> None:
    """Neither programs nor Go: the message names Go, where to get it, and KUBEBUILDER_ASSETS."""
    with pytest.raises(LocalError) as caught:
        binaries.find(_ignore)
    assert "no `go` on PATH" in str(caught.value)
    assert "https://go.dev/dl/" in str(caught.value)
    assert "KUBEBUILDER_ASSETS" in str(caught.value)


def test_an_old_go_is_refused_before_it_builds(machine: Machine) -> None:
    """The error names a Go that is older than go.mod's line, and both versions, and nothing is downloaded."""
    machine.go("exit 9", version="go1.20.1")
    with pytest.raises(LocalError, match=r"go 1\.26 or later; .*/go reports: go1\.20\.1"):
        binaries.find(_ignore)


def test_it_is_built_once_from_a_copy(machine: Machine) -> None:
    """The first use builds into the cache, the second finds it; the package's own folder is not changed."""
    package = Path(build.__file__).parent
    before = sorted(path.name for path in package.iterdir())
    machine.go(BUILD + 'ls > "$out/../../seen"')
    found = binaries.find(_ignore)
    assert found.version == "v1.37.2"
    assert found.etcd.name == "etcd"
    assert found == binaries.find(_ignore)
    cache = build.cache()
    assert (cache / "builds").read_text() == "build\n"
    assert (cache / "seen").read_text().split() == ["bin", "go.mod", "go.sum"]
    assert sorted(path.name for path in package.iterdir()) == before
    assert sorted(path.name for path in cache.iterdir()) == ["builds", "lock", "seen", build.VERSION]


def test_a_failed_build_leaves_nothing_to_trip_over(machine: Machine) -> None:
    """The compiler's last lines are shown; no half-built folder is left, and the next attempt builds again."""
    machine.go('echo k8s.io/api >&2; echo "no space left on device" >&2; exit 1')
    with pytest.raises(LocalError, match=r"go build failed with status 1:\n(.*\n)*no space left on device"):
        binaries.find(_ignore)
    assert [path.name for path in build.cache().iterdir()] == ["lock"]
    machine.go(BUILD)
    assert binaries.find(_ignore).version == "v1.37.2"


def test_a_part_of_a_cache_is_replaced(machine: Machine) -> None:
    """A folder without one of the programs, from an interrupted copy, is replaced by a complete one."""
    machine.kubernetes(machine.folder / "part", "v1.37.2", ("etcd",))
    build.cache().mkdir(parents=True)
    (machine.folder / "part").rename(build.cache() / build.VERSION)
    machine.go(BUILD)
    assert binaries.find(_ignore).version == "v1.37.2"
    assert sorted(path.name for path in (build.cache() / build.VERSION).iterdir()) == sorted(PROGRAMS)


@pytest.mark.parametrize(
    ("cores", "said"),
    [
        (1, "about 12 to 22 minutes"),
        (2, "about 6 to 11 minutes on the 2 cores of this machine"),
        (4, "about 3 to 6 minutes on the 4 cores of this machine"),
        (64, "about 2 minutes on the 64 cores of this machine"),
    ],
)
def test_the_build_says_how_long_it_takes(cores: int, said: str) -> None:
    """The time depends on the machine's cores."""
    assert build.expected(cores) == said


def test_the_build_says_what_can_replace_it(machine: Machine) -> None:
    """Before it starts, it names the variable and the programs that make it unnecessary."""
    machine.go(BUILD)
    said: list[str] = []
    binaries.find(said.append)
    assert "minutes" in said[0]
    assert "KUBEBUILDER_ASSETS" in "\n".join(said)


def test_two_at_once_build_once(machine: Machine) -> None:
    """A process that starts during another one's build waits for it, reports that, and uses its result."""
    gate = machine.folder / "gate"
    os.mkfifo(gate)
    machine.go(f'read line < "{gate}"\n{BUILD}')
    building, waiting = threading.Event(), threading.Event()
    folders: list[Path] = []

    def run(said: threading.Event) -> threading.Thread:
        thread = threading.Thread(target=lambda: folders.append(build.ensure(lambda _: said.set())), daemon=True)
        thread.start()
        return thread

    first = run(building)
    assert building.wait(10), "the first says that it builds"
    second = run(waiting)
    assert waiting.wait(10), "the second says that it waits"
    gate.write_text("go\n")
    first.join(10)
    second.join(10)
    assert folders == [build.cache() / build.VERSION] * 2
    assert (build.cache() / "builds").read_text() == "build\n"


def test_progress_is_shown(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """During the build, a line now and then has the time, the progress, and the current package."""
    monkeypatch.setattr(build, "_SAY_EVERY_S", 0.0)
    machine.go('echo "go: downloading k8s.io/api v0.37.2" >&2\necho k8s.io/api/core/v1 >&2' + BUILD)
    said: list[str] = []
    binaries.find(said.append)
    assert any(line.strip() == "0:00  1 packages compiled; k8s.io/api/core/v1" for line in said), said


def test_assets_come_first(machine: Machine) -> None:
    """KUBEBUILDER_ASSETS has priority over PATH, and the result has the place."""
    machine.kubernetes(machine.bin, "v1.37.0")
    machine.assets(machine.kubernetes(machine.folder / "my assets", "v1.36.1"))
    found = binaries.find(_ignore)
    assert found.version == "v1.36.1"
    assert found.origin == f"KUBEBUILDER_ASSETS: {machine.folder / 'my assets'}"


def test_too_old_assets_are_refused(machine: Machine) -> None:
    """A Kubernetes before 1.36 that was set explicitly is an error, not a silent build."""
    machine.assets(machine.kubernetes(machine.folder / "assets", "v1.35.9"))
    with pytest.raises(LocalError, match=r"has Kubernetes v1\.35\.9; it must be at least 1\.36"):
        binaries.find(_ignore)


def test_incomplete_assets_and_old_programs_are_passed_over(machine: Machine) -> None:
    """Envtest's assets have no controller manager, and an old PATH is not used: both are reported, and it is built."""
    machine.assets(machine.kubernetes(machine.folder / "assets", "v1.36.0", ("etcd", "kube-apiserver")))
    machine.kubernetes(machine.bin, "v1.30.2")
    machine.go(BUILD)
    said: list[str] = []
    assert binaries.find(said.append).origin.startswith("built for the local world")
    assert "has no kube-controller-manager: looking elsewhere" in said[0]
    assert "has Kubernetes v1.30.2, older than 1.36: looking elsewhere" in said[1]
