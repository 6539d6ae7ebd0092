"""The start-up test which keys of a Secret the admission policies let the operator write, with dry runs.

An administrator may have changed the policies. A key that they deny would stop the refresh of every Secret that has it.
"""

import re
from collections.abc import Collection

from wheelhouse.clients.kubernetes.transport import Call, Transport, path
from wheelhouse.domain.secret import SECRET_TYPE

_OPT_IN = re.compile(r"denied request:.*(wheelhouse\.dev/credentials|opted in)")
"""The denial of a Secret whose keys are allowed: the operator's own namespace has not opted in. The policy checks the
keys first, and the API server returns only the first denial of a policy."""


async def denied_keys(transport: Transport, namespace: str, always: str, keys: Collection[str]) -> frozenset[str]:
    """Try Secrets with these keys.

    Args:
        transport: sends the requests as the operator.
        namespace: the operator's own namespace.
        always: a key that every Secret has. If it is denied too, the reason is another one.
        keys: the keys to try.

    Returns:
        The keys that are denied; empty if the replies do not show it.

    Raises:
        Unavailable: the API server did not answer.
    """
    if await _allowed(transport, namespace, (always, *keys)) or not await _allowed(transport, namespace, (always,)):
        return frozenset()
    return frozenset([key for key in sorted(keys) if not await _allowed(transport, namespace, (always, key))])


async def _allowed(transport: Transport, namespace: str, keys: Collection[str]) -> bool:
    body = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "wheelhouse-self-test", "labels": {"app.kubernetes.io/managed-by": "wheelhouse"}},
        "type": SECRET_TYPE,
        "data": dict.fromkeys(keys, ""),
    }
    where = path("/api/v1", namespace, "secrets")
    reply = await transport.send(Call("create", "secrets", "POST", where, params={"dryRun": "All"}, body=body))
    return reply.status != 403 or _OPT_IN.search(reply.message) is not None
