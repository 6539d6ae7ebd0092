"""The form of a Secret: which files it has, and where they have the token."""

from dataclasses import dataclass, replace
from enum import StrEnum


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
    TOKEN = "token"  # noqa: S105 - a name, not a credential


DEFAULT_FORMATS = frozenset({Format.PIP, Format.UV, Format.NETRC, Format.PYPIRC})


@dataclass(frozen=True, slots=True)
class Form:
    """The form of a Secret.

    Attributes:
        authentication: where pip and uv find the token; None: as in the Secret that exists, and netrc for a new one.
        index: whether the repository replaces the public index.
        formats: what the Secret has besides the URL of the index; `pypirc` only for users who upload.
    """

    authentication: Authentication | None = None
    index: Index = Index.PRIMARY
    formats: frozenset[Format] = DEFAULT_FORMATS

    @property
    def in_urls(self) -> bool:
        """Whether the URLs in pip.conf and uv.toml have the token."""
        return self.authentication is Authentication.URL

    def without(self, formats: frozenset[Format]) -> "Form":
        """This form without some formats."""
        return replace(self, formats=self.formats - formats)

    def completed(self, standing: "Form") -> "Form":
        """This form, with the authentication of an existing Secret if it has none of its own."""
        return replace(self, authentication=self.authentication or standing.authentication)


UNSET = Form()
"""The form if nothing is set."""
