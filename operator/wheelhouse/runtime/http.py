"""Probes and metrics on one port."""

from collections.abc import Awaitable, Callable

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.aiohttp import make_aiohttp_handler

Complaint = Callable[[], str | None]


class HttpServer:
    """`/healthz`, `/readyz` and `/metrics`; a probe answers 503 with the complaint while there is one."""

    def __init__(self, registry: CollectorRegistry, healthy: Complaint, ready: Complaint) -> None:
        app = web.Application()
        app.router.add_get("/healthz", _probe(healthy))
        app.router.add_get("/readyz", _probe(ready))
        app.router.add_get("/metrics", make_aiohttp_handler(registry))
        app.on_response_prepare.append(_close)
        self._runner = web.AppRunner(app, access_log=None)

    async def start(self, host: str, port: int) -> None:
        """Listen.

        Raises:
            OSError: the port is taken.
        """
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()

    async def stop(self) -> None:
        """Stop listening."""
        await self._runner.cleanup()


async def _close(_request: web.Request, response: web.StreamResponse) -> None:
    """One request per connection: Kopf would wait 5 s for an idle one at its end."""
    response.force_close()


def _probe(complaint: Complaint) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(_request: web.Request) -> web.Response:
        words = complaint()
        return web.Response(text=f"{words or 'ok'}\n", status=503 if words else 200)

    return answer
