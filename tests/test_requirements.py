"""The lock files: every line with hashes, no host in them, and all requirements of pyproject."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
CLIENTS = {"tests/clients/newest.txt": "clients", "tests/clients/oldest.txt": "clients-oldest"}
FILES = ["requirements.txt", "requirements-dev.txt", "requirements-build.txt", *CLIENTS]


def locked(name: str) -> dict[str, tuple[str, int]]:
    """Version and number of hashes by package."""
    text = (ROOT / name).read_text()
    entries = re.findall(r"^([A-Za-z0-9._-]+)==(\S+)((?:[^\n]*\\\n)+(?:\s+--hash=[^\n]*\n)+)", text, re.MULTILINE)
    return {canonicalize_name(package): (version, rest.count("--hash=sha256:")) for package, version, rest in entries}


@pytest.mark.parametrize("name", FILES)
def test_every_line_is_hashed_and_names_no_host(name: str) -> None:
    """Names, versions and hashes, nothing else: no index, no link, no path."""
    text = (ROOT / name).read_text()
    pinned = re.findall(r"^[A-Za-z0-9._-]+==", text, re.MULTILINE)
    assert len(pinned) == len(locked(name)) > 0
    assert all(hashes > 0 for _, hashes in locked(name).values())
    assert not re.search(r"://|--index|--find-links|--extra|^-", text, re.MULTILINE)


def test_the_locks_satisfy_pyproject() -> None:
    """Every requirement of pyproject is locked, in a version that satisfies it."""
    runtime = PROJECT["project"]["dependencies"]
    local = PROJECT["project"]["optional-dependencies"]["local"]
    groups = PROJECT["dependency-groups"]
    wanted = {FILES[0]: runtime, FILES[1]: [*runtime, *local, *groups["dev"]], FILES[2]: groups["build"]}
    wanted |= {name: groups[group] for name, group in CLIENTS.items()}
    for name, requirements in wanted.items():
        found = locked(name)
        for requirement in map(Requirement, requirements):
            version = found[canonicalize_name(requirement.name)][0]
            assert requirement.specifier.contains(version, prereleases=True), f"{name}: {requirement} {version}"


def test_the_image_gets_nothing_of_the_local_world() -> None:
    """The runtime lock has none of the extra [local]."""
    extra = {canonicalize_name(Requirement(each).name) for each in PROJECT["project"]["optional-dependencies"]["local"]}
    # cryptography is also a dependency of google-auth.
    assert (extra - {"cryptography"}) & set(locked("requirements.txt")) == set()
