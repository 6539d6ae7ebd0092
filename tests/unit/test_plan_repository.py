"""One repository, desired × observed → the plan for it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from wheelhouse.domain.modes import Mode, Remote
from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.reasons import Reason
from wheelhouse.domain.repository import (
    CLUSTER_LABEL,
    OBJECT_LABEL,
    PYTHON_FORMAT,
    AdoptionPolicy,
    DesiredRepository,
    ObservedRepository,
    Ownership,
    RepositorySettings,
)
from wheelhouse.plan.repository import (
    Change,
    Create,
    Keep,
    Predecessor,
    Refuse,
    RepositoryPlan,
    owns,
    plan_repository,
    poll_delay,
)
from wheelhouse.plan.rivals import Candidate, rival_of

KEY = ObjectKey("team-a", "wheels")
NAME = RepositoryName("acme-packages", "us-central1", "wheels")
OWNERSHIP = Ownership.of("cluster-1", KEY)
RIVAL = ObjectKey("team-b", "wheels")
STANDARD = Mode.STANDARD.wire
NONE: frozenset[str] = frozenset()


def desired(description: str | None = None, **more: object) -> DesiredRepository:
    return replace(DesiredRepository(NAME, OWNERSHIP, description=description), **more)


def observed(
    labels: dict[str, str] = OWNERSHIP.labels, *, package_format: str = PYTHON_FORMAT, **settings: object
) -> ObservedRepository:
    found = RepositorySettings(**{"mode": STANDARD, "labels": labels, **settings})
    return ObservedRepository(NAME, package_format, found, "", None, None)


def plan(
    wanted: DesiredRepository,
    found: ObservedRepository | None,
    rival: ObjectKey | None = None,
    before: Predecessor | None = None,
) -> RepositoryPlan:
    return plan_repository(wanted, frozenset(), found, rival, frozenset(), before)


def refusal(found: RepositoryPlan) -> Reason:
    assert isinstance(found, Refuse)
    assert found.message.endswith(".")
    return found.reason


def test_an_absent_repository_is_created() -> None:
    """If it does not exist, it is created with the spec's settings and our labels."""
    wanted = desired("wheels", labels={"team": "a"})
    labels = {"team": "a", **OWNERSHIP.labels}
    assert plan(wanted, None) == Create(RepositorySettings(STANDARD, "wheels", labels))


def test_a_repository_as_wanted_is_kept() -> None:
    """A repository with our labels and no difference costs no request."""
    assert plan(desired("wheels"), observed(description="wheels")) == Keep()


def test_a_field_that_the_spec_does_not_set_is_not_compared() -> None:
    """A description of another client stays while the spec sets none."""
    assert plan(desired(None), observed(description="by hand")) == Keep()


def test_an_empty_description_is_a_wish() -> None:
    """A spec with an empty description clears the current one, with description in the mask."""
    found = plan(desired(""), observed(description="by hand"))
    assert isinstance(found, Change)
    assert found.differences == (("description", "'by hand'", "''"),)
    assert (found.patch.mask, found.patch.settings.description) == (("description",), "")


def test_labels_of_others_are_no_drift() -> None:
    """Labels of others are neither drift nor changed."""
    assert plan(desired(), observed(OWNERSHIP.labels | {"team": "a"})) == Keep()


STRANGERS = {
    "none": {},
    "foreign": {"team": "a"},
    "cluster only": {CLUSTER_LABEL: "cluster-1"},
    "object only": {OBJECT_LABEL: OWNERSHIP.digest},
    "other cluster": {CLUSTER_LABEL: "cluster-2", OBJECT_LABEL: OWNERSHIP.digest},
    "dead object": {CLUSTER_LABEL: "cluster-1", OBJECT_LABEL: Ownership.of("cluster-1", RIVAL).digest},
    "Config Connector": {"managed-by-cnrm": "true"},
    "Terraform": {"goog-terraform-provisioned": "true"},
    "Crossplane": {"crossplane-name": "wheels"},
}
UNMANAGED = {"none", "foreign", "cluster only", "dead object"}


@pytest.mark.parametrize("name", STRANGERS)
def test_only_both_of_our_labels_own(name: str) -> None:
    """A repository that lacks either label, or has another's, is refused even without a difference."""
    found = observed(STRANGERS[name], description="found")
    assert not owns(OWNERSHIP, found)
    assert refusal(plan(desired("wanted"), found)) is Reason.ALREADY_EXISTS


@pytest.mark.parametrize("name", STRANGERS)
@pytest.mark.parametrize("policy", [AdoptionPolicy.IF_UNMANAGED, AdoptionPolicy.ALWAYS])
def test_adoption(name: str, policy: AdoptionPolicy) -> None:
    """IfUnmanaged adopts what no existing tool labels, Always adopts all; labels and drift are one PATCH."""
    found = plan(desired("wanted", adoption=policy), observed(STRANGERS[name], description="found"))
    if policy is AdoptionPolicy.ALWAYS or name in UNMANAGED:
        assert isinstance(found, Change)
        assert found.adopts
        assert found.patch.mask == ("description", "labels")
        assert found.patch.settings.labels == {**STRANGERS[name], **OWNERSHIP.labels}
    else:
        assert refusal(found) is Reason.ALREADY_EXISTS


@pytest.mark.parametrize("policy", AdoptionPolicy)
@pytest.mark.parametrize("observe", [False, True])
def test_a_rivals_repository_is_owned_elsewhere(policy: AdoptionPolicy, *, observe: bool) -> None:
    """A repository of another existing object stays its own, under every policy, and the message does not name it."""
    found = observed(Ownership.of("cluster-1", RIVAL).labels)
    refused = plan(desired(adoption=policy, observe=observe), found, RIVAL)
    assert refusal(refused) is Reason.OWNED_ELSEWHERE
    assert RIVAL.namespace not in str(refused)


def test_our_labels_beat_a_rival() -> None:
    """The owner of the labels on the repository keeps it, whatever another object recorded."""
    assert plan(desired(), observed(), RIVAL) == Keep()


KEY_NAME = "projects/p/locations/us-central1/keyRings/r/cryptoKeys/k"


@pytest.mark.parametrize("adoption", AdoptionPolicy)
@pytest.mark.parametrize(
    ("wanted", "found", "field"),
    [
        (desired(), observed(package_format="DOCKER"), "format"),
        (desired(), observed(package_format=""), "format"),
        (desired(), observed(mode="REMOTE_REPOSITORY"), "mode"),
        (desired(), observed(mode="66"), "mode"),
        (desired(kms_key_name=KEY_NAME), observed(), "kmsKeyName"),
        (
            desired(mode=Mode.REMOTE, remote=Remote("PyPI")),
            observed(mode=Mode.REMOTE.wire, remote=Remote("https://a.example/")),
            "upstream",
        ),
        (desired(mode=Mode.REMOTE, remote=Remote("PyPI")), observed(mode=Mode.REMOTE.wire), "upstream"),
    ],
)
def test_what_can_never_change_is_refused(
    wanted: DesiredRepository, found: ObservedRepository, field: str, adoption: AdoptionPolicy
) -> None:
    """Format, mode, key and source are fixed at creation: refused by name, and never adopted first."""
    labels = OWNERSHIP.labels if adoption is AdoptionPolicy.NEVER else {}
    found = replace(found, settings=replace(found.settings, labels=labels))
    refused = plan(replace(wanted, adoption=AdoptionPolicy.ALWAYS), found)
    assert refusal(refused) is Reason.IMMUTABLE_FIELD_DIFFERS
    assert f"the {field} " in str(refused)


def test_a_slash_at_the_end_of_a_url_makes_no_difference() -> None:
    """The same source in either spelling is kept."""
    wanted = desired(mode=Mode.REMOTE, remote=Remote("https://a.example/simple"))
    assert plan(wanted, observed(mode=Mode.REMOTE.wire, remote=Remote("https://a.example/simple/"))) == Keep()


def test_observing_never_does_anything() -> None:
    """Observe resolves an existing repository, whatever its settings, and waits for a missing one."""
    wanted = desired("wanted", observe=True, adoption=AdoptionPolicy.ALWAYS)
    assert refusal(plan(wanted, None)) is Reason.NOT_FOUND
    for labels in STRANGERS.values():
        assert plan(wanted, observed(labels, mode="VIRTUAL_REPOSITORY")) == Keep()
    assert refusal(plan(wanted, observed(package_format="DOCKER"))) is Reason.IMMUTABLE_FIELD_DIFFERS


MADE = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("policy", AdoptionPolicy)
@pytest.mark.parametrize("labels", STRANGERS.values(), ids=STRANGERS)
def test_a_replacement_takes_up_what_its_predecessor_released(policy: AdoptionPolicy, labels: dict[str, str]) -> None:
    """The same repository without labels of others is adopted under every policy; a labeled one only by policy."""
    before = Predecessor(MADE, released=True, recent=True)
    found = replace(observed(labels), create_time=MADE)
    taken = plan(desired(adoption=policy), found, None, before)
    unlabeled = labels in ({}, {"team": "a"})
    assert isinstance(taken, Change) is (unlabeled or isinstance(plan(desired(adoption=policy), found), Change))


@pytest.mark.parametrize(
    ("before", "words"),
    [
        (Predecessor(MADE, released=True), "was released by an object of this name"),
        (Predecessor(MADE, released=False), "lost the labels of this object"),
        (Predecessor(MADE - timedelta(days=1), released=True, recent=True), "was not created by this object"),
        (Predecessor(None, released=True, recent=True), "was not created by this object"),
    ],
)
def test_a_known_past_is_reported_with_a_working_remedy(before: Predecessor, words: str) -> None:
    """A repository of the same creation explains its past, and IfUnmanaged takes it back."""
    found = replace(observed({}), create_time=MADE)
    refused = plan(desired(), found, None, before)
    assert refusal(refused) is Reason.ALREADY_EXISTS
    assert words in str(refused)
    assert "IfUnmanaged" in str(refused)
    assert isinstance(plan(desired(adoption=AdoptionPolicy.IF_UNMANAGED), found, None, before), Change)


@pytest.mark.parametrize("name", sorted(set(STRANGERS) - UNMANAGED))
def test_another_keepers_labels_name_the_policy_that_works(name: str) -> None:
    """If another tool or cluster owns the repository, only Always takes it over, and the message says so."""
    refused = plan(desired(), observed(STRANGERS[name]))
    assert "adoptionPolicy to Always" in str(refused)
    assert "IfUnmanaged" not in str(refused)


def test_modes_are_named_as_users_write_them() -> None:
    """The message of a mode that differs has the words of the spec."""
    refused = plan(desired(), observed(mode="REMOTE_REPOSITORY"))
    assert "the mode Remote instead of Standard" in str(refused)


CANDIDATES = [
    Candidate(key, "2026", Ownership.of("cluster-1", key), recorded=True)
    for key in (ObjectKey(name, "wheels") for name in "abc")
]


def test_the_labels_say_whose_a_repository_is() -> None:
    """An existing owner's labels have priority over the first record; without a repository there is no rival."""
    a, b, c = CANDIDATES
    assert rival_of(a, [b, c], observed(c.ownership.labels)) == c.key
    assert rival_of(c, [a, b], observed(c.ownership.labels)) is None
    assert rival_of(a, [b, c], None) is None


def test_without_labels_the_one_that_recorded_it_first_keeps_it() -> None:
    """Of several that recorded it the oldest keeps it; a record that the spec does not refer to is ignored."""
    a, b, c = CANDIDATES
    assert rival_of(b, [a, c], observed({})) == a.key
    assert rival_of(a, [b, c], observed({})) is None
    assert rival_of(replace(a, recorded=False), [b, c], observed({})) == b.key
    assert rival_of(b, [replace(a, recorded=False)], observed({})) is None
    assert rival_of(a, [replace(b, created="2025")], observed({})) == b.key


def test_ownership_fits_a_label_and_distinguishes_objects() -> None:
    """The digest has 160 bits in at most 63 label characters; namespace and name cannot be shifted into one."""
    one, other = Ownership.of("c", ObjectKey("a", "b-c")), Ownership.of("c", ObjectKey("a-b", "c"))
    assert one.digest != other.digest
    assert len(one.digest) == 40
    assert one == Ownership.of("c", ObjectKey("a", "b-c"))


@pytest.mark.parametrize(("elapsed", "delay"), [(0.0, 0.2), (0.4, 0.2), (4.0, 1.0), (40.0, 10.0), (86400.0, 10.0)])
def test_operations_are_polled_at_a_quarter_of_their_age(elapsed: float, delay: float) -> None:
    """The interval grows from 0.2 s to 10 s, and a clock that was set back does not cause a busy loop."""
    assert poll_delay(timedelta(seconds=elapsed)) == delay
    assert poll_delay(timedelta(seconds=-elapsed)) == 0.2
