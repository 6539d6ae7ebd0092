"""How the plain HTTP services (tokens, metadata, index) apply faults, and write their line in the trace."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from wheelhouse_local.google.transport.calls import Calls
from wheelhouse_local.google.transport.replies import break_off


@dataclass(slots=True)
class Line:
    """What an answer adds to its line in the trace: the caller, as an IAM member, once it is known."""

    caller: str = ""


Answer = Callable[[Line], Awaitable[web.StreamResponse]]


async def observed(
    calls: Calls, request: web.Request, method: str, resource: str, answer: Answer
) -> web.StreamResponse:
    """Answer one request.

    Args:
        calls: the faults to apply and the trace to write.
        request: the request; its connection breaks if a fault requires a lost reply.
        method: Service.Method.
        resource: the resource in the trace.
        answer: returns the response, and names the caller.
    """
    began = time.monotonic()
    line, status = Line(), str(web.HTTPInternalServerError.status_code)
    try:
        fault = await calls.faults.apply(method, resource)
        if fault is not None and fault.status:
            status = str(fault.status)
            return web.json_response({"error": "Injected by the test."}, status=fault.status)
        response = await answer(line)
        status = str(response.status)
        if fault is not None and fault.drop_reply:
            status = "LOST"
            break_off(request)
        return response
    except web.HTTPException as error:
        status = str(error.status)
        raise
    finally:
        calls.trace.record(line.caller, method, resource, status, began)
