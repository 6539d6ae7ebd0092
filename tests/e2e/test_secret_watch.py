"""The component secret-watch on a real API server, with the permissions that it ships."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from e2e.test_pools import operator, readiness
from support.kube import ACCESSES, Kube, await_that

from wheelhouse.clients.kubernetes.secret_metadata import SELECTOR
from wheelhouse.reconcile.secret.sweep import SPACING
from wheelhouse_local.installation import kubectl

pytestmark = pytest.mark.e2e

COMPONENT = Path(__file__).parents[2] / "manifests" / "components" / "secret-watch"
WATCHING = {"WHEELHOUSE_WATCH_SECRETS": "true"}
ROLE = "clusterrole/wheelhouse-secret-watch", "clusterrolebinding/wheelhouse-secret-watch"
PATIENCE = 10.0
"""Seconds: the sweep would take a minute."""


@pytest.fixture
def permission(kube: Kube, tmp_path: Path) -> Iterator[None]:
    """What the component adds to the cluster."""
    (tmp_path / "kustomization.yaml").write_text(
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
        f"components: [{os.path.relpath(COMPONENT, tmp_path.resolve())}]\n"
    )
    state = kube.world.state
    kubectl(state, "apply", "--server-side", "-k", str(tmp_path))
    yield
    kubectl(state, "delete", "--ignore-not-found", *ROLE)


def reads(kube: Kube) -> list[tuple[str, str]]:
    """The operator's reads of Secrets: verb and URI."""
    lines = (kube.world.state.control_plane / "audit.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines[:-1]]  # The last line may be half written.
    return [
        (row["verb"], row["requestURI"])
        for row in rows
        if row.get("objectRef", {}).get("resource") == "secrets"
        and row["user"]["username"] == "system:serviceaccount:wheelhouse-system:wheelhouse-operator"
        and row["verb"] in {"get", "list", "watch"}
    ]


def prepared(kube: Kube, name: str) -> None:
    kube.namespace(name)
    kube.repository(name, name)
    kube.reader(name, "reader", name, "reader", secret="pip-config")
    kube.await_ready(ACCESSES, name, "reader")


@pytest.mark.usefixtures("permission")
def test_a_deleted_or_edited_secret_is_right_again_at_once(kube: Kube) -> None:
    """The operator reads only metadata of Secrets with its label, and its own writes change nothing twice."""
    before = len(reads(kube))
    prepared(kube, "watched")
    assert len(reads(kube)) == before, "the operator reads Secrets without the setting"
    with operator(kube, WATCHING):
        await_that(lambda: readiness(kube)[0] == 200, "the operator to be ready")
        await_that(lambda: any(verb == "watch" for verb, _ in reads(kube)[before:]), "the watch")
        # A new process has no token in memory: the first repair mints one.
        for harm in (("delete", "secret", "pip-config"), ("label", "secret", "pip-config", "wheelhouse.dev/access=x")):
            more = ("--overwrite",) if harm[0] == "label" else ()
            kubectl(kube.world.state, *harm, *more, "-n", "watched")
            begun = time.monotonic()
            await_that(lambda: right(kube), "the Secret", PATIENCE)
            assert time.monotonic() - begun < PATIENCE
            after = stored(kube)
            time.sleep(SPACING + 1)  # The events of the operator's own write are handled by then.
            assert stored(kube) == after
    asked = reads(kube)[before:]
    assert {verb for verb, _ in asked} <= {"list", "watch"}
    selectors = {parse_qs(urlsplit(uri).query).get("labelSelector", [""])[0] for _, uri in asked}
    assert selectors == {SELECTOR}


def test_a_missing_permission_is_reported_and_the_operator_works(kube: Kube) -> None:
    """The log has the remedy, and Secrets are written as ever."""
    with operator(kube, WATCHING) as process:
        prepared(kube, "unwatched")
        assert kube.secret("unwatched", "pip-config")
        process.terminate()
        output = process.stdout.read() if process.stdout is not None else ""
    assert "Apply manifests/components/secret-watch" in output


def stored(kube: Kube) -> dict[str, Any] | None:
    """The Secret."""
    status, body = kube.world.api().call("GET", "/api/v1/namespaces/watched/secrets/pip-config")
    return body if status == 200 else None


def right(kube: Kube) -> bool:
    """Whether the Secret exists, with the label of its access."""
    found = stored(kube)
    return found is not None and found["metadata"]["labels"]["wheelhouse.dev/access"] == "reader"
