"""Cloud KMS: key rings, keys, and who may use them; gcloud's part is in test_gcloud.py."""

from typing import Any

import pytest
from fakes.emulated import Emulated
from fakes.registry_clients import OPERATOR, body, refusal, rest

from wheelhouse_local.constants import LOCATION, PROJECT, PROJECT_NUMBER

RINGS = f"projects/{PROJECT}/locations/{LOCATION}/keyRings"
RING, KEY = f"{RINGS}/wheels", f"{RINGS}/wheels/cryptoKeys/packages"
SYMMETRIC = {"purpose": "ENCRYPT_DECRYPT"}
AGENT = f"serviceAccount:service-{PROJECT_NUMBER}@gcp-sa-artifactregistry.iam.gserviceaccount.com"
USER = "roles/cloudkms.cryptoKeyEncrypterDecrypter"


@pytest.fixture
async def google(google: Emulated) -> Emulated:
    """With one key."""
    await body(google, "POST", f"{RINGS}?keyRingId=wheels", json={})
    await body(google, "POST", f"{RING}/cryptoKeys?cryptoKeyId=packages", json=SYMMETRIC)
    return google


async def test_a_key_has_a_first_version(google: Emulated) -> None:
    """Symmetric, enabled and in software, in a ring of its location."""
    assert (await body(google, "GET", RING))["name"] == RING
    found = await body(google, "GET", KEY)
    assert (found["name"], found["purpose"]) == (KEY, "ENCRYPT_DECRYPT")
    assert found["primary"]["name"] == f"{KEY}/cryptoKeyVersions/1"
    assert found["primary"]["state"] == "ENABLED"
    assert await body(google, "GET", KEY.replace(PROJECT, PROJECT_NUMBER)) == found


@pytest.mark.parametrize(
    ("method", "path", "sent", "expected"),
    [
        ("GET", f"{RINGS}/absent", None, (404, "NOT_FOUND", f"KeyRing {RINGS}/absent not found.")),
        ("GET", f"{RING}/cryptoKeys/x", None, (404, "NOT_FOUND", f"CryptoKey {RING}/cryptoKeys/x not found.")),
        (
            "POST",
            f"{RINGS}/absent/cryptoKeys?cryptoKeyId=x",
            SYMMETRIC,
            (404, "NOT_FOUND", f"KeyRing {RINGS}/absent not found."),
        ),
        ("POST", f"{RINGS}?keyRingId=wheels", {}, (409, "ALREADY_EXISTS", f"KeyRing {RING} already exists.")),
        (
            "POST",
            f"{RING}/cryptoKeys?cryptoKeyId=packages",
            SYMMETRIC,
            (409, "ALREADY_EXISTS", f"CryptoKey {KEY} already exists."),
        ),
        ("POST", f"{RINGS}?keyRingId=a.b", {}, (400, "INVALID_ARGUMENT", "Invalid id: 'a.b'")),
    ],
)
async def test_what_is_refused(
    google: Emulated, method: str, path: str, sent: Any, expected: tuple[int, str, str]
) -> None:
    """Missing names, existing names, and invalid ids."""
    assert await refusal(google, method, path, json=sent) == expected


async def test_other_keys_are_not_emulated(google: Emulated) -> None:
    """A key that signs is 501."""
    path = f"{RING}/cryptoKeys?cryptoKeyId=signer"
    assert (await refusal(google, "POST", path, json={"purpose": "ASYMMETRIC_SIGN"}))[1] == "UNIMPLEMENTED"


async def test_the_agent_uses_what_it_was_granted(google: Emulated) -> None:
    """With the role on the key, once it was set, and only with a key that exists."""
    keys = google.server.services.keys
    assert not keys.usable(KEY, AGENT)
    sent = {"policy": {"bindings": [{"role": USER, "members": [AGENT]}]}}
    assert (await rest(google, "POST", f"{KEY}:setIamPolicy", json=sent)).status == 200
    assert keys.usable(KEY, AGENT)
    assert keys.usable(KEY.replace(PROJECT, PROJECT_NUMBER), AGENT)
    assert not keys.usable(f"{KEY}x", AGENT)
    assert not keys.usable(KEY, "user:somebody@acme.example")


async def test_the_operator_sees_the_policy_and_no_key(google: Emulated) -> None:
    """Its role reads the policy of a key and nothing else of it; the messages are Cloud KMS's."""
    assert await body(google, "GET", f"{KEY}:getIamPolicy", OPERATOR) == {"etag": "ACAB"}
    said = f"Permission 'cloudkms.cryptoKeys.get' denied on resource '{KEY}' (or it may not exist)."
    assert await refusal(google, "GET", KEY, OPERATOR) == (403, "PERMISSION_DENIED", said)
    sent = {"policy": {"bindings": [{"role": "roles/secretmanager.admin", "members": [AGENT]}]}}
    assert (await refusal(google, "POST", f"{KEY}:setIamPolicy", json=sent))[:2] == (400, "INVALID_ARGUMENT")
