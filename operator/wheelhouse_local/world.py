"""A local world: its parts are started in order, and stopped in the reverse order.

Order: etcd → apiserver → controllers → CRDs, RBAC and policies applied →
policies enforced → kubelet → google → operator.
"""

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from wheelhouse_local import components, environment, installation
from wheelhouse_local.api import Api
from wheelhouse_local.controlplane import binaries, programs
from wheelhouse_local.errors import LocalError
from wheelhouse_local.state import COMPONENTS, CONTROL_PLANE, Options, State
from wheelhouse_local.supervisor import Component, Supervisor

Finished = subprocess.CompletedProcess[str]
_WITH_PORT = (*CONTROL_PLANE, "operator")


def _silent(line: str) -> None:
    """Print nothing."""


class World:
    """One world and its state directory; several can run at the same time in different directories.

    `say` receives progress messages for people.
    """

    def __init__(self, directory: Path, say: Callable[[str], None] = _silent) -> None:
        self.state = State(directory)
        self._say = say
        self._supervisor = Supervisor(self.state)
        self._found: binaries.Binaries | None = None

    @property
    def kubeconfig(self) -> Path:
        """The kubeconfig of an administrator."""
        return self.state.kubeconfig

    @property
    def operator_kubeconfig(self) -> Path:
        """The kubeconfig of the operator's ServiceAccount, whose token file is kept up to date."""
        return self.state.operator_kubeconfig

    @property
    def server(self) -> str:
        """The API server's URL, without a trailing slash."""
        return programs.server(self.state.load().ports)

    @property
    def ca(self) -> Path:
        """The file with the API server's CA."""
        return self.state.control_plane / "ca.pem"

    def api(self) -> Api:
        """The API server, as an administrator."""
        return Api(self.server, self.ca, (self.state.control_plane / "admin-token").read_text())

    def kubectl(self, *arguments: str, stdin: str | None = None, check: bool = True) -> Finished:
        """Run kubectl as an administrator.

        Raises:
            LocalError: it failed, and `check` is set; with its output.
        """
        return installation.kubectl(self.state, *arguments, stdin=stdin, check=check)

    def up(self, options: Options | None = None) -> list[str]:
        """Start the stopped components and return their names; after a failure, stop the ones that were started.

        A new world is removed again, but after an error its logs stay, because the error refers to them.

        Raises:
            LocalError: a component did not start, or something is missing; it names the problem and the remedy.
        """
        with self.state.lock():
            new = not self.state.exists()
            self.state.create()
            record = self.state.load()
            options = options or record.options
            missing = [name for name in options.components if not self._supervisor.running(name)]
            if not missing:
                return []
            record.options = options
            self.state.save(record)
            try:
                self._start_all(missing)
            except BaseException as error:
                self._supervisor.end(reversed(missing))
                if new and (isinstance(error, KeyboardInterrupt) or not any(self.state.logs.iterdir())):
                    self.state.purge()
                raise
            return missing

    def install(self) -> None:
        """Apply crds/ and the manifests again, which may have changed since the world was started.

        Raises:
            LocalError: they are missing or rejected, or the API server does not answer.
        """
        with self.state.lock():
            installation.apply(self.state, self._say)
            installation.await_enforced(self.state)

    def down(self, purge: bool = False) -> list[str]:
        """Stop everything, and return the names of what was running; with `purge`, remove the world's state too."""
        if not self.state.exists():
            return []
        with self.state.lock():
            ran = [name for name in COMPONENTS if self._supervisor.running(name)]
            self._supervisor.end(reversed(COMPONENTS))
            if purge:
                self.state.purge()
            return ran

    def start(self, name: str) -> None:
        """Start one component and wait until it is ready; do nothing if it is running.

        Raises:
            LocalError: it does not start, or the component does not exist.
        """
        self._check(name)
        with self.state.lock():
            self._start(name)

    def stop(self, name: str) -> None:
        """Stop one component cleanly."""
        self._check(name)
        with self.state.lock():
            self._supervisor.end([name])

    def kill(self, name: str) -> None:
        """Kill one component with SIGKILL, as a crash would."""
        self._check(name)
        with self.state.lock():
            self._supervisor.kill(name)

    def restart(self, name: str) -> None:
        """Stop one component cleanly, if it is running, and start it again.

        Raises:
            LocalError: it does not start, or the component does not exist.
        """
        self.stop(name)
        self.start(name)

    def pid(self, name: str) -> int | None:
        """The component's process id, if it is running."""
        process = self._supervisor.running(name)
        return process.pid if process else None

    def died(self) -> list[str]:
        """The components that were started and ended unexpectedly."""
        return [name for name in self.state.load().processes if not self._supervisor.running(name)]

    def environment(self) -> dict[str, Any]:
        """The output of `wheelhouse local env --json`."""
        return environment.document(self.state, self.pid("operator"))

    def set_options(self, **changes: Any) -> None:
        """Change options of the world (fields of `Options`); components use them after their next start."""
        with self.state.lock():
            record = self.state.load()
            record.options = replace(record.options, **changes)
            self.state.save(record)

    def check_exists(self) -> None:
        """Check that a world was ever started here.

        Raises:
            LocalError: none was.
        """
        if not self.state.exists():
            raise LocalError(f"No world was started in {self.state.root}: run `{self.state.command('up')}`")

    def check_started(self) -> None:
        """Check that a world was started here and not stopped; parts of it may have died.

        Raises:
            LocalError: none was.
        """
        if not self.state.load().processes:
            raise LocalError(f"No world is running in {self.state.root}: run `{self.state.command('up')}`")

    def _check(self, name: str) -> None:
        if name not in COMPONENTS:
            raise LocalError(f"There is no component {name}: use one of {', '.join(COMPONENTS)}")
        self.check_exists()

    def _start_all(self, names: Sequence[str]) -> None:
        """Start these components in order, with the current CRDs and manifests applied before they are used."""
        installed = False
        for name in names:
            if name not in CONTROL_PLANE and not installed:
                installation.apply(self.state, self._say)
                installation.await_enforced(self.state)
                installed = True
            self._start(name)

    def _start(self, name: str) -> None:
        component = self._component(name)
        self._say(f"Starting {name}")
        self._supervisor.start(component)

    def _component(self, name: str) -> Component:
        ports = self._supervisor.claim_ports(_WITH_PORT)
        if name in CONTROL_PLANE:
            if self._found is None:
                self._found = binaries.find(self._say)
                self._say(f"Kubernetes {self._found.version} ({self._found.origin})")
            programs.prepare(self.state, ports)
            return components.control_plane(self.state, ports, self._found)[CONTROL_PLANE.index(name)]
        if name == "kubelet":
            return components.kubelet(self.state)
        return components.google(self.state, ports) if name == "google" else components.operator(self.state, ports)
