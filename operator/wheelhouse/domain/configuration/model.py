"""The values for the clients, independent of any file format."""

from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from wheelhouse.domain.configuration.form import UNSET, Form
from wheelhouse.domain.configuration.reserved import index_name
from wheelhouse.domain.token import USERNAME, Token


class RenderError(ValueError):
    """A rendered file does not parse to the model's values; the message names the file, never a value."""


@dataclass(frozen=True, slots=True)
class UploadIndex:
    """The repository that uploads go to, if it is another one: its id, and its URL (…/simple/)."""

    repository_id: str
    index_url: str


@dataclass(frozen=True, slots=True)
class ClientConfiguration:
    """The values for the clients: a repository's id, its URL (…/simple/), the upload URL (writers), token and form.

    There is a token unless the clients get one from the keyring plugin. `upload_index` is the repository of the upload
    URL; None if it is the one that clients install from.
    """

    repository_id: str
    index_url: str
    upload_url: str | None
    token: Token | None
    form: Form = UNSET
    upload_index: UploadIndex | None = None

    @property
    def name(self) -> str:
        """The repository's name in every client's file."""
        return index_name(self.repository_id)

    @property
    def upload_name(self) -> str:
        """The name of the repository that uploads go to: two repositories of one file never have the same name."""
        if self.upload_index is None:
            return self.name
        name = index_name(self.upload_index.repository_id)
        return f"{name}-upload" if name == self.name else name

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
