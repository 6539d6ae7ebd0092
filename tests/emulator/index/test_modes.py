"""The index of Remote and Virtual repositories, on the wire and with the real pip and uv."""

import base64
import sys
from pathlib import Path
from typing import Any

import pytest
from fakes.clients import Clients
from fakes.emulated import READ, READER, REPOSITORY, WRITE, WRITER, Emulated, asking, upload_form, wheel
from fakes.registry_clients import body

from wheelhouse_local.constants import PROJECT
from wheelhouse_local.google.iam.identities import service_account_identity
from wheelhouse_local.google.index import library

PARENT = REPOSITORY.rpartition("/repositories/")[0]
PYPI = {"pythonRepository": {"publicRepository": "PYPI"}}


async def create(google: Emulated, name: str, mode: str, **config: Any) -> str:
    """Create a repository that the reader may read; return its index URL."""
    wanted = {"format": "PYTHON", "mode": f"{mode}_REPOSITORY", **config}
    await body(google, "POST", f"{PARENT}/repositories?repositoryId={name}", json=wanted)
    google.grant((READ, READER), repository=f"{PARENT}/repositories/{name}")
    return google.index.replace("team-wheels", name)


async def remote(google: Emulated, name: str = "public", **config: Any) -> str:
    return await create(google, name, "REMOTE", remoteRepositoryConfig=config or PYPI)


async def virtual(google: Emulated, name: str = "all", **priorities: int) -> str:
    policies = [
        {"id": upstream, "repository": f"{PARENT}/repositories/{upstream}", "priority": priority}
        for upstream, priority in priorities.items()
    ]
    return await create(google, name, "VIRTUAL", virtualRepositoryConfig={"upstreamPolicies": policies})


async def publish(google: Emulated, name: str, version: str, requires: str = ">=3.8") -> None:
    """Put a wheel on the public index."""
    filename, content = wheel(name, version, requires)
    form = upload_form(name, version, filename, content, requires_python=requires)
    response = await google.send("POST", f"{google.endpoints['publicIndex']}legacy/", data=form)
    assert response.status == 200, response.text


async def fault(google: Emulated, **rule: Any) -> None:
    async with asking(google.owner) as ask:
        await ask("POST", f"{google.endpoints['artifactRegistry']}control/fault", rule)


async def down(google: Emulated) -> None:
    """Make the public index unavailable."""
    await fault(google, on="PublicIndex.*", status=503)


async def page(google: Emulated, url: str, name: str, identity: str = READER) -> Any:
    return await google.send("GET", f"{url}simple/{name}/", google.token(identity))


@pytest.fixture
async def wheels(wheels: Emulated) -> Emulated:
    """A Standard repository with demo 1.0, and a public index with demo 0.9 and lib 2.0."""
    await wheels.upload()
    await publish(wheels, "lib", "2.0")
    await publish(wheels, "demo", "0.9")
    return wheels


async def test_a_remote_shows_and_serves_what_its_upstream_has(wheels: Emulated) -> None:
    """Page, Requires-Python, digest and file, under its own URL; another package is 404; uploads are rejected."""
    url = await remote(wheels)
    found = await page(wheels, url, "lib")
    assert found.status == 200
    assert 'data-requires-python="&gt;=3.8"' in found.text
    filename, content = wheel("lib", "2.0")
    assert f"../../lib/{filename}#sha256=" in found.text
    served = await wheels.send("GET", f"{url}lib/{filename}", wheels.token(READER))
    assert served.content == content
    assert (await page(wheels, url, "absent")).status == 404
    form = upload_form("lib", "3.0", *wheel("lib", "3.0"))
    wheels.grant((WRITE, WRITER), repository=f"{PARENT}/repositories/public")
    refused = await wheels.send("POST", url, wheels.token(WRITER), data=form)
    assert refused.status == 400


async def test_a_cached_remote_outlives_its_upstream(wheels: Emulated) -> None:
    """Cached content is served while the upstream is down; other content is 502; a page is fetched hourly."""
    url = await remote(wheels)
    filename, content = wheel("lib", "2.0")
    await page(wheels, url, "lib")
    await wheels.send("GET", f"{url}lib/{filename}", wheels.token(READER))
    asked = [
        row for row in wheels.trace() if row["method"].startswith("PublicIndex.") and row["resource"] != "/legacy/"
    ]
    await page(wheels, url, "lib")
    assert [row for row in wheels.trace() if row["method"].startswith("PublicIndex.")][-1] == asked[-1]
    await down(wheels)
    for each in wheels.server.services.store.list("page"):
        wheels.server.services.store.put("page", each[0], {**each[1], "fetched": 0.0})
    assert (await page(wheels, url, "lib")).status == 200
    assert (await wheels.send("GET", f"{url}lib/{filename}", wheels.token(READER))).content == content
    assert (await page(wheels, url, "demo")).status == 502


async def test_a_stale_page_is_fetched_anew(wheels: Emulated) -> None:
    """After an hour a new version appears."""
    url = await remote(wheels)
    await page(wheels, url, "lib")
    await publish(wheels, "lib", "3.0")
    assert "lib-3.0" not in (await page(wheels, url, "lib")).text
    for name, row in wheels.server.services.store.list("page"):
        wheels.server.services.store.put("page", name, {**row, "fetched": row["fetched"] - 3601})
    assert "lib-3.0" in (await page(wheels, url, "lib")).text


async def test_what_a_remote_cached_is_listed_and_goes_with_it(wheels: Emulated) -> None:
    """Fetched packages are in its lists; a new repository with the name starts empty."""
    url = await remote(wheels)
    await wheels.send("GET", f"{url}lib/{wheel('lib', '2.0')[0]}", wheels.token(READER))
    packages = await body(wheels, "GET", f"{PARENT}/repositories/public/packages")
    assert [each["name"].rpartition("/")[2] for each in packages["packages"]] == ["lib"]
    await body(wheels, "DELETE", f"{PARENT}/repositories/public")
    assert wheels.server.services.store.list("page") == []
    await remote(wheels)
    assert await body(wheels, "GET", f"{PARENT}/repositories/public/packages") == {}


async def test_a_changed_file_is_not_served(wheels: Emulated) -> None:
    """A file that does not match the page's digest is not served."""
    url = await remote(wheels)
    await page(wheels, url, "lib")
    ((name, row),) = wheels.server.services.store.list("page")
    (filename,) = row["links"]
    row["links"][filename]["sha256"] = "0" * 64
    wheels.server.services.store.put("page", name, row)
    assert (await wheels.send("GET", f"{url}lib/{filename}", wheels.token(READER))).status == 502


async def test_credentials_are_shown_to_a_private_upstream(wheels: Emulated) -> None:
    """Over https, with the password in the secret's version; without them the upstream check rejects the create."""
    secret = f"projects/{PROJECT}/secrets/mirror"
    await body(wheels, "POST", f"projects/{PROJECT}/secrets?secretId=mirror", json={"replication": {"automatic": {}}})
    password = (wheels.data / "mirror-password").read_bytes()
    payload = {"payload": {"data": base64.b64encode(password).decode()}}
    await body(wheels, "POST", f"{secret}:addVersion", json=payload)
    agent = wheels.server.services.projects.known(PROJECT).agent
    policy = {"bindings": [{"role": "roles/secretmanager.secretAccessor", "members": [f"serviceAccount:{agent}"]}]}
    await body(wheels, "POST", f"{secret}:setIamPolicy", json={"policy": policy})
    login = {"username": "mirror", "passwordSecretVersion": f"{secret}/versions/1"}
    uri = f"{wheels.endpoints['publicIndexTls']}private/simple"
    with pytest.raises(AssertionError, match="401 from"):
        await remote(wheels, "mirrored", commonRepository={"uri": uri})
    config = {"commonRepository": {"uri": uri}, "upstreamCredentials": {"usernamePasswordCredentials": login}}
    url = await remote(wheels, "mirrored", **config)
    assert "lib-2.0" in (await page(wheels, url, "lib")).text
    filename, content = wheel("lib", "2.0")
    assert (await wheels.send("GET", f"{url}lib/{filename}", wheels.token(READER))).content == content


@pytest.mark.parametrize("uri", [f"https://us-central1-python.pkg.dev/{PROJECT}/team-wheels/", REPOSITORY])
async def test_a_remote_over_artifact_registry_reads_as_the_service_agent(wheels: Emulated, uri: str) -> None:
    """The reader needs no permission on the upstream: this is the confused deputy that consent prevents."""
    url = await remote(wheels, "mirrored", commonRepository={"uri": uri})
    wheels.grant()
    assert "demo-1.0" in (await page(wheels, url, "demo")).text
    filename, content = wheel("demo", "1.0")
    assert (await wheels.send("GET", f"{url}demo/{filename}", wheels.token(READER))).content == content


async def test_a_virtual_shows_all_versions_of_all(wheels: Emulated) -> None:
    """The union; for a version in several, the file of the upstream with the larger priority."""
    await publish(wheels, "demo", "1.0", requires=">=3.9")
    await remote(wheels)
    private = await virtual(wheels, "private-first", public=1, **{"team-wheels": 2})
    public = await virtual(wheels, "public-first", public=2, **{"team-wheels": 1})
    for url, requires in ((private, "&gt;=3.8"), (public, "&gt;=3.9")):
        text = (await page(wheels, url, "demo")).text
        assert text.count("<a ") == 2
        (line,) = [line for line in text.splitlines() if "demo-1.0" in line]
        assert requires in line
        assert "demo-0.9" in text
        served = await wheels.send("GET", f"{url}demo/{wheel('demo', '1.0')[0]}", wheels.token(READER))
        content = wheel("demo", "1.0", ">=3.8" if url == private else ">=3.9")[1]
        assert served.content == content


async def test_who_may_read_a_virtual(wheels: Emulated) -> None:
    """Only the Virtual's permissions count: 401, 403, 404 and 200 as for a Standard one."""
    url = await virtual(wheels, **{"team-wheels": 1})
    wheels.grant()
    stranger = service_account_identity("team-b", "other")
    assert (await wheels.send("GET", f"{url}simple/demo/")).status == 401
    assert (await page(wheels, url, "demo", stranger)).status == 403
    assert (await page(wheels, url, "absent")).status == 404
    assert (await page(wheels, url, "demo")).status == 200


async def test_an_upstream_that_is_down_or_gone_hides_only_its_own(wheels: Emulated) -> None:
    """A private package installs while the public index is down, and after another upstream was deleted."""
    await remote(wheels)
    url = await virtual(wheels, public=1, **{"team-wheels": 2})
    await down(wheels)
    assert "demo-1.0" in (await page(wheels, url, "demo")).text
    assert (await page(wheels, url, "lib")).status == 502
    await body(wheels, "DELETE", f"{PARENT}/repositories/public")
    assert (await page(wheels, url, "demo")).status == 200
    assert (await page(wheels, url, "lib")).status == 404


async def test_nothing_stands_in_for_an_upstream_that_is_down(wheels: Emulated) -> None:
    """An upstream that ranks first and does not answer is not skipped: a lower one must not replace it."""
    await remote(wheels)
    url = await virtual(wheels, public=2, **{"team-wheels": 1})
    await down(wheels)
    assert (await page(wheels, url, "demo")).status == 502


async def test_a_broken_header_is_no_failure(wheels: Emulated) -> None:
    """Basic credentials that are not even ASCII are 401, at the index and at the private mirror."""
    headers = {"Authorization": "Basic ñ"}
    for url in (wheels.index, wheels.endpoints["publicIndex"] + "private/"):
        async with wheels.session.get(f"{url}simple/demo/", headers=headers) as response:
            assert response.status == 401


async def test_another_projects_upstream_needs_a_grant_for_the_agent(wheels: Emulated) -> None:
    """In its own project the service agent reads everything (inferred), in another only what it was granted."""
    projects, agent = wheels.server.services.projects, wheels.server.services.projects.known(PROJECT).agent
    projects.create("other-project")
    projects.switch("other-project", "artifactregistry.googleapis.com", on=True)
    foreign = "projects/other-project/locations/us-central1/repositories/theirs"
    wheels.create(foreign)
    policies = [{"id": "theirs", "repository": foreign, "priority": 1}]
    url = await create(wheels, "all", "VIRTUAL", virtualRepositoryConfig={"upstreamPolicies": policies})
    wheels.server.services.packages.keep(foreign, "demo", "demo-9.0.zip", _file(wheels, b"x"), "00", "")
    assert (await page(wheels, url, "demo")).status == 404
    wheels.grant((READ, f"serviceAccount:{agent}"), repository=foreign)
    assert "demo-9.0" in (await page(wheels, url, "demo")).text


async def test_a_circle_of_repositories_ends(wheels: Emulated) -> None:
    """Two that refer to each other find nothing, and the request ends."""
    await virtual(wheels, "a", **{"team-wheels": 1})
    url = await virtual(wheels, "b", a=1)
    circle = {
        "virtualRepositoryConfig": {
            "upstreamPolicies": [{"id": "b", "repository": f"{PARENT}/repositories/b", "priority": 1}]
        }
    }
    await body(wheels, "PATCH", f"{PARENT}/repositories/a?updateMask=virtualRepositoryConfig", json=circle)
    assert (await page(wheels, url, "demo")).status == 404
    assert library._DEEPEST < 10


def _file(google: Emulated, content: bytes) -> Path:
    path = google.data / "files" / "incoming"
    path.write_bytes(content)
    return path


async def test_pip_installs_private_and_public_in_one_go(wheels: Emulated, tools: Clients) -> None:
    """One requirements.txt through a Virtual; with the upstream down cached packages still install."""
    await remote(wheels)
    url = await virtual(wheels, public=1, **{"team-wheels": 2})
    (tools.home / "requirements.txt").write_text("demo\nlib==2.0\n")
    index = url.replace("http://", f"http://oauth2accesstoken:{wheels.token(READER)}@") + "simple/"
    common = ("install", "--no-cache-dir", "--index-url", index)
    first = ("--target", str(tools.home / "one"), "-r", str(tools.home / "requirements.txt"))
    ran = await tools.pip(*common, *first)
    assert ran.code == 0, ran.output
    assert (tools.home / "one" / "lib.py").read_text() == 'VERSION = "2.0"\n'
    assert (tools.home / "one" / "demo.py").read_text() == 'VERSION = "1.0"\n'
    await down(wheels)
    ran = await tools.pip(*common, "--target", str(tools.home / "two"), "-r", str(tools.home / "requirements.txt"))
    assert ran.code == 0, ran.output
    await publish_behind(wheels)
    ran = await tools.pip(*common, "--target", str(tools.home / "three"), "late")
    assert ran.code != 0


async def publish_behind(google: Emulated) -> None:
    """Publish a new package on the public index that Remote repositories have not cached."""
    async with asking(google.owner) as ask:
        await ask("DELETE", f"{google.endpoints['artifactRegistry']}control/fault", None)
    await publish(google, "late", "1.0")
    await down(google)


async def test_uv_takes_the_highest_version_from_anywhere(wheels: Emulated, tools: Clients) -> None:
    """Priority decides only between equal versions: a higher public version wins for a range."""
    await remote(wheels)
    await publish(wheels, "demo", "7.0")
    url = await virtual(wheels, public=1, **{"team-wheels": 100})
    index = url.replace("http://", f"http://oauth2accesstoken:{wheels.token(READER)}@") + "simple/"
    target = str(tools.home / "uv")
    ran = await tools.uv(
        "pip", "install", "--no-cache", "--python", sys.executable, "--target", target, "--default-index", index, "demo"
    )
    assert ran.code == 0, ran.output
    assert (tools.home / "uv" / "demo.py").read_text() == 'VERSION = "7.0"\n'
