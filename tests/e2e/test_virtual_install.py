"""One `pip install -r requirements.txt` through a Virtual repository: private and public, and without its upstream."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from fakes.emulated import wheel
from support import google
from support.kube import ACCESSES, PROJECT, REPOSITORIES, Kube

pytestmark = pytest.mark.e2e


def pip(config: Path, target: Path, *what: str) -> subprocess.CompletedProcess[str]:
    env = {key: value for key, value in os.environ.items() if not key.startswith("PIP_")}
    command = [sys.executable, "-m", "pip", "install", "--no-cache-dir", "--disable-pip-version-check"]
    return subprocess.run(
        [*command, "--target", str(target), *what],
        env={**env, "PIP_CONFIG_FILE": str(config), "NETRC": str(config.with_name("netrc"))},
        capture_output=True,
        text=True,
        check=False,
    )


def publish(kube: Kube, name: str, version: str) -> None:
    """Put a wheel on the world's public index."""
    filename, content = wheel(name, version)
    google.upload(f"{kube.world.environment()['endpoints']['publicIndex']}legacy/", content, filename, name, version)


def test_private_and_public_in_one_go(kube: Kube, tmp_path: Path) -> None:
    """A reader's Secret for the Virtual is all that pip needs; cached packages install while PyPI is unavailable."""
    kube.namespace("mixed")
    kube.repository("mixed", "mixed-private")
    kube.repository("mixed", "mixed-public", mode="Remote", remote={"upstream": "PyPI"})
    upstreams = [
        {"name": "private", "priority": 2, "repositoryRef": {"name": "mixed-private"}},
        {"name": "public", "priority": 1, "repositoryRef": {"name": "mixed-public"}},
    ]
    kube.repository("mixed", "mixed-all", mode="Virtual", virtual={"upstreams": upstreams})
    kube.reader("mixed", "reader", "mixed-all", "reader", secret="pip-config")
    kube.await_ready(REPOSITORIES, "mixed", "mixed-private", "mixed-public", "mixed-all")
    body = kube.get(REPOSITORIES, "mixed", "mixed-all")
    assert body is not None
    assert kube.condition(body, "IndexSafe")["reason"] == "SameVersionOnly"
    publish(kube, "publicthing", "2.0")
    publish(kube, "pip", "26.9")
    kube.await_ready(ACCESSES, "mixed", "reader")
    filename, content = wheel("privatething", "1.0")
    base = kube.world.environment()["endpoints"]["index"]
    url = f"{base}us-central1-python.pkg.dev/{PROJECT}/mixed-private/"
    google.upload(url, content, filename, "privatething", "1.0", google.owner_authorization(kube))
    secret = kube.secret("mixed", "pip-config")
    assert secret is not None
    config, requirements = tmp_path / "pip.conf", tmp_path / "requirements.txt"
    config.write_text(secret["pip.conf"])
    config.with_name("netrc").write_text(secret["netrc"])
    requirements.write_text("privatething\npublicthing\n")
    done = pip(config, tmp_path / "one", "-r", str(requirements))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "one" / "privatething.py").exists()
    assert (tmp_path / "one" / "publicthing.py").exists()
    kube.google("POST", "control/fault", {"on": "PublicIndex.*", "status": 503})
    try:
        done = pip(config, tmp_path / "two", "-r", str(requirements))
        assert done.returncode == 0, done.stderr
        assert pip(config, tmp_path / "three", "neverfetched").returncode != 0
    finally:
        kube.google("DELETE", "control/fault")


def test_a_public_index_in_front_is_advised_against(kube: Kube) -> None:
    """PublicOutranksPrivate is advice: the repository is still Ready."""
    kube.namespace("unsafe")
    kube.repository("unsafe", "unsafe-private")
    kube.repository("unsafe", "unsafe-public", mode="Remote", remote={"upstream": "PyPI"})
    upstreams = [
        {"name": "private", "priority": 1, "repositoryRef": {"name": "unsafe-private"}},
        {"name": "public", "priority": 1, "repositoryRef": {"name": "unsafe-public"}},
    ]
    kube.repository("unsafe", "unsafe-all", mode="Virtual", virtual={"upstreams": upstreams})
    kube.await_ready(REPOSITORIES, "unsafe", "unsafe-all")
    body = kube.get(REPOSITORIES, "unsafe", "unsafe-all")
    assert body is not None
    assert kube.condition(body, "IndexSafe")["reason"] == "PublicOutranksPrivate"
