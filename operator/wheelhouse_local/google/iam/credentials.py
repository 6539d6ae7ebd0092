"""IAM Credentials: access tokens of service accounts for callers that may act as them.

https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken. Public
threads quote the reply, the error for a denied permission, and the one for a missing account. The errors for a lifetime
that is too long, and for a disabled account, are inferred.
"""

import re
from datetime import UTC, datetime

from google.rpc import error_details_pb2

from wheelhouse_local.google.iam.identities import Identities
from wheelhouse_local.google.iam.lifetimes import USUAL, ExtendedLifetimes
from wheelhouse_local.google.iam.policies import Policies
from wheelhouse_local.google.iam.service_accounts.account import Account
from wheelhouse_local.google.iam.service_accounts.accounts import Accounts
from wheelhouse_local.google.iam.standing import may_authenticate
from wheelhouse_local.google.store import Store
from wheelhouse_local.google.transport.errors import ApiError, unimplemented
from wheelhouse_local.google.transport.route import Asked, Json, Route

PERMISSION = "iam.serviceAccounts.getAccessToken"
_ANY_PROJECT = "-"
_PATH = "/v1/projects/{project}/serviceAccounts/{account:[^/:]+}:generateAccessToken"
_DURATION = re.compile(r"([0-9]{1,9})(\.[0-9]{1,9})?s")


class IamCredentials:
    """Issues tokens; `cap` seconds limit their lifetime (the world's --token-lifetime)."""

    def __init__(
        self, store: Store, accounts: Accounts, policies: Policies, identities: Identities, cap: int | None
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._policies = policies
        self._identities = identities
        self.lifetimes = ExtendedLifetimes(store)
        self._cap = cap

    def table(self) -> list[Route]:
        """The one route."""
        return [Route("POST", _PATH, "IamCredentials.GenerateAccessToken", self._generate)]

    def _generate(self, asked: Asked) -> Json:
        if asked.parts["project"] != _ANY_PROJECT:
            raise _invalid()  # Documented: the hyphen is required.
        if asked.body.get("delegates"):
            raise unimplemented("A chain of delegates")
        account = self._account(asked)
        scopes = asked.body.get("scope")
        if not isinstance(scopes, list) or not scopes or not all(isinstance(scope, str) for scope in scopes):
            raise _invalid()
        lifetime = _seconds(asked.body.get("lifetime", f"{USUAL}s"))
        if not 0 < lifetime <= self.lifetimes.longest(account.project, account.email):
            raise _invalid()
        life = min(lifetime, self._cap or lifetime)
        token = self._identities.issue(account.member, life)
        expires = datetime.fromtimestamp(int(self._identities.now() + life), UTC)
        return {"accessToken": token, "expireTime": expires.strftime("%Y-%m-%dT%H:%M:%SZ")}

    def _account(self, asked: Asked) -> Account:
        """The account of a call, if the caller may act as it."""
        key = asked.parts["account"].lower()
        account = self._accounts.by_unique_id(key) if key.isdigit() else self._accounts.find(key)
        name = account.name if account else f"projects/{_ANY_PROJECT}/serviceAccounts/{key}"
        if not self._policies.allowed(asked.caller, name, PERMISSION):
            raise _denied()
        if account is None:
            raise ApiError("NOT_FOUND", f"Not found; Gaia id not found for email {key}")
        if not may_authenticate(self._store, account.member):
            raise ApiError("FAILED_PRECONDITION", "Service account is disabled.")
        return account


def _seconds(text: object) -> int:
    found = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise _invalid()
    return int(found[1])


def _invalid() -> ApiError:
    return ApiError("INVALID_ARGUMENT", "Request contains an invalid argument.")


def _denied() -> ApiError:
    info = error_details_pb2.ErrorInfo(
        reason="IAM_PERMISSION_DENIED", domain="iam.googleapis.com", metadata={"permission": PERMISSION}
    )
    text = f"Permission '{PERMISSION}' denied on resource (or it may not exist)."
    return ApiError("PERMISSION_DENIED", text, (info,))
