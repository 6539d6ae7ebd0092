"""Tokens of Google service accounts: TokenRequest, exchange, then generateAccessToken with the tenant's own token."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from fakes.token_servers import FEDERATED, JWT, NOW, WHEELS, Servers
from structlog.testing import capture_logs

from wheelhouse.domain.reasons import Reason
from wheelhouse.errors import Refused, Unavailable

EMAIL = "ci-reader@acme-packages.iam.gserviceaccount.com"
OWN = "ya29.service-account-token"
HOUR = timedelta(hours=1)
SERVED = datetime(2030, 5, 1, 12, tzinfo=UTC)
"""Google's clock, years ahead of the operator's: only its own times count."""


def issued(left: timedelta | None, token: object = OWN) -> tuple[int, dict[str, Any]]:
    """A reply with a token that expires so long after Google's own time."""
    times = {} if left is None else {"expireTime": (SERVED + left).strftime("%Y-%m-%dT%H:%M:%SZ")}
    return 200, {"accessToken": token, **times}


def servers(*answers: tuple[int, Any]) -> Servers:
    """IAM Credentials with these answers."""
    return Servers(iam=list(answers), headers={"Date": format_datetime(SERVED, usegmt=True)})


async def test_a_short_token_of_the_serviceaccount_asks_for_the_whole_lifetime() -> None:
    """600 seconds for the ServiceAccount's token, the lifetime for the Google service account's."""
    google = servers(issued(2 * HOUR))
    async with google.tokens() as tokens:
        minted = await tokens.mint(WHEELS, 2 * HOUR, EMAIL)
    assert (minted.token.value, minted.issued, minted.expires) == (OWN, NOW, NOW + 2 * HOUR)
    (_, asked), _, (where, sent) = google.requests
    assert asked["spec"]["expirationSeconds"] == 600
    assert where == f"/v1/projects/-/serviceAccounts/{EMAIL}:generateAccessToken"
    assert sent == {
        "scope": ["https://www.googleapis.com/auth/cloud-platform"],
        "lifetime": "7200s",
        "as": f"Bearer {FEDERATED}",
    }


async def test_an_hour_is_asked_for_if_more_is_not_allowed() -> None:
    """Without the organization policy Google rejects the longer lifetime; a rejected hour is a refusal."""
    error = {"error": {"code": 400, "message": "Request contains an invalid argument.", "status": "INVALID_ARGUMENT"}}
    google = servers((400, error), issued(HOUR))
    async with google.tokens() as tokens:
        minted = await tokens.mint(WHEELS, 12 * HOUR, EMAIL)
        assert minted.expires - minted.issued == HOUR
        assert [sent["lifetime"] for _, sent in google.requests[2:]] == ["43200s", "3600s"]
        google.iam = [(400, error)]
        with pytest.raises(Refused):
            await tokens.mint(WHEELS, HOUR, EMAIL)
    assert len(google.requests) == 4 + 3


@pytest.mark.parametrize("code", [400, 401, 403, 404])
async def test_a_refusal_names_both_accounts_and_the_remedy(code: int) -> None:
    """With Google's message, but never with a token that it may quote."""
    body = {"error": {"code": code, "message": f"Permission denied for {FEDERATED} and {JWT}", "status": "X"}}
    async with servers((code, body)).tokens() as tokens:
        with pytest.raises(Refused) as caught:
            await tokens.mint(WHEELS, HOUR, EMAIL)
    assert caught.value.reason is Reason.TOKEN_REFUSED
    for word in ("team-a/wheels", EMAIL, "Permission denied", "roles/iam.workloadIdentityUser", "annotation"):
        assert word in caught.value.message
    assert FEDERATED not in caught.value.message
    assert JWT not in caught.value.message


@pytest.mark.parametrize("error", [{}, {"error": None}, {"error": "no"}, {"error": {"message": 7}}, b"<html>"])
async def test_a_refusal_without_a_message_is_one_too(error: Any) -> None:
    """Whatever the body is."""
    async with servers((403, error)).tokens() as tokens:
        with pytest.raises(Refused, match="does not let ServiceAccount"):
            await tokens.mint(WHEELS, HOUR, EMAIL)


@pytest.mark.parametrize(
    "answer",
    [
        (429, {}),
        (500, {}),
        (503, b"<html>"),
        (302, {}),
        (200, b"not JSON"),
        (200, []),
        (200, {}),
        issued(HOUR, ""),
        issued(HOUR, 5),
        issued(HOUR, "a\nindex-url = https://evil"),
        issued(HOUR, "x" * 20000),
        (200, b'{"x": "' + b"x" * 1024 * 1024 + b'"}'),
    ],
)
async def test_no_usable_answer_is_an_outage(answer: tuple[int, Any]) -> None:
    """Neither a token nor a refusal: it is retried."""
    async with servers(answer).tokens() as tokens:
        with pytest.raises(Unavailable):
            await tokens.mint(WHEELS, HOUR, EMAIL)


async def test_a_retry_after_of_iam_credentials_spares_the_other_requests() -> None:
    """Until it is over, neither a TokenRequest nor an exchange is sent in vain; plain tokens are still minted."""
    google = servers((429, {}))
    google.headers["Retry-After"] = "9"
    async with google.tokens() as tokens:
        for _ in range(2):
            with pytest.raises(Unavailable) as caught:
                await tokens.mint(WHEELS, HOUR, EMAIL)
            assert caught.value.floor == pytest.approx(9, abs=0.5)
        assert len(google.requests) == 3
        assert (await tokens.mint(WHEELS, HOUR)).token.value == FEDERATED


@pytest.mark.parametrize(
    "expires",
    [
        None,
        0,
        1777777777,
        "",
        "soon",
        "1970-01-01T00:00:00Z",
        "2030-05-01T12:00:00Z",
        "2030-05-01T11:59:59Z",
        "2030-05-01T13:00:00",
        "2040-05-01T12:00:00Z",
        "9999-12-31T23:59:59Z",
        "0001-01-01T00:00:00+14:00",
        ["2030-05-01T13:00:00Z"],
    ],
)
async def test_an_invalid_expiry_counts_as_five_minutes_and_is_logged(expires: object) -> None:
    """Absent, past, now, 1970, in ten years, without a time zone: never "unlimited"."""
    body = {"accessToken": OWN} | ({} if expires is None else {"expireTime": expires})
    async with servers((200, body)).tokens() as tokens:
        with capture_logs() as logs:
            minted = await tokens.mint(WHEELS, HOUR, EMAIL)
    assert minted.expires - minted.issued == timedelta(minutes=5)
    assert [line["log_level"] for line in logs] == ["warning"]
    assert OWN not in str(logs)


@pytest.mark.parametrize(
    ("left", "life"),
    [(HOUR, HOUR), (12 * HOUR, HOUR), (timedelta(minutes=10), timedelta(minutes=10)), (timedelta(seconds=1),) * 2],
)
async def test_the_life_is_the_one_in_the_reply_and_never_longer_than_requested(
    left: timedelta, life: timedelta
) -> None:
    """A longer one would make the recorded times unbelievable after a restart."""
    async with servers(issued(left)).tokens() as tokens:
        minted = await tokens.mint(WHEELS, HOUR, EMAIL)
    assert minted.expires - minted.issued == life


async def test_a_token_of_12288_bytes_is_sent_and_returned() -> None:
    """The Security Token Service documents this maximum: it fits into the header, and back."""
    long = "ya29." + "x" * (12288 - 5)
    google = servers(issued(HOUR, long))
    google.sts = (200, {"access_token": "f" * 12288, "expires_in": 600})
    async with google.tokens() as tokens:
        minted = await tokens.mint(WHEELS, HOUR, EMAIL)
    assert minted.token.value == long
    assert google.requests[2][1]["as"] == f"Bearer {'f' * 12288}"
