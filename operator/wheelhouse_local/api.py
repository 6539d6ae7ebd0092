"""A minimal Kubernetes client for the local world: JSON over HTTPS with a bearer token, one call at a time."""

import http.client
import json
import ssl
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

Json = dict[str, Any]


class Api:
    """A server (`https://HOST:PORT`), the file with its CA, a token, and the user to impersonate."""

    def __init__(self, server: str, ca: Path, token: str, user: str = "", groups: Sequence[str] = ()) -> None:
        self._address = urlsplit(server).netloc
        self._ca = ca
        self._headers = [("Authorization", f"Bearer {token}"), ("Content-Type", "application/json")]
        if user:
            self._headers += [("Impersonate-User", user), *(("Impersonate-Group", group) for group in groups)]

    def call(self, method: str, path: str, body: Json | None = None) -> tuple[int, Json]:
        """Send one request and return its HTTP status and JSON body (under `text` if it is not JSON).

        Raises:
            OSError: the server is not reachable.
        """
        connection = self._connect(timeout=30)
        try:
            reply = self._send(connection, method, path, b"" if body is None else json.dumps(body).encode())
            return reply.status, _decode(reply.read())
        except (http.client.HTTPException, ssl.SSLError) as error:
            raise ConnectionError(f"{method} {path}: {error}") from error
        finally:
            connection.close()

    def watch(self, path: str, timeout: float) -> Iterator[Json]:
        """Yield the events of a watch until the server ends it, or nothing arrives for `timeout` seconds.

        Raises:
            OSError: the server is not reachable, or denies the request.
        """
        connection = self._connect(timeout=timeout)
        try:
            reply = self._send(connection, "GET", path, b"")
            if reply.status != http.client.OK:
                raise ConnectionError(f"GET {path}: {reply.status} {_decode(reply.read()).get('message', '')}")
            while line := reply.readline():
                yield json.loads(line)
        except (http.client.HTTPException, ssl.SSLError) as error:
            raise ConnectionError(f"GET {path}: {error}") from error
        finally:
            connection.close()

    def _connect(self, timeout: float) -> http.client.HTTPSConnection:
        context = ssl.create_default_context(cafile=str(self._ca))
        return http.client.HTTPSConnection(self._address, timeout=timeout, context=context)

    def _send(
        self, connection: http.client.HTTPSConnection, method: str, path: str, body: bytes
    ) -> http.client.HTTPResponse:
        connection.putrequest(method, path)
        for name, value in (*self._headers, ("Content-Length", str(len(body)))):
            connection.putheader(name, value)
        connection.endheaders(body or None)
        return connection.getresponse()


def _decode(data: bytes) -> Json:
    try:
        body = json.loads(data or b"{}")
    except ValueError:
        body = None
    return body if isinstance(body, dict) else {"text": data.decode(errors="replace")}
