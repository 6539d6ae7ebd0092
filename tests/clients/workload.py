"""A pod with an identity: a metadata server with its tokens, and the way to the hosts of Artifact Registry."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

from fakes.clients import Clients
from fakes.emulated import Emulated

from wheelhouse_local.google.transport.sites import Sites
from wheelhouse_local.google.transport.tls import https_context
from wheelhouse_local.pod.metadata import PodMetadata
from wheelhouse_local.pod.process import variables
from wheelhouse_local.pod.proxy import Front, Proxy

HOST = b"-python.pkg.dev:443 "
# On GKE, the address of the metadata server is in no variable that tox could drop.
TOX = {"TOX_OVERRIDE": "testenv.pass_env+=GCE_METADATA_HOST,GCE_METADATA_IP,CLOUDSDK_CONFIG"}


@asynccontextmanager
async def workload(google: Emulated, token: str, folder: Path, outside: Clients) -> AsyncIterator[Mapping[str, str]]:
    """The variables of a process whose identity has this token, and that reaches only Artifact Registry.

    Requests to other hosts are noted as those of all clients.
    """
    sites = Sites()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.readline()
        if HOST not in first:
            outside.strayed.append(first)
            writer.close()
            return
        there = await asyncio.open_connection("127.0.0.1", port)
        there[1].write(first)
        with contextlib.suppress(OSError):
            await asyncio.gather(_copy(reader, there[1]), _copy(there[0], writer))

    try:
        minted = {"accessToken": token, "expiresIn": 600}
        facts = await sites.serve(PodMetadata(google.endpoints["metadata"], lambda: minted).app(), None)
        front = await sites.serve(Front(google.endpoints["index"]).app(), None, https_context(folder, "*.pkg.dev"))
        inner = await Proxy(urlsplit(front).port or 0).serve()
        port = inner.sockets[0].getsockname()[1]
        outer = await asyncio.start_server(accept, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{outer.sockets[0].getsockname()[1]}"
        yield {**variables({}, urlsplit(facts).netloc, url, folder), **TOX}
        outer.close()
        inner.close()
    finally:
        await sites.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()
