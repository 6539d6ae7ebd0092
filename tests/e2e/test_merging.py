"""What other configuration does to the files of a pod: the table in docs/how-to/pods.md, row by row, with pip and uv.

A package of the pod's repository and one of another index show which of the two a client asks. The other one is the
public index of the local world. PyPI does not answer here: a client that asks it says so.
"""

import sys
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml
from fakes.emulated import wheel
from pip._internal.models.index import PyPI
from support import google
from support.kube import ACCESSES, PROJECT, Kube
from support.pages import blocks
from support.pods import Started, require_mounts, start

from wheelhouse_local.world import World

pytestmark = pytest.mark.e2e

PAGE = Path(__file__).parents[2] / "docs/how-to/pods.md"
NAMESPACE, REPOSITORY = "merging", "merging-wheels"
REAL_URL = "https://us-central1-python.pkg.dev/acme-packages/team-wheels/simple/"
UV = str(Path(sys.executable).parent / "uv")
PACKAGES = {"merge-ours": ("1", ""), "merge-theirs": ("", "1"), "merge-newer": ("2", "1"), "merge-older": ("1", "2")}
"""The version in the pod's repository and in the other index."""


@dataclass(frozen=True)
class Setting:
    """Variables, files and arguments; {theirs} is the other index, {home} the user's folder, {package} the package.

    Attributes:
        inherits: whether the process has the pod's variables.
    """

    variables: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ("{package}",)
    inherits: bool = True


def requirements(line: str) -> Setting:
    """A requirements.txt with an option."""
    return Setting(files={"home/r.txt": line + "\n{package}\n"}, arguments=("-r", "{home}/r.txt"))


def project(index: str) -> Setting:
    """A pyproject.toml with an index."""
    text = f'[project]\nname = "p"\nversion = "1"\n[[tool.uv.index]]\n{index}\n'
    return Setting(files={"home/pyproject.toml": text}, arguments=("--directory", "{home}", "{package}"))


PIP_INDEX, PIP_EXTRA = "[global]\nindex-url = {theirs}\n", "[global]\nextra-index-url = {theirs}\n"
UV_INDEX, UV_DEFAULT = '[[index]]\nurl = "{theirs}"\n', '[[index]]\nurl = "{theirs}"\ndefault = true\n'
ROWS: dict[str, tuple[Setting | None, Setting | None]] = {
    "nothing": (Setting(), Setting()),
    "no variables: `env -i`, sudo, cron, tox": (Setting(inherits=False), Setting(inherits=False)),
    "`PIP_INDEX_URL`, `UV_DEFAULT_INDEX`": (
        Setting({"PIP_INDEX_URL": "{theirs}"}),
        Setting({"UV_DEFAULT_INDEX": "{theirs}"}),
    ),
    "`PIP_EXTRA_INDEX_URL`, `UV_INDEX`": (
        Setting({"PIP_EXTRA_INDEX_URL": "{theirs}"}),
        Setting({"UV_INDEX": "{theirs}"}),
    ),
    "`--index-url`, `--default-index`": (
        Setting(arguments=("--index-url", "{theirs}", "{package}")),
        Setting(arguments=("--default-index", "{theirs}", "{package}")),
    ),
    "`--extra-index-url`, `--index`": (
        Setting(arguments=("--extra-index-url", "{theirs}", "{package}")),
        Setting(arguments=("--index", "{theirs}", "{package}")),
    ),
    "the user's file with a default index": (
        Setting(files={"home/.config/pip/pip.conf": PIP_INDEX}),
        Setting(files={"home/.config/uv/uv.toml": UV_DEFAULT}),
    ),
    "the user's file with one more index": (
        Setting(files={"home/.config/pip/pip.conf": PIP_EXTRA}),
        Setting(files={"home/.config/uv/uv.toml": UV_INDEX}),
    ),
    "the image's `/etc/pip.conf`, `/etc/uv/uv.toml`": (
        Setting(files={"etc/pip.conf": PIP_INDEX}),
        Setting(files={"etc/uv/uv.toml": UV_DEFAULT}),
    ),
    "`--index-url` in requirements.txt": (requirements("--index-url {theirs}"), requirements("--index-url {theirs}")),
    "`--extra-index-url` in requirements.txt": (
        requirements("--extra-index-url {theirs}"),
        requirements("--extra-index-url {theirs}"),
    ),
    "the project's `[[tool.uv.index]]`": (None, project('name = "theirs"\nurl = "{theirs}"')),
    "the same with `default = true`": (None, project('name = "theirs"\nurl = "{theirs}"\ndefault = true')),
    "the same with the name of our index": (None, project(f'name = "{REPOSITORY}"\nurl = "{{theirs}}"')),
    "`PIP_CONFIG_FILE`, `UV_CONFIG_FILE` with a default index": (
        Setting({"PIP_CONFIG_FILE": "{home}/mine"}, {"home/mine": PIP_INDEX}),
        Setting({"UV_CONFIG_FILE": "{home}/mine"}, {"home/mine": UV_DEFAULT}),
    ),
    "`PIP_CONFIG_FILE=/dev/null`, `UV_NO_CONFIG=1`": (
        Setting({"PIP_CONFIG_FILE": "/dev/null"}),
        Setting({"UV_NO_CONFIG": "1"}),
    ),
    "`pip --isolated`": (Setting(arguments=("--isolated", "{package}")), None),
    "`XDG_CONFIG_DIRS` without `/etc/xdg`": (
        Setting({"XDG_CONFIG_DIRS": "/usr/share/xdg"}),
        Setting({"XDG_CONFIG_DIRS": "/usr/share/xdg"}),
    ),
}


@pytest.fixture(scope="module")
def theirs(world: World) -> str:
    """The other index, beside a repository with a Secret; both have their packages."""
    require_mounts()
    kube = Kube(world)
    kube.namespace(NAMESPACE)
    kube.repository(NAMESPACE, REPOSITORY)
    kube.reader(NAMESPACE, "reader", REPOSITORY, "reader", secret="pip-config")
    kube.await_ready(ACCESSES, NAMESPACE, "reader")
    endpoints = kube.world.environment()["endpoints"]
    repository = f"{endpoints['index']}us-central1-python.pkg.dev/{PROJECT}/{REPOSITORY}/"
    for name, (our_version, their_version) in PACKAGES.items():
        if our_version:
            file, content = wheel(name, our_version)
            google.upload(repository, content, file, name, our_version, google.owner_authorization(kube))
        if their_version:
            file, content = wheel(name, their_version)
            google.upload(f"{endpoints['publicIndex']}legacy/", content, file, name, their_version)
    return f"{endpoints['publicIndex']}simple/"


class PyPIAsked(Exception):
    """The client ignored all indexes of the test."""


@dataclass(frozen=True)
class Trial:
    """A client in the container, with a setting."""

    container: Started
    theirs: str
    client: str
    setting: Setting

    def installed(self, package: str) -> str:
        """The version that it installs; empty if it finds none.

        Raises:
            PyPIAsked: it asks PyPI.
        """
        target = self.container.root / self.client / package
        for path, text in self.setting.files.items():
            file = self.container.root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(self._filled(text, package))
        arguments = [self._filled(each, package) for each in self.setting.arguments]
        variables = {name: self._filled(each, package) for name, each in self.setting.variables.items()}
        container = self.container if self.setting.inherits else Started(self.container.root, {})
        done = container.run(*self._command(), "--target", str(target), *arguments, UV_HTTP_RETRIES="0", **variables)
        if PyPI.simple_url in done.stdout + done.stderr:
            raise PyPIAsked
        if done.returncode:
            return ""
        (found,) = target.glob("*.dist-info")
        return found.name.removesuffix(".dist-info").rpartition("-")[2]

    def _filled(self, text: str, package: str) -> str:
        values = {"{theirs}": self.theirs, "{home}": str(self.container.root / "home"), "{package}": package}
        for name, value in values.items():
            text = text.replace(name, value)
        return text

    def _command(self) -> tuple[str, ...]:
        if self.client == "uv":
            return (UV, "pip", "install", "--no-cache", "--no-deps", "--python", sys.executable)
        quick = ("--no-input", "--retries=0", "--no-cache-dir", "--disable-pip-version-check", "--no-deps")
        return (sys.executable, "-m", "pip", "install", "-vv", *quick)


def outcome(trial: Trial) -> str:
    """In the words of the page: which index the client asks."""
    try:
        ours, theirs = trial.installed("merge-ours"), trial.installed("merge-theirs")
    except PyPIAsked:
        return "PyPI"
    if ours and theirs:
        newer, older = trial.installed("merge-newer"), trial.installed("merge-older")
        return {("2", "2"): "both; the higher version wins", ("1", "2"): "both; the other index first"}[newer, older]
    return "the pod's index" if ours else "the other index" if theirs else "an error"


def table() -> dict[str, list[str]]:
    """The rows of the page: what is set, and what pip and uv do."""
    lines = PAGE.read_text().partition("| what is set | pip | uv |\n")[2].partition("\n\n")[0].splitlines()[1:]
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    return {row[0]: row[1:] for row in cells}


def block(language: str, place: int = 0) -> str:
    """A block of the page, by its place among those of the language."""
    return [each.text for each in blocks(PAGE) if each.language == language][place]


def test_the_page_has_these_rows() -> None:
    """The table and this file have the same rows, in the same order, and the page names the versions that ran."""
    assert list(table()) == list(ROWS)
    assert f"pip {version('pip')} and uv {version('uv')}" in PAGE.read_text()


@pytest.mark.parametrize("what", ROWS)
def test_a_row_is_what_happens(kube: Kube, theirs: str, tmp_path: Path, what: str) -> None:
    """Both clients ask the index that the page says."""
    found = []
    for client, setting in zip(("pip", "uv"), ROWS[what], strict=True):
        container = start(kube, NAMESPACE, pod(), tmp_path / client)
        found.append("–" if setting is None else outcome(Trial(container, theirs, client, setting)))
    told = table()[what]
    # Without NETRC, a Secret whose URLs have no token leaves the clients without credentials.
    never = {"never another index": {"the pod's index", "an error"}}
    assert all(word in never.get(cell, {cell}) for word, cell in zip(found, told, strict=True)), (found, told)


def pod() -> dict[str, Any]:
    """A Pod that says nothing but the label."""
    spec = {"serviceAccountName": "reader", "containers": [{"name": "main", "image": "python:3.13-slim"}]}
    metadata = {"name": "plain", "labels": {"wheelhouse.dev/pip-config": "pip-config"}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def test_a_uv_project_can_pin_a_package(kube: Kube, theirs: str, tmp_path: Path) -> None:
    """It names the repository's URL without credentials, which uv takes from the pod's files and never writes down."""
    container = start(kube, NAMESPACE, pod(), tmp_path)
    url = (container.root / "etc/wheelhouse/index-url").read_text().strip()
    home = container.root / "home"
    home.mkdir()
    shown = block("toml").replace("acme-greeting", "merge-older").replace(REAL_URL, url)
    assert url in shown
    public = f'[[tool.uv.index]]\nname = "public"\nurl = "{theirs}"\ndefault = true\n'
    needs = 'requires-python = ">=3.11"\ndependencies = ["merge-older", "merge-theirs"]\n'
    (home / "pyproject.toml").write_text(f'[project]\nname = "p"\nversion = "1"\n{needs}{public}{shown}')
    lock = (UV, "lock", "--no-cache", "--project", str(home), "--python", sys.executable)
    done = container.run(*lock, UV_HTTP_RETRIES="0")
    assert done.returncode == 0, done.stderr
    text = (home / "uv.lock").read_text()
    assert 'name = "merge-older"\nversion = "1"' in text
    assert "oauth2accesstoken" not in text


def test_uv_needs_a_cache_that_it_can_write(kube: Kube, theirs: str, tmp_path: Path) -> None:
    """With a home folder that cannot be written, pip installs, and uv needs UV_CACHE_DIR."""
    container = start(kube, NAMESPACE, pod(), tmp_path)
    pip = (sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--target", str(tmp_path / "a"))
    uv = (UV, "pip", "install", "--python", sys.executable, "--target", str(tmp_path / "b"))
    assert container.run(*pip, "merge-ours", HOME="/proc").returncode == 0
    assert container.run(*uv, "merge-ours", HOME="/proc").returncode != 0
    cached = container.run(*uv, "merge-ours", HOME="/proc", UV_CACHE_DIR=str(tmp_path / "cache"))
    assert cached.returncode == 0, cached.stderr


def test_the_variable_hides_the_users_netrc(kube: Kube, theirs: str, tmp_path: Path) -> None:
    """The library requests finds the login of another host only in a pod with the second label."""
    ask = "import requests; print(requests.utils.get_netrc_auth('https://elsewhere.example/'))"
    found = []
    for case, more in enumerate(({}, yaml.safe_load(block("yaml", 1))["metadata"]["labels"])):
        manifest = pod()
        manifest["metadata"]["labels"] |= more
        container = start(kube, NAMESPACE, manifest, tmp_path / str(case))
        home = container.root / "home"
        home.mkdir()
        (home / ".netrc").write_text("machine elsewhere.example login me password mine\n")
        (home / ".netrc").chmod(0o600)
        found.append(container.run(sys.executable, "-c", ask).stdout.strip())
    assert found == ["None", "('me', 'mine')"]
