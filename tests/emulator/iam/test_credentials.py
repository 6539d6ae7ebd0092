"""IAM Credentials: tokens of service accounts for callers that may act as them."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fakes.emulated import READER, WRITER, Cluster, Emulated, emulated
from google.iam.v1 import policy_pb2

from wheelhouse_local.constants import POOL, PROJECT

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
EMAIL = f"ci-reader@{PROJECT}.iam.gserviceaccount.com"
NAME = f"projects/{PROJECT}/serviceAccounts/{EMAIL}"
USER = "roles/iam.workloadIdentityUser"
LEGACY = f"serviceAccount:{POOL}[team-a/wheels-reader]"


@pytest.fixture
async def google(tmp_path: Path, cluster: Cluster) -> AsyncIterator[Emulated]:
    """It has a service account that `team-a/wheels-reader` may act as."""
    async with emulated(tmp_path / "google", cluster.triple) as found:
        found.server.services.accounts.add(EMAIL, PROJECT)
        allow(found, READER)
        yield found


def allow(google: Emulated, *members: str, role: str = USER) -> None:
    """Set who may act as the account."""
    bindings = [policy_pb2.Binding(role=role, members=members)] if members else []
    google.server.services.policies.plant(NAME, policy_pb2.Policy(bindings=bindings))


async def generate(
    google: Emulated, caller: str = READER, email: str = EMAIL, project: str = "-", **body: Any
) -> tuple[int, dict[str, Any]]:
    """Request a token as a caller."""
    url = f"{google.endpoints['iamCredentials']}v1/projects/{project}/serviceAccounts/{email}:generateAccessToken"
    headers = {"Authorization": f"Bearer {google.token(caller)}"}
    content = {name: value for name, value in {"scope": [SCOPE], **body}.items() if value is not None}
    async with google.session.post(url, json=content, headers=headers) as response:
        return response.status, await response.json()


async def test_the_token_belongs_to_the_service_account(google: Emulated) -> None:
    """The reply has a token and a time in UTC, an hour from now without a lifetime."""
    status, reply = await generate(google)
    assert status == 200
    assert reply.keys() == {"accessToken", "expireTime"}
    caller = google.server.services.identities.resolve(reply["accessToken"])
    assert caller is not None
    assert caller.identity == f"serviceAccount:{EMAIL}"
    left = datetime.fromisoformat(reply["expireTime"]) - datetime.now(UTC)
    assert timedelta(seconds=3590) < left <= timedelta(seconds=3600)


@pytest.mark.parametrize(
    ("role", "member"),
    [(USER, READER), (USER, LEGACY), ("roles/iam.serviceAccountTokenCreator", READER)],
)
async def test_who_may_act_as_it(google: Emulated, role: str, member: str) -> None:
    """Both roles with the permission, for the principal and for its older form; no other caller."""
    allow(google, member, role=role)
    assert (await generate(google))[0] == 200
    status, reply = await generate(google, WRITER)
    assert status == 403
    message = "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist)."
    assert reply["error"]["message"] == message
    assert reply["error"]["details"][0]["reason"] == "IAM_PERMISSION_DENIED"


async def test_a_missing_account_looks_like_a_denied_one(google: Emulated) -> None:
    """The caller has no right on its project, so the error does not tell whether it exists."""
    assert (await generate(google, email=f"absent@{PROJECT}.iam.gserviceaccount.com"))[0] == 403


async def test_a_disabled_account_gets_no_token(google: Emulated) -> None:
    """Its existing tokens stop working too."""
    _, reply = await generate(google)
    account = google.server.services.accounts.find(EMAIL)
    assert account is not None
    async with google.session.post(
        f"{google.endpoints['iam']}v1/{NAME}:disable", headers={"Authorization": f"Bearer {google.owner}"}
    ) as response:
        assert response.status == 200
    assert google.server.services.identities.resolve(reply["accessToken"]) is None
    assert (await generate(google))[0] == 400


@pytest.mark.parametrize(
    "body",
    [
        {"lifetime": "3601s"},
        {"lifetime": "0s"},
        {"lifetime": "-1s"},
        {"lifetime": "1h"},
        {"lifetime": 3600},
        {"scope": None},
        {"scope": []},
        {"scope": SCOPE},
    ],
)
async def test_invalid_requests(google: Emulated, body: dict[str, Any]) -> None:
    """A lifetime that is too long or malformed, and no scope."""
    status, reply = await generate(google, **body)
    assert (status, reply["error"]["status"]) == (400, "INVALID_ARGUMENT")


async def test_a_project_instead_of_the_hyphen_is_invalid(google: Emulated) -> None:
    """The reference says that the hyphen is required."""
    assert (await generate(google, project=PROJECT))[0] == 400


async def test_the_organization_can_allow_twelve_hours(google: Emulated) -> None:
    """For the accounts that it names, and only while it names them."""
    headers = {"Authorization": f"Bearer {google.owner}"}
    control = google.endpoints["artifactRegistry"] + "control/org-policy"
    for accounts, status in (([EMAIL], 200), ([], 400)):
        sent = {"project": PROJECT, "extendedLifetimes": accounts}
        async with google.session.post(control, json=sent, headers=headers) as response:
            assert response.status == 200
        assert (await generate(google, lifetime="43200s"))[0] == status
    assert (await generate(google, lifetime="43201s"))[0] == 400


async def test_the_lifetime_of_the_world_caps_it(tmp_path: Path, cluster: Cluster) -> None:
    """With --token-lifetime 20 a token has 20 seconds."""
    async with emulated(tmp_path / "capped", cluster.triple, cap=20) as google:
        google.server.services.accounts.add(EMAIL, PROJECT)
        allow(google, READER)
        _, reply = await generate(google)
        left = datetime.fromisoformat(reply["expireTime"]) - datetime.now(UTC)
        assert timedelta(seconds=15) < left <= timedelta(seconds=20)
