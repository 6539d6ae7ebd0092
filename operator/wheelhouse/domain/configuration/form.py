"""The form of a Secret: which files it has, and where they have the token."""

from dataclasses import dataclass, replace
from enum import StrEnum

from wheelhouse.domain.configuration.credential import KeyringProvider


class Authentication(StrEnum):
    """Where pip and uv find the token: in the netrc file, or in the URLs of their own files."""

    NETRC = "Netrc"
    URL = "URL"


class Index(StrEnum):
    """Whether the repository replaces the public index, or is added to it."""

    PRIMARY = "Primary"
    EXTRA = "Extra"


class Format(StrEnum):
    """What a Secret can have besides the URL of the index."""

    PIP = "pip"
    UV = "uv"
    NETRC = "netrc"
    PYPIRC = "pypirc"
    PDM = "pdm"
    TOKEN = "token"  # noqa: S105 - a name, not a credential


ALL_FORMATS = frozenset(Format)
FIRST_FORMATS = frozenset({Format.PIP, Format.UV, Format.NETRC, Format.PYPIRC})
"""The formats of a Secret if status records none: the default of the version that recorded none."""
DEFAULT_FORMATS = FIRST_FORMATS | {Format.PDM}
WITH_TOKEN = frozenset({Format.NETRC, Format.TOKEN})
"""Formats of nothing but a token and its user."""


@dataclass(frozen=True, slots=True)
class Form:
    """The form of a Secret.

    Attributes:
        authentication: where pip and uv find the token; None: as in the Secret that exists, and netrc for a new one.
        index: whether the repository replaces the public index.
        formats: what the Secret has besides the URL of the index; `pypirc` only for users who upload, and no format of
            `WITH_TOKEN` in a Secret without a token.
        keyring: how pip calls the keyring plugin, which gets the token in the pod; None if the Secret has the token.
            With it, there is no authentication.
    """

    authentication: Authentication | None = None
    index: Index = Index.PRIMARY
    formats: frozenset[Format] = DEFAULT_FORMATS
    keyring: KeyringProvider | None = None

    @property
    def in_urls(self) -> bool:
        """Whether the URLs in pip.conf and uv.toml have the token."""
        return self.authentication is Authentication.URL

    def without(self, formats: frozenset[Format]) -> "Form":
        """This form without some formats."""
        return replace(self, formats=self.formats - formats)

    def completed(self, standing: "Form") -> "Form":
        """This form, with the authentication of an existing Secret if it has a token and none of its own."""
        if self.keyring is not None:
            return self
        return replace(self, authentication=self.authentication or standing.authentication)


UNSET = Form()
"""The form if nothing is set."""
