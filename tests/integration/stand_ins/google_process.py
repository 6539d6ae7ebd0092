"""A stand-in for the emulated Google: its command line, its files, and an answer to every control request."""

import argparse
import json
import sqlite3
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

parser = argparse.ArgumentParser()
for option in ("data", "kubernetes-server", "kubernetes-ca", "kubernetes-token-file", "token-lifetime"):
    parser.add_argument(f"--{option}")
options = parser.parse_args()
data = Path(options.data)
if (data / "broken").exists():
    sys.exit("the stand-in has no more paper")


class Handler(BaseHTTPRequestHandler):
    """Records and answers the owner's requests."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with (data / "requests.jsonl").open("a") as file:
            file.write(json.dumps({"time": "2026-01-01T00:00:00Z", "path": self.path, "body": body}) + "\n")
        self.send_response(200 if self.headers["Authorization"] == "Bearer owner" else 403)
        self.end_headers()
        answer = {"accessToken": f"{body.get('as')} for {options.token_lifetime} s"}
        self.wfile.write(json.dumps(answer).encode())


server = HTTPServer(("127.0.0.1", 0), Handler)
address = f"127.0.0.1:{server.server_port}"
names = (
    "artifactRegistry",
    "resourceManager",
    "serviceUsage",
    "secretManager",
    "kms",
    "iam",
    "iamCredentials",
    "sts",
    "metadata",
    "index",
)
endpoints = dict.fromkeys(names, f"http://{address}/")
(data / "owner-token").write_text("owner")
with sqlite3.connect(data / "google.sqlite") as store:
    store.execute("CREATE TABLE IF NOT EXISTS kv (kind TEXT, name TEXT)")
    store.execute("DELETE FROM kv")
    repository = "projects/acme-packages/locations/us-central1/repositories/team-wheels"
    store.execute("INSERT INTO kv VALUES ('repository', ?)", (repository,))
(data / "endpoints.new").write_text(json.dumps({**endpoints, "artifactRegistryGrpc": address}))
(data / "endpoints.new").rename(data / "endpoints.json")
server.serve_forever()
