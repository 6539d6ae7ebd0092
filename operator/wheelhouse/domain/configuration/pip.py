"""pip.conf."""

from wheelhouse.domain.configuration import ini
from wheelhouse.domain.configuration.form import Index
from wheelhouse.domain.configuration.model import ClientConfiguration

FILE = "pip.conf"


def render(configuration: ClientConfiguration) -> str:
    """The text."""
    return f"[global]\n{_key(configuration)} = {configuration.url(configuration.index_url)}\n"


def reads_back(text: str, configuration: ClientConfiguration) -> bool:
    """Whether pip parses the model's values from the text.

    Raises:
        RenderError: the text does not parse.
    """
    return ini.read(text) == {"global": {_key(configuration): configuration.url(configuration.index_url)}}


def _key(configuration: ClientConfiguration) -> str:
    return "extra-index-url" if configuration.form.index is Index.EXTRA else "index-url"
