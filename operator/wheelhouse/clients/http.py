"""What every HTTP client here needs: bounded bodies, Retry-After, and text that is safe to show."""

import json
import re
import time
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp

from wheelhouse.errors import Unavailable

MEBIBYTE = 1024 * 1024
TEXT_LIMIT = 400
_TOKEN = re.compile(r"eyJ[\w-]{8,}\.[\w.-]*|ya29\.[\w.-]*|(?i:bearer|basic)\s+[\w.~+/=-]{16,}")
"""The form of tokens: JWTs, Google's access tokens, Authorization headers."""
LONGEST_WAIT = 300.0
"""Maximum seconds of a wait that a server requests; a longer one counts as this."""


class TooLong(Unavailable):
    """The response is longer than its limit: a smaller request may help."""


async def read_bounded(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """The body, if it is at most `limit` bytes long.

    Raises:
        TooLong: it is longer; nothing beyond the limit was read.
    """
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_chunked(64 * 1024):
        size += len(chunk)
        if size > limit:
            raise TooLong(f"The response of {response.url.host} is longer than {limit} bytes.")
        chunks.append(chunk)
    return b"".join(chunks)


async def lines(chunks: AsyncIterable[bytes], limit: int) -> AsyncIterator[bytes]:
    """The lines of a stream without line ends. An unfinished last line was cut off, and is omitted.

    Raises:
        TooLong: a line is longer than `limit` bytes.
    """
    line = bytearray()
    async for chunk in chunks:
        for position, part in enumerate(chunk.split(b"\n")):
            if position:
                yield bytes(line)
                line.clear()
            line += part
            if len(line) > limit:
                raise TooLong(f"A line of the response is longer than {limit} bytes.")


def json_object(body: bytes) -> dict[str, Any]:
    """A JSON object, or an empty one if the body is not one."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds of a Retry-After header, as a number or a date (RFC 9110), at most 300; None without a valid one."""
    text = headers.get("Retry-After", "")
    if text.isascii() and text.isdigit():
        seconds = float(text[:9])
    else:
        try:
            moment = parsedate_to_datetime(text)
        except ValueError:
            return None
        seconds = (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return min(max(0.0, seconds), LONGEST_WAIT)


def reduced(text: object) -> str:
    """A server's text for a condition: one printable line of at most 400 characters, without tokens."""
    line = " ".join("".join(c if c.isprintable() else " " for c in _TOKEN.sub("***", str(text)[:65536])).split())
    return line if len(line) <= TEXT_LIMIT else f"{line[: TEXT_LIMIT - 1]}…"


class Stopwatch:
    """Measures the seconds since it was created."""

    def __init__(self) -> None:
        self._begun = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds since then."""
        return time.monotonic() - self._begun
