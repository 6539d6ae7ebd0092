"""A real API server and the models take and refuse the same, and the server says what to write instead."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError
from support.cases import ACCESS, CASES, REPOSITORY, Case
from support.hands import MERGE, Hands

from wheelhouse.api.access import RepositoryAccessSpec
from wheelhouse.api.repository import PythonRepositorySpec
from wheelhouse_local import installation
from wheelhouse_local.state import CONTROL_PLANE, Options
from wheelhouse_local.world import World

API = "/apis/wheelhouse.dev/v1alpha1/namespaces/default"
PATHS = {"PythonRepository": f"{API}/pythonrepositories", "RepositoryAccess": f"{API}/repositoryaccesses"}
MODELS: dict[str, type[BaseModel]] = {
    "PythonRepository": PythonRepositorySpec,
    "RepositoryAccess": RepositoryAccessSpec,
}
CRD = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def manifest(kind: str, spec: Any, name: str = "case") -> dict[str, Any]:
    return {"apiVersion": "wheelhouse.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}


@pytest.fixture(scope="module")
def admin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hands]:
    """An administrator of a cluster with our CRDs."""
    world = World(tmp_path_factory.mktemp("table") / "world")
    world.up(Options(components=CONTROL_PLANE))
    try:
        installation.apply(world.state, lambda _line: None)
        yield Hands(world.server, world.ca, (world.state.control_plane / "admin-token").read_text())
    finally:
        world.down(purge=True)


def test_the_table_is_long() -> None:
    """At least 250 values are tried, some of them good."""
    assert len(CASES) >= 250
    assert sum(case.words is None for case in CASES) >= 30


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.encode("unicode_escape").decode())
def test_server_and_model_agree(admin: Hands, case: Case) -> None:
    """The value is taken by both, or refused by both, and the refusal has the promised sentence."""
    spec = case.spec()
    status, body = admin.ask("POST", PATHS[case.kind], manifest(case.kind, spec), dryRun="All")
    try:
        MODELS[case.kind].model_validate(json.loads(json.dumps(spec)))
        taken = True
    except ValidationError:
        taken = False
    if case.words is None:
        assert (status, taken) == (201, True), body
    else:
        assert status in {400, 422}, body
        assert case.words in body["message"]
        assert not taken


IMMUTABLE = [
    ("PythonRepository", "project", "acme-packages", "acme-others"),
    ("PythonRepository", "location", "us-central1", "us-east1"),
    ("PythonRepository", "repositoryId", "team-wheels", "others"),
    ("RepositoryAccess", "repositoryRef", {"name": "a", "namespace": "b"}, {"name": "c"}),
    ("RepositoryAccess", "repositoryRef", {"name": "a", "namespace": "b"}, {"namespace": "c"}),
    ("RepositoryAccess", "secret", {"name": "one", "serviceAccountName": "x"}, {"name": "two"}),
]


@pytest.mark.parametrize(("kind", "field", "first", "second"), IMMUTABLE)
def test_immutable_fields_stay(admin: Hands, kind: str, field: str, first: Any, second: Any) -> None:
    """Set to changed, set to unset, and unset to set: each is refused with the field's name and the way out."""
    base = {**(REPOSITORY if kind == "PythonRepository" else ACCESS), field: first}
    with_it, without = (f"{field.lower()}-{abs(hash((field, str(second)))) % 10**8}-{which}" for which in ("a", "b"))
    assert admin.ask("POST", PATHS[kind], manifest(kind, base, with_it))[0] == 201
    changes = [(with_it, {field: second})]
    if field in {"project", "repositoryId"}:
        bare = {name: value for name, value in base.items() if name != field}
        assert admin.ask("POST", PATHS[kind], manifest(kind, bare, without))[0] == 201
        changes += [(with_it, {field: None}), (without, {field: first})]
    if field == "repositoryRef":
        changes.append((with_it, {field: {"namespace": None}}))
    for name, change in changes:
        status, body = admin.ask("PATCH", f"{PATHS[kind]}/{name}", {"spec": change}, content=MERGE)
        assert status == 422, body
        assert "cannot be changed" in body["message"]
        assert field in body["message"]
        assert "declare a new" in body["message"]


def test_what_may_change_does(admin: Hands) -> None:
    """A secret may be removed and added under another name; a description and a policy may change."""
    path = f"{PATHS['RepositoryAccess']}/changing"
    assert admin.ask("POST", PATHS["RepositoryAccess"], manifest("RepositoryAccess", ACCESS, "changing"))[0] == 201
    assert admin.ask("PATCH", path, {"spec": {"secret": None}}, content=MERGE)[0] == 200
    again = {"spec": {"secret": {"name": "other", "serviceAccountName": "x"}, "role": "Writer"}}
    assert admin.ask("PATCH", path, again, content=MERGE)[0] == 200
    path = f"{PATHS['PythonRepository']}/changing"
    assert admin.ask("POST", PATHS["PythonRepository"], manifest("PythonRepository", REPOSITORY, "changing"))[0] == 201
    change = {"spec": {"description": "x", "deletionPolicy": "Delete", "accessFrom": None}}
    assert admin.ask("PATCH", path, change, content=MERGE)[0] == 200


@pytest.mark.parametrize(
    ("kind", "spec", "name", "words"),
    [
        ("PythonRepository", {"location": "us"}, "bad.name", "set spec.repositoryId"),
        ("PythonRepository", {"location": "us"}, "x" * 64, "set spec.repositoryId"),
        ("PythonRepository", {"location": "us"}, "1st", "set spec.repositoryId"),
        ("RepositoryAccess", ACCESS, "x" * 64, "at most 63 characters"),
        ("RepositoryAccess", {"repositoryRef": {"name": "a"}}, "nobody", "name at least one subject"),
        ("RepositoryAccess", {"repositoryRef": {"name": "a"}, "subjects": []}, "nobody", "name at least one subject"),
        ("RepositoryAccess", {"repositoryRef": {"name": "a"}, "secret": {}}, "whose", "set secret.serviceAccountName"),
        (
            "RepositoryAccess",
            {
                "repositoryRef": {"name": "a"},
                "secret": {},
                "subjects": [{"kind": "ServiceAccount", "name": "a"}, {"kind": "ServiceAccount", "name": "b"}],
            },
            "whose",
            "set secret.serviceAccountName",
        ),
    ],
)
def test_rules_over_several_fields(admin: Hands, kind: str, spec: Any, name: str, words: str) -> None:
    """Names and combinations that cannot work are refused with what to write."""
    status, body = admin.ask("POST", PATHS[kind], manifest(kind, spec, name), dryRun="All")
    assert status == 422
    assert words in body["message"]


def test_a_secret_without_a_name_is_pip_config_and_nobody_has_looked(admin: Hands) -> None:
    """Defaults: the Secret's name, the role, the deletion policy, and a status that says so."""
    spec = {"repositoryRef": {"name": "a"}, "subjects": [{"kind": "ServiceAccount", "name": "x"}], "secret": {}}
    _, body = admin.ask("POST", PATHS["RepositoryAccess"], manifest("RepositoryAccess", spec), dryRun="All")
    assert (body["spec"]["secret"], body["spec"]["role"]) == ({"name": "pip-config"}, "Reader")
    assert body["status"] == {"observedGeneration": -1}
    _, body = admin.ask(
        "POST", PATHS["PythonRepository"], manifest("PythonRepository", {"location": "us"}), dryRun="All"
    )
    assert body["spec"]["deletionPolicy"] == "Orphan"


def test_an_old_object_with_a_bad_name_can_still_be_released(admin: Hands) -> None:
    """Root rules run on create only: what was made before a rule keeps its finalizer and status writable."""
    name = f"{CRD}/pythonrepositories.wheelhouse.dev"
    definition = admin.ask("GET", name)[1]
    schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    rules = schema.pop("x-kubernetes-validations")
    assert admin.ask("PUT", name, definition)[0] == 200
    for _ in range(100):
        made = admin.ask(
            "POST", PATHS["PythonRepository"], manifest("PythonRepository", {"location": "us"}, "old.name")
        )
        if made[0] == 201:
            break
    assert made[0] == 201
    definition = admin.ask("GET", name)[1]
    definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["x-kubernetes-validations"] = rules
    assert admin.ask("PUT", name, definition)[0] == 200
    for _ in range(100):
        again = manifest("PythonRepository", {"location": "us"}, "new.name")
        if admin.ask("POST", PATHS["PythonRepository"], again, dryRun="All")[0] == 422:
            break
    path = f"{PATHS['PythonRepository']}/old.name"
    for finalizers in (["wheelhouse.dev/finalizer"], []):
        assert admin.ask("PATCH", path, {"metadata": {"finalizers": finalizers}}, content=MERGE)[0] == 200
    status = {**manifest("PythonRepository", None, "old.name"), "status": {"observedGeneration": 1}}
    del status["spec"]
    assert admin.apply(f"{path}/status", status, "wheelhouse-operator", force=True)[0] == 200
