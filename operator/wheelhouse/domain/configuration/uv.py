"""uv.toml."""

from wheelhouse.domain.configuration import toml
from wheelhouse.domain.configuration.form import Index
from wheelhouse.domain.configuration.model import ClientConfiguration

FILE = "uv.toml"


def render(configuration: ClientConfiguration) -> str:
    """The text.

    With `authenticate`, uv sends no request without credentials, and says so if it has none. The `publish-url` at the
    top is for `uv publish` without `--index`, which otherwise uploads to PyPI. With the `keyring-provider`, uv asks the
    program keyring for the token of the user in the URLs.
    """
    lines = [f'{key} = "{value}"' for key, value in _settings(configuration).items()]
    lines += [""] if lines else []
    for index in _indexes(configuration):
        lines.append("[[index]]")
        lines += (f"{key} = true" if value is True else f'{key} = "{value}"' for key, value in index.items())
        lines.append("")
    return "\n".join(lines[:-1]) + "\n"


def reads_back(text: str, configuration: ClientConfiguration) -> bool:
    """Whether uv parses the model's values from the text.

    Raises:
        RenderError: the text does not parse.
    """
    return toml.read(text, FILE) == {**_settings(configuration), "index": _indexes(configuration)}


def _indexes(configuration: ClientConfiguration) -> list[dict[str, str | bool]]:
    """The indexes: the one to install from, and the one to upload to if it is another.

    `uv publish --index` skips files that the index already has. If the index to install from had the `publish-url`,
    that would include everything that a Virtual repository shows.
    """
    index: dict[str, str | bool] = {"name": configuration.name, "url": configuration.url(configuration.index_url)}
    if configuration.form.index is Index.PRIMARY:
        index["default"] = True
    index["authenticate"] = "always"
    publish, upload = _publish_url(configuration), configuration.upload_index
    if publish is None:
        return [index]
    if upload is None:
        return [{**index, "publish-url": publish}]
    other: dict[str, str | bool] = {"name": configuration.upload_name, "url": configuration.url(upload.index_url)}
    return [index, {**other, "explicit": True, "authenticate": "always", "publish-url": publish}]


def _settings(configuration: ClientConfiguration) -> dict[str, str]:
    """The settings above the indexes."""
    publish = _publish_url(configuration)
    settings = {"keyring-provider": "subprocess"} if configuration.form.keyring is not None else {}
    return settings | ({"publish-url": publish} if publish is not None else {})


def _publish_url(configuration: ClientConfiguration) -> str | None:
    return None if configuration.upload_url is None else configuration.url(configuration.upload_url)
