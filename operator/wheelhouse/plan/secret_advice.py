"""What a user should know about the form of a Secret, although it does not affect Ready."""

from wheelhouse.domain.access import DesiredAccess
from wheelhouse.domain.configuration.form import Authentication
from wheelhouse.domain.findings import DistributionFindings

AUTHENTICATION_NOT_SET = "AuthenticationNotSet"


def secret_advice(access: DesiredAccess | None, found: DistributionFindings) -> tuple[tuple[str, str], ...]:
    """The reasons of Events, each with a sentence that names the remedy.

    Args:
        access: the desired state; None if it cannot be read.
        found: the Secret that exists.
    """
    if access is None or access.secret is None or not found.name:
        return ()
    if access.secret.form.authentication is None and found.authentication is Authentication.URL:
        return ((AUTHENTICATION_NOT_SET, _authentication(found.name)),)
    return ()


def _authentication(name: str) -> str:
    return (
        f"The URLs in Secret {name} have the token, and spec.secret.authentication is not set. To keep them, add the "
        "line `authentication: URL` to spec.secret. To remove the token from the URLs, set the variable NETRC in all "
        "containers that mount the Secret, and then add `authentication: Netrc`."
    )
