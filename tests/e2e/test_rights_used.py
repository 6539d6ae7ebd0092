"""Permissions granted and permissions used: none missing, none unused."""

import re
from pathlib import Path

import pytest
import yaml
from support.kube import ACCESSES, REPOSITORIES, Kube

from wheelhouse_local import constants, trace

pytestmark = pytest.mark.e2e

ROLE = Path(__file__).parents[2] / "manifests" / "base" / "rbac.yaml"


def granted() -> set[str]:
    roles = [each for each in yaml.safe_load_all(ROLE.read_text()) if each["kind"] == "ClusterRole"]
    rules = next(role["rules"] for role in roles if role["metadata"]["name"] == "wheelhouse-operator")
    return {f"{verb} {resource}" for rule in rules for verb in rule["verbs"] for resource in rule["resources"]}


def test_rights_used_are_rights_granted(kube: Kube) -> None:
    """A lifecycle of both kinds, with a Secret and a deletion with content, uses exactly the granted permissions."""
    kube.namespace("rights")
    kube.repository("rights", "rights", deletionPolicy="Delete")
    kube.reader("rights", "reader", "rights", "reader", secret="pip-config")
    kube.await_ready(ACCESSES, "rights", "reader")
    kube.delete(ACCESSES, "rights", "reader")
    kube.await_gone(ACCESSES, "rights", "reader")
    kube.delete(REPOSITORIES, "rights", "rights")
    kube.await_gone(REPOSITORIES, "rights", "rights")
    rows = list(trace.kubernetes(kube.world.state))
    # The start-up test sends two requests that must be denied; Kopf's discovery has no resource.
    used = {row["method"] for row in rows if " " in row["method"] and row["status"] != "403"}
    # In namespaces of other tests, the policy may deny a write while the opt-in is being removed.
    here = re.compile(rf"/namespaces/(rights|{constants.NAMESPACE})/")
    refused = {row["method"] for row in rows if row["status"] == "403" and here.search(row["resource"])}
    assert refused <= {"create secrets", "create serviceaccounts/token"}
    # An apply that creates a Secret needs `create`, and is a patch in the log.
    assert used | {"create secrets"} == granted()
