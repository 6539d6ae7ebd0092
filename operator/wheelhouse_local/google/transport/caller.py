"""Who calls."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: the identity, every IAM member string that means it, and when its token expires (Unix seconds)."""

    identity: str
    members: frozenset[str]
    expires: float
