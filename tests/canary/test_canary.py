"""A recognizable token on every error path: no part of it is anywhere but in the data of a Secret."""

import base64
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from types import ModuleType, SimpleNamespace
from typing import Any

import aiohttp
import pytest
from canary.paths import Path, paths
from canary.server import MARKER, PREFIXES, Server, decoded
from canary.sinks import Recorded, found, logged, sinks
from convergence.scenes import PULL, WHEELS, access, condition, reason, wheels
from fakes.world import OPTIONS, Fakes

from wheelhouse.clients.google.credentials import IamCredentials
from wheelhouse.clients.google.index import PackageIndex
from wheelhouse.clients.google.rate import Rate
from wheelhouse.clients.google.tokens import FederatedTokens, Federation
from wheelhouse.clients.kubernetes.secrets import KubernetesSecrets
from wheelhouse.clients.kubernetes.service_accounts import ServiceAccountTokens
from wheelhouse.clients.kubernetes.transport import Transport
from wheelhouse.domain.configuration import netrc, pdm, pip, pypirc, uv
from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.objects import Kind
from wheelhouse.runtime.metrics import Metrics

LONG = os.environ.get("WHEELHOUSE_TEST_PROFILE") == "long"
PATHS = 72
FEDERATION = Federation.gke("acme-packages.svc.id.goog", "projects/acme-packages/locations/us-central1/clusters/local")
ACTING = "ci@acme-packages.iam.gserviceaccount.com"
TEAMS = ("a", "b", "c")
FORMATS = ["pip", "uv", "pdm", "netrc", "pypirc", "token"]
SIZES = [(64, PREFIXES[0]), (700, PREFIXES[1]), (12288, PREFIXES[1])]
"""Lengths of tokens, the last one the maximum of the Security Token Service, and how the tokens begin."""


@dataclass
class Scene:
    """The loop with its real clients against the server; a fan-out to three namespaces, and a reader of their own."""

    simulation: Recorded
    server: Server
    metrics: Metrics

    def ready(self) -> set[str]:
        """The reasons of all accesses."""
        keys = [key for kind, key in self.simulation.fakes.cluster.objects if kind is Kind.ACCESS]
        return {reason(self.simulation, key) for key in keys}


def declare(simulation: Recorded, *, acting: bool) -> None:
    """A fan-out in the form URL with every file, and a Secret in the form Netrc."""
    cluster = simulation.fakes.cluster
    cluster.put_namespace("owners", projects="acme-packages", opted_in=True)
    for name in TEAMS:
        cluster.put_namespace(name, opted_in=True, tier="app")
    cluster.service_accounts |= {("owners", "pull")}
    if acting:
        cluster.google_accounts["owners", "pull"] = ACTING
    cluster.put(Kind.REPOSITORY, WHEELS, wheels())
    everywhere = {"namespaceSelector": {"matchLabels": {"tier": "app"}}, "identityFrom": "AccessNamespace"}
    wide: dict[str, Any] = {"name": "wide", "authentication": "URL", "formats": FORMATS, **everywhere}
    access(simulation, "owners", "wide", subjects=PULL, role="Writer", secret=wide)
    access(
        simulation, "owners", "own", subjects=PULL, secret={"name": "own", "tokenLifetime": "12h" if acting else "1h"}
    )


@asynccontextmanager
async def scene(size: int, prefix: str, *, acting: bool = False) -> AsyncIterator[Scene]:
    """A world in virtual time whose tokens, Secrets and probes go through the operator's own clients."""
    metrics = Metrics()
    async with Server(size, prefix).serving() as server, aiohttp.ClientSession() as session:
        template = f"{server.base}{{location}}-python.pkg.dev/{{project}}/{{repository}}/"
        fakes: Any = Fakes(replace(OPTIONS, index_url_template=template))
        transport = Transport(session, server.base.rstrip("/"), metrics.kubernetes, timeout=5.0)
        accounts = ServiceAccountTokens(transport, FEDERATION.audience)
        credentials = IamCredentials(session, server.base, metrics.google)
        fakes.tokens = FederatedTokens(
            accounts, session, Rate(1e6), server.base, FEDERATION, credentials, metrics.google, fakes.clock.local
        )
        fakes.secrets = KubernetesSecrets(transport)
        probe = PackageIndex(session, template, metrics.google).probe
        fakes.index = SimpleNamespace(probe=probe, may_upload=fakes.index.may_upload)
        simulation = Recorded(fakes)
        declare(simulation, acting=acting)
        yield Scene(simulation, server, metrics)


async def walk(path: Path, size: int, prefix: str) -> tuple[Scene, str]:
    """First without an error; then the error at a refresh and for a new Secret; then without it again."""
    with logged() as log:
        async with scene(size, prefix, acting=path.acting) as stage:
            await stage.simulation.run(20)
            assert stage.ready() == {"Ready"}
            stage.server.faults[path.at] = path.answer
            access(stage.simulation, "owners", "late", subjects=PULL, secret={"name": "late"})
            for key in ("wide", "own"):
                place = Kind.ACCESS, ObjectKey("owners", key)
                body = stage.simulation.fakes.cluster.objects[place]
                stage.simulation.fakes.cluster.put(
                    *place, body["spec"], annotations={"wheelhouse.dev/requested-at": "1"}
                )
            await stage.simulation.run(60)
            stage.server.faults.clear()
            await stage.simulation.run(120)
        return stage, log.getvalue()


@pytest.mark.parametrize(("number", "path"), list(enumerate(paths())), ids=lambda each: str(each))
async def test_no_part_of_a_token_leaks(number: int, path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Logs at DEBUG, tracebacks, Events, status, metrics, audit log, trace: each is searched after each error."""
    for size, prefix in SIZES if LONG else [SIZES[number % len(SIZES)]]:
        stage, log = await walk(path, size, prefix)
        assert stage.server.served > 0, "the error did not happen"
        assert leaks(stage, log, capfd) == set()
        written = [decoded(json.dumps(secret).encode()) for secret in stage.server.secrets.values()]
        assert len(written) == len(TEAMS) + 2
        assert all(found(text) for text in written)


def leaks(stage: Scene, log: str, capfd: pytest.CaptureFixture[str]) -> set[str]:
    """The sinks that have a part of a token."""
    texts = sinks(stage.simulation, stage.server, log, stage.metrics) | {"output": "".join(capfd.readouterr())}
    return {name for name, text in texts.items() if found(text)}


@pytest.mark.parametrize("client", [pip, uv, pdm, netrc, pypirc], ids=lambda module: module.FILE)
async def test_a_file_that_is_not_read_back_leaks_nothing(
    client: ModuleType, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The Secret is not written, and the condition names only the file."""
    monkeypatch.setattr(client, "reads_back", lambda _text, _configuration: False)
    with logged() as log:
        async with scene(*SIZES[1]) as stage:
            await stage.simulation.run(60)
    assert leaks(stage, log.getvalue(), capfd) == set()
    row = condition(stage.simulation, ObjectKey("owners", "wide"), "Distributed")
    assert row is not None
    assert f"{client.FILE} does not parse to the intended values" in row.message


def test_there_are_enough_error_paths() -> None:
    """At least 40, and each endpoint that gets or returns a token has its own; a path that is removed is missed."""
    names = [str(path) for path in paths()]
    assert len(names) == len(set(names)) == PATHS
    assert {path.at for path in paths()} == {"token", "sts", "iam", "apply", "probe"}


@pytest.mark.parametrize("text", [MARKER, f"x{MARKER[3:]}", base64.b64encode(f"{{{MARKER * 2}".encode()).decode()])
def test_the_search_finds_parts_of_a_token(text: str) -> None:
    """As it is, cut, and in base64 at any position."""
    assert found(f"message: {text}")
    assert not found("canary")
