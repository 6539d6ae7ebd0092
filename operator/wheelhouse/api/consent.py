"""Who may use a PythonRepository: the consent of its owner."""

from typing import Annotated

from pydantic import Field

from wheelhouse.api.meta import Grammar, LabelSelector, Model, NamespaceName, Role, checked
from wheelhouse.domain import names

_ACCOUNT_PATTERN = Grammar(
    names.SERVICE_ACCOUNT_PATTERN,
    names.EMAIL_LENGTH,
    "must be the email address of a Google service account, or *@PROJECT.iam.gserviceaccount.com",
)


class AccessFrom(Model):
    """Which other namespaces can use the repository in a RepositoryAccess or a virtual repository."""

    namespaces: Annotated[list[NamespaceName], Field(max_length=256)] | None = None
    """The names of namespaces that can use the repository."""

    namespace_selector: LabelSelector | None = None
    """The labels of namespaces that can use the repository. An empty selector (`{}`) means every namespace."""

    roles: Annotated[list[Role], checked(lambda found: len(set(found)) == len(found), "list each role only once")] = (
        Field(default=[Role.READER], max_length=3, json_schema_extra={"x-kubernetes-list-type": "set"})
    )
    """The roles that every one of those namespaces can request. Default: only `Reader`. If you set it, list `Reader`
    too, or those namespaces lose their read access. The repository's own namespace can request every role."""

    google_service_accounts: (
        Annotated[
            list[Annotated[str, _ACCOUNT_PATTERN]],
            Field(max_length=64),
        ]
        | None
    ) = None
    """The Google service accounts that ServiceAccounts can act as when they use the repository, through the annotation
    `iam.gke.io/gcp-service-account`: email addresses, or `*@PROJECT.iam.gserviceaccount.com` for all of one project.
    Default: only those of the projects that the annotation `wheelhouse.dev/projects` allows for the namespace of the
    ServiceAccount."""
