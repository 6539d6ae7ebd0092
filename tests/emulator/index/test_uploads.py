"""Uploads to the package index: their rules, and that nothing is left of rejected ones."""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from fakes.emulated import DENIED, READER, REPOSITORY, WRITER, Emulated, basic, upload_form, wheel
from fakes.registry_clients import OPERATOR
from yarl import URL

from wheelhouse_local.google.index import upload as uploads

PAGE = "simple/demo/"


async def test_a_reader_uploads_nothing(wheels: Emulated) -> None:
    """An upload needs uploadArtifacts: reader and operator get 403, and nothing is stored."""
    for identity in (READER, OPERATOR):
        form = upload_form("demo", "1.0", *wheel())
        response = await wheels.send("POST", wheels.index, wheels.token(identity), data=form)
        assert (response.status, response.text) == (403, DENIED.format("uploadArtifacts", REPOSITORY))
    assert wheels.files() == []


async def test_a_file_is_never_replaced(wheels: Emulated) -> None:
    """A second upload of a filename is 400 with the recorded message, whatever its content; the first stays."""
    digest = await wheels.upload()
    filename, content = wheel()
    for again in (content, content + b"other"):
        form = upload_form("demo", "1.0", filename, again)
        response = await wheels.send("POST", wheels.index, wheels.token(WRITER), data=form)
        assert (response.status, response.text) == (400, "Requested entity already exists.")
    assert wheels.files() == [digest]


async def test_a_large_upload_takes_no_memory(wheels: Emulated) -> None:
    """64 MiB arrive in pieces and go to disk: the process never has more than a few of them."""
    piece = bytes(1 << 20)

    async def content() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield piece

    form = aiohttp.FormData()
    for name, value in {":action": "file_upload", "protocol_version": "1", "name": "demo", "version": "1.0"}.items():
        form.add_field(name, value)
    form.add_field("content", content(), filename="demo-1.0.tar.gz", content_type="application/octet-stream")
    tracemalloc.start()
    response = await wheels.send("POST", wheels.index, wheels.token(WRITER), data=form)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (response.status, response.text) == (200, "OK")
    (stored,) = (wheels.data / "files").iterdir()
    assert stored.stat().st_size == 64 << 20
    assert peak < 16 << 20


async def test_an_upload_over_the_limit_is_refused_before_it_is_read(wheels: Emulated) -> None:
    """The announced length is enough: 9.9 GB, and not a byte of it is stored."""
    headers = {
        "Content-Length": "9900000001",
        "Content-Type": "multipart/form-data; boundary=x",
        "Expect": "100-continue",
    }
    url = URL(wheels.index)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    token = basic("oauth2accesstoken", wheels.token(WRITER))
    lines = [f"POST {url.path} HTTP/1.1", f"Host: {url.host}", *(f"{k}: {v}" for k, v in {**headers, **token}.items())]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    answer = await reader.readline()
    while answer.split()[1] == b"100":
        await reader.readline()
        answer = await reader.readline()
    writer.close()
    assert answer.split()[1] == b"413"
    assert wheels.files() == []


async def test_of_two_at_once_one_wins(wheels: Emulated) -> None:
    """Eight concurrent uploads of one filename: one is accepted, seven are duplicates."""
    token = wheels.token(WRITER)
    filename, content = wheel()
    forms = [upload_form("demo", "1.0", filename, content + bytes([number])) for number in range(8)]
    responses = await asyncio.gather(*(wheels.send("POST", wheels.index, token, data=form) for form in forms))
    assert sorted(response.status for response in responses) == [200] + [400] * 7
    assert len(wheels.files()) == 1


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"sha256_digest": "0" * 64}, "sha256_digest"),
        ({":action": "doc_upload"}, "file_upload"),
        ({"name": "../other"}, "Invalid name"),
        ({"name": "a/b"}, "Invalid name"),
        ({"name": ""}, "Invalid name"),
    ],
)
async def test_an_upload_must_be_right(wheels: Emulated, changes: dict[str, str], says: str) -> None:
    """A wrong digest, action or name is 400, and leaves nothing behind."""
    form = upload_form("demo", "1.0", *wheel(), **changes)
    response = await wheels.send("POST", wheels.index, wheels.token(WRITER), data=form)
    assert response.status == 400
    assert says in response.text
    assert wheels.files() == []


@pytest.mark.parametrize(
    "filename", ["../x-1.whl", "/etc/x.whl", "a/b-1.whl", ".hidden.whl", "x-1.exe", "x\\..\\y.whl", "x" * 300 + ".whl"]
)
async def test_a_filename_cannot_leave_its_folder(wheels: Emulated, filename: str) -> None:
    """Filenames with folders, leading dots, other suffixes or none are 400."""
    form = upload_form("demo", "1.0", filename, b"content")
    response = await wheels.send("POST", wheels.index, wheels.token(WRITER), data=form)
    assert (response.status, response.text) == (400, "Invalid filename.")
    assert wheels.files() == []


@pytest.mark.parametrize(
    "sent",
    [
        {"json": {}},
        {"data": b"x", "headers": {"Content-Type": "multipart/form-data"}},
        {"data": b"no parts", "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
        {"data": b"--x\r\nbroken", "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
    ],
)
async def test_what_is_no_upload_is_400(wheels: Emulated, sent: dict[str, Any]) -> None:
    """A body that is not a multipart form, or a broken one, is rejected and not our failure."""
    response = await wheels.send("POST", wheels.index, wheels.token(WRITER), **sent)
    assert response.status == 400
    assert wheels.files() == []


async def test_an_upload_that_lacks_its_end_is_400(wheels: Emulated) -> None:
    """A form without its closing boundary was truncated: it is rejected even if it has no digest."""
    fields = {":action": "file_upload", "name": "demo", "version": "1.0"}
    head = "".join(f'--x\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{fields[key]}\r\n' for key in fields)
    body = head + '--x\r\nContent-Disposition: form-data; name="content"; filename="demo-1.0.zip"\r\n\r\nhalf of it'
    headers, token = {"Content-Type": "multipart/form-data; boundary=x"}, wheels.token(WRITER)
    assert (await wheels.send("POST", wheels.index, token, data=body.encode(), headers=headers)).status == 400
    assert wheels.files() == []
    whole = f"{body}\r\n--x--\r\n".encode()
    assert (await wheels.send("POST", wheels.index, token, data=whole, headers=headers)).status == 200


async def test_uploads_are_bounded(wheels: Emulated, monkeypatch: pytest.MonkeyPatch) -> None:
    """Content and metadata that are too large are 413, and leave nothing behind."""
    monkeypatch.setattr(uploads, "LARGEST", 1000)
    monkeypatch.setattr(uploads, "LARGEST_FIELDS", 1000)
    large, token = b"x" * 1001, wheels.token(WRITER)
    form = upload_form("demo", "1.0", "demo-1.0.tar.gz", large)
    assert (await wheels.send("POST", wheels.index, token, data=form)).status == 413
    form = upload_form("demo", "1.0", "demo-1.0.tar.gz", b"x", description="x" * 1001)
    assert (await wheels.send("POST", wheels.index, token, data=form)).status == 413
    assert wheels.files() == []


async def until(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - it is about files: there is no event
            await asyncio.sleep(0.01)


async def test_content_goes_to_disk_as_it_comes(wheels: Emulated) -> None:
    """The start of an upload is on disk before its end was sent, and an upload that breaks off leaves nothing."""
    reached = asyncio.Event()

    async def content() -> AsyncIterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="content"; filename="demo-1.0.zip"\r\n\r\n'
        yield b"y" * (4 << 20)
        await until(lambda: any(path.stat().st_size >= 1 << 20 for path in (wheels.data / "files").iterdir()))
        reached.set()
        await asyncio.Event().wait()

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    token = wheels.token(WRITER)
    sending = asyncio.create_task(wheels.send("POST", wheels.index, token, data=content(), headers=headers))
    async with asyncio.timeout(20):
        await reached.wait()
    sending.cancel()
    await until(lambda: wheels.files() == [])
    assert (await wheels.get(PAGE, wheels.token(READER))).status == 404
