"""The connection to the API server: one login, reloaded when tokens rotate."""

import asyncio
import ssl
import time
from collections.abc import Callable
from pathlib import Path

import aiohttp
import structlog
from yarl import URL

from wheelhouse import __version__
from wheelhouse.clients.kubernetes.login import Login, load_login
from wheelhouse.domain.objects import Kind
from wheelhouse.errors import Invalid

logger = structlog.get_logger(__name__)

RELOAD_EVERY = 60.0
"""Seconds until a login is loaded again: kubelet replaces tokens at 80 % of their lifetime."""
RELOAD_PAUSE = 1.0
"""Minimum seconds between two reloads, even if many requests get a 401."""
CONNECTIONS = 112
"""Maximum connections of a session: more than all workers of the queue, so that one slow webhook does not use all. Each
takes 0.1 MB, and requests use them in turn, which keeps all of them open: without a maximum, 1,000 accesses left 276.
"""


class Connection:
    """Knows the server and adds the current token to every request of its sessions.

    Args:
        load: loads the login; it may block, so it runs in a thread.
        clock: monotonic seconds.
    """

    def __init__(self, load: Callable[[], Login] = load_login, clock: Callable[[], float] = time.monotonic) -> None:
        self._load = load
        self._clock = clock
        self._login: Login | None = None
        self._loaded = 0.0
        self._files: tuple[object, ...] = ()
        self._context: ssl.SSLContext | None = None
        self._lock = asyncio.Lock()

    async def open(self) -> None:
        """Log in for the first time.

        Raises:
            Invalid: there is no usable configuration.
        """
        try:
            await self._reload()
        except OSError as error:
            raise Invalid(f"Cannot read the certificates for Kubernetes: {error}") from None

    @property
    def login(self) -> Login:
        """The login that was last loaded.

        Raises:
            Invalid: `open` has not been called.
        """
        if self._login is None:
            raise Invalid("The connection to Kubernetes is not open.")
        return self._login

    @property
    def server(self) -> str:
        """The API server's URL without a trailing slash."""
        return self.login.server

    @property
    def ssl_context(self) -> ssl.SSLContext | None:
        """The context that verifies the server; None for plain HTTP."""
        return self._context

    def session(self, *middlewares: aiohttp.ClientMiddlewareType) -> aiohttp.ClientSession:
        """A new session that authorizes each request, and once more after a 401; the caller closes it.

        Args:
            *middlewares: what else its requests pass through, the outermost first.
        """
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self._context if self._context is not None else True, limit=CONNECTIONS),
            headers={"User-Agent": f"wheelhouse/{__version__}", "Accept": "application/json"},
            middlewares=(*middlewares, self._authorize),
            proxy=self.login.proxy,
        )

    async def authorization(self, refused: str | None = None) -> str | None:
        """The current Authorization header value.

        Args:
            refused: the value that the server answered with 401, if it did; then the login is loaded again.
        """
        async with self._lock:
            age = self._clock() - self._loaded
            stale = refused is not None and refused == self.login.authorization and age >= RELOAD_PAUSE
            if stale or age >= RELOAD_EVERY:
                await self._renew()
            return self.login.authorization

    async def _renew(self) -> None:
        try:
            await self._reload()
        except (Invalid, OSError) as error:
            # The current token may still be valid, and the files may be in the middle of a rotation.
            self._loaded = self._clock()
            logger.warning("Could not reload the Kubernetes login", error=type(error).__name__)

    async def _reload(self) -> None:
        login = await asyncio.to_thread(self._load)
        await asyncio.to_thread(self._trust, login)
        self._login, self._loaded = login, self._clock()

    def _trust(self, login: Login) -> None:
        """Load new certificates into the existing context, so that open connections stay in use."""
        if not login.server.startswith("https:"):
            return
        paths = [login.ca_path, login.certificate_path, login.key_path]
        files = tuple((path, Path(path).stat().st_mtime_ns) for path in paths if path)
        if self._context is not None and files == self._files:
            return
        if self._context is None:
            self._context = ssl.create_default_context(cafile=login.ca_path)
        elif login.ca_path:
            self._context.load_verify_locations(login.ca_path)
        if login.certificate_path:
            self._context.load_cert_chain(login.certificate_path, login.key_path)
        if not login.verify:
            self._context.check_hostname = False
            self._context.verify_mode = ssl.CERT_NONE
        self._files = files

    async def _authorize(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        if request.url.origin() != URL(self.server).origin():
            return await handler(request)
        value = await self.authorization()
        if value is not None:
            request.headers["Authorization"] = value
        response = await handler(request)
        if response.status == 401 and value is not None:
            fresh = await self.authorization(refused=value)
            if fresh is not None and fresh != value:
                response.release()
                request.headers["Authorization"] = fresh
                response = await handler(request)
        return response


async def outlast_refusals(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Report a 401, and an unknown kind of ours, as a lost connection: both may pass.

    Kopf retries a lost connection for ever, but ends the process after a 404 or a 401. An API server that has just
    started may answer 401 to a valid token. If a CustomResourceDefinition is missing, objects of the other kind may
    still have to be released.

    Raises:
        ClientConnectionError: the API server does not know the kind, or does not accept the login.
    """
    response = await handler(request)
    if response.status == 401:
        response.release()
        raise aiohttp.ClientConnectionError("Kubernetes does not accept the operator's login.")
    if response.status == 404 and request.url.name in {kind.value for kind in Kind}:
        response.release()
        raise aiohttp.ClientConnectionError(f"The CustomResourceDefinition of {request.url.name} does not exist.")
    return response
