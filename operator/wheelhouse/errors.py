"""Errors, named by the reaction that they require.

    WheelhouseError
    ├── Invalid        the user must edit the object: Stalled; checked every ten minutes, and when it changes
    ├── Refused        403 or an organization policy: Reconciling for 15 minutes, then Stalled; checked slowly
    ├── NotReady       a referenced object does not exist yet: retried after a known delay, at once when it appears
    ├── Conflict       etag, 409, 412: observed again at once; never shown to the user
    └── Unavailable    429, 5xx, network, timeout: backoff, never shorter than a Retry-After

Each edge translates errors once: clients create them, and the runtime handles them. A 404 is a value (None), not an
error.
"""

from wheelhouse.domain.reasons import Reason


class WheelhouseError(Exception):
    """The base class: its message is for the user and never contains any part of a credential."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Invalid(WheelhouseError):
    """The user must edit the object.

    Attributes:
        reason: the reason of the condition that reports it.
        details: sentences about single parts of the request, which may belong to different users.
    """

    def __init__(self, message: str, reason: Reason = Reason.INVALID_ARGUMENT, details: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.reason = reason
        self.details = details


class Refused(WheelhouseError):
    """Google or Kubernetes denied it (403): a new permission may still propagate, or a permission is missing."""

    def __init__(self, message: str, reason: Reason = Reason.PERMISSION_DENIED) -> None:
        super().__init__(message)
        self.reason = reason


class NotReady(WheelhouseError):
    """A referenced object does not exist yet: check again after `retry_after` seconds, or when it appears."""

    def __init__(self, message: str, reason: Reason, retry_after: float = 30.0) -> None:
        super().__init__(message)
        self.reason = reason
        self.retry_after = retry_after


class Conflict(WheelhouseError):
    """Another client was faster: observe again at once."""


class AlreadyExists(Conflict):
    """The name of a create is taken: observe again, and the ownership labels decide."""


class Unavailable(WheelhouseError):
    """429, 5xx, network or timeout; `retry_after` is the server's wait in seconds, at most `retry_limit` of them."""

    def __init__(
        self,
        message: str,
        retry_after: float | None = None,
        reason: Reason = Reason.UNAVAILABLE,
        retry_limit: float = 60.0,
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.reason = reason
        self.retry_limit = retry_limit

    @property
    def floor(self) -> float:
        """Seconds during which no request may be sent; 0 if the server named none."""
        return min(max(0.0, self.retry_after or 0.0), self.retry_limit)
