"""The Security Token Service: a ServiceAccount's token in, a federated token out, or an error in OAuth's form."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from fakes.emulated import READER, Cluster, Emulated, emulated
from google.auth.transport.requests import Request
from google.oauth2.sts import Client

from wheelhouse_local.constants import ISSUER, POOL
from wheelhouse_local.google.iam.sts import ACCESS_TOKEN_TYPE, AUDIENCE, GRANT_TYPE, TOKEN_TYPE
from wheelhouse_local.world import World

SCOPE = "https://www.googleapis.com/auth/cloud-platform"


@pytest.fixture
async def google(tmp_path: Path, cluster: Cluster) -> AsyncIterator[Emulated]:
    """It believes the tokens of the cluster."""
    async with emulated(tmp_path / "google", cluster.triple) as found:
        yield found


async def exchange(google: Emulated, token: str, **form: str | None) -> tuple[int, dict[str, Any]]:
    standard = {"grant_type": GRANT_TYPE, "audience": AUDIENCE, "subject_token_type": TOKEN_TYPE, "scope": SCOPE}
    content = {name: value for name, value in {**standard, "subject_token": token, **form}.items() if value is not None}
    async with google.session.post(google.endpoints["sts"] + "v1/token", data=content) as response:
        return response.status, await response.json()


async def test_a_token_is_exchanged(google: Emulated, cluster: Cluster) -> None:
    """The reply has the four fields, and the token belongs to the ServiceAccount's principal."""
    status, reply = await exchange(google, cluster.token())
    assert status == 200
    assert reply.keys() == {"access_token", "issued_token_type", "token_type", "expires_in"}
    assert (reply["issued_token_type"], reply["token_type"]) == (ACCESS_TOKEN_TYPE, "Bearer")
    caller = google.server.services.identities.resolve(reply["access_token"])
    assert caller is not None
    assert caller.identity == READER
    assert caller.identity.endswith(f"/workloadIdentityPools/{POOL}/subject/ns/team-a/sa/wheels-reader")


async def test_the_client_of_google_auth_is_understood(google: Emulated, cluster: Cluster) -> None:
    """The service accepts google-auth's form, and its client reads the reply."""
    client = Client(google.endpoints["sts"] + "v1/token")
    arguments = (Request(), GRANT_TYPE, cluster.token(), TOKEN_TYPE)
    reply = await asyncio.to_thread(client.exchange_token, *arguments, audience=AUDIENCE, scopes=[SCOPE])
    assert google.server.services.identities.resolve(reply["access_token"]) is not None


@pytest.mark.parametrize(("life", "given"), [(700, range(695, 701)), (7200, range(3600, 3601))])
async def test_a_federated_token_ends_with_the_subject_token_or_after_an_hour(
    google: Emulated, cluster: Cluster, life: int, given: range
) -> None:
    """expires_in is the remaining lifetime of the ServiceAccount's token, at most 3,600 seconds."""
    now = int(jwt.decode(cluster.token(), options={"verify_signature": False})["iat"])
    _, reply = await exchange(google, cluster.token(exp=now + life))
    assert reply["expires_in"] in given


async def test_token_lifetime_caps_federated_tokens(tmp_path: Path, cluster: Cluster) -> None:
    """With --token-lifetime 20 a token has 20 seconds, and is unknown when they are over."""
    async with emulated(tmp_path / "capped", cluster.triple, cap=20) as google:
        _, reply = await exchange(google, cluster.token())
        assert reply["expires_in"] == 20
        identities = google.server.services.identities
        assert identities.resolve(reply["access_token"]) is not None
        real = identities._clock
        identities._clock = lambda: real() + 20
        assert identities.resolve(reply["access_token"]) is None


@pytest.mark.parametrize(
    ("claims", "says"),
    [
        ({"exp": 1_600_000_000}, "expired"),
        ({"exp": None}, "exp"),
        ({"nbf": 4_000_000_000}, "not yet valid"),
        ({"aud": ["https://kubernetes.default.svc"]}, "Audience"),
        ({"aud": None}, "aud"),
        ({"iss": ISSUER.replace("local", "other")}, "issuer"),
        ({"sub": "system:node:worker"}, "ServiceAccount"),
        ({"sub": None}, "sub"),
    ],
)
async def test_a_token_that_is_not_right_is_an_invalid_grant(
    google: Emulated, cluster: Cluster, claims: dict[str, Any], says: str
) -> None:
    """Lifetime, audience, issuer and subject are checked; the error names the problem, and never the token."""
    token = cluster.token(**claims)
    status, reply = await exchange(google, token)
    assert (status, reply["error"], reply.keys()) == (400, "invalid_grant", {"error", "error_description"})
    assert says in reply["error_description"]
    assert token not in json.dumps(reply)


async def test_a_forged_signature_is_refused(google: Emulated, cluster: Cluster) -> None:
    """A token that names the cluster's key but is signed by another one is rejected."""
    forged = cluster.token(key=rsa.generate_private_key(65537, 2048))
    assert (await exchange(google, forged))[1]["error"] == "invalid_grant"


async def test_the_public_key_is_no_secret_to_sign_with(google: Emulated, cluster: Cluster) -> None:
    """Algorithms other than the API server's are rejected: none, and HMAC."""
    claims = jwt.decode(cluster.token(), options={"verify_signature": False})
    unsigned = jwt.encode(claims, "", algorithm="none", headers={"kid": "first"})
    hashed = jwt.encode(claims, "x" * 32, algorithm="HS256", headers={"kid": "first"})
    for token in (unsigned, hashed, "no token", "a.b.c"):
        assert (await exchange(google, token))[1]["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "authorization_code"}, "unsupported_grant_type"),
        ({"grant_type": None}, "invalid_request"),
        ({"audience": None}, "invalid_request"),
        ({"audience": POOL}, "invalid_target"),
        ({"audience": AUDIENCE.replace("clusters/local", "clusters/other")}, "invalid_target"),
        ({"subject_token": None}, "invalid_request"),
        ({"subject_token_type": "urn:ietf:params:oauth:token-type:id_token"}, "invalid_request"),
        ({"requested_token_type": TOKEN_TYPE}, "invalid_request"),
    ],
)
async def test_a_malformed_request_differs_from_a_bad_token(
    google: Emulated, cluster: Cluster, form: dict[str, str | None], error: str
) -> None:
    """Everything but the token is rejected with its own OAuth code, with 400, before the keys are read."""
    status, reply = await exchange(google, cluster.token(), **form)
    assert (status, reply["error"]) == (400, error)
    assert cluster.reads == 0


async def test_keys_are_read_once(google: Emulated, cluster: Cluster) -> None:
    """Twenty concurrent exchanges cost the API server one request."""
    replies = await asyncio.gather(*(exchange(google, cluster.token()) for _ in range(20)))
    assert {status for status, _ in replies} == {200}
    assert cluster.reads == 1


async def test_a_new_key_is_found(google: Emulated, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the API server rotates its key, tokens of both the new and the old one are valid."""
    monkeypatch.setattr("wheelhouse_local.google.iam.keys.FETCH_PAUSE", 0.0)
    await exchange(google, cluster.token())
    cluster.rotate("second")
    assert (await exchange(google, cluster.token("second")))[0] == 200
    assert (await exchange(google, cluster.token("first")))[0] == 200
    assert cluster.reads == 2


async def test_unknown_keys_do_not_flood_the_api_server(google: Emulated, cluster: Cluster) -> None:
    """Tokens with made-up key ids are rejected, and the keys are not read again for each of them."""
    stranger = rsa.generate_private_key(65537, 2048)
    for number in range(5):
        _, reply = await exchange(google, cluster.token(f"made up {number}", stranger))
        assert reply["error"] == "invalid_grant"
    assert cluster.reads == 1


async def test_an_api_server_that_is_down_is_not_the_callers_fault(google: Emulated, cluster: Cluster) -> None:
    """Without a key set the answer is 503 and not a refusal; it works as soon as the API server answers."""
    cluster.broken = True
    status, reply = await exchange(google, cluster.token())
    assert (status, reply["error"]) == (503, "temporarily_unavailable")
    cluster.broken = False
    assert (await exchange(google, cluster.token()))[0] == 200


async def test_the_trace_names_the_identity_and_never_a_token(google: Emulated, cluster: Cluster) -> None:
    """One line per exchange: the identity that got a token, or the refusal."""
    subject = cluster.token()
    _, reply = await exchange(google, subject)
    await exchange(google, subject, audience="other")
    assert [(row["caller"], row["method"], row["status"]) for row in google.trace()] == [
        (READER, "Sts.Token", "200"),
        ("", "Sts.Token", "400"),
    ]
    text = (google.data / "requests.jsonl").read_text()
    assert subject not in text
    assert reply["access_token"] not in text


async def test_only_hashes_of_tokens_are_stored(google: Emulated, cluster: Cluster) -> None:
    """The stored state contains no token."""
    _, reply = await exchange(google, cluster.token())
    stored = b"".join(path.read_bytes() for path in google.data.glob("google.sqlite*"))
    assert b"wheels-reader" in stored
    assert reply["access_token"].encode() not in stored


async def test_a_real_token_is_believed(tmp_path: Path, control_plane: World) -> None:
    """A token that a real API server signed is exchanged; one for the API server itself is rejected."""
    control_plane.kubectl("create", "serviceaccount", "sts-reader", "-n", "default")
    ask = ("create", "token", "sts-reader", "-n", "default")
    subject = control_plane.kubectl(*ask, f"--audience={POOL}", "--duration=10m").stdout.strip()
    own = control_plane.kubectl(*ask).stdout.strip()
    folder = control_plane.state.control_plane
    async with emulated(tmp_path, (control_plane.server, control_plane.ca, folder / "google-token")) as google:
        status, reply = await exchange(google, subject)
        assert status == 200
        assert 0 < reply["expires_in"] <= 600
        assert (await exchange(google, own))[1]["error"] == "invalid_grant"
