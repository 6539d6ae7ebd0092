"""A Kubernetes cluster in memory, and the Objects port over it."""

import copy
import itertools
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from fakes.calls import Calls, port_call
from fakes.stored_secret import StoredSecret
from wheelhouse.domain.iam import Identity
from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.objects import OPT_IN_LABEL, OPT_IN_VALUE, CustomObject, Kind, Namespace
from wheelhouse.domain.reasons import ConditionType
from wheelhouse.errors import Conflict


@dataclass(frozen=True, slots=True)
class FakeEvent:
    """A published Event."""

    kind: Kind
    key: ObjectKey
    reason: str
    note: str
    warning: bool


@dataclass(slots=True)
class Cluster:
    """The API server's objects; tests act as users here, the ports act as the operator."""

    namespaces: dict[str, Namespace] = field(default_factory=dict)
    service_accounts: set[tuple[str, str]] = field(default_factory=set)
    google_accounts: dict[tuple[str, str], str] = field(default_factory=dict)
    """The annotation of ServiceAccounts that names a Google service account."""
    objects: dict[tuple[Kind, ObjectKey], dict[str, Any]] = field(default_factory=dict)
    secrets: dict[tuple[str, str], StoredSecret] = field(default_factory=dict)
    events: list[FakeEvent] = field(default_factory=list)
    definitions_deleting: set[Kind] = field(default_factory=set)
    _serial: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    _created: "itertools.count[int]" = field(default_factory=itertools.count)

    def put_namespace(
        self,
        name: str,
        *,
        projects: str = "",
        upstreams: str = "",
        secrets: str = "",
        opted_in: bool = False,
        deleting: bool = False,
        **labels: str,
    ) -> None:
        """Create or change a Namespace."""
        opt_in = {OPT_IN_LABEL: OPT_IN_VALUE} if opted_in else {}
        listed = [
            tuple(part.strip() for part in text.split(",") if part.strip()) for text in (projects, upstreams, secrets)
        ]
        everywhere = {"kubernetes.io/metadata.name": name}
        self.namespaces[name] = Namespace(name, everywhere | labels | opt_in, *listed, deleting)

    def account(self, identity: Identity) -> bool | None:
        """Whether a ServiceAccount exists."""
        return (identity.namespace, identity.service_account) in self.service_accounts

    def google_account(self, identity: Identity) -> str | None:
        """The annotation of a ServiceAccount; None if it does not exist."""
        key = identity.namespace, identity.service_account
        return self.google_accounts.get(key, "") if key in self.service_accounts else None

    def put(self, kind: Kind, key: ObjectKey, spec: Mapping[str, Any], **meta: Any) -> CustomObject:
        """Apply an object as a user: a changed spec increases the generation; `meta` overrides metadata."""
        body = self.objects.get((kind, key))
        if body is None:
            body = {
                "metadata": {
                    "namespace": key.namespace,
                    "name": key.name,
                    "uid": self.uid(),
                    "generation": 0,
                    "creationTimestamp": f"2026-01-01T00:00:{next(self._created) % 60:02d}Z",
                },
                "spec": None,
            }
            self.objects[kind, key] = body
        before = copy.deepcopy(body)
        if body["spec"] != spec:
            body["spec"] = copy.deepcopy(dict(spec))
            body["metadata"]["generation"] += 1
        body["metadata"].update(meta)
        if body != before:
            self.touch(body)
        return CustomObject.parse(copy.deepcopy(body))

    def get(self, kind: Kind, key: ObjectKey) -> CustomObject | None:
        """The current object."""
        body = self.objects.get((kind, key))
        return None if body is None else CustomObject.parse(copy.deepcopy(body))

    def delete(self, kind: Kind, key: ObjectKey) -> None:
        """Delete an object as a user: finalizers hold it."""
        body = self.objects.get((kind, key))
        if body is None:
            return
        if "deletionTimestamp" not in body["metadata"]:
            body["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
            body["metadata"]["generation"] += 1  # as the API server does
            self.touch(body)
        self.collect(kind, key)

    def collect(self, kind: Kind, key: ObjectKey) -> None:
        """Remove a deleted object without finalizers, and the Secrets that it owns."""
        meta = self.objects[kind, key]["metadata"]
        if "deletionTimestamp" not in meta or meta.get("finalizers"):
            return
        del self.objects[kind, key]
        owned = f".metadata.ownerReferences.{meta['uid']}"
        for secret in [name for name, stored in self.secrets.items() if owned in stored.fields]:
            del self.secrets[secret]

    def touch(self, body: dict[str, Any]) -> None:
        """Set a new resourceVersion."""
        body["metadata"]["resourceVersion"] = str(next(self._serial))

    def uid(self) -> str:
        """A fresh uid."""
        return f"00000000-0000-4000-8000-{next(self._serial):012d}"


class FakeObjects:
    """The Objects port: whole status by one manager, with the resourceVersion; conditions of others stay."""

    PORT = "objects"

    def __init__(self, cluster: Cluster, calls: Calls) -> None:
        self._cluster = cluster
        self.calls = calls

    def _find(self, kind: Kind, stored: CustomObject) -> dict[str, Any] | None:
        body = self._cluster.objects.get((kind, stored.key))
        if body is None:
            return None
        if body["metadata"]["resourceVersion"] != stored.resource_version or body["metadata"]["uid"] != stored.uid:
            raise Conflict("the object has been modified")
        return body

    @port_call
    async def write_status(self, kind: Kind, stored: CustomObject, status: Mapping[str, Any]) -> CustomObject | None:
        body = self._find(kind, stored)
        if body is None:
            return None
        # A status that another client wrote may have any form: a value of another type counts as empty.
        found = body.get("status")
        current: dict[str, Any] = found if isinstance(found, dict) else {}
        listed = current.get("conditions")
        rows = [row for row in listed if isinstance(row, dict)] if isinstance(listed, list) else []
        foreign = [row for row in rows if row.get("type") not in set(ConditionType)]
        after = copy.deepcopy(dict(status))
        if conditions := [*after.get("conditions", ()), *copy.deepcopy(foreign)]:
            after["conditions"] = conditions
        if after != current:
            body["status"] = after
            self._cluster.touch(body)
            self.calls.changes.append(f"status {stored.key}")
        return CustomObject.parse(copy.deepcopy(body))

    @port_call
    async def set_finalizers(self, kind: Kind, stored: CustomObject, names: Collection[str]) -> CustomObject | None:
        body = self._find(kind, stored)
        if body is None:
            return None
        if tuple(body["metadata"].get("finalizers", ())) != tuple(names):
            if body["metadata"].get("deletionTimestamp") and not set(names) <= set(body["metadata"]["finalizers"]):
                raise AssertionError("no finalizer can be added to an object that is being deleted")
            body["metadata"]["finalizers"] = list(names)
            self._cluster.touch(body)
            self.calls.changes.append(f"finalizers {stored.key}")
        result = CustomObject.parse(copy.deepcopy(body))
        self._cluster.collect(kind, stored.key)
        return result

    @port_call
    async def event(self, kind: Kind, stored: CustomObject, reason: str, note: str, *, warning: bool = False) -> None:
        self._cluster.events.append(FakeEvent(kind, stored.key, reason, note, warning))

    @port_call
    async def definition_deleting(self, kind: Kind) -> bool:
        return kind in self._cluster.definitions_deleting

    @port_call
    async def access_uids(self) -> Mapping[str, ObjectKey]:
        accesses = [(key, body) for (kind, key), body in self._cluster.objects.items() if kind is Kind.ACCESS]
        return {body["metadata"]["uid"]: key for key, body in accesses}


def namespace_body(namespace: Namespace, **meta: Any) -> dict[str, Any]:
    """A Namespace as the API server's JSON; `meta` is more of its metadata."""
    annotations = {
        "wheelhouse.dev/projects": ", ".join(namespace.projects),
        "wheelhouse.dev/upstreams": ", ".join(namespace.upstreams),
        "wheelhouse.dev/upstream-secrets": ", ".join(namespace.upstream_secrets),
    }
    deleting = {"deletionTimestamp": "2026-01-01T00:00:00Z"} if namespace.deleting else {}
    known = {"name": namespace.name, "labels": dict(namespace.labels), "annotations": annotations}
    return {"metadata": known | deleting | meta}
