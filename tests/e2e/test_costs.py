"""The operator's real requests to Google and changes in Kubernetes: counted in both servers' own logs."""

import time
from datetime import UTC, datetime

import pytest
from support.kube import ACCESSES, REPOSITORIES, Kube, await_that, full_name

from wheelhouse_local import trace

pytestmark = pytest.mark.e2e


def test_each_act_costs_what_it_should(kube: Kube) -> None:
    """Repository, access with Secret, second access of the same ServiceAccount, idle, deletion: all requests."""
    kube.namespace("costs")
    with kube.counted("costs") as created:
        kube.repository("costs", "costs")
        kube.await_ready(REPOSITORIES, "costs", "costs")
    google = {name: number for name, number in created.items() if "." in name and " " not in name}
    assert google.pop("Operations.GetOperation") >= 1
    assert google == {"ArtifactRegistry.GetRepository": 2, "ArtifactRegistry.CreateRepository": 1}
    assert created["patch pythonrepositories"] == 1
    await_that(lambda: kube.events("costs", "costs"), "the Event, which comes after the status")

    with kube.counted("costs") as granted:
        kube.reader("costs", "first", "costs", "reader", secret="first")
        kube.await_ready(ACCESSES, "costs", "first")
    assert granted == {
        "patch repositoryaccesses": 1,
        "patch repositoryaccesses/status": 2,
        "patch pythonrepositories/status": 1,  # The number of its accesses.
        "create serviceaccounts/token": 1,
        "patch secrets": 1,
        "create events": 1,
        "ArtifactRegistry.GetIamPolicy": 1,
        # A grant is missing: is this still the repository of the ledger?
        "ArtifactRegistry.GetRepository": 1,
        "ArtifactRegistry.SetIamPolicy": 1,
        "Sts.Token": 1,
        "Index.Simple": 1,
    }

    with kube.counted("costs") as again:
        kube.reader("costs", "second", "costs", "reader", secret="second")
        kube.await_ready(ACCESSES, "costs", "second")
    assert again["ArtifactRegistry.SetIamPolicy"] == 0
    assert again["ArtifactRegistry.GetIamPolicy"] == 1
    assert again["Sts.Token"] == 0
    assert again["create serviceaccounts/token"] == 0

    with kube.counted("costs") as kept:
        kube.delete(ACCESSES, "costs", "first")
        kube.await_gone(ACCESSES, "costs", "first")
    assert kept["ArtifactRegistry.SetIamPolicy"] == 0

    with kube.counted("costs") as deleted:
        kube.delete(ACCESSES, "costs", "second")
        kube.await_gone(ACCESSES, "costs", "second")
    assert deleted == {
        "patch secrets (dry run)": 1,
        "delete secrets": 1,
        "patch repositoryaccesses": 1,
        "patch pythonrepositories/status": 1,
        "ArtifactRegistry.GetIamPolicy": 1,
        "ArtifactRegistry.SetIamPolicy": 1,
    }
    assert kube.members("costs") == {}


def test_a_changed_description_is_two_requests(kube: Kube) -> None:
    """A changed description: one GET and one PATCH, and Google has it."""
    kube.namespace("described")
    kube.repository("described", "described", description="first")
    kube.await_ready(REPOSITORIES, "described", "described")
    with kube.counted("described") as changed:
        kube.repository("described", "described", description="second")
        kube.await_ready(REPOSITORIES, "described", "described")
    assert changed["ArtifactRegistry.GetRepository"] == 1
    assert changed["ArtifactRegistry.UpdateRepository"] == 1
    assert kube.google("GET", f"v1/{full_name('described')}")[1]["description"] == "second"


def test_a_start_begins_with_what_changed(kube: Kube) -> None:
    """An access that was created while the operator was down is Ready before the operator watches all accesses."""
    kube.namespace("meanwhile")
    kube.repository("meanwhile", "meanwhile")
    kube.await_ready(REPOSITORIES, "meanwhile", "meanwhile")
    kube.world.stop("operator")
    kube.reader("meanwhile", "reader", "meanwhile", "reader")
    begun = datetime.now(UTC)
    kube.world.start("operator")
    kube.await_ready(ACCESSES, "meanwhile", "reader")

    def watched() -> list[str]:
        acts = [row["method"] for row in trace.kubernetes(kube.world.state, begun)]
        return acts if "watch repositoryaccesses" in acts else []

    acts = await_that(watched, "the watch of accesses")
    before = acts[: acts.index("watch repositoryaccesses")]
    assert before.count("patch repositoryaccesses/status") == 2


@pytest.mark.slow
def test_a_minute_of_idle_changes_nothing(kube: Kube) -> None:
    """A repository and an access cost nothing for a minute, except the check of the Secret."""
    # A resync, five minutes after a start and then every five minutes, reads each repository once.
    kube.world.stop("operator")
    kube.world.start("operator")
    kube.namespace("idle")
    kube.repository("idle", "idle")
    kube.reader("idle", "reader", "idle", "reader", secret="pip-config")
    kube.await_ready(ACCESSES, "idle", "reader")
    await_that(lambda: kube.ready(REPOSITORIES, "idle", "idle"), "the repository")
    time.sleep(2)  # Wait until the effects of the last write are over.
    with kube.counted("idle") as idle:
        time.sleep(90)  # The minute of the promise, and the time in which a check surely comes.
    # The Secret is checked about once a minute, by dry-run applies.
    assert 1 <= idle.pop("patch secrets (dry run)") <= 2
    assert not idle
