"""IAM service accounts over REST: what the recorded traffic and the published reference say."""

import re
from pathlib import Path
from typing import Any

import pytest
from fakes.emulated import REPOSITORY, Emulated
from fakes.registry_clients import OPERATOR, OWNER_MEMBER, STRANGER, body, refusal, rest

from wheelhouse_local.constants import PROJECT, PROJECT_NUMBER
from wheelhouse_local.google.iam.service_accounts.account import Account
from wheelhouse_local.google.iam.service_accounts.accounts import Accounts
from wheelhouse_local.google.store import Store

ACCOUNTS = f"projects/{PROJECT}/serviceAccounts"
EMAIL = f"ci-runner@{PROJECT}.iam.gserviceaccount.com"
NAME = f"{ACCOUNTS}/{EMAIL}"
ANYWHERE = f"projects/-/serviceAccounts/{EMAIL}"
READ = "roles/artifactregistry.reader"


async def create(google: Emulated, account_id: str = "ci-runner", parent: str = ACCOUNTS, **fields: str) -> Any:
    return await body(google, "POST", parent, json={"accountId": account_id, "serviceAccount": fields})


async def details(google: Emulated, method: str, path: str, identity: str = OWNER_MEMBER, **kwargs: Any) -> Any:
    """The status and the details of a rejected call."""
    response = await rest(google, method, path, identity, **kwargs)
    error = (await response.json())["error"]
    return error["status"], error["message"], error["details"]


async def test_a_new_account_has_the_recorded_fields(google: Emulated) -> None:
    """The reply to create is the account, as get shows it; empty fields are omitted."""
    made = await create(google, displayName="CI")
    assert made == await body(google, "GET", NAME)
    assert re.fullmatch("[0-9]{21}", made["uniqueId"])
    assert made == {
        "name": NAME,
        "projectId": PROJECT,
        "uniqueId": made["uniqueId"],
        "email": EMAIL,
        "displayName": "CI",
        "etag": made["etag"],
        "oauth2ClientId": made["oauth2ClientId"],
    }


@pytest.mark.parametrize(
    "path",
    [
        f"projects/{PROJECT_NUMBER}/serviceAccounts/{EMAIL}",
        ANYWHERE,
        f"{ACCOUNTS}/{EMAIL.replace('@', '%40')}",
        f"{ACCOUNTS}/CI-Runner@{PROJECT}.iam.gserviceaccount.com",
    ],
)
async def test_an_account_has_several_names(google: Emulated, path: str) -> None:
    """A project by its number or `-`, an e-mail in another case or quoted: the reply has the canonical name."""
    await create(google)
    assert (await body(google, "GET", path))["name"] == NAME


async def test_an_account_is_found_by_its_unique_id(google: Emulated) -> None:
    """Instead of the e-mail, in its project and with `-`."""
    made = await create(google)
    for project in (PROJECT, "-"):
        found = await body(google, "GET", f"projects/{project}/serviceAccounts/{made['uniqueId']}")
        assert found == made


async def test_a_missing_account(google: Emulated) -> None:
    """Recorded: 404 in its project. Published: 403 with `-`, which hides whether it exists."""
    assert await refusal(google, "GET", NAME) == (404, "NOT_FOUND", "Unknown service account")
    status, message, (info,) = await details(google, "GET", ANYWHERE)
    assert (status, message) == (
        "PERMISSION_DENIED",
        "Permission 'iam.serviceAccounts.get' denied on resource (or it may not exist).",
    )
    assert info["metadata"] == {"permission": "iam.serviceAccounts.get"}


async def test_agents_of_google_are_hidden(google: Emulated) -> None:
    """They belong to no project here, so no caller can delete them (inferred)."""
    agent = f"service-{PROJECT_NUMBER}@gcp-sa-artifactregistry.iam.gserviceaccount.com"
    assert (await refusal(google, "GET", f"{ACCOUNTS}/{agent}"))[0] == 404
    assert (await details(google, "DELETE", f"projects/-/serviceAccounts/{agent}"))[0] == "PERMISSION_DENIED"


async def test_an_account_of_another_project_is_missing(google: Emulated) -> None:
    """The project in the path must be the account's own."""
    await create(google)
    google.server.services.projects.create("acme-staging")
    other = NAME.replace(f"projects/{PROJECT}/", "projects/acme-staging/")
    assert (await refusal(google, "GET", other))[0] == 404


async def test_a_second_account_of_the_same_name(google: Emulated) -> None:
    """409 with the message and details that public threads quote."""
    await create(google)
    found = await details(google, "POST", ACCOUNTS, json={"accountId": "ci-runner"})
    resource = {"@type": "type.googleapis.com/google.rpc.ResourceInfo", "resourceName": NAME}
    text = f"Service account ci-runner already exists within project projects/{PROJECT}."
    assert found == ("ALREADY_EXISTS", text, [resource])


@pytest.mark.parametrize(
    "account_id", ["", "short", "a" * 31, "Ci-runner", "1runner", "ci-runner-", "ci_runner", "ci.runner"]
)
async def test_an_account_id_has_a_form(google: Emulated, account_id: str) -> None:
    """The published form: 6 to 30 lower-case letters, digits and -."""
    found = await refusal(google, "POST", ACCOUNTS, json={"accountId": account_id})
    assert found[:2] == (400, "INVALID_ARGUMENT")


@pytest.mark.parametrize(("field", "most"), [("displayName", 100), ("description", 256)])
async def test_texts_have_a_length(google: Emulated, field: str, most: int) -> None:
    """The published maximum is in UTF-8 bytes."""
    assert (await create(google, **{field: "ü" * (most // 2)}))[field] == "ü" * (most // 2)
    sent = {"accountId": "other-runner", "serviceAccount": {field: "ü" * (most // 2) + "x"}}
    assert (await refusal(google, "POST", ACCOUNTS, json=sent))[:2] == (400, "INVALID_ARGUMENT")


async def test_accounts_are_listed_by_page(google: Emulated) -> None:
    """Each account once, 20 on a page by default; agents of Google are not accounts of the project."""
    for number in range(25):
        await create(google, f"runner-{number:02}")
    first = await body(google, "GET", ACCOUNTS)
    assert len(first["accounts"]) == 20
    found, token = [], ""
    for _ in range(10):
        page = await body(google, "GET", f"{ACCOUNTS}?pageSize=8&pageToken={token}")
        found += [row["email"].partition("@")[0] for row in page["accounts"]]
        token = page.get("nextPageToken", "")
        if not token:
            break
    assert found == ["analytics", "ci", *(f"runner-{number:02}" for number in range(25))]
    assert len((await body(google, "GET", f"{ACCOUNTS}?pageSize=1000"))["accounts"]) == 27


@pytest.mark.parametrize("query", ["pageSize=-1", "pageSize=x", "pageToken=!"])
async def test_a_page_that_makes_no_sense(google: Emulated, query: str) -> None:
    """400, as for other lists."""
    assert (await refusal(google, "GET", f"{ACCOUNTS}?{query}"))[:2] == (400, "INVALID_ARGUMENT")


async def test_another_project_has_its_own_accounts(google: Emulated) -> None:
    """Also a project of a domain, whose id has another form in e-mails."""
    google.server.services.projects.create("example.com:legacy")
    made = await create(google, parent="projects/example.com:legacy/serviceAccounts")
    assert made["email"] == "ci-runner@legacy.example.com.iam.gserviceaccount.com"
    listed = await body(google, "GET", "projects/example.com:legacy/serviceAccounts")
    assert listed == {"accounts": [made]}


@pytest.mark.parametrize("mask", ["display_name", "displayName"])
async def test_a_patch_changes_what_its_mask_names(google: Emulated, mask: str) -> None:
    """Recorded: the reply has only the changed fields and the name."""
    await create(google, displayName="CI", description="Builds wheels")
    sent = {"serviceAccount": {"displayName": "Runner", "description": "ignored", "email": "x@y"}, "updateMask": mask}
    assert await body(google, "PATCH", NAME, json=sent) == {"name": NAME, "displayName": "Runner"}
    found = await body(google, "GET", NAME)
    assert (found["displayName"], found["description"], found["email"]) == ("Runner", "Builds wheels", EMAIL)


async def test_a_patch_can_clear_a_text(google: Emulated) -> None:
    """A field in the mask without a value is cleared."""
    await create(google, displayName="CI", description="Builds wheels")
    await body(google, "PATCH", NAME, json={"serviceAccount": {}, "updateMask": "description,displayName"})
    assert not {"displayName", "description"} & (await body(google, "GET", NAME)).keys()


@pytest.mark.parametrize(("mask", "status"), [("email", 400), ("displayName,disabled", 400), ("", 501)])
async def test_a_patch_of_anything_else(google: Emulated, mask: str, status: int) -> None:
    """Only two fields can be changed; a change without a mask is not emulated."""
    await create(google)
    sent = {"serviceAccount": {"displayName": "x"}, "updateMask": mask}
    assert (await refusal(google, "PATCH", NAME, json=sent))[0] == status


async def test_a_new_account_with_the_same_email_has_another_id(google: Emulated) -> None:
    """Published: the unique id is never given twice."""
    first = await create(google)
    assert await body(google, "DELETE", NAME) == {}
    assert (await refusal(google, "GET", NAME))[0] == 404
    second = await create(google)
    assert second["uniqueId"] != first["uniqueId"]
    assert {**second, "uniqueId": "", "oauth2ClientId": ""} == {**first, "uniqueId": "", "oauth2ClientId": ""}


async def test_an_account_is_restored(google: Emulated) -> None:
    """Undelete returns the account with its id and its own policy; it cannot be done twice."""
    made = await create(google, displayName="CI")
    binding = {"role": "roles/iam.workloadIdentityUser", "members": [STRANGER]}
    await body(google, "POST", f"{NAME}:setIamPolicy", json={"policy": {"bindings": [binding]}})
    await body(google, "DELETE", NAME)
    undelete = f"projects/-/serviceAccounts/{made['uniqueId']}:undelete"
    assert await body(google, "POST", undelete) == {"restoredAccount": made}
    assert (await body(google, "POST", f"{NAME}:getIamPolicy"))["bindings"] == [binding]
    assert (await details(google, "POST", undelete))[0] == "PERMISSION_DENIED"


async def test_an_account_is_not_restored_beside_a_new_one(google: Emulated) -> None:
    """Published: only if there is no account with the same name."""
    made = await create(google)
    await body(google, "DELETE", NAME)
    await create(google)
    found = await refusal(google, "POST", f"{ACCOUNTS}/{made['uniqueId']}:undelete")
    assert found[:2] == (400, "FAILED_PRECONDITION")


async def test_a_disabled_account_cannot_call(google: Emulated) -> None:
    """Published: its tokens are rejected until it is enabled again, with the same grants."""
    await create(google)
    google.create()
    google.grant((READ, f"serviceAccount:{EMAIL}"))
    token = google.token(f"serviceAccount:{EMAIL}")
    assert (await google.get("simple/x/", token)).status == 404
    assert await body(google, "POST", f"{NAME}:disable") == {}
    assert (await body(google, "GET", NAME))["disabled"] is True
    assert (await google.get("simple/x/", token)).status == 401
    assert await body(google, "POST", f"{NAME}:enable") == {}
    assert (await google.get("simple/x/", token)).status == 404


async def test_keys_are_refused(google: Emulated) -> None:
    """As under the organization policy against keys, in the words that public threads quote."""
    await create(google)
    status, message, (failure,) = await details(google, "POST", f"{NAME}/keys", json={})
    assert (status, message) == ("FAILED_PRECONDITION", "Key creation is not allowed on this service account.")
    (violation,) = failure["violations"]
    assert violation == {
        "type": "constraints/iam.disableServiceAccountKeyCreation",
        "subject": f"{NAME}?configvalue={EMAIL.replace('@', '%40')}",
        "description": "Key creation is not allowed on this service account.",
    }
    _, _, (failure,) = await details(google, "POST", f"{NAME}/keys:upload", json={"publicKeyData": ""})
    assert failure["violations"][0]["type"] == "constraints/iam.disableServiceAccountKeyUpload"


CALLS = [
    ("POST", ACCOUNTS, "create"),
    ("GET", ACCOUNTS, "list"),
    ("GET", NAME, "get"),
    ("PATCH", NAME, "update"),
    ("DELETE", NAME, "delete"),
    ("POST", f"{NAME}:disable", "disable"),
    ("POST", f"{NAME}:enable", "enable"),
    ("POST", f"{NAME}:getIamPolicy", "getIamPolicy"),
    ("POST", f"{NAME}:setIamPolicy", "setIamPolicy"),
]


@pytest.mark.parametrize(("method", "path", "verb"), CALLS)
@pytest.mark.parametrize("identity", [STRANGER, OPERATOR])
async def test_each_call_has_its_permission(google: Emulated, method: str, path: str, verb: str, identity: str) -> None:
    """Neither a stranger nor the operator may call any of them: the operator's role has nothing of IAM."""
    await create(google)
    status, message, _ = await details(google, method, path, identity, json={} if method in {"POST", "PATCH"} else None)
    assert (status, message.split("'")[1]) == ("PERMISSION_DENIED", f"iam.serviceAccounts.{verb}")


async def test_a_role_on_the_account_is_enough(google: Emulated) -> None:
    """A grant on one account allows that account only."""
    await create(google)
    await create(google, "other-runner")
    binding = {"role": "roles/iam.serviceAccountAdmin", "members": [STRANGER]}
    written = await body(google, "POST", f"{NAME}:setIamPolicy", json={"policy": {"bindings": [binding]}})
    assert written["version"] == 1
    assert (await body(google, "GET", NAME, STRANGER))["email"] == EMAIL
    asked = {"permissions": ["iam.serviceAccounts.delete", "iam.serviceAccounts.getAccessToken"]}
    held = await body(google, "POST", f"{NAME}:testIamPermissions", STRANGER, json=asked)
    assert held == {"permissions": ["iam.serviceAccounts.delete"]}
    assert (await details(google, "GET", NAME.replace("ci-runner", "other-runner"), STRANGER))[0] == "PERMISSION_DENIED"


async def test_a_fresh_policy_of_an_account(google: Emulated) -> None:
    """Recorded for service accounts too: the etag ACAB and nothing else."""
    await create(google)
    path = f"{NAME}:getIamPolicy?options.requestedPolicyVersion=3"
    assert await body(google, "POST", path) == {"etag": "ACAB"}


async def test_a_purged_project_takes_its_accounts_along(google: Emulated) -> None:
    """Policies of other projects show tombstones, and the accounts cannot be restored."""
    google.create()
    google.server.services.projects.create("acme-staging")
    made = await create(google, parent="projects/acme-staging/serviceAccounts")
    google.grant((READ, f"serviceAccount:{made['email']}"))
    google.server.services.projects.purge("acme-staging")
    policy = google.server.services.policies.get(REPOSITORY)
    assert policy.bindings[0].members == [f"deleted:serviceAccount:{made['email']}?uid={made['uniqueId']}"]
    assert google.server.services.accounts.deleted(made["uniqueId"]) is None


async def test_accounts_of_an_older_world_get_an_id(google: Emulated) -> None:
    """The store of an older version has only e-mails: they become accounts of their projects."""
    services = google.server.services
    services.store.put("service-account", EMAIL, {})
    services.store.put("service-account", "x@elsewhere.iam.gserviceaccount.com", {})
    services.prepare()
    found = services.accounts.find(EMAIL)
    assert isinstance(found, Account)
    assert (found.project, len(found.unique_id)) == (PROJECT, 21)
    services.prepare()
    assert services.accounts.find(EMAIL) == found
    assert "x@elsewhere.iam.gserviceaccount.com" not in str(await body(google, "GET", ACCOUNTS))


def test_an_account_can_be_restored_for_thirty_days(tmp_path: Path) -> None:
    """Published: after that the deletion is final."""
    store, now = Store(tmp_path / "google.sqlite"), [1_700_000_000.0]
    accounts = Accounts(store, lambda: now[0])
    made = accounts.add(EMAIL, PROJECT)
    accounts.remove(made)
    now[0] += 30 * 24 * 3600
    assert accounts.deleted(made.unique_id) == made
    now[0] += 1
    assert accounts.deleted(made.unique_id) is None
    assert accounts.was_deleted(EMAIL)
    store.close()
