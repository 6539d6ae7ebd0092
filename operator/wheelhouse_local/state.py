"""A world's state directory: its files, and what is remembered between two commands.

`world.json` has ports, processes and options. It is replaced atomically, and only changed under `State.lock`.
"""

import contextlib
import fcntl
import json
import os
import shlex
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from wheelhouse_local.errors import LocalError

CONTROL_PLANE = ("etcd", "apiserver", "controllers")
COMPONENTS = (*CONTROL_PLANE, "kubelet", "google", "operator")


def default_directory() -> Path:
    """`wheelhouse/local` under XDG_STATE_HOME, by default ~/.local/state."""
    home = os.environ.get("XDG_STATE_HOME", "")
    base = Path(home) if Path(home).is_absolute() else Path.home() / ".local" / "state"
    return base / "wheelhouse" / "local"


def write_private(path: Path, data: str | bytes) -> None:
    """Replace a file atomically with one that only its owner can read."""
    content = data.encode() if isinstance(data, str) else data
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@dataclass(frozen=True)
class Process:
    """A process that we started: the id, and its start time, because the system reuses ids."""

    pid: int
    started: str


@dataclass(frozen=True)
class Options:
    """The options of `up`: components, the maximum lifetime of Google's tokens in seconds, operator settings."""

    components: tuple[str, ...] = COMPONENTS
    token_lifetime: int | None = None
    settings: dict[str, str] = field(default_factory=dict)


@dataclass
class Record:
    """The content of world.json."""

    options: Options = field(default_factory=Options)
    ports: dict[str, int] = field(default_factory=dict)
    processes: dict[str, Process] = field(default_factory=dict)


class State:
    """Paths below a world's directory (absolute), and its record."""

    def __init__(self, root: Path) -> None:
        self.root = root.expanduser().absolute()
        self.control_plane = self.root / "controlplane"
        self.google = self.root / "google"
        self.gcloud = self.root / "gcloud"
        self.home = self.root / "operator"
        self.token = self.root / "token"
        self.logs = self.root / "logs"
        self.kubeconfig = self.root / "kubeconfig"
        self.operator_kubeconfig = self.root / "operator.kubeconfig"
        self.kubectl_cache = self.root / "kubectl-cache"
        self._world = self.root / "world.json"
        self._lock = self.root / "lock"

    def create(self) -> None:
        """Create the directories, readable by their owner only."""
        for directory in (self.control_plane, self.google, self.gcloud, self.home, self.token, self.logs):
            directory.mkdir(parents=True, exist_ok=True)
        self.root.chmod(0o700)

    def command(self, name: str) -> str:
        """A command of `wheelhouse local` for this directory, as a person types it."""
        place = "" if self.root == default_directory() else f" --state {shlex.quote(str(self.root))}"
        return f"wheelhouse local {name}{place}"

    def exists(self) -> bool:
        """Whether a world was ever started here."""
        return self._world.exists()

    def log(self, component: str) -> Path:
        """The file with a component's output."""
        return self.logs / f"{component}.log"

    def load(self) -> Record:
        """Read world.json; a world that was never started has an empty record.

        Raises:
            LocalError: the file is not one of ours.
        """
        try:
            raw: dict[str, Any] = json.loads(self._world.read_text())
            options = raw["options"]
            return Record(
                Options(tuple(options["components"]), options["token_lifetime"], dict(options["settings"])),
                dict(raw["ports"]),
                {name: Process(**process) for name, process in raw["processes"].items()},
            )
        except FileNotFoundError:
            return Record()
        except (ValueError, TypeError, KeyError) as error:
            problem = f"{self._world} is not the record of a local world: move it, or use another --state"
            raise LocalError(problem) from error

    def save(self, record: Record) -> None:
        """Replace world.json."""
        write_private(self._world, json.dumps(asdict(record), indent=1))

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Prevent changes to this world by other commands; waits for them."""
        self.root.mkdir(parents=True, exist_ok=True)
        with self._lock.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def purge(self) -> None:
        """Remove the world's files, and nothing else: --state may name a directory with other files in it."""
        folders = (self.control_plane, self.google, self.gcloud, self.home, self.token, self.logs, self.kubectl_cache)
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
        for file in (self.kubeconfig, self.operator_kubeconfig, self._lock, self._world):
            file.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.root.rmdir()
