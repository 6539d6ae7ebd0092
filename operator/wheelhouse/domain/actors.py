"""As whom the token of a ServiceAccount authenticates: as itself, or as a Google service account."""

from dataclasses import dataclass

from wheelhouse.domain.iam import Identity, WorkloadIdentity
from wheelhouse.domain.names import is_google_service_account

MEMBER_PREFIX = "serviceAccount:"
_OF_PROJECT = ".iam.gserviceaccount.com"
_APP_ENGINE = "appspot.gserviceaccount.com"


@dataclass(frozen=True, slots=True)
class Actor:
    """A ServiceAccount, and the e-mail of the Google service account that it acts as; empty if it acts as itself."""

    identity: Identity
    email: str = ""

    def member(self, workload: WorkloadIdentity) -> str:
        """The IAM member that needs the role."""
        return f"{MEMBER_PREFIX}{self.email}" if self.email else workload.member(self.identity)


def google_project(email: str) -> str | None:
    """The ID of the project that a Google service account belongs to; None if the e-mail does not have it.

    `NAME@PROJECT.iam.gserviceaccount.com`, `NAME@PROJECT.DOMAIN.iam.gserviceaccount.com` for the project
    `DOMAIN:PROJECT`, and `PROJECT@appspot.gserviceaccount.com`; Compute Engine's have only the number of the project
    (https://cloud.google.com/iam/docs/service-account-types).
    """
    local, _, domain = email.partition("@")
    if domain == _APP_ENGINE:
        return None if "." in local else local
    if not domain.endswith(_OF_PROJECT):
        return None
    project, _, scope = domain.removesuffix(_OF_PROJECT).partition(".")
    return f"{scope}:{project}" if scope else project


def google_account(member: str) -> str | None:
    """The e-mail of a member that is a Google service account; None for any other member."""
    email = member.removeprefix(MEMBER_PREFIX)
    return email if email != member and is_google_service_account(email) else None
