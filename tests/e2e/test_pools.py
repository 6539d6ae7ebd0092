"""The operator with settings for another pool, on a real API server: it reports why it does not start."""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from support.kube import ACCESSES, PROJECT, Kube, await_that, principal

from wheelhouse_local import environment

pytestmark = pytest.mark.e2e

READER = "roles/artifactregistry.reader"
OWN = f"{PROJECT}.svc.id.goog"
FLEET = {
    "WHEELHOUSE_WORKLOAD_IDENTITY_POOL": "fleet-host.svc.id.goog",
    "WHEELHOUSE_WORKLOAD_IDENTITY_PROJECT_NUMBER": "987654321098",
    "WHEELHOUSE_WORKLOAD_IDENTITY_OVERRIDE": "true",
}
OLD_POOL = f"projects/123456789012/locations/global/workloadIdentityPools/{OWN}"


@contextmanager
def operator(kube: Kube, settings: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """The world's operator with other settings, instead of the world's own."""
    kube.world.stop("operator")
    state = kube.world.state
    env = {**environment.base(), "HOME": str(state.home), **environment.operator_settings(state), **settings}
    argv = [sys.executable, "-P", "-m", "wheelhouse", "run"]
    process = subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=20)
        kube.world.start("operator")


def readiness(kube: Kube) -> tuple[int, str]:
    """The answer of the readiness probe."""
    port = kube.world.state.load().ports["operator"]
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"WHEELHOUSE_WORKLOAD_IDENTITY_POOL": "other-project.svc.id.goog"}, ["other-project.svc.id.goog", OWN]),
        ({"WHEELHOUSE_WORKLOAD_IDENTITY_PROJECT_NUMBER": "987654321098"}, ["987654321098", "123456789012"]),
        (
            {
                "WHEELHOUSE_GKE_CLUSTER": f"projects/{PROJECT}/locations/us-central1/clusters/other",
                "WHEELHOUSE_WORKLOAD_IDENTITY_OVERRIDE": "true",
            },
            ["clusters/other", "clusters/local"],
        ),
        (
            {"WHEELHOUSE_WORKLOAD_IDENTITY_MIGRATE_FROM": OLD_POOL},
            ["WHEELHOUSE_WORKLOAD_IDENTITY_MIGRATE_FROM", OLD_POOL],
        ),
    ],
)
def test_a_contradiction_ends_the_start(kube: Kube, settings: dict[str, str], words: list[str]) -> None:
    """The process exits with a message that names the setting and both values."""
    with operator(kube, settings) as process:
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 1
    assert [word for word in (*settings, *words) if word not in output and "OVERRIDE" not in word] == []
    assert "Traceback" not in output


def test_another_pool_under_living_grants_changes_nothing(kube: Kube) -> None:
    """Not ready, with both pools and the remedy; no policy, Secret or status changes; the old pool works again."""
    kube.namespace("pools")
    kube.repository("pools", "pools")
    kube.reader("pools", "reader", "pools", "reader", secret="pip-config")
    kube.await_ready(ACCESSES, "pools", "reader")
    before = kube.get(ACCESSES, "pools", "reader"), kube.secret("pools", "pip-config")
    with operator(kube, FLEET) as process, kube.counted() as counts:
        body = await_that(lambda: "MIGRATE_FROM" in (told := readiness(kube))[1] and told, "the complaint")
        kube.access("pools", "late", "pools", subjects=[{"kind": "ServiceAccount", "name": "reader"}])
        process.terminate()
        output, _ = process.communicate(timeout=20)
    assert body[0] == 503
    assert f"MIGRATE_FROM={OLD_POOL}" in body[1]
    assert "fleet-host.svc.id.goog" in body[1]
    assert process.returncode == 0
    assert [line for line in output.splitlines() if json.loads(line).get("event") == "Not ready"]
    # Only the start-up test of the admission policies, whose requests are denied.
    assert set(counts) <= {"create secrets", "create secrets (dry run)", "create serviceaccounts/token"}
    kube.await_ready(ACCESSES, "pools", "late")
    assert kube.members("pools") == {READER: [principal("pools", "reader")]}
    assert (kube.get(ACCESSES, "pools", "reader"), kube.secret("pools", "pip-config")) == before
