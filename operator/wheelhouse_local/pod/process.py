"""Runs a command as a process of a pod: its environment, and the servers that it needs while it runs."""

import asyncio
import os
import signal
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from wheelhouse_local import control, environment
from wheelhouse_local.errors import LocalError
from wheelhouse_local.google.transport.sites import Sites
from wheelhouse_local.google.transport.tls import https_context
from wheelhouse_local.pod.metadata import PodMetadata
from wheelhouse_local.pod.proxy import Front, Proxy
from wheelhouse_local.world import World

IMPERSONATION = "iam.gke.io/gcp-service-account"
_STRANGE = ("CLOUDSDK_", "GOOGLE_", "GCE_", "KUBE")
"""Prefixes of variables that would give the process an identity of the caller."""
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
_NOT_FOUND, _SIGNALED = 404, 128


@dataclass(frozen=True, slots=True)
class Pod:
    """The ServiceAccount of a pod."""

    namespace: str
    service_account: str

    @property
    def title(self) -> str:
        """Its name in messages."""
        return f"ServiceAccount {self.namespace}/{self.service_account}"


def check(world: World, pod: Pod) -> None:
    """Check that a pod of this ServiceAccount has an identity here.

    Raises:
        LocalError: it does not exist, cannot be read, or stands for a Google service account.
    """
    name = quote(pod.service_account, safe="")
    path = f"/api/v1/namespaces/{quote(pod.namespace, safe='')}/serviceaccounts/{name}"
    status, found = world.api().call("GET", path)
    if status == _NOT_FOUND:
        command = f"kubectl create serviceaccount {pod.service_account} -n {pod.namespace}"
        raise LocalError(f"{pod.title} does not exist: create it with `{command}`")
    if status >= 400:
        raise LocalError(f"{pod.title}: {found.get('message', status)}")
    if IMPERSONATION in found["metadata"].get("annotations", {}):
        raise LocalError(
            f"{pod.title} has the annotation {IMPERSONATION}. Pods with the identity of a Google service account are "
            "not emulated: use a ServiceAccount without the annotation"
        )


async def run(world: World, pod: Pod, command: Sequence[str]) -> int:
    """Run the command with the pod's environment, and return its exit status.

    Raises:
        LocalError: there is no such command.
    """
    sites, folder = Sites(), tempfile.TemporaryDirectory(prefix="wheelhouse-pod-")
    with folder as name:
        try:
            return await _run(command, await _start(world, pod, sites, Path(name)))
        finally:
            await sites.close()


async def _start(world: World, pod: Pod, sites: Sites, folder: Path) -> dict[str, str]:
    """Start the servers of the pod, and return its environment."""
    endpoints = environment.endpoints(world.state)
    identity = f"ksa:{pod.namespace}/{pod.service_account}"
    metadata = PodMetadata(endpoints["metadata"], lambda: control.mint(world.state, identity))
    metadata_url = await sites.serve(metadata.app(), None)
    # The authority exists only for this process: no other one trusts it.
    front_url = await sites.serve(Front(endpoints["index"]).app(), None, https_context(folder, "*.pkg.dev"))
    proxy = await Proxy(urlsplit(front_url).port or 0).serve()
    port = proxy.sockets[0].getsockname()[1]
    return variables(os.environ, urlsplit(metadata_url).netloc, f"http://127.0.0.1:{port}", folder)


def variables(caller: Mapping[str, str], metadata: str, proxy: str, folder: Path) -> dict[str, str]:
    """The caller's environment without its identities, with those of the pod.

    Args:
        caller: the environment of the caller.
        metadata: `HOST:PORT` of the pod's metadata server.
        proxy: the URL of its proxy.
        folder: has ca.pem, which signed the certificate of the index.
    """
    kept = {name: text for name, text in caller.items() if not name.startswith(_STRANGE)}
    for name in _PROXIES:
        kept.pop(name, None)
        kept.pop(name.lower(), None)
    ca = str(folder / "ca.pem")
    direct = "127.0.0.1,localhost"
    return {
        **kept,
        # Programs read one or the other spelling.
        **dict.fromkeys(("HTTPS_PROXY", "https_proxy"), proxy),
        **dict.fromkeys(("NO_PROXY", "no_proxy"), direct),
        **dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT"), ca),
        **dict.fromkeys(("GCE_METADATA_HOST", "GCE_METADATA_IP"), metadata),
        # A folder without credentials of a person.
        "CLOUDSDK_CONFIG": str(folder / "gcloud"),
    }


async def _run(command: Sequence[str], env: Mapping[str, str]) -> int:
    try:
        process = await asyncio.create_subprocess_exec(*command, env=env)
    except (FileNotFoundError, PermissionError) as error:
        raise LocalError(f"{command[0]} cannot be run: {error.strerror}") from error
    with _passing_on(process):
        status = await process.wait()
    return status if status >= 0 else _SIGNALED - status


@contextmanager
def _passing_on(process: asyncio.subprocess.Process) -> Iterator[None]:
    """Let the process decide what a signal does: a terminal sends Ctrl-C to it too."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, lambda: None)
    loop.add_signal_handler(signal.SIGTERM, process.terminate)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        loop.remove_signal_handler(signal.SIGTERM)
