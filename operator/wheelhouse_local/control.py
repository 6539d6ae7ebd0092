"""Asking the emulated Google for what only its operator's console could do: tokens of anybody, policies unchecked."""

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

from wheelhouse_local import constants, environment
from wheelhouse_local.errors import LocalError
from wheelhouse_local.state import State


def token(state: State, identity: str) -> str:
    """An access token of `ksa:NS/NAME`, `user:EMAIL` or `gsa:EMAIL`.

    Raises:
        LocalError: the emulated Google refuses, or does not run.
    """
    return str(_post(state, "token", {"as": identity})["accessToken"])


def plant(state: State, repository: str, policy: object) -> None:
    """Give a repository this IAM policy, unchecked; a bare name is one of the default project and location.

    Raises:
        LocalError: the emulated Google refuses, or does not run.
    """
    full = f"projects/{constants.PROJECT}/locations/{constants.LOCATION}/repositories/{repository}"
    _post(state, "policy", {"resource": repository if "/" in repository else full, "policy": policy})


def _post(state: State, what: str, body: object) -> dict[str, Any]:
    address = urlsplit(environment.endpoints(state)["artifactRegistry"]).netloc
    owner = (state.google / "owner-token").read_text().strip()
    headers = {"Authorization": f"Bearer {owner}", "Content-Type": "application/json"}
    connection = http.client.HTTPConnection(address, timeout=30)
    try:
        connection.request("POST", f"/control/{what}", json.dumps(body), headers)
        reply = connection.getresponse()
        said = reply.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        raise LocalError(f"The emulated Google does not answer ({error}): run `wheelhouse local status`") from error
    finally:
        connection.close()
    if reply.status != http.client.OK:
        raise LocalError(f"The emulated Google refuses: {reply.status} {said.strip()}")
    answer: dict[str, Any] = json.loads(said or "{}")
    return answer
