"""RepositoryAccess: the desired state in its spec."""

from collections.abc import Mapping

from pydantic import ValidationError

from wheelhouse.api.access import AdoptionPolicy, RepositoryAccessSpec, Secret
from wheelhouse.desired.declared import Declared, complaint, declare
from wheelhouse.domain.access import DesiredAccess, DesiredSecret, Subject, SubjectKind
from wheelhouse.domain.iam import SUBJECT_LIMIT, Grant, Identity, Role, WorkloadIdentity
from wheelhouse.domain.names import ObjectKey, is_dns_label, is_dns_subdomain
from wheelhouse.domain.objects import CustomObject
from wheelhouse.domain.reasons import Reason
from wheelhouse.errors import Invalid

_WHOSE_IDENTITY = "spec.secret.serviceAccountName: set the ServiceAccount that the token authenticates as."


def declared_access(stored: CustomObject, before: Declared[DesiredAccess] | None = None) -> Declared[DesiredAccess]:
    """Parse a RepositoryAccess, unless this generation was parsed before."""
    return declare(stored, before, desired_access, salvaged_access)


def desired_access(stored: CustomObject) -> DesiredAccess:
    """Read a RepositoryAccess; fields of a newer version are ignored.

    Raises:
        Invalid: the spec does not parse.
    """
    try:
        spec = RepositoryAccessSpec.model_validate(stored.spec, extra="ignore")
    except ValidationError as error:
        raise complaint(error) from None
    subjects = tuple(Subject(SubjectKind(subject.kind.value), subject.name) for subject in spec.subjects or ())
    reference = spec.repository_ref
    return DesiredAccess(
        key=stored.key,
        repository=ObjectKey(reference.namespace or stored.key.namespace, reference.name),
        role=Role(spec.role.value),
        subjects=subjects,
        secret=_secret(spec.secret, stored.key.namespace, subjects) if spec.secret is not None else None,
        adopts=spec.adoption_policy is AdoptionPolicy.ALWAYS,
        suspend=spec.suspend,
    )


def salvaged_access(stored: CustomObject) -> DesiredAccess | None:
    """The readable part of a spec that does not parse: its repository, and its Secret if that part alone parses.

    An access must not lose what it has because a field has a typo, or is newer than this operator.
    """
    spec = stored.spec
    reference = referred(spec.get("repositoryRef"), stored.key.namespace)
    if reference is None:
        return None
    secret = None
    try:
        read = Secret.model_validate(spec.get("secret"), extra="ignore")
        if read.service_account_name is not None:
            secret = DesiredSecret(read.name, Identity(stored.key.namespace, read.service_account_name))
    except ValidationError:
        pass
    role = next((role for role in Role if role == spec.get("role", Role.READER)), Role.READER)
    return DesiredAccess(stored.key, reference, role, (), secret, partial=True)


def referred(reference: object, namespace: str) -> ObjectKey | None:
    """The PythonRepository that a raw reference names; None if it is malformed."""
    if not isinstance(reference, Mapping):
        return None
    where, name = reference.get("namespace") or namespace, reference.get("name")
    if not isinstance(where, str) or not isinstance(name, str) or not is_dns_label(where) or not is_dns_subdomain(name):
        return None
    return ObjectKey(where, name)


def desired_grants(access: DesiredAccess, workload: WorkloadIdentity) -> tuple[tuple[Grant, ...], Invalid | None]:
    """The grants that an access requests, and the error of its first invalid subject (the others are still granted)."""
    invalid: Invalid | None = None
    members: dict[str, None] = {}
    identities = [
        Identity(access.key.namespace, s.name) for s in access.subjects if s.kind is SubjectKind.SERVICE_ACCOUNT
    ]
    if access.secret is not None:
        identities.append(access.secret.identity)
    for identity in identities:
        if len(workload.subject(identity).encode()) > SUBJECT_LIMIT:
            invalid = invalid or _too_long(identity)
        else:
            members[workload.member(identity)] = None
    for subject in access.subjects:
        if subject.kind is SubjectKind.SERVICE_ACCOUNT:
            continue
        if access.repository.namespace != access.key.namespace:
            invalid = invalid or _foreign_subject(access, subject)
        else:
            members[f"{subject.kind.prefix}:{subject.name.lower()}"] = None
    if access.adopts and access.repository.namespace != access.key.namespace:
        invalid = invalid or _foreign_adoption(access)
    return tuple(Grant(access.role.iam, member) for member in members), invalid


def _secret(secret: Secret, namespace: str, subjects: tuple[Subject, ...]) -> DesiredSecret:
    accounts = [subject.name for subject in subjects if subject.kind is SubjectKind.SERVICE_ACCOUNT]
    account = secret.service_account_name or (accounts[0] if len(accounts) == 1 else None)
    if account is None:
        raise Invalid(_WHOSE_IDENTITY)
    return DesiredSecret(secret.name, Identity(namespace, account))


def _too_long(identity: Identity) -> Invalid:
    message = f"ServiceAccount {identity}: its Workload Identity subject is longer than {SUBJECT_LIMIT} bytes"
    return Invalid(
        f"{message}, which is Google's limit. Use a ServiceAccount with a shorter name.", Reason.SUBJECT_TOO_LONG
    )


def _foreign_subject(access: DesiredAccess, subject: Subject) -> Invalid:
    message = (
        f"{subject.kind} {subject.name}: only an access in the repository's own namespace can grant a role outside the "
        f"cluster. Move this RepositoryAccess to namespace {access.repository.namespace}, or remove the subject."
    )
    return Invalid(message, Reason.SUBJECT_NOT_PERMITTED)


def _foreign_adoption(access: DesiredAccess) -> Invalid:
    message = (
        f"Only an access in the repository's own namespace can take over existing grants. Move this RepositoryAccess "
        f"to namespace {access.repository.namespace}, or set adoptionPolicy to Never."
    )
    return Invalid(message, Reason.SUBJECT_NOT_PERMITTED)
