"""The objects in the cache, read from the API server's JSON; selectors as Kubernetes evaluates them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.objects import FINALIZER, CustomObject, Kind, Namespace, Requirement, Selector

META = {"namespace": "team-a", "name": "pull", "uid": "u", "resourceVersion": "7"}


def body(meta: dict[str, Any] | None = None, **parts: Any) -> dict[str, Any]:
    return {"metadata": META | (meta or {}), **parts}


def test_kinds_know_both_their_names() -> None:
    """A kind is its plural in URLs and its name in manifests."""
    assert [(str(kind), kind.kind) for kind in Kind] == [
        ("pythonrepositories", "PythonRepository"),
        ("repositoryaccesses", "RepositoryAccess"),
    ]


def test_an_object_is_read_from_json() -> None:
    """Metadata becomes values; spec and status stay unchanged."""
    stored = CustomObject.parse(
        body({"generation": 3, "finalizers": ["x/y", FINALIZER]}, spec={"a": 1}, status={"b": 2})
    )
    assert stored == CustomObject(
        ObjectKey("team-a", "pull"), "u", 3, "7", False, ("x/y", FINALIZER), '{"a":1}', '{"b":2}'
    )
    assert (stored.spec, stored.status) == ({"a": 1}, {"b": 2})
    assert stored.finalized


@pytest.mark.parametrize("odd", [None, [], "text", 7])
def test_a_spec_or_status_of_another_type_is_empty(odd: object) -> None:
    """A value that is not a mapping reads as empty, so that no pass fails."""
    stored = CustomObject.parse(body(spec=odd, status=odd))
    assert (stored.spec, stored.status) == ({}, {})


def test_a_deletion_timestamp_means_deleting() -> None:
    """An object is being deleted as soon as it has a deletionTimestamp."""
    assert CustomObject.parse(body({"deletionTimestamp": "2026-01-01T00:00:00Z"})).deleting
    assert not CustomObject.parse(body()).deleting


def test_finalizers_of_others_do_not_count_as_ours() -> None:
    """Only our own finalizer counts as ours."""
    assert not CustomObject.parse(body({"finalizers": ["wheelhouse.dev/other"]})).finalized


@pytest.mark.parametrize(
    ("listed", "projects"),
    [
        ("a", ("a",)),
        ("a,b", ("a", "b")),
        (" a , b ,", ("a", "b")),
        (",,", ()),
        ("", ()),
        ("example.com:acme-packages, b", ("example.com:acme-packages", "b")),
    ],
)
def test_a_namespaces_projects_are_a_comma_separated_list(listed: str, projects: tuple[str, ...]) -> None:
    """Blanks and empty entries are ignored; the order stays, because the first project is the default."""
    meta = {"name": "team-a", "annotations": {"wheelhouse.dev/projects": listed}}
    assert Namespace.parse({"metadata": meta}).projects == projects


@pytest.mark.parametrize(("value", "opted_in"), [("enabled", True), ("Enabled", False), ("true", False), ("", False)])
def test_a_namespace_opts_in_with_exactly_one_value(value: str, opted_in: bool) -> None:
    """`wheelhouse.dev/credentials: enabled` and nothing else opts in."""
    meta = {"name": "team-a", "labels": {"wheelhouse.dev/credentials": value}}
    assert Namespace.parse({"metadata": meta}).opted_in is opted_in


def test_a_bare_namespace_has_nothing() -> None:
    """Without labels and annotations, null or absent, there is neither opt-in nor project."""
    for meta in ({"name": "n"}, {"name": "n", "labels": None, "annotations": None}):
        assert Namespace.parse({"metadata": meta}) == Namespace("n")
    assert not Namespace("n").opted_in
    assert Namespace.parse({"metadata": {"name": "n", "deletionTimestamp": "t"}}).deleting


@pytest.mark.parametrize(
    ("operator", "values", "absent", "other", "equal"),
    [
        ("In", ("x", "y"), False, False, True),
        ("NotIn", ("x", "y"), True, True, False),
        ("Exists", (), False, True, True),
        ("DoesNotExist", (), True, False, False),
        ("Gt", ("1",), False, False, False),
        ("in", ("x",), False, False, False),
    ],
)
def test_requirements_follow_kubernetes(
    operator: str, values: tuple[str, ...], absent: bool, other: bool, equal: bool
) -> None:
    """NotIn and DoesNotExist match an absent key, In and Exists do not; an unknown operator never matches."""
    requirement = Requirement("team", operator, values)
    found = [requirement.matches(labels) for labels in ({"else": "x"}, {"team": "z"}, {"team": "x"})]
    assert found == [absent, other, equal]


def test_an_empty_value_is_a_value() -> None:
    """A label with the empty value exists, and In finds it."""
    assert Requirement("team", "Exists").matches({"team": ""})
    assert Requirement("team", "In", ("",)).matches({"team": ""})
    assert not Requirement("team", "In", ("",)).matches({})


LABELS = st.dictionaries(st.sampled_from("abc"), st.sampled_from("xyz"), max_size=3)
REQUIREMENTS = st.builds(
    Requirement,
    st.sampled_from("abc"),
    st.sampled_from(["In", "NotIn", "Exists", "DoesNotExist"]),
    st.lists(st.sampled_from("xyz"), min_size=1, max_size=2).map(tuple),
)


@given(labels=LABELS)
def test_an_empty_selector_matches_everything(labels: dict[str, str]) -> None:
    """As in Kubernetes, a selector without requirements selects all."""
    assert Selector().matches(labels)


@given(labels=LABELS, requirements=st.lists(REQUIREMENTS, max_size=3))
def test_requirements_are_anded(labels: dict[str, str], requirements: list[Requirement]) -> None:
    """A selector matches if each of its requirements does, and another one never makes it match more."""
    selector = Selector(tuple(requirements))
    assert selector.matches(labels) == all(Selector((one,)).matches(labels) for one in requirements)


@given(labels=LABELS, requirement=REQUIREMENTS)
def test_operators_come_in_opposites(labels: dict[str, str], requirement: Requirement) -> None:
    """In is the opposite of NotIn, Exists of DoesNotExist, for all labels."""
    opposites = {"In": "NotIn", "NotIn": "In", "Exists": "DoesNotExist", "DoesNotExist": "Exists"}
    opposite = Requirement(requirement.key, opposites[requirement.operator], requirement.values)
    assert requirement.matches(labels) is not opposite.matches(labels)
