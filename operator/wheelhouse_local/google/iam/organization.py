"""The organization policy of allowed domains: who may get a grant in a project.

https://cloud.google.com/resource-manager/docs/organization-policy/restricting-domains. The real constraint lists the
customer ids of organizations. Here it lists domains, and each project of this world belongs to the same organization.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from google.rpc import error_details_pb2

from wheelhouse_local.google.store import Store
from wheelhouse_local.google.transport.errors import ApiError

KIND = "organization-policy"
CONSTRAINT = "constraints/iam.allowedPolicyMemberDomains"
_POOL = re.compile(r"//iam\.googleapis\.com/projects/([0-9]+)/")
_LEGACY_POOL = re.compile(r"(.+)\.svc\.id\.goog\[.*\]")


class Owned(NamedTuple):
    """Whether this world has a project (id or number), and whether a service account (e-mail) is in one of them."""

    project: Callable[[str], bool]
    account: Callable[[str], bool]


class AllowedDomains:
    """The constraint by project; it applies to new grants only, as documented."""

    def __init__(self, store: Store, owned: Owned) -> None:
        self._store = store
        self._owned = owned

    def get(self, project: str) -> list[str] | None:
        """The allowed domains of a project; None if all principals are allowed."""
        row = self._store.get(KIND, _row(project))
        return None if row is None else [str(domain) for domain in row["domains"]]

    def set(self, project: str, domains: Sequence[str] | None) -> None:
        """Set the allowed domains of a project; None removes the constraint."""
        if domains is None:
            self._store.delete(KIND, _row(project))
        else:
            self._store.put(KIND, _row(project), {"domains": sorted({domain.lower() for domain in domains})})

    def check(self, resource: str, added: Iterable[str]) -> None:
        """Reject new members that are not allowed in the project of a resource.

        Message and details are quoted in public threads; that all rejected members are in the details is inferred.

        Raises:
            ApiError: FAILED_PRECONDITION.
        """
        project = resource.split("/")[1]
        domains = self.get(project)
        if domains is None:
            return
        rejected = [_shown(member) for member in dict.fromkeys(added) if not self._allowed(member, domains)]
        if not rejected:
            return
        violations = [
            error_details_pb2.PreconditionFailure.Violation(
                type=CONSTRAINT,
                subject=f"orgpolicy:projects/{project}?configvalue={who}",
                description=f"User {who} is not in permitted organization.",
            )
            for who in rejected
        ]
        raise ApiError(
            "FAILED_PRECONDITION",
            "One or more users named in the policy do not belong to a permitted customer.",
            (error_details_pb2.PreconditionFailure(violations=violations),),
        )

    def _allowed(self, member: str, domains: Sequence[str]) -> bool:
        """Whether a member belongs to an allowed domain, or to a project here. Workforce pools do not: inferred."""
        prefix, _, value = member.partition(":")
        if prefix in {"principal", "principalSet"}:
            pool = _POOL.match(value)
            return pool is not None and self._owned.project(pool[1])
        if (legacy := _LEGACY_POOL.fullmatch(value)) is not None:
            return self._owned.project(legacy[1])
        if prefix == "serviceAccount" and self._owned.account(value):
            return True
        return bool(value) and value.rpartition("@")[2] in domains


def _row(project: str) -> str:
    """The name of the row, which is forgotten with the project."""
    return f"projects/{project}/policies/iam.allowedPolicyMemberDomains"


def _shown(member: str) -> str:
    """A member in the error: an e-mail without its type (quoted), others whole (inferred)."""
    prefix, _, value = member.partition(":")
    return value if value and prefix not in {"principal", "principalSet"} else member
