"""Calls of Google's gRPC clients: their timeout, their rate, and the meaning of their errors."""

import re
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from itertools import islice
from typing import TypeVar

import grpc
from google.api_core import exceptions
from google.rpc import error_details_pb2

from wheelhouse.clients.floors import Floors
from wheelhouse.clients.google.rate import Rate
from wheelhouse.clients.http import LONGEST_WAIT, MEBIBYTE, Stopwatch, reduced
from wheelhouse.domain.reasons import Reason
from wheelhouse.errors import AlreadyExists, Conflict, Invalid, Refused, Unavailable, WheelhouseError

Answer = TypeVar("Answer")

Observe = Callable[[str, str, float], None]
"""Called after each request with the method (`ArtifactRegistry.GetRepository`), gRPC code name, and seconds."""

TIMEOUT = 20.0
"""Seconds for one call. The generated clients have no timeout, and some of them would retry for a minute."""
REQUESTS_PER_SECOND, BURST = 100.0, 200
"""For one project: a tenth of the 60,000 requests a minute that Google documents for a project and region."""
API = "artifactregistry.googleapis.com"
CREATE = "CreateRepository"
"""Has its own quota, so its refusal applies to no other method (https://cloud.google.com/artifact-registry/quotas)."""
WAIT, CREATE_WAIT = 60.0, 300.0
"""Maximum seconds of a wait that Google requests before another call, and before another create."""
VIOLATIONS_SHOWN = 100
"""Maximum details of an error that are read."""
BUSY = frozenset({grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE})
"""Codes whose RetryInfo applies to the whole project."""

CHANNEL_OPTIONS = [
    ("grpc.max_receive_message_length", 4 * MEBIBYTE),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.max_reconnect_backoff_ms", 10_000),
]
"""Answers are bounded, and a dead connection is detected."""

_PLUGIN_FAILED = re.compile(r"metadata from plugin failed", re.IGNORECASE)


def unobserved(_method: str, _code: str, _seconds: float) -> None:
    """Ignore the request."""


class Caller:
    """Calls the methods of one service.

    Args:
        service: its name, for metrics.
        observe: called after each request.
        timeout: seconds for one call.
    """

    def __init__(self, service: str, observe: Observe = unobserved, timeout: float = TIMEOUT) -> None:
        self._service = service
        self._observe = observe
        self._timeout = timeout
        self._floors = Floors()
        self._rates: defaultdict[str, Rate] = defaultdict(lambda: Rate(REQUESTS_PER_SECOND, BURST))

    async def call(self, method: str, run: Callable[..., Awaitable[Answer]], request: object, project: str) -> Answer:
        """One call with a timeout and without retries, at the project's rate.

        Args:
            method: its name, for metrics and messages.
            run: the client's method.
            request: its request.
            project: the project whose quota and permissions apply.

        Raises:
            NotFound: of google.api_core; the caller turns it into a value.
            WheelhouseError: everything else, translated. After a RetryInfo, the project gets no call until it is over.
                After the RetryInfo of a create, only creates wait.
        """
        self._check(method, project)
        await self._rates[project].turn()
        self._check(method, project)
        watch, code = Stopwatch(), "OK"
        try:
            return await run(request=request, timeout=self._timeout, retry=None)
        except exceptions.NotFound:
            code = "NOT_FOUND"
            raise
        except exceptions.GoogleAPICallError as error:
            code = code_name(error)
            found = translated(method, error, project)
            if isinstance(found, Unavailable) and error.grpc_status_code in BUSY:
                self._floors.note(found, project, *([CREATE] if method == CREATE else []))
            raise found from None
        except (exceptions.GoogleAPIError, grpc.RpcError) as error:
            code = "UNKNOWN"
            raise Unavailable(f"Google did not answer {method}: {type(error).__name__}.") from None
        finally:
            self._observe(f"{self._service}.{method}", code, watch.seconds)

    def _check(self, method: str, project: str) -> None:
        self._floors.check(project)
        self._floors.check(project, method)


def code_name(error: exceptions.GoogleAPICallError) -> str:
    """The gRPC code's name, UNKNOWN when the error has none."""
    code = error.grpc_status_code
    return str(code.name) if code is not None else "UNKNOWN"


def translated(method: str, error: exceptions.GoogleAPICallError, project: str) -> WheelhouseError:
    """Google's error as one of wheelhouse.errors; its text becomes one safe line."""
    words = reduced(error.message)
    message = f"Google answered {method} with {code_name(error)}: {words}"
    match error.grpc_status_code:
        case grpc.StatusCode.ALREADY_EXISTS:
            return AlreadyExists(message)
        case grpc.StatusCode.ABORTED:
            return Conflict(message)
        case grpc.StatusCode.PERMISSION_DENIED:
            return _denied(message, error, project)
        case grpc.StatusCode.INVALID_ARGUMENT | grpc.StatusCode.FAILED_PRECONDITION | grpc.StatusCode.OUT_OF_RANGE:
            return Invalid(message, details=tuple(_violations(error)))
        case grpc.StatusCode.UNAUTHENTICATED:
            # The operator's own credentials: a refresh or their propagation fixes it, but no user can.
            return Unavailable(f"Google did not accept the operator's own credentials: {words}")
    if _PLUGIN_FAILED.search(words):
        return Unavailable("The operator's own Google credentials could not be obtained.")
    exhausted = error.grpc_status_code is grpc.StatusCode.RESOURCE_EXHAUSTED
    reason = Reason.QUOTA_EXCEEDED if exhausted else Reason.UNAVAILABLE
    return Unavailable(message, _retry_delay(error), reason, CREATE_WAIT if method == CREATE else WAIT)


def _denied(message: str, error: exceptions.GoogleAPICallError, project: str) -> WheelhouseError:
    if error.reason == "SERVICE_DISABLED":
        service = (error.metadata or {}).get("service", API)
        message = f"The API {service} is not enabled in project {project}. Run: gcloud services enable {service}"
        if service != API:
            return Refused(f"{message} --project={project}")
        return Invalid(f"{message} --project={project}", Reason.API_DISABLED)
    remedy = (
        f"Ask an administrator of project {project} to grant the operator its custom role (docs/how-to/install.md)."
    )
    return Refused(f"{message} {remedy}")


def _violations(error: exceptions.GoogleAPICallError) -> Iterator[str]:
    """What an organization policy does not permit: for allowed domains, only these details name the members."""
    found = (detail for detail in error.details if isinstance(detail, error_details_pb2.PreconditionFailure))
    violations = (violation for detail in found for violation in detail.violations)
    for violation in islice(violations, VIOLATIONS_SHOWN):
        yield reduced(violation.description)


def _retry_delay(error: exceptions.GoogleAPICallError) -> float | None:
    """Seconds of a google.rpc.RetryInfo detail."""
    for detail in error.details:
        if isinstance(detail, error_details_pb2.RetryInfo):
            seconds = detail.retry_delay.seconds + detail.retry_delay.nanos / 1e9
            return float(min(max(0.0, seconds), LONGEST_WAIT))
    return None
