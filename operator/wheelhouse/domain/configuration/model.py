"""The values for the clients, independent of any file format."""

from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from wheelhouse.domain.configuration.reserved import index_name
from wheelhouse.domain.token import USERNAME, Token


class RenderError(ValueError):
    """A rendered file does not parse to the model's values; the message names the file, never a value."""


@dataclass(frozen=True, slots=True)
class ClientConfiguration:
    """The values for the clients: a repository's id, its URL (…/simple/), the upload URL (writers), the token."""

    repository_id: str
    index_url: str
    upload_url: str | None
    token: Token

    @property
    def name(self) -> str:
        """The repository's name in every client's file."""
        return index_name(self.repository_id)

    @property
    def host(self) -> str:
        """The index's host in netrc: without the port, as pip, uv and requests look it up."""
        return urlsplit(self.index_url).hostname or ""

    def with_credentials(self, url: str) -> str:
        """The URL with user name and token, each quoted as a component."""
        parts = urlsplit(url)
        return parts._replace(netloc=f"{USERNAME}:{quote(self.token.value, safe='')}@{parts.netloc}").geturl()
