"""One interface for two clusters: the contract cases act as people here, on a fake or on a real API server."""

import asyncio
import base64
import itertools
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from fakes.stored_secret import TYPE
from fakes.world import Fakes
from wheelhouse.clients.kubernetes.transport import JSON, MERGE, Call, Reply, Transport
from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.objects import OPT_IN_LABEL, OPT_IN_VALUE, CustomObject, Kind
from wheelhouse.reconcile.ports import Objects, Secrets

Edits = Mapping[str, str | None]
"""Texts by path: `.data.KEY` and `.metadata.labels.KEY`; None removes one."""

ACCESS_SPEC = {"repositoryRef": {"name": "wheels"}, "secret": {"name": "pip", "serviceAccountName": "wheels"}}


async def until(holds: Callable[[], Awaitable[bool]], seconds: float = 30.0) -> None:
    """Wait until a condition holds that the API server causes by itself."""
    for _ in range(int(seconds / 0.05)):
        if await holds():
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{holds.__name__} did not come to hold within {seconds} s")


class Bench(Protocol):
    """What people can do."""

    secrets: Secrets
    objects: Objects

    async def namespace(self, *, opted_in: bool = True) -> str:
        """A new Namespace."""

    async def access(self, namespace: str, name: str = "pull") -> CustomObject:
        """A new RepositoryAccess."""

    async def delete_access(self, key: ObjectKey) -> CustomObject | None:
        """Delete it; return what is left of it while finalizers hold it."""

    async def opt_out(self, namespace: str) -> None:
        """Remove the opt-in label."""

    async def plant(self, namespace: str, name: str, type_: str, data: Mapping[str, str]) -> None:
        """A Secret that a person created with kubectl."""

    async def edit(self, namespace: str, name: str, changes: Edits, manager: str = "kubectl-edit") -> None:
        """A person's edit."""

    async def freeze(self, namespace: str, name: str) -> None:
        """Set `immutable: true`."""

    async def hold_and_delete(self, namespace: str, name: str) -> None:
        """Delete a Secret that has another finalizer."""

    async def terminate(self, namespace: str) -> None:
        """Delete a Namespace with an object that cannot be deleted."""

    async def data(self, namespace: str, name: str) -> dict[str, str] | None:
        """A Secret's texts, None if it does not exist."""

    async def version(self, namespace: str, name: str) -> str:
        """A Secret's resourceVersion."""

    async def owners(self, namespace: str, name: str) -> list[str]:
        """The uids in a Secret's owner references."""


class FakeBench:
    """The fakes."""

    def __init__(self) -> None:
        self._fakes = Fakes()
        self.secrets: Secrets = self._fakes.secrets
        self.objects: Objects = self._fakes.objects
        self._serial = itertools.count(1)

    async def namespace(self, *, opted_in: bool = True) -> str:
        name = f"contract-{next(self._serial)}"
        self._fakes.cluster.put_namespace(name, opted_in=opted_in)
        return name

    async def access(self, namespace: str, name: str = "pull") -> CustomObject:
        return self._fakes.cluster.put(Kind.ACCESS, ObjectKey(namespace, name), ACCESS_SPEC)

    async def delete_access(self, key: ObjectKey) -> CustomObject | None:
        self._fakes.cluster.delete(Kind.ACCESS, key)
        return self._fakes.cluster.get(Kind.ACCESS, key)

    async def opt_out(self, namespace: str) -> None:
        self._fakes.cluster.put_namespace(namespace)

    async def plant(self, namespace: str, name: str, type_: str, data: Mapping[str, str]) -> None:
        self._fakes.secrets.plant(namespace, name, manager="kubectl-create", type_=type_, **data)

    async def edit(self, namespace: str, name: str, changes: Edits, manager: str = "kubectl-edit") -> None:
        self._fakes.cluster.secrets[namespace, name].edit(manager, changes)

    async def freeze(self, namespace: str, name: str) -> None:
        self._fakes.cluster.secrets[namespace, name].immutable = True

    async def hold_and_delete(self, namespace: str, name: str) -> None:
        self._fakes.cluster.secrets[namespace, name].deleting = True

    async def terminate(self, namespace: str) -> None:
        self._fakes.cluster.put_namespace(namespace, opted_in=True, deleting=True)

    async def data(self, namespace: str, name: str) -> dict[str, str] | None:
        stored = self._fakes.cluster.secrets.get((namespace, name))
        return None if stored is None else stored.data

    async def version(self, namespace: str, name: str) -> str:
        return str(self._fakes.cluster.secrets[namespace, name].version)

    async def owners(self, namespace: str, name: str) -> list[str]:
        fields = self._fakes.cluster.secrets[namespace, name].fields
        return [path.rpartition(".")[2] for path in fields if path.startswith(".metadata.ownerReferences.")]


class RealBench:
    """A real API server, with an administrator's transport."""

    _serial = itertools.count(1)

    def __init__(self, admin: Transport, secrets: Secrets, objects: Objects) -> None:
        self._admin = admin
        self.secrets = secrets
        self.objects = objects

    async def namespace(self, *, opted_in: bool = True) -> str:
        name = f"contract-{next(self._serial)}"
        labels = {OPT_IN_LABEL: OPT_IN_VALUE} if opted_in else {}
        await self._do("POST", "/api/v1/namespaces", {"metadata": {"name": name, "labels": labels}})
        return name

    async def access(self, namespace: str, name: str = "pull") -> CustomObject:
        body = {
            "apiVersion": "wheelhouse.dev/v1alpha1",
            "kind": "RepositoryAccess",
            "metadata": {"name": name},
            "spec": ACCESS_SPEC,
        }
        where = f"/apis/wheelhouse.dev/v1alpha1/namespaces/{namespace}/repositoryaccesses"
        return CustomObject.parse((await self._do("POST", where, body)).body)

    async def delete_access(self, key: ObjectKey) -> CustomObject | None:
        where = f"/apis/wheelhouse.dev/v1alpha1/namespaces/{key.namespace}/repositoryaccesses/{key.name}"
        await self._do("DELETE", where)
        left = await self._admin.send(Call("get", "accesses", "GET", where))
        return CustomObject.parse(left.body) if left.ok else None

    async def opt_out(self, namespace: str) -> None:
        await self._merge(f"/api/v1/namespaces/{namespace}", {"metadata": {"labels": {OPT_IN_LABEL: None}}})

    async def plant(self, namespace: str, name: str, type_: str, data: Mapping[str, str]) -> None:
        body = {"metadata": {"name": name}, "type": type_, "data": {k: _encoded(v) for k, v in data.items()}}
        where = f"/api/v1/namespaces/{namespace}/secrets"
        await self._do("POST", where, body, {"fieldManager": "kubectl-create"})

    async def edit(self, namespace: str, name: str, changes: Edits, manager: str = "kubectl-edit") -> None:
        patch: dict[str, Any] = {}
        for path, text in changes.items():
            if path.startswith(".data."):
                value = None if text is None else _encoded(text)
                patch.setdefault("data", {})[path.removeprefix(".data.")] = value
            elif path != TYPE:
                labels = patch.setdefault("metadata", {}).setdefault("labels", {})
                labels[path.removeprefix(".metadata.labels.")] = text
        await self._merge(_secret(namespace, name), patch, {"fieldManager": manager})

    async def freeze(self, namespace: str, name: str) -> None:
        await self._merge(_secret(namespace, name), {"immutable": True}, {"fieldManager": "kubectl-edit"})

    async def hold_and_delete(self, namespace: str, name: str) -> None:
        await self._merge(_secret(namespace, name), {"metadata": {"finalizers": ["example.org/held"]}})
        await self._do("DELETE", _secret(namespace, name))

    async def terminate(self, namespace: str) -> None:
        """A ConfigMap with a finalizer keeps it; objects without one are deleted after a while."""
        held = {"metadata": {"name": "held", "finalizers": ["example.org/held"]}}
        await self._do("POST", f"/api/v1/namespaces/{namespace}/configmaps", held)
        await self._do("DELETE", f"/api/v1/namespaces/{namespace}")
        # Admission sees it through a watch: until then, a dry run would still create.
        where = f"/api/v1/namespaces/{namespace}/configmaps"
        probe = Call("create", "configmaps", "POST", where, {"dryRun": "All"}, {"metadata": {"name": "probe"}})

        async def terminating() -> bool:
            return (await self._admin.send(probe)).terminating

        await until(terminating)

    async def data(self, namespace: str, name: str) -> dict[str, str] | None:
        reply = await self._admin.send(Call("get", "secrets", "GET", _secret(namespace, name)))
        if not reply.ok:
            return None
        return {key: base64.b64decode(text).decode() for key, text in reply.body.get("data", {}).items()}

    async def version(self, namespace: str, name: str) -> str:
        return str((await self._do("GET", _secret(namespace, name))).metadata["resourceVersion"])

    async def owners(self, namespace: str, name: str) -> list[str]:
        references = (await self._do("GET", _secret(namespace, name))).metadata.get("ownerReferences", [])
        # Blocking would need a permission on the access's finalizers that the operator does not have.
        assert all("blockOwnerDeletion" not in reference for reference in references)
        return [reference["uid"] for reference in references]

    async def _merge(self, where: str, patch: Mapping[str, Any], params: Mapping[str, str] | None = None) -> None:
        await self._do("PATCH", where, patch, params, MERGE)

    async def _do(
        self,
        method: str,
        where: str,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, str] | None = None,
        content: str = JSON,
    ) -> Reply:
        reply = await self._admin.send(Call(method.lower(), "as a person", method, where, params or {}, body, content))
        assert reply.ok, reply.body
        return reply


def _secret(namespace: str, name: str) -> str:
    return f"/api/v1/namespaces/{namespace}/secrets/{name}"


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
