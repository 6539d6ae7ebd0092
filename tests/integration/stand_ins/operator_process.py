"""A stand-in for the operator: prints its environment, and is ready."""

import os
from http.server import BaseHTTPRequestHandler, HTTPServer


class Handler(BaseHTTPRequestHandler):
    """Answers the readiness probe."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/readyz" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


for name in sorted(os.environ):
    print(f"{name}={os.environ[name]}", flush=True)
port = int(os.environ["WHEELHOUSE_HTTP_PORT"])
HTTPServer((os.environ["WHEELHOUSE_HTTP_HOST"], port), Handler).serve_forever()
