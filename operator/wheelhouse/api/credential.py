"""Rules for a Secret without a token: fields that have no effect there are rejected, with the remedy."""

from collections.abc import Collection

from wheelhouse.api.meta import Rule, demand, rule
from wheelhouse.domain.configuration.credential import Credential, KeyringProvider
from wheelhouse.domain.configuration.form import WITH_TOKEN, Authentication, Format

_OR_TOKEN = "or set secret.credential to Token"  # noqa: S105 - a text
_PROVIDER = "secret.keyringProvider needs the keyring plugin: remove it, or set secret.credential to Keyring"
_ONLY_PIP = "secret.keyringProvider changes only pip.conf: add pip to secret.formats, or remove secret.keyringProvider"
_AUTHENTICATION = f"a Keyring Secret has no token to put anywhere: remove secret.authentication, {_OR_TOKEN}"
_FORMATS = f"a Keyring Secret has no token: remove netrc and token from secret.formats, {_OR_TOKEN}"
_LIFETIME = f"a Keyring Secret has no token: remove secret.tokenLifetime, {_OR_TOKEN}"
_IDENTITY = f"with a Keyring Secret, each pod authenticates as itself: remove secret.identityFrom, {_OR_TOKEN}"
_DEFAULT = "1h"

CREDENTIAL_RULES: tuple[Rule, ...] = (
    rule("self.credential == 'Keyring' || !has(self.keyringProvider)", _PROVIDER, fieldPath=".keyringProvider"),
    rule(
        "!has(self.keyringProvider) || !has(self.formats) || 'pip' in self.formats",
        _ONLY_PIP,
        fieldPath=".keyringProvider",
    ),
    rule("self.credential != 'Keyring' || !has(self.authentication)", _AUTHENTICATION, fieldPath=".authentication"),
    rule(
        "self.credential != 'Keyring' || !has(self.formats) || !self.formats.exists(f, f in ['netrc', 'token'])",
        _FORMATS,
        fieldPath=".formats",
    ),
    rule(f"self.credential != 'Keyring' || self.tokenLifetime == '{_DEFAULT}'", _LIFETIME, fieldPath=".tokenLifetime"),
    rule(
        "self.credential != 'Keyring' || self.identityFrom == 'TargetNamespace'", _IDENTITY, fieldPath=".identityFrom"
    ),
)
"""The API server stores the defaults of tokenLifetime and identityFrom, so these are accepted."""


def check_credential(
    credential: Credential,
    provider: KeyringProvider | None,
    formats: Collection[Format] | None,
    authentication: Authentication | None,
    *,
    lifetime: str,
    shared: bool,
) -> None:
    """Reject the same combinations as the API server.

    Args:
        credential: where the token of clients comes from.
        provider: how pip calls keyring; None if it is not set.
        formats: what the Secret has; None if it is not set.
        authentication: where the token is; None if it is not set.
        lifetime: how long a token is requested to live.
        shared: whether the Secrets of several namespaces have the token of one ServiceAccount.

    Raises:
        ValueError: a field has no effect with the others.
    """
    demand(credential is Credential.KEYRING or provider is None, _PROVIDER)
    demand(provider is None or formats is None or Format.PIP in formats, _ONLY_PIP)
    if credential is Credential.TOKEN:
        return
    demand(authentication is None, _AUTHENTICATION)
    demand(not WITH_TOKEN.intersection(formats or ()), _FORMATS)
    demand(lifetime == _DEFAULT, _LIFETIME)
    demand(not shared, _IDENTITY)
