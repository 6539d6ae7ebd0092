"""Permissions granted and permissions used: none missing, none unused."""

import json
import re
from pathlib import Path

import pytest
import yaml
from support.google import ACT_AS, google_account
from support.kube import ACCESSES, REPOSITORIES, Kube, principal

from wheelhouse_local import constants, trace

pytestmark = pytest.mark.e2e

DECISION = "authorization.k8s.io/decision"
ROLE = Path(__file__).parents[2] / "manifests" / "base" / "rbac.yaml"


def granted() -> set[str]:
    roles = [each for each in yaml.safe_load_all(ROLE.read_text()) if each["kind"] == "ClusterRole"]
    rules = next(role["rules"] for role in roles if role["metadata"]["name"] == "wheelhouse-operator")
    return {f"{verb} {resource}" for rule in rules for verb in rule["verbs"] for resource in rule["resources"]}


def decisions(kube: Kube) -> set[str]:
    """What RBAC decided about the operator's requests, by the audit log."""
    lines = (kube.world.state.control_plane / "audit.jsonl").read_text().splitlines()
    events = [json.loads(line) for line in lines[:-1]]  # The last line may be half written.
    return {each["annotations"][DECISION] for each in events if DECISION in each.get("annotations", {})}


def test_rights_used_are_rights_granted(kube: Kube) -> None:
    """A lifecycle of both kinds, with Secrets in two namespaces, a Google service account and a deletion with content.

    It uses exactly the granted permissions.
    """
    kube.namespace("rights")
    kube.namespace("rights-team", projects="", team="rights")
    kube.repository("rights", "rights", deletionPolicy="Delete")
    kube.reader("rights", "reader", "rights", "reader", secret="pip-config")
    for namespace in ("rights", "rights-team"):
        kube.service_account(namespace, "wide")
    wide = {"name": "wide", "serviceAccountName": "wide", "namespaceSelector": {"matchLabels": {"team": "rights"}}}
    kube.access("rights", "wide", "rights", secret=wide)
    email = google_account(kube, "rights-acting", principal("rights", "acting"))
    kube.service_account("rights", "acting")
    kube.world.kubectl("annotate", "serviceaccount", "acting", "-n", "rights", f"{ACT_AS}={email}")
    kube.access("rights", "acting", "rights", secret={"name": "acting", "serviceAccountName": "acting"})
    kube.await_ready(ACCESSES, "rights", "reader", "wide", "acting")
    assert kube.secret("rights-team", "wide")
    assert f"serviceAccount:{email}" in kube.members("rights")["roles/artifactregistry.reader"]
    for name in ("reader", "wide", "acting"):
        kube.delete(ACCESSES, "rights", name)
    kube.await_gone(ACCESSES, "rights", "reader", "wide", "acting")
    assert kube.secret("rights-team", "wide") is None
    kube.delete(REPOSITORIES, "rights", "rights")
    kube.await_gone(REPOSITORIES, "rights", "rights")
    rows = list(trace.kubernetes(kube.world.state))
    # The start-up test sends two requests that must be denied; Kopf's discovery has no resource.
    used = {row["method"] for row in rows if " " in row["method"] and row["status"] != "403"}
    # Elsewhere, other tests take a namespace's opt-in away while the operator writes there.
    here = re.compile(rf"/namespaces/(rights|rights-team|{constants.NAMESPACE})/")
    refused = {row["method"] for row in rows if row["status"] == "403" and here.search(row["resource"])}
    assert refused <= {"create secrets", "create serviceaccounts/token"}
    # An apply that creates a Secret needs `create`, and is a patch in the log.
    assert used | {"create secrets"} == granted()
    # A missing right is refused by RBAC, before any admission policy sees the request.
    assert decisions(kube) == {"allow"}
