"""The output of the demo: headings, and commands that are shown before they run."""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path


class DemoError(Exception):
    """The demo failed: a command had an unexpected result."""


class Terminal:
    """Prints every command as a person would type it, and then runs it."""

    def __init__(self, kubeconfig: Path, work: Path) -> None:
        self._work = work
        self._began = time.monotonic()
        self._env = _clean({**os.environ, "KUBECONFIG": str(kubeconfig)})
        self._env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{self._env['PATH']}"

    def tell(self, text: str) -> None:
        """Print a heading, with the seconds since the start."""
        bold, plain = ("\033[1m", "\033[0m") if sys.stdout.isatty() and "NO_COLOR" not in os.environ else ("", "")
        print(f"\n{bold}[{time.monotonic() - self._began:5.1f} s] {text}{plain}", flush=True)

    def run(self, *command: str, env: Mapping[str, str] | None = None, refusal: str = "", quiet: bool = False) -> str:
        """Show a command, run it, and show its output.

        Raises:
            DemoError: it failed, or it was not denied with the word `refusal`.
        """
        shown = " ".join([*(f"{key}={shlex.quote(value)}" for key, value in (env or {}).items()), shlex.join(command)])
        print(f"$ {shown}", flush=True)
        done = subprocess.run(
            command, env={**self._env, **(env or {})}, cwd=self._work, capture_output=True, text=True, check=False
        )
        output = (done.stdout + done.stderr).strip()
        as_told = (done.returncode != 0 and refusal in output) if refusal else done.returncode == 0
        if output and not (quiet and as_told):
            print("\n".join(f"  {line}" for line in output.splitlines()), flush=True)
        if not as_told:
            what = f"should have been denied with {refusal}" if refusal else "failed"
            raise DemoError(f"{command[0]} {what}; it ended with status {done.returncode}.")
        return done.stdout


def _clean(env: Mapping[str, str]) -> dict[str, str]:
    """The environment of a pod: no client configuration from outside, and no proxy between it and the index."""
    foreign = ("PIP_", "UV_", "TWINE_")
    return {
        key: value
        for key, value in env.items()
        if not key.startswith(foreign) and key != "NETRC" and not key.lower().endswith("_proxy")
    }
