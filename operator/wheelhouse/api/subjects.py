"""The subjects of a RepositoryAccess: the identities that are granted its role."""

from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from wheelhouse.api.meta import LabelSelector, Model, NamespaceName, demand, rule, rules
from wheelhouse.domain import names, principals
from wheelhouse.domain.access import SubjectKind
from wheelhouse.domain.iam import SUBJECT_LIMIT

_SERVICE_ACCOUNT = "must be the name of a Kubernetes ServiceAccount, such as wheels-reader"
_PRINCIPAL = (
    "must be a principal of a workload identity pool or workforce pool with at most 127 characters in its subject, such"
    " as principalSet://iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/my-pool/group/ci"
)
_ONLY_SERVICE_ACCOUNT = "namespace and namespaceSelector are only for the kind ServiceAccount"
_ONE_PLACE = "set namespace or namespaceSelector, not both"
_SELECTS_NOTHING = (
    "must have at least one requirement, because an empty selector matches every namespace of the cluster"
)
_EMAIL = "must be an email address in lower case, such as team@example.com"
_GOOGLE_ACCOUNT = (
    "must be the email address of a Google service account in lower case, such as ci@my-project.iam.gserviceaccount.com"
)


class Subject(Model):
    """An identity that is granted the role."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "self.kind != 'ServiceAccount' || (size(self.name) <= 253 &&"
                f" self.name.matches(r'^({names.DNS_SUBDOMAIN})$'))",
                _SERVICE_ACCOUNT,
                fieldPath=".name",
            ),
            rule(
                "!(self.kind in ['GoogleGroup', 'GoogleUser']) || (size(self.name) <= 320 &&"
                f" self.name.matches(r'^({names.EMAIL})$'))",
                _EMAIL,
                fieldPath=".name",
            ),
            rule(
                "self.kind != 'GoogleServiceAccount' || (size(self.name) <= 320 &&"
                f" self.name.matches(r'^({names.SERVICE_ACCOUNT_EMAIL})$'))",
                _GOOGLE_ACCOUNT,
                fieldPath=".name",
            ),
            rule(
                f"self.kind != 'Principal' || self.name.matches(r'^({principals.PRINCIPAL})$')",
                _PRINCIPAL,
                fieldPath=".name",
            ),
            rule(
                "self.kind != 'Principal' || !self.name.contains('/subject/') ||"
                f" size(self.name) - self.name.indexOf('/subject/') <= {len('/subject/') + SUBJECT_LIMIT}",
                _PRINCIPAL,
                fieldPath=".name",
            ),
            rule(
                "self.kind == 'ServiceAccount' || !(has(self.__namespace__) || has(self.namespaceSelector))",
                _ONLY_SERVICE_ACCOUNT,
            ),
            rule("!(has(self.__namespace__) && has(self.namespaceSelector))", _ONE_PLACE),
            rule(
                "!has(self.namespaceSelector) || (has(self.namespaceSelector.matchLabels) &&"
                " size(self.namespaceSelector.matchLabels) > 0) || (has(self.namespaceSelector.matchExpressions) &&"
                " size(self.namespaceSelector.matchExpressions) > 0)",
                _SELECTS_NOTHING,
                fieldPath=".namespaceSelector",
            ),
        )
    )

    kind: SubjectKind
    """`ServiceAccount`: a Kubernetes ServiceAccount, through Workload Identity. `GoogleServiceAccount`, `GoogleGroup`
    and `GoogleUser`: an identity of Google. `Principal`: an identity of a workload identity pool or workforce pool, or
    a set of them. All kinds but `ServiceAccount` are allowed only in the namespace of the repository."""

    name: Annotated[str, Field(max_length=principals.PRINCIPAL_LENGTH)]
    """The name of the ServiceAccount, an email address in lower case, or for `Principal` an identifier that starts with
    `principal://` or `principalSet://`, in the form that Google's page of principal identifiers lists."""

    namespace: NamespaceName | None = None
    """The namespace of the ServiceAccount. Default: this object's namespace. Another one is allowed only in the
    namespace of the repository. The grant does not require that the ServiceAccount exists."""

    namespace_selector: LabelSelector | None = None
    """Grants the role to the ServiceAccount with this name in every namespace that the selector matches, and revokes it
    when a namespace is deleted or no longer matches. Allowed only in the namespace of the repository. `status.grants`
    shows the names of these namespaces. Each takes the place of one of the 1,500 principals of an IAM policy: for many
    namespaces, use `Principal`."""

    @model_validator(mode="after")
    def _name_fits_kind(self) -> Self:
        match self.kind:
            case SubjectKind.SERVICE_ACCOUNT:
                fits, message = names.is_dns_subdomain(self.name), _SERVICE_ACCOUNT
            case SubjectKind.GOOGLE_SERVICE_ACCOUNT:
                fits, message = names.is_google_service_account(self.name), _GOOGLE_ACCOUNT
            case SubjectKind.PRINCIPAL:
                fits, message = principals.is_principal(self.name), _PRINCIPAL
            case _:
                fits, message = names.is_email(self.name), _EMAIL
        demand(fits, message)
        return self

    @model_validator(mode="after")
    def _place_fits_kind(self) -> Self:
        selector = self.namespace_selector
        placed = self.namespace is not None or selector is not None
        demand(self.kind is SubjectKind.SERVICE_ACCOUNT or not placed, _ONLY_SERVICE_ACCOUNT)
        demand(self.namespace is None or selector is None, _ONE_PLACE)
        demand(selector is None or bool(selector.match_labels or selector.match_expressions), _SELECTS_NOTHING)
        return self

    @property
    def own_account(self) -> bool:
        """Whether it is a ServiceAccount of the access's own namespace."""
        in_own = self.namespace is None and self.namespace_selector is None
        return self.kind is SubjectKind.SERVICE_ACCOUNT and in_own
