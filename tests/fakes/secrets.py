"""The Secrets port in memory: field managers, types, immutability, the opt-in rule, uids."""

from collections.abc import Mapping

from fakes.calls import Calls, port_call
from fakes.clock import Clock
from fakes.kubernetes import Cluster
from fakes.stored_secret import TYPE, StoredSecret
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
from wheelhouse.errors import Conflict, Refused

ASKING = "wheelhouse-release"
"""The real client sends a bare dry run with a separate manager, so that it drops nothing."""


class FakeSecrets:
    """Answers like the API server with the shipped admission policy."""

    PORT = "secrets"

    def __init__(self, cluster: Cluster, clock: Clock, calls: Calls) -> None:
        self._cluster = cluster
        self._clock = clock
        self.calls = calls

    def plant(
        self, namespace: str, name: str, *, manager: str = "kubectl", type_: str = "Opaque", **data: str
    ) -> StoredSecret:
        """A Secret that another client wrote."""
        fields = {TYPE: type_} | {f".data.{key}": text for key, text in data.items()}
        stored = StoredSecret(self._cluster.uid(), fields, {manager: set(fields)})
        self._cluster.secrets[namespace, name] = stored
        return stored

    @port_call
    async def apply(self, secret: SecretManifest, *, force: bool, dry_run: bool = False) -> SecretReply:
        stored = self._cluster.secrets.get((secret.namespace, secret.name))
        wanted = _fields(secret)
        asking = dry_run and not secret.data
        manager = ASKING if asking else secret.access.manager
        if stored is None:
            reply = self._create(secret, manager, wanted, dry_run=dry_run)
            return _told(reply, StoredSecret("", {}), secret) if asking else reply
        clashes = stored.clashes(manager, wanted)
        if clashes and not force:
            return Clash(tuple(sorted(clashes)), foreign_type=any(TYPE in paths for paths in clashes.values()))
        if stored.type != SECRET_TYPE:
            return Clash(foreign_type=True)
        reply = self._update(secret, stored, manager, wanted, dry_run=dry_run)
        return _told(reply, stored, secret) if asking else reply

    def _create(self, secret: SecretManifest, manager: str, wanted: Mapping[str, str], *, dry_run: bool) -> SecretReply:
        namespace = self._cluster.namespaces.get(secret.namespace)
        if namespace is None or namespace.deleting:
            return Denied(f"namespace {secret.namespace} is being terminated", terminating=True)
        if not namespace.opted_in:
            return Denied(f"Namespace {secret.namespace} has not opted in.")
        created = StoredSecret(self._cluster.uid(), {})
        created.apply(manager, wanted)
        created.times[manager] = self._clock.now()
        if not dry_run:
            self._cluster.secrets[secret.namespace, secret.name] = created
            self.calls.changes.append(f"create secret {secret.namespace}/{secret.name}")
        return Applied(created.uid, created=True, written_at=created.times[manager].isoformat())

    def _update(
        self, secret: SecretManifest, stored: StoredSecret, manager: str, wanted: Mapping[str, str], *, dry_run: bool
    ) -> SecretReply:
        after = stored.copy()
        changed = after.apply(manager, wanted)
        if changed or manager not in after.times:
            after.times[manager] = self._clock.now()
        if stored.immutable and after.data != stored.data:
            return Clash(immutable=True)
        namespace = self._cluster.namespaces.get(secret.namespace)
        only_removes = after.data.items() <= stored.data.items()
        if not only_removes and (namespace is None or not namespace.opted_in):
            return Denied(f"Namespace {secret.namespace} has not opted in.")
        if stored.deleting:
            raise Conflict("The Secret is being deleted.")
        if not dry_run:
            self._cluster.secrets[secret.namespace, secret.name] = after
            if changed:
                self.calls.changes.append(f"update secret {secret.namespace}/{secret.name}")
        return Applied(stored.uid, created=False, written_at=after.times[manager].isoformat())

    @port_call
    async def disown(self, namespace: str, name: str, uid: str, manager: str) -> None:
        stored = self._cluster.secrets.get((namespace, name))
        if stored is None or stored.uid != uid:
            return
        if stored.apply(manager, {}):
            self.calls.changes.append(f"disown secret {namespace}/{name}")

    @port_call
    async def delete(self, namespace: str, name: str, uid: str) -> None:
        stored = self._cluster.secrets.get((namespace, name))
        if stored is None or stored.uid != uid:
            return
        if stored.type != SECRET_TYPE:
            raise Refused("The admission policy lets Wheelhouse delete only Secrets of its own type.")
        del self._cluster.secrets[namespace, name]
        self.calls.changes.append(f"delete secret {namespace}/{name}")


def _told(reply: SecretReply, stored: StoredSecret, secret: SecretManifest) -> SecretReply:
    """A bare dry run also returns what the access's manager owns, and two annotations."""
    if not isinstance(reply, Applied):
        return reply
    owned = frozenset(path.removeprefix(".") for path in stored.managers.get(secret.access.manager, ()))
    expires_at = stored.fields.get(f".metadata.annotations.{EXPIRES_ANNOTATION}", "")
    written = stored.times.get(secret.access.manager)
    authentication = stored.fields.get(f".metadata.annotations.{AUTHENTICATION_ANNOTATION}", "")
    return Applied(reply.uid, reply.created, owned, expires_at, written.isoformat() if written else "", authentication)


def _fields(secret: SecretManifest) -> dict[str, str]:
    fields = {TYPE: SECRET_TYPE}
    fields |= {f".data.{key}": text for key, text in secret.data.items()}
    fields |= {f".metadata.labels.{key}": text for key, text in secret.labels.items()}
    fields |= {f".metadata.annotations.{key}": text for key, text in secret.annotations.items()}
    if secret.owned_by_access:
        fields[f".metadata.ownerReferences.{secret.access.uid}"] = secret.access.key.name
    return fields
