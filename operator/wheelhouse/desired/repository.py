"""PythonRepository: the desired state in its spec."""

from dataclasses import dataclass

from pydantic import ValidationError

from wheelhouse.api import cleanup as api
from wheelhouse.api import consent, modes
from wheelhouse.api.repository import ManagementPolicy, PythonRepositorySpec
from wheelhouse.desired.declared import Declared, complaint, declare
from wheelhouse.desired.selectors import label_selector
from wheelhouse.domain.cleanup import (
    Cleanup,
    CleanupAction,
    CleanupCondition,
    CleanupPolicy,
    MostRecentVersions,
    duration,
)
from wheelhouse.domain.iam import Role
from wheelhouse.domain.modes import PYPI, Credentials, Mode, Remote
from wheelhouse.domain.names import ObjectKey, RepositoryName, is_project
from wheelhouse.domain.objects import PROJECTS_ANNOTATION, CustomObject, Namespace
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


@dataclass(frozen=True, slots=True)
class DeclaredRepository:
    """A parsed PythonRepository; the Google repository that it manages depends on its Namespace (`name`).

    Attributes:
        upstreams: the upstreams of a Virtual repository; None for other modes.
        reads: the repository that a Remote one reads, if its URL names one of Artifact Registry.
    """

    key: ObjectKey
    spec: PythonRepositorySpec
    access_from: AccessFrom
    upstreams: tuple[UpstreamReference, ...] | None
    reads: RepositoryName | None

    def name(self, namespace: Namespace | None, *, any_project: bool) -> RepositoryName:
        """The repository that this object manages.

        Args:
            namespace: the object's Namespace, whose annotation lists the projects that it may use.
            any_project: whether every project is allowed (setting `project_policy: Any`).

        Raises:
            Invalid: the project is not allowed for the namespace, or the name is not a repository id.
        """
        project = _project(self.spec.project, namespace, any_project=any_project)
        name = RepositoryName(project, self.spec.location, self.spec.repository_id or self.key.name)
        if RepositoryName.parse(name.full) is None:
            raise Invalid(f"metadata.name {self.key.name!r} is not a valid repository ID: set spec.repositoryId.")
        return name

    def desired(self, namespace: Namespace | None, cluster: str, *, any_project: bool) -> DesiredRepository:
        """The object's whole desired state, under the name of the repository that it manages.

        Args:
            namespace: see `name`.
            cluster: the value of the cluster label.
            any_project: see `name`.

        Raises:
            Invalid: see `name`; or the key's project is not allowed for the namespace.
        """
        spec = self.spec
        name = self.name(namespace, any_project=any_project)
        _check_key(spec.kms_key_name, namespace, any_project=any_project)
        return DesiredRepository(
            name=name,
            ownership=Ownership.of(cluster, self.key),
            namespace=self.key.namespace,
            mode=Mode(spec.mode.value),
            description=spec.description,
            labels=dict(spec.labels or {}),
            kms_key_name=spec.kms_key_name,
            scanning=Scanning(spec.vulnerability_scanning.value) if spec.vulnerability_scanning else None,
            cleanup=_cleanup(spec.cleanup) if spec.cleanup else None,
            remote=_remote(spec.remote) if spec.remote else None,
            upstreams=self.upstreams,
            observe=spec.management_policy is ManagementPolicy.OBSERVE,
            adoption=AdoptionPolicy(spec.adoption_policy.value),
        )


def declared_repository(
    stored: CustomObject, before: Declared[DeclaredRepository] | None = None
) -> Declared[DeclaredRepository]:
    """Parse a PythonRepository, unless this generation was parsed before."""
    return declare(stored, before, parsed_repository, lambda _stored: None)


def parsed_repository(stored: CustomObject) -> DeclaredRepository:
    """Read a PythonRepository; fields of a newer version are ignored.

    Raises:
        Invalid: the spec does not parse.
    """
    try:
        spec = PythonRepositorySpec.model_validate(stored.spec, extra="ignore")
    except ValidationError as error:
        raise complaint(error) from None
    return DeclaredRepository(
        key=stored.key,
        spec=spec,
        access_from=_access_from(spec.access_from),
        upstreams=_upstreams(spec.virtual, stored.key.namespace) if spec.virtual else None,
        reads=RepositoryName.of_url(spec.remote.url) if spec.remote and spec.remote.url else None,
    )


def access_from_of(declared: Declared[DeclaredRepository]) -> AccessFrom | None:
    """The namespaces that a PythonRepository allows now, even if the rest of its spec does not parse.

    Returns:
        None if it was never readable.
    """
    if declared.current is not None:
        return declared.current.access_from
    raw = declared.stored.spec.get("accessFrom")
    try:
        return _access_from(None if raw is None else consent.AccessFrom.model_validate(raw, extra="ignore"))
    except ValidationError:
        return declared.last.access_from if declared.last is not None else None


def _access_from(access_from: consent.AccessFrom | None) -> AccessFrom:
    if access_from is None:
        return AccessFrom()
    selector = access_from.namespace_selector
    return AccessFrom(
        frozenset(access_from.namespaces or ()),
        label_selector(selector) if selector is not None else None,
        frozenset(Role(role.value) for role in access_from.roles),
        tuple(access_from.google_service_accounts or ()),
    )


def deletion_policy(stored: CustomObject) -> DeletionPolicy:
    """The deletion policy, even of an object that no longer parses: an invalid policy counts as Orphan."""
    wanted = stored.spec.get("deletionPolicy")
    return next((policy for policy in DeletionPolicy if policy == wanted), DeletionPolicy.ORPHAN)


def observes(stored: CustomObject) -> bool:
    """Whether the repository must not be changed, even by an object that no longer parses."""
    return bool(stored.spec.get("managementPolicy") == ManagementPolicy.OBSERVE)


def suspended(stored: CustomObject) -> bool:
    """Whether spec changes and drift are left alone, even for an object that does not parse."""
    return stored.spec.get("suspend") is True


def _project(wanted: str | None, namespace: Namespace | None, *, any_project: bool) -> str:
    allowed = namespace.projects if namespace else ()
    where = namespace.name if namespace else "of this object"
    if wanted is None and allowed and not is_project(allowed[0]):
        message = (
            f"Namespace {where}: its annotation {PROJECTS_ANNOTATION} lists {allowed[0]!r}, which is not a project ID"
        )
        raise Invalid(f"{message}. Ask an administrator of the namespace to correct it.", Reason.PROJECT_NOT_ALLOWED)
    if wanted is None and not allowed:
        message = (
            f"Namespace {where} lists no project. Ask its administrator to set the annotation {PROJECTS_ANNOTATION}"
        )
        raise Invalid(f"{message} to the projects that it may use, with the default first.", Reason.PROJECT_NOT_ALLOWED)
    project = wanted or allowed[0]
    if project not in allowed and not any_project:
        message = (
            f"Project {project} is not allowed for namespace {where}. Ask its administrator to add the project to the"
        )
        raise Invalid(f"{message} annotation {PROJECTS_ANNOTATION}.", Reason.PROJECT_NOT_ALLOWED)
    return project


def _check_key(key: str | None, namespace: Namespace | None, *, any_project: bool) -> None:
    if key is None or any_project:
        return
    project, allowed = key.split("/")[1], namespace.projects if namespace else ()
    if project not in allowed:
        where = namespace.name if namespace else "of this object"
        message = (
            f"spec.kmsKeyName: project {project} is not allowed for namespace {where}. Ask its administrator to add it"
        )
        raise Invalid(f"{message} to the annotation {PROJECTS_ANNOTATION}.", Reason.PROJECT_NOT_ALLOWED)


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
            raise Invalid(f"spec.virtual.upstreams: {upstream.name} does not name a repository.")
        found.append(UpstreamReference(upstream.name, upstream.priority, target))
    return tuple(found)
