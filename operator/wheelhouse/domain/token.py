"""Access tokens; their text shows nowhere but where it is asked for."""

import re
from dataclasses import dataclass, field
from datetime import datetime

USERNAME = "oauth2accesstoken"
"""The user name that Artifact Registry asks for beside an access token."""

# What a bearer token consists of (RFC 6750, 2.1). Nothing of it is more than text in any client's file.
_ALPHABET = re.compile(r"[A-Za-z0-9._~+/-]+=*")


def is_access_token(text: str) -> bool:
    """Whether this can be sent as a bearer token, and stand in every client's file."""
    return _ALPHABET.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Token:
    """An access token; its text shows in no repr, log or traceback."""

    value: str = field(repr=False)

    def __str__(self) -> str:
        return "***"


@dataclass(frozen=True, slots=True)
class MintedToken:
    """A token with the moments it was issued and expires (UTC)."""

    token: Token
    issued: datetime
    expires: datetime
