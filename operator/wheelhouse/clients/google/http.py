"""Google's JSON APIs that do not justify a whole client library: one bounded request, as the operator."""

import asyncio
from typing import Any

import aiohttp
from google.auth import exceptions
from google.auth.credentials import Credentials
from google.auth.transport.requests import Request

from wheelhouse.clients.floors import BUSY, Floors
from wheelhouse.clients.google.rpc import Observe, unobserved
from wheelhouse.clients.http import MEBIBYTE, Stopwatch, json_object, read_bounded, retry_after
from wheelhouse.errors import Unavailable

TIMEOUT = aiohttp.ClientTimeout(total=10.0)


class GoogleHttp:
    """Sends requests with the operator's own credentials.

    Args:
        session: sends them; the caller closes it.
        credentials: the operator's own; they are refreshed in a thread.
        observe: called after each request with the method, HTTP status as text, and seconds.
    """

    def __init__(self, session: aiohttp.ClientSession, credentials: Credentials, observe: Observe = unobserved) -> None:
        self._session = session
        self._credentials = credentials
        self._observe = observe
        self._floors = Floors()

    async def send(self, label: str, method: str, url: str, project: str) -> tuple[int, dict[str, Any]]:
        """One request without a body; returns the status and the JSON object (empty if the body is not one).

        Args:
            label: Service.Method, for metrics and messages.
            method: the HTTP method.
            url: the URL; its parts match their grammars.
            project: the project whose quota it uses.

        Raises:
            Unavailable: no answer, or 429 or 5xx. After a Retry-After, the host gets no request for this project until
                it is over.
        """
        place = url.partition("/v1/")[0], project
        self._floors.check(*place)
        headers: dict[str, str] = {}
        watch, status = Stopwatch(), 0
        try:
            await asyncio.to_thread(self._credentials.before_request, Request(), method, url, headers)
            async with self._session.request(
                method, url, headers=headers, timeout=TIMEOUT, allow_redirects=False
            ) as response:
                status, wait = response.status, retry_after(response.headers)
                body = json_object(await read_bounded(response, MEBIBYTE))
        except exceptions.GoogleAuthError:
            raise Unavailable("The operator's own Google credentials could not be obtained.") from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unavailable(f"Google did not answer {label}: {type(error).__name__}.") from None
        finally:
            self._observe(label, str(status), watch.seconds)
        if status == 429 or status >= 500:
            outage = Unavailable(f"Google answered {label} with {status}.", wait)
            if status in BUSY:
                self._floors.note(outage, *place)
            raise outage
        return status, body
