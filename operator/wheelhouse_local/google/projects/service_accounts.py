"""IAM service accounts over REST: what `gcloud iam service-accounts` calls.

https://cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts. Successful replies and the 404 are
recorded in public HTTP logs of k8s-config-connector. Public threads quote the errors for a denied permission, for an
account that exists already, and for keys. Other errors are inferred.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import quote

from google.rpc import error_details_pb2

from wheelhouse_local.google.iam.policies import Policies
from wheelhouse_local.google.iam.principals import Principals
from wheelhouse_local.google.iam.routes import PolicyRoutes
from wheelhouse_local.google.iam.service_accounts.account import Account
from wheelhouse_local.google.iam.service_accounts.accounts import Accounts
from wheelhouse_local.google.projects.lifecycle import Projects
from wheelhouse_local.google.projects.project import Project
from wheelhouse_local.google.transport.caller import Caller
from wheelhouse_local.google.transport.errors import ApiError, unimplemented
from wheelhouse_local.google.transport.route import Asked, Json, Route

SERVICE = "Iam"
_ID = re.compile(r"[a-z](?=.{5,29}$)[a-z0-9-]*[a-z0-9]")  # The published form, with 6 to 30 characters.
_FIELDS = {"displayName": ("display_name", 100), "description": ("description", 256)}
"""Fields that a caller can set: our name, and the maximum number of UTF-8 bytes (published)."""
_PAGE, _LARGEST_PAGE = 20, 100
_PARENT = "/v1/projects/{project}/serviceAccounts"
_ACCOUNT = f"{_PARENT}/{{account:[^/:]+}}"
_ANY_PROJECT = "-"


class ServiceAccounts:
    """The accounts of projects. A path can have `-` instead of the project, and a unique id instead of the e-mail."""

    def __init__(self, projects: Projects, policies: Policies, accounts: Accounts, principals: Principals) -> None:
        self._projects = projects
        self._policies = policies
        self._accounts = accounts
        self._principals = principals

    def table(self) -> list[Route]:
        """The routes."""
        policy = PolicyRoutes(self._policies, SERVICE, "iam.serviceAccounts", self._named, self._require)
        return [
            Route("POST", _PARENT, f"{SERVICE}.CreateServiceAccount", self._create),
            Route("GET", _PARENT, f"{SERVICE}.ListServiceAccounts", self._list),
            Route("GET", _ACCOUNT, f"{SERVICE}.GetServiceAccount", self._get),
            Route("PATCH", _ACCOUNT, f"{SERVICE}.PatchServiceAccount", self._patch),
            Route("DELETE", _ACCOUNT, f"{SERVICE}.DeleteServiceAccount", self._delete),
            Route("POST", f"{_ACCOUNT}:undelete", f"{SERVICE}.UndeleteServiceAccount", self._undelete),
            Route("POST", f"{_ACCOUNT}:disable", f"{SERVICE}.DisableServiceAccount", self._disable),
            Route("POST", f"{_ACCOUNT}:enable", f"{SERVICE}.EnableServiceAccount", self._enable),
            Route("POST", f"{_ACCOUNT}/keys", f"{SERVICE}.CreateServiceAccountKey", self._create_key),
            Route("POST", f"{_ACCOUNT}/keys:upload", f"{SERVICE}.UploadServiceAccountKey", self._upload_key),
            *policy.table(_ACCOUNT, get="POST"),
        ]

    def _create(self, asked: Asked) -> Json:
        project = self._project(asked, "iam.serviceAccounts.create")
        account_id = str(asked.body.get("accountId") or "")
        if not _ID.fullmatch(account_id):
            text = f"{account_id!r} is not an account id: 6 to 30 lower-case letters, digits and -, such as ci-runner."
            raise ApiError("INVALID_ARGUMENT", text)
        email = project.account(account_id)
        if self._accounts.find(email) is not None:
            text = f"Service account {account_id} already exists within project projects/{project.id}."
            resource = error_details_pb2.ResourceInfo(resource_name=f"projects/{project.id}/serviceAccounts/{email}")
            raise ApiError("ALREADY_EXISTS", text, (resource,))
        return self._accounts.add(email, project.id, **_checked(asked.body.get("serviceAccount"), _FIELDS)).document()

    def _list(self, asked: Asked) -> Json:
        found = self._accounts.of(self._project(asked, "iam.serviceAccounts.list").id)
        size, after = _page(asked.query)
        rest = [account for account in found if account.email > after]
        page: Json = {"accounts": [account.document() for account in rest[:size]]} if rest else {}
        if len(rest) > size:
            page["nextPageToken"] = base64.urlsafe_b64encode(rest[size - 1].email.encode()).decode()
        return page

    def _get(self, asked: Asked) -> Json:
        return self._found(asked, "iam.serviceAccounts.get").document()

    def _patch(self, asked: Asked) -> Json:
        """The reply has only the changed fields and the name (recorded)."""
        account = self._found(asked, "iam.serviceAccounts.update")
        mask = str(asked.body.get("updateMask") or "")
        if not mask:
            raise unimplemented("A change of a service account without a mask")
        names = {"display_name" if path == "displayName" else path for path in mask.split(",")}
        fields = {name: row for name, row in _FIELDS.items() if row[0] in names}
        if len(fields) != len(names):
            raise ApiError("INVALID_ARGUMENT", f"Only {' and '.join(_FIELDS)} of a service account can be changed.")
        changed = account.with_texts(_checked(asked.body.get("serviceAccount"), fields))
        self._accounts.change(changed)
        return {name: value for name, value in changed.document().items() if name in fields or name == "name"}

    def _delete(self, asked: Asked) -> Json:
        self._principals.delete_account(self._found(asked, "iam.serviceAccounts.delete"))
        return {}

    def _undelete(self, asked: Asked) -> Json:
        account = self._accounts.deleted(asked.parts["account"])
        owner = account.project if account else self._key(asked.parts)
        self._require(asked.caller, f"projects/{owner}", "iam.serviceAccounts.undelete")
        if account is None:
            raise _unknown()
        if self._accounts.find(account.email) is not None:
            text = f"A new service account {account.email} exists: delete it to undelete this one."
            raise ApiError("FAILED_PRECONDITION", text)
        self._principals.restore_account(account)
        return {"restoredAccount": account.document()}

    def _disable(self, asked: Asked) -> Json:
        self._accounts.change(replace(self._found(asked, "iam.serviceAccounts.disable"), disabled=True))
        return {}

    def _enable(self, asked: Asked) -> Json:
        self._accounts.change(replace(self._found(asked, "iam.serviceAccounts.enable"), disabled=False))
        return {}

    def _create_key(self, asked: Asked) -> Json:
        """Keys are never created, as under the organization policy against them: Wheelhouse exists to avoid keys."""
        account = self._found(asked, "iam.serviceAccountKeys.create")
        raise _keyless(account, "Creation", "Key creation is not allowed on this service account.")

    def _upload_key(self, asked: Asked) -> Json:
        account = self._found(asked, "iam.serviceAccountKeys.create")
        constraint = "`constraints/iam.disableServiceAccountKeyUpload`"
        text = f"Constraint {constraint} violated for service account {account.name} attempting to upload public key."
        raise _keyless(account, "Upload", text)

    def _project(self, asked: Asked, permission: str) -> Project:
        """The project of a call, if the caller has the permission on it."""
        found = self._projects.find(asked.parts["project"])
        self._require(asked.caller, f"projects/{found.id}" if found else "", permission)
        if found is None:
            raise _denied(permission)
        return found

    def _found(self, asked: Asked, permission: str) -> Account:
        """The account of a call, if the caller has the permission: without a project, a missing one is denied."""
        self._require(asked.caller, self._named(asked.parts), permission)
        account = self._account(asked.parts)
        if account is None:
            raise _unknown()
        return account

    def _account(self, parts: Mapping[str, str]) -> Account | None:
        key = parts["account"]
        found = self._accounts.by_unique_id(key) if key.isdigit() else self._accounts.find(key.lower())
        return found if found and self._key(parts) in {_ANY_PROJECT, found.project} else None

    def _named(self, parts: Mapping[str, str]) -> str:
        found = self._account(parts)
        return found.name if found else f"projects/{self._key(parts)}/serviceAccounts/{parts['account']}"

    def _key(self, parts: Mapping[str, str]) -> str:
        """The id of the project in a path, or what the path has instead."""
        found = self._projects.find(parts["project"])
        return found.id if found else parts["project"]

    def _require(self, caller: Caller, name: str, permission: str) -> None:
        if not self._policies.allowed(caller, name, permission):
            raise _denied(permission)


def _checked(body: object, fields: Mapping[str, tuple[str, int]]) -> dict[str, str]:
    """The settable fields in a request, by our names."""
    given = body if isinstance(body, dict) else {}
    found = {}
    for name, (ours, most) in fields.items():
        value = given.get(name) or ""
        if not isinstance(value, str) or len(value.encode()) > most:
            raise ApiError("INVALID_ARGUMENT", f"{name} must be a text of at most {most} bytes.")
        found[ours] = value
    return found


def _page(query: Mapping[str, str]) -> tuple[int, str]:
    """The size of a page, and the e-mail after which it begins; the form of tokens is ours."""
    try:
        size = int(query.get("pageSize") or _PAGE)
        after = base64.b64decode(query.get("pageToken", ""), altchars=b"-_", validate=True).decode()
    except ValueError:
        size, after = 0, ""
    if size < 1:
        raise ApiError("INVALID_ARGUMENT", "Request contains an invalid argument.")
    return min(size, _LARGEST_PAGE), after


def _unknown() -> ApiError:
    return ApiError("NOT_FOUND", "Unknown service account")


def _denied(permission: str) -> ApiError:
    info = error_details_pb2.ErrorInfo(
        reason="IAM_PERMISSION_DENIED", domain="iam.googleapis.com", metadata={"permission": permission}
    )
    text = f"Permission '{permission}' denied on resource (or it may not exist)."
    return ApiError("PERMISSION_DENIED", text, (info,))


def _keyless(account: Account, what: str, text: str) -> ApiError:
    violation = error_details_pb2.PreconditionFailure.Violation(
        type=f"constraints/iam.disableServiceAccountKey{what}",
        subject=f"{account.name}?configvalue={quote(account.email, safe='')}",
        description=text,
    )
    return ApiError("FAILED_PRECONDITION", text, (error_details_pb2.PreconditionFailure(violations=[violation]),))
