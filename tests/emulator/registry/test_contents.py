"""Packages, versions and files: listed, read and deleted, over gRPC and REST."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fakes.emulated import READER, REPOSITORY, WRITER, Emulated, wheel
from fakes.registry_clients import OWNER_MEMBER, PARENT, STRANGER, body, grpc_client, refusal, rest_client
from google.api_core import exceptions

from wheelhouse_local.google.transport.faults import Rule

READ, WRITE, CLEAN = (f"roles/artifactregistry.{name}" for name in ("reader", "writer", "repoAdmin"))
PACKAGE = f"{REPOSITORY}/packages/demo"


@pytest.fixture
async def wheels(google: Emulated) -> Emulated:
    """Two versions of demo and one of other."""
    google.create()
    google.grant((READ, READER), (WRITE, WRITER))
    for name, version in (("demo", "1.0"), ("demo", "2.0"), ("other", "0.1")):
        await google.upload(name, version)
    return google


@pytest.fixture
async def client(wheels: Emulated) -> AsyncIterator[Any]:
    """As the owner, over gRPC."""
    async with grpc_client(wheels, wheels.token(OWNER_MEMBER)) as found:
        yield found


async def names(pager: Any) -> list[str]:
    return [each.name async for each in pager]


async def test_lists(client: Any) -> None:
    """By name, in the forms of the published protos; the file's id is inferred."""
    assert await names(await client.list_packages(parent=REPOSITORY)) == [PACKAGE, f"{REPOSITORY}/packages/other"]
    versions = [f"{PACKAGE}/versions/1.0", f"{PACKAGE}/versions/2.0"]
    assert await names(await client.list_versions(parent=PACKAGE)) == versions
    files = [each async for each in await client.list_files(parent=REPOSITORY)]
    assert [each.owner for each in files] == [*versions, f"{REPOSITORY}/packages/other/versions/0.1"]
    assert len(files[0].hashes[0].value) == 32
    python = [each async for each in await client.list_python_packages(parent=REPOSITORY)]
    assert [(each.package_name, each.version) for each in python] == [
        ("demo", "1.0"),
        ("demo", "2.0"),
        ("other", "0.1"),
    ]
    uri = "us-central1-python.pkg.dev/acme-packages/team-wheels/demo/demo-1.0-py3-none-any.whl"
    assert (python[0].name, python[0].uri) == (f"{REPOSITORY}/pythonPackages/demo:1.0", uri)


async def test_pages(client: Any) -> None:
    """A page has the requested number of items and a token; the next one continues there."""
    first = await client.list_packages(request={"parent": REPOSITORY, "page_size": 1})
    (page, *_) = [each async for each in first.pages]
    assert ([each.name for each in page.packages], bool(page.next_page_token)) == ([PACKAGE], True)
    rest = {"parent": REPOSITORY, "page_token": page.next_page_token}
    assert await names(await client.list_packages(request=rest)) == [f"{REPOSITORY}/packages/other"]


@pytest.mark.parametrize(
    ("collection", "count"), [("packages", 4), ("packages/demo/versions", 2), ("files", 5), ("pythonPackages", 5)]
)
async def test_pages_of_one_lose_nothing(wheels: Emulated, collection: str, count: int) -> None:
    """Over REST each item comes once, even if one package's name is a prefix of another's."""
    for name in ("demo-extras", "demo2"):
        await wheels.upload(name, "1.0")
    field, seen, token = collection.rpartition("/")[2], [], ""
    while True:
        query = {"pageSize": "1", "pageToken": token}
        page = await body(wheels, "GET", f"{REPOSITORY}/{collection}", params=query)
        seen += [each["name"] for each in page[field]]
        token = page.get("nextPageToken", "")
        if not token:
            break
    assert len(seen) == len(set(seen)) == count


async def test_sizes_and_times(wheels: Emulated, client: Any) -> None:
    """A file has its size and its time, a package and a version the times of their first and last file."""
    files = [each async for each in await client.list_files(parent=REPOSITORY)]
    sizes = [len(wheel(name, version)[1]) for name, version in (("demo", "1.0"), ("demo", "2.0"), ("other", "0.1"))]
    assert [each.size_bytes for each in files] == sizes
    first, second, _ = (each.create_time for each in files)
    assert first < second
    package = await client.get_package(name=PACKAGE)
    assert (package.create_time, package.update_time) == (first, second)
    version = await client.get_version(request={"name": f"{PACKAGE}/versions/2.0"})
    assert (version.create_time, version.update_time) == (second, second)
    python = await client.get_python_package(name=f"{REPOSITORY}/pythonPackages/demo:1.0")
    assert python.create_time == first
    assert (await client.get_repository(name=REPOSITORY)).size_bytes == sum(sizes)


async def test_a_page_of_less_than_nothing_is_refused(wheels: Emulated) -> None:
    """A negative size is INVALID_ARGUMENT in each list."""
    for collection in ("packages", "packages/demo/versions", "files", "pythonPackages"):
        assert (await refusal(wheels, "GET", f"{REPOSITORY}/{collection}?pageSize=-1"))[1] == "INVALID_ARGUMENT"


async def test_one_of_each(client: Any) -> None:
    """By name; a missing one is NOT_FOUND."""
    file, *_ = await names(await client.list_files(parent=REPOSITORY))
    assert (await client.get_file(name=file)).name == file
    assert (await client.get_package(name=PACKAGE)).name == PACKAGE
    assert (await client.get_version(request={"name": f"{PACKAGE}/versions/1.0"})).name.endswith("/1.0")
    python = f"{REPOSITORY}/pythonPackages/demo:2.0"
    assert (await client.get_python_package(name=python)).version == "2.0"
    for call, name in (
        (client.get_package, f"{REPOSITORY}/packages/absent"),
        (client.get_version, f"{PACKAGE}/versions/3.0"),
        (client.get_file, f"{REPOSITORY}/files/demo%2Fabsent"),
        (client.get_python_package, f"{REPOSITORY}/pythonPackages/demo:3.0"),
        (client.delete_package, f"{REPOSITORY}/packages/absent"),
        (client.delete_version, f"{PACKAGE}/versions/3.0"),
        (client.delete_file, f"{REPOSITORY}/files/demo%2Fabsent"),
    ):
        with pytest.raises(exceptions.NotFound):
            await call(request={"name": name})


async def test_deletes_take_files_along(wheels: Emulated, client: Any) -> None:
    """A version's files leave the page with it; with the last one, and with the package, the page is gone."""
    await (await client.delete_version(name=f"{PACKAGE}/versions/1.0")).result()
    page = await wheels.get("simple/demo/", wheels.token(READER))
    assert "demo-2.0" in page.text
    assert "demo-1.0" not in page.text
    await (await client.delete_version(name=f"{PACKAGE}/versions/2.0")).result()
    await (await client.delete_package(name=f"{REPOSITORY}/packages/other")).result()
    for name in ("demo", "other"):
        assert (await wheels.get(f"simple/{name}/", wheels.token(READER))).status == 404
    assert await names(await client.list_packages(parent=REPOSITORY)) == []


async def test_a_file_is_deleted_alone(wheels: Emulated, client: Any) -> None:
    """The other version stays; a version, and finally the package, are deleted with their last file."""
    first, second, _ = await names(await client.list_files(parent=REPOSITORY))
    await (await client.delete_file(name=first)).result()
    assert await names(await client.list_versions(parent=PACKAGE)) == [f"{PACKAGE}/versions/2.0"]
    assert "demo-1.0" not in (await wheels.get("simple/demo/", wheels.token(READER))).text
    await (await client.delete_file(name=second)).result()
    with pytest.raises(exceptions.NotFound):
        await client.get_package(name=PACKAGE)


async def test_a_file_over_rest(wheels: Emulated) -> None:
    """A get accepts the path quoted or not, and answers with the quoted one; a delete is an operation."""
    quoted = f"{REPOSITORY}/files/demo%2Fdemo-1.0-py3-none-any.whl"
    for name in (quoted, quoted.replace("%2F", "/")):
        assert (await body(wheels, "GET", name))["name"] == quoted
    found = await asyncio.to_thread(rest_client(wheels, wheels.token(OWNER_MEMBER)).get_file, name=quoted)
    assert found.name == quoted
    operation = await body(wheels, "DELETE", quoted)
    assert operation.keys() == {"name", "metadata"}
    assert (await refusal(wheels, "GET", quoted))[1] == "NOT_FOUND"


async def test_a_delete_takes_only_what_it_is_for(client: Any) -> None:
    """No method deletes by a name of another kind: permissions to delete are per kind."""
    for call, name in (
        (client.delete_package, f"{PACKAGE}/versions/1.0"),
        (client.delete_package, f"{REPOSITORY}/files/demo"),
        (client.delete_version, PACKAGE),
        (client.delete_file, PACKAGE),
    ):
        with pytest.raises(exceptions.NotFound):
            await call(name=name)
    assert len(await names(await client.list_files(parent=REPOSITORY))) == 3


async def test_a_list_of_what_is_no_repository(client: Any) -> None:
    """A parent of another form is NOT_FOUND in each list, never a failure of the server."""
    for call in (client.list_packages, client.list_versions, client.list_files, client.list_python_packages):
        with pytest.raises(exceptions.NotFound):
            await call(parent=PARENT)


async def test_an_operation_that_fails_deletes_nothing(wheels: Emulated, client: Any) -> None:
    """The poll returns its error, and the package still exists."""
    wheels.faults.rules.append(Rule("ArtifactRegistry.Delete*", operation_error="INTERNAL"))
    operation = await client.delete_package(name=PACKAGE)
    with pytest.raises(exceptions.GoogleAPICallError, match="Injected"):
        await operation.result()
    assert len(await names(await client.list_versions(parent=PACKAGE))) == 2


async def test_rights(wheels: Emulated) -> None:
    """A reader lists, a writer does not delete, a repoAdmin does."""
    assert len((await body(wheels, "GET", f"{REPOSITORY}/packages", READER))["packages"]) == 2
    assert (await refusal(wheels, "DELETE", PACKAGE, WRITER))[1] == "PERMISSION_DENIED"
    wheels.grant((CLEAN, WRITER))
    operation = await body(wheels, "DELETE", f"{PACKAGE}/versions/1.0", WRITER)
    assert "done" not in operation
    assert (await body(wheels, "GET", operation["name"], WRITER))["done"] is True


@pytest.mark.parametrize(
    ("verb", "path", "permission"),
    [
        ("GET", "packages", "packages.list"),
        ("GET", "packages/demo", "packages.get"),
        ("GET", "packages/demo/versions", "versions.list"),
        ("GET", "packages/demo/versions/1.0", "versions.get"),
        ("GET", "files", "files.list"),
        ("GET", "files/demo%2Fdemo-1.0-py3-none-any.whl", "files.get"),
        ("GET", "pythonPackages", "pythonpackages.list"),
        ("GET", "pythonPackages/demo:1.0", "pythonpackages.get"),
        ("DELETE", "packages/demo", "packages.delete"),
        ("DELETE", "packages/demo/versions/1.0", "versions.delete"),
        ("DELETE", "files/demo%2Fdemo-1.0-py3-none-any.whl", "files.delete"),
    ],
)
async def test_each_method_names_its_permission(wheels: Emulated, verb: str, path: str, permission: str) -> None:
    """The error names the missing permission for a caller without any."""
    status, name, message = await refusal(wheels, verb, f"{REPOSITORY}/{path}", STRANGER)
    assert (status, name) == (403, "PERMISSION_DENIED")
    assert f"'artifactregistry.{permission}'" in message
