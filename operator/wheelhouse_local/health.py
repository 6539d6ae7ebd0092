"""Checks whether a component is ready: one quick request, and False for any failure."""

import http.client
import socket
import ssl
from pathlib import Path

_PATIENCE_S = 2.0


def listens(port: int) -> bool:
    """Whether something accepts connections on 127.0.0.1 at this port."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE_S):
            return True
    except OSError:
        return False


def answers(port: int, path: str, ca: Path | None = None) -> bool:
    """Whether a GET of this path returns 200; over TLS if a CA is given."""
    context = ssl.create_default_context(cafile=str(ca)) if ca else None
    connection = (
        http.client.HTTPSConnection("127.0.0.1", port, timeout=_PATIENCE_S, context=context)
        if context
        else http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_S)
    )
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
