"""Tokens are in Secret data and nowhere else: the real ones are searched for wherever they could have leaked."""

import urllib.request
from pathlib import Path

import pytest
from support.kube import ACCESSES, Kube

pytestmark = pytest.mark.e2e


def texts(kube: Kube) -> dict[str, str]:
    """Everything that is visible without permission to read Secrets."""
    world = kube.world
    everything = "namespaces,events,pythonrepositories,repositoryaccesses,configmaps,serviceaccounts"
    found = {"objects": world.kubectl("get", everything, "-A", "-o", "yaml", "--show-managed-fields").stdout}
    metadata = "jsonpath={range .items[*]}{.metadata}{'\\n'}{end}"
    found["Secrets' metadata"] = world.kubectl("get", "secrets", "-A", "-o", metadata, "--show-managed-fields").stdout
    environment = world.environment()
    with urllib.request.urlopen(environment["operator"]["metrics"], timeout=10) as reply:
        found["metrics"] = reply.read().decode()
    for path in (world.state.root / "logs").iterdir():
        found[f"log {path.name}"] = path.read_text(errors="replace")
    found["trace"] = (world.state.google / "requests.jsonl").read_text()
    process = Path(f"/proc/{world.pid('operator')}")
    found["arguments"] = (process / "cmdline").read_text()
    found["environment"] = (process / "environ").read_text()
    return found


def test_no_token_leaves_secret_data(kube: Kube) -> None:
    """Logs at DEBUG, Events, status, annotations, managed fields, metrics, traces and the process contain no token."""
    kube.world.stop("operator")
    kube.world.set_options(settings={"WHEELHOUSE_LOG_LEVEL": "DEBUG"})
    kube.world.start("operator")
    kube.namespace("leaks")
    kube.repository("leaks", "leaks")
    kube.reader("leaks", "reader", "leaks", "reader", secret="pip-config")
    kube.await_ready(ACCESSES, "leaks", "reader")
    token = (kube.secret("leaks", "pip-config") or {})["netrc"].split()[-1]
    assert token.startswith("ya29.")
    found = texts(kube)
    assert found["objects"].count("leaks") > 10
    assert [where for where, text in found.items() if token in text] == []
    own = (kube.world.state.token / "token").read_text().strip()
    assert [where for where, text in found.items() if own in text] == []
