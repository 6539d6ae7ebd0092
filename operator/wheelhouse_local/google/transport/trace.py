"""The requests and their callers: one JSON object per line, never with any part of a token."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path


class Trace:
    """Appends to a file that `wheelhouse local requests` reads."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", buffering=1)

    def record(self, caller: str, method: str, resource: str, status: str, began: float) -> None:
        """Record one call; `method` as Service.Method, `began` by time.monotonic()."""
        row = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "caller": caller,
            "service": method.partition(".")[0],
            "method": method,
            "resource": resource,
            "status": status,
            "ms": round((time.monotonic() - began) * 1000, 1),
        }
        self._file.write(json.dumps(row) + "\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()
