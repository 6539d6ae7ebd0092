"""The GKE metadata server, and google-auth's own credentials against it."""

import json
import sys
from typing import Any
from urllib.parse import urlsplit

import pytest
from fakes.clients import Clients
from fakes.emulated import Emulated

from wheelhouse_local.constants import CLUSTER, LOCATION, NAMESPACE, POOL, PROJECT, PROJECT_NUMBER, SERVICE_ACCOUNT
from wheelhouse_local.google.iam.identities import service_account_identity

OPERATOR = service_account_identity(NAMESPACE, SERVICE_ACCOUNT)
FLAVOR = {"Metadata-Flavor": "Google"}

# Fails, and reports, every lookup and connection to other hosts; otherwise works as the operator does.
GOOGLE_AUTH = """
import json, sys, threading
strayed = []
def watch(event, arguments):
    if event not in {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname"}:
        return
    host = arguments[1][0] if event == "socket.connect" else arguments[0]
    if host not in {"127.0.0.1", b"127.0.0.1"}:
        strayed.append(str(host))
        raise OSError("no way out")
sys.addaudithook(watch)
import google.auth
from google.auth.compute_engine import Credentials
from google.auth.transport.requests import AuthorizedSession
found, project = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
session = AuthorizedSession(found)
reply = session.get(sys.argv[1])
for thread in threading.enumerate():
    if thread is not threading.current_thread():
        thread.join(20)
print(json.dumps({
    "type": type(found) is Credentials, "project": project, "universe": found.universe_domain,
    "email": found.service_account_email, "token": found.token, "valid": found.valid,
    "status": reply.status_code, "strayed": strayed,
}))
"""


async def ask(google: Emulated, path: str, **headers: str) -> tuple[int, str, Any]:
    url = google.endpoints["metadata"] + "computeMetadata/v1/" + path
    async with google.session.get(url, headers=headers or FLAVOR) as response:
        return response.status, await response.text(), response.headers


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("project/project-id", PROJECT),
        ("project/numeric-project-id", PROJECT_NUMBER),
        ("instance/attributes/cluster-name", CLUSTER),
        ("instance/attributes/cluster-location", LOCATION),
        ("instance/service-accounts/default/email", POOL),
        (f"instance/service-accounts/{POOL}/email", POOL),
        ("instance/service-accounts/default/", "aliases\nemail\nscopes\ntoken\n"),
        ("universe/universe-domain", "emu.test"),
    ],
)
async def test_facts_are_plain_text(google: Emulated, path: str, text: str) -> None:
    """Project, cluster, identity and universe, each with the header that identifies a metadata server."""
    status, found, headers = await ask(google, path)
    assert (status, found) == (200, text)
    assert headers["Metadata-Flavor"] == "Google"


async def test_the_root_proves_a_metadata_server(google: Emulated) -> None:
    """google-auth requests the root, and checks only the header."""
    async with google.session.get(google.endpoints["metadata"]) as response:
        assert (response.status, response.headers["Metadata-Flavor"]) == (200, "Google")


@pytest.mark.parametrize("headers", [{"Accept": "*/*"}, {"Metadata-Flavor": "google"}])
async def test_without_the_header_nothing_is_returned(google: Emulated, headers: dict[str, str]) -> None:
    """A request without Metadata-Flavor: Google gets 403: no page in a browser can read a token."""
    for path in ("project/project-id", "instance/service-accounts/default/token"):
        status, text, _ = await ask(google, path, **headers)
        assert status == 403
        assert "ya29" not in text


@pytest.mark.parametrize("account", ["default", POOL])
async def test_the_account_is_described(google: Emulated, account: str) -> None:
    """Recursive returns JSON, under `default` and under its e-mail."""
    status, text, _ = await ask(google, f"instance/service-accounts/{account}/?recursive=true")
    found = json.loads(text)
    assert status == 200
    assert found["email"] == POOL
    assert "https://www.googleapis.com/auth/cloud-platform" in found["scopes"]


@pytest.mark.parametrize("account", ["default", POOL])
async def test_the_token_is_the_operators(google: Emulated, account: str) -> None:
    """The token belongs to the operator's principal, for the returned lifetime."""
    _, text, _ = await ask(google, f"instance/service-accounts/{account}/token?scopes=a,b")
    reply = json.loads(text)
    assert reply.keys() == {"access_token", "expires_in", "token_type"}
    caller = google.server.services.identities.resolve(reply["access_token"])
    assert caller is not None
    assert caller.identity == OPERATOR
    assert reply["expires_in"] == 3600


@pytest.mark.parametrize("path", ["instance/id", "instance/service-accounts/other@x/token", "instance/tags"])
async def test_what_is_not_known_is_404(google: Emulated, path: str) -> None:
    """No answer is invented, and no other account has a token."""
    assert (await ask(google, path))[0] == 404


async def test_the_trace_has_no_token(google: Emulated) -> None:
    """A request to the metadata server is one line, with the operator as the caller."""
    _, text, _ = await ask(google, "instance/service-accounts/default/token")
    (row,) = google.trace()
    assert (row["caller"], row["method"], row["status"]) == (OPERATOR, "Metadata.Get", "200")
    assert json.loads(text)["access_token"] not in json.dumps(row)


async def run_google_auth(google: Emulated, tools: Clients) -> dict[str, Any]:
    host = urlsplit(google.endpoints["metadata"]).netloc
    target = f"{google.endpoints['artifactRegistry']}v1/projects/{PROJECT}/locations/{LOCATION}/repositories"
    ran = await tools.run(
        sys.executable, "-c", GOOGLE_AUTH, target, GCE_METADATA_HOST=host, GCE_METADATA_IP=host, CLOUDSDK_CONFIG="none"
    )
    assert ran.code == 0, ran.output
    found: dict[str, Any] = json.loads(ran.output.splitlines()[-1])
    return found


async def test_google_auth_works_and_calls_no_other_host(google: Emulated, tools: Clients) -> None:
    """It finds Application Default Credentials, which work for Artifact Registry; it looks up no other host."""
    found = await run_google_auth(google, tools)
    token = found.pop("token")
    assert found == {
        "type": True,
        "project": PROJECT,
        "universe": "emu.test",
        "email": POOL,
        "valid": True,
        "status": 200,
        "strayed": [],
    }
    caller = google.server.services.identities.resolve(token)
    assert caller is not None
    assert caller.identity == OPERATOR


async def test_a_stray_call_would_be_seen(tools: Clients) -> None:
    """The trap in the test above detects a call to Google before it leaves the machine."""
    stray = "import urllib.request as r\ntry: r.urlopen('https://iamcredentials.googleapis.com/')\nexcept OSError: pass"
    await tools.run(sys.executable, "-c", stray)
    assert any(b"iamcredentials.googleapis.com" in line for line in tools.strayed)
    tools.strayed.clear()
