"""Every call of the emulated API: its caller, the permission check, the faults, and one line in the trace.

All transports use this module, so that they answer in the same way.
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
"""The caller with this token; None if it is unknown or has expired."""
Admit = Callable[[Caller, str, str, str | None], None]
"""Rejects a caller without the permission for a method on a resource, before the request is parsed."""


class LostReplyError(Exception):
    """The call took effect, but its reply must not arrive."""


@dataclass(frozen=True, slots=True)
class Calls:
    """Answers calls of any service."""

    authenticate: Authenticate
    admit: Admit
    faults: Faults
    trace: Trace

    def caller(self, authorization: str) -> Caller | None:
        """The caller with the token of a header `Bearer …`."""
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
            resource: the resource of the call and of its permission.
            permission: the permission that the caller needs; None if any token is sufficient.
            run: performs the call, given the caller; it may be asynchronous.

        Raises:
            ApiError: the error, which the transport puts into its own form.
            LostReplyError: a fault requires that the reply is lost.
        """
        began = time.monotonic()
        caller = self.caller(authorization)
        status = "INTERNAL"  # Until it is answered: any unexpected exception is our failure.
        try:
            fault = await self.faults.apply(method, resource)
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
        """Return the error for a call that is not emulated, for every caller, and record it in the trace."""
        caller, error = self.caller(authorization), unimplemented(what)
        self.trace.record(caller.identity if caller else "", method, resource, error.status, time.monotonic())
        return error


def _injected(method: str, rule: Rule) -> ApiError:
    """A fault's HTTP number as a status: 409 is a conflict, except for a create."""
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
