"""The form of replies of Google's REST APIs: JSON, with the recorded headers of the real services."""

import json
import math
from collections.abc import Awaitable

from aiohttp import web
from multidict import CIMultiDict

from wheelhouse_local.google.transport.calls import LostReplyError
from wheelhouse_local.google.transport.errors import ApiError

_HEADERS = CIMultiDict(
    [
        ("Content-Type", "application/json; charset=UTF-8"),
        ("Server", "ESF"),
        ("Vary", "Origin"),
        ("Vary", "X-Origin"),
        ("Vary", "Referer"),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "SAMEORIGIN"),
        ("X-XSS-Protection", "0"),
    ]
)


async def reply(request: web.Request, answer: Awaitable[str]) -> web.Response:
    """Send JSON, or the error; the connection breaks if a fault requires a lost reply."""
    try:
        return _response(await answer)
    except ApiError as error:
        return refusal(error)
    except LostReplyError:
        break_off(request)
        return web.Response()


def refusal(error: ApiError) -> web.Response:
    """An error response, with Retry-After if the error has one."""
    response = _response(json.dumps(error.document()), error.http)
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(math.ceil(error.retry_after))
    return response


def break_off(request: web.Request) -> None:
    """Break the connection."""
    if request.transport is not None:
        request.transport.abort()


def _response(text: str, status: int = 200) -> web.Response:
    return web.Response(body=text.encode(), status=status, headers=_HEADERS)
