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
        + "".join(f"{key} = {value}\n" for key, value in _account(configuration).items())
    )


def reads_back(text: str, configuration: ClientConfiguration) -> bool:
    """Whether twine parses the model's values from the text.

    Raises:
        RenderError: the text does not parse.
    """
    section = {"repository": configuration.upload_url, **_account(configuration)}
    servers = {"index-servers": f"\n{configuration.upload_name}"}
    return ini.read(text, FILE) == {"distutils": servers, configuration.upload_name: section}


def _account(configuration: ClientConfiguration) -> dict[str, str]:
    """The user, and the token unless twine asks the keyring plugin for it."""
    account = {"username": USERNAME}
    return account if configuration.form.keyring is not None else account | {"password": configuration.password}
