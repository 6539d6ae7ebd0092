"""The meaning of the index's answers to a tenant's token over time."""

PROPAGATION = 900.0
"""Seconds that a refusal counts as propagation: IAM changes take 2 to 7 minutes and more
(https://cloud.google.com/iam/docs/access-change-propagation)."""


def probe_delay(elapsed: float) -> float:
    """Seconds until the next request after a denial: from 5 to 60, a quarter of the time since the first one."""
    return min(60.0, max(5.0, elapsed / 4))
