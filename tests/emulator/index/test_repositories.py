"""The package index on the wire: its errors, the form of a page, and the rules for an upload."""

import hashlib
import json
import re
from pathlib import Path
from urllib.parse import urljoin

import aiohttp
import pytest
from fakes.emulated import (
    DENIED,
    READ,
    READER,
    REPOSITORY,
    WRITE,
    WRITER,
    Cluster,
    Emulated,
    basic,
    emulated,
    upload_form,
    wheel,
)
from fakes.registry_clients import OPERATOR, STRANGER

from wheelhouse_local.constants import LOCATION, OWNER, POOL, PROJECT, PROJECT_NUMBER
from wheelhouse_local.google.transport.faults import Rule

PAGE = "simple/demo/"
ALL = f"//iam.googleapis.com/projects/{PROJECT_NUMBER}/locations/global/workloadIdentityPools/{POOL}"


async def test_the_root_is_404_to_everyone(wheels: Emulated) -> None:
    """GET simple/ is 404 with no credentials, with bad ones, and with valid ones."""
    for token in (None, "bad", wheels.token(READER), wheels.token(f"user:{OWNER}")):
        assert (await wheels.get("simple/", token)).status == 404


@pytest.mark.parametrize(
    "headers",
    [
        {},
        basic("oauth2accesstoken", ""),
        basic("oauth2accesstoken", "ya29.unknown"),
        basic("somebody", "ya29.unknown"),
        basic("_json_key_base64", "e30="),
        {"Authorization": "Basic not-base64!"},
        {"Authorization": "Basic /w=="},
        {"Authorization": "Bearer ya29.unknown"},
        {"Authorization": "Digest x"},
    ],
)
async def test_no_usable_credentials_are_401(wheels: Emulated, headers: dict[str, str]) -> None:
    """Missing, empty, unknown or malformed credentials are 401, for pages, files and uploads alike."""
    for path in (PAGE, "simple/unknown/", "demo/demo-1.0-py3-none-any.whl"):
        response = await wheels.get(path, headers=headers)
        assert response.status == 401
        assert response.headers["WWW-Authenticate"].startswith("Basic realm=")
    form = upload_form("demo", "1.0", *wheel())
    assert (await wheels.send("POST", wheels.index, headers=headers, data=form)).status == 401
    assert wheels.files() == []


async def test_a_token_that_has_expired_is_401(wheels: Emulated) -> None:
    """Expired credentials differ from credentials without permission: inferred for the real service."""
    response = await wheels.get(PAGE, wheels.token(READER, lifetime=0))
    assert (response.status, "WWW-Authenticate" in response.headers) == (401, True)


async def test_a_good_token_of_another_user_name_is_401(wheels: Emulated) -> None:
    """An access token is valid only with the user oauth2accesstoken."""
    assert (await wheels.get(PAGE, headers=basic("me", wheels.token(READER)))).status == 401


@pytest.mark.parametrize("identity", [STRANGER, OPERATOR, "user:nobody@acme.example"])
async def test_without_permission_it_is_403(wheels: Emulated, identity: str) -> None:
    """A known caller without permission gets 403 with the recorded message, for any package; the operator too."""
    await wheels.upload()
    for path in (PAGE, "simple/unknown/", "demo/demo-1.0-py3-none-any.whl"):
        response = await wheels.get(path, wheels.token(identity))
        assert (response.status, response.text) == (403, DENIED.format("downloadArtifacts", REPOSITORY))
        assert "WWW-Authenticate" not in response.headers


async def test_a_repository_that_is_not_there_looks_like_one_that_is_not_ours(google: Emulated) -> None:
    """A missing repository is 401 to unknown callers and 403 to all known ones, the owner too, for reads and writes."""
    assert (await google.get(PAGE)).status == 401
    for identity in (READER, f"user:{OWNER}"):
        response = await google.get(PAGE, google.token(identity))
        assert (response.status, response.text) == (403, DENIED.format("downloadArtifacts", REPOSITORY))
        response = await google.send("POST", google.index, google.token(identity), data=upload_form("a", "1", *wheel()))
        assert (response.status, response.text) == (403, DENIED.format("uploadArtifacts", REPOSITORY))


async def test_an_unknown_package_is_404_to_readers(wheels: Emulated) -> None:
    """404 on a package's page means that the credentials are valid. Inferred for the real service."""
    assert (await wheels.get("simple/unknown/", wheels.token(READER))).status == 404
    assert (await wheels.get("unknown/unknown-1.0.tar.gz", wheels.token(READER))).status == 404


async def test_a_bearer_token_is_as_good(wheels: Emulated) -> None:
    """Bearer works like Basic: inferred for Python."""
    headers = {"Authorization": f"Bearer {wheels.token(READER)}"}
    assert (await wheels.get("simple/unknown/", headers=headers)).status == 404


@pytest.mark.parametrize(
    "member",
    [
        f"principalSet:{ALL}/namespace/team-a",
        f"principalSet:{ALL}/*",
        "allUsers",
    ],
)
async def test_the_policy_decides_for_every_kind_of_member(google: Emulated, member: str) -> None:
    """A grant to a namespace, the pool or all users gives a ServiceAccount access, and its revocation removes it."""
    google.create()
    google.grant((READ, member))
    token = google.token(READER)
    assert (await google.get(PAGE, token)).status == 404
    google.grant((READ, STRANGER))
    assert (await google.get(PAGE, token)).status == 403


async def test_all_users_need_no_credentials(google: Emulated) -> None:
    """What allUsers may read needs no credentials; uploads still do."""
    google.create()
    google.grant((READ, "allUsers"), (WRITE, WRITER))
    digest = await google.upload()
    response = await google.get(PAGE)
    assert (response.status, digest in response.text) == (200, True)
    assert (await google.send("POST", google.index, data=upload_form("x", "1", *wheel("x")))).status == 401


async def test_a_page_is_html_for_everyone(wheels: Emulated) -> None:
    """Only PEP 503: for any Accept header a page is HTML, with relative links, digests and data-requires-python."""
    digest = await wheels.upload()
    accept = "application/vnd.pypi.simple.v1+json, text/html; q=0.01"
    response = await wheels.get(PAGE, wheels.token(READER), headers={"Accept": accept})
    assert response.headers["Content-Type"].startswith("text/html")
    (link,) = re.findall("<a .*</a>", response.text)
    file = "demo-1.0-py3-none-any.whl"
    assert link == f'<a href="../../demo/{file}#sha256={digest}" data-requires-python="&gt;=3.8">{file}</a>'


async def test_what_an_upload_says_cannot_write_the_page(wheels: Emulated) -> None:
    """Metadata of an upload is escaped on the page."""
    form = upload_form("demo", "1.0", *wheel(), requires_python='"><script>')
    assert (await wheels.send("POST", wheels.index, wheels.token(WRITER), data=form)).status == 200
    assert "<script>" not in (await wheels.get(PAGE, wheels.token(READER))).text


@pytest.mark.parametrize("path", ["simple/Demo_Pkg/", "simple/demo.pkg", "simple/demo-pkg"])
async def test_a_page_has_one_address(wheels: Emulated, path: str) -> None:
    """Other spellings and a missing slash redirect to the normalized page, after the permission check.

    The redirect is relative, so that it keeps the path of a proxy in front of the index.
    """
    response = await wheels.get(path, wheels.token(READER))
    assert response.status == 301
    assert urljoin(f"https://proxy.example/below/{path}", response.headers["Location"]) == (
        "https://proxy.example/below/simple/demo-pkg/"
    )
    assert (await wheels.get(path)).status == 401
    assert (await wheels.get(path, wheels.token(STRANGER))).status == 403


async def test_a_package_is_one_under_all_spellings(wheels: Emulated) -> None:
    """Two spellings of a name are one package, and one package in the list of Artifact Registry."""
    await wheels.upload("Demo.Pkg", "1.0")
    await wheels.upload("demo-pkg", "2.0")
    page = (await wheels.get("simple/demo-pkg/", wheels.token(READER))).text
    assert page.count("<a href=") == 2
    url = f"{wheels.endpoints['artifactRegistry']}v1/{REPOSITORY}/packages"
    response = await wheels.send("GET", url, headers={"Authorization": f"Bearer {wheels.token(OPERATOR)}"})
    assert [each["name"] for each in json.loads(response.text)["packages"]] == [f"{REPOSITORY}/packages/demo-pkg"]


async def test_files_come_back_as_they_were(wheels: Emulated) -> None:
    """A download equals the upload; a range of it on request."""
    digest = await wheels.upload()
    path, token = "demo/demo-1.0-py3-none-any.whl", wheels.token(READER)
    content = (await wheels.get(path, token)).content
    assert hashlib.sha256(content).hexdigest() == digest
    part = await wheels.get(path, token, headers={"Range": "bytes=0-3"})
    assert (part.status, part.content) == (206, b"PK\x03\x04")


async def test_a_deleted_repository_takes_its_packages_along(wheels: Emulated) -> None:
    """After delete and create the repository is empty, and accepts the same filename again."""
    await wheels.upload()
    wheels.server.services.registry.delete(REPOSITORY)
    assert (await wheels.get(PAGE, wheels.token(READER))).status == 403
    wheels.create()
    assert (await wheels.get(PAGE, wheels.token(READER))).status == 403
    wheels.grant((READ, READER), (WRITE, WRITER))
    assert (await wheels.get(PAGE, wheels.token(READER))).status == 404
    await wheels.upload()


async def test_repositories_do_not_share_packages(wheels: Emulated) -> None:
    """A package of one repository is unknown in another one whose name has the same prefix."""
    await wheels.upload()
    other = REPOSITORY + "-2"
    wheels.create(other)
    wheels.grant((READ, READER), repository=other)
    url = f"{wheels.endpoints['index']}{LOCATION}-python.pkg.dev/{PROJECT}/team-wheels-2/{PAGE}"
    assert (await wheels.send("GET", url, wheels.token(READER))).status == 404


async def test_packages_survive_a_restart_and_leftovers_do_not(tmp_path: Path, cluster: Cluster) -> None:
    """After a restart packages, policies and tokens are unchanged, and unreferenced content is deleted."""
    async with emulated(tmp_path / "kept", cluster.triple) as google:
        google.create()
        google.grant((READ, READER), (WRITE, WRITER))
        digest = await google.upload()
        token = google.token(READER)
        (google.data / "files" / ".upload-of-a-killed-process").write_bytes(b"x")
    async with emulated(tmp_path / "kept", cluster.triple) as google:
        assert google.files() == [digest]
        response = await google.get(PAGE, token)
        assert (response.status, digest in response.text) == (200, True)


async def test_faults_reach_the_index(wheels: Emulated) -> None:
    """A fault answers as often as requested, and then no more."""
    rules = wheels.faults.rules
    rules.append(Rule(on="Index.Simple", status=503, times=2))
    token = wheels.token(READER)
    assert [(await wheels.get("simple/x/", token)).status for _ in range(3)] == [503, 503, 404]


async def test_a_reply_can_be_lost_after_its_effect(wheels: Emulated) -> None:
    """With a lost reply the client gets a broken connection, and the file exists."""
    wheels.faults.rules.append(Rule(on="Index.Upload", drop_reply=True, times=1))
    with pytest.raises(aiohttp.ClientError):
        await wheels.upload()
    assert (await wheels.get(PAGE, wheels.token(READER))).status == 200
    assert wheels.trace()[0]["status"] == "LOST"


async def test_every_request_leaves_a_line(wheels: Emulated) -> None:
    """Uploads, pages, files and refusals are in the trace with their callers, but without tokens."""
    await wheels.upload()
    token = wheels.token(READER)
    await wheels.get("simple/")
    await wheels.get(PAGE, token)
    await wheels.get("simple/Demo/", token)
    await wheels.get("demo/demo-1.0-py3-none-any.whl", token)
    await wheels.get(PAGE, wheels.token(STRANGER))
    await wheels.get(PAGE)
    rows = wheels.trace()
    assert [(row["caller"], row["service"], row["method"], row["status"]) for row in rows] == [
        (WRITER, "Index", "Index.Upload", "200"),
        ("", "Index", "Index.Root", "404"),
        (READER, "Index", "Index.Simple", "200"),
        (READER, "Index", "Index.Simple", "301"),
        (READER, "Index", "Index.File", "200"),
        (STRANGER, "Index", "Index.Simple", "403"),
        ("", "Index", "Index.Simple", "401"),
    ]
    assert rows[2].keys() == {"time", "caller", "service", "method", "resource", "status", "ms"}
    assert rows[2]["resource"].endswith(PAGE)
    assert token not in json.dumps(rows)


async def test_a_token_of_the_maximum_size_is_read(wheels: Emulated) -> None:
    """12,288 bytes in Basic authentication are 16 KiB in a header field: an unknown token, not a malformed request."""
    assert (await wheels.get("simple/demo/", "x" * 12288)).status == 401
