"""Client configuration files: rendered from a model, and parsed again before they are used.

pip.conf, uv.toml, netrc and .pypirc contain tokens. Each rendered file is parsed the way its client parses it and must
equal the model, so that no value can inject a line, a section or another host.
"""

from typing import Protocol

from wheelhouse.domain.configuration import netrc, pip, pypirc, uv
from wheelhouse.domain.configuration.model import ClientConfiguration, RenderError
from wheelhouse.domain.names import is_repository_id
from wheelhouse.domain.token import is_access_token
from wheelhouse.domain.urls import gets_token

INDEX_URL = "index-url"
"""The key with only the index's URL, without credentials."""


class _Client(Protocol):
    """One client's module."""

    FILE: str

    def render(self, configuration: ClientConfiguration) -> str:
        """The text."""

    def reads_back(self, text: str, configuration: ClientConfiguration) -> bool:
        """Whether the client parses the model's values from the text."""


_READERS: tuple[_Client, ...] = (pip, uv, netrc)
_WRITERS: tuple[_Client, ...] = (*_READERS, pypirc)


def keys(*, uploads: bool) -> frozenset[str]:
    """The keys of a Secret, for users who upload or who only install."""
    return frozenset({INDEX_URL, *(client.FILE for client in (_WRITERS if uploads else _READERS))})


def render(configuration: ClientConfiguration, template: str | None) -> dict[str, str]:
    """The Secret's keys and texts.

    Args:
        configuration: the values for the clients.
        template: the setting `index_url_template`, whose server may receive tokens besides Artifact Registry's.

    Raises:
        RenderError: a URL must not receive a token, or a text does not parse to the model's values.
    """
    _check(configuration, template)
    texts = {INDEX_URL: configuration.index_url}
    for client in _READERS if configuration.upload_url is None else _WRITERS:
        text = client.render(configuration)
        # A bare CR starts a new line for pip but not for configparser.read_string, so no control character is allowed.
        if any((ord(character) < 0x20 and character != "\n") or ord(character) == 0x7F for character in text):
            raise RenderError(f"{client.FILE}: the configuration contains a control character")
        if not client.reads_back(text, configuration):
            raise RenderError(f"{client.FILE} does not parse to the intended values")
        texts[client.FILE] = text
    return texts


def _check(configuration: ClientConfiguration, template: str | None) -> None:
    """Allow only safe characters in each value, so that every format reads it as plain text."""
    if not is_repository_id(configuration.repository_id):
        raise RenderError("repository_id: not a valid repository id")
    if not gets_token(configuration.index_url, template):
        raise RenderError("index_url: a URL that must not receive a token")
    if configuration.upload_url is not None and not gets_token(configuration.upload_url, template):
        raise RenderError("upload_url: a URL that must not receive a token")
    if not is_access_token(configuration.token.value):
        raise RenderError("token: a character that is not valid in an access token")
