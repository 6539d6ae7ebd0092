"""The facts of the metadata server, and the operator's identity."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import google.auth
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from google.auth import exceptions
from google.auth.credentials import AnonymousCredentials

from wheelhouse.clients.google.identity import MetadataFacts, metadata_facts, operator_credentials
from wheelhouse.errors import Invalid, Unavailable

GKE = {
    "project/project-id": "acme-packages",
    "project/numeric-project-id": "123456789012",
    "instance/attributes/cluster-name": "local",
    "instance/attributes/cluster-location": "us-central1",
    "universe/universe-domain": "emu.test",
}


@asynccontextmanager
async def metadata(values: dict[str, str], status: int = 404, flavor: str = "Google") -> AsyncIterator[str]:
    async def handler(request: web.Request) -> web.Response:
        assert request.headers["Metadata-Flavor"] == "Google"
        value = values.get(request.path.removeprefix("/computeMetadata/v1/"))
        found = 200 if value is not None else status
        return web.Response(text=value or "", status=found, headers={"Metadata-Flavor": flavor})

    app = web.Application()
    app.router.add_get("/{tail:.*}", handler)
    async with TestServer(app) as server:
        yield f"127.0.0.1:{server.port}"


async def test_gke_says_everything() -> None:
    """Project, number, cluster and universe: the defaults of most settings."""
    async with metadata(GKE) as host:
        facts = await metadata_facts(host)
    assert facts == MetadataFacts("acme-packages", "123456789012", "local", "us-central1", "emu.test")
    assert facts.pool == "acme-packages.svc.id.goog"
    assert facts.cluster == "projects/acme-packages/locations/us-central1/clusters/local"


async def test_a_machine_is_no_cluster() -> None:
    """A Compute Engine machine has no cluster, and an old metadata server no universe."""
    async with metadata({name: GKE[name] for name in list(GKE)[:2]}) as host:
        facts = await metadata_facts(host)
    assert facts is not None
    assert (facts.cluster, facts.universe) == (None, "googleapis.com")


async def test_the_host_is_where_google_auth_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """GCE_METADATA_HOST."""
    async with metadata(GKE) as host:
        monkeypatch.setenv("GCE_METADATA_HOST", host)
        assert (await metadata_facts()) is not None


async def test_elsewhere_there_is_none() -> None:
    """No server, or another one: None, soon."""
    assert await metadata_facts("127.0.0.1:1") is None
    assert await metadata_facts("metadata.invalid") is None
    async with metadata(GKE, flavor="Other") as host:
        assert await metadata_facts(host) is None


async def test_a_broken_one_is_an_outage() -> None:
    """A 503 is not "no metadata server"."""
    async with metadata({}, status=503) as host:
        with pytest.raises(Unavailable):
            await metadata_facts(host)


async def test_credentials_of_another_universe_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """In Google's own universe google-auth itself calls Google: an emulator must never be combined with it."""
    found = AnonymousCredentials()
    monkeypatch.setattr(google.auth, "default", lambda scopes: (found, "acme"))
    assert await operator_credentials("googleapis.com") is found
    with pytest.raises(Invalid, match=r"emu\.test"):
        await operator_credentials("emu.test")


async def test_no_credentials_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """It names what to set."""

    def none(scopes: object) -> object:
        raise exceptions.DefaultCredentialsError("no credentials in {some: detail}")

    monkeypatch.setattr(google.auth, "default", none)
    with pytest.raises(Invalid, match="GOOGLE_APPLICATION_CREDENTIALS"):
        await operator_credentials("googleapis.com")
