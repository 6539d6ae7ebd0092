"""Which namespaces a label selector matches, kept up to date with every change of a namespace."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wheelhouse.domain.objects import Namespace, Requirement, Selector
from wheelhouse.reconcile.namespaces import REMEMBERED, Namespaces, selection_changed

ML = Selector((Requirement("team", "In", ("ml",)),))
NOT_ML = Selector((Requirement("team", "NotIn", ("ml",)),))
NAMED = Selector((Requirement("team", "Exists"), Requirement("stage", "DoesNotExist")))
ALL = Selector()
SELECTORS = (ML, NOT_ML, NAMED, ALL)

LABELS = st.dictionaries(st.sampled_from(["team", "stage"]), st.sampled_from(["ml", "web"]))
CHANGES = st.tuples(st.sampled_from("abcd"), st.none() | st.tuples(LABELS, st.booleans()))


@given(st.lists(CHANGES, max_size=20), st.lists(st.sampled_from(SELECTORS), max_size=4))
def test_a_selection_is_always_what_the_labels_say(
    changes: list[tuple[str, tuple[dict[str, str], bool] | None]], asked: list[Selector]
) -> None:
    """After any changes, in whatever order selectors were first evaluated, the result is that of a full evaluation."""
    namespaces, known = Namespaces(), dict[str, Namespace]()
    for number, (name, change) in enumerate(changes):
        for selector in asked[: number % 5]:
            namespaces.selected(selector)
        if change is None:
            assert namespaces.remove(name) is (known.pop(name, None) is not None)
        else:
            known[name] = Namespace(name, change[0], deleting=change[1])
            namespaces.store(known[name])
    living = {name: each for name, each in known.items() if not each.deleting}
    for selector in SELECTORS:
        found = tuple(sorted(name for name, each in living.items() if selector.matches(each.labels)))
        assert namespaces.selected(selector) == found
        assert namespaces.selects_all(selector) is (len(found) == len(living))
    assert set(namespaces.names()) == set(known)


def test_old_selectors_are_forgotten_and_computed_again() -> None:
    """Tenants can write any number of selectors: memory for them is bounded, and the results stay right."""
    namespaces = Namespaces()
    for number in range(REMEMBERED + 10):
        namespaces.selected(Selector((Requirement(f"label-{number}", "Exists"),)))
    namespaces.store(Namespace("a", {"label-0": "x"}))
    assert namespaces.selected(Selector((Requirement("label-0", "Exists"),))) == ("a",)
    assert len(namespaces._selected) <= REMEMBERED


def test_a_namespace_that_is_stored_again_costs_no_evaluation(monkeypatch: pytest.MonkeyPatch) -> None:
    """A resync stores every namespace again: selectors are not evaluated for those that did not change."""
    namespaces = Namespaces()
    namespaces.store(Namespace("a", {"team": "ml"}))
    assert namespaces.selected(ML) == ("a",)
    evaluated: list[str] = []
    monkeypatch.setattr(Selector, "matches", lambda _self, _labels: evaluated.append("a"))
    namespaces.store(Namespace("a", {"team": "ml"}, projects=("acme-packages",)))
    assert evaluated == []
    namespaces.store(Namespace("a", {"team": "web"}))
    assert evaluated != []


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        (None, Namespace("a", {"team": "ml"}), True),
        (None, Namespace("a"), False),
        (Namespace("a", {"team": "ml"}), Namespace("a", {"team": "web"}), True),
        (Namespace("a", {"team": "ml"}), Namespace("a", {"team": "ml", "x": "y"}), False),
        (Namespace("a", {"team": "ml"}), Namespace("a", {"team": "ml"}, deleting=True), True),
        (Namespace("a", {"team": "ml"}, deleting=True), None, False),
        (Namespace("a", {"team": "ml"}), None, True),
    ],
)
def test_a_change_matters_only_to_selectors_that_match_before_or_after(
    old: Namespace | None, new: Namespace | None, changed: bool
) -> None:
    """A namespace that comes, goes, gains or loses the label; one that is being deleted no longer counts."""
    assert selection_changed(ML, old, new) is changed
