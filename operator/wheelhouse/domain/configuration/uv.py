"""uv.toml."""

import tomllib

from wheelhouse.domain.configuration.model import ClientConfiguration, RenderError

FILE = "uv.toml"


def render(configuration: ClientConfiguration) -> str:
    """The text."""
    lines = [
        "[[index]]",
        f'name = "{configuration.name}"',
        f'url = "{configuration.with_credentials(configuration.index_url)}"',
        "default = true",
    ]
    if configuration.upload_url is not None:
        lines.append(f'publish-url = "{configuration.with_credentials(configuration.upload_url)}"')
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
    index = {
        "name": configuration.name,
        "url": configuration.with_credentials(configuration.index_url),
        "default": True,
    }
    if configuration.upload_url is not None:
        index["publish-url"] = configuration.with_credentials(configuration.upload_url)
    return found == {"index": [index]}
