"""The start-up test that the admission policies are enforced, with requests that they must deny.

installed.py checks which policies exist. Only a request shows that the API server enforces them.
"""

from collections.abc import Mapping

from wheelhouse.clients.http import reduced
from wheelhouse.clients.kubernetes.transport import Call, Reply, Transport, path

_REVIEWS, _PLURAL = "/apis/authentication.k8s.io/v1", "selfsubjectreviews"
_REMEDY = "Apply the admission policies of manifests/base (they take a second to be enforced)."


async def enforcement(transport: Transport, namespace: str, service_account: str) -> str | None:
    """Try what must be denied: a Secret of another type (dry run), and a token for the API server.

    The policies limit only the operator's ServiceAccount. With the login of a person, such as a cluster administrator,
    the requests are allowed or denied for another reason, so the complaint names that login.

    Args:
        transport: sends the requests as the operator.
        namespace: the operator's own namespace.
        service_account: the operator's own ServiceAccount; a token that it should not get is discarded.

    Returns:
        None if admission denies both, otherwise sentences that name what it allows and what to do.

    Raises:
        Unavailable: the API server did not answer.
    """
    secret = Call(
        "create",
        "secrets",
        "POST",
        path("/api/v1", namespace, "secrets"),
        params={"dryRun": "All"},
        body={"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "wheelhouse-self-test"}, "type": "Opaque"},
    )
    token = Call(
        "create",
        "serviceaccounts/token",
        "POST",
        path("/api/v1", namespace, "serviceaccounts", service_account, "token"),
        # Without an audience, the token is for the API server.
        body={
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"audiences": [], "expirationSeconds": 600},
        },
    )
    for call, what in ((secret, "writing Secrets of other types"), (token, "requesting tokens for the API server")):
        complaint = _complaint(await transport.send(call), what)
        if complaint is not None:
            return await _another_login(transport, f"system:serviceaccount:{namespace}:{service_account}") or complaint
    return None


async def _another_login(transport: Transport, account: str) -> str | None:
    """What is wrong with a login that is not the operator's ServiceAccount; None if it is that, or is not known."""
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    reply = await transport.send(Call("create", "selfsubjectreviews", "POST", path(_REVIEWS, None, _PLURAL), body=body))
    status = reply.body.get("status")
    info = status.get("userInfo") if isinstance(status, Mapping) else None
    user = info.get("username") if isinstance(info, Mapping) else None
    if not isinstance(user, str) or user == account:
        return None
    return (
        f"The operator is logged in to Kubernetes as {reduced(user)!r}, not as its ServiceAccount {account}. "
        "This login may have more permissions than manifests/base grants, and no admission policy limits it. "
        "Run the operator in its Deployment, or with a kubeconfig of that ServiceAccount."
    )


def _complaint(reply: Reply, what: str) -> str | None:
    if reply.ok:
        return f"No admission policy keeps the operator from {what}. {_REMEDY}"
    # RBAC answers 403 too. Only the policy's own message shows that the policy denied the request.
    if reply.status == 403 and "ValidatingAdmissionPolicy" in reply.message:
        return None
    return f"Could not verify that an admission policy keeps the operator from {what}: {reply.message} {_REMEDY}"
