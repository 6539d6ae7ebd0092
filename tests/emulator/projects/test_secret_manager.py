"""Secret Manager: secrets, versions, and who can read them; gcloud's part is in test_gcloud.py."""

import base64
from typing import Any

import pytest
from fakes.emulated import Emulated
from fakes.registry_clients import OPERATOR, STRANGER, body, refusal, rest

from wheelhouse_local.constants import PROJECT, PROJECT_NUMBER
from wheelhouse_local.google.transport.errors import ApiError

SECRETS = f"projects/{PROJECT}/secrets"
SECRET, NUMBERED = f"{SECRETS}/upstream", f"projects/{PROJECT_NUMBER}/secrets/upstream"
FIRST = f"{SECRET}/versions/1"
AUTOMATIC = {"replication": {"automatic": {}}}
AGENT = f"serviceAccount:service-{PROJECT_NUMBER}@gcp-sa-artifactregistry.iam.gserviceaccount.com"
ACCESSOR = "roles/secretmanager.secretAccessor"


@pytest.fixture
async def google(google: Emulated) -> Emulated:
    """With a secret of one version, `hunter2`."""
    await body(google, "POST", f"{SECRETS}?secretId=upstream", json={**AUTOMATIC, "labels": {"team": "a"}})
    await add(google, b"hunter2")
    return google


async def add(google: Emulated, value: bytes) -> Any:
    sent = {"payload": {"data": base64.b64encode(value).decode()}}
    return await body(google, "POST", f"{SECRET}:addVersion", json=sent)


async def bind(google: Emulated, resource: str, *grants: tuple[str, str], verb: str = "GET") -> Any:
    """Add grants to the policy of a secret or project."""
    policy = await body(google, verb, f"{resource}:getIamPolicy", **({"json": {}} if verb == "POST" else {}))
    bindings = [*policy.get("bindings", []), *({"role": role, "members": [who]} for role, who in grants)]
    sent = {"policy": {"bindings": bindings, "etag": policy["etag"]}}
    return await rest(google, "POST", f"{resource}:setIamPolicy", json=sent)


async def test_a_secret_has_the_number_in_its_name(google: Emulated) -> None:
    """Whichever was used in the request; its replication and labels are unchanged."""
    for name in (SECRET, NUMBERED):
        found = await body(google, "GET", name)
        assert found.pop("createTime").endswith("Z")
        assert found == {"name": NUMBERED, "labels": {"team": "a"}, **AUTOMATIC}


async def test_versions_are_counted(google: Emulated) -> None:
    """The newest is `latest`, the list starts with it, and each keeps its payload."""
    for number in range(2, 12):
        found = await add(google, b"%d" % number)
        assert (found["name"], found["state"]) == (f"{NUMBERED}/versions/{number}", "ENABLED")
    latest = await body(google, "GET", f"{SECRET}/versions/latest:access")
    assert (latest["name"], base64.b64decode(latest["payload"]["data"])) == (f"{NUMBERED}/versions/11", b"11")
    assert (await body(google, "GET", f"{SECRET}/versions/latest"))["name"] == f"{NUMBERED}/versions/11"
    versions = (await body(google, "GET", f"{SECRET}/versions"))["versions"]
    assert [row["name"].rpartition("/")[2] for row in versions] == [str(number) for number in range(11, 0, -1)]
    assert base64.b64decode((await body(google, "GET", f"{FIRST}:access"))["payload"]["data"]) == b"hunter2"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (f"{SECRETS}/absent", f"Secret [projects/{PROJECT_NUMBER}/secrets/absent] not found."),
        (f"{SECRET}/versions/2", f"Secret Version [{NUMBERED}/versions/2] not found."),
        (f"{SECRET}/versions/2:access", f"Secret Version [{NUMBERED}/versions/2] not found."),
        (f"{SECRETS}/absent/versions/latest:access", f"Secret [projects/{PROJECT_NUMBER}/secrets/absent] not found."),
    ],
)
async def test_what_is_not_there(google: Emulated, path: str, said: str) -> None:
    """404 for callers with permission."""
    assert await refusal(google, "GET", path) == (404, "NOT_FOUND", said)


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        (f"{SECRETS}?secretId=a.b", AUTOMATIC),
        (SECRETS, AUTOMATIC),
        (f"{SECRETS}?secretId=other", {}),
        (f"{SECRET}:addVersion", {"payload": {"data": "!"}}),
        (f"{SECRET}:addVersion", {"payload": {}}),
        (f"{SECRET}:addVersion", {"payload": "x"}),
    ],
)
async def test_what_makes_no_sense_is_400(google: Emulated, path: str, sent: dict[str, Any]) -> None:
    """An invalid id, no replication, no payload."""
    assert (await refusal(google, "POST", path, json=sent))[:2] == (400, "INVALID_ARGUMENT")


async def test_a_secret_is_made_once(google: Emulated) -> None:
    """A second create is 409 ALREADY_EXISTS."""
    found = await refusal(google, "POST", f"{SECRETS}?secretId=upstream", json=AUTOMATIC)
    assert found == (409, "ALREADY_EXISTS", f"Secret [{NUMBERED}] already exists.")


async def test_the_operator_sees_the_policy_and_no_value(google: Emulated) -> None:
    """Its role reads the policy of a secret and nothing else of it; the messages are Secret Manager's."""
    assert await body(google, "GET", f"{SECRET}:getIamPolicy", OPERATOR) == {"etag": "ACAB"}
    for path, permission in ((f"{FIRST}:access", "versions.access"), (SECRET, "secrets.get")):
        name = path.removesuffix(":access")
        said = f"Permission 'secretmanager.{permission}' denied for resource '{name}' (or it may not exist)."
        assert await refusal(google, "GET", path, OPERATOR) == (403, "PERMISSION_DENIED", said)


@pytest.mark.parametrize(("where", "verb"), [(SECRET, "GET"), (f"projects/{PROJECT}", "POST")])
async def test_the_agent_reads_what_it_was_granted(google: Emulated, where: str, verb: str) -> None:
    """On the secret or on its project; before, and after a deletion, it cannot."""
    secrets = google.server.services.secrets
    assert not secrets.readable(FIRST, AGENT)
    with pytest.raises(ApiError) as caught:
        secrets.secret_value(FIRST, AGENT)
    assert caught.value.status == "PERMISSION_DENIED"
    assert (await bind(google, where, (ACCESSOR, AGENT), verb=verb)).status == 200
    for version in (FIRST, f"{SECRET}/versions/latest", f"{NUMBERED}/versions/1"):
        assert secrets.secret_value(version, AGENT) == b"hunter2"
        assert secrets.readable(version, AGENT)
    assert not secrets.readable(f"{SECRET}/versions/2", AGENT)
    assert not secrets.readable(FIRST, STRANGER)
    await body(google, "DELETE", SECRET)
    assert not secrets.readable(FIRST, AGENT)


async def test_a_new_secret_of_the_name_has_nothing_of_the_old(google: Emulated) -> None:
    """Neither versions nor policy."""
    await bind(google, SECRET, (ACCESSOR, AGENT))
    await body(google, "DELETE", SECRET)
    await body(google, "POST", f"{SECRETS}?secretId=upstream", json=AUTOMATIC)
    assert await body(google, "GET", f"{SECRET}/versions") == {}
    assert await body(google, "GET", f"{SECRET}:getIamPolicy") == {"etag": "ACAB"}


async def test_the_policy_of_a_secret_has_its_rules(google: Emulated) -> None:
    """Only roles of Secret Manager, agents that exist, no stale etag; conditions are not emulated."""
    path = f"{SECRET}:setIamPolicy"

    async def set_(role: str, member: str, **fields: Any) -> int:
        sent = {"policy": {"bindings": [{"role": role, "members": [member], **fields}], "version": 3}}
        return int((await rest(google, "POST", path, json=sent)).status)

    assert await set_("roles/artifactregistry.reader", AGENT) == 400
    assert await set_(ACCESSOR, AGENT.replace(PROJECT_NUMBER, "999")) == 400
    assert await set_(ACCESSOR, AGENT, condition={"title": "soon", "expression": "true"}) == 501
    assert await set_(ACCESSOR, AGENT) == 200
    sent = {"policy": {"etag": "ACAB", "bindings": []}}
    assert (await refusal(google, "POST", path, json=sent))[:2] == (409, "ABORTED")
    held = {"permissions": ["secretmanager.secrets.getIamPolicy", "secretmanager.versions.access"]}
    found = await body(google, "POST", f"{SECRET}:testIamPermissions", OPERATOR, json=held)
    assert found == {"permissions": held["permissions"][:1]}


async def test_a_deleted_project_reveals_nothing(google: Emulated) -> None:
    """Its secrets can be read by no one, until it is undeleted (inferred)."""
    await bind(google, SECRET, (ACCESSOR, AGENT))
    await body(google, "POST", "/control/project", json={"project": PROJECT, "action": "delete"})
    assert not google.server.services.secrets.readable(FIRST, AGENT)
    assert (await rest(google, "GET", SECRET)).status == 403
    await body(google, "POST", "/control/project", json={"project": PROJECT, "action": "undelete"})
    assert google.server.services.secrets.readable(FIRST, AGENT)
