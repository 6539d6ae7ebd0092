"""Tokens of tenants' ServiceAccounts (TokenRequest): for one audience, never for the API server."""

import re

from wheelhouse.clients.kubernetes.transport import Call, Transport, failure, path
from wheelhouse.domain.iam import Identity
from wheelhouse.domain.objects import OPT_IN_LABEL, OPT_IN_VALUE
from wheelhouse.domain.reasons import Reason
from wheelhouse.domain.token import Token
from wheelhouse.errors import NotReady, Refused, Unavailable

SHORTEST, LONGEST = 600, 3600
"""Seconds: the API server issues no shorter token, and the admission policy wheelhouse-tokens allows no longer one."""
_OPT_IN = re.compile(r"denied request:.*(wheelhouse\.dev/credentials|opted in)")


class ServiceAccountTokens:
    """Requests tokens from the API server.

    Args:
        transport: sends the requests.
        audience: the only audience of the requests; the admission policy has the same one.
    """

    def __init__(self, transport: Transport, audience: str) -> None:
        self._transport = transport
        self._audience = audience

    async def request(self, identity: Identity, seconds: int) -> Token:
        """A token of a ServiceAccount for `seconds`, at least 600 and at most 3600.

        Raises:
            NotReady: ServiceAccountNotFound, also in a namespace that is being deleted.
            Refused: NotOptedIn by our admission policy, TokenRefused by anything else.
            Unavailable: for the API server's errors.
        """
        call = Call(
            "create",
            "serviceaccounts/token",
            "POST",
            path("/api/v1", identity.namespace, "serviceaccounts", identity.service_account, "token"),
            body={
                "apiVersion": "authentication.k8s.io/v1",
                "kind": "TokenRequest",
                "spec": {"audiences": [self._audience], "expirationSeconds": min(LONGEST, max(SHORTEST, seconds))},
            },
        )
        reply = await self._transport.send(call)
        if reply.status == 404 or reply.terminating:
            message = (
                f"ServiceAccount {identity} does not exist. Create it, or correct its name in "
                "spec.secret.serviceAccountName or spec.subjects."
            )
            raise NotReady(message, Reason.SERVICE_ACCOUNT_NOT_FOUND)
        if reply.status == 403 and _OPT_IN.search(reply.message):
            message = (
                f"Kubernetes denied a token for ServiceAccount {identity}, because its namespace has not opted in. Ask "
                f"the administrator of the namespace to set the label {OPT_IN_LABEL}={OPT_IN_VALUE}."
            )
            raise Refused(message, Reason.NOT_OPTED_IN)
        if reply.status == 403:
            raise Refused(
                f"Kubernetes denied a token for ServiceAccount {identity}: {reply.message}", Reason.TOKEN_REFUSED
            )
        if not reply.ok:
            raise failure(call, reply)
        status = reply.body.get("status")
        token = status.get("token") if isinstance(status, dict) else None
        if not isinstance(token, str) or not token:
            raise Unavailable("Kubernetes answered a TokenRequest without a token.")
        return Token(token)
