"""Client configuration files: rendered from a model, and parsed again before they are used.

pip.conf, uv.toml, pdm.toml, netrc and .pypirc contain tokens, or name the servers that clients send tokens to. Each
rendered file is parsed the way its client parses it and must equal the model, so that no value can inject a line, a
section or another host.
"""

import re
from collections.abc import Collection, Mapping
from typing import Protocol

from wheelhouse.domain.configuration import netrc, pdm, pip, pypirc, uv
from wheelhouse.domain.configuration.form import WITH_TOKEN, Form, Format
from wheelhouse.domain.configuration.model import ClientConfiguration, RenderError
from wheelhouse.domain.names import is_repository_id
from wheelhouse.domain.token import USERNAME, is_access_token
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


_CLIENTS: Mapping[Format, _Client] = {
    Format.PIP: pip,
    Format.UV: uv,
    Format.PDM: pdm,
    Format.NETRC: netrc,
    Format.PYPIRC: pypirc,
}
KEYS: Mapping[Format, tuple[str, ...]] = {
    **{format_: (client.FILE,) for format_, client in _CLIENTS.items()},
    Format.TOKEN: ("username", "token"),
}
"""The keys of each format."""
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")
"""Control characters except the newline."""


def keys(form: Form, *, uploads: bool) -> frozenset[str]:
    """The keys of a Secret of this form, for users who upload or who only install."""
    formats = form.formats if form.keyring is None else form.formats - WITH_TOKEN
    wanted = (format_ for format_ in formats if uploads or format_ is not Format.PYPIRC)
    return frozenset({INDEX_URL, *(key for format_ in wanted for key in KEYS[format_])})


def denied_formats(denied: Collection[str]) -> frozenset[Format]:
    """The formats that have one of these keys."""
    return frozenset(format_ for format_, names in KEYS.items() if set(names) & set(denied))


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
    wanted = keys(configuration.form, uploads=configuration.upload_url is not None)
    if wanted.issuperset(KEYS[Format.TOKEN]):
        texts |= {"username": USERNAME, "token": configuration.password}
    for client in (client for client in _CLIENTS.values() if client.FILE in wanted):
        text = client.render(configuration)
        # A bare CR starts a new line for pip but not for configparser.read_string, so no control character is allowed.
        if _CONTROL.search(text):
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
    upload = configuration.upload_index
    if upload is not None and not is_repository_id(upload.repository_id):
        raise RenderError("upload_index: not a valid repository id")
    if upload is not None and not gets_token(upload.index_url, template):
        raise RenderError("upload_index: a URL that must not receive a token")
    if (configuration.token is None) != (configuration.form.keyring is not None):
        raise RenderError("token: a Secret has one unless its form says that the keyring plugin gets it")
    if configuration.token is not None and not is_access_token(configuration.token.value):
        raise RenderError("token: a character that is not valid in an access token")
