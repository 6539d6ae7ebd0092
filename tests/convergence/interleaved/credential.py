"""What the content of a Secret with or without a token must be."""

from collections.abc import Iterator

from convergence.interleaved.expectation import Spec
from fakes.stored_secret import StoredSecret

from wheelhouse.domain.secret import AUTHENTICATION_ANNOTATION

KEYRING = "Keyring"


def wants_none(spec: Spec) -> bool:
    """Whether a spec asks for a Secret without a token."""
    return bool((spec.get("secret") or {}).get("credential") == KEYRING)


def has_none(stored: StoredSecret) -> bool:
    """Whether a Secret says that it has no token."""
    return stored.fields.get(f".metadata.annotations.{AUTHENTICATION_ANNOTATION}") == KEYRING


def wrong(stored: StoredSecret, spec: Spec) -> Iterator[str]:
    """What is wrong with a Secret that one healthy access wants."""
    if has_none(stored) is not wants_none(spec):
        yield f"it is {'' if has_none(stored) else 'not '}without a token"
    if has_none(stored) and ("netrc" in stored.data or "oauth2accesstoken:" in "".join(stored.data.values())):
        yield "it has a token beside the keyring files"
