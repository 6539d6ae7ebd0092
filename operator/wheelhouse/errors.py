"""Errors, named by what happens next.

    WheelhouseError
    ├── Invalid        the user must edit the object: Stalled; looked at again every ten minutes, and when it changes
    ├── Refused        403 or an organisation policy: Reconciling for 15 minutes, then Stalled; looked at slowly
    ├── NotReady       something referred to is not there yet: retried after a known delay, at once when it appears
    ├── Conflict       etag, 409, 412: observe again at once; never shown to the user
    └── Unavailable    429, 5xx, network, timeout: backoff; nothing cuts a Retry-After short

Translated once at each edge: clients in, runtime out. A 404 is a value (None), not an error.
"""

from wheelhouse.domain.reasons import Reason


class WheelhouseError(Exception):
    """The root: a message for the user that never holds anything from a credential."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Invalid(WheelhouseError):
    """The user must edit the object; `reason` says which condition reason tells so."""

    def __init__(self, message: str, reason: Reason = Reason.INVALID_ARGUMENT) -> None:
        super().__init__(message)
        self.reason = reason


class Refused(WheelhouseError):
    """Google or Kubernetes forbade it (403); may be propagation, may be a missing right."""

    def __init__(self, message: str, reason: Reason = Reason.PERMISSION_DENIED) -> None:
        super().__init__(message)
        self.reason = reason


class NotReady(WheelhouseError):
    """Something referred to is not there yet; look again after `retry_after` seconds, or when it appears."""

    def __init__(self, message: str, reason: Reason, retry_after: float = 30.0) -> None:
        super().__init__(message)
        self.reason = reason
        self.retry_after = retry_after


class Conflict(WheelhouseError):
    """Another client was faster: observe again at once."""


class AlreadyExists(Conflict):
    """A create found the name taken: observe again, the ownership labels decide."""


class Unavailable(WheelhouseError):
    """429, 5xx, network or timeout; `retry_after` seconds when the server said so, at most `retry_limit` of them."""

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
        """Seconds for which nothing may ask again, 0 when the server named none."""
        return min(max(0.0, self.retry_after or 0.0), self.retry_limit)
