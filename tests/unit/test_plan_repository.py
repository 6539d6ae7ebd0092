"""One repository, desired × observed → what to do about it."""

from dataclasses import replace
from datetime import timedelta

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
    Refuse,
    RepositoryPlan,
    owns,
    plan_repository,
    poll_delay,
    without_ownership,
)

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


def plan(wanted: DesiredRepository, found: ObservedRepository | None, rival: ObjectKey | None = None) -> RepositoryPlan:
    return plan_repository(wanted, frozenset(), found, rival)


def refusal(found: RepositoryPlan) -> Reason:
    assert isinstance(found, Refuse)
    assert found.message.endswith(".")
    return found.reason


def test_an_absent_repository_is_created() -> None:
    """Where there is none, one is created with what the spec sets and our labels."""
    wanted = desired("wheels", labels={"team": "a"})
    labels = {"team": "a", **OWNERSHIP.labels}
    assert plan(wanted, None) == Create(RepositorySettings(STANDARD, "wheels", labels))


def test_a_repository_as_wanted_is_kept() -> None:
    """What carries our labels and does not differ costs no request."""
    assert plan(desired("wheels"), observed(description="wheels")) == Keep()


def test_a_field_that_the_spec_does_not_set_is_not_compared() -> None:
    """A description that somebody wrote stays while the spec sets none."""
    assert plan(desired(None), observed(description="by hand")) == Keep()


def test_an_empty_description_is_a_wish() -> None:
    """A spec that sets the empty description clears what is there, with description in the mask."""
    found = plan(desired(""), observed(description="by hand"))
    assert isinstance(found, Change)
    assert found.differences == (("description", "'by hand'", "''"),)
    assert (found.patch.mask, found.patch.settings.description) == (("description",), "")


def test_labels_of_others_are_no_drift() -> None:
    """Foreign labels beside ours are neither drift nor touched."""
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
    """Whatever lacks either label, or has another's, is refused even when it differs in nothing."""
    found = observed(STRANGERS[name], description="found")
    assert not owns(OWNERSHIP, found)
    assert refusal(plan(desired("wanted"), found)) is Reason.ALREADY_EXISTS


@pytest.mark.parametrize("name", STRANGERS)
@pytest.mark.parametrize("policy", [AdoptionPolicy.IF_UNMANAGED, AdoptionPolicy.ALWAYS])
def test_adoption(name: str, policy: AdoptionPolicy) -> None:
    """IfUnmanaged takes what no living tool labels, Always takes all; labels and drift go in one PATCH."""
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
    """What another living object owns stays its, under every policy, and the message does not name it."""
    found = observed(Ownership.of("cluster-1", RIVAL).labels)
    refused = plan(desired(adoption=policy, observe=observe), found, RIVAL)
    assert refusal(refused) is Reason.OWNED_ELSEWHERE
    assert RIVAL.namespace not in str(refused)


def test_our_labels_beat_a_rival() -> None:
    """Who has its labels on the repository keeps it, whatever another object recorded."""
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
    """Observe resolves what is there, whatever it is like, and waits for what is not."""
    wanted = desired("wanted", observe=True, adoption=AdoptionPolicy.ALWAYS)
    assert refusal(plan(wanted, None)) is Reason.NOT_FOUND
    for labels in STRANGERS.values():
        assert plan(wanted, observed(labels, mode="VIRTUAL_REPOSITORY")) == Keep()
    assert refusal(plan(wanted, observed(package_format="DOCKER"))) is Reason.IMMUTABLE_FIELD_DIFFERS


def test_letting_go_keeps_the_labels_of_others() -> None:
    """Release takes our two labels off, and the mask names nothing but labels."""
    patch = without_ownership(observed(OWNERSHIP.labels | {"team": "a"}, description="stays"))
    assert (patch.mask, patch.settings.labels) == (("labels",), {"team": "a"})


def test_letting_go_of_the_last_labels_is_still_a_change() -> None:
    """An empty map of labels stands in the mask, or the labels would stay."""
    assert without_ownership(observed()).mask == ("labels",)


def test_ownership_fits_a_label_and_tells_objects_apart() -> None:
    """The digest holds 160 bits in at most 63 label characters; namespace and name cannot be shifted into one."""
    one, other = Ownership.of("c", ObjectKey("a", "b-c")), Ownership.of("c", ObjectKey("a-b", "c"))
    assert one.digest != other.digest
    assert len(one.digest) == 40
    assert one == Ownership.of("c", ObjectKey("a", "b-c"))


@pytest.mark.parametrize(("elapsed", "delay"), [(0.0, 0.2), (0.4, 0.2), (4.0, 1.0), (40.0, 10.0), (86400.0, 10.0)])
def test_operations_are_polled_at_a_quarter_of_their_age(elapsed: float, delay: float) -> None:
    """The pace grows from 0.2 s to 10 s, and a clock that went back does not spin."""
    assert poll_delay(timedelta(seconds=elapsed)) == delay
    assert poll_delay(timedelta(seconds=-elapsed)) == 0.2
