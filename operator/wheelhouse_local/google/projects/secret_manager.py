"""Secret Manager over REST: secrets, their versions and their policies.

Only what credentials of Remote repositories need.

https://cloud.google.com/secret-manager/docs/reference/rest; replies name a project by its number, as the real ones do.
"""

import base64
import binascii
import re
from collections.abc import Mapping

from wheelhouse_local.google.iam.resources import SECRET
from wheelhouse_local.google.iam.routes import PolicyRoutes
from wheelhouse_local.google.projects.service import Service
from wheelhouse_local.google.transport.caller import Caller
from wheelhouse_local.google.transport.errors import ApiError
from wheelhouse_local.google.transport.route import Asked, Json, Route

SERVICE = "SecretManager"
VERSION = "secret-version"
LARGEST = 64 * 1024
"""Maximum bytes of a payload (https://cloud.google.com/secret-manager/quotas)."""
_ID = re.compile(r"[A-Za-z0-9_-]{1,255}")
_PARENT = "/v1/projects/{project}/secrets"
_SECRET = f"{_PARENT}/{{secret:[^/:]+}}"
_VERSION = f"{_SECRET}/versions/{{version:[^/:]+}}"


class SecretManager(Service):
    """Secrets and their versions."""

    DENIED = "Permission '{permission}' denied for resource '{name}' (or it may not exist)."

    def secret_value(self, version: str, as_member: str) -> bytes:
        """The payload of a version (`projects/P/secrets/S/versions/V`, V may be `latest`), as an IAM member reads it.

        Raises:
            ApiError: PERMISSION_DENIED without roles/secretmanager.secretAccessor on the secret or its project,
                NOT_FOUND.
        """
        return base64.b64decode(self._access(self._identities.acting(as_member), version)[1]["data"])

    def readable(self, version: str, member: str) -> bool:
        """Whether an IAM member can read a version, and it exists."""
        try:
            self.secret_value(version, member)
        except ApiError:
            return False
        return True

    def table(self) -> list[Route]:
        """The routes."""
        policy = PolicyRoutes(self._policies, SERVICE, "secretmanager.secrets", self._named, self._require)
        return [
            Route("POST", _PARENT, f"{SERVICE}.CreateSecret", self._create),
            Route("GET", _SECRET, f"{SERVICE}.GetSecret", self._get),
            Route("DELETE", _SECRET, f"{SERVICE}.DeleteSecret", self._delete),
            Route("POST", f"{_SECRET}:addVersion", f"{SERVICE}.AddSecretVersion", self._add),
            Route("GET", f"{_SECRET}/versions", f"{SERVICE}.ListSecretVersions", self._list),
            Route("GET", _VERSION, f"{SERVICE}.GetSecretVersion", self._get_version),
            Route("GET", f"{_VERSION}:access", f"{SERVICE}.AccessSecretVersion", self._payload),
            *policy.table(_SECRET),
        ]

    def _create(self, asked: Asked) -> Json:
        parent = self._projects.canonical(f"projects/{asked.parts['project']}")
        self._require(asked.caller, parent, "secretmanager.secrets.create")
        secret_id = asked.query.get("secretId", "")
        if not _ID.fullmatch(secret_id) or not asked.body.get("replication"):  # The message is ours.
            raise ApiError("INVALID_ARGUMENT", "A secret must have a secretId and a replication.")
        name = f"{parent}/secrets/{secret_id}"
        if self._store.get(SECRET.store, name) is not None:
            raise ApiError("ALREADY_EXISTS", f"Secret [{self._shown(name)}] already exists.")
        kept = {field: asked.body[field] for field in ("replication", "labels") if asked.body.get(field)}
        self._store.put(SECRET.store, name, {**kept, "createTime": self._now()})
        return self._secret(name)

    def _get(self, asked: Asked) -> Json:
        return self._secret(self._allowed(asked, "secretmanager.secrets.get"))

    def _delete(self, asked: Asked) -> Json:
        name = self._allowed(asked, "secretmanager.secrets.delete")
        self._secret(name)
        with self._store.transaction():
            self._store.delete(SECRET.store, name)
            self._store.forget(f"{name}/")
            self._policies.drop(name)
        return {}

    def _add(self, asked: Asked) -> Json:
        name = self._allowed(asked, "secretmanager.versions.add")
        self._secret(name)
        payload = asked.body.get("payload") or {}
        try:
            data = base64.b64decode(str(payload.get("data") or ""))
        except (AttributeError, binascii.Error) as error:
            raise ApiError("INVALID_ARGUMENT", "Invalid JSON payload received.") from error
        if not 0 < len(data) <= LARGEST:
            raise ApiError("INVALID_ARGUMENT", f"A payload must have 1 to {LARGEST} bytes.")  # The message is ours.
        version = f"{name}/versions/{len(self._versions(name)) + 1}"
        row: Json = {"createTime": self._now(), "payload": {**payload, "data": base64.b64encode(data).decode()}}
        if "dataCrc32c" in payload:  # It is stored but not checked; gcloud requires the confirmation in the reply.
            row["clientSpecifiedPayloadChecksum"] = True
        self._store.put(VERSION, version, row)
        return self._version(version)

    def _list(self, asked: Asked) -> Json:
        name = self._allowed(asked, "secretmanager.versions.list")
        self._secret(name)
        found = [self._version(version) for version in reversed(self._versions(name))]
        return {"versions": found, "totalSize": len(found)} if found else {}

    def _get_version(self, asked: Asked) -> Json:
        self._allowed(asked, "secretmanager.versions.get")
        return self._version(self._resolved(self._named(asked.parts)))

    def _payload(self, asked: Asked) -> Json:
        version, payload = self._access(asked.caller, self._named(asked.parts))
        return {"name": self._shown(version), "payload": payload}

    def _access(self, caller: Caller, version: str) -> tuple[str, Json]:
        """The full name and the payload of a version, for a caller who may read it."""
        name = self._projects.canonical(version)
        self._require(caller, name, "secretmanager.versions.access")
        found = self._resolved(name)
        row = self._store.get(VERSION, found)
        if row is None:
            raise self._missing(found)
        payload: Json = row["payload"]
        return found, payload

    def _allowed(self, asked: Asked, permission: str) -> str:
        """The full name of the secret in a call, if the caller has the permission."""
        self._require(asked.caller, self._named(asked.parts), permission)
        return self._named({**asked.parts, "version": ""})

    def _named(self, parts: Mapping[str, str]) -> str:
        name = self._projects.canonical(f"projects/{parts['project']}/secrets/{parts['secret']}")
        return f"{name}/versions/{parts['version']}" if parts.get("version") else name

    def _resolved(self, version: str) -> str:
        """The full name of the version that `latest` refers to; others unchanged."""
        name, _, wanted = version.rpartition("/versions/")
        found = self._versions(name) if wanted == "latest" else []
        return found[-1] if found else version

    def _versions(self, name: str) -> list[str]:
        """Full names of a secret's versions, the oldest first."""
        found = (version for version, _ in self._store.list(VERSION, f"{name}/versions/"))
        return sorted(found, key=lambda version: int(version.rpartition("/")[2]))

    def _secret(self, name: str) -> Json:
        found = self._store.get(SECRET.store, name)
        if found is None:
            raise ApiError("NOT_FOUND", f"Secret [{self._shown(name)}] not found.")
        return {"name": self._shown(name), **found}

    def _version(self, name: str) -> Json:
        found = self._store.get(VERSION, name)
        if found is None:
            raise self._missing(name)
        shown = {field: value for field, value in found.items() if field != "payload"}
        return {"name": self._shown(name), **shown, "state": "ENABLED"}

    def _missing(self, version: str) -> ApiError:
        secret = version.rpartition("/versions/")[0]
        if self._store.get(SECRET.store, secret) is None:
            return ApiError("NOT_FOUND", f"Secret [{self._shown(secret)}] not found.")
        return ApiError("NOT_FOUND", f"Secret Version [{self._shown(version)}] not found.")

    def _shown(self, name: str) -> str:
        _, key, *below = name.split("/")
        found = self._projects.find(key)
        return "/".join(["projects", found.number if found else key, *below])
