"""The caller of a request."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caller:
    """A caller: the identity, every IAM member string that matches it, and when its token expires (Unix seconds)."""

    identity: str
    members: frozenset[str]
    expires: float
