"""Every call of the emulated API: who calls, may they, what faults are asked for, and one line in the trace.

All edges come through here, so that they answer alike.
"""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from inspect import isawaitable
from typing import TypeVar

from google.rpc import error_details_pb2

from wheelhouse_local.google.transport.caller import Caller
from wheelhouse_local.google.transport.errors import HTTP_STATUS, ApiError, unimplemented
from wheelhouse_local.google.transport.faults import CURRENT, Faults, Rule
from wheelhouse_local.google.transport.trace import Trace

T = TypeVar("T")

_BY_NUMBER = {number: name for name, number in reversed(HTTP_STATUS.items())}


Authenticate = Callable[[str], Caller | None]
"""Whose token this is; None when it is unknown or has expired."""
Admit = Callable[[Caller, str, str, str | None], None]
"""Refuses, before the request is read, a caller who may not call a method on a resource for want of a permission."""


class LostReplyError(Exception):
    """The effect stands, and the reply shall not arrive."""


@dataclass(frozen=True, slots=True)
class Calls:
    """Answers calls, of whatever service."""

    authenticate: Authenticate
    admit: Admit
    faults: Faults
    trace: Trace

    def caller(self, authorization: str) -> Caller | None:
        """Whose token a header `Bearer …` holds."""
        kind, _, token = authorization.partition(" ")
        return self.authenticate(token) if kind.lower() == "bearer" else None

    async def call(
        self,
        method: str,
        authorization: str,
        resource: str,
        permission: str | None,
        run: Callable[[Caller], T | Awaitable[T]],
    ) -> T:
        """Answer one call.

        Args:
            method: Service.Method, for faults and the trace.
            authorization: the header, `Bearer TOKEN`.
            resource: what is called, and what the permission is asked on.
            permission: what the caller needs there; None where everybody with a token may.
            run: the effect, told who calls; it may have to ask others and be awaited.

        Raises:
            ApiError: the refusal, for the edge to put into its own form.
            LostReplyError: a fault asked for a reply that does not arrive.
        """
        began = time.monotonic()
        caller = self.caller(authorization)
        status = "INTERNAL"  # Until it is answered: whatever is raised unforeseen is our failure.
        try:
            fault = await self.faults.apply(method)
            if fault is not None and fault.status:
                raise _injected(method, fault)
            CURRENT.set(fault)
            if caller is None:
                raise _unauthenticated()
            self.admit(caller, method, resource, permission)
            result = run(caller)
            if isawaitable(result):
                result = await result
            status = "OK"
            if fault is not None and fault.drop_reply:
                raise LostReplyError
            return result
        except ApiError as error:
            status = error.status
            raise
        except LostReplyError:
            status = "LOST"
            raise
        finally:
            self.trace.record(caller.identity if caller else "", method, resource, status, began)

    def missing(self, method: str, authorization: str, resource: str, what: str) -> ApiError:
        """The refusal of what is not emulated, whoever asks; it is in the trace."""
        caller, error = self.caller(authorization), unimplemented(what)
        self.trace.record(caller.identity if caller else "", method, resource, error.status, time.monotonic())
        return error


def _injected(method: str, rule: Rule) -> ApiError:
    """A fault's HTTP number as a status: 409 is a lost race, except where something is created."""
    number = rule.status
    name = _BY_NUMBER.get(number, "UNAVAILABLE")
    if number == HTTP_STATUS["ABORTED"] and not method.partition(".")[2].startswith("Create"):
        name = "ABORTED"
    if not rule.retry_after:
        return ApiError(name, "Injected by the test.")
    retry = error_details_pb2.RetryInfo()
    retry.retry_delay.FromTimedelta(timedelta(seconds=rule.retry_after))
    return ApiError(name, "Injected by the test.", (retry,))


def _unauthenticated() -> ApiError:
    return ApiError(
        "UNAUTHENTICATED",
        "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid "
        "authentication credential.",
    )
