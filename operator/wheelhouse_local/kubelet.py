"""Kubelet's role for the operator: writes its ServiceAccount's token to a file and renews it before it expires.

`python -m wheelhouse_local.kubelet --state DIR` runs until it is stopped.
"""

import argparse
import signal
import threading
from datetime import UTC, datetime
from pathlib import Path

from wheelhouse_local import constants, volume
from wheelhouse_local.api import Api
from wheelhouse_local.controlplane import programs
from wheelhouse_local.errors import LocalError
from wheelhouse_local.installation import token_request
from wheelhouse_local.state import State

# The shortest lifetime that Kubernetes issues. Kubelet renews a token after four fifths of its lifetime.
LIFETIME_S = 600
_RENEW_AT = 0.8
_RETRY_S = 1.0


def renew(api: Api, directory: Path) -> float:
    """Write a new token to DIRECTORY/token, and return the seconds until the next renewal.

    Raises:
        LocalError: the API server denies the request.
        OSError: it is not reachable, or the file cannot be written.
    """
    account = f"/api/v1/namespaces/{constants.NAMESPACE}/serviceaccounts/{constants.SERVICE_ACCOUNT}/token"
    status, answer = api.call("POST", account, token_request(LIFETIME_S))
    if status != 201:
        raise LocalError(f"No token for {constants.OPERATOR_USER}: {status} {answer.get('message', '')}")
    # As in a pod whose containers run as one user.
    volume.write(directory, {"token": answer["status"]["token"].encode()}, 0o600)
    expires = datetime.fromisoformat(answer["status"]["expirationTimestamp"])
    return (expires - datetime.now(UTC)).total_seconds() * _RENEW_AT


def main() -> None:
    """Renew the token until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m wheelhouse_local.kubelet", description=__doc__)
    parser.add_argument("--state", type=Path, required=True, help="the world's directory")
    state = State(parser.parse_args().state)
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    ca, admin = state.control_plane / "ca.pem", state.control_plane / "admin-token"
    due = 0.0
    while not ended.wait(due):
        try:
            # The port is read again: a restarted API server may have another one.
            api = Api(programs.server(state.load().ports), ca, admin.read_text())
            due = renew(api, state.token)
            print(f"renewed the token of {constants.OPERATOR_USER}; next in {due:.0f} s", flush=True)
        except (OSError, LocalError) as error:
            due = _RETRY_S
            print(f"not renewed: {error}", flush=True)


if __name__ == "__main__":
    main()
