"""HTTP applications on ports of 127.0.0.1: the same ones as at the last start, if they are free."""

import socket
import ssl

from aiohttp import web

LONGEST_FIELD = 32 * 1024
"""Maximum bytes of a header field: a token may have 12,288, and aiohttp accepts 8,190 by default."""
STOP_GRACE = 1.0
"""Seconds that calls in flight get when the process stops."""


class Sites:
    """The running applications."""

    def __init__(self) -> None:
        self._runners: list[web.AppRunner] = []

    async def serve(self, app: web.Application, before: str | None, context: ssl.SSLContext | None = None) -> str:
        """Serve an application, over TLS with a context.

        Args:
            app: the application.
            before: its URL at the last start.
            context: has the certificate, which is for localhost.

        Returns:
            Its URL.
        """
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=STOP_GRACE, max_field_size=LONGEST_FIELD)
        await runner.setup()
        self._runners.append(runner)
        await web.TCPSite(runner, "127.0.0.1", free_port(before), ssl_context=context).start()
        port = runner.addresses[0][1]
        return f"https://localhost:{port}/" if context else f"http://127.0.0.1:{port}/"

    async def close(self) -> None:
        """Stop serving."""
        for runner in self._runners:
            await runner.cleanup()


def free_port(before: str | None) -> int:
    """The port of an address if it is free, otherwise 0: any."""
    text = (before or "").rstrip("/").rpartition(":")[2]
    port = int(text) if text.isdigit() else 0
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return 0
    return port
