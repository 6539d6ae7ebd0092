"""The form of a Secret: which files it has, and where they have the token."""

from dataclasses import dataclass
from enum import StrEnum


class Authentication(StrEnum):
    """Where pip and uv find the token: in the netrc file, or in the URLs of their own files."""

    NETRC = "Netrc"
    URL = "URL"


@dataclass(frozen=True, slots=True)
class Form:
    """The form of a Secret.

    Attributes:
        authentication: where pip and uv find the token; None: as in the Secret that exists, and netrc for a new one.
    """

    authentication: Authentication | None = None

    @property
    def in_urls(self) -> bool:
        """Whether the URLs in pip.conf and uv.toml have the token."""
        return self.authentication is Authentication.URL


UNSET = Form()
"""The form if nothing is set."""
