"""Free ports on 127.0.0.1, chosen once and kept as long as no other process uses them."""

import secrets
import socket

from wheelhouse_local.errors import LocalError

# Below the ranges from which Linux (32768) and macOS (49152) assign ports to clients: while a world is down, an
# outgoing connection cannot use one of its ports.
LOWEST, HIGHEST = 20000, 32767


def is_free(port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket() as probe:
        # As Go's net.Listen does: connections of an earlier run in TIME_WAIT do not prevent it.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def choose(taken: set[int]) -> int:
    """Choose a free port outside `taken`.

    Raises:
        LocalError: none was free in a hundred attempts.
    """
    for _ in range(100):
        port = LOWEST + secrets.randbelow(HIGHEST - LOWEST + 1)
        if port not in taken and is_free(port):
            return port
    raise LocalError(f"There is no free port between {LOWEST} and {HIGHEST} on 127.0.0.1.")
