"""The demo: it declares a repository and two accesses, uploads and installs a package, and removes an access."""

import json
import re
import shutil
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

import yaml

from wheelhouse_local.demo.terminal import Terminal
from wheelhouse_local.environment import endpoints
from wheelhouse_local.installation import sources
from wheelhouse_local.world import World

REPOSITORY = "projects/acme-packages/locations/us-central1/repositories/team-wheels"
PACKAGE = "acme-greeting"
_QUICKSTART = Path("manifests", "examples", "quickstart.yaml")
_SHOWN = (("PythonRepository", "team-wheels"), ("RepositoryAccess", "trainers"))
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
_READER = "reader"
_WRITER = "writer"


class Story:
    """The steps of the demo; each depends on the ones before it."""

    def __init__(self, world: World, work: Path) -> None:
        self._world = world
        self._work = work
        self._terminal = Terminal(world.kubeconfig, work)
        self._narrate, self._run = self._terminal.narrate, self._terminal.run

    def everything(self) -> None:
        """All steps, from an empty cluster to a removed access."""
        self._declare()
        self._files()
        self._upload()
        self._install()
        self._refresh()
        self._show_policy()
        self._withdraw()

    def _declare(self) -> None:
        self._narrate("A platform team declares a repository, and who may use it.")
        shutil.copy(sources() / _QUICKSTART, self._work)
        self._terminal.show(_objects((self._work / _QUICKSTART.name).read_text()))
        self._run("kubectl", "apply", "-f", _QUICKSTART.name)
        self._narrate("Ready means that the package index accepted the token in the Secret.")
        self._run("kubectl", "wait", "--for=condition=Ready", "pyrepo,pyaccess", "--all", "-A", "--timeout=60s")
        self._run("kubectl", "get", "pyaccess", "-A")

    def _files(self) -> None:
        self._narrate("A pod mounts the Secret. `wheelhouse local mount` does here what kubelet does.")
        self._mount("data-platform", _WRITER)
        self._mount("ml-training", _READER)
        self._run("cat", f"{_READER}/pip.conf", f"{_READER}/uv.toml", f"{_READER}/netrc")

    def _upload(self) -> None:
        self._narrate("A CI job builds a package and uploads it with the writer's Secret.")
        source = self._work / "greeting"
        source.mkdir()
        (source / "pyproject.toml").write_text(_PYPROJECT)
        (source / "acme_greeting.py").write_text('"""A private package."""\n\nprint("Hello from a private wheel!")\n')
        self._run("python", "-m", "build", "--wheel", "--no-isolation", "greeting", quiet=True)
        wheel = next((source / "dist").glob("*.whl")).relative_to(self._work)
        config = ("--disable-progress-bar", "--config-file", f"{_WRITER}/.pypirc", "-r", "team-wheels")
        self._run("twine", "upload", *config, str(wheel))

    def _install(self) -> None:
        self._narrate("A job in another namespace installs it with the reader's Secret.")
        self._run("python", "-m", "venv", "with-pip")
        self._run(*_pip("install"), env=_pip_conf())
        self._run("with-pip/bin/python", "-m", "acme_greeting")

    def _refresh(self) -> None:
        self._narrate("The operator replaces each token at half its lifetime. An annotation requests a new one now.")
        self._terminal.show("Two tokens are at least 30 s apart, unless the operator restarts. The demo does not wait.")
        before = self._token()
        self._run("wheelhouse", "local", "restart", *self._state(), "operator", quiet=True)
        request = f"wheelhouse.dev/requested-at={datetime.now(UTC):%H:%M:%S}"
        self._run("kubectl", "annotate", "pyaccess", "trainers", "-n", "ml-training", request)
        self._terminal.until("the Secret has a new token", lambda: self._remounted() != before)
        self._run("cat", f"{_READER}/netrc")
        self._narrate("uv installs with the new token.")
        self._run("uv", "venv", "--python", "python", "with-uv", quiet=True)
        self._run("uv", "pip", "install", "--python", "with-uv", PACKAGE, env={**_uv_toml(), "UV_CACHE_DIR": "cache"})
        self._run("with-uv/bin/python", "-m", "acme_greeting")

    def _show_policy(self) -> None:
        self._narrate("The repository's IAM policy has two principals of the cluster, each with its own role.")
        google, state = endpoints(self._world.state), self._world.state
        url = f"{google['artifactRegistry']}v1/{REPOSITORY}:getIamPolicy"
        token = (state.google / "owner-token").read_text().strip()
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})  # noqa: S310 - 127.0.0.1
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(request, timeout=10) as reply:
            bindings = json.load(reply)["bindings"]
        self._terminal.result(f"GET {url}", yaml.safe_dump(bindings, sort_keys=False, width=200))

    def _withdraw(self) -> None:
        self._narrate(
            "Deleting the access removes its grant and its Secret. A token that was copied before is refused."
        )
        self._run("kubectl", "delete", "pyaccess", "trainers", "-n", "ml-training")
        self._run("kubectl", "get", "secret", "pip-config", "-n", "ml-training", refusal="NotFound")
        self._run(
            *_pip("install", "--no-cache-dir", "--force-reinstall"), env=_pip_conf(), refusal="No matching distribution"
        )
        self._narrate("pip only reports that it found nothing. uv reports why.")
        again = ("uv", "pip", "install", "--no-cache", "--python", "with-uv", "--reinstall", PACKAGE)
        self._run(*again, env=_uv_toml(), refusal="403")

    def _mount(self, namespace: str, folder: str, silent: bool = False) -> None:
        command = ("wheelhouse", "local", "mount", *self._state(), f"{namespace}/pip-config", folder)
        self._run(*command, quiet=True, silent=silent)
        if not silent:
            names = (path.name for path in (self._work / folder).iterdir())
            self._terminal.show("  ".join(sorted(name for name in names if not name.startswith(".."))))

    def _state(self) -> tuple[str, str]:
        return "--state", str(Path("..", self._world.state.root.name))

    def _remounted(self) -> str:
        """The token in the reader's files, after kubelet's next update."""
        self._mount("ml-training", _READER, silent=True)
        return self._token()

    def _token(self) -> str:
        return (self._work / _READER / "netrc").read_text()


def _objects(manifest: str) -> str:
    """The two most important objects, as they are in the file."""
    shown = []
    for document in re.split(r"^---\n", manifest, flags=re.MULTILINE):
        content = yaml.safe_load(document)
        if (content["kind"], content["metadata"]["name"]) in _SHOWN:
            shown.append(document.strip())
    return "\n---\n".join(shown)


def _pip(command: str, *options: str) -> tuple[str, ...]:
    return ("with-pip/bin/pip", command, "--disable-pip-version-check", *options, PACKAGE)


def _pip_conf() -> dict[str, str]:
    return {"PIP_CONFIG_FILE": f"{_READER}/pip.conf", "NETRC": f"{_READER}/netrc"}


def _uv_toml() -> dict[str, str]:
    return {"UV_CONFIG_FILE": f"{_READER}/uv.toml", "NETRC": f"{_READER}/netrc"}
