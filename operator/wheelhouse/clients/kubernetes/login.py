"""How to log in to the API server, with the configuration loader of the `kubernetes` library.

Kopf imports that library anyway, so its loader costs no memory here. Its clients are not used.
"""

from dataclasses import dataclass, field

import yaml
from kubernetes import config
from kubernetes.client import Configuration

from wheelhouse.clients.http import reduced
from wheelhouse.errors import Invalid

_BROKEN = (config.ConfigException, yaml.YAMLError, OSError, ValueError, TypeError)
"""What the loader raises for a missing or malformed configuration."""


@dataclass(frozen=True, slots=True)
class Login:
    """One login: `authorization` is the whole header value, None with a client certificate."""

    server: str
    authorization: str | None = field(default=None, repr=False)
    ca_path: str | None = None
    certificate_path: str | None = None
    key_path: str | None = None
    verify: bool = True
    proxy: str | None = None


def load_login() -> Login:
    """Load the configuration: KUBECONFIG or ~/.kube/config (tokenFile, exec plugins, …), or the pod's own.

    Reads files and may run an exec plugin: call it in a thread.

    Raises:
        Invalid: there is no usable configuration; the message names what is missing.
    """
    configuration = Configuration()
    try:
        config.load_kube_config(client_configuration=configuration, persist_config=False)  # type: ignore[no-untyped-call] # the library has no annotation here
    except _BROKEN as no_kubeconfig:
        try:
            config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call] # nor here
        except _BROKEN as not_in_cluster:
            causes = f"Kubeconfig: {reduced(no_kubeconfig)} In a pod: {reduced(not_in_cluster)}"
            raise Invalid(f"Cannot log in to Kubernetes. {causes}") from None
    if configuration.tls_server_name:
        raise Invalid("Wheelhouse does not support tls-server-name in a kubeconfig: use the server's own name.")
    return Login(
        server=str(configuration.host).rstrip("/"),
        authorization=_header(configuration.api_key.get("BearerToken")),
        ca_path=configuration.ssl_ca_cert or None,
        certificate_path=configuration.cert_file or None,
        key_path=configuration.key_file or None,
        verify=bool(configuration.verify_ssl),
        proxy=configuration.proxy or None,
    )


def _header(value: str | None) -> str | None:
    """A valid header value: the library returns `bearer TOKEN` with any newline of the file."""
    scheme, _, credentials = (value or "").strip().partition(" ")
    return f"{scheme.capitalize()} {credentials.strip()}" if credentials.strip() else None
