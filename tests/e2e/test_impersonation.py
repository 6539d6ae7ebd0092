"""A ServiceAccount that acts as a Google service account, on a real API server and with the shipped rights."""

from datetime import UTC, datetime, timedelta

import pytest
from support.google import ACT_AS, google_account
from support.kube import ACCESSES, PROJECT, Kube, await_that, principal

from wheelhouse_local import control

pytestmark = pytest.mark.e2e

READER = "roles/artifactregistry.reader"
HOURS = timedelta(hours=12)


def left(kube: Kube, namespace: str, name: str) -> timedelta:
    """How long the token of an access still lives."""
    body = kube.get(ACCESSES, namespace, name) or {}
    return datetime.fromisoformat(body["status"]["secret"]["expirationTime"]) - datetime.now(UTC)


def test_its_token_lives_up_to_twelve_hours(kube: Kube) -> None:
    """One request of each kind gets the token; an hour without the organization policy, and twelve with it."""
    kube.namespace("acting")
    kube.repository("acting", "acting")
    kube.service_account("acting", "reader")
    email = google_account(kube, "acting-reader", principal("acting", "reader"))
    kube.world.kubectl("annotate", "serviceaccount", "reader", "-n", "acting", f"{ACT_AS}={email}")
    subjects = [{"kind": "ServiceAccount", "name": "reader"}]
    secret = {"name": "pip-config", "tokenLifetime": "12h"}
    with kube.counted("acting") as counts:
        kube.access("acting", "reader", "acting", subjects=subjects, secret=secret)
        kube.await_ready(ACCESSES, "acting", "reader")
    assert kube.members("acting") == {READER: [f"serviceAccount:{email}"]}
    # The one for twelve hours is rejected, and the one for an hour is not.
    assert counts["IamCredentials.GenerateAccessToken"] == 2
    assert counts["create serviceaccounts/token"] <= 1
    assert left(kube, "acting", "reader") < timedelta(hours=1)
    reasons = {event["reason"] for event in kube.events("acting", "reader")}
    assert {"LifetimeCapped", "IdentityNotDedicated"} <= reasons
    control.extend_lifetimes(kube.world.state, PROJECT, [email])
    kube.annotate(ACCESSES, "acting", "reader", "wheelhouse.dev/requested-at", "now")
    await_that(lambda: left(kube, "acting", "reader") > HOURS - timedelta(minutes=1), "a token for twelve hours")
    kube.await_ready(ACCESSES, "acting", "reader")


def test_a_changed_annotation_changes_the_member(kube: Kube) -> None:
    """The ServiceAccount itself, a Google service account, one from outside, and itself again."""
    kube.namespace("changing")
    kube.repository("changing", "changing")
    kube.reader("changing", "reader", "changing", "reader", secret="pip-config")
    kube.await_ready(ACCESSES, "changing", "reader")
    itself = principal("changing", "reader")
    assert kube.members("changing") == {READER: [itself]}
    email = google_account(kube, "changing-reader", itself)
    annotate = ("annotate", "--overwrite", "serviceaccount", "reader", "-n", "changing")
    kube.world.kubectl(*annotate, f"{ACT_AS}={email}")
    await_that(lambda: kube.members("changing") == {READER: [f"serviceAccount:{email}"]}, "the Google service account")
    kube.await_ready(ACCESSES, "changing", "reader")
    kube.world.kubectl(*annotate, f"{ACT_AS}=eve@evil-project.iam.gserviceaccount.com")
    kube.await_reason(ACCESSES, "changing", "reader", "SubjectNotPermitted")
    assert kube.members("changing") == {READER: [f"serviceAccount:{email}"]}
    kube.world.kubectl(*annotate, f"{ACT_AS}-")
    await_that(lambda: kube.members("changing") == {READER: [itself]}, "the ServiceAccount itself")
    kube.await_ready(ACCESSES, "changing", "reader")
