"""Which Google service accounts a ServiceAccount may act as: its annotation is the tenant's to write."""

from dataclasses import dataclass

from wheelhouse.domain.actors import Actor, google_project
from wheelhouse.domain.iam import Identity
from wheelhouse.domain.names import is_google_service_account
from wheelhouse.domain.objects import GOOGLE_ACCOUNT_ANNOTATION, PROJECTS_ANNOTATION, Namespace
from wheelhouse.domain.reasons import Reason
from wheelhouse.errors import Invalid


@dataclass(frozen=True, slots=True)
class Allowed:
    """Who decides which Google service accounts may get the repository.

    Attributes:
        namespace: the ServiceAccount's Namespace, with the projects that its administrator allows; None if unknown.
        any_project: whether every project is allowed (setting `project_policy: Any`).
        patterns: the repository's `accessFrom.googleServiceAccounts`; None if it cannot be read.
    """

    namespace: Namespace | None
    any_project: bool
    patterns: tuple[str, ...] | None

    def permits(self, email: str) -> bool | None:
        """Whether a Google service account may get the role; None while that is not known."""
        if not is_google_service_account(email):
            return False
        projects = self.namespace.projects if self.namespace is not None else ()
        if self.any_project or google_project(email) in projects:
            return True
        if self.namespace is None or self.patterns is None:
            return None
        return any(_matches(pattern, email) for pattern in self.patterns)


@dataclass(frozen=True, slots=True)
class Judged:
    """As whom a ServiceAccount may act by its annotation; None if it may not, or while that is not known."""

    actor: Actor | None
    invalid: Invalid | None = None


def judge(identity: Identity, annotation: str, allowed: Allowed) -> Judged:
    """Check the annotation of a ServiceAccount.

    Args:
        identity: the ServiceAccount.
        annotation: the text of the annotation; empty without one.
        allowed: what the owners of the namespace and of the repository allow.
    """
    if not annotation:
        return Judged(Actor(identity))
    permits = allowed.permits(annotation)
    if permits is None:
        return Judged(None)
    if permits:
        return Judged(Actor(identity, annotation))
    return Judged(None, _refusal(identity, annotation))


def _matches(pattern: str, email: str) -> bool:
    """A pattern is a whole e-mail, or `*@` and the domain of one project."""
    return email.endswith(pattern[1:]) if pattern.startswith("*@") else email == pattern


def _refusal(identity: Identity, annotation: str) -> Invalid:
    where = f"ServiceAccount {identity}: its annotation {GOOGLE_ACCOUNT_ANNOTATION}"
    if not is_google_service_account(annotation):
        message = f"{where} is not the email address of a Google service account. Correct or remove it."
        return Invalid(message, Reason.SUBJECT_NOT_PERMITTED)
    message = (
        f"{where} names {annotation}, which may not get access to this repository. Remove the annotation, ask the "
        f"administrator of namespace {identity.namespace} to list its project in the annotation {PROJECTS_ANNOTATION}, "
        "or ask the owner of the repository to list it in spec.accessFrom.googleServiceAccounts."
    )
    return Invalid(message, Reason.SUBJECT_NOT_PERMITTED)
