"""crds/ matches the models, and uses only what Kubernetes and GitOps tools support."""

import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any
from unittest.mock import ANY

import pytest
from pydantic import BaseModel, Field
from support.cases import CASES

from wheelhouse.api.meta import Model
from wheelhouse.api.schema import UnsupportedModelError, crds, render, structural

CRDS = Path(__file__).parents[1] / "crds"
SCHEMAS = {
    definition["spec"]["names"]["kind"]: definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    for definition in crds().values()
}
KINDS = sorted(SCHEMAS)

Node = dict[str, Any]


def walk(node: Node, where: str = "", *, listed: bool = False) -> Iterator[tuple[str, Node, bool]]:
    """Every schema below one, with its path, and whether it is inside a list."""
    yield where, node, listed
    for name, child in node.get("properties", {}).items():
        yield from walk(child, f"{where}.{name}", listed=listed)
    if "items" in node:
        yield from walk(node["items"], f"{where}[]", listed=True)
    if isinstance(node.get("additionalProperties"), dict):
        yield from walk(node["additionalProperties"], f"{where}.*", listed=listed)


def declared(kind: str) -> list[tuple[str, Node, bool]]:
    """The schemas of spec and status."""
    properties = SCHEMAS[kind]["properties"]
    return [row for part in ("spec", "status") for row in walk(properties[part], part)]


@pytest.mark.parametrize("name", sorted(render()))
def test_the_committed_file_is_current(name: str) -> None:
    """`make generate` would change nothing."""
    assert (CRDS / name).read_text() == render()[name]


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_is_documented(kind: str) -> None:
    """`kubectl explain` has a sentence for every field."""
    fields = [(where, node) for where, node, _ in declared(kind) if not where.endswith(("[]", ".*"))]
    assert len(fields) > 10
    assert [where for where, node in fields if not node.get("description", "").strip()] == []
    assert [where for where, node in fields if "\n" in node["description"]] == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_string_list_and_map_is_bounded(kind: str) -> None:
    """Nothing grows without limit: CEL's cost is estimated from these bounds, and etcd stores what they allow."""
    unbounded = [
        where
        for where, node, _ in declared(kind)
        if (node["type"] == "string" and not {"maxLength", "enum"} & set(node))
        or (node["type"] == "array" and "maxItems" not in node)
        or ("additionalProperties" in node and "maxProperties" not in node)
    ]
    assert unbounded == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_number_of_a_spec_is_bounded(kind: str) -> None:
    """A user's number fits the field of Google's API that receives it."""
    numbers = [(where, node) for where, node, _ in declared(kind) if node["type"] == "integer"]
    assert numbers
    unbounded = [where for where, node in numbers if not {"minimum", "maximum"} <= set(node)]
    assert [where for where in unbounded if where.startswith("spec")] == []


@pytest.mark.parametrize("kind", KINDS)
def test_keys_of_list_maps_are_required(kind: str) -> None:
    """Server-side apply merges such lists by key, so every item has one."""
    lists = [(where, node) for where, node, _ in declared(kind) if node.get("x-kubernetes-list-type") == "map"]
    assert lists
    for where, node in lists:
        assert set(node["x-kubernetes-list-map-keys"]) <= set(node["items"]["required"]), where


@pytest.mark.parametrize("kind", KINDS)
def test_no_defaults_inside_lists(kind: str) -> None:
    """GitOps tools compare whole list items: a default in one would be permanent drift."""
    assert [where for where, node, listed in declared(kind) if listed and "default" in node] == []


@pytest.mark.parametrize("kind", KINDS)
def test_root_rules_run_on_create_only(kind: str) -> None:
    """A root rule runs on every write, even of finalizers: a stricter one could make old objects undeletable."""
    rules = SCHEMAS[kind]["x-kubernetes-validations"]
    assert rules
    for rule in rules:
        assert rule["optionalOldSelf"] is True
        assert rule["rule"].startswith("oldSelf.hasValue() ||")


@pytest.mark.parametrize("kind", KINDS)
def test_every_rule_has_a_sentence(kind: str) -> None:
    """The error of a CEL rule describes the valid values."""
    rules = [rule for _, node, _ in declared(kind) for rule in node.get("x-kubernetes-validations", ())]
    assert len(rules) > 5
    assert [rule for rule in rules if len(rule["message"].split()) < 5] == []


@pytest.mark.parametrize("kind", KINDS)
def test_the_schema_is_structural(kind: str) -> None:
    """No references, no unions, no nulls: each node has one type that Kubernetes knows."""
    for where, node, _ in declared(kind):
        assert node["type"] in {"object", "array", "string", "integer", "boolean"}, where
        assert not {"$ref", "anyOf", "oneOf", "allOf", "title", "$defs"} & set(node), where


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_object_does_not_count_as_current(kind: str) -> None:
    """Kstatus treats an object without a status as current: the default shows that no pass has run."""
    assert SCHEMAS[kind]["properties"]["status"]["default"] == {"observedGeneration": -1}


def test_lists_of_the_ledger_are_atomic_and_conditions_a_map() -> None:
    """Long lists are atomic, to keep their managed fields ten times smaller; conditions merge by type."""
    status = SCHEMAS["RepositoryAccess"]["properties"]["status"]["properties"]
    assert status["grants"]["x-kubernetes-list-type"] == "atomic"
    assert status["secret"]["properties"]["namespaces"]["x-kubernetes-list-type"] == "atomic"
    assert status["conditions"]["x-kubernetes-list-map-keys"] == ["type"]
    assert SCHEMAS["PythonRepository"]["properties"]["status"]["properties"]["managed"] == {
        "type": "array",
        "description": ANY,
        "maxItems": 128,
        "x-kubernetes-list-type": "atomic",
        "items": {"type": "string", "maxLength": 128},
    }


def test_lists_of_a_spec_merge_by_name() -> None:
    """Two appliers can each own an upstream or a policy, and a role occurs only once."""
    spec = SCHEMAS["PythonRepository"]["properties"]["spec"]["properties"]
    lists = [spec["virtual"]["properties"]["upstreams"], spec["cleanup"]["properties"]["policies"]]
    assert [each["x-kubernetes-list-map-keys"] for each in lists] == [["name"], ["name"]]
    assert [each["default"] for each in lists] == [[], []]
    assert spec["accessFrom"]["properties"]["roles"]["x-kubernetes-list-type"] == "set"


def fields(kind: str) -> set[str]:
    """Every field of a spec as the case table writes its place, without positions in lists and keys of maps."""
    found = (where.removeprefix("spec").removeprefix(".") for where, _, _ in walk(SCHEMAS[kind]["properties"]["spec"]))
    return {where.replace("[]", "").replace(".", "/") for where in found if where and not where.endswith((".*", "[]"))}


def untested(kind: str, valid: bool | None = None) -> list[str]:
    """The fields without a case of their own in the table of tests/support/cases."""
    cases = [case for case in CASES if case.kind == kind and valid in (None, case.words is None)]
    return sorted(fields(kind) - {re.sub(r"/\d+(?=/|$)", "", case.place) for case in cases})


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_has_a_case(kind: str) -> None:
    """The API server and the model are compared for each field: add its values to tests/support/cases."""
    assert len(fields(kind)) > 10
    assert untested(kind) == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_has_a_case_that_is_rejected(kind: str) -> None:
    """A wrong value of each field is tried too, because its error must have the remedy."""
    assert untested(kind, valid=False) == []


def test_a_field_without_a_case_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new field of a spec, at any depth, makes the test fail."""
    spec = copy.deepcopy(SCHEMAS)
    inner = spec["RepositoryAccess"]["properties"]["spec"]["properties"]
    for node in (inner["secret"], inner["subjects"]["items"]):
        node["properties"]["novel"] = {"type": "string"}
    monkeypatch.setitem(SCHEMAS, "RepositoryAccess", spec["RepositoryAccess"])
    assert untested("RepositoryAccess") == ["secret/novel", "subjects/novel"]


def test_columns_of_a_repository() -> None:
    """`kubectl get` shows the state first, and `-o wide` also the long columns."""
    columns = crds()["pythonrepositories.wheelhouse.dev"]["spec"]["versions"][0]["additionalPrinterColumns"]
    shown = {wide: [c["name"] for c in columns if bool(c.get("priority")) is wide] for wide in (False, True)}
    assert shown == {
        False: ["Ready", "Reason", "Mode", "Location", "Age"],
        True: ["Index", "Accesses", "IndexSafe", "Message"],
    }


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("virtual.upstreams", "Consent is transitive"),
        ("accessFrom.namespaceSelector", "An empty selector (`{}`) means every namespace"),
        ("cleanup", "`Keep` alone deletes nothing"),
        ("labels", "Keys that start with `wheelhouse`"),
        ("remote.credentials.passwordSecretVersion", "wheelhouse.dev/upstream-secrets"),
    ],
)
def test_descriptions_say_what_surprises(field: str, words: str) -> None:
    """`kubectl explain` has what a user could not guess from the field's name."""
    node = SCHEMAS["PythonRepository"]["properties"]["spec"]
    for name in field.split("."):
        node = node["properties"][name]
    assert words in node["description"]


class Union(Model):
    """A type that Kubernetes cannot express."""

    either: int | str
    """One or the other."""


class Pattern(BaseModel):
    """A type that nothing here uses."""

    pair: tuple[int, int]


class Exclusive(Model):
    """A type that Kubernetes expresses in another way: its exclusiveMinimum is a flag, not a number."""

    count: Annotated[int, Field(gt=0)]
    """How many."""


@pytest.mark.parametrize("model", [Union, Pattern, Exclusive])
def test_what_kubernetes_cannot_say_raises(model: Any) -> None:
    """A model that no structural schema can express is an error, and not a weaker schema."""
    with pytest.raises(UnsupportedModelError):
        structural(model)
