"""One repository, desired × observed → what to do about it."""

from datetime import timedelta

import pytest

from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.reasons import Reason
from wheelhouse.domain.repository import (
    CLUSTER_LABEL,
    OBJECT_LABEL,
    PYTHON_FORMAT,
    STANDARD_MODE,
    DesiredRepository,
    ObservedRepository,
    Ownership,
    RepositoryPatch,
)
from wheelhouse.plan.repository import (
    Change,
    Create,
    Keep,
    Refuse,
    owns,
    plan_repository,
    poll_delay,
    without_ownership,
)

KEY = ObjectKey("team-a", "wheels")
NAME = RepositoryName("acme-packages", "us-central1", "wheels")
OWNERSHIP = Ownership.of("cluster-1", KEY)
RIVAL = ObjectKey("team-b", "wheels")


def desired(description: str | None = None) -> DesiredRepository:
    return DesiredRepository(NAME, OWNERSHIP, description)


def observed(
    labels: dict[str, str] = OWNERSHIP.labels,
    *,
    package_format: str = PYTHON_FORMAT,
    mode: str = STANDARD_MODE,
    description: str = "",
) -> ObservedRepository:
    return ObservedRepository(NAME, package_format, mode, description, labels, "", None, None)


def test_an_absent_repository_is_created() -> None:
    """Where there is none, one is created."""
    assert plan_repository(desired(), None, None) == Create()


def test_a_repository_as_wanted_is_kept() -> None:
    """What carries our labels and does not differ costs no request."""
    assert plan_repository(desired("wheels"), observed(description="wheels"), None) == Keep()


def test_a_field_that_the_spec_does_not_set_is_not_compared() -> None:
    """A description that somebody wrote stays while the spec sets none."""
    assert plan_repository(desired(None), observed(description="by hand"), None) == Keep()


def test_an_empty_description_is_a_wish() -> None:
    """A spec that sets the empty description clears what is there, with description in the mask."""
    plan = plan_repository(desired(""), observed(description="by hand"), None)
    assert plan == Change(RepositoryPatch(description=""), (("description", "by hand", ""),))
    assert plan.patch.mask == ("description",)


def test_drift_is_patched_and_told() -> None:
    """A changed description is put back; the Event can name field, found and wanted."""
    plan = plan_repository(desired("wanted"), observed(description="found"), None)
    assert plan == Change(RepositoryPatch(description="wanted"), (("description", "found", "wanted"),))


def test_labels_of_others_are_no_drift() -> None:
    """Foreign labels beside ours are neither drift nor touched."""
    assert plan_repository(desired(), observed(OWNERSHIP.labels | {"team": "a"}), None) == Keep()


@pytest.mark.parametrize(
    "labels",
    [
        {},
        {"team": "a"},
        {CLUSTER_LABEL: "cluster-1"},
        {OBJECT_LABEL: OWNERSHIP.digest},
        {CLUSTER_LABEL: "cluster-2", OBJECT_LABEL: OWNERSHIP.digest},
        {CLUSTER_LABEL: "cluster-1", OBJECT_LABEL: Ownership.of("cluster-1", RIVAL).digest},
    ],
    ids=["none", "foreign", "cluster only", "object only", "other cluster", "other object"],
)
def test_only_both_of_our_labels_own(labels: dict[str, str]) -> None:
    """Whatever lacks either label, or has another's, is refused even when it differs in nothing."""
    assert not owns(OWNERSHIP, observed(labels))
    plan = plan_repository(desired("wanted"), observed(labels, description="found"), None)
    assert isinstance(plan, Refuse)
    assert plan.reason is Reason.ALREADY_EXISTS


def test_a_rivals_repository_is_owned_elsewhere() -> None:
    """What another living object of this cluster owns is named so, and the rival is not."""
    plan = plan_repository(desired(), observed(Ownership.of("cluster-1", RIVAL).labels), RIVAL)
    assert isinstance(plan, Refuse)
    assert plan.reason is Reason.OWNED_ELSEWHERE
    assert RIVAL.namespace not in plan.message


def test_our_labels_beat_a_rival() -> None:
    """Who has its labels on the repository keeps it, whatever another object recorded."""
    assert plan_repository(desired(), observed(), RIVAL) == Keep()


@pytest.mark.parametrize(
    ("package_format", "mode"),
    [("DOCKER", STANDARD_MODE), (PYTHON_FORMAT, "REMOTE_REPOSITORY"), ("", ""), ("python", STANDARD_MODE)],
)
def test_another_format_or_mode_cannot_be_mended(package_format: str, mode: str) -> None:
    """A repository of ours in another format or mode is refused and never patched."""
    plan = plan_repository(desired("x"), observed(package_format=package_format, mode=mode), None)
    assert isinstance(plan, Refuse)
    assert plan.reason is Reason.IMMUTABLE_FIELD_DIFFERS


def test_letting_go_keeps_the_labels_of_others() -> None:
    """Release takes our two labels off, and the mask names nothing but labels."""
    patch = without_ownership(observed(OWNERSHIP.labels | {"team": "a"}, description="stays"))
    assert patch == RepositoryPatch(labels={"team": "a"})
    assert patch.mask == ("labels",)


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
