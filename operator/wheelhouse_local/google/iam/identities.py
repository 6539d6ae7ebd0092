"""Access tokens and their identities."""

import hashlib
import math
import secrets
from collections.abc import Callable, Sequence

from wheelhouse_local.constants import CLUSTER, LOCATION, POOL, PROJECT, PROJECT_NUMBER, PROVIDER
from wheelhouse_local.google.iam.standing import may_authenticate
from wheelhouse_local.google.store import Document, Store
from wheelhouse_local.google.transport.caller import Caller

POOL_NAME = f"iam.googleapis.com/projects/{PROJECT_NUMBER}/locations/global/workloadIdentityPools/{POOL}"
FEDERATED_POOL = f"iam.googleapis.com/{PROVIDER.partition('/providers/')[0]}"
KIND, GROUP = "token", "group"


def service_account_identity(namespace: str, name: str) -> str:
    """The IAM member of a Kubernetes ServiceAccount (https://cloud.google.com/iam/docs/principal-identifiers)."""
    return f"principal://{POOL_NAME}/subject/ns/{namespace}/sa/{name}"


def federated_identity(namespace: str, name: str) -> str:
    """The IAM member of a ServiceAccount outside GKE: the provider maps `google.subject` to `assertion.sub`."""
    return f"principal://{FEDERATED_POOL}/subject/system:serviceaccount:{namespace}:{name}"


def identity_of(short: str) -> str | None:
    """`ksa:NS/NAME`, `user:EMAIL` or `gsa:EMAIL` as an IAM member; None for any other form."""
    kind, colon, value = short.partition(":")
    if not colon or not value:
        return None
    if kind == "ksa" and value.count("/") == 1:
        return service_account_identity(*value.split("/"))
    return {"user": f"user:{value.lower()}", "gsa": f"serviceAccount:{value.lower()}"}.get(kind)


class Identities:
    """Issues opaque access tokens and recognizes them; only their hashes are stored."""

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock

    def issue(self, identity: str, lifetime: float) -> str:
        """A new token for an identity, valid for this many seconds."""
        token = f"ya29.{secrets.token_urlsafe(48)}"
        self._store.put(KIND, _digest(token), {"identity": identity, "expires": self._clock() + lifetime})
        return token

    def now(self) -> float:
        """POSIX seconds by the clock that decides whether a token has expired."""
        return self._clock()

    def resolve(self, token: str) -> Caller | None:
        """The caller with this token; None if it is unknown, has expired, or belongs to a disabled account."""
        found = self._store.get(KIND, _digest(token))
        if found is None or found["expires"] <= self._clock() or not may_authenticate(self._store, found["identity"]):
            return None
        return Caller(found["identity"], self._members(found["identity"]), found["expires"])

    def acting(self, identity: str) -> Caller:
        """An IAM member as a caller without a token, as for calls between Google's own service agents."""
        return Caller(identity, self._members(identity), math.inf)

    def set_group(self, group: str, members: Sequence[str], after: float = 0.0) -> None:
        """Set the IAM members of a group.

        Args:
            group: its e-mail.
            members: exactly these.
            after: seconds until the change takes effect. Google says that this can take hours
                (https://cloud.google.com/iam/docs/access-change-propagation).
        """
        row: Document = {"members": list(members)}
        if after > 0:
            before = self._store.get(GROUP, group.lower()) or {"members": []}
            row |= {"before": self._present(before), "from": self._clock() + after}
        self._store.put(GROUP, group.lower(), row)

    def _present(self, row: Document) -> list[str]:
        """The members of a group that are in effect now."""
        found: list[str] = row["before"] if self._clock() < row.get("from", 0.0) else row["members"]
        return found

    def forget(self, member: str) -> None:
        """Delete a principal's tokens and its memberships in groups, and the group itself if it is one."""
        with self._store.transaction():
            for name, found in self._store.list(KIND):
                if found["identity"] == member:
                    self._store.delete(KIND, name)
            for group, found in self._store.list(GROUP):
                listed = [name for name in ("members", "before") if member in found.get(name, ())]
                for name in listed:
                    found[name] = [other for other in found[name] if other != member]
                if listed:
                    self._store.put(GROUP, group, found)
            if member.startswith("group:"):
                self._store.delete(GROUP, member.removeprefix("group:"))

    def sweep(self) -> None:
        """Delete tokens that have expired."""
        for name, found in self._store.list(KIND):
            if found["expires"] <= self._clock():
                self._store.delete(KIND, name)

    def _members(self, identity: str) -> frozenset[str]:
        members = {identity, "allUsers"}
        if identity.startswith(f"principal://{POOL_NAME}/subject/ns/"):
            namespace = identity.split("/subject/ns/")[1].split("/")[0]
            pool = f"principalSet://{POOL_NAME}"
            cluster = f"https://container.googleapis.com/v1/projects/{PROJECT}/locations/{LOCATION}/clusters/{CLUSTER}"
            members |= {f"{pool}/*", f"{pool}/namespace/{namespace}", f"{pool}/kubernetes.cluster/{cluster}"}
        elif identity.startswith(f"principal://{FEDERATED_POOL}/"):
            members.add(f"principalSet://{FEDERATED_POOL}/*")
        else:
            members.add("allAuthenticatedUsers")
        for group, found in self._store.list(GROUP):
            if identity in self._present(found):
                members.add(f"group:{group}")
        return frozenset(members)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
