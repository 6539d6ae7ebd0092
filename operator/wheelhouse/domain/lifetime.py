"""How long a token is requested to live."""

import re

SHORTEST_LIFETIME, DEFAULT_LIFETIME, LONGEST_LIFETIME = 600, 3600, 43200
"""Seconds. The API server issues no ServiceAccount token for less than ten minutes (TokenRequest), and Google issues no
access token for more than twelve hours
(https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken)."""

LIFETIME = "[0-9]{1,6}(s|m|h)"
"""The form of a lifetime. CEL's `duration()` would also take `1h1h` and `1.5h`."""

_UNITS = {"s": 1, "m": 60, "h": 3600}


def lifetime_seconds(text: str) -> int | None:
    """A lifetime in seconds; None if it has another form, or is too short or too long."""
    if re.fullmatch(LIFETIME, text) is None:
        return None
    seconds = int(text[:-1]) * _UNITS[text[-1]]
    return seconds if SHORTEST_LIFETIME <= seconds <= LONGEST_LIFETIME else None
