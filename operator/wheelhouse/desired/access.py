"""RepositoryAccess: the desired state in its spec."""

from collections.abc import Mapping

from pydantic import ValidationError

from wheelhouse.api.access import AdoptionPolicy, IdentityFrom, RepositoryAccessSpec, Secret
from wheelhouse.api.subjects import Subject as DeclaredSubject
from wheelhouse.desired.declared import Declared, complaint, declare
from wheelhouse.desired.selectors import label_selector, with_opt_in
from wheelhouse.domain.access import DesiredAccess, DesiredSecret, FanOut, Subject
from wheelhouse.domain.configuration.credential import Credential, KeyringProvider
from wheelhouse.domain.configuration.form import DEFAULT_FORMATS, Form
from wheelhouse.domain.iam import Identity, Role
from wheelhouse.domain.lifetime import DEFAULT_LIFETIME, lifetime_seconds
from wheelhouse.domain.names import ObjectKey, is_dns_label, is_dns_subdomain
from wheelhouse.domain.objects import CustomObject
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
    subjects = tuple(_subject(subject) for subject in spec.subjects or ())
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
        if read.service_account_name is not None or read.credential is Credential.KEYRING:
            secret = _secret(read, stored.key.namespace, ())
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


def _subject(subject: DeclaredSubject) -> Subject:
    selector = subject.namespace_selector
    return Subject(subject.kind, subject.name, subject.namespace, label_selector(selector) if selector else None)


def _secret(secret: Secret, namespace: str, subjects: tuple[Subject, ...]) -> DesiredSecret:
    accounts = [subject.name for subject in subjects if subject.own_account]
    account = secret.service_account_name or (accounts[0] if len(accounts) == 1 else None)
    if account is None and secret.credential is Credential.TOKEN:
        raise Invalid(_WHOSE_IDENTITY)
    return DesiredSecret(
        secret.name,
        Identity(namespace, account) if account is not None else None,
        lifetime_seconds(secret.token_lifetime) or DEFAULT_LIFETIME,
        _form(secret),
        _fan_out(secret),
        secret.identity_from is IdentityFrom.ACCESS_NAMESPACE,
        _upload(secret, namespace),
    )


def _upload(secret: Secret, namespace: str) -> ObjectKey | None:
    reference = secret.upload_repository_ref
    return ObjectKey(reference.namespace or namespace, reference.name) if reference is not None else None


def _fan_out(secret: Secret) -> FanOut | None:
    """Where the Secrets are, if the spec says so. An empty list of names is as good as none."""
    selector = secret.namespace_selector
    if not secret.namespaces and selector is None:
        return None
    names = tuple(dict.fromkeys(secret.namespaces or ()))
    return FanOut(names, with_opt_in(label_selector(selector)) if selector is not None else None)


def _form(secret: Secret) -> Form:
    provider = secret.keyring_provider or KeyringProvider.AUTO
    keyring = provider if secret.credential is Credential.KEYRING else None
    return Form(secret.authentication, secret.index, frozenset(secret.formats or DEFAULT_FORMATS), keyring)
