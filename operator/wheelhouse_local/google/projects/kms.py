"""Cloud KMS over REST: key rings, symmetric keys and their policies, as far as repositories with a key need them.

https://cloud.google.com/kms/docs/reference/rest
"""

import re
from collections.abc import Mapping

from wheelhouse_local.google.iam.resources import CRYPTO_KEY
from wheelhouse_local.google.iam.routes import PolicyRoutes
from wheelhouse_local.google.projects.service import Service
from wheelhouse_local.google.transport.errors import ApiError, unimplemented
from wheelhouse_local.google.transport.route import Asked, Json, Route

SERVICE = "KeyManagement"
KEY_RING = "key-ring"
_ID = re.compile(r"[A-Za-z0-9_-]{1,63}")
_RINGS = "/v1/projects/{project}/locations/{location}/keyRings"
_RING = f"{_RINGS}/{{ring:[^/:]+}}"
_KEYS = f"{_RING}/cryptoKeys"
_KEY = f"{_KEYS}/{{key:[^/:]+}}"


class KeyManagement(Service):
    """Key rings and keys."""

    DENIED = "Permission '{permission}' denied on resource '{name}' (or it may not exist)."

    def usable(self, key: str, member: str) -> bool:
        """Whether a key exists, and an IAM member may encrypt and decrypt with it."""
        name, caller = self._projects.canonical(key), self._identities.acting(member)
        return self._store.get(CRYPTO_KEY.store, name) is not None and all(
            self._policies.allowed(caller, name, f"cloudkms.cryptoKeyVersions.useTo{verb}")
            for verb in ("Encrypt", "Decrypt")
        )

    def table(self) -> list[Route]:
        """The routes."""
        policy = PolicyRoutes(self._policies, SERVICE, "cloudkms.cryptoKeys", self._named, self._require)
        return [
            Route("POST", _RINGS, f"{SERVICE}.CreateKeyRing", self._create_ring),
            Route("GET", _RING, f"{SERVICE}.GetKeyRing", self._get_ring),
            Route("POST", _KEYS, f"{SERVICE}.CreateCryptoKey", self._create_key),
            Route("GET", _KEY, f"{SERVICE}.GetCryptoKey", self._get_key),
            *policy.table(_KEY),
        ]

    def _create_ring(self, asked: Asked) -> Json:
        parent = self._named(asked.parts)
        self._require(asked.caller, parent, "cloudkms.keyRings.create")
        name = f"{parent}/keyRings/{_checked(asked.query.get('keyRingId', ''))}"
        return self._put(KEY_RING, name, {"name": name, "createTime": self._now()})

    def _get_ring(self, asked: Asked) -> Json:
        name = self._named(asked.parts)
        self._require(asked.caller, name, "cloudkms.keyRings.get")
        return self._found(KEY_RING, name)

    def _create_key(self, asked: Asked) -> Json:
        ring = self._named(asked.parts)
        self._require(asked.caller, ring, "cloudkms.cryptoKeys.create")
        self._found(KEY_RING, ring)
        name = f"{ring}/cryptoKeys/{_checked(asked.query.get('cryptoKeyId', ''))}"
        if asked.body.get("purpose") != "ENCRYPT_DECRYPT":
            raise unimplemented("A key for anything but ENCRYPT_DECRYPT")
        now, form = self._now(), {"protectionLevel": "SOFTWARE", "algorithm": "GOOGLE_SYMMETRIC_ENCRYPTION"}
        primary = {"name": f"{name}/cryptoKeyVersions/1", "state": "ENABLED", "createTime": now, **form}
        labels = {"labels": asked.body["labels"]} if asked.body.get("labels") else {}
        key = {"name": name, "primary": {**primary, "generateTime": now}, "purpose": "ENCRYPT_DECRYPT"}
        return self._put(CRYPTO_KEY.store, name, {**key, "createTime": now, "versionTemplate": form, **labels})

    def _get_key(self, asked: Asked) -> Json:
        name = self._named(asked.parts)
        self._require(asked.caller, name, "cloudkms.cryptoKeys.get")
        return self._found(CRYPTO_KEY.store, name)

    def _named(self, parts: Mapping[str, str]) -> str:
        """The location, key ring or key in a path."""
        name = f"projects/{parts['project']}/locations/{parts['location']}"
        for kind, part in (("keyRings", "ring"), ("cryptoKeys", "key")):
            if part in parts:
                name = f"{name}/{kind}/{parts[part]}"
        return self._projects.canonical(name)

    def _put(self, kind: str, name: str, row: Json) -> Json:
        if self._store.get(kind, name) is not None:
            raise ApiError("ALREADY_EXISTS", f"{_WORDS[kind]} {name} already exists.")
        self._store.put(kind, name, row)
        return row

    def _found(self, kind: str, name: str) -> Json:
        found = self._store.get(kind, name)
        if found is None:
            raise ApiError("NOT_FOUND", f"{_WORDS[kind]} {name} not found.")
        return found


_WORDS = {KEY_RING: "KeyRing", CRYPTO_KEY.store: "CryptoKey"}


def _checked(key_id: str) -> str:
    if not _ID.fullmatch(key_id):
        raise ApiError("INVALID_ARGUMENT", f"Invalid id: {key_id!r}")  # The message is ours.
    return key_id
