"""What a user should know about a Secret, although it does not affect Ready."""

from wheelhouse.domain.access import DesiredAccess
from wheelhouse.domain.configuration.form import Authentication, Format, Index
from wheelhouse.domain.findings import Check, DistributionFindings, Truth, failed
from wheelhouse.domain.modes import Mode
from wheelhouse.domain.reasons import Reason
from wheelhouse.plan.consent import RepositoryView, Standing
from wheelhouse.plan.places import Places

AUTHENTICATION_NOT_SET = "AuthenticationNotSet"
PUBLIC_INDEX_HIDDEN = "PublicIndexHidden"
FORMAT_DENIED = "FormatDenied"

_EXTRA = (
    "spec.secret.index is Extra, so pip also asks the public index, and installs the highest version of a name from "
    "either index. Set Primary, and let spec.repositoryRef name a Virtual repository for public packages, or pin all "
    "packages with hashes."
)


def secret_advice(
    access: DesiredAccess | None, found: DistributionFindings, mode: Mode | None, denied: frozenset[Format]
) -> tuple[tuple[str, str], ...]:
    """The reasons of Events, each with sentences that name the remedy.

    Args:
        access: the desired state; None if it cannot be read.
        found: the Secret that exists.
        mode: the mode of the repository; None if it is not known.
        denied: formats that an admission policy denies.
    """
    if access is None or access.secret is None or not found.name:
        return ()
    form, advice = access.secret.form, []
    if form.keyring is None and form.authentication is None and found.form.authentication is Authentication.URL:
        advice.append((AUTHENTICATION_NOT_SET, _authentication(found.name)))
    if access.role.uploads and mode is Mode.STANDARD and form.index is Index.PRIMARY:
        advice.append((PUBLIC_INDEX_HIDDEN, _hidden(found.name)))
    if form.formats & denied:
        advice.append((FORMAT_DENIED, _denied(found.name, form.formats & denied)))
    return tuple(advice)


def sharing_advice(access: DesiredAccess | None, places: Places) -> str:
    """That Secrets of other namespaces have the token of this namespace's ServiceAccount; empty if none has.

    Args:
        access: the desired state; None if it cannot be read.
        places: where its Secrets are.
    """
    if access is None or access.secret is None or not access.secret.shared:
        return ""
    if places.members <= {access.key.namespace}:
        return ""
    return (
        f"Every namespace has a valid token of ServiceAccount {access.secret.identity}. Anyone who can read one of "
        "these Secrets can act as this ServiceAccount, so give it no other permissions."
    )


def index_safety(access: DesiredAccess | None, repository: RepositoryView | None, before: Check | None) -> Check | None:
    """Advice on dependency confusion: whether a public package can replace a private one; None without public packages.

    Args:
        access: the desired state; None if it cannot be read.
        repository: the PythonRepository; None if it does not exist.
        before: the advice in status, for a repository that this process has not checked yet.
    """
    if access is None or access.secret is None:
        return None
    if access.secret.form.index is Index.EXTRA:
        return failed(Reason.DEPENDENCY_CONFUSION, _EXTRA)
    if repository is None or repository.standing is Standing.UNSEEN:
        return before
    if repository.index_safe is None or repository.index_safe.truth is not Truth.FALSE:
        return repository.index_safe
    message = (
        f"A public upstream of PythonRepository {access.repository} ranks at or above a private one. Ask the owner of"
    )
    return failed(Reason.DEPENDENCY_CONFUSION, f"{message} the repository to correct the priorities.")


def _authentication(name: str) -> str:
    return (
        f"The URLs in Secret {name} have the token, and spec.secret.authentication is not set. To keep them, add the "
        "line `authentication: URL` to spec.secret. To remove the token from the URLs, set the variable NETRC in all "
        "containers that mount the Secret, and then add `authentication: Netrc`."
    )


def _hidden(name: str) -> str:
    return (
        f"Secret {name} replaces the public index with a Standard repository, so a build that uses it finds no public "
        "build requirements. To build and upload packages with one Secret, refer to a Virtual repository in "
        "spec.repositoryRef of another access, and to the Standard one in its spec.secret.uploadRepositoryRef."
    )


def _denied(name: str, formats: frozenset[Format]) -> str:
    return (
        f"An admission policy denies the operator to write the formats {', '.join(sorted(formats))}, so Secret {name} "
        "does not have them. Ask the cluster's administrator to apply manifests/base, and to restart the operator."
    )
