"""The demo: it declares a repository and two accesses, uploads and installs a package, and removes an access."""

import json
import sys
import urllib.request
from pathlib import Path

from wheelhouse_local.demo.terminal import Terminal
from wheelhouse_local.environment import endpoints
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


class Story:
    """The steps of the demo; each depends on the ones before it."""

    def __init__(self, world: World, work: Path) -> None:
        self._world = world
        self._work = work
        terminal = Terminal(world.kubeconfig, work)
        self._tell, self._run = terminal.tell, terminal.run

    def everything(self) -> None:
        """All steps, from an empty cluster to a removed access."""
        self._declare()
        mounts = self._mount()
        self._upload(mounts["data-platform"])
        self._install(mounts["ml-training"])
        self._look()
        self._withdraw(mounts["ml-training"])

    def _declare(self) -> None:
        self._tell("A platform team declares a repository, and who may use it.")
        examples = sources() / "manifests" / "examples" / "quickstart.yaml"
        print(f"\n{examples.read_text()}")
        self._run("kubectl", "apply", "-f", str(examples))
        self._tell("Ready means that the index accepted the minted token.")
        objects = "pythonrepositories,repositoryaccesses"
        self._run("kubectl", "wait", "--for=condition=Ready", objects, "--all", "-A", "--timeout=60s")
        self._run("kubectl", "get", objects, "-A")

    def _mount(self) -> dict[str, Path]:
        self._tell("Pods mount the Secret; here `wheelhouse local mount` replaces kubelet.")
        mounts = {}
        for namespace in ("data-platform", "ml-training"):
            mounts[namespace] = self._work / namespace
            state = str(self._world.state.root)
            folder = str(mounts[namespace])
            self._run("wheelhouse", "local", "mount", "--state", state, f"{namespace}/pip-config", folder, quiet=True)
            print("  " + "  ".join(sorted(path.name for path in mounts[namespace].iterdir() if path.name[:2] != "..")))
        return mounts

    def _upload(self, mount: Path) -> None:
        self._tell("A CI job builds a wheel and uploads it with the writer's Secret.")
        source = self._work / "greeting"
        source.mkdir()
        (source / "pyproject.toml").write_text(_PYPROJECT)
        (source / "acme_greeting.py").write_text('"""A private package."""\n\nprint("Hello from a private wheel!")\n')
        self._run("python", "-m", "build", "--wheel", "--no-isolation", str(source), quiet=True)
        wheel = next((source / "dist").glob("*.whl"))
        config = str(mount / ".pypirc")
        self._run("twine", "upload", "--disable-progress-bar", "--config-file", config, "-r", "team-wheels", str(wheel))

    def _install(self, mount: Path) -> None:
        self._tell("A job of another namespace installs it with the reader's Secret: pip, then uv.")
        self._run("python", "-m", "venv", "with-pip")
        pip = {"PIP_CONFIG_FILE": str(mount / "pip.conf")}
        self._run(str(self._work / "with-pip/bin/pip"), "install", "--disable-pip-version-check", PACKAGE, env=pip)
        self._run(str(self._work / "with-pip/bin/python"), "-m", "acme_greeting")
        self._run("uv", "venv", "--python", sys.executable, "with-uv", quiet=True)
        uv = {"UV_CONFIG_FILE": str(mount / "uv.toml"), "UV_CACHE_DIR": str(self._work / "uv-cache")}
        self._run("uv", "pip", "install", "--python", "with-uv", PACKAGE, env=uv)
        self._run(str(self._work / "with-uv/bin/python"), "-m", "acme_greeting")

    def _look(self) -> None:
        self._tell("Google's IAM policy: two principals of the cluster, each with its own role.")
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
        self._tell("The access is deleted: the grant and the Secret are removed, and the old token has no access.")
        self._run("kubectl", "delete", "repositoryaccess", "trainers", "-n", "ml-training")
        self._run("kubectl", "get", "secret", "pip-config", "-n", "ml-training", refusal="NotFound")
        print("  pip only reports that it found nothing; uv reports why.")
        pip = {"PIP_CONFIG_FILE": str(mount / "pip.conf")}
        again = ("install", "--disable-pip-version-check", "--no-cache-dir", "--force-reinstall", PACKAGE)
        self._run(str(self._work / "with-pip/bin/pip"), *again, env=pip, refusal="No matching distribution")
        uv = {"UV_CONFIG_FILE": str(mount / "uv.toml")}
        self._run(
            "uv", "pip", "install", "--no-cache", "--python", "with-uv", "--reinstall", PACKAGE, env=uv, refusal="403"
        )
