"""Access tokens; their text appears only where it is explicitly read."""

import re
from dataclasses import dataclass, field
from datetime import datetime

USERNAME = "oauth2accesstoken"
"""The user name that Artifact Registry requires with an access token."""

# The characters of a bearer token (RFC 6750, 2.1). None of them is special in any client's file.
_ALPHABET = re.compile(r"[A-Za-z0-9._~+/-]+=*")


def is_access_token(text: str) -> bool:
    """Whether this can be sent as a bearer token, and be part of every client's file."""
    return _ALPHABET.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Token:
    """An access token; its text is in no repr, log or traceback."""

    value: str = field(repr=False)

    def __str__(self) -> str:
        return "***"


LONGEST_TOKEN = 16 * 1024
"""Maximum characters of a token: the Security Token Service documents 12,288 bytes."""


def usable_token(text: object) -> Token | None:
    """The token in a reply; None if it cannot be one."""
    usable = isinstance(text, str) and 0 < len(text) <= LONGEST_TOKEN and is_access_token(text)
    return Token(str(text)) if usable else None


@dataclass(frozen=True, slots=True)
class MintedToken:
    """A token with the times when it was issued and expires (UTC)."""

    token: Token
    issued: datetime
    expires: datetime
