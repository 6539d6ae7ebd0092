"""Client configuration files: rendered from a model, and read back before they are used.

Tokens end up in pip.conf, uv.toml, netrc and .pypirc. A rendered file is read back the way its client reads it and
must equal the model, so that no value can smuggle in a line, a section or another host.
"""

import configparser
import re
import tomllib
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote, urlsplit

from wheelhouse.domain.endpoints import expanded

USERNAME = "oauth2accesstoken"
"""The user name that Artifact Registry asks for beside an access token."""


class RenderError(ValueError):
    """A rendered file did not read back as the model; the message names the file, never a value."""


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


@dataclass(frozen=True, slots=True)
class ClientConfiguration:
    """What clients shall use: a name for the index, its URL (…/simple/), where uploads go (writers), the token."""

    name: str
    index_url: str
    upload_url: str | None
    token: Token

    @property
    def host(self) -> str:
        """The index's host as netrc names it: without the port, as pip, uv and requests look it up."""
        return urlsplit(self.index_url).hostname or ""

    def with_credentials(self, url: str) -> str:
        """The URL with user name and token in it, each quoted as a component."""
        parts = urlsplit(url)
        return parts._replace(netloc=f"{USERNAME}:{quote(self.token.value, safe='')}@{parts.netloc}").geturl()


def index_base(template: str | None, registry_uri: str, location: str, project: str, repository: str) -> str:
    """The repository's base URL with a trailing slash: by the template if set, else the server's URI, else built."""
    if template:
        return expanded(template, location, project, repository)
    host_and_path = registry_uri or f"{location}-python.pkg.dev/{project}/{repository}"
    return f"https://{host_and_path.rstrip('/')}/"


def render(configuration: ClientConfiguration) -> dict[str, str]:
    """The Secret's keys and texts.

    Raises:
        RenderError: a text does not read back as the model.
    """
    _check(configuration)
    texts = {
        "pip.conf": _pip_conf(configuration),
        "uv.toml": _uv_toml(configuration),
        "netrc": f"machine {configuration.host} login {USERNAME} password {configuration.token.value}\n",
        "index-url": configuration.index_url,
    }
    if configuration.upload_url is not None:
        texts[".pypirc"] = _pypirc(configuration, configuration.upload_url)
    _read_back(configuration, texts)
    return texts


def _check(configuration: ClientConfiguration) -> None:
    """No value may hold what a format reads as more than text: white space, quotes, escapes, anything not ASCII."""
    values = {
        "name": configuration.name,
        "index_url": configuration.index_url,
        "upload_url": configuration.upload_url or configuration.index_url,
        "token": configuration.token.value,
    }
    for name, value in values.items():
        if not re.fullmatch(r"[!-~]+", value) or re.search(r"[\"'\\#]", value):
            raise RenderError(f"{name}: a character that has no place in a client's configuration")


def _pip_conf(configuration: ClientConfiguration) -> str:
    return f"[global]\nindex-url = {configuration.with_credentials(configuration.index_url)}\n"


def _uv_toml(configuration: ClientConfiguration) -> str:
    lines = [
        "[[index]]",
        f'name = "{configuration.name}"',
        f'url = "{configuration.with_credentials(configuration.index_url)}"',
        "default = true",
    ]
    if configuration.upload_url is not None:
        lines.append(f'publish-url = "{configuration.with_credentials(configuration.upload_url)}"')
    return "\n".join(lines) + "\n"


def _pypirc(configuration: ClientConfiguration, upload_url: str) -> str:
    server = _server(configuration)
    return (
        f"[distutils]\nindex-servers =\n    {server}\n\n"
        f"[{server}]\nrepository = {upload_url}\n"
        f"username = {USERNAME}\npassword = {configuration.token.value}\n"
    )


def _read_back(configuration: ClientConfiguration, texts: dict[str, str]) -> None:
    for name, text in texts.items():
        # A bare CR starts a new line for pip but not for configparser.read_string, so no control character may stand.
        if any((ord(character) < 0x20 and character != "\n") or ord(character) == 0x7F for character in text):
            raise RenderError(f"{name}: a control character in the configuration")
    expected_url = configuration.with_credentials(configuration.index_url)
    if _ini(texts["pip.conf"]) != {"global": {"index-url": expected_url}}:
        raise RenderError("pip.conf does not read back as it was meant")
    index = {"name": configuration.name, "url": expected_url, "default": True}
    if configuration.upload_url is not None:
        index["publish-url"] = configuration.with_credentials(configuration.upload_url)
        servers = {"index-servers": f"\n{_server(configuration)}"}
        section = {
            "repository": configuration.upload_url,
            "username": USERNAME,
            "password": configuration.token.value,
        }
        if _ini(texts[".pypirc"]) != {"distutils": servers, _server(configuration): section}:
            raise RenderError(".pypirc does not read back as it was meant")
    if _toml(texts["uv.toml"]) != {"index": [index]}:
        raise RenderError("uv.toml does not read back as it was meant")
    words = ["machine", configuration.host, "login", USERNAME, "password", configuration.token.value]
    if _netrc_words(texts["netrc"]) != words:
        raise RenderError("netrc does not read back as it was meant")


def _server(configuration: ClientConfiguration) -> str:
    """The section of .pypirc; `distutils` is the one that lists the servers."""
    return f"{configuration.name}-repository" if configuration.name == "distutils" else configuration.name


def _toml(text: str) -> dict[str, object]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise RenderError("uv.toml does not parse") from None


def _ini(text: str) -> dict[str, dict[str, str]]:
    # pip's own delimiters and interpolation (pip/_internal/configuration.py reads with RawConfigParser).
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(text)
    except configparser.Error:
        raise RenderError("an INI file does not parse") from None
    return {section: dict(parser.items(section)) for section in parser.sections()}


def _netrc_words(text: str) -> list[str]:
    # The standard library reads netrc from a file only, and a token never goes to disk: so the text may not use
    # what makes netrc more than words (quotes, escapes, comments), and then its words are what every reader sees.
    if any(character in text for character in "\"'\\#"):
        raise RenderError("netrc: a quote, an escape or a comment sign in the configuration")
    return text.split()
