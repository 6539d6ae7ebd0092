"""The Docker builds of install-with-pip.md and use-index-url.md, as far as they run without Docker.

`docker build` is replaced by a command that prints its arguments. Then the RUN step of the Dockerfile runs with the
files of the secrets where BuildKit would mount them. Not tested: the base image, the layers, and BuildKit itself.
"""

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from support import google
from support.consumer import wheel
from support.kube import ACCESSES, PROJECT, Kube
from support.pages import PAGES, blocks
from support.pods import lay_out, require_mounts, run

from wheelhouse_local.world import World

pytestmark = pytest.mark.e2e

WITH_DOCKER = [path for path in PAGES if Path(__file__).name in path.read_text()]
SYSTEM = "/usr/bin:/bin"


@dataclass(frozen=True)
class Build:
    """The arguments of a `docker build`: the build arguments, and the path of each secret by its id."""

    arguments: dict[str, str]
    secrets: dict[str, str]


def fields(text: str) -> dict[str, str]:
    """The fields of an option such as `id=netrc,src=/etc/wheelhouse/netrc`."""
    return dict(each.split("=", 1) for each in text.split(","))


def read_build(words: list[str]) -> Build:
    """The arguments that a page gives to `docker build`; any other than these is an error."""
    arguments, secrets = {}, {}
    assert (words.pop(0), words.pop()) == ("build", ".")
    for option, value in zip(words[::2], words[1::2], strict=True):
        if option == "--build-arg":
            name, _, text = value.partition("=")
            arguments[name] = text
        else:
            assert option == "--secret"
            secrets[fields(value)["id"]] = fields(value)["src"]
    return Build(arguments, secrets)


def instructions(dockerfile: str) -> list[tuple[str, str]]:
    """Each instruction and its arguments."""
    lines = [line for line in re.sub(r"\\\n\s*", "", dockerfile).splitlines() if line and not line.startswith("#")]
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines)]


def shown(page: Path, language: str, note: str) -> str:
    """The only block of a page with this language and this comment."""
    (found,) = (each for each in blocks(page) if (each.language, each.note) == (language, note))
    return found.text


def docker(page: Path, folder: Path, secret: dict[str, str]) -> Build:
    """Run the page's `docker build` in a pod that mounts what the page shows."""
    part = yaml.safe_load(shown(page, "yaml", "part of"))
    lay_out(folder, part["volumes"], part["volumeMounts"], lambda _kind, _name: secret)
    stand_in = folder / "bin" / "docker"
    stand_in.parent.mkdir()
    stand_in.write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\n")
    stand_in.chmod(0o755)
    command = shown(page, "sh", "run by")
    done = run(folder / "etc", "sh", "-ec", command, variables={}, path=f"{stand_in.parent}:{SYSTEM}")
    assert done.returncode == 0, done.stderr
    return read_build(done.stdout.splitlines())


@pytest.fixture(scope="module")
def secret(world: World, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The Secret of a reader, whose repository has the package `built`."""
    world.start("operator")
    kube = Kube(world)
    kube.namespace("docker-builds")
    kube.repository("docker-builds", "docker-wheels")
    kube.reader("docker-builds", "reader", "docker-wheels", "reader", secret="pip-config")
    kube.await_ready(ACCESSES, "docker-builds", "reader")
    made = wheel(tmp_path_factory.mktemp("wheels"), "built")
    base = world.environment()["endpoints"]["index"]
    url = f"{base}us-central1-python.pkg.dev/{PROJECT}/docker-wheels/"
    google.upload(url, made.read_bytes(), made.name, "built", "1.0", google.owner_authorization(kube))
    return kube.secret("docker-builds", "pip-config") or {}


def run_step(step: str, build: Build, pod: Path, container: Path) -> None:
    """Run a RUN step with the secrets of the pod at the paths that it names, in an environment of its own.

    Raises:
        AssertionError: a secret is missing, or the step fails.
    """
    parsed = re.fullmatch(r"((?:--mount=\S+ +)*)(.*)", step)
    assert parsed is not None
    options, command = parsed.groups()
    for option in options.split():
        mount = fields(option.removeprefix("--mount="))
        assert (mount["type"], mount["required"]) == ("secret", "true")
        target = container / mount["target"].lstrip("/")
        target.parent.mkdir(parents=True)
        target.write_text((pod / build.secrets[mount["id"]].lstrip("/")).read_text())
    subprocess.run([sys.executable, "-m", "venv", str(container / "env")], check=True)
    script = f'cd "{container}" && {command}'
    variables = {"HOME": str(container), **build.arguments}
    done = run(container / "etc", "sh", "-ec", script, variables=variables, path=f"{container}/env/bin:{SYSTEM}")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", WITH_DOCKER, ids=lambda page: page.name)
def test_a_build_installs_a_private_package(page: Path, secret: dict[str, str], tmp_path: Path) -> None:
    """The page's command passes the files, and its RUN step installs with them."""
    require_mounts()
    build = docker(page, tmp_path / "pod", secret)
    assert secret["netrc"].split()[-1] not in "".join(build.arguments.values())  # the history of an image shows them
    parsed = instructions(shown(page, "dockerfile", "run by"))
    assert {word for word, _ in parsed} <= {"FROM", "ARG", "COPY", "RUN"}
    assert {rest for word, rest in parsed if word == "ARG"} == set(build.arguments)
    assert ("COPY", "requirements.txt .") in parsed
    (step,) = (rest for word, rest in parsed if word == "RUN")
    container = tmp_path / "container"
    container.mkdir()
    (container / "requirements.txt").write_text("built==1.0\n")
    run_step(step, build, tmp_path / "pod", container)
    subprocess.run([str(container / "env/bin/python"), "-c", "import built"], check=True)


def test_both_pages_are_tested() -> None:
    """The list of pages is not empty by mistake."""
    assert [page.name for page in WITH_DOCKER] == ["install-with-pip.md", "use-index-url.md"]
