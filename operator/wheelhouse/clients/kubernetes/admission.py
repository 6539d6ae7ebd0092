"""The start-up test that the admission policies are enforced, with requests that they must deny.

installed.py checks which policies exist. Only a request shows that the API server enforces them.
"""

from wheelhouse.clients.kubernetes.transport import Call, Reply, Transport, path

_REMEDY = "Apply the admission policies of manifests/base (they take a second to be enforced)."


async def enforcement(transport: Transport, namespace: str, service_account: str) -> str | None:
    """Try what must be denied: a Secret of another type (dry run), and a token for the API server.

    Args:
        transport: sends the requests as the operator.
        namespace: the operator's own namespace.
        service_account: the operator's own ServiceAccount; a token that it should not get is discarded.

    Returns:
        None if admission denies both, otherwise a sentence that names what it allows and what to apply.

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
            return complaint
    return None


def _complaint(reply: Reply, what: str) -> str | None:
    if reply.ok:
        return f"No admission policy keeps the operator from {what}. {_REMEDY}"
    # RBAC answers 403 too. Only the policy's own message shows that the policy denied the request.
    if reply.status == 403 and "ValidatingAdmissionPolicy" in reply.message:
        return None
    return f"Could not verify that an admission policy keeps the operator from {what}: {reply.message} {_REMEDY}"
