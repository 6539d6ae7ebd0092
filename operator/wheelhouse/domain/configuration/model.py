"""What clients shall use, before it is written in any client's words."""

from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from wheelhouse.domain.configuration.reserved import index_name
from wheelhouse.domain.token import USERNAME, Token


class RenderError(ValueError):
    """A rendered file did not read back as the model; the message names the file, never a value."""


@dataclass(frozen=True, slots=True)
class ClientConfiguration:
    """What clients shall use: a repository's id, its URL (…/simple/), where uploads go (writers), the token."""

    repository_id: str
    index_url: str
    upload_url: str | None
    token: Token

    @property
    def name(self) -> str:
        """What every client calls the repository."""
        return index_name(self.repository_id)

    @property
    def host(self) -> str:
        """The index's host as netrc names it: without the port, as pip, uv and requests look it up."""
        return urlsplit(self.index_url).hostname or ""

    def with_credentials(self, url: str) -> str:
        """The URL with user name and token in it, each quoted as a component."""
        parts = urlsplit(url)
        return parts._replace(netloc=f"{USERNAME}:{quote(self.token.value, safe='')}@{parts.netloc}").geturl()
