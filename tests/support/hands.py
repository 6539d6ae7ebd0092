"""Requests to an API server with any content type, as the user of a token."""

import json
import ssl
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

Json = dict[str, Any]
JSON, MERGE, APPLY = "application/json", "application/merge-patch+json", "application/apply-patch+yaml"
JSON_PATCH = "application/json-patch+json"


@dataclass(frozen=True)
class Hands:
    """A server, its CA, and a token."""

    server: str
    ca: Path
    token: str

    def ask(
        self, method: str, path: str, body: Json | list[Json] | None = None, *, content: str = JSON, **query: str
    ) -> tuple[int, Json]:
        """Send one request; return its status and JSON body."""
        url = f"{self.server}{path}" + (f"?{urllib.parse.urlencode(query)}" if query else "")
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": content}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, method=method, headers=headers, data=data)
        try:
            with urllib.request.urlopen(
                request, timeout=20, context=ssl.create_default_context(cafile=str(self.ca))
            ) as reply:
                return reply.status, json.load(reply)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def apply(self, path: str, body: Json, manager: str, *, force: bool = False, **query: str) -> tuple[int, Json]:
        """A server-side apply."""
        forced = {"force": "true"} if force else {}
        return self.ask("PATCH", path, body, content=APPLY, fieldManager=manager, **forced, **query)

    def account(self, namespace: str, name: str) -> Self:
        """The same server as a ServiceAccount, which is created if it is missing; this user must be allowed to."""
        accounts = f"/api/v1/namespaces/{namespace}/serviceaccounts"
        made, _ = self.ask("POST", accounts, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}})
        assert made in {201, 409}
        wanted = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}}
        status, body = self.ask("POST", f"{accounts}/{name}/token", wanted)
        assert status == 201, body
        return replace(self, token=body["status"]["token"])
