"""The Index port: requests a package page as a tenant, and sends the token to no other host."""

import base64
from collections.abc import Callable

import aiohttp
from yarl import URL

from wheelhouse.clients.floors import BUSY, Floors
from wheelhouse.clients.http import Stopwatch, retry_after
from wheelhouse.domain.reasons import Reason
from wheelhouse.domain.token import USERNAME, Token
from wheelhouse.domain.urls import gets_token
from wheelhouse.errors import Refused, Unavailable

TIMEOUT = aiohttp.ClientTimeout(total=10.0)
READ_LIMIT = 64 * 1024
_ANSWERS = frozenset({200, 401, 403, 404})


class PackageIndex:
    """Requests pages of the package index over HTTPS, or of a configured emulator.

    Args:
        session: sends the requests; the caller closes it.
        template: the setting `index_url_template`; its scheme, host and port are allowed as well as `*-python.pkg.dev`.
        observe: called after each request with the method, HTTP status as text, and seconds.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        template: str | None = None,
        observe: Callable[[str, str, float], None] = lambda _method, _code, _seconds: None,
    ) -> None:
        self._session = session
        self._observe = observe
        self._floors = Floors()
        self._template = template

    async def probe(self, page: str, token: Token) -> int:
        """GET a page with the token; read at most 64 KiB of it, and follow no redirect.

        Returns:
            200, 401, 403 or 404.

        Raises:
            Refused: the page is on a host that must not receive a token.
            Unavailable: any other answer, or none within 10 seconds. After a Retry-After, the host gets no request for
                this project until it is over.
        """
        url = self._checked(page)
        place = str(url.origin()), "/".join(url.parts[:-4])  # The path without PROJECT/REPOSITORY/simple/NAME/.
        self._floors.check(*place)
        watch, status = Stopwatch(), 0
        credentials = base64.b64encode(f"{USERNAME}:{token.value}".encode()).decode()
        headers = {"Authorization": f"Basic {credentials}", "Accept": "text/html"}
        try:
            async with self._session.get(url, headers=headers, timeout=TIMEOUT, allow_redirects=False) as response:
                status = response.status
                wait = retry_after(response.headers)
                await response.content.read(READ_LIMIT)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unavailable(f"{url.host}: {type(error).__name__}.") from None
        finally:
            self._observe("Index.Simple", str(status), watch.seconds)
        if status not in _ANSWERS:
            outage = Unavailable(f"{url.host} answered {status}.", wait)
            if status in BUSY:
                self._floors.note(outage, *place)
            raise outage
        return status

    def _checked(self, page: str) -> URL:
        """The URL, if it may receive a token.

        Raises:
            Refused: it may not.
        """
        if not gets_token(page, self._template):
            raise Refused("The repository's index URL is on a host that must not receive a token.", Reason.REFUSED)
        return URL(page)
