"""Who may use a repository: both sides must agree, and a missing repository looks the same as a forbidden one."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import Enum, auto

from wheelhouse.domain.access import DesiredAccess
from wheelhouse.domain.findings import Check, failed, passed
from wheelhouse.domain.iam import Role
from wheelhouse.domain.modes import Mode
from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.objects import Namespace
from wheelhouse.domain.reasons import Reason
from wheelhouse.domain.repository import AccessFrom

ABSENCE = 30.0
"""Seconds that a repository's object may be missing before its accesses lose what they have: a replacement is
quicker."""


class Standing(Enum):
    """The state of a PythonRepository.

    Not checked by this process yet, usable, suspended (existing grants stay, and none are added), not usable, or being
    released.
    """

    UNSEEN = auto()
    USABLE = auto()
    SUSPENDED = auto()
    UNUSABLE = auto()
    RELEASING = auto()


@dataclass(frozen=True, slots=True)
class RepositoryView:
    """A PythonRepository from the point of view of its accesses and its readers.

    Attributes:
        access_from: whom it allows; None while that cannot be read.
        name: the repository that it manages; None while that is not known.
        held_up: why its release cannot continue; empty while it can.
        index_safe: its advice about public indexes; None if there is none.
        trouble: the reason why it is not usable; None if it is usable, or if only time is needed.
    """

    key: ObjectKey
    access_from: AccessFrom | None
    standing: Standing
    name: RepositoryName | None
    mode: Mode | None = None
    held_up: str = ""
    trouble: Reason | None = None
    index_safe: Check | None = None

    @property
    def usable(self) -> bool:
        """Whether it may get new grants."""
        return self.standing is Standing.USABLE and self.name is not None


class Permission(Enum):
    """What an access may do: gain and keep grants, only keep them, or lose them."""

    GIVE = auto()
    KEEP = auto()
    WITHDRAW = auto()


@dataclass(frozen=True, slots=True)
class Consent:
    """What an access may do now; without a check the previous finding stays."""

    permission: Permission
    check: Check | None = None


@dataclass(frozen=True, slots=True)
class Requester:
    """The requester: the access, its Namespace, the roles that it wants or has, and whether it has anything yet."""

    access: DesiredAccess
    namespace: Namespace | None
    roles: AbstractSet[Role]
    holds: bool

    @property
    def own(self) -> bool:
        """Whether the repository is in the access's own namespace."""
        return self.access.repository.namespace == self.access.key.namespace


def consent(requester: Requester, repository: RepositoryView | None, gone: float) -> Consent:
    """Check an access against its repository.

    Only lost consent or a missing object revokes grants. A repository that is not usable, that is being released, or
    that this process has not checked yet prevents new grants and revokes none.

    Args:
        requester: the access.
        repository: the PythonRepository, or None if it does not exist.
        gone: for how many seconds it has been missing.
    """
    if repository is None:
        if requester.holds and gone < ABSENCE:
            return Consent(Permission.KEEP)
        return Consent(
            Permission.WITHDRAW, _absent(requester.access) if requester.own else _not_permitted(requester.access)
        )
    if not requester.own and not _permits(repository.access_from, requester):
        return Consent(Permission.WITHDRAW, _not_permitted(requester.access))
    silent = requester.holds and not repository.held_up
    match repository.standing:
        case Standing.UNSEEN:
            return Consent(Permission.KEEP)
        case Standing.RELEASING if silent:
            return Consent(Permission.KEEP)
        case Standing.RELEASING:
            return Consent(Permission.KEEP, _releasing(requester.access, repository.held_up))
        case Standing.SUSPENDED if requester.holds:
            return Consent(Permission.KEEP, passed(Reason.RESOLVED_REFS))
        case Standing.SUSPENDED:
            message = f"PythonRepository {requester.access.repository} is suspended. The operator grants nothing new"
            message = f"{message} until its spec.suspend is removed."
            return Consent(Permission.KEEP, failed(Reason.REPOSITORY_NOT_READY, message))
        case Standing.USABLE if repository.name is not None and repository.access_from is not None:
            return Consent(Permission.GIVE, passed(Reason.RESOLVED_REFS))
    return Consent(Permission.KEEP, failed(Reason.REPOSITORY_NOT_READY, _unusable(requester, repository.trouble)))


def _permits(access_from: AccessFrom | None, requester: Requester) -> bool:
    if access_from is None:  # The owner's intent is unreadable: existing grants stay, and none are added.
        return requester.holds
    namespace = requester.namespace
    return requester.roles <= access_from.roles and namespace is not None and access_from.admits(namespace)


def _absent(access: DesiredAccess) -> Check:
    message = (
        f"There is no PythonRepository {access.repository.name} in this namespace. Create it, or correct "
        "spec.repositoryRef in a new object."
    )
    return failed(Reason.REPOSITORY_NOT_FOUND, message)


def _not_permitted(access: DesiredAccess) -> Check:
    # The same reason and message for absent, forbidden and role not permitted: a difference would reveal which it is.
    message = (
        f"PythonRepository {access.repository} does not exist, or does not allow the role {access.role} for this "
        "namespace. Check the name and the labels of this namespace. Otherwise ask the repository's owner to allow "
    )
    if access.role is Role.READER:
        return failed(Reason.REF_NOT_PERMITTED, f"{message}this namespace in spec.accessFrom.")
    remedy = f"this namespace and the role {access.role} in spec.accessFrom, or to create the access in the namespace "
    return failed(Reason.REF_NOT_PERMITTED, f"{message}{remedy}of the repository, where every role is allowed.")


def _unusable(requester: Requester, trouble: Reason | None) -> str:
    target = requester.access.repository
    if not requester.own:
        return f"PythonRepository {target} is not usable yet. Ask its owner if this lasts."
    if trouble is None:
        return f"PythonRepository {target} is not usable yet. The operator is still working on it."
    remedy = f"For details, run: kubectl describe pythonrepository {target.name} -n {target.namespace}"
    return f"PythonRepository {target} is not usable: {trouble}. {remedy}"


def _releasing(access: DesiredAccess, held_up: str) -> Check:
    words = f": {held_up}" if held_up else "."
    message = f"PythonRepository {access.repository} is being deleted{words}"
    return failed(Reason.REPOSITORY_NOT_READY, message)
