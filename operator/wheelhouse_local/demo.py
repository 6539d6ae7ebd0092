"""`make demo`: the whole story with the real kubectl, twine, pip and uv, each command shown before it runs."""

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

from wheelhouse_local.environment import endpoints
from wheelhouse_local.errors import LocalError
from wheelhouse_local.installation import sources
from wheelhouse_local.world import World

REPOSITORY = "projects/acme-packages/locations/us-central1/repositories/team-wheels"
PACKAGE = "acme-greeting"
_PYPROJECT = f"""\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "{PACKAGE}"
version = "1.0"
[tool.hatch.build.targets.wheel]
include = ["acme_greeting.py"]
"""


class DemoError(Exception):
    """The story went wrong: a command did what it should not."""


class Story:
    """Tells and does: every command is printed as a person would type it, then run for real."""

    def __init__(self, world: World, work: Path) -> None:
        self._world = world
        self._work = work
        self._began = time.monotonic()
        self._env = _clean({**os.environ, "KUBECONFIG": str(world.kubeconfig)})
        self._bin = Path(sys.executable).parent
        self._env["PATH"] = f"{self._bin}{os.pathsep}{self._env['PATH']}"

    def tell(self, text: str) -> None:
        """A heading, with the seconds since the beginning."""
        bold, plain = ("\033[1m", "\033[0m") if sys.stdout.isatty() and "NO_COLOR" not in os.environ else ("", "")
        print(f"\n{bold}[{time.monotonic() - self._began:5.1f} s] {text}{plain}", flush=True)

    def run(self, *command: str, env: Mapping[str, str] | None = None, refusal: str = "", quiet: bool = False) -> str:
        """Show a command, run it, show what it says.

        Raises:
            DemoError: it failed, or it was not refused with the word that `refusal` says.
        """
        shown = " ".join([*(f"{key}={shlex.quote(value)}" for key, value in (env or {}).items()), shlex.join(command)])
        print(f"$ {shown}", flush=True)
        done = subprocess.run(
            command, env={**self._env, **(env or {})}, cwd=self._work, capture_output=True, text=True, check=False
        )
        output = (done.stdout + done.stderr).strip()
        as_told = (done.returncode != 0 and refusal in output) if refusal else done.returncode == 0
        if output and not (quiet and as_told):
            print("\n".join(f"  {line}" for line in output.splitlines()), flush=True)
        if not as_told:
            what = f"should have been refused with {refusal}" if refusal else "failed"
            raise DemoError(f"{command[0]} {what}; it ended with status {done.returncode}.")
        return done.stdout

    def everything(self) -> None:
        """The story from an empty cluster to a withdrawn access."""
        self._declare()
        mounts = self._mount()
        self._upload(mounts["data-platform"])
        self._install(mounts["ml-training"])
        self._look()
        self._withdraw(mounts["ml-training"])

    def _declare(self) -> None:
        self.tell("A platform team declares a repository, and who may use it.")
        examples = sources() / "manifests" / "examples" / "quickstart.yaml"
        print(f"\n{examples.read_text()}")
        self.run("kubectl", "apply", "-f", str(examples))
        self.tell("Ready means: the index was really asked with the really minted token.")
        objects = "pythonrepositories,repositoryaccesses"
        self.run("kubectl", "wait", "--for=condition=Ready", objects, "--all", "-A", "--timeout=60s")
        self.run("kubectl", "get", objects, "-A")

    def _mount(self) -> dict[str, Path]:
        self.tell("Pods mount the Secret; here `wheelhouse local mount` plays kubelet.")
        mounts = {}
        for namespace in ("data-platform", "ml-training"):
            mounts[namespace] = self._work / namespace
            state = str(self._world.state.root)
            folder = str(mounts[namespace])
            self.run("wheelhouse", "local", "mount", "--state", state, f"{namespace}/pip-config", folder, quiet=True)
            print("  " + "  ".join(sorted(path.name for path in mounts[namespace].iterdir() if path.name[:2] != "..")))
        return mounts

    def _upload(self, mount: Path) -> None:
        self.tell("A CI job builds a wheel and uploads it with the writer's Secret.")
        source = self._work / "greeting"
        source.mkdir()
        (source / "pyproject.toml").write_text(_PYPROJECT)
        (source / "acme_greeting.py").write_text('"""A private package."""\n\nprint("Hello from a private wheel!")\n')
        self.run("python", "-m", "build", "--wheel", "--no-isolation", str(source), quiet=True)
        wheel = next((source / "dist").glob("*.whl"))
        config = str(mount / ".pypirc")
        self.run("twine", "upload", "--disable-progress-bar", "--config-file", config, "-r", "team-wheels", str(wheel))

    def _install(self, mount: Path) -> None:
        self.tell("A job of another namespace installs it with the reader's Secret: pip, then uv.")
        self.run("python", "-m", "venv", "with-pip")
        pip = {"PIP_CONFIG_FILE": str(mount / "pip.conf")}
        self.run(str(self._work / "with-pip/bin/pip"), "install", "--disable-pip-version-check", PACKAGE, env=pip)
        self.run(str(self._work / "with-pip/bin/python"), "-m", "acme_greeting")
        self.run("uv", "venv", "--python", sys.executable, "with-uv", quiet=True)
        uv = {"UV_CONFIG_FILE": str(mount / "uv.toml"), "UV_CACHE_DIR": str(self._work / "uv-cache")}
        self.run("uv", "pip", "install", "--python", "with-uv", PACKAGE, env=uv)
        self.run(str(self._work / "with-uv/bin/python"), "-m", "acme_greeting")

    def _look(self) -> None:
        self.tell("What Google knows: two principals of the cluster, each with its own role.")
        google, state = endpoints(self._world.state), self._world.state
        url = f"{google['artifactRegistry']}v1/{REPOSITORY}:getIamPolicy"
        token = (state.google / "owner-token").read_text().strip()
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})  # noqa: S310 - 127.0.0.1
        print(f"$ GET {url}")
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(request, timeout=10) as reply:
            policy = json.load(reply)
        print("\n".join(f"  {line}" for line in json.dumps(policy, indent=2).splitlines()))

    def _withdraw(self, mount: Path) -> None:
        self.tell("The access is withdrawn: the grant and the Secret go, and the old token opens nothing.")
        self.run("kubectl", "delete", "repositoryaccess", "trainers", "-n", "ml-training")
        self.run("kubectl", "get", "secret", "pip-config", "-n", "ml-training", refusal="NotFound")
        print("  pip tells only that it found nothing; uv tells why.")
        pip = {"PIP_CONFIG_FILE": str(mount / "pip.conf")}
        again = ("install", "--disable-pip-version-check", "--no-cache-dir", "--force-reinstall", PACKAGE)
        self.run(str(self._work / "with-pip/bin/pip"), *again, env=pip, refusal="No matching distribution")
        uv = {"UV_CONFIG_FILE": str(mount / "uv.toml")}
        self.run(
            "uv", "pip", "install", "--no-cache", "--python", "with-uv", "--reinstall", PACKAGE, env=uv, refusal="403"
        )


def _clean(env: Mapping[str, str]) -> dict[str, str]:
    """What a pod has: no client configuration from outside, and no proxy between it and the index."""
    foreign = ("PIP_", "UV_", "TWINE_")
    return {
        key: value
        for key, value in env.items()
        if not key.startswith(foreign) and key != "NETRC" and not key.lower().endswith("_proxy")
    }


@contextlib.contextmanager
def _started(directory: Path) -> Iterator[World]:
    world = World(directory, say=lambda line: print(f"  {line}", flush=True))
    try:
        world.up()
        yield world
    finally:
        print("\nStopping the local world.", flush=True)
        world.down(purge=True)


def main() -> int:
    """Tell the story; the exit status says whether all of it went as told."""
    print("Wheelhouse in one story. Nothing leaves this machine; nothing stays running.", flush=True)
    # A closed terminal and a service manager's TERM end the world as Ctrl-C does.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        with tempfile.TemporaryDirectory(prefix="wheelhouse demo ") as name, _started(Path(name) / "world") as world:
            work = Path(name) / "work"
            work.mkdir()
            Story(world, work).everything()
    except (DemoError, LocalError, OSError) as error:
        print(f"\nThe demo stopped: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130
    print(
        "\nThat was all of it. Try next:\n"
        "  . .venv/bin/activate\n"
        "  wheelhouse local up --detach\n"
        '  eval "$(wheelhouse local env)"\n'
        "  kubectl explain repositoryaccess.spec\n"
        "  wheelhouse local --help"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
