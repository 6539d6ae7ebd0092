"""The API server's own keys, which sign ServiceAccounts' tokens."""

import asyncio
import ssl
import time
from pathlib import Path

import aiohttp
import jwt

FETCH_PAUSE = 2.0
"""Seconds after the keys were read in which an unknown key id does not cause another read."""


class UnreadableError(Exception):
    """The API server did not return its keys; the text describes the error."""


class KeySet:
    """The keys, read again when a token names an unknown one."""

    def __init__(self, server: str, ca: Path, token_file: Path) -> None:
        self._url = f"{server.rstrip('/')}/openid/v1/jwks"
        self._ca = ca
        self._token_file = token_file
        self._keys: dict[str, jwt.PyJWK] = {}
        self._rest_until = 0.0
        self._lock = asyncio.Lock()

    async def key(self, key_id: str) -> jwt.PyJWK | None:
        """The key with this id; None if the API server does not know it either.

        Raises:
            UnreadableError: the API server did not answer.
        """
        async with self._lock:
            if key_id not in self._keys and time.monotonic() >= self._rest_until:
                try:
                    self._keys = await self._fetch()
                except (aiohttp.ClientError, TimeoutError, OSError, ValueError, KeyError, TypeError) as error:
                    raise UnreadableError(type(error).__name__) from error
                self._rest_until = time.monotonic() + FETCH_PAUSE
        return self._keys.get(key_id)

    async def _fetch(self) -> dict[str, jwt.PyJWK]:
        context = ssl.create_default_context(cafile=str(self._ca))
        token = await asyncio.to_thread(self._token_file.read_text)
        headers = {"Authorization": f"Bearer {token.strip()}"}
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session,
            session.get(self._url, headers=headers, ssl=context) as reply,
        ):
            reply.raise_for_status()
            body = await reply.json(content_type=None)
        return {str(raw["kid"]): jwt.PyJWK(raw) for raw in body["keys"]}
