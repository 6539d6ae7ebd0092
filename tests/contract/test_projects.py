"""The Projects port against the emulated Resource Manager, Service Usage, Secret Manager and KMS."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import pytest
from fakes.emulated import Emulated
from fakes.registry_clients import OPERATOR, alone, body, credentials

from wheelhouse.clients.google import projects as module
from wheelhouse.clients.google.http import GoogleHttp
from wheelhouse.clients.google.projects import Endpoints, GoogleProjects, ResourceManager
from wheelhouse.domain.project import Project
from wheelhouse.errors import Refused, Unavailable
from wheelhouse_local.google.transport.faults import Rule

PROJECT = "acme-packages"
AGENT = "serviceAccount:service-123456789012@gcp-sa-artifactregistry.iam.gserviceaccount.com"
ACCESSOR, CRYPTER = "roles/secretmanager.secretAccessor", "roles/cloudkms.cryptoKeyEncrypterDecrypter"
SECRET = f"projects/{PROJECT}/secrets/mirror"
RING = f"projects/{PROJECT}/locations/us-central1/keyRings/ring"


@pytest.fixture
async def google(tmp_path: Path) -> AsyncIterator[Emulated]:
    async with alone(tmp_path / "google") as found:
        yield found


@pytest.fixture
async def port(google: Emulated, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[GoogleProjects]:
    """As the operator, with its shipped permissions; the test only supplies the CA."""
    channel = module._channel

    def trusting(*args: Any, **kwargs: Any) -> grpc.aio.Channel:
        kwargs["ssl_credentials"] = grpc.ssl_channel_credentials((google.data / "ca.pem").read_bytes())
        return channel(*args, **kwargs)

    monkeypatch.setattr(module, "_channel", trusting)
    own = credentials(google.token(OPERATOR))
    manager = ResourceManager(own, "emu.test", google.endpoints["artifactRegistryGrpc"])
    endpoints = Endpoints(*(google.endpoints[name] for name in ("serviceUsage", "secretManager", "kms")))
    async with aiohttp.ClientSession() as session:
        yield GoogleProjects(manager, GoogleHttp(session, own), endpoints)
    await manager.close()


async def test_a_project_has_its_number_and_state(google: Emulated, port: GoogleProjects) -> None:
    """An active one, one whose deletion was requested, and an unknown one: 403, as for a forbidden one."""
    assert await port.get(PROJECT) == Project(PROJECT, "123456789012", active=True)
    google.server.services.projects.mark(PROJECT, deleted=True)
    assert await port.get(PROJECT) == Project(PROJECT, "123456789012", active=False)
    with pytest.raises(Refused):
        await port.get("absent-project")


async def test_an_api_is_enabled(google: Emulated, port: GoogleProjects) -> None:
    """Off, then on; enabling again is not an error; without the permission it is denied with Google's message."""
    projects = google.server.services.projects
    projects.switch(PROJECT, "artifactregistry.googleapis.com", on=False)
    await port.enable(PROJECT)
    await port.enable(PROJECT)
    assert projects.known(PROJECT).serves("artifactregistry.googleapis.com")
    with pytest.raises(Refused, match="Service Usage answered 403"):
        await port.enable("absent-project")


async def test_bindings_of_keys_and_secrets_are_seen(google: Emulated, port: GoogleProjects) -> None:
    """None if the resource does not exist, then whether the policy itself binds the role to the member."""
    key = f"{RING}/cryptoKeys/key"
    assert await port.permits(SECRET, ACCESSOR, AGENT) is None
    assert await port.permits(key, CRYPTER, AGENT) is None
    await body(google, "POST", f"projects/{PROJECT}/secrets?secretId=mirror", json={"replication": {"automatic": {}}})
    await body(google, "POST", f"{RING.rpartition('/')[0]}?keyRingId=ring", json={})
    await body(google, "POST", f"{RING}/cryptoKeys?cryptoKeyId=key", json={"purpose": "ENCRYPT_DECRYPT"})
    for resource, role in ((SECRET, ACCESSOR), (key, CRYPTER)):
        assert await port.permits(resource, role, AGENT) is False
        policy = {"bindings": [{"role": role, "members": [AGENT]}]}
        await body(google, "POST", f"{resource}:setIamPolicy", json={"policy": policy})
        assert await port.permits(resource, role, AGENT) is True
        assert await port.permits(resource, "roles/viewer", AGENT) is False


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_an_outage_is_an_outage(google: Emulated, port: GoogleProjects, status: int) -> None:
    """For each service; it never counts as an answer, and the client does not retry by itself: the queue does."""
    for call in (port.get(PROJECT), port.enable(PROJECT), port.permits(SECRET, ACCESSOR, AGENT)):
        google.faults.rules[:] = [Rule("*", status=status, times=1)]  # A second request would succeed.
        with pytest.raises(Unavailable):
            await call


async def test_a_dead_port_is_an_outage(port: GoogleProjects) -> None:
    """A port without a server is an outage too."""
    port._endpoints = Endpoints(*["http://127.0.0.1:1/"] * 3)
    with pytest.raises(Unavailable):
        await port.enable(PROJECT)
