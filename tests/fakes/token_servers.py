"""An API server that issues tokens, a Security Token Service and IAM Credentials, with configurable answers."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from wheelhouse.clients.google.credentials import IamCredentials
from wheelhouse.clients.google.rate import Rate
from wheelhouse.clients.google.tokens import FederatedTokens, Federation
from wheelhouse.clients.kubernetes.service_accounts import ServiceAccountTokens
from wheelhouse.clients.kubernetes.transport import Transport
from wheelhouse.domain.iam import Identity

CLUSTER = "projects/acme-packages/locations/us-central1/clusters/local"
FEDERATION = Federation.gke("acme-packages.svc.id.goog", CLUSTER)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
WHEELS = Identity("team-a", "wheels")
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ3aGVlbHMifQ.c2lnbmF0dXJl"
FEDERATED = "ya29.federated-token"


@dataclass
class Servers:
    """An API server that issues tokens and a Security Token Service, each with a configurable answer."""

    kubernetes: tuple[int, Any] = (201, {"status": {"token": JWT}})
    sts: tuple[int, Any] = (200, {"access_token": FEDERATED, "expires_in": 3599, "token_type": "Bearer"})
    iam: list[tuple[int, Any]] = field(default_factory=list)
    """The answers of IAM Credentials, one after the other; the last one again and again."""
    headers: dict[str, str] = field(default_factory=dict)
    rate: Rate = field(default_factory=lambda: Rate(60.0))
    requests: list[tuple[str, Any]] = field(default_factory=list)

    async def token_request(self, request: web.Request) -> web.Response:
        self.requests.append((request.path, await request.json()))
        return web.json_response(self.kubernetes[1], status=self.kubernetes[0])

    async def exchange(self, request: web.Request) -> web.Response:
        self.requests.append((request.path, dict(await request.post())))
        body = self.sts[1] if isinstance(self.sts[1], bytes) else json.dumps(self.sts[1]).encode()
        return web.Response(body=body, status=self.sts[0], headers=self.headers)

    async def generate(self, request: web.Request) -> web.Response:
        self.requests.append((request.path, {**await request.json(), "as": request.headers["Authorization"]}))
        status, answer = self.iam.pop(0) if len(self.iam) > 1 else self.iam[0]
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        return web.Response(body=body, status=status, headers=self.headers)

    @asynccontextmanager
    async def tokens(self) -> AsyncIterator[FederatedTokens]:
        app = web.Application()
        app.router.add_post("/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token", self.token_request)
        app.router.add_post("/v1/token", self.exchange)
        app.router.add_post("/v1/projects/-/serviceAccounts/{email}:generateAccessToken", self.generate)
        # A token may have 12,288 bytes; without this, a header field ends at 8,190.
        server = TestServer(app)
        await server.start_server(max_field_size=32 * 1024)
        async with server, aiohttp.ClientSession() as session:
            base = str(server.make_url("/"))
            accounts = ServiceAccountTokens(Transport(session, base.rstrip("/")), FEDERATION.audience)
            credentials = IamCredentials(session, base)
            yield FederatedTokens(accounts, session, self.rate, base, FEDERATION, credentials, now=lambda: NOW)
