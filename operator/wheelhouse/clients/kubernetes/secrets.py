"""The Secrets port: server-side apply as `wheelhouse.<access uid>`, and never a read.

Replies contain only the metadata (PartialObjectMetadata), so no byte of any Secret's data ever comes back. The form of
the API server's refusals was measured on 1.37, and the contract tests record it.
"""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from wheelhouse.clients.kubernetes.objects import API_VERSION
from wheelhouse.clients.kubernetes.transport import APPLY, METADATA, Call, Reply, Transport, failure, path
from wheelhouse.domain.objects import Kind
from wheelhouse.domain.secret import (
    AUTHENTICATION_ANNOTATION,
    EXPIRES_ANNOTATION,
    SECRET_TYPE,
    Applied,
    Clash,
    Denied,
    SecretManifest,
    SecretReply,
)
from wheelhouse.errors import Conflict, Refused, Unavailable

_MANAGER = re.compile(r'conflict with "((?:[^"\\]|\\.)*)"')
_OPT_IN = re.compile(r"denied request:.*(wheelhouse\.dev/credentials|opted in)")
"""What our admission policy answers for a namespace that has not opted in. Other policies have other messages."""
ASKING = "wheelhouse-release"
"""The field manager of a dry run without data. With the access's own manager, the dry run would drop the data that this
manager owns. The API server rejects such an edit (422) if the Secret is immutable."""


class KubernetesSecrets:
    """Secrets over the API server, with the verbs create, patch and delete.

    Args:
        transport: sends the requests.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def apply(self, secret: SecretManifest, *, force: bool, dry_run: bool = False) -> SecretReply:
        """Apply a Secret as its access.

        Args:
            secret: what to apply; without data it is only {type, labels}, which shows the owner and the state of the
                Secret.
            force: take over the fields that others hold.
            dry_run: change nothing.

        Raises:
            Conflict: the Secret is being deleted, or changed meanwhile.
            Refused: RBAC denies it.
            Invalid, Unavailable: for the API server's errors.
        """
        asking = dry_run and not secret.data
        manager = ASKING if asking else secret.access.manager
        params = {"fieldManager": manager, "force": str(force).lower()} | ({"dryRun": "All"} if dry_run else {})
        call = self._patch(secret.namespace, secret.name, _body(secret), params, verb="ask" if asking else "apply")
        return _read(call, await self._transport.send(call), secret.access.manager, asking=asking)

    async def disown(self, namespace: str, name: str, uid: str, manager: str) -> None:
        """Apply only the uid as `manager`, which removes the fields that only this manager holds.

        With the uid, an absent name is a 409 and not a new Secret, and another Secret of that name is a 422.

        Raises:
            Refused, Unavailable: for the API server's errors.
        """
        body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": namespace, "name": name, "uid": uid}}
        call = self._patch(namespace, name, body, {"fieldManager": manager, "force": "false"}, verb="disown")
        reply = await self._transport.send(call)
        another = any(field == "metadata.uid" for _, field, _ in reply.causes)
        if not reply.ok and reply.status not in {404, 409} and not another and not reply.terminating:
            raise _failure(call, reply)

    async def delete(self, namespace: str, name: str, uid: str) -> None:
        """Delete the Secret with this uid; 404 and 409 (another uid) mean that it does not exist.

        Raises:
            Refused, Unavailable: for the API server's errors.
        """
        call = Call(
            "delete",
            "secrets",
            "DELETE",
            path("/api/v1", namespace, "secrets", name),
            body={"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": uid}},
            accept=METADATA,
        )
        reply = await self._transport.send(call)
        if not reply.ok and reply.status not in {404, 409}:
            raise _failure(call, reply)

    def _patch(self, namespace: str, name: str, body: Mapping[str, Any], params: Mapping[str, str], verb: str) -> Call:
        where = path("/api/v1", namespace, "secrets", name)
        return Call(verb, "secrets", "PATCH", where, params=params, body=body, content=APPLY, accept=METADATA)


def _body(secret: SecretManifest) -> dict[str, Any]:
    metadata: dict[str, Any] = {"namespace": secret.namespace, "name": secret.name, "labels": secret.labels}
    body: dict[str, Any] = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": SECRET_TYPE}
    if secret.annotations:
        metadata["annotations"] = dict(secret.annotations)
    if secret.data:
        body["data"] = {key: base64.b64encode(text.encode()).decode() for key, text in secret.data.items()}
    if secret.owned_by_access:
        metadata["ownerReferences"] = [_owner(secret)]
    return body


def _owner(secret: SecretManifest) -> dict[str, Any]:
    access = secret.access
    return {"apiVersion": API_VERSION, "kind": Kind.ACCESS.kind, "name": access.key.name, "uid": access.uid}


def _read(call: Call, reply: Reply, manager: str, *, asking: bool) -> SecretReply:
    """Return the reply as a value; for a bare dry run with the fields that `manager` owns."""
    match reply.status:
        case 200 | 201:
            return _applied(reply, manager, asking=asking)
        case 404:
            return Denied("The namespace does not exist.", terminating=True)
        case 403:
            return _denied(call, reply)
        case 409:
            return _clash(reply)
        case 422:
            return _unprocessable(call, reply)
    raise _failure(call, reply)


def _applied(reply: Reply, manager: str, *, asking: bool) -> Applied:
    uid = reply.metadata.get("uid")
    if not isinstance(uid, str):
        raise Unavailable("Kubernetes answered an apply without a uid.")
    if "deletionTimestamp" in reply.metadata:
        raise Conflict("The Secret is being deleted.")
    entry = _entry(reply, manager)
    created, written_at = reply.status == 201, str(entry.get("time", ""))
    if not asking:
        return Applied(uid, created, written_at=written_at)
    return Applied(
        uid,
        created,
        owned=frozenset(_leaves(entry.get("fieldsV1"), ())),
        expires_at=_annotation(reply, EXPIRES_ANNOTATION),
        written_at=written_at,
        authentication=_annotation(reply, AUTHENTICATION_ANNOTATION),
    )


def _annotation(reply: Reply, name: str) -> str:
    annotations = reply.metadata.get("annotations")
    text = annotations.get(name) if isinstance(annotations, Mapping) else None
    return text if isinstance(text, str) else ""


def _entry(reply: Reply, manager: str) -> Mapping[str, Any]:
    """What a manager owns by apply; an Update under its name is a person's edit."""
    entries = reply.metadata.get("managedFields")
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, Mapping) and (entry.get("manager"), entry.get("operation")) == (manager, "Apply"):
            return entry
    return {}


def _leaves(fields: object, above: tuple[str, ...]) -> Iterator[str]:
    """The leaves of a `fieldsV1` (https://kubernetes.io/docs/reference/using-api/server-side-apply), as paths.

    `f:NAME` is a field, `k:{...}` an item of a list by its keys, `.` the parent itself.
    """
    inner = {name: value for name, value in fields.items() if name != "."} if isinstance(fields, Mapping) else {}
    if not inner and above:
        yield ".".join(above)
    for name, value in inner.items():
        kind, _, text = str(name).partition(":")
        if kind == "k":
            yield ".".join((*above, _item(text)))
        else:
            yield from _leaves(value, (*above, text))


def _item(keys: str) -> str:
    """An item of a list by the value of its key: the uid of an owner."""
    try:
        found = json.loads(keys)
    except ValueError:
        return keys
    return ".".join(str(value) for value in found.values()) if isinstance(found, Mapping) else keys


def _denied(call: Call, reply: Reply) -> Denied:
    if reply.terminating:
        return Denied(reply.message, terminating=True)
    if _OPT_IN.search(reply.message):
        return Denied(reply.message)
    raise _failure(call, reply)


def _clash(reply: Reply) -> Clash:
    """Managers and fields from causes `FieldManagerConflict` of a 409; without any, another client was faster."""
    causes = [cause for cause in reply.causes if cause[0] == "FieldManagerConflict"]
    if not causes:
        raise Conflict("The Secret changed while it was being written.")
    managers = {found[1] for _, _, message in causes if (found := _MANAGER.search(message))}
    return Clash(tuple(sorted(managers)), foreign_type=any(field == ".type" for _, field, _ in causes))


def _unprocessable(call: Call, reply: Reply) -> Clash:
    fields = {field for _, field, _ in reply.causes}
    if "type" in fields:
        return Clash(foreign_type=True)
    if "data" in fields and any("immutable" in message for _, _, message in reply.causes):
        return Clash(immutable=True)
    raise _failure(call, reply)


def _failure(call: Call, reply: Reply) -> Exception:
    """Validation messages may quote a value, which may be a token, so the error has only the field and the reason."""
    if reply.status == 403:
        return Refused(f"Kubernetes denied the request to {call.verb} a Secret: {reply.message}")
    fields = ", ".join(sorted({f"{field} ({reason})" for reason, field, _ in reply.causes}))
    return failure(call, Reply(reply.status, {"message": fields}))
