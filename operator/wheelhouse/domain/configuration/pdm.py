"""pdm.toml: pdm's configuration of the system."""

from wheelhouse.domain.configuration import toml
from wheelhouse.domain.configuration.form import Index
from wheelhouse.domain.configuration.model import ClientConfiguration

FILE = "pdm.toml"


def render(configuration: ClientConfiguration) -> str:
    """The text.

    It has no token and no user in any form of a Secret: pdm keeps those of a source whose URL a project replaces, and
    sends them to that URL (RepositoryConfig.passive_update in pdm/_types.py of pdm 2.29). pdm reads netrc instead.
    """
    tables = (f'[{table}]\nurl = "{url}"\n' for table, url in _urls(configuration).items())
    return "\n".join(tables)


def reads_back(text: str, configuration: ClientConfiguration) -> bool:
    """Whether pdm parses the model's values from the text.

    Raises:
        RenderError: the text does not parse.
    """
    return toml.read(text, FILE) == _nested(_urls(configuration))


def _urls(configuration: ClientConfiguration) -> dict[str, str]:
    """The URLs by table: to install from, and for writers to upload to.

    `pypi` is pdm's default index, and `pypi.NAME` is one more.
    """
    primary = configuration.form.index is Index.PRIMARY
    urls = {"pypi" if primary else f"pypi.{configuration.name}": configuration.index_url}
    if configuration.upload_url is not None:
        urls[f"repository.{configuration.upload_name}"] = configuration.upload_url
    return urls


def _nested(urls: dict[str, str]) -> dict[str, object]:
    """What a TOML reader makes of the tables."""
    found: dict[str, object] = {}
    for table, url in urls.items():
        outer, _, inner = table.partition(".")
        found[outer] = {inner: {"url": url}} if inner else {"url": url}
    return found
