"""A real API server and the models accept and reject the same values, and the server's error has the remedy."""

import copy
import zlib
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError
from support.cases import ACCESS, CASES, REMOTE, STANDARD, VIRTUAL, Case
from support.cases.repository import KEY, OLD
from support.hands import MERGE, Hands

from wheelhouse.api.access import RepositoryAccessSpec
from wheelhouse.api.repository import PythonRepositorySpec
from wheelhouse.api.schema import crds
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


def messages(node: Any) -> Iterator[str]:
    """The messages of the rules in a schema."""
    if isinstance(node, dict):
        yield from (rule["message"] for rule in node.get("x-kubernetes-validations", ()))
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from messages(child)


SENTENCES = set(messages(crds()))


def sentences(text: str) -> set[str]:
    """The sentences of our rules in an error."""
    return {sentence for sentence in SENTENCES if sentence in text}


def test_the_table_is_long() -> None:
    """Many values of every mode and kind are tested, and a good part of them is valid."""
    assert len(CASES) >= 900
    assert sum(case.words is None for case in CASES) >= 120
    assert Counter(case.base.name for case in CASES).keys() == {"Standard", "Remote", "Virtual", "Access"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.encode("unicode_escape").decode())
def test_server_and_model_agree(admin: Hands, case: Case) -> None:
    """Both accept the value, with the same defaults, or both reject it, with the same promised sentence."""
    spec = case.spec()
    model = MODELS[case.kind]
    status, body = admin.ask("POST", PATHS[case.kind], manifest(case.kind, spec), dryRun="All")
    if case.words is None:
        assert status == 201, body
        assert model.model_validate(spec) == model.model_validate(body["spec"])
        return
    assert status in {400, 422}, body
    assert case.words in body["message"]
    with pytest.raises(ValidationError) as caught:
        model.model_validate(spec)
    # Our validators report one error at a time, while the server lists all violated rules.
    said, promised = sentences(str(caught.value)), sentences(body["message"])
    assert said <= promised or not promised
    assert said or not promised


@pytest.mark.parametrize(
    ("change", "taken"),
    [
        ({"mode": None}, True),
        ({"suspend": None}, True),
        ({"cleanup": {"dryRun": None, "policies": None}}, True),
        ({"labels": {"team": None}}, True),
        ({"location": None}, False),
        ({"unheardOf": 1}, False),
        ({"cleanup": {"policies": [OLD | {"unheardOf": 1}]}}, False),
    ],
    ids=str,
)
def test_nothing_null_or_unknown_is_stored(admin: Hands, change: dict[str, Any], taken: bool) -> None:
    """The API server drops nulls before it stores, and a strict client gets an error for unknown fields."""
    path, body = PATHS["PythonRepository"], manifest("PythonRepository", {"location": "us"} | change)
    status, answer = admin.ask("POST", path, body, dryRun="All", fieldValidation="Strict")
    assert (status == 201) is taken, answer
    if taken:
        PythonRepositorySpec.model_validate(answer["spec"])
    else:
        with pytest.raises(ValidationError):
            PythonRepositorySpec.model_validate(body["spec"])


ODD: list[Any] = [None, True, 0, -1, 1.0, 1.5, "", "1", "x", [], {}, [None], [{}], {"a": None}, {"a": "x"}, "\ud83d"]


def places(node: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path to every node of a spec."""
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for step, child in children:
        yield (*place, step)
        yield from places(child, (*place, step))


@pytest.mark.parametrize(
    ("kind", "base"),
    [("PythonRepository", base) for base in (STANDARD, REMOTE, VIRTUAL)] + [("RepositoryAccess", ACCESS)],
    ids=["Standard", "Remote", "Virtual", "Access"],
)
def test_what_the_server_stores_the_model_reads(admin: Hands, kind: str, base: dict[str, Any]) -> None:
    """Every JSON value in every field: a stored object parses, and a rejected one would not have."""
    for place in places(base):
        for odd in ODD:
            spec: Any = copy.deepcopy(base)
            node = spec
            for step in place[:-1]:
                node = node[step]
            node[place[-1]] = odd
            status, body = admin.ask("POST", PATHS[kind], manifest(kind, spec), dryRun="All")
            if status == 201:
                MODELS[kind].model_validate(body["spec"])
            else:
                with pytest.raises(ValidationError):
                    MODELS[kind].model_validate(spec)


LONGEST_SELECTOR = {
    "matchLabels": {f"example.com/{number:02}{'x' * 61}": "y" * 63 for number in range(16)},
    "matchExpressions": [{"key": f"example.com/{'k' * 63}", "operator": "In", "values": ["v" * 63] * 32}] * 8,
}


def biggest() -> dict[str, Any]:
    """A spec that fills every list, map and string of mode Standard to its limit."""
    prefixes = ["p" * 128] * 100
    condition = {"olderThan": "1d", "packageNamePrefixes": prefixes, "versionNamePrefixes": prefixes}
    policies = [{"name": f"{number}{'x' * 62}", "action": "Delete", "condition": condition} for number in range(10)]
    labels = {f"label-{number:02}{'x' * 55}": "y" * 63 for number in range(60)}
    domain = ".".join(["d" * 61] * 3)
    key = f"projects/{domain}:acme-keys/locations/us/keyRings/{'r' * 30}/cryptoKeys/{'k' * 30}"
    return {
        "location": "us",
        "project": f"{domain}:acme-packages",
        "repositoryId": "r" * 63,
        "description": "d" * 1024,
        "labels": labels,
        "kmsKeyName": key,
        "cleanup": {"policies": policies},
        "accessFrom": {
            "namespaces": ["n" * 63] * 256,
            "namespaceSelector": LONGEST_SELECTOR,
            "roles": ["Reader", "Writer", "RepoAdmin"],
        },
    }


def widest() -> dict[str, Any]:
    """A virtual repository with the maximum number of upstreams, with names of maximum length."""
    full = f"projects/{'.'.join(['d' * 60] * 3)}:acme-packages/locations/us/repositories/{'r' * 45}"
    upstreams = [{"name": f"{number:02}{'x' * 61}", "priority": number, "repository": full} for number in range(30)]
    return {"location": "us", "mode": "Virtual", "virtual": {"upstreams": upstreams}}


@pytest.mark.parametrize("spec", [biggest(), widest()], ids=["Standard", "Virtual"])
def test_the_biggest_spec_is_taken_and_can_change(admin: Hands, spec: dict[str, Any]) -> None:
    """A maximum spec costs CEL no more than the API server's limit, on create and on update."""
    path, name = PATHS["PythonRepository"], f"big-{spec.get('mode', 'standard').lower()}"
    status, body = admin.ask("POST", path, manifest("PythonRepository", spec, name))
    assert status == 201, body["message"]
    change = {"suspend": True, "description": "x" * 1024, "labels": {"more": "x", "label-00" + "x" * 55: None}}
    status, body = admin.ask("PATCH", f"{path}/{name}", {"spec": change}, content=MERGE)
    assert status == 200, body["message"]
    PythonRepositorySpec.model_validate(body["spec"])


LONGEST_PRINCIPAL = (
    f"principalSet://iam.googleapis.com/projects/{'9' * 19}/locations/global/workloadIdentityPools/{'p' * 32}"
    f"/attribute.{'a' * 100}/{'v/' * 90}v"
)


@pytest.mark.parametrize(
    "subject",
    [
        {"kind": "ServiceAccount", "name": ".".join(["a" * 62] * 4), "namespaceSelector": LONGEST_SELECTOR},
        {"kind": "Principal", "name": LONGEST_PRINCIPAL},
        {"kind": "GoogleGroup", "name": f"{'a' * 64}@{'.'.join(['d' * 62] * 4)}"},
    ],
    ids=["selector", "principal", "group"],
)
def test_the_biggest_access_is_taken_and_can_change(admin: Hands, subject: dict[str, Any]) -> None:
    """The longest subjects cost CEL no more than the API server's limit: 100, or as many as an object has room for."""
    path, name = PATHS["RepositoryAccess"], f"big-{subject['kind'].lower()}"
    spec = {
        "repositoryRef": {"name": "wheels"},
        "subjects": [subject] * (60 if "namespaceSelector" in subject else 100),
        "secret": {"serviceAccountName": "a"},
    }
    status, body = admin.ask("POST", path, manifest("RepositoryAccess", spec, name))
    assert status == 201, body["message"]
    change = {"role": "Writer", "subjects": [*spec["subjects"][1:], {"kind": "ServiceAccount", "name": "a"}]}
    status, body = admin.ask("PATCH", f"{path}/{name}", {"spec": change}, content=MERGE)
    assert status == 200, body["message"]
    RepositoryAccessSpec.model_validate(body["spec"])


def without(spec: dict[str, Any], place: str) -> dict[str, Any]:
    """The spec without one field, like `remote.url`."""
    *parents, last = place.split(".")
    spec = copy.deepcopy(spec)
    node = spec
    for part in parents:
        node = node[part]
    del node[last]
    return spec


SMALL = {"location": "us-central1", "project": "acme-packages", "repositoryId": "team-wheels"}
FROM_PYPI = {"location": "us", "mode": "Remote", "remote": {"upstream": "PyPI"}}
FROM_URL = {"location": "us", "mode": "Remote", "remote": {"url": "https://packages.example.com/"}}
IN_EUROPE = KEY.replace("us-central1", "europe")
# The object, the change that is merged into it, and the field in the error.
FROZEN: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("changed", SMALL, {"project": "acme-others"}, "project"),
    ("unset", SMALL, {"project": None}, "project"),
    ("set", without(SMALL, "project"), {"project": "acme-packages"}, "project"),
    ("changed", SMALL, {"location": "us-east1"}, "location"),
    ("widened", SMALL, {"location": "us"}, "location"),
    ("changed", SMALL, {"repositoryId": "others"}, "repositoryId"),
    ("unset", SMALL, {"repositoryId": None}, "repositoryId"),
    ("set", without(SMALL, "repositoryId"), {"repositoryId": "team-wheels"}, "repositoryId"),
    ("changed", FROM_PYPI, {"mode": "Standard", "remote": None}, "mode"),
    ("to another", FROM_PYPI, {"mode": "Virtual", "remote": None, "virtual": {}}, "mode"),
    ("unset", FROM_PYPI, {"mode": None, "remote": None}, "mode"),
    ("set", SMALL, {"mode": "Virtual", "virtual": {}}, "mode"),
    ("set", SMALL, {"mode": "Remote", "remote": {"upstream": "PyPI"}}, "mode"),
    ("changed", SMALL | {"kmsKeyName": KEY}, {"kmsKeyName": f"{KEY}2"}, "kmsKeyName"),
    ("unset", SMALL | {"kmsKeyName": KEY}, {"kmsKeyName": None}, "kmsKeyName"),
    ("set", SMALL, {"kmsKeyName": KEY}, "kmsKeyName"),
    ("with its location", SMALL | {"kmsKeyName": KEY}, {"location": "europe", "kmsKeyName": IN_EUROPE}, "kmsKeyName"),
    ("changed", FROM_URL, {"remote": {"url": "https://packages.example.com/simple/"}}, "remote.url"),
    ("unset", FROM_URL, {"remote": {"url": None, "upstream": "PyPI"}}, "remote.url"),
    ("set", FROM_PYPI, {"remote": {"url": "https://packages.example.com/", "upstream": None}}, "remote.url"),
    ("unset", FROM_PYPI, {"remote": {"url": "https://packages.example.com/", "upstream": None}}, "remote.upstream"),
    ("set", FROM_URL, {"remote": {"url": None, "upstream": "PyPI"}}, "remote.upstream"),
]


@pytest.mark.parametrize(
    ("number", "first", "change", "field"),
    [
        pytest.param(number, first, change, field, id=f"{field} {how}")
        for number, (how, first, change, field) in enumerate(FROZEN)
    ],
)
def test_what_google_cannot_change_stays(
    admin: Hands, number: int, first: dict[str, Any], change: dict[str, Any], field: str
) -> None:
    """Set to changed, set to unset, and unset to set: each is rejected with the field's name and both remedies."""
    path, name = PATHS["PythonRepository"], f"frozen-{number}"
    assert admin.ask("POST", path, manifest("PythonRepository", first, name))[0] == 201
    status, body = admin.ask("PATCH", f"{path}/{name}", {"spec": change}, content=MERGE, dryRun="All")
    assert status == 422, body
    assert f"{field} cannot be changed: declare a new PythonRepository; or delete this one" in body["message"]
    assert "deletionPolicy Orphan" in body["message"]
    assert "adopt the repository with adoptionPolicy IfUnmanaged" in body["message"]
    # An apply without changes, with the omitted fields still omitted, changes nothing.
    again = manifest("PythonRepository", first, name)
    assert admin.apply(f"{path}/{name}", again, "user", force=True, dryRun="All")[0] == 200


REFERENCE = {"repositoryRef": {"name": "a", "namespace": "b"}}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"repositoryRef": {"name": "c"}}, "repositoryRef"),
        ({"repositoryRef": {"namespace": "c"}}, "repositoryRef"),
        ({"repositoryRef": {"namespace": None}}, "repositoryRef"),
        ({"secret": {"name": "two"}}, "secret.name"),
    ],
    ids=str,
)
def test_an_access_keeps_its_repository_and_secret(admin: Hands, change: dict[str, Any], field: str) -> None:
    """The repository, and the Secret's name: each change is rejected with the remedy."""
    path, name = PATHS["RepositoryAccess"], f"kept-{zlib.crc32(str(change).encode())}"
    assert admin.ask("POST", path, manifest("RepositoryAccess", ACCESS | REFERENCE, name))[0] == 201
    status, body = admin.ask("PATCH", f"{path}/{name}", {"spec": change}, content=MERGE, dryRun="All")
    assert status == 422, body
    assert f"{field} cannot be changed" in body["message"]
    assert "declare a new RepositoryAccess" in body["message"]


REPOSITORY_CHANGES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (STANDARD, {"description": "x", "deletionPolicy": "Delete", "accessFrom": None, "labels": None}),
    (STANDARD, {"labels": {"team": None, "cost": "1"}, "vulnerabilityScanning": None, "suspend": True}),
    (STANDARD, {"cleanup": None, "managementPolicy": "Observe", "adoptionPolicy": "Always"}),
    (without(STANDARD, "mode"), {"mode": "Standard"}),
    (STANDARD, {"mode": None}),
    (REMOTE, {"remote": {"credentials": None, "validateUpstream": True}}),
    (REMOTE, {"remote": {"credentials": {"username": "other"}}}),
    (without(REMOTE, "remote.credentials"), {"remote": {"credentials": REMOTE["remote"]["credentials"]}}),
    (VIRTUAL, {"virtual": {"upstreams": []}}),
    (VIRTUAL, {"virtual": {"upstreams": None}}),
    (VIRTUAL | {"virtual": {}}, {"virtual": VIRTUAL["virtual"]}),
]


@pytest.mark.parametrize(("number", "first", "change"), [(n, *row) for n, row in enumerate(REPOSITORY_CHANGES)])
def test_all_else_of_a_repository_may_change(
    admin: Hands, number: int, first: dict[str, Any], change: dict[str, Any]
) -> None:
    """What Google can change may be set, changed and removed; an explicit default is no change."""
    path, name = PATHS["PythonRepository"], f"free-{number}"
    assert admin.ask("POST", path, manifest("PythonRepository", first, name))[0] == 201
    status, body = admin.ask("PATCH", f"{path}/{name}", {"spec": change}, content=MERGE)
    assert status == 200, body


def test_a_secret_may_come_and_go(admin: Hands) -> None:
    """A Secret may be removed and added under another name, and the role may change."""
    path = f"{PATHS['RepositoryAccess']}/changing"
    assert admin.ask("POST", PATHS["RepositoryAccess"], manifest("RepositoryAccess", ACCESS, "changing"))[0] == 201
    assert admin.ask("PATCH", path, {"spec": {"secret": None}}, content=MERGE)[0] == 200
    again = {"spec": {"secret": {"name": "other", "serviceAccountName": "x"}, "role": "Writer"}}
    assert admin.ask("PATCH", path, again, content=MERGE)[0] == 200


@pytest.mark.parametrize(
    ("kind", "spec", "name", "words"),
    [
        ("PythonRepository", {"location": "us"}, "bad.name", "set spec.repositoryId"),
        ("PythonRepository", {"location": "us"}, "x" * 64, "set spec.repositoryId"),
        ("PythonRepository", {"location": "us"}, "1st", "set spec.repositoryId"),
        ("RepositoryAccess", ACCESS, "x" * 64, "at most 63 characters"),
        ("RepositoryAccess", {"repositoryRef": {"name": "a"}}, "nobody", "set at least one subject"),
        ("RepositoryAccess", {"repositoryRef": {"name": "a"}, "subjects": []}, "nobody", "set at least one subject"),
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
    """Names and combinations that cannot work are rejected with the remedy."""
    status, body = admin.ask("POST", PATHS[kind], manifest(kind, spec, name), dryRun="All")
    assert status == 422
    assert words in body["message"]


def test_defaults_of_secret_name_and_status(admin: Hands) -> None:
    """Defaults: the Secret's name, the role, the deletion policy, and a status that shows that no pass has run."""
    spec = {"repositoryRef": {"name": "a"}, "subjects": [{"kind": "ServiceAccount", "name": "x"}], "secret": {}}
    _, body = admin.ask("POST", PATHS["RepositoryAccess"], manifest("RepositoryAccess", spec), dryRun="All")
    assert (body["spec"]["secret"], body["spec"]["role"]) == (
        {
            "credential": "Token",
            "index": "Primary",
            "name": "pip-config",
            "tokenLifetime": "1h",
            "identityFrom": "TargetNamespace",
        },
        "Reader",
    )
    assert body["status"] == {"observedGeneration": -1}
    _, body = admin.ask(
        "POST", PATHS["PythonRepository"], manifest("PythonRepository", {"location": "us"}), dryRun="All"
    )
    assert body["spec"]["deletionPolicy"] == "Orphan"


def test_an_old_object_with_a_bad_name_can_still_be_released(admin: Hands) -> None:
    """Root rules run on create only: the finalizer and status of an older object stay writable."""
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
