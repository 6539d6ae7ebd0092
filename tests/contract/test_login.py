"""Ways to log in to the API server, through the kubernetes library's own loader."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from kubernetes import config
from kubernetes.config import incluster_config, kube_config

from wheelhouse.clients.kubernetes.login import load_login
from wheelhouse.errors import Invalid

Use = Callable[[Path], None]


def kubeconfig(tmp_path: Path, user: dict[str, object], **cluster: object) -> Path:
    document = {
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1/", **cluster}}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    file = tmp_path / "a kubeconfig"
    file.write_text(yaml.safe_dump(document))
    return file


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Use:
    """Set the library's kubeconfig (it reads KUBECONFIG when it is imported)."""

    def point(file: Path) -> None:
        monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(file))
        monkeypatch.setattr(config, "KUBE_CONFIG_DEFAULT_LOCATION", str(file))

    return point


def test_a_token_file_is_read_again(tmp_path: Path, use: Use) -> None:
    """A rotated tokenFile results in another header, without the newline at the end of the file."""
    token = tmp_path / "token"
    token.write_text("first\n")
    use(kubeconfig(tmp_path, {"tokenFile": str(token)}))
    first = load_login()
    token.write_text("second")
    assert first.server == "http://127.0.0.1:1"
    assert [first.authorization, load_login().authorization] == ["Bearer first", "Bearer second"]
    assert "first" not in repr(first)


def test_an_exec_plugin_is_run(tmp_path: Path, use: Use) -> None:
    """As for a developer with gke-gcloud-auth-plugin."""
    answer = (
        '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"from-a-plugin"}}'
    )
    user = {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": sys.executable,
            "args": ["-c", f"print({answer!r})"],
            "interactiveMode": "Never",
        }
    }
    use(kubeconfig(tmp_path, user))
    assert load_login().authorization == "Bearer from-a-plugin"


def test_in_a_pod(tmp_path: Path, use: Use, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a kubeconfig, the pod's own ServiceAccount is used."""
    (tmp_path / "token").write_text("of-the-pod\n")
    (tmp_path / "ca.crt").write_text("a certificate")
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(tmp_path / "token"))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(tmp_path / "ca.crt"))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    use(tmp_path / "none")
    login = load_login()
    assert (login.server, login.authorization) == ("https://[fd00::1]:443", "Bearer of-the-pod")
    assert login.ca_path == str(tmp_path / "ca.crt")


@pytest.mark.parametrize("content", [None, "{", "a: [1", "[]", "current-context: gone"])
def test_a_missing_login_is_reported(
    tmp_path: Path, use: Use, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    """A missing or broken configuration results in one sentence, not a traceback."""
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    file = tmp_path / "broken"
    if content is not None:
        file.write_text(content)
    use(file)
    with pytest.raises(Invalid, match="Cannot log in"):
        load_login()


def test_what_cannot_be_honored_is_refused(tmp_path: Path, use: Use) -> None:
    """Otherwise tls-server-name would be ignored."""
    use(kubeconfig(tmp_path, {"token": "t"}, **{"tls-server-name": "other"}))
    with pytest.raises(Invalid, match="tls-server-name"):
        load_login()
