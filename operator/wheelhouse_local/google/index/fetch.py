"""What the service agent downloads: pages and files of upstream indexes, bounded, without redirects."""

import hashlib
import os
import ssl
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

from wheelhouse_local.google.index.upload import LARGEST

LARGEST_PAGE = 16 * 1024 * 1024
TIMEOUT = aiohttp.ClientTimeout(total=30, sock_connect=5)
_CHUNK = 1 << 20


class UpstreamError(Exception):
    """The upstream did not return what was requested; the message describes the problem."""


@dataclass(frozen=True, slots=True)
class Login:
    """The credentials for an upstream: sent only to its own host and port."""

    netloc: str
    authorization: str = field(repr=False)


class Fetcher:
    """Sends requests; it trusts the world's own CA as well as the system's.

    Args:
        authority: the PEM file of the world's CA; it exists when the first request is sent.
    """

    def __init__(self, authority: Path) -> None:
        self._authority = authority
        self._session: aiohttp.ClientSession | None = None

    async def page(self, url: str, login: Login | None) -> tuple[int, str]:
        """The status and text of a page.

        Raises:
            UpstreamError: no answer, a redirect, or too long a page.
        """
        try:
            async with self._open(url, login) as response:
                body = await response.content.read(LARGEST_PAGE + 1)
                while len(body) <= LARGEST_PAGE and not response.content.at_eof():
                    body += await response.content.read(LARGEST_PAGE + 1 - len(body))
                if len(body) > LARGEST_PAGE:
                    raise UpstreamError("The page is too long.")
                return response.status, body.decode(errors="replace")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise UpstreamError(f"{type(error).__name__} from {url}") from error

    async def file(self, url: str, login: Login | None, folder: Path) -> tuple[Path, str]:
        """A file, downloaded into `folder`: its temporary path and its SHA-256.

        Raises:
            UpstreamError: no answer, a status other than 200, or too long a file; then no file is left.
        """
        handle, temporary = tempfile.mkstemp(dir=folder, prefix=".upload-")
        path, digest, size = Path(temporary), hashlib.sha256(), 0
        try:
            with os.fdopen(handle, "wb") as file:
                async with self._open(url, login) as response:
                    if response.status != 200:
                        raise UpstreamError(f"{response.status} from {url}")
                    async for chunk in response.content.iter_chunked(_CHUNK):
                        size += len(chunk)
                        if size > LARGEST:
                            raise UpstreamError(f"The file {url} is too long.")
                        digest.update(chunk)
                        file.write(chunk)
        except (aiohttp.ClientError, TimeoutError, OSError, UpstreamError) as error:
            path.unlink(missing_ok=True)  # noqa: ASYNC240 - one call to the local disk
            raise UpstreamError(str(error) or type(error).__name__) from error
        return path, digest.hexdigest()

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    def _open(self, url: str, login: Login | None) -> "aiohttp.client._RequestContextManager":
        if self._session is None:
            context = ssl.create_default_context()
            if self._authority.exists():
                context.load_verify_locations(self._authority)
            self._session = aiohttp.ClientSession(
                timeout=TIMEOUT, connector=aiohttp.TCPConnector(ssl=context), headers={"Accept": "text/html"}
            )
        known = login is not None and urlsplit(url).netloc == login.netloc
        headers = {"Authorization": login.authorization} if login is not None and known else {}
        return self._session.get(url, headers=headers, allow_redirects=False)
