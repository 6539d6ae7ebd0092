"""Which token is minted first: the order in which requests wait for Google's quota."""

NEW = 300.0
"""Seconds until a token counts as expired that does not exist yet: pods wait for it, but none of them stops working."""
FAILURES = 3
"""Failures in a row after which a request goes behind the others: a single one may be chance."""
LONGEST = 3600.0
"""Seconds that count at most."""


def deadline(now: float, left: float | None) -> float:
    """When a token is needed, in elapsed seconds.

    Args:
        now: the elapsed seconds.
        left: seconds until the token that it replaces expires; None if it replaces none.
    """
    return now + (NEW if left is None else left)


def rank(now: float, needed: float, *, fails: bool) -> float:
    """The rank of a request, in elapsed seconds: the lowest is served first.

    A request with a past deadline has the rank of its time. So one that is repeated never keeps others waiting for
    ever. One that fails again and again goes behind the others: if all fail, their order stays the same.

    Args:
        now: when the token is requested.
        needed: its deadline.
        fails: whether it was refused, or failed several times.
    """
    return min(max(now, needed), now + LONGEST) + (NEW if fails else 0.0)
