"""The examples of projects.md and outside-the-cluster.md, and the files of manifests/examples/clients, run."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml
from clients import shop
from clients.packages import GREETING_PROJECT, pack
from clients.pod import Pod, strays
from fakes.clients import Clients, clients
from fakes.emulated import READER, WRITER, Emulated
from fakes.registry_clients import alone
from support.environments import NEWEST, programs
from support.pages import ROOT, Block, blocks
from support.pods import require_mounts
from support.repackage import closure, wheel

EXAMPLES = ROOT / "manifests/examples"
PROJECTS, OUTSIDE = (ROOT / f"docs/how-to/{name}" for name in ("projects.md", "outside-the-cluster.md"))
HELLO = "Hello from a private wheel!"
PDM_PROJECT = """[project]
name = "app"
version = "1.0"
requires-python = ">=3.11"
dependencies = []

[tool.pdm]
distribution = false
"""


@pytest.fixture
async def google(tmp_path: Path) -> AsyncIterator[Emulated]:
    """The index with its packages."""
    require_mounts()
    async with alone(tmp_path / "google") as found:
        await shop.stock(found)
        yield found


@pytest.fixture
async def trap(tmp_path: Path) -> AsyncIterator[Clients]:
    """What catches requests to other hosts."""
    async with clients(tmp_path) as found:
        yield found


def shown(page: Path, word: str) -> Block:
    """The block of a page that has this word and is run here."""
    (found,) = (each for each in blocks(page) if word in each.text and each.note == "run by")
    return found


async def run(pod: Pod, trap: Clients, script: str) -> str:
    """Run a script that must succeed; returns its output."""
    done = await pod.sh(f'export PATH="$HOME/bin:$PATH"\n{script}', programs(NEWEST), trap)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("client", ["poetry", "pdm"])
async def test_a_project_installs_from_the_index_that_it_names(
    client: str, google: Emulated, trap: Clients, tmp_path: Path
) -> None:
    """The example's pyproject.toml, which has what the page shows, and the page's commands."""
    text = (EXAMPLES / "clients" / client / "pyproject.toml").read_text()
    assert shown(PROJECTS, f"tool.{client}.source").text in text
    pod = shop.mounted(google, tmp_path / "pod", google.token(READER))
    shop.files(pod.folder, {"pyproject.toml": shop.here(text, google)})
    printed = await run(pod, trap, shown(PROJECTS, f"{client} install").text)
    assert HELLO in printed
    assert strays(trap) == []


async def test_pdm_finds_the_index_in_its_own_file(google: Emulated, trap: Clients, tmp_path: Path) -> None:
    """The page's mount is where a pod with the label has the file. A project without a source asks no other index."""
    mount = yaml.safe_load(shown(PROJECTS, "pdm.toml, path").text)
    (volume,), (place,) = mount["volumes"], mount["volumeMounts"]
    (item,) = volume["secret"]["items"]
    pod = shop.mounted(google, tmp_path / "pod", google.token(READER))
    file = pod.folder / place["mountPath"].lstrip("/") / item["path"]
    assert (file.is_file(), item["key"], volume["name"]) == (True, "pdm.toml", place["name"])
    shop.files(pod.folder, {"pyproject.toml": PDM_PROJECT})
    added = shown(PROJECTS, "pdm add").text
    assert HELLO in await run(pod, trap, f"{added}pdm run python -m acme_greeting\n")
    assert strays(trap) == []


@pytest.mark.parametrize("client", ["poetry", "pdm"])
async def test_a_project_publishes(client: str, google: Emulated, trap: Clients, tmp_path: Path) -> None:
    """The page's commands upload what is in dist."""
    pod = shop.mounted(google, tmp_path / "pod", google.token(WRITER), uploads=True)
    shop.files(pod.folder, {"pyproject.toml": GREETING_PROJECT, "greeting.py": ""})
    dist(pod, "1.0")
    await run(pod, trap, shown(PROJECTS, f"{client} publish").text)
    assert "greeting-1.0" in (await google.get("simple/greeting/", google.token(READER))).text


def dist(pod: Pod, *versions: str) -> None:
    """Put wheels to upload into dist."""
    folder = pod.folder / "work/dist"
    folder.mkdir(parents=True)
    for version in versions:
        filename, content = pack("greeting", version, "")
        (folder / filename).write_bytes(content)


def requirements(name: str, word: str, google: Emulated) -> str:
    """A requirements file of the examples for this index; the page shows it without its comment."""
    text = (EXAMPLES / "clients" / name).read_text()
    assert shown(PROJECTS, word).text == "".join(f"{line}\n" for line in text.splitlines() if line[0] != "#")
    return shop.here(text, google)


INSTALL = "python -m venv --without-pip env\npip --python env install -r requirements.txt\n"


async def test_a_virtual_repository_serves_private_and_public_packages(
    google: Emulated, trap: Clients, tmp_path: Path
) -> None:
    """With one index and pinned versions, a stranger's version 99 changes nothing."""
    await shop.virtual(google, "team-wheels")
    stranger = pack("acme-greeting", "99", 'print("Hello from the attacker!")\n')
    await shop.add(google, shop.public(google, "legacy/"), "acme-greeting", "99", stranger)
    pod = shop.mounted(google, tmp_path / "pod", google.token(READER))
    shop.files(pod.folder, {"requirements.txt": requirements("requirements-virtual.txt", "acme-index", google)})
    printed = await run(pod, trap, f"{INSTALL}env/bin/python -c 'import six'\nenv/bin/python -m acme_greeting\n")
    assert HELLO in printed
    assert strays(trap) == []


async def test_a_second_index_installs_what_a_stranger_publishes(
    google: Emulated, trap: Clients, tmp_path: Path
) -> None:
    """The same file installs ours first, and version 99 once it is on the public index."""
    text = requirements("requirements-extra.txt", "--extra-index-url", google)
    script = f"export PIP_INDEX_URL={shop.public(google, 'simple/')}\n{INSTALL}env/bin/python -m acme_greeting\n"
    before = shop.mounted(google, tmp_path / "before", google.token(READER))
    shop.files(before.folder, {"requirements.txt": text})
    assert HELLO in await run(before, trap, script)
    stranger = pack("acme-greeting", "99", 'print("Hello from the attacker!")\n')
    await shop.add(google, shop.public(google, "legacy/"), "acme-greeting", "99", stranger)
    after = shop.mounted(google, tmp_path / "after", google.token(READER))
    shop.files(after.folder, {"requirements.txt": text})
    assert "Hello from the attacker!" in await run(after, trap, script)


async def test_the_step_of_the_dockerfile_installs_with_the_build_secrets(
    google: Emulated, trap: Clients, tmp_path: Path
) -> None:
    """The RUN step, with the reader's files in the folder that stands for /run/secrets, and nowhere else."""
    text = (EXAMPLES / "clients/Dockerfile").read_text()
    assert shown(PROJECTS, "RUN --mount").text in text
    build = dict(re.findall(r"--secret id=(\S+),src=/(\S+)", text))
    step = re.search(r"^RUN (.*) \\\n(.*)", text, re.MULTILINE)
    assert step is not None
    assert re.findall(r"--mount=type=secret,id=([\w.]+),required=true", step[1]) == list(build)
    pod = shop.mounted(google, tmp_path / "pod", google.token(READER))
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    for name, path in build.items():
        (pod.folder / path).rename(secrets / name)
    shop.files(pod.folder, {"requirements.txt": "acme-greeting==1.0\n"})
    script = f"python -m venv --without-pip env\nexport PIP_PYTHON=env\n{step[2]}\nenv/bin/python -m acme_greeting\n"
    assert HELLO in await run(pod, trap, script.replace("/run/secrets", str(secrets)))
    assert strays(trap) == []


async def test_a_laptop_installs_and_uploads_with_its_own_token(
    google: Emulated, trap: Clients, tmp_path: Path
) -> None:
    """The page's commands: the token in the URL, in a netrc, and in the variables of twine and uv."""
    machine = shop.outside(tmp_path / "laptop", google.token(WRITER))
    dist(machine, "1.0", "2.0")
    environment = "python -m venv --without-pip .venv\nexport PIP_PYTHON=.venv\n"
    in_url = shop.here(shown(OUTSIDE, "oauth2accesstoken:$token").text, google)
    await run(machine, trap, f"{environment}{in_url}.venv/bin/python -m acme_greeting\nrm -r .venv\n")
    in_netrc = shop.here(shown(OUTSIDE, "export NETRC").text, google)
    assert HELLO in await run(machine, trap, f"{environment}{in_netrc}.venv/bin/python -m acme_greeting\n")
    for word, version in (("twine upload", "1.0"), ("uv publish --publish-url", "2.0")):
        await run(machine, trap, shop.here(shown(OUTSIDE, word).text, google))
        assert f"greeting-{version}-" in (await google.get("simple/greeting/", google.token(READER))).text
    assert strays(trap) == []


async def test_a_cloud_build_pipeline_installs_builds_and_uploads(
    google: Emulated, trap: Clients, tmp_path: Path
) -> None:
    """The steps of cloudbuild.yaml one by one, with its substitutions; a stand-in for gcloud has the build's token."""
    google.create(f"{shop.PARENT}/repositories/private-wheels")
    grants = ((shop.READ, READER), (shop.WRITE, WRITER))
    google.grant(*grants, repository=f"{shop.PARENT}/repositories/private-wheels")
    private = google.index.replace("team-wheels", "private-wheels")
    await shop.add(google, private, "acme-greeting", "1.0", shop.GREETING, google.token(WRITER))
    await shop.virtual(google, "private-wheels")
    for each in closure("build", "twine", "hatchling"):
        packed = wheel(each, tmp_path)
        made = (packed.name, packed.read_bytes())
        await shop.add(google, shop.public(google, "legacy/"), each.metadata["Name"], each.version, made)
    machine = shop.outside(tmp_path / "build", google.token(WRITER))
    shop.files(machine.folder, {path.name: next_version(path) for path in (EXAMPLES / "greeting").iterdir()})
    printed = await pipeline(google, machine, trap)
    assert HELLO in printed
    page = await google.send("GET", f"{private}simple/acme-greeting/", google.token(READER))
    assert "acme_greeting-1.1-" in page.text
    assert strays(trap) == []


def next_version(path: Path) -> str:
    """A file of the example's package, as version 1.1."""
    return re.sub("^version = .*", 'version = "1.1"', path.read_text(), flags=re.MULTILINE)


async def pipeline(google: Emulated, machine: Pod, trap: Clients) -> str:
    """Run the steps in order, as Cloud Build would; returns what they print."""
    parsed = yaml.safe_load(shop.here((EXAMPLES / "clients/cloudbuild.yaml").read_text(), google))
    volume = machine.folder / "credentials"
    volume.mkdir()
    printed = ""
    for step in parsed["steps"]:
        assert step["entrypoint"] == "bash"
        assert step["args"][0] == "-ec"
        script = step["args"][1].replace("$$", "\0")
        for name, value in parsed["substitutions"].items():
            script = script.replace(f"${{{name}}}", value)
        variables = "".join(f"export {each}\n" for each in step.get("env", ()))
        script = f"{variables}{script}".replace("/credentials", str(volume))
        assert "$" not in script  # every `$` that bash shall see is doubled
        printed += await run(machine, trap, script.replace("\0", "$"))
    return printed


def test_every_example_file_is_run() -> None:
    """A new file in manifests/examples/clients needs a test here."""
    found = {
        path.relative_to(EXAMPLES / "clients").as_posix()
        for path in (EXAMPLES / "clients").rglob("*")
        if path.is_file()
    }
    run_here = {"Dockerfile", "cloudbuild.yaml", "requirements-virtual.txt", "requirements-extra.txt"}
    assert found == run_here | {"poetry/pyproject.toml", "pdm/pyproject.toml"}
