"""The README's mounts: pip and uv find their files in /etc/xdg, whatever becomes of the variables."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.consumer import wheel
from support.kube import ACCESSES, Kube
from support.pods import lay_out, require_mounts, run

ROOT = Path(__file__).parents[2]


def pod() -> dict[str, Any]:
    """The README's part of a pod: its variables, mounts and volumes."""
    block = re.search(r"```yaml\n(env: .*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert block is not None
    found: dict[str, Any] = yaml.safe_load(block[1])
    return found


@pytest.mark.e2e
def test_pip_and_uv_install_with_the_mounts_of_the_readme(kube: Kube, tmp_path: Path) -> None:
    """Both install a private package with the README's variables, or with the token in URLs without any variable.

    Without NETRC, both fail with the netrc form, and neither asks the public index.
    """
    require_mounts()
    kube.namespace("layout")
    kube.repository("layout", "layout-wheels")
    kube.service_account("layout", "writer")
    subjects = [{"kind": "ServiceAccount", "name": "writer"}]
    kube.access("layout", "writer", "layout-wheels", role="Writer", subjects=subjects, secret={"name": "pip-config"})
    kube.access("layout", "urls", "layout-wheels", subjects=subjects, secret={"name": "urls", "authentication": "URL"})
    kube.await_ready(ACCESSES, "layout", "writer", "urls")
    secret, in_urls = (kube.secret("layout", name) or {} for name in ("pip-config", "urls"))
    (tmp_path / ".pypirc").write_text(secret[".pypirc"])
    twine = [sys.executable, "-m", "twine", "upload", "--config-file", str(tmp_path / ".pypirc"), "-r", "layout-wheels"]
    subprocess.run([*twine, str(wheel(tmp_path, "laid"))], check=True, capture_output=True)
    pip = (sys.executable, "-m", "pip", "install", "--no-cache-dir", "--disable-pip-version-check", "--no-deps")
    uv = (str(Path(sys.executable).parent / "uv"), "pip", "install", "--no-cache", "--python", sys.executable)
    shown = {each["name"]: each["value"] for each in pod()["env"]}
    for case, (files, variables, works) in enumerate(((secret, shown, True), (secret, {}, False), (in_urls, {}, True))):
        root = tmp_path / str(case)
        lay_out(root, pod()["volumes"], pod()["volumeMounts"], lambda _kind, _name, files=files: files)
        for tool, command in {"pip": pip, "uv": uv}.items():
            target = root / tool
            home = {"HOME": str(tmp_path / "home"), **variables}
            done = run(root / "etc", *command, "--target", str(target), "laid", variables=home)
            assert (done.returncode == 0) is works, f"{tool} with {variables}: {done.stdout}{done.stderr}"
            assert (target / "laid.py").exists() is works
            assert "127.0.0.1" in done.stdout + done.stderr or works
