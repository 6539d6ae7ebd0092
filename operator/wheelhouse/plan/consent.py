"""Who may use a repository: both sides must agree, and absent looks the same as forbidden."""

from dataclasses import dataclass

from wheelhouse.domain.access import DesiredAccess
from wheelhouse.domain.modes import Mode
from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.objects import Namespace
from wheelhouse.domain.outcome import Check, failed, passed
from wheelhouse.domain.reasons import Reason
from wheelhouse.domain.repository import AccessFrom


@dataclass(frozen=True, slots=True)
class RepositoryView:
    """A living PythonRepository as its accesses see it.

    `access_from` is None while the object does not parse, `name`, `mode` and the URLs until it was resolved once.
    """

    key: ObjectKey
    access_from: AccessFrom | None
    ready: bool
    name: RepositoryName | None
    index_url: str | None
    upload_url: str | None
    mode: Mode | None = None


@dataclass(frozen=True, slots=True)
class Consent:
    """What an access may do now: `permitted` keeps what it has, `may_add` allows new grants."""

    check: Check
    permitted: bool
    may_add: bool = False


def consent(
    access: DesiredAccess, namespace: Namespace | None, repository: RepositoryView | None, *, holds: bool
) -> Consent:
    """Judge an access against its repository (None: absent or being deleted).

    A repository that is not Ready, or that does not parse, stops new grants and withdraws none; only lost consent or
    deletion withdraws. So `holds`, whether the access has a grant already, decides where nothing can be read.
    """
    own = access.repository.namespace == access.key.namespace
    if repository is None and own:
        message = (
            f"There is no PythonRepository {access.repository.name} in this namespace: create it, or correct "
            "spec.repositoryRef in a new object."
        )
        return Consent(failed(Reason.REPOSITORY_NOT_FOUND, message), permitted=False)
    if repository is None or not (own or _permits(repository.access_from, access, namespace, holds=holds)):
        # One word and one message for absent, forbidden and role not permitted: a difference would tell.
        message = (
            f"PythonRepository {access.repository} does not exist or does not let this namespace have the role "
            f"{access.role}: its owner can add the namespace, and the role, to spec.accessFrom."
        )
        return Consent(failed(Reason.REF_NOT_PERMITTED, message), permitted=False)
    if not repository.ready or repository.name is None or repository.access_from is None:
        message = f"PythonRepository {access.repository} is not Ready: kubectl describe it to see why."
        return Consent(failed(Reason.REPOSITORY_NOT_READY, message), permitted=True)
    return Consent(passed(Reason.RESOLVED_REFS), permitted=True, may_add=True)


def _permits(
    access_from: AccessFrom | None, access: DesiredAccess, namespace: Namespace | None, *, holds: bool
) -> bool:
    if access_from is None:
        return holds
    return access.role in access_from.roles and namespace is not None and access_from.admits(namespace)
