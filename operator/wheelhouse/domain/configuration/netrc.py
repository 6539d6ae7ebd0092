"""netrc: the one file that names a host instead of a URL."""

from wheelhouse.domain.configuration.model import ClientConfiguration, RenderError
from wheelhouse.domain.token import USERNAME

FILE = "netrc"


def render(configuration: ClientConfiguration) -> str:
    """The text."""
    return f"machine {configuration.host} login {USERNAME} password {configuration.token.value}\n"


def reads_back(text: str, configuration: ClientConfiguration) -> bool:
    """Whether every reader of netrc finds in the text what the model says.

    Raises:
        RenderError: the text has what makes netrc more than words.
    """
    # The standard library reads netrc from a file only, and a token never goes to disk: so the text may not use
    # what makes netrc more than words (quotes, escapes, comments), and then its words are what every reader sees.
    if any(character in text for character in "\"'\\#"):
        raise RenderError("netrc: the configuration contains a quote, an escape or a comment sign")
    return text.split() == [
        "machine", configuration.host, "login", USERNAME, "password", configuration.token.value
    ]  # fmt: skip
