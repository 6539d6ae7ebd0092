"""Spec → desired state (pure): the only place where a spec meets the domain."""

from typing import Any

from pydantic import ValidationError

from wheelhouse.api import cleanup as api
from wheelhouse.api import modes
from wheelhouse.api.access import RepositoryAccessSpec
from wheelhouse.api.meta import LabelSelector
from wheelhouse.api.repository import ManagementPolicy, PythonRepositorySpec
from wheelhouse.domain.access import DesiredAccess, DesiredSecret, Subject, SubjectKind
from wheelhouse.domain.cleanup import (
    Cleanup,
    CleanupAction,
    CleanupCondition,
    CleanupPolicy,
    MostRecentVersions,
    duration,
)
from wheelhouse.domain.iam import SUBJECT_LIMIT, Grant, Identity, Role, WorkloadIdentity
from wheelhouse.domain.modes import PYPI, Credentials, Mode, Remote
from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.objects import PROJECTS_ANNOTATION, CustomObject, Namespace, Requirement, Selector
from wheelhouse.domain.reasons import Reason
from wheelhouse.domain.repository import (
    AccessFrom,
    AdoptionPolicy,
    DeletionPolicy,
    DesiredRepository,
    Ownership,
    Scanning,
    UpstreamReference,
)
from wheelhouse.errors import Invalid


def desired_repository(
    stored: CustomObject, namespace: Namespace | None, cluster: str, *, any_project: bool
) -> DesiredRepository:
    """Read a PythonRepository.

    Args:
        stored: the object.
        namespace: its Namespace, whose annotation names the projects it may use.
        cluster: the value of the cluster label.
        any_project: whether the annotation is not asked (setting `project_policy: Any`).

    Raises:
        Invalid: the spec does not parse, or its project is not allowed for the namespace.
    """
    try:
        spec = PythonRepositorySpec.model_validate(dict(stored.spec))
    except ValidationError as error:
        raise Invalid(_complaint(error)) from None
    project = _project(spec.project, namespace, any_project=any_project)
    repository_id = spec.repository_id or stored.key.name
    name = RepositoryName(project, spec.location, repository_id)
    if RepositoryName.parse(name.full) is None:
        raise Invalid(f"metadata.name {stored.key.name!r} is no repository id: set spec.repositoryId.")
    _check_key(spec.kms_key_name, namespace, any_project=any_project)
    return DesiredRepository(
        name=name,
        ownership=Ownership.of(cluster, stored.key),
        mode=Mode(spec.mode.value),
        description=spec.description,
        labels=dict(spec.labels or {}),
        kms_key_name=spec.kms_key_name,
        scanning=Scanning(spec.vulnerability_scanning.value) if spec.vulnerability_scanning else None,
        cleanup=_cleanup(spec.cleanup) if spec.cleanup else None,
        remote=_remote(spec.remote) if spec.remote else None,
        upstreams=_upstreams(spec.virtual, stored.key.namespace) if spec.virtual else None,
        observe=spec.management_policy is ManagementPolicy.OBSERVE,
        adoption=AdoptionPolicy(spec.adoption_policy.value),
    )


def desired_access_from(stored: CustomObject) -> AccessFrom | None:
    """Whom a PythonRepository lets in, whatever its project; None when its spec does not parse."""
    try:
        spec = PythonRepositorySpec.model_validate(dict(stored.spec))
    except ValidationError:
        return None
    if spec.access_from is None:
        return AccessFrom()
    selector = spec.access_from.namespace_selector
    return AccessFrom(
        frozenset(spec.access_from.namespaces or ()),
        _selector(selector) if selector is not None else None,
        frozenset(Role(role.value) for role in spec.access_from.roles),
    )


def deletion_policy(stored: CustomObject) -> DeletionPolicy:
    """The deletion policy even of an object that no longer parses: what is no policy is Orphan."""
    wanted = stored.spec.get("deletionPolicy")
    return next((policy for policy in DeletionPolicy if policy == wanted), DeletionPolicy.ORPHAN)


def observes(stored: CustomObject) -> bool:
    """Whether the repository must not be touched, even by an object that no longer parses."""
    return bool(stored.spec.get("managementPolicy") == ManagementPolicy.OBSERVE)


def suspended(stored: CustomObject) -> bool:
    """Whether no spec change is carried out and no drift put back, even of an object that does not parse."""
    return stored.spec.get("suspend") is True


def desired_access(stored: CustomObject) -> DesiredAccess:
    """Read a RepositoryAccess.

    Raises:
        Invalid: the spec does not parse.
    """
    try:
        spec = RepositoryAccessSpec.model_validate(dict(stored.spec))
    except ValidationError as error:
        raise Invalid(_complaint(error)) from None
    subjects = tuple(Subject(SubjectKind(subject.kind.value), subject.name) for subject in spec.subjects or ())
    secret = None
    if spec.secret is not None:
        accounts = [subject.name for subject in subjects if subject.kind is SubjectKind.SERVICE_ACCOUNT]
        account = spec.secret.service_account_name or (accounts[0] if len(accounts) == 1 else None)
        if account is None:
            raise Invalid("spec.secret.serviceAccountName: name the ServiceAccount whose identity the token carries.")
        secret = DesiredSecret(spec.secret.name, Identity(stored.key.namespace, account))
    reference = spec.repository_ref
    return DesiredAccess(
        key=stored.key,
        repository=ObjectKey(reference.namespace or stored.key.namespace, reference.name),
        role=Role(spec.role.value),
        subjects=subjects,
        secret=secret,
    )


def desired_grants(access: DesiredAccess, workload: WorkloadIdentity) -> tuple[tuple[Grant, ...], Invalid | None]:
    """The grants that an access asks for, and the first subject that cannot be had (the others go on)."""
    complaint: Invalid | None = None
    members: dict[str, None] = {}
    identities = [
        Identity(access.key.namespace, s.name) for s in access.subjects if s.kind is SubjectKind.SERVICE_ACCOUNT
    ]
    if access.secret is not None:
        identities.append(access.secret.identity)
    for identity in identities:
        if len(workload.subject(identity).encode()) > SUBJECT_LIMIT:
            complaint = complaint or _too_long(identity)
        else:
            members[workload.member(identity)] = None
    for subject in access.subjects:
        if subject.kind is SubjectKind.SERVICE_ACCOUNT:
            continue
        if access.repository.namespace != access.key.namespace:
            complaint = complaint or _foreign_subject(access, subject)
        else:
            members[f"{subject.kind.prefix}:{subject.name.lower()}"] = None
    return tuple(Grant(access.role.iam, member) for member in members), complaint


def _project(wanted: str | None, namespace: Namespace | None, *, any_project: bool) -> str:
    allowed = namespace.projects if namespace else ()
    where = namespace.name if namespace else "of this object"
    if wanted is None and not allowed:
        message = f"Namespace {where} names no project: an administrator sets its annotation {PROJECTS_ANNOTATION}"
        raise Invalid(f"{message} to the projects it may use, the first being the default.", Reason.PROJECT_NOT_ALLOWED)
    project = wanted or allowed[0]
    if project not in allowed and not any_project:
        message = f"Project {project} is not allowed for namespace {where}: an administrator adds it to the namespace's"
        raise Invalid(f"{message} annotation {PROJECTS_ANNOTATION}.", Reason.PROJECT_NOT_ALLOWED)
    return project


def _check_key(key: str | None, namespace: Namespace | None, *, any_project: bool) -> None:
    if key is None or any_project:
        return
    project, allowed = key.split("/")[1], namespace.projects if namespace else ()
    if project not in allowed:
        where = namespace.name if namespace else "of this object"
        message = f"spec.kmsKeyName: project {project} is not allowed for namespace {where}: an administrator adds it"
        raise Invalid(f"{message} to the namespace's annotation {PROJECTS_ANNOTATION}.", Reason.PROJECT_NOT_ALLOWED)


def _cleanup(cleanup: api.Cleanup) -> Cleanup:
    return Cleanup(frozenset(_policy(policy) for policy in cleanup.policies or ()), cleanup.dry_run)


def _policy(policy: api.CleanupPolicy) -> CleanupPolicy:
    condition, recent = policy.condition, policy.most_recent_versions
    return CleanupPolicy(
        name=policy.name,
        action=CleanupAction(policy.action.value),
        condition=_condition(condition) if condition else None,
        most_recent=MostRecentVersions(recent.keep_count, frozenset(recent.package_name_prefixes or ()))
        if recent
        else None,
    )


def _condition(condition: api.CleanupCondition) -> CleanupCondition:
    return CleanupCondition(
        older_than=duration(condition.older_than) if condition.older_than else None,
        newer_than=duration(condition.newer_than) if condition.newer_than else None,
        package_name_prefixes=frozenset(condition.package_name_prefixes or ()),
        version_name_prefixes=frozenset(condition.version_name_prefixes or ()),
    )


def _remote(remote: modes.Remote) -> Remote:
    known = remote.credentials
    credentials = Credentials(known.username, known.password_secret_version) if known else None
    return Remote(remote.url or PYPI, credentials, remote.validate_upstream)


def _upstreams(virtual: modes.Virtual, namespace: str) -> tuple[UpstreamReference, ...]:
    found = []
    for upstream in virtual.upstreams or ():
        reference, name = upstream.repository_ref, RepositoryName.parse(upstream.repository or "")
        target = ObjectKey(reference.namespace or namespace, reference.name) if reference else name
        if target is None:
            raise Invalid(f"spec.virtual.upstreams: {upstream.name} names no repository.")
        found.append(UpstreamReference(upstream.name, upstream.priority, target))
    return tuple(found)


def _selector(selector: LabelSelector) -> Selector:
    equal = [Requirement(key, "In", (value,)) for key, value in (selector.match_labels or {}).items()]
    more = [Requirement(e.key, e.operator.value, tuple(e.values or ())) for e in selector.match_expressions or ()]
    return Selector((*equal, *more))


def _too_long(identity: Identity) -> Invalid:
    message = f"ServiceAccount {identity}: its Workload Identity subject is over {SUBJECT_LIMIT} bytes"
    return Invalid(f"{message}, Google's limit: use a shorter ServiceAccount name.", Reason.SUBJECT_TOO_LONG)


def _foreign_subject(access: DesiredAccess, subject: Subject) -> Invalid:
    message = (
        f"{subject.kind} {subject.name}: members outside the cluster are granted only from the repository's own "
        f"namespace; put such a RepositoryAccess into {access.repository.namespace}, or remove the subject."
    )
    return Invalid(message, Reason.SUBJECT_NOT_PERMITTED)


def _complaint(error: ValidationError) -> str:
    details: list[Any] = error.errors(include_url=False, include_context=False, include_input=False)
    first = details[0]
    place = ".".join(str(part) for part in ("spec", *first["loc"]))
    return f"{place}: {first['msg']}. Edit the object: kubectl explain tells what each field takes."
