"""pip.conf."""

from wheelhouse.domain.configuration import ini
from wheelhouse.domain.configuration.form import Index
from wheelhouse.domain.configuration.model import ClientConfiguration

FILE = "pip.conf"


def render(configuration: ClientConfiguration) -> str:
    """The text."""
    return "[global]\n" + "".join(f"{key} = {value}\n" for key, value in _values(configuration).items())


def reads_back(text: str, configuration: ClientConfiguration) -> bool:
    """Whether pip parses the model's values from the text.

    Raises:
        RenderError: the text does not parse.
    """
    return ini.read(text, FILE) == {"global": _values(configuration)}


def _values(configuration: ClientConfiguration) -> dict[str, str]:
    key = "extra-index-url" if configuration.form.index is Index.EXTRA else "index-url"
    provider = configuration.form.keyring.pip_value if configuration.form.keyring is not None else None
    values = {key: configuration.url(configuration.index_url)}
    return values | ({"keyring-provider": provider} if provider is not None else {})
