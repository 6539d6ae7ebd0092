"""Installs the CRDs, the operator's permissions and its admission policies, as an administrator does."""

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from wheelhouse_local import constants, environment
from wheelhouse_local.api import Api, Json
from wheelhouse_local.controlplane import programs
from wheelhouse_local.errors import LocalError
from wheelhouse_local.state import State

_PATIENCE_S = 60.0
_POLL_S = 0.1
_CRDS = Path("crds")
_OVERLAY = Path("manifests", "overlays", "local")


def kubectl(
    state: State, *arguments: str, stdin: str | None = None, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run kubectl as an administrator of the world, with its own discovery cache.

    Raises:
        LocalError: it failed, and `check` is set; with its output.
    """
    variables = {"KUBECONFIG": str(state.kubeconfig), "KUBECACHEDIR": str(state.kubectl_cache)}
    argv = [str(environment.kubectl()), *arguments]
    env = {**environment.base(), **variables}
    reply = subprocess.run(argv, env=env, input=stdin, capture_output=True, text=True, check=False)
    if check and reply.returncode:
        raise LocalError(f"kubectl {' '.join(arguments)} failed:\n{reply.stderr.strip()}")
    return reply


def sources() -> Path:
    """The folder with crds/ and manifests/: the checkout around this package.

    Raises:
        LocalError: there is none, as in an installed wheel.
    """
    for folder in Path(__file__).resolve().parents:
        if (folder / _CRDS).is_dir() and (folder / _OVERLAY).is_dir():
            return folder
    raise LocalError(
        f"No {_CRDS}/ and {_OVERLAY}/ beside or above {Path(__file__).parent}: the local world installs them.\n"
        "Run it from a checkout of wheelhouse-operator (pip install -e '.[local]')."
    )


def apply(state: State, say: Callable[[str], None]) -> None:
    """Apply crds/ and the overlay for the local world, and wait until the API server knows both kinds.

    Raises:
        LocalError: they are missing or rejected.
    """
    root = sources()
    say(f"Applying {root / _CRDS} and {root / _OVERLAY}")
    options = ("--server-side", "--force-conflicts", "--field-manager=wheelhouse-local")
    applied = kubectl(state, "apply", *options, "-o", "name", "-k", str(root / _CRDS)).stdout.split()
    kubectl(state, "wait", "--for=condition=Established", "--timeout=60s", *applied)
    kubectl(state, "apply", *options, "-k", str(root / _OVERLAY))


def await_enforced(state: State) -> None:
    """Wait until the admission policies are enforced: the operator's forbidden requests are denied, and pods changed.

    An administrator impersonates the operator, so that the audit log has only the operator's own requests.

    Raises:
        LocalError: they are not enforced within a minute; with the last answer.
    """
    server = programs.server(state.load().ports)
    ca, admin = state.control_plane / "ca.pem", (state.control_plane / "admin-token").read_text()
    groups = ("system:serviceaccounts", f"system:serviceaccounts:{constants.NAMESPACE}", "system:authenticated")
    operator = Api(server, ca, admin, constants.OPERATOR_USER, groups)
    deadline = time.monotonic() + _PATIENCE_S
    for path, body in _forbidden():
        _await_answer(operator, path, body, _denied, deadline)
    _await_answer(Api(server, ca, admin), "/api/v1/namespaces/default/pods", _pod(), _changed, deadline)


def _await_answer(api: Api, path: str, body: Json, enforced: Callable[[int, Json], bool], deadline: float) -> None:
    """Send the dry run of a request until the answer shows that the policy for it is enforced."""
    while True:
        status, answer = api.call("POST", f"{path}?dryRun=All", body)
        if enforced(status, answer):
            return
        if time.monotonic() > deadline:
            said = answer.get("message", json.dumps(answer)) if status >= 400 else "allowed"
            raise LocalError(f"The admission policies are not enforced: the answer to POST {path} is: {said}")
        time.sleep(_POLL_S)


def _denied(status: int, answer: Json) -> bool:
    # RBAC answers 403 too: only a policy's own message shows that the policy is enforced.
    return status == 403 and "ValidatingAdmissionPolicy" in answer.get("message", "")


def _changed(status: int, answer: Json) -> bool:
    return status == 201 and any(each["name"] == "wheelhouse-pip" for each in answer["spec"]["volumes"])


def token_request(seconds: int) -> Json:
    """A TokenRequest for the API server's own audience."""
    spec = {"audiences": [constants.ISSUER], "expirationSeconds": seconds}
    return {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}


def _forbidden() -> list[tuple[str, Json]]:
    """Requests that the operator's policies must deny: a Secret of another type, a token for the API server."""
    namespace = f"/api/v1/namespaces/{constants.NAMESPACE}"
    secret: Json = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "wheelhouse-probe"}, "type": "Opaque"}
    return [
        (f"{namespace}/secrets", secret),
        (f"{namespace}/serviceaccounts/{constants.SERVICE_ACCOUNT}/token", token_request(600)),
    ]


def _pod() -> Json:
    """A pod that asks for its configuration."""
    metadata = {"name": "wheelhouse-probe", "labels": {"wheelhouse.dev/pip-config": "pip-config"}}
    spec = {"containers": [{"name": "main", "image": "none"}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
