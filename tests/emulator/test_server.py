"""The process: its files, its ports, its end, and the control routes of the world's owner."""

import asyncio
import json
import os
import signal
import socket
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import grpc
import pytest
from fakes.emulated import REPOSITORY, Cluster, Emulated, asking, emulated
from google.cloud import artifactregistry_v1 as ar

from wheelhouse_local.google.transport.sites import STOP_GRACE

SOURCE = Path(__file__).parents[2] / "operator"
ENDPOINTS = {"artifactRegistry", "artifactRegistryGrpc", "sts", "metadata", "index"} | {
    "resourceManager",
    "serviceUsage",
    "secretManager",
    "kms",
    "iam",
    "iamCredentials",
    "publicIndex",
    "publicIndexTls",
}


@dataclass(slots=True)
class Running:
    """The process, and its output."""

    process: asyncio.subprocess.Process
    endpoints: dict[str, str]
    said: str
    owner: str

    def control(self, what: str) -> str:
        """The URL of a control route."""
        return f"{self.endpoints['artifactRegistry']}control/{what}"

    async def end(self, number: int) -> int:
        """Send a signal; return the exit status."""
        self.process.send_signal(number)
        async with asyncio.timeout(20):
            return await self.process.wait()


@asynccontextmanager
async def running(data: Path, cluster: Cluster, *options: str) -> AsyncIterator[Running]:
    """Start it as the local world does; its output shows when it is ready."""
    server, ca, token = cluster.triple
    triple = (f"--kubernetes-server={server}", f"--kubernetes-ca={ca}", f"--kubernetes-token-file={token}")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "wheelhouse_local.google", f"--data={data}", *triple, *options),
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCE), "PYTHONUNBUFFERED": "1"},
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(30):
            said = (await process.stdout.readline()).decode()
        endpoints = json.loads((data / "endpoints.json").read_text())
        yield Running(process, endpoints, said, (data / "owner-token").read_text())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def get_repository(data: Path, address: str, token: str) -> ar.Repository:
    """GetRepository over TLS that trusts only the written CA."""
    credentials = grpc.ssl_channel_credentials((data / "ca.pem").read_bytes())
    call = "/google.devtools.artifactregistry.v1.ArtifactRegistry/GetRepository"
    async with grpc.aio.secure_channel(address, credentials) as channel:
        method = channel.unary_unary(
            call, ar.GetRepositoryRequest.serialize, response_deserializer=ar.Repository.deserialize
        )
        request = ar.GetRepositoryRequest(name=REPOSITORY)
        return await method(request, metadata=(("authorization", f"Bearer {token}"),), timeout=10)


async def test_one_process_serves_all_and_ends_on_sigterm(tmp_path: Path, cluster: Cluster) -> None:
    """One line of output has its addresses, on 127.0.0.1 only, and SIGTERM ends it with 0."""
    data = tmp_path / "google"
    async with running(data, cluster) as found:
        assert found.endpoints.keys() == ENDPOINTS
        for name in ENDPOINTS - {"artifactRegistryGrpc"}:
            # A Remote's own URL is https and has a host name.
            where = "https://localhost:" if name == "publicIndexTls" else "http://127.0.0.1:"
            assert found.endpoints[name].startswith(where)
            assert found.endpoints[name].endswith("/")
            assert found.endpoints[name] in found.said
        listening = (Path("/proc") / str(found.process.pid) / "net/tcp").read_text().splitlines()[1:]
        ports = {int(address.rpartition(":")[2].rstrip("/")) for address in found.endpoints.values()}
        hosts = {
            row.split()[1].partition(":")[0]
            for row in listening
            if row.split()[3] == "0A" and int(row.split()[1].partition(":")[2], 16) in ports
        }
        assert hosts == {"0100007F"}
        assert await found.end(signal.SIGTERM) == 0


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
async def test_it_comes_back_where_it_was(tmp_path: Path, cluster: Cluster, how: int) -> None:
    """After SIGTERM, and after SIGKILL, it has the same addresses, CA, owner's token, repositories and tokens."""
    data = tmp_path / "google"
    async with running(data, cluster) as before:
        ca = (data / "ca.pem").read_bytes()
        async with asking(before.owner) as ask:
            url = before.endpoints["artifactRegistry"] + "v1/" + REPOSITORY.rpartition("/")[0]
            assert (await ask("POST", f"{url}?repositoryId=team-wheels", {"format": "PYTHON"}))[0] == 200
            token = (await ask("POST", before.control("token"), {"as": "ksa:team-a/wheels-reader"}))[1]["accessToken"]
        await before.end(how)
    async with running(data, cluster) as after:
        assert (after.endpoints, after.owner) == (before.endpoints, before.owner)
        assert (data / "ca.pem").read_bytes() == ca
        found = await get_repository(data, after.endpoints["artifactRegistryGrpc"], after.owner)
        assert found.name == REPOSITORY
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await get_repository(data, after.endpoints["artifactRegistryGrpc"], token)
        assert refused.value.code() == grpc.StatusCode.PERMISSION_DENIED  # and not UNAUTHENTICATED: it is known


async def test_a_port_that_was_taken_is_given_up(tmp_path: Path, cluster: Cluster) -> None:
    """If another process uses its former port, it uses another one and reports that."""
    data = tmp_path / "google"
    async with emulated(data, cluster.triple) as before:
        endpoints = before.endpoints
    with socket.socket() as other:
        other.bind(("127.0.0.1", urlsplit(endpoints["index"]).port or 0))
        other.listen()
        async with emulated(data, cluster.triple) as after:
            assert after.endpoints["index"] != endpoints["index"]
            assert {**after.endpoints, "index": ""} == {**endpoints, "index": ""}
            assert json.loads((data / "endpoints.json").read_text()) == after.endpoints


async def test_secrets_are_private(google: Emulated) -> None:
    """The owner's token and the gRPC port's key are readable by their owner only."""
    for name in ("owner-token", "server-key.pem"):
        assert stat.S_IMODE((google.data / name).stat().st_mode) == 0o600


async def test_it_ends_while_a_client_waits(tmp_path: Path, cluster: Cluster) -> None:
    """A call that a fault delays for a minute does not delay the end of the process."""
    async with running(tmp_path / "google", cluster) as found, asking(found.owner) as ask:
        await ask("POST", found.control("fault"), {"on": "Metadata.*", "delay": 60, "times": 1})
        waiting = asyncio.create_task(ask("GET", found.endpoints["metadata"] + "computeMetadata/v1/x", None))
        async with asyncio.timeout(10):
            while (await ask("GET", found.control("fault"), None))[1]["faults"][0]["times"]:
                pass  # it has not arrived yet
        began = asyncio.get_running_loop().time()
        assert await found.end(signal.SIGTERM) == 0
        assert asyncio.get_running_loop().time() - began < 10 * STOP_GRACE
        await asyncio.gather(waiting, return_exceptions=True)
