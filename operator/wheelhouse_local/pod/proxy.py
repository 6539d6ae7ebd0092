"""The way of a pod to Artifact Registry: a proxy that ends TLS for the hosts of the index, and takes no others."""

import asyncio
import contextlib
import re

import aiohttp
from aiohttp import web

HOSTS = re.compile(r"[a-z0-9-]+-python\.pkg\.dev")
_CONNECT = re.compile(rb"CONNECT ([^ ]+):443 HTTP/1\.[01]\r\n")
_LARGEST_HEAD = 16 * 1024
_CHUNK = 64 * 1024
# Of one connection, not of the message (RFC 9110, section 7.6.1); the body's length and encoding are made anew.
_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "content-encoding", "host", "date", "server"}


class Front:
    """Answers requests for `HOST` with the index of the world, which has that host as the first part of its paths."""

    def __init__(self, index: str) -> None:
        self._index = index.rstrip("/")

    def app(self) -> web.Application:
        """The web application; it needs the certificate of the hosts."""
        app = web.Application(client_max_size=0)
        app.router.add_route("*", "/{path:.*}", self._forward)
        return app

    async def _forward(self, request: web.Request) -> web.StreamResponse:
        host = request.host.partition(":")[0]
        if not HOSTS.fullmatch(host):
            return web.Response(status=421, text=f"{host} is not a host of the index\n")
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP}
        body = request.content if request.body_exists else None
        # A redirect of the index is relative, so it is right for the client too, who follows it.
        async with (
            aiohttp.ClientSession(auto_decompress=False) as session,
            session.request(
                request.method,
                f"{self._index}/{host}{request.path_qs}",
                headers=headers,
                data=body,
                allow_redirects=False,
            ) as reply,
        ):
            kept = {name: value for name, value in reply.headers.items() if name.lower() not in _HOP}
            return web.Response(status=reply.status, body=await reply.read(), headers=kept)


class Proxy:
    """Takes `CONNECT HOST:443` for hosts of the index, and connects the client to the front."""

    def __init__(self, front_port: int) -> None:
        self._front_port = front_port

    async def serve(self) -> asyncio.Server:
        """Listen on a free port of 127.0.0.1."""
        return await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=_LARGEST_HEAD)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            match = _CONNECT.match(await reader.readuntil(b"\r\n\r\n"))
            if match is None or not HOSTS.fullmatch(match[1].decode(errors="replace")):
                writer.write(b"HTTP/1.1 403 Only hosts of the index\r\nContent-Length: 0\r\n\r\n")
            else:
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                front = await asyncio.open_connection("127.0.0.1", self._front_port)
                await asyncio.gather(_copy(reader, front[1]), _copy(front[0], writer))
        writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy until the reader ends, and end the writer too."""
    try:
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()
