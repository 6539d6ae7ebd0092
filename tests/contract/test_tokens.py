"""Tenants' tokens: TokenRequest, then the exchange; every invalid answer is an error or a short lifetime."""

import asyncio
import math
from datetime import timedelta
from typing import Any

import pytest
from fakes.token_servers import CLUSTER, FEDERATED, JWT, NOW, WHEELS, Servers
from structlog.testing import capture_logs

from wheelhouse.clients.google.rate import Rate
from wheelhouse.clients.google.tokens import Federation
from wheelhouse.domain.reasons import Reason
from wheelhouse.errors import NotReady, Refused, Unavailable


async def test_one_token_request_and_one_exchange() -> None:
    """The exact requests: only the pool's audience, the lifetime, and the cluster's own audience."""
    servers = Servers()
    async with servers.tokens() as tokens:
        minted = await tokens.mint(WHEELS, timedelta(hours=1))
    assert (minted.token.value, minted.issued, minted.expires) == (FEDERATED, NOW, NOW + timedelta(seconds=3599))
    (where, asked), (_, form) = servers.requests
    assert where == "/api/v1/namespaces/team-a/serviceaccounts/wheels/token"
    assert asked["spec"] == {"audiences": ["acme-packages.svc.id.goog"], "expirationSeconds": 3600}
    assert form == {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "audience": f"identitynamespace:acme-packages.svc.id.goog:https://container.googleapis.com/v1/{CLUSTER}",
        "scope": "https://www.googleapis.com/auth/cloud-platform",
        "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "subject_token": JWT,
    }


def test_outside_gke_the_provider_is_the_audience() -> None:
    """A provider by its full resource name."""
    name = "projects/1/locations/global/workloadIdentityPools/p/providers/q"
    federation = Federation.provider(name)
    assert (federation.audience, federation.exchange) == (
        f"https://iam.googleapis.com/{name}",
        f"//iam.googleapis.com/{name}",
    )


@pytest.mark.parametrize(
    ("lifetime", "asked"),
    [(-1, 600), (0, 600), (20, 600), (600, 600), (601, 601), (3599, 3599), (3600, 3600), (3601, 3600), (43200, 3600)],
)
async def test_a_serviceaccount_token_lives_ten_minutes_to_an_hour(lifetime: int, asked: int) -> None:
    """The API server rejects a shorter lifetime, and the admission policy a longer one: neither is requested."""
    servers = Servers()
    async with servers.tokens() as tokens:
        await tokens.mint(WHEELS, timedelta(seconds=lifetime))
    assert servers.requests[0][1]["spec"]["expirationSeconds"] == asked


@pytest.mark.parametrize(
    "expires_in", [0, -1, None, "3600", True, 12 * 3600 + 1, 1e300, math.inf, math.nan, [], "absent"]
)
async def test_an_invalid_expiry_counts_as_five_minutes_and_is_logged(expires_in: object) -> None:
    """Zero, absent or absurd never means "unlimited"."""
    body = {"access_token": FEDERATED} | ({} if expires_in == "absent" else {"expires_in": expires_in})
    async with Servers(sts=(200, body)).tokens() as tokens:
        with capture_logs() as logs:
            minted = await tokens.mint(WHEELS, timedelta(hours=1))
    assert minted.expires - minted.issued == timedelta(minutes=5)
    assert [line["log_level"] for line in logs] == ["warning"]
    assert FEDERATED not in str(logs)


def status(code: int, message: str, *causes: dict[str, str]) -> tuple[int, dict[str, Any]]:
    return code, {"kind": "Status", "message": message, "details": {"causes": list(causes)}, "code": code}


@pytest.mark.parametrize(
    ("answer", "error", "reason"),
    [
        (status(404, 'serviceaccounts "wheels" not found'), NotReady, Reason.SERVICE_ACCOUNT_NOT_FOUND),
        (
            status(403, "being terminated", {"reason": "NamespaceTerminating"}),
            NotReady,
            Reason.SERVICE_ACCOUNT_NOT_FOUND,
        ),
        (
            status(403, "ValidatingAdmissionPolicy 'x' denied request: label it wheelhouse.dev/credentials=enabled"),
            Refused,
            Reason.NOT_OPTED_IN,
        ),
        (
            status(403, "ValidatingAdmissionPolicy 'x' denied request: only for the pool"),
            Refused,
            Reason.TOKEN_REFUSED,
        ),
        (status(403, 'User "x" cannot create resource'), Refused, Reason.TOKEN_REFUSED),
    ],
)
async def test_what_kubernetes_refuses(answer: tuple[int, Any], error: type[Exception], reason: Reason) -> None:
    """Absent, not opted in, and other refusals are distinguished; no request is sent to Google."""
    servers = Servers(kubernetes=answer)
    async with servers.tokens() as tokens:
        with pytest.raises(error) as caught:
            await tokens.mint(WHEELS, timedelta(hours=1))
    assert caught.value.reason is reason  # type: ignore[attr-defined]
    assert len(servers.requests) == 1


async def test_google_refuses() -> None:
    """invalid_grant with Google's message, but never with the token that it may quote."""
    words = f"The audience in ID Token [x] does not match {JWT}"
    async with Servers(sts=(400, {"error": "invalid_grant", "error_description": words})).tokens() as tokens:
        with pytest.raises(Refused, match="does not match") as caught:
            await tokens.mint(WHEELS, timedelta(hours=1))
    assert caught.value.reason is Reason.TOKEN_REFUSED
    assert JWT not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("code", "body"),
    [
        (429, {}),
        (503, b"<html>"),
        (302, {}),
        (200, b"not JSON"),
        (200, {}),
        (200, {"access_token": "", "expires_in": 3600}),
        (200, {"access_token": 5, "expires_in": 3600}),
        (200, {"access_token": "a\nindex-url = https://evil", "expires_in": 3600}),
        (200, {"access_token": "x" * 20000, "expires_in": 3600}),
        (200, b'{"x": "' + b"x" * 1024 * 1024 + b'"}'),
    ],
)
async def test_no_usable_answer_is_an_outage(code: int, body: object) -> None:
    """Neither a token nor a refusal: retried, after Google's Retry-After."""
    servers = Servers(sts=(code, body), headers={"Retry-After": "9", "Location": "http://127.0.0.1:1/"})
    async with servers.tokens() as tokens:
        with pytest.raises(Unavailable) as caught:
            await tokens.mint(WHEELS, timedelta(hours=1))
    assert caught.value.retry_after in ({9.0} if code != 200 else {None})


async def test_a_429_slows_what_follows_and_an_answer_does_not() -> None:
    """The next exchange waits as long as Google requests; other errors and answers slow nothing down."""
    now = 1000.0
    servers = Servers(rate=Rate(20.0, clock=lambda: now))
    async with servers.tokens() as tokens:
        await tokens.mint(WHEELS, timedelta(hours=1))
        # The 503 has no Retry-After: with one it would be a floor, and no request would be sent (test_floors).
        for code, headers in ((503, {}), (400, {"Retry-After": "30"}), (429, {"Retry-After": "7"})):
            servers.sts, servers.headers = (code, {}), headers
            assert servers.rate.take() == 0
            with pytest.raises((Unavailable, Refused)):
                await tokens.mint(WHEELS, timedelta(hours=1))
    assert servers.rate.take() == pytest.approx(7.0)


async def test_minting_waits_its_turn() -> None:
    """The rate is really kept."""
    servers = Servers(rate=Rate(20.0, burst=1))
    async with servers.tokens() as tokens:
        begun = asyncio.get_running_loop().time()
        await asyncio.gather(*(tokens.mint(WHEELS, timedelta(hours=1)) for _ in range(4)))
        assert asyncio.get_running_loop().time() - begun >= 0.15
