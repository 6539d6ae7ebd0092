"""Where the clients of a Secret upload to, if `secret.uploadRepositoryRef` names a repository: its owner must agree."""

from dataclasses import dataclass, replace

from wheelhouse.domain.access import DesiredAccess
from wheelhouse.domain.findings import Check, failed, passed
from wheelhouse.domain.iam import Role
from wheelhouse.domain.modes import Mode
from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.objects import Namespace
from wheelhouse.domain.reasons import Reason
from wheelhouse.plan.consent import ABSENCE, Permission, RepositoryView, Requester, Standing, consent

FIELD = "spec.secret.uploadRepositoryRef"


@dataclass(frozen=True, slots=True)
class Upload:
    """The decision about uploads to another repository.

    Attributes:
        name: the repository; None if the Secret may not name one.
        check: the finding about the reference; None while that is not known.
        again: seconds until time alone changes the decision; None if only a change does.
        requested: whether there is a reference: without one, uploads go to the repository that clients install from.
    """

    name: RepositoryName | None = None
    check: Check | None = None
    again: float | None = None
    requested: bool = True


NOT_REQUESTED = Upload(check=passed(Reason.RESOLVED_REFS), requested=False)
"""Of an access without the reference."""


def judge_upload(
    access: DesiredAccess,
    namespace: Namespace | None,
    target: ObjectKey,
    view: RepositoryView | None,
    gone: float,
    standing: RepositoryName | None,
    *,
    elsewhere: bool = False,
) -> Upload:
    """Decide whether a Secret may name a repository for uploads, by the rules for `spec.repositoryRef`.

    The access needs the consent of the repository's owner for the role Writer. This makes no grant.

    Args:
        access: the access.
        namespace: its Namespace.
        target: the PythonRepository that the reference names.
        view: that PythonRepository; None if it does not exist.
        gone: for how many seconds it has been missing.
        standing: the repository that it manages, if the Secret names that one now; None otherwise.
        elsewhere: whether the access still has a Secret in another namespace.
    """
    if target.namespace != access.key.namespace and (elsewhere or _spreads(access)):
        return Upload(check=failed(Reason.FAN_OUT_NOT_ALLOWED, _fan_out(access)))
    asker = Requester(
        replace(access, repository=target, role=Role.WRITER),
        namespace,
        frozenset({Role.WRITER}),
        holds=standing is not None,
    )
    judged = consent(asker, view, gone)
    if judged.permission is Permission.WITHDRAW:
        return Upload(check=_absent(target) if asker.own else _refused(target))
    known = view is not None and view.standing is not Standing.UNSEEN
    if view is not None and known and view.mode not in (None, Mode.STANDARD):
        return Upload(check=failed(Reason.NOT_WRITABLE, _not_writable(target, view.mode)))
    check = judged.check
    if check is not None and not check.ok:
        check = failed(check.reason, f"{FIELD}: {check.message}")
    if judged.permission is Permission.GIVE and view is not None:
        return Upload(view.name, check)
    return Upload(standing, check, ABSENCE - gone if view is None else None)


def _spreads(access: DesiredAccess) -> bool:
    """Whether any Secret of it may be in another namespace, whose owner has not consented to anything."""
    fan_out = access.secret.fan_out if access.secret is not None else None
    if fan_out is None:
        return False
    return fan_out.selector is not None or any(name != access.key.namespace for name in fan_out.namespaces)


def _fan_out(access: DesiredAccess) -> str:
    return (
        f"{FIELD}: a Secret in another namespace can name only an upload repository of this namespace. Refer to a "
        f"PythonRepository in namespace {access.key.namespace}, or remove spec.secret.namespaces and "
        "spec.secret.namespaceSelector."
    )


def _absent(target: ObjectKey) -> Check:
    message = f"{FIELD}: there is no PythonRepository {target.name} in this namespace. Create it, or correct the name."
    return failed(Reason.REPOSITORY_NOT_FOUND, message)


def _refused(target: ObjectKey) -> Check:
    # The same reason and message for absent, forbidden and role not permitted: a difference would reveal which it is.
    message = (
        f"{FIELD}: PythonRepository {target} does not exist, or does not allow the role {Role.WRITER} for this "
        "namespace. Check the name and the labels of this namespace. Otherwise ask the repository's owner to allow "
        f"this namespace and the role {Role.WRITER} in spec.accessFrom. Until then, the Secret has no configuration "
        "for uploads."
    )
    return failed(Reason.REF_NOT_PERMITTED, message)


def _not_writable(target: ObjectKey, mode: Mode | None) -> str:
    return (
        f"{FIELD}: PythonRepository {target} is {mode}, which does not accept uploads. Refer to a Standard repository."
    )
