"""What an operator compares at its start: a changed schema or admission policy gets a new version."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from wheelhouse.api.schema import SCHEMA_ANNOTATION, SCHEMA_VERSION, crds
from wheelhouse.clients.kubernetes.installed import POLICIES, POLICY_ANNOTATION, POLICY_VERSION

ROOT = Path(__file__).parents[1]
RECORD = Path(__file__).parent / "golden" / "versions.yaml"
RECORDED: dict[str, dict[int, str]] = yaml.safe_load(RECORD.read_text())
SHIPPED: dict[str, list[dict[str, Any]]] = {
    "schemas": list(crds().values()),
    "policies": list(yaml.safe_load_all((ROOT / "manifests/base/policies.yaml").read_text())),
}
VERSIONS = {"schemas": SCHEMA_VERSION, "policies": POLICY_VERSION}


def meaning(node: Any) -> Any:
    """An object without descriptions, which have no effect, and without its version."""
    if isinstance(node, list):
        return [meaning(child) for child in node]
    if not isinstance(node, dict):
        return node
    left_out = {SCHEMA_ANNOTATION, POLICY_ANNOTATION}
    return {
        key: meaning(child)
        for key, child in node.items()
        # A property may be named description too; then it is a schema.
        if key not in left_out and not (key == "description" and isinstance(child, str))
    }


def digest(objects: list[dict[str, Any]]) -> str:
    return hashlib.sha256(json.dumps(meaning(objects), sort_keys=True).encode()).hexdigest()[:16]


@pytest.mark.parametrize("what", ["schemas", "policies"])
def test_a_change_has_a_new_version(what: str) -> None:
    """A change of a schema or a policy needs a new version, because otherwise an operator would accept the old one."""
    found = digest(SHIPPED[what])
    advice = f"The {what} changed: raise their version, and add it to {RECORD.relative_to(ROOT)} as {found}"
    assert RECORDED[what].get(VERSIONS[what]) == found, advice


@pytest.mark.parametrize("what", ["schemas", "policies"])
def test_the_newest_version_is_shipped(what: str) -> None:
    """Versions only increase, and each belongs to one state."""
    assert max(RECORDED[what]) == VERSIONS[what]
    assert len(set(RECORDED[what].values())) == len(RECORDED[what])


def test_every_definition_and_policy_carries_its_version() -> None:
    """The annotations have the versions that the operator checks, in every definition and every policy."""
    policies = [each for each in SHIPPED["policies"] if each["kind"] == "ValidatingAdmissionPolicy"]
    assert [each["metadata"]["name"] for each in policies] == list(POLICIES)
    assert {each["metadata"]["annotations"][POLICY_ANNOTATION] for each in policies} == {str(POLICY_VERSION)}
    definitions = SHIPPED["schemas"]
    assert {each["metadata"]["annotations"][SCHEMA_ANNOTATION] for each in definitions} == {str(SCHEMA_VERSION)}


def test_the_digest_sees_what_counts() -> None:
    """A rule, a type or a property called description changes the digest; a text or the version does not."""
    marks = {"annotations": {SCHEMA_ANNOTATION: "1"}}
    base = {"metadata": marks, "description": "a", "properties": {"x": {"type": "a"}}}
    assert digest([base | {"description": "b"}]) == digest([base])
    assert digest([base | {"metadata": {"annotations": {SCHEMA_ANNOTATION: "2"}}}]) == digest([base])
    assert digest([base | {"properties": {"x": {"type": "b"}}}]) != digest([base])
    described = {"x": {"type": "a"}, "description": {"type": "string", "description": "a"}}
    assert digest([base | {"properties": described}]) != digest([base])
