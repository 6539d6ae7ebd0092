"""The command lines of etcd, kube-apiserver and kube-controller-manager, and the files they read.

All listen on 127.0.0.1 only, with TLS. etcd accepts only clients with the control plane's own certificate. It does not
sync to disk on every write: state survives killed processes, but not a power failure of the machine.
"""

import secrets
from collections.abc import Mapping
from pathlib import Path

import yaml

from wheelhouse_local import constants
from wheelhouse_local.controlplane import certificates
from wheelhouse_local.state import State, write_private

_CONTROLLERS = (
    "namespace-controller",
    "garbage-collector-controller",
    "serviceaccount-controller",
    "serviceaccount-token-controller",
    # It gives people the roles wheelhouse-view and wheelhouse-edit.
    "clusterrole-aggregation-controller",
)
# Requests with their users, but never a body: bodies contain tokens. A watch is logged at its start, the rest at the
# end.
_AUDIT = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata", "users": [constants.OPERATOR_USER]}, {"level": "None"}],
}


def server(ports: Mapping[str, int]) -> str:
    """The API server's URL, without a trailing slash."""
    return f"https://127.0.0.1:{ports['apiserver']}"


def prepare(state: State, ports: Mapping[str, int]) -> None:
    """Write keys, tokens and policies (once) and the kubeconfigs (each time: a port may have changed)."""
    folder = state.control_plane
    certificates.ensure(folder)
    tokens = {name: _token(folder / f"{name}-token") for name in ("admin", "google")}
    # The emulated Google may read the issuer's keys, as any ServiceAccount may, but nothing else.
    lines = [
        f'{tokens["admin"]},admin,admin,"system:masters"',
        f'{tokens["google"]},emulated-google,emulated-google,"system:serviceaccounts"',
    ]
    write_private(folder / "tokens.csv", "\n".join(lines) + "\n")
    write_private(folder / "audit-policy.yaml", yaml.safe_dump(_AUDIT))
    ca = folder / "ca.pem"
    write_private(state.kubeconfig, kubeconfig(server(ports), ca, {"token": tokens["admin"]}))
    # Kopf, client-go and the Python client reload a tokenFile when it changes, as after a rotation by kubelet.
    write_private(state.operator_kubeconfig, kubeconfig(server(ports), ca, {"tokenFile": str(state.token / "token")}))


def kubeconfig(url: str, ca: Path, user: Mapping[str, str]) -> str:
    """A kubeconfig with one cluster and one user."""
    cluster = {"server": url, "certificate-authority": str(ca)}
    context = {"cluster": "local", "user": "local", "namespace": "default"}
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "local", "cluster": cluster}],
            "users": [{"name": "local", "user": dict(user)}],
            "contexts": [{"name": "local", "context": context}],
            "current-context": "local",
        }
    )


def etcd(program: Path, state: State, ports: Mapping[str, int]) -> list[str]:
    """The command line of etcd: one member, with an unused peer port."""
    folder = state.control_plane
    url = f"https://127.0.0.1:{ports['etcd']}"
    return [
        str(program),
        "--name=local",
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls={url}",
        f"--advertise-client-urls={url}",
        "--listen-peer-urls=http://127.0.0.1:0",
        "--initial-advertise-peer-urls=http://127.0.0.1:2380",
        "--initial-cluster=local=http://127.0.0.1:2380",
        "--client-cert-auth",
        f"--trusted-ca-file={folder / 'ca.pem'}",
        f"--cert-file={folder / 'server.pem'}",
        f"--key-file={folder / 'server-key.pem'}",
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def apiserver(program: Path, state: State, ports: Mapping[str, int]) -> list[str]:
    """The command line of kube-apiserver: RBAC, tokens from a file, ServiceAccount tokens with GKE's issuer."""
    folder = state.control_plane
    return [
        str(program),
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        f"--secure-port={ports['apiserver']}",
        f"--cert-dir={folder}",
        f"--tls-cert-file={folder / 'server.pem'}",
        f"--tls-private-key-file={folder / 'server-key.pem'}",
        f"--etcd-servers=https://127.0.0.1:{ports['etcd']}",
        f"--etcd-cafile={folder / 'ca.pem'}",
        f"--etcd-certfile={folder / 'server.pem'}",
        f"--etcd-keyfile={folder / 'server-key.pem'}",
        "--endpoint-reconciler-type=none",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--authorization-mode=RBAC",
        f"--token-auth-file={folder / 'tokens.csv'}",
        f"--service-account-issuer={constants.ISSUER}",
        f"--service-account-key-file={folder / 'service-account-key.pem'}",
        f"--service-account-signing-key-file={folder / 'service-account-key.pem'}",
        f"--audit-policy-file={folder / 'audit-policy.yaml'}",
        f"--audit-log-path={folder / 'audit.jsonl'}",
        "--audit-log-maxsize=100",
        "--audit-log-maxbackup=1",
        "--profiling=false",
    ]


def controllers(program: Path, state: State, ports: Mapping[str, int]) -> list[str]:
    """The command line of kube-controller-manager: the few controllers that a world without nodes needs."""
    folder = state.control_plane
    return [
        str(program),
        f"--kubeconfig={state.kubeconfig}",
        "--bind-address=127.0.0.1",
        f"--secure-port={ports['controllers']}",
        f"--cert-dir={folder}",
        f"--tls-cert-file={folder / 'server.pem'}",
        f"--tls-private-key-file={folder / 'server-key.pem'}",
        f"--service-account-private-key-file={folder / 'service-account-key.pem'}",
        f"--controllers={','.join(_CONTROLLERS)}",
        "--leader-elect=false",
        "--profiling=false",
    ]


def _token(path: Path) -> str:
    if not path.exists():
        write_private(path, secrets.token_urlsafe(32))
    return path.read_text()
