"""The read buffers of TLS connections, with the standard library that runs the operator."""

import asyncio
import ssl
from asyncio.sslproto import SSLProtocol
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from wheelhouse.runtime.tls import READ_BUFFER, limit_read_buffers

LARGE = b"wheel" * 400_000
"""More than any buffer."""


async def test_connections_use_the_smaller_buffer(tls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection has the smaller buffer, and reads a large answer whole."""
    monkeypatch.setattr(SSLProtocol, "max_size", SSLProtocol.max_size)  # Other tests get asyncio's value again.
    limit_read_buffers()

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=LARGE)

    application = web.Application()
    application.router.add_get("/", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(tls / "server.pem", tls / "server-key.pem")
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=serving)
    await site.start()
    try:
        host, port = runner.addresses[0]
        trusting = ssl.create_default_context(cafile=str(tls / "ca.pem"))
        async with aiohttp.ClientSession() as session, session.get(f"https://{host}:{port}/", ssl=trusting) as reply:
            connection = reply.connection
            assert connection is not None
            assert connection.transport is not None
            protocol = connection.transport.get_extra_info("ssl_object") and connection.transport._ssl_protocol
            assert len(protocol._ssl_buffer) == READ_BUFFER
            assert await asyncio.wait_for(reply.read(), 30) == LARGE
    finally:
        await runner.cleanup()
