"""The output of the demo: headings, and commands that are shown before they run."""

import hashlib
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

_PATIENCE_S = 30.0
_SECRET = re.compile(r"(?<=oauth2accesstoken:)[^@\s*]{16,}(?=@)|(?<=password )\S{16,}|(?<=password = )\S{16,}")


class DemoError(Exception):
    """The demo failed: a command had an unexpected result."""


def mask(text: str) -> str:
    """The text with a short fingerprint in place of each token, so that a new token is seen to be another one."""
    return _SECRET.sub(lambda found: f"[token-{hashlib.sha256(found[0].encode()).hexdigest()[:6]}]", text)


class Terminal:
    """Prints every command as a person would type it, and then runs it."""

    def __init__(self, kubeconfig: Path, work: Path) -> None:
        self._work = work
        self._began = time.monotonic()
        self._env = _clean({**os.environ, "KUBECONFIG": str(kubeconfig)})
        self._env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{self._env['PATH']}"

    def narrate(self, text: str) -> None:
        """Print a heading, with the seconds since the start."""
        bold, plain = ("\033[1m", "\033[0m") if sys.stdout.isatty() and "NO_COLOR" not in os.environ else ("", "")
        print(f"\n{bold}[{time.monotonic() - self._began:5.1f} s] {text}{plain}", flush=True)

    def show(self, text: str) -> None:
        """Print text without its tokens."""
        print("\n".join(f"  {line}" for line in mask(text).strip().splitlines()), flush=True)

    def result(self, command: str, output: str) -> None:
        """Print a command that the demo carried out itself, and its output."""
        print(f"$ {command}", flush=True)
        self.show(output)

    def run(
        self,
        *command: str,
        env: Mapping[str, str] | None = None,
        refusal: str = "",
        quiet: bool = False,
        silent: bool = False,
    ) -> str:
        """Show a command, run it, and show its output.

        Args:
            command: the program and its arguments.
            env: more variables.
            refusal: what the output of a denied command must contain; without it, the command must succeed.
            quiet: print the output only if the command fails.
            silent: do not print the command either.

        Raises:
            DemoError: it failed, or it was not denied with the word `refusal`.
        """
        shown = " ".join([*(f"{key}={shlex.quote(value)}" for key, value in (env or {}).items()), shlex.join(command)])
        if not silent:
            print(f"$ {shown}", flush=True)
        done = subprocess.run(
            command, env={**self._env, **(env or {})}, cwd=self._work, capture_output=True, text=True, check=False
        )
        output = (done.stdout + done.stderr).strip()
        as_told = (done.returncode != 0 and refusal in output) if refusal else done.returncode == 0
        if output and not ((quiet or silent) and as_told):
            self.show(output)
        if not as_told:
            what = f"should have been denied with {refusal}" if refusal else "failed"
            raise DemoError(f"{command[0]} {what}; it ended with status {done.returncode}.")
        return done.stdout

    def until(self, what: str, happened: Callable[[], bool]) -> None:
        """Wait for something, and print that it happened.

        Raises:
            DemoError: it did not happen in time.
        """
        began = time.monotonic()
        while not happened():
            if time.monotonic() - began > _PATIENCE_S:
                raise DemoError(f"Waited {_PATIENCE_S:.0f} s until {what}.")
            time.sleep(0.1)
        print(f"  After {time.monotonic() - began:.1f} s, {what}.", flush=True)


def _clean(env: Mapping[str, str]) -> dict[str, str]:
    """The environment of a pod: no client configuration from outside, and no proxy between it and the index."""
    foreign = ("PIP_", "UV_", "TWINE_")
    return {
        key: value
        for key, value in env.items()
        if not key.startswith(foreign) and key != "NETRC" and not key.lower().endswith("_proxy")
    }
