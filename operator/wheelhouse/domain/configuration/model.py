"""The values for the clients, independent of any file format."""

from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from wheelhouse.domain.configuration.form import UNSET, Form
from wheelhouse.domain.configuration.reserved import index_name
from wheelhouse.domain.token import USERNAME, Token


class RenderError(ValueError):
    """A rendered file does not parse to the model's values; the message names the file, never a value."""


@dataclass(frozen=True, slots=True)
class ClientConfiguration:
    """The values for the clients: a repository's id, its URL (…/simple/), the upload URL (writers), token and form.

    There is a token unless the clients get one from the keyring plugin.
    """

    repository_id: str
    index_url: str
    upload_url: str | None
    token: Token | None
    form: Form = UNSET

    @property
    def name(self) -> str:
        """The repository's name in every client's file."""
        return index_name(self.repository_id)

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts in netrc, each once: without the port, as pip, uv and requests look them up."""
        urls = (self.index_url, self.upload_url or self.index_url)
        return tuple(dict.fromkeys(urlsplit(url).hostname or "" for url in urls))

    @property
    def password(self) -> str:
        """The text of the token; empty if there is none."""
        return self.token.value if self.token is not None else ""

    def url(self, plain: str) -> str:
        """A URL for pip and uv: in the form `URL` with user name and token, each quoted as a component.

        They ask the keyring plugin only for the token of a user that the URL names.
        """
        if self.form.keyring is not None:
            account = USERNAME
        elif self.form.in_urls:
            account = f"{USERNAME}:{quote(self.password, safe='')}"
        else:
            return plain
        parts = urlsplit(plain)
        return parts._replace(netloc=f"{account}@{parts.netloc}").geturl()
