"""Environments with the real clients: installed once from a lock file, outside the checkout.

`newest` and `oldest` are the lock files of tests/clients. An environment is a folder of the cache, whose name has a
digest of its lock file: a changed lock makes a new one.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

LOCKS = Path(__file__).parents[1] / "clients"
NEWEST, OLDEST = "newest", "oldest"
_INSTALLED = "installed"
"""The file that an environment has only when it is complete."""


def folder() -> Path:
    """`wheelhouse/clients` under XDG_CACHE_HOME, by default ~/.cache, like the control plane's programs."""
    home = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(home) if Path(home).is_absolute() else Path.home() / ".cache") / "wheelhouse" / "clients"


@cache
def programs(name: str) -> Path:
    """The folder with the programs of an environment; the first call installs it, which takes a minute or two.

    Only one process installs, and the others wait for it.
    """
    lock = LOCKS / f"{name}.txt"
    digest = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()[:12]
    environment = folder() / f"{name}-{digest}"
    environment.parent.mkdir(parents=True, exist_ok=True)
    with (environment.parent / f"{environment.name}.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not (environment / _INSTALLED).exists():
            _install(environment, lock)
    return environment / "bin"


def _install(environment: Path, lock: Path) -> None:
    shutil.rmtree(environment, ignore_errors=True)
    # pip itself is in the lock file, in the version that the tests need.
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    pip = [sys.executable, "-m", "pip", "--python", environment / "bin" / "python"]
    options = ["--quiet", "--disable-pip-version-check", "--require-hashes"]
    subprocess.run([*pip, "install", *options, "-r", lock], check=True)
    (environment / _INSTALLED).touch()
