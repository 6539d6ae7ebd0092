"""uv.toml."""

import tomllib
from typing import Any

from wheelhouse.domain.configuration.form import Index
from wheelhouse.domain.configuration.model import ClientConfiguration, RenderError

FILE = "uv.toml"


def render(configuration: ClientConfiguration) -> str:
    """The text.

    With `authenticate`, uv sends no request without credentials, and says so if it has none. The `publish-url` at the
    top is for `uv publish` without `--index`, which otherwise uploads to PyPI. With the `keyring-provider`, uv asks the
    program keyring for the token of the user in the URLs.
    """
    publish = _publish_url(configuration)
    lines = [f'{key} = "{value}"' for key, value in _settings(configuration).items()]
    lines += [""] if lines else []
    lines += [
        "[[index]]",
        f'name = "{configuration.name}"',
        f'url = "{configuration.url(configuration.index_url)}"',
    ]
    lines += ["default = true"] if configuration.form.index is Index.PRIMARY else []
    lines.append('authenticate = "always"')
    if publish is not None:
        lines.append(f'publish-url = "{publish}"')
    return "\n".join(lines) + "\n"


def reads_back(text: str, configuration: ClientConfiguration) -> bool:
    """Whether uv parses the model's values from the text.

    Raises:
        RenderError: the text does not parse.
    """
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise RenderError("uv.toml does not parse") from None
    index: dict[str, Any] = {
        "name": configuration.name,
        "url": configuration.url(configuration.index_url),
        "authenticate": "always",
    }
    if configuration.form.index is Index.PRIMARY:
        index["default"] = True
    publish = _publish_url(configuration)
    uploads = {"publish-url": publish} if publish is not None else {}
    return found == {**_settings(configuration), "index": [index | uploads]}


def _settings(configuration: ClientConfiguration) -> dict[str, str]:
    """The settings above the index."""
    publish = _publish_url(configuration)
    settings = {"keyring-provider": "subprocess"} if configuration.form.keyring is not None else {}
    return settings | ({"publish-url": publish} if publish is not None else {})


def _publish_url(configuration: ClientConfiguration) -> str | None:
    return None if configuration.upload_url is None else configuration.url(configuration.upload_url)
