"""An upload in the form of PyPI's legacy API: streamed to disk, bounded, and checked before it is stored."""

import hashlib
import os
import re
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from wheelhouse_local.google.registry.packages import Upload

LARGEST = 9_900_000_000
"""Maximum bytes of one request: 9.9 GB (https://cloud.google.com/artifact-registry/quotas). Its status is inferred."""
LARGEST_FIELDS = 4 * 1024 * 1024
"""Maximum bytes of all metadata of one upload: a README is part of it."""
_CHUNK = 1 << 20
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_FILENAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]{0,254}\.(whl|tar\.gz|zip)")


@asynccontextmanager
async def receive(request: web.Request, folder: Path) -> AsyncIterator[Upload]:
    """Read a multipart form into `folder`; files that were not moved away are removed at the end, whatever happens.

    Raises:
        ValueError: it is not an upload, or its digest, name or filename is wrong.
        HTTPRequestEntityTooLarge: it is larger than the limit.
    """
    if (request.content_length or 0) > LARGEST:
        raise web.HTTPRequestEntityTooLarge(LARGEST, request.content_length or 0)
    if not request.content_type.startswith("multipart/"):
        raise ValueError("An upload must be a multipart form.")
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=".upload-")
    path = Path(temporary)
    try:
        with os.fdopen(handle, "wb") as file:
            form = _Form(file.write)
            try:
                reader = await request.multipart()
                while (part := await reader.next()) is not None:
                    if isinstance(part, BodyPartReader):
                        await form.take(part)
            except HttpProcessingError as error:
                raise ValueError(f"The multipart form is not valid: {error.message}") from error
        yield form.upload(path)
    finally:
        path.unlink(missing_ok=True)  # noqa: ASYNC240 - one call to the local disk


class _Form:
    """The parts of the form, in any order."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self._fields: dict[str, str] = {}
        self._room = LARGEST_FIELDS
        self._filename: str | None = None
        self._digest = hashlib.sha256()

    async def take(self, part: BodyPartReader) -> None:
        if part.name != "content":
            self._fields[part.name or ""] = await self._text(part)
            return
        if self._filename is not None:
            raise ValueError("An upload must have exactly one part named content.")
        self._filename, size = part.filename or "", 0
        while chunk := await part.read_chunk(_CHUNK):
            size += len(chunk)
            if size > LARGEST:
                raise web.HTTPRequestEntityTooLarge(LARGEST, size)
            self._digest.update(chunk)
            self._write(chunk)

    async def _text(self, part: BodyPartReader) -> str:
        data = b""
        while chunk := await part.read_chunk():
            data += chunk
            self._room -= len(chunk)
            if self._room < 0:
                raise web.HTTPRequestEntityTooLarge(LARGEST_FIELDS, LARGEST_FIELDS - self._room)
        return data.decode(errors="replace")

    def upload(self, path: Path) -> Upload:
        """The complete upload, checked."""
        fields, digest = self._fields, self._digest.hexdigest()
        if fields.get(":action") != "file_upload" or self._filename is None:
            raise ValueError("An upload must have :action=file_upload and content.")
        if not _NAME.fullmatch(fields.get("name", "")):
            raise ValueError("Invalid name.")
        if not _FILENAME.fullmatch(self._filename):
            raise ValueError("Invalid filename.")
        if fields.get("sha256_digest", digest).lower() != digest:
            raise ValueError("The sha256_digest does not match the content.")
        return Upload(fields["name"], self._filename, path, digest, fields.get("requires_python", ""))
