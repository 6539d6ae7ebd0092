"""Real pip, uv, twine and Python as subprocesses that can reach only this machine."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from fakes.emulated import wheel


@dataclass(frozen=True, slots=True)
class Ran:
    """The result of a command."""

    code: int
    output: str
    errors: str = ""


async def ran(
    *argv: str | Path, env: Mapping[str, str], cwd: Path | None = None, stderr: int = asyncio.subprocess.PIPE
) -> Ran:
    """Run a command to its end, a minute at most; it reads no input."""
    process = await asyncio.create_subprocess_exec(
        *argv, env=env, cwd=cwd, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=stderr
    )
    try:
        output, errors = await asyncio.wait_for(process.communicate(), 60)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return Ran(process.returncode or 0, output.decode(errors="replace"), (errors or b"").decode(errors="replace"))


@dataclass(slots=True)
class Clients:
    """Real pip, uv, twine and Python as subprocesses in an empty home directory: they can reach only this machine."""

    home: Path
    proxy: str
    strayed: list[bytes] = field(default_factory=list)

    def environment(self, **extra: str) -> dict[str, str]:
        """Without the caller's settings; requests to hosts other than 127.0.0.1 go to the trap."""
        proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"), self.proxy)
        quiet = {
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_NO_CACHE_DIR": "1",
            "PIP_RETRIES": "0",
            "UV_NO_CONFIG": "1",
            "UV_NO_CACHE": "1",
            "UV_PYTHON_DOWNLOADS": "never",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        }
        base = {"PATH": os.environ["PATH"], "HOME": str(self.home), "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
        return {**base, **proxies, **quiet, **extra}

    async def run(self, *argv: str | Path, **extra: str) -> Ran:
        """Run to the end, with these variables besides; errors are in the output."""
        return await ran(*argv, env=self.environment(**extra), cwd=self.home, stderr=asyncio.subprocess.STDOUT)

    async def pip(self, *arguments: str | Path, **extra: str) -> Ran:
        """Run pip."""
        return await self.run(sys.executable, "-m", "pip", *arguments, **extra)

    async def uv(self, *arguments: str | Path, **extra: str) -> Ran:
        """Run uv."""
        return await self.run(Path(sys.executable).with_name("uv"), *arguments, **extra)

    async def twine(self, *arguments: str | Path, **extra: str) -> Ran:
        """Run twine."""
        options = ("--non-interactive", "--disable-progress-bar")
        return await self.run(sys.executable, "-m", "twine", "upload", *options, *arguments, **extra)

    def wheel(self, name: str = "demo", version: str = "1.0") -> Path:
        """A wheel on disk, to upload."""
        filename, content = wheel(name, version)
        path = self.home / filename
        path.write_bytes(content)
        return path


@asynccontextmanager
async def clients(home: Path) -> AsyncIterator[Clients]:
    """Clients whose requests to other hosts end in a trap, and fail the test."""
    found = Clients(home, "")

    async def trap(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found.strayed.append(await reader.readline())
        writer.close()

    server = await asyncio.start_server(trap, "127.0.0.1", 0)
    found.proxy = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield found
    finally:
        server.close()
    assert not found.strayed, found.strayed
