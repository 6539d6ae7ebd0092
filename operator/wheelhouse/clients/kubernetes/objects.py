"""The Objects port, and the lists that the runtime compares with what its watches delivered."""

from collections.abc import Collection, Mapping
from typing import Any

from wheelhouse.clients.kubernetes.events import Events
from wheelhouse.clients.kubernetes.lists import Listing
from wheelhouse.clients.kubernetes.transport import (
    MERGE,
    METADATA,
    METADATA_LIST,
    Call,
    Reply,
    Transport,
    failure,
    path,
)
from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.objects import CustomObject, Kind
from wheelhouse.domain.reasons import foreign_conditions
from wheelhouse.errors import Unavailable

GROUP = "wheelhouse.dev"
API_VERSION = f"{GROUP}/v1alpha1"
API = f"/apis/{API_VERSION}"
MANAGER = "wheelhouse-operator"


class KubernetesObjects:
    """Our own kinds in the API server. Only two of the requests write them.

    Args:
        transport: sends the requests.
        events: publishes Events.
    """

    def __init__(self, transport: Transport, events: Events) -> None:
        self._transport = transport
        self._events = events

    async def write_status(self, kind: Kind, stored: CustomObject, status: Mapping[str, Any]) -> CustomObject | None:
        """Replace the status; conditions of other types, which other controllers wrote, stay.

        A server-side apply would leave the fields that another client wrote, or fail if they alone are not valid.

        Returns:
            The object as it is now, or None if it does not exist.

        Raises:
            Conflict: it changed since it was read, or it is another object of the same name (the API server rejects a
                wrong resourceVersion; it ignores a wrong uid alone here).
            Invalid, Refused, Unavailable: for the API server's errors.
        """
        before = stored.status
        rows = [*status.get("conditions", ()), *foreign_conditions(before)]
        after = {**status, "conditions": rows} if rows else status
        call = Call(
            "patch",
            f"{kind.value}/status",
            "PATCH",
            path(API, stored.key.namespace, kind.value, stored.key.name, "status"),
            params={"fieldManager": MANAGER},
            body={"metadata": {"resourceVersion": stored.resource_version}, "status": _replacing(before, after)},
            content=MERGE,
        )
        return self._object(call, await self._transport.send(call))

    async def set_finalizers(self, kind: Kind, stored: CustomObject, names: Collection[str]) -> CustomObject | None:
        """Replace the finalizers with a merge patch that contains the resourceVersion.

        Returns:
            The object as it is now; if it is being deleted and has no finalizers left, this deletes it. None if it did
            not exist.

        Raises:
            Conflict: it changed since it was read.
            Invalid, Refused, Unavailable: for the API server's errors.
        """
        call = Call(
            "patch",
            kind.value,
            "PATCH",
            path(API, stored.key.namespace, kind.value, stored.key.name),
            params={"fieldManager": MANAGER},
            body={
                "metadata": {
                    "resourceVersion": stored.resource_version,
                    "finalizers": list(names) or None,
                }
            },
            content=MERGE,
        )
        return self._object(call, await self._transport.send(call))

    async def event(self, kind: Kind, stored: CustomObject, reason: str, note: str, *, warning: bool = False) -> None:
        """Publish an Event about an object; a failure is logged, never raised."""
        regarding = {
            "apiVersion": API_VERSION,
            "kind": kind.kind,
            "namespace": stored.key.namespace,
            "name": stored.key.name,
            "uid": stored.uid,
            "resourceVersion": stored.resource_version,
        }
        await self._events.publish(regarding, reason, note, warning=warning)

    async def definition_deleting(self, kind: Kind) -> bool:
        """Whether the kind's CustomResourceDefinition is being deleted or missing; only its metadata is requested.

        Raises:
            Refused, Unavailable: for the API server's errors.
        """
        where = path("/apis/apiextensions.k8s.io/v1", None, "customresourcedefinitions", f"{kind.value}.{GROUP}")
        call = Call("get", "customresourcedefinitions", "GET", where, accept=METADATA)
        reply = await self._transport.send(call)
        if reply.status == 404:
            return True
        if not reply.ok:
            raise failure(call, reply)
        return "deletionTimestamp" in reply.metadata

    async def access_uids(self) -> Mapping[str, ObjectKey]:
        """All RepositoryAccesses by their uids: a fresh list of their metadata.

        Raises:
            Refused, Unavailable: the complete list is not available.
        """
        plural = Kind.ACCESS.value
        found: dict[str, ObjectKey] = {}
        async for item in Listing(self._transport, path(API, None, plural), plural, METADATA_LIST):
            meta = item.get("metadata")
            if not isinstance(meta, Mapping) or not isinstance(meta.get("uid"), str):
                raise Unavailable("Kubernetes returned something other than a list of accesses.")
            found[meta["uid"]] = ObjectKey(str(meta.get("namespace")), str(meta.get("name")))
        return found

    def list_all(self, kind: Kind) -> Listing:
        """All objects of a kind as JSON."""
        return Listing(self._transport, path(API, None, kind.value), kind.value)

    def list_namespaces(self) -> Listing:
        """All Namespaces: their metadata alone."""
        return Listing(self._transport, path("/api/v1", None, "namespaces"), "namespaces", METADATA_LIST)

    async def kube_system_uid(self) -> str:
        """The UID of the Namespace kube-system, which identifies the cluster for its lifetime.

        Raises:
            Refused, Unavailable: for the API server's errors.
        """
        call = Call("get", "namespaces", "GET", path("/api/v1", None, "namespaces", "kube-system"), accept=METADATA)
        reply = await self._transport.send(call)
        uid = reply.metadata.get("uid")
        if not reply.ok or not isinstance(uid, str):
            raise failure(call, reply)
        return uid

    def _object(self, call: Call, reply: Reply) -> CustomObject | None:
        if reply.status == 404:
            return None
        if not reply.ok:
            raise failure(call, reply)
        try:
            return CustomObject.parse(reply.body)
        except (KeyError, TypeError, AttributeError):
            raise Unavailable(f"Kubernetes returned an unexpected response to {call.verb} {call.kind}.") from None


def _replacing(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """The merge patch (RFC 7386) that makes one JSON object of another: what is to be removed is null."""
    patch: dict[str, Any] = dict.fromkeys(before.keys() - after.keys())
    for name, value in after.items():
        old = before.get(name)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            patch[name] = _replacing(old, value)
        else:
            patch[name] = value
    return patch
