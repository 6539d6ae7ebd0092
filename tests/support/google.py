"""What people do in Google without the operator: repositories, keys, secrets and packages, as the project's owner."""

import base64
import urllib.request
from pathlib import Path
from typing import Any

from support.kube import PROJECT, Kube, full_name

LOCATION = f"projects/{PROJECT}/locations/us-central1"
AGENT = "service-123456789012@gcp-sa-artifactregistry.iam.gserviceaccount.com"
ACT_AS = "iam.gke.io/gcp-service-account"


def ask(kube: Kube, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """One successful call below /v1/."""
    status, answer = kube.google(method, f"v1/{path}", body)
    assert status == 200, answer
    return answer


def described(kube: Kube, name: str) -> dict[str, Any] | None:
    """A repository as REST returns it; None if it does not exist."""
    status, answer = kube.google("GET", f"v1/{full_name(name)}")
    assert status in {200, 404}, answer
    return answer if status == 200 else None


def create(kube: Kube, name: str, **fields: Any) -> None:
    """Create a repository as a person."""
    ask(kube, "POST", f"{LOCATION}/repositories?repositoryId={name}", {"format": "PYTHON", **fields})


def secret(kube: Kube, name: str, value: str) -> None:
    """A secret with one version that the service agent may read."""
    full = f"projects/{PROJECT}/secrets/{name}"
    ask(kube, "POST", f"projects/{PROJECT}/secrets?secretId={name}", {"replication": {"automatic": {}}})
    ask(kube, "POST", f"{full}:addVersion", {"payload": {"data": base64.b64encode(value.encode()).decode()}})
    grant(kube, full, "roles/secretmanager.secretAccessor")


def key(kube: Kube, ring: str, name: str, *, granted: bool = True) -> str:
    """A key that the service agent may use if `granted`; returns its full name."""
    full = f"{LOCATION}/keyRings/{ring}"
    ask(kube, "POST", f"{LOCATION}/keyRings?keyRingId={ring}", {})
    ask(kube, "POST", f"{full}/cryptoKeys?cryptoKeyId={name}", {"purpose": "ENCRYPT_DECRYPT"})
    if granted:
        grant(kube, f"{full}/cryptoKeys/{name}", "roles/cloudkms.cryptoKeyEncrypterDecrypter")
    return f"{full}/cryptoKeys/{name}"


def grant(kube: Kube, resource: str, role: str) -> None:
    """Bind only the service agent on a key or a secret."""
    policy = {"bindings": [{"role": role, "members": [f"serviceAccount:{AGENT}"]}]}
    ask(kube, "POST", f"{resource}:setIamPolicy", {"policy": policy})


def upload(url: str, content: bytes, filename: str, name: str, version: str, authorization: str = "") -> None:
    """A legacy upload, as twine sends it."""
    fields = {":action": "file_upload", "protocol_version": "1", "name": name, "version": version}
    lines: list[bytes] = []
    for field, value in fields.items():
        lines += [b"--edge", f'Content-Disposition: form-data; name="{field}"'.encode(), b"", value.encode()]
    disposition = f'Content-Disposition: form-data; name="content"; filename="{filename}"'.encode()
    lines += [b"--edge", disposition, b"Content-Type: application/octet-stream", b"", content, b"--edge--", b""]
    headers = {"Content-Type": "multipart/form-data; boundary=edge"}
    if authorization:
        headers["Authorization"] = authorization
    request = urllib.request.Request(url, method="POST", data=b"\r\n".join(lines), headers=headers)
    with urllib.request.urlopen(request, timeout=20) as reply:
        assert reply.status == 200


def owner_authorization(kube: Kube) -> str:
    """Basic credentials of the project's owner for the index."""
    token = Path(kube.world.environment()["accessTokenFile"]).read_text().strip()
    return "Basic " + base64.b64encode(f"oauth2accesstoken:{token}".encode()).decode()


def google_account(kube: Kube, name: str, user: str) -> str:
    """A Google service account that one ServiceAccount may act as; its e-mail."""
    ask(kube, "POST", f"projects/{PROJECT}/serviceAccounts", {"accountId": name})
    email = f"{name}@{PROJECT}.iam.gserviceaccount.com"
    policy = {"bindings": [{"role": "roles/iam.workloadIdentityUser", "members": [user]}]}
    ask(kube, "POST", f"projects/{PROJECT}/serviceAccounts/{email}:setIamPolicy", {"policy": policy})
    return email
