"""A process that sees the files of a Secret where a pod mounts them, and reaches nothing but this machine."""

import asyncio
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from fakes.clients import Clients
from support.pods import lay_out, run

ROOT = Path(__file__).parents[2]
NETRC = {"NETRC": "/etc/wheelhouse/netrc"}
SINGLE = {"pip.conf": "PIP_CONFIG_FILE", "uv.toml": "UV_CONFIG_FILE", "pdm.toml": "PDM_CONFIG_FILE", ".pypirc": ""}
"""The variable that names a file that is mounted alone; twine has an option instead."""
PATHS = {"pip.conf": "xdg/pip/pip.conf", "uv.toml": "xdg/uv/uv.toml", "pdm.toml": "xdg/pdm/config.toml"}
"""Where clients look for their system configuration below /etc; all other keys are in /etc/wheelhouse."""


@dataclass(frozen=True)
class Pod:
    """A pod's files below a folder, and its variables.

    Attributes:
        folder: has the pod's /etc, its home and its working directory.
        variables: what the pod sets.
    """

    folder: Path
    variables: Mapping[str, str]

    async def sh(self, script: str, programs: Path, outside: Clients) -> subprocess.CompletedProcess[str]:
        """Run a script in the working directory, as behind `env -i`; other hosts than 127.0.0.1 are a trap."""
        work, home = self.folder / "work", self.folder / "home"
        for each in (work, home):
            each.mkdir(exist_ok=True)
        kept = outside.environment()
        proxies = {name: text for name, text in kept.items() if name.lower().endswith("_proxy")}
        variables = {"HOME": str(home), "USER": "app", "LANG": "C.UTF-8", **proxies, **QUIET, **self.variables}
        command = ("env", "-C", str(work), "bash", "-euo", "pipefail", "-c", script)
        path = f"{programs}{os.pathsep}/usr/bin:/bin"
        return await asyncio.to_thread(run, self.folder / "etc", *command, variables=variables, path=path)


QUIET = {
    "UV_PYTHON_DOWNLOADS": "never",
    # virtualenv, pdm and pipx would look for new versions of themselves or of pip on PyPI.
    "VIRTUALENV_NO_PERIODIC_UPDATE": "1",
    "PDM_CHECK_UPDATE": "0",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
}


def injected(folder: Path, secret: Mapping[str, str]) -> Pod:
    """The layout of a pod with the label, as tests/integration/test_pod_injection.py compares it with the real one."""
    for key, text in secret.items():
        path = folder / "etc" / PATHS.get(key, f"wheelhouse/{key}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Pod(folder, NETRC)


def manual(folder: Path, secret: Mapping[str, str]) -> Pod:
    """The mounts of the README and, for pdm, of projects.md.

    With the line for writers if the Secret has a .pypirc, and without an absent netrc.
    """
    text = _block("README.md", "env: ")
    text = re.sub(r"# (- \{key: \.pypirc.*?\}).*", r"\1", text) if ".pypirc" in secret else text
    if "netrc" not in secret:
        text = re.sub(r"^.*\bnetrc\b.*\n", "", text, flags=re.MULTILINE)
    part: dict[str, Any] = yaml.safe_load(text)
    for each in (part, yaml.safe_load(_block("docs/how-to/projects.md", "volumeMounts:"))):
        lay_out(folder, each["volumes"], each["volumeMounts"], lambda _kind, _name: dict(secret))
    return Pod(folder, {each["name"]: each["value"] for each in part.get("env", ())})


def _block(page: str, start: str) -> str:
    """The block of YAML on a page that starts with this text."""
    found = re.search(rf"```yaml\n({start}.*?)```", (ROOT / page).read_text(), re.DOTALL)
    assert found is not None
    return found[1]


def single(folder: Path, secret: Mapping[str, str], key: str) -> Pod:
    """One file only, and the variable that names it."""
    path = folder / "etc" / "wheelhouse" / key
    path.parent.mkdir(parents=True)
    path.write_text(secret[key])
    return Pod(folder, {SINGLE[key]: f"/etc/wheelhouse/{key}"} if SINGLE[key] else {})


def strays(outside: Clients) -> list[str]:
    """The other hosts that the clients asked for, once; the list is empty afterward."""
    found = sorted({line.decode(errors="replace").split()[1] for line in outside.strayed if line.strip()})
    outside.strayed.clear()
    return found
