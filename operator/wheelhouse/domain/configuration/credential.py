"""What clients authenticate with: the token in the Secret, or one that the keyring plugin gets in the pod."""

from enum import StrEnum


class Credential(StrEnum):
    """Where the token of a client comes from: from the Secret, or from the keyring plugin in the image."""

    TOKEN = "Token"  # noqa: S105 - a name, not a credential
    KEYRING = "Keyring"


class KeyringProvider(StrEnum):
    """How pip calls keyring: as it decides itself, as a library beside pip, or as the program on PATH."""

    AUTO = "Auto"
    IMPORT = "Import"
    SUBPROCESS = "Subprocess"

    @property
    def pip_value(self) -> str | None:
        """The value of pip's option `keyring-provider`; None where pip decides."""
        return None if self is KeyringProvider.AUTO else self.value.lower()
