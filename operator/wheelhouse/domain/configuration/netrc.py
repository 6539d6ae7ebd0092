"""netrc: the one file that names a host instead of a URL."""

from wheelhouse.domain.configuration.model import ClientConfiguration, RenderError
from wheelhouse.domain.token import USERNAME

FILE = "netrc"


def render(configuration: ClientConfiguration) -> str:
    """The text."""
    account = f"login {USERNAME} password {configuration.password}"
    return "".join(f"machine {host} {account}\n" for host in configuration.hosts)


def reads_back(text: str, configuration: ClientConfiguration) -> bool:
    """Whether every reader of netrc finds the model's values in the text.

    Raises:
        RenderError: the text has a quote, an escape or a comment sign.
    """
    # The standard library reads netrc only from a file, and a token is never written to disk. So the text is not
    # parsed here. It has only plain words, without quotes, escapes and comments: all readers split it alike.
    if any(character in text for character in "\"'\\#"):
        raise RenderError("netrc: the configuration contains a quote, an escape or a comment sign")
    account = ["login", USERNAME, "password", configuration.password]
    return [line.split() for line in text.splitlines()] == [["machine", host, *account] for host in configuration.hosts]
