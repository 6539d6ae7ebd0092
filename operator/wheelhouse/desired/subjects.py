"""The subjects of an access → the grants that it requests."""

from collections.abc import Callable
from functools import lru_cache

from wheelhouse.domain.access import DesiredAccess, Subject, SubjectKind
from wheelhouse.domain.iam import SUBJECT_LIMIT, Grant, Identity, WorkloadIdentity
from wheelhouse.domain.objects import Selector
from wheelhouse.domain.reasons import Reason
from wheelhouse.errors import Invalid

Selected = Callable[[Selector], tuple[str, ...] | None]
"""The names of the namespaces that a selector matches; None if it matches every namespace of the cluster."""

_OUTSIDE = "can grant a role outside the cluster"
_ELSEWHERE = "can grant a role to ServiceAccounts of other namespaces"


def desired_grants(
    access: DesiredAccess, workload: WorkloadIdentity, selected: Selected, places: tuple[str, ...] = ()
) -> tuple[tuple[Grant, ...], Invalid | None]:
    """The grants that an access requests.

    Args:
        access: the desired state.
        workload: the pool of the cluster's ServiceAccounts.
        selected: evaluates the selectors of subjects.
        places: the namespaces of its Secrets, if it names or selects them.

    Returns:
        The grants, and the error of the first invalid subject: the others are still granted.
    """
    members: dict[str, bool] = {}
    invalid: Invalid | None = None
    for subject in access.subjects:
        try:
            found, error = _members(access, subject, workload, selected)
        except Invalid as refusal:
            invalid = invalid or refusal
            continue
        invalid = invalid or error
        members |= {member: subject.kind is SubjectKind.PRINCIPAL for member in found if member not in members}
    if access.secret is not None and access.secret.identity is not None:
        namespaces = places if access.secret.local_identities else (access.key.namespace,)
        found, error = _accounts(workload, access.secret.identity.service_account, namespaces)
        invalid = invalid or error
        members |= dict.fromkeys(found, False)
    if access.adopts and access.repository.namespace != access.key.namespace:
        invalid = invalid or _foreign_adoption(access)
    role = access.role.iam
    return tuple(Grant(role, member, verbatim) for member, verbatim in members.items()), invalid


def _members(
    access: DesiredAccess, subject: Subject, workload: WorkloadIdentity, selected: Selected
) -> tuple[tuple[str, ...], Invalid | None]:
    """The members that a subject stands for, and why some are missing.

    Raises:
        Invalid: this access may not name the subject.
    """
    own = access.repository.namespace == access.key.namespace
    if subject.kind is not SubjectKind.SERVICE_ACCOUNT:
        if not own:
            raise _not_permitted(access, f"{subject.kind} {subject.name}", _OUTSIDE)
        if subject.kind is SubjectKind.PRINCIPAL:
            return (subject.name,), None
        return (f"{subject.kind.prefix}:{subject.name.lower()}",), None
    if subject.selector is None:
        namespace = subject.namespace or access.key.namespace
        if namespace != access.key.namespace and not own:
            raise _not_permitted(access, f"ServiceAccount {namespace}/{subject.name}", _ELSEWHERE)
        return _accounts(workload, subject.name, (namespace,))
    if not own:
        raise _not_permitted(access, f"ServiceAccount {subject.name} with a namespaceSelector", _ELSEWHERE)
    names = selected(subject.selector)
    if names is None:
        raise _everything(subject, workload)
    return _accounts(workload, subject.name, names)


@lru_cache(maxsize=256)  # A selector may match a thousand namespaces, and each pass asks again.
def _accounts(
    workload: WorkloadIdentity, name: str, namespaces: tuple[str, ...]
) -> tuple[tuple[str, ...], Invalid | None]:
    """The members of the ServiceAccounts of one name, and the error of the first one whose subject is too long."""
    members, invalid = [], None
    for namespace in namespaces:
        identity = Identity(namespace, name)
        if len(workload.subject(identity).encode()) > SUBJECT_LIMIT:
            invalid = invalid or _too_long(identity)
        else:
            members.append(workload.member(identity))
    return tuple(members), invalid


def _too_long(identity: Identity) -> Invalid:
    message = f"ServiceAccount {identity}: its Workload Identity subject is longer than {SUBJECT_LIMIT} bytes"
    return Invalid(
        f"{message}, which is Google's limit. Use a ServiceAccount with a shorter name.", Reason.SUBJECT_TOO_LONG
    )


def _not_permitted(access: DesiredAccess, subject: str, what: str) -> Invalid:
    message = (
        f"{subject}: only an access in the repository's own namespace {what}. Move this RepositoryAccess to namespace "
        f"{access.repository.namespace}, or remove the subject."
    )
    return Invalid(message, Reason.SUBJECT_NOT_PERMITTED)


def _everything(subject: Subject, workload: WorkloadIdentity) -> Invalid:
    message = (
        f"ServiceAccount {subject.name}: its namespaceSelector matches every namespace of the cluster. Select fewer "
        f"namespaces. To grant the role to all ServiceAccounts, use kind Principal with {workload.everyone}."
    )
    return Invalid(message, Reason.SUBJECT_NOT_PERMITTED)


def _foreign_adoption(access: DesiredAccess) -> Invalid:
    message = (
        f"Only an access in the repository's own namespace can take over existing grants. Move this RepositoryAccess "
        f"to namespace {access.repository.namespace}, or set adoptionPolicy to Never."
    )
    return Invalid(message, Reason.SUBJECT_NOT_PERMITTED)
