"""The aggregate of an access's Secrets equals the results of single passes, at constant cost."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from wheelhouse.domain.findings import Check, DistributionFindings, failed, passed, pending
from wheelhouse.domain.keys import SecretKey
from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.reasons import Reason
from wheelhouse.plan.leases import Lease, Moment
from wheelhouse.plan.places import Places
from wheelhouse.reconcile.secret.earliest import Earliest
from wheelhouse.reconcile.secret.targets import Distribution, Targets

START = datetime(2026, 1, 1, tzinfo=UTC)
GOOD, WAITS = passed(Reason.DISTRIBUTED), pending("Waiting.")
CHECKS = st.sampled_from([None, GOOD, failed(Reason.EXPIRED, "dead"), failed(Reason.TOKEN_REFUSED, "no")])
NAMESPACES = st.sampled_from([f"n{number}" for number in range(4)])
KEY = ObjectKey("owners", "one")


def lease(minutes: int) -> Lease:
    return Lease(Moment(START, 0.0), minutes * 60.0, minutes * 30.0, 60.0)


@given(st.lists(st.tuples(st.booleans(), st.integers(min_value=0, max_value=5)), max_size=60))
def test_the_earliest_of_moments_that_come_and_go(steps: list[tuple[bool, int]]) -> None:
    """Like the minimum of a list, however often times are added and removed."""
    moments: list[datetime] = []
    book = Earliest()
    for adds, number in steps:
        moment = START + timedelta(minutes=number)
        if adds:
            moments.append(moment)
            book.add(moment)
        elif moment in moments:
            moments.remove(moment)
            book.remove(moment)
        assert book.first() == min(moments, default=None)


PASSES = st.tuples(NAMESPACES, CHECKS, st.none() | st.integers(min_value=1, max_value=5))


@given(st.lists(st.one_of(PASSES, NAMESPACES, st.just(None), st.frozensets(NAMESPACES)), max_size=40))
def test_the_aggregate_is_the_sum_of_its_secrets(
    steps: list[tuple[str, Check | None, int | None] | str | frozenset[str] | None],
) -> None:
    """After any passes, removals and changes of the content and the places, it equals a count of all of them."""
    targets, truth = Targets(), dict[str, tuple[Check | None, int | None]]()
    distribution = targets.open(KEY, "uid", DistributionFindings())
    content = 0
    for step in steps:
        distribution = targets.open(KEY, "uid", DistributionFindings())
        if step is None:
            content += 1
            distribution.ask_for(content, Places())
            truth = {name: (None if check == GOOD else check, life) for name, (check, life) in truth.items()}
        elif isinstance(step, frozenset):
            distribution.ask_for(content, Places(tuple(sorted(step))))
            left = {name: (None, life) for name, (check, life) in truth.items() if check == GOOD and name not in step}
            truth |= left
        elif isinstance(step, str):
            targets.drop(KEY, step)
            truth.pop(step, None)
        else:
            namespace, check, life = step
            target = targets.target(distribution, namespace)
            target.lease = None if life is None else lease(life)
            distribution.count(namespace, target, check)
            truth[namespace] = check, life
        distribution = targets.open(KEY, "uid", DistributionFindings())
        assert targets.total == len(truth)
        assert distribution.current == sum(check == GOOD for check, _ in truth.values())
        assert set(distribution.failed) == {name for name, (check, _) in truth.items() if check and not check.ok}
        lives = [life for _, life in truth.values() if life is not None]
        assert distribution.expires.first() == (lease(min(lives)).expires if lives else None)


def test_status_counts_until_all_were_checked() -> None:
    """After a start the aggregate ignores Secrets that no pass has checked, but reports a failure at once."""
    targets = Targets()
    distribution = targets.open(KEY, "uid", DistributionFindings(namespaces=("a", "b")))
    distribution.ask_for(1, Places(("a", "b")))
    distribution.count("a", targets.target(distribution, "a"), GOOD)
    assert distribution.check(WAITS) is None
    distribution.count("b", targets.target(distribution, "b"), GOOD)
    assert distribution.check(WAITS) == GOOD
    distribution.count("b", targets.target(distribution, "b"), failed(Reason.EXPIRED, "dead"))
    found = distribution.check(WAITS)
    assert found is not None
    assert found.reason is Reason.PARTLY_DISTRIBUTED
    assert "b: dead" in found.message
    assert distribution.shown() == (("b", "Expired"),)


def test_nothing_wanted_is_not_distributed() -> None:
    """An access without any Secret does not count as having all of them."""
    assert Distribution("uid").check(WAITS) == WAITS


def test_ten_failures_are_shown() -> None:
    """A thousand failing Secrets result in ten entries in status."""
    targets = Targets()
    distribution = targets.open(KEY, "uid", DistributionFindings())
    for number in range(1000):
        name = f"n{number}"
        distribution.count(name, targets.target(distribution, name), failed(Reason.EXPIRED, "dead"))
    assert len(distribution.shown()) == 10


def test_another_uid_under_the_name_is_another_access() -> None:
    """What is known of a deleted access does not apply to the one that has its name now."""
    targets = Targets()
    targets.target(targets.open(KEY, "uid", DistributionFindings()), "a")
    assert targets.peek(SecretKey(KEY, "a"), "other") is None
    assert targets.open(KEY, "other", DistributionFindings()).targets == {}
    assert targets.total == 0
