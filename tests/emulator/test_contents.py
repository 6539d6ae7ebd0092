"""Packages, versions and files: listed, read and deleted, over gRPC and REST."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from fakes.emulated import READER, REPOSITORY, WRITER, Emulated
from fakes.registry_clients import OWNER_MEMBER, body, grpc_client, refusal
from google.api_core import exceptions

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
    """By name, with the forms that the protos publish; the file's id is inferred."""
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
    """Each comes once, whatever the size."""
    first = await client.list_packages(request={"parent": REPOSITORY, "page_size": 1})
    assert len(await names(first)) == 2


async def test_one_of_each(client: Any) -> None:
    """By name; what is not there is NOT_FOUND."""
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
    ):
        with pytest.raises(exceptions.NotFound):
            await call(request={"name": name})


async def test_deletes_take_files_along(wheels: Emulated, client: Any) -> None:
    """A version's files leave the page with it; with the last one, and with the package, the page goes."""
    await (await client.delete_version(name=f"{PACKAGE}/versions/1.0")).result()
    page = await wheels.get("simple/demo/", wheels.token(READER))
    assert "demo-2.0" in page.text
    assert "demo-1.0" not in page.text
    await (await client.delete_version(name=f"{PACKAGE}/versions/2.0")).result()
    await (await client.delete_package(name=f"{REPOSITORY}/packages/other")).result()
    for name in ("demo", "other"):
        assert (await wheels.get(f"simple/{name}/", wheels.token(READER))).status == 404
    assert await names(await client.list_packages(parent=REPOSITORY)) == []


async def test_rights(wheels: Emulated) -> None:
    """A reader lists, a writer does not delete, a repoAdmin does."""
    assert len((await body(wheels, "GET", f"{REPOSITORY}/packages", READER))["packages"]) == 2
    assert (await refusal(wheels, "DELETE", PACKAGE, WRITER))[1] == "PERMISSION_DENIED"
    wheels.grant((CLEAN, WRITER))
    operation = await body(wheels, "DELETE", f"{PACKAGE}/versions/1.0", WRITER)
    assert "done" not in operation
    assert (await body(wheels, "GET", operation["name"], WRITER))["done"] is True
