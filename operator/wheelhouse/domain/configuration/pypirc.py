""".pypirc, for users who upload."""

from wheelhouse.domain.configuration import ini
from wheelhouse.domain.configuration.model import ClientConfiguration
from wheelhouse.domain.token import USERNAME

FILE = ".pypirc"


def render(configuration: ClientConfiguration) -> str:
    """The text."""
    return (
        f"[distutils]\nindex-servers =\n    {configuration.upload_name}\n\n"
        f"[{configuration.upload_name}]\nrepository = {configuration.upload_url}\n"
        f"username = {USERNAME}\npassword = {configuration.token.value}\n"
    )


def reads_back(text: str, configuration: ClientConfiguration) -> bool:
    """Whether twine parses the model's values from the text.

    Raises:
        RenderError: the text does not parse.
    """
    section = {"repository": configuration.upload_url, "username": USERNAME, "password": configuration.token.value}
    servers = {"index-servers": f"\n{configuration.upload_name}"}
    return ini.read(text) == {"distutils": servers, configuration.upload_name: section}
