"""`wheelhouse local project, group, fault` against the emulated Google in the test's process."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner, Result
from fakes.emulated import READER, REPOSITORY, Emulated
from fakes.registry_clients import alone, rest

from wheelhouse.cli.main import main
from wheelhouse_local import environment, google, methods, trace
from wheelhouse_local.cli import local
from wheelhouse_local.cli.requests import caller
from wheelhouse_local.google.projects.resource_manager import ResourceManager
from wheelhouse_local.google.projects.service_usage import ServiceUsage
from wheelhouse_local.google.transport.faults import Rule
from wheelhouse_local.state import Record, State

READ = "roles/artifactregistry.reader"
CREATE = "ArtifactRegistry.CreateRepository"


@dataclass(frozen=True, slots=True)
class Terminal:
    """Runs commands for this world."""

    google: Emulated
    state: State

    async def __call__(self, *arguments: str, code: int = 0) -> str:
        """Run a command of `wheelhouse local`, expect this exit status, and return its output."""
        argv = [*arguments, "--state", str(self.state.root)]
        result: Result = await asyncio.to_thread(CliRunner().invoke, local, argv)
        assert result.exit_code == code, result.output
        return result.output


@pytest.fixture
async def terminal(tmp_path: Path) -> AsyncIterator[Terminal]:
    state = State(tmp_path / "world")
    state.create()
    async with alone(state.google) as found:
        yield Terminal(found, state)


async def test_a_project_is_made_and_changed(terminal: Terminal) -> None:
    """Each time it prints number, state and services; other properties stay unchanged."""
    said = await terminal("project", "acme-staging")
    found = terminal.google.server.services.projects.find("acme-staging")
    assert found is not None
    assert said == f"acme-staging  number {found.number}  ACTIVE  artifactregistry.googleapis.com\n"
    assert "ACTIVE  no services on" in await terminal("project", "acme-staging", "--api", "off")
    assert "DELETE_REQUESTED  no services on" in await terminal("project", "acme-staging", "--delete")
    again = await terminal("project", "acme-staging", "--undelete", "--api", "on", "--no-operator-rights")
    assert "ACTIVE  artifactregistry.googleapis.com" in again
    policy = terminal.google.server.services.policies.get("projects/acme-staging")
    assert "projects/acme-staging/roles/wheelhouseOperator" not in {binding.role for binding in policy.bindings}
    assert await terminal("project", "acme-staging", "--purge") == "acme-staging was purged\n"
    assert terminal.google.server.services.projects.find("acme-staging") is None


async def test_an_invalid_project_is_reported(terminal: Terminal) -> None:
    """An invalid name, and the deletion of a missing project, are rejected with a message."""
    assert "is not a project id" in await terminal("project", "Acme", code=1)
    assert "There is no project acme-staging" in await terminal("project", "acme-staging", "--delete", code=1)


async def test_a_group_is_who_was_named_last(terminal: Terminal) -> None:
    """The command replaces the members; an invalid member is rejected before anything changes."""
    google, somebody = terminal.google, "user:somebody@acme.example"
    google.create()
    google.grant((READ, "group:packagers@acme.example"))

    async def status() -> int:
        return int((await rest(google, "GET", REPOSITORY, somebody)).status)

    await terminal("group", "packagers@acme.example", "user:ada@acme.example", somebody)
    assert await status() == 200
    assert "is not an IAM member" in await terminal("group", "packagers@acme.example", "somebody@acme.example", code=1)
    assert "is not the email address of a group" in await terminal("group", "packagers", somebody, code=1)
    assert await status() == 200
    await terminal("group", "packagers@acme.example")
    assert await status() == 403


async def test_a_principal_is_deleted_and_comes_back(terminal: Terminal) -> None:
    """--delete, --undelete and --create; what was done before is rejected with a message."""
    google, ada = terminal.google, "user:ada@acme.example"
    google.create()
    google.grant((READ, ada))
    policies = google.server.services.policies
    assert await terminal("principal", ada, "--delete") == ""
    (tombstone,) = policies.get(REPOSITORY).bindings[0].members
    assert re.fullmatch(r"deleted:user:ada@acme\.example\?uid=[0-9]{21}", tombstone)
    assert "was deleted before" in await terminal("principal", ada, "--delete", code=1)
    await terminal("principal", ada, "--undelete")
    assert list(policies.get(REPOSITORY).bindings[0].members) == [ada]
    assert "is not deleted" in await terminal("principal", ada, "--undelete", code=1)
    await terminal("principal", ada, "--delete")
    await terminal("principal", "User:ada@acme.example", "--create", code=1)
    await terminal("principal", ada, "--create")
    assert policies.get(REPOSITORY).bindings[0].members[0].startswith("deleted:")


async def test_a_member_is_rejected_and_accepted(terminal: Terminal) -> None:
    """New grants fail with a message that names the member or not; a grant that is there may stay."""
    google, member = terminal.google, READER
    google.create()
    wanted = {"policy": {"bindings": [{"role": READ, "members": ["user:ada@acme.example", member]}]}}

    async def put() -> tuple[int, str]:
        response = await rest(google, "POST", f"{REPOSITORY}:setIamPolicy", json=wanted)
        return response.status, (await response.json()).get("error", {}).get("message", "")

    await terminal("principal", member, "--reject", "named")
    assert await put() == (400, f"Invalid principal: {member}")
    await terminal("principal", member, "--reject", "unnamed")
    assert await put() == (400, "Request contains an invalid argument.")
    await terminal("principal", member, "--accept")
    assert await put() == (200, "")
    await terminal("principal", member, "--reject", "named")
    wanted["policy"]["bindings"][0]["members"].append("user:bob@acme.example")
    assert await put() == (200, "")


async def test_an_account_of_a_project_elsewhere_is_deleted(terminal: Terminal) -> None:
    """The API has only accounts of the projects here, for which the error names gcloud."""
    google, there = terminal.google, "serviceAccount:x@elsewhere.iam.gserviceaccount.com"
    google.create()
    google.grant((READ, there))
    await terminal("principal", there, "--delete")
    (tombstone,) = google.server.services.policies.get(REPOSITORY).bindings[0].members
    assert tombstone.startswith(f"deleted:{there}?uid=")
    here = "serviceAccount:ci@acme-packages.iam.gserviceaccount.com"
    said = await terminal("principal", here, "--delete", code=1)
    assert "use `gcloud iam service-accounts delete`" in said


async def test_a_delay_of_one_member(terminal: Terminal) -> None:
    """The list shows it, and --clear removes it."""
    await terminal("principal", READER, "--propagation", "90s")
    assert json.loads(await terminal("fault", "--list"))["propagationByMember"] == {READER: 90}
    assert json.loads(await terminal("fault", "--clear", "--list"))["propagationByMember"] == {}


async def test_domains_are_allowed_and_shown(terminal: Terminal) -> None:
    """Each call prints the state; a project that does not exist is rejected."""
    domains = terminal.google.server.services.policies.domains
    assert await terminal("org-policy", "acme-packages") == "acme-packages  allowed: all principals\n"
    two = ("--allow-domain", "acme.example", "--allow-domain", "Partner.example")
    said = await terminal("org-policy", "acme-packages", *two)
    assert said == "acme-packages  allowed: acme.example, partner.example\n"
    assert domains.get("acme-packages") == ["acme.example", "partner.example"]
    assert "allowed: acme.example, partner.example" in await terminal("org-policy", "acme-packages")
    assert "allowed: all principals" in await terminal("org-policy", "acme-packages", "--allow-all")
    assert domains.get("acme-packages") is None
    assert "There is no project acme-absent" in await terminal("org-policy", "acme-absent", code=1)


async def test_limits_are_lowered_and_restored(terminal: Terminal) -> None:
    """Options change what they name, and each call prints all limits."""
    assert await terminal("limits") == "principals 1,500  groups 250  bytes unlimited\n"
    assert (
        await terminal("limits", "--principals", "20", "--bytes", "4000") == "principals 20  groups 250  bytes 4,000\n"
    )
    assert await terminal("limits", "--groups", "5") == "principals 20  groups 5  bytes 4,000\n"
    assert await terminal("limits", "--reset", "--groups", "6") == "principals 1,500  groups 6  bytes unlimited\n"


async def test_faults_are_asked_for_shown_and_ended(terminal: Terminal) -> None:
    """The options reach the emulated Google; --list shows them, --clear removes all faults."""
    await terminal("fault", "--on", CREATE, "--status", "503", "--times", "2", "--delay", "1m")
    await terminal("fault", "--on", "Index.*", "--drop-reply")
    await terminal("fault", "--propagation", "2m")
    google = terminal.google.server.services
    assert terminal.google.faults.rules == [
        Rule(CREATE, status=503, times=2, delay=60),
        Rule("Index.*", drop_reply=True),
    ]
    assert google.policies.propagation.world == 120
    shown = json.loads(await terminal("fault", "--list"))
    assert [row["on"] for row in shown["faults"]] == [CREATE, "Index.*"]
    assert shown["propagation"] == 120
    assert json.loads(await terminal("fault", "--clear", "--list")) == {
        "faults": [],
        "propagation": 0,
        "propagationByMember": {},
    }
    assert (terminal.google.faults.rules, google.policies.propagation.world) == ([], 0)


async def test_faults_of_quotas_and_operations(terminal: Terminal) -> None:
    """The Retry-After, the duration of an operation, and its result; an unknown code is rejected."""
    await terminal("fault", "--on", CREATE, "--status", "429", "--retry-after", "5s")
    await terminal("fault", "--on", CREATE, "--operation-delay", "1h", "--operation-error", "INTERNAL")
    assert terminal.google.faults.rules == [
        Rule(CREATE, status=429, retry_after=5),
        Rule(CREATE, operation_delay=3600, operation_error="INTERNAL"),
    ]
    said = await terminal("fault", "--on", CREATE, "--operation-error", "NONSENSE", code=1)
    assert "is not a name of google.rpc.Code" in said


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--status", "503"),
        ("--on", CREATE),
        ("--on", CREATE, "--times", "2"),
        ("--propagation", "2m", "--status", "503"),
    ],
)
async def test_half_a_fault_is_none(terminal: Terminal, arguments: tuple[str, ...]) -> None:
    """Methods without an effect, and the other way round, are rejected with the valid options."""
    assert "--on METHOD" in await terminal("fault", *arguments, code=1)
    assert terminal.google.faults.rules == []
    assert terminal.google.server.services.policies.propagation.world == 0


async def test_delays_below_a_second(terminal: Terminal) -> None:
    """A delay may be shorter than a second, but not zero."""
    await terminal("fault", "--on", CREATE, "--delay", "50ms")
    await terminal("fault", "--on", CREATE, "--delay", "0.5s")
    assert terminal.google.faults.rules == [Rule(CREATE, delay=0.05), Rule(CREATE, delay=0.5)]
    assert "'0s' must be longer than 0" in await terminal("fault", "--on", CREATE, "--delay", "0s", code=2)


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("ArtifactRegistry.SetIamPolcy", "did you mean ArtifactRegistry.SetIamPolicy"),
        ("artifactregistry.setiampolicy", "did you mean ArtifactRegistry.SetIamPolicy"),
        ("AccessSecretVersion", "did you mean SecretManager.AccessSecretVersion?"),
        ("Wheels.*", "its service must be one of ArtifactRegistry, Iam, IamCredentials, Index"),
    ],
)
async def test_a_method_must_exist(terminal: Terminal, pattern: str, said: str) -> None:
    """A method that nothing calls would be a fault that never happens: the error names similar ones."""
    assert said in await terminal("fault", "--on", pattern, "--status", "503", code=2)
    assert terminal.google.faults.rules == []


async def test_all_methods_are_known(terminal: Terminal) -> None:
    """methods.py has exactly what the emulated Google answers; add a new method there."""
    services = terminal.google.server.services
    usage = ServiceUsage(services.store, services.projects, services.policies)
    manager = ResourceManager(services.projects, services.policies)
    plain = (manager, usage, services.secrets, services.keys, services.service_accounts)
    tables = [service.table() for service in plain]
    source = "".join(path.read_text() for path in Path(google.__file__).parent.rglob("*.py"))
    found = {*services.rpcs(), *(route.method for table in tables for route in table)}
    found.update(re.findall(r'"([A-Z][A-Za-z]+\.[A-Z][A-Za-z]+)"', source))
    assert {method for method in found if not method.startswith("Control.")} == set(methods.METHODS)


async def test_a_policy_is_planted_by_a_short_name(terminal: Terminal, tmp_path: Path) -> None:
    """A name, with project or location where it is ambiguous; an error lists what exists."""
    store, file = terminal.google.server.services.store, tmp_path / "policy.yaml"
    file.write_text("bindings: [{role: roles/artifactregistry.reader, members: ['deleted:user:x@y.example?uid=1']}]")
    assert "create one first" in await terminal("policy", "wheels", str(file), code=1)
    here, there = (f"projects/acme-packages/locations/{where}/repositories/" for where in ("us-central1", "asia-east1"))
    for name in (f"{here}wheels", f"{there}wheels", f"{there}only-there"):
        store.put("repository", name, {})
    policies = terminal.google.server.services.policies
    await terminal("policy", "only-there", str(file))
    assert len(policies.get(f"{there}only-there").bindings) == 1
    said = await terminal("policy", "wheels", str(file), code=1)
    assert f"'wheels' is the name of 2 repositories: use {there}wheels or {here}wheels" in said
    assert "is the name of 2" in await terminal("policy", "acme-packages/wheels", str(file), code=1)
    await terminal("policy", "us-central1/wheels", str(file))
    await terminal("policy", "acme-packages/asia-east1/wheels", str(file))
    assert len(policies.get(f"{here}wheels").bindings) == len(policies.get(f"{there}wheels").bindings) == 1
    assert f"There is no repository 'nothing': use {there}only-there or" in await terminal(
        "policy", "nothing", str(file), code=1
    )


@pytest.mark.parametrize(
    "content", [b"bindings: [", b"\xff\xfe\x00", b"- a", b"just words", b"", b"when: 2026-01-01", b"a: !!python/x 1"]
)
async def test_a_bad_policy_file_is_one_line(terminal: Terminal, tmp_path: Path, content: bytes) -> None:
    """Whatever the file contains, the error is one line, and nothing is set."""
    file = tmp_path / "policy.yaml"
    file.write_bytes(content)
    said = await terminal("policy", "projects/acme-packages", str(file), code=1)
    assert said.startswith(f"Error: {file}")
    assert "is not an IAM policy" in said
    assert len(said.splitlines()) == 1


async def test_a_policy_that_the_emulation_rejects_is_one_line(terminal: Terminal, tmp_path: Path) -> None:
    """The answer's sentence is shown, without its JSON."""
    file = tmp_path / "policy.yaml"
    file.write_text("wishes: []")
    said = await terminal("policy", "projects/acme-packages", str(file), code=1)
    assert said.startswith("Error: The emulated Google rejected the request: ")
    assert "wishes" in said
    assert "{" not in said
    assert len(said.splitlines()) == 1


async def test_no_such_status(terminal: Terminal) -> None:
    """The command rejects a status that is not an error, and an invalid duration."""
    await terminal("fault", "--on", CREATE, "--status", "200", code=2)
    assert "use 50ms, 90s, 2m or 1h" in await terminal("fault", "--on", CREATE, "--delay", "soon", code=2)


@pytest.mark.parametrize("command", sorted(local.commands))
async def test_examples_keep_their_lines(command: str) -> None:
    """Each example of --help has its own line, and the output contains no markup of the source."""
    printed = (await asyncio.to_thread(CliRunner().invoke, local, [command, "--help"])).output
    assert "\\b" not in printed
    assert any(line.startswith(("  wheelhouse local", "  eval")) for line in printed.splitlines())


async def test_the_operators_settings_have_all_endpoints(terminal: Terminal) -> None:
    """Its settings name the gRPC port for Resource Manager and base URLs for the other services."""
    state, endpoints = terminal.state, terminal.google.endpoints
    state.save(Record(ports={"operator": 1}))
    told = environment.operator_settings(state)
    assert told["WHEELHOUSE_RESOURCE_MANAGER_ENDPOINT"] == endpoints["artifactRegistryGrpc"]
    for name in ("SERVICE_USAGE", "SECRET_MANAGER", "KMS", "STS", "IAM_CREDENTIALS"):
        assert told[f"WHEELHOUSE_{name}_ENDPOINT"] == endpoints["artifactRegistry"]


async def test_requests_are_a_table(terminal: Terminal) -> None:
    """Columns with short names of identities; --json has the full row."""
    google = terminal.google
    google.create()
    google.grant((READ, READER))
    terminal.state.save(Record())
    await rest(google, "GET", REPOSITORY, READER)
    heading, *_, line = (await terminal("requests")).splitlines()
    assert heading.split() == ["TIME", "STATUS", "MS", "METHOD", "CALLER", "RESOURCE"]
    time, status, _, method, caller, resource = line.split()
    assert (status, method, resource) == ("OK", "ArtifactRegistry.GetRepository", REPOSITORY)
    assert caller == "ksa:team-a/wheels-reader"
    assert line.index(method) == heading.index("METHOD")
    row = json.loads((await terminal("requests", "--json")).splitlines()[-1])
    assert row["caller"] == READER
    assert len((await terminal("requests", "--since", time)).splitlines()) == 2
    assert (await terminal("requests", "--json", "--since", "0s")) == ""


async def test_requests_are_followed(terminal: Terminal) -> None:
    """New requests follow the recorded ones, from the given moment on; half a line waits for its end."""
    google, state = terminal.google, terminal.state
    google.create()
    await rest(google, "GET", REPOSITORY, READER)
    calls = 0

    def wait(_seconds: float) -> bool:
        nonlocal calls
        calls += 1
        with (state.google / "requests.jsonl").open("a") as file:
            file.write('{"time": "2099-01-01T00:00:00Z", ' if calls == 1 else '"method": "A.B"}\n')
        return calls == 3

    seen = [entry["method"] for entry in trace.follow(state, wait)]
    assert seen[0] == "ArtifactRegistry.GetRepository"
    assert seen[-1] == "A.B"
    assert seen.count("A.B") == 1


@pytest.mark.parametrize(
    ("name", "short"),
    [
        (READER, "ksa:team-a/wheels-reader"),
        ("system:serviceaccount:wheelhouse-system:wheelhouse-operator", "ksa:wheelhouse-system/wheelhouse-operator"),
        ("serviceAccount:ci@p.iam.gserviceaccount.com", "gsa:ci@p.iam.gserviceaccount.com"),
        ("user:ada@acme.example", "user:ada@acme.example"),
        ("", ""),
    ],
)
def test_callers_have_short_names(name: str, short: str) -> None:
    """They are those that `token --as` takes."""
    assert caller(name) == short


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["local", "re"], {"restart", "requests"}),
        (["local", "restart", "op"], {"operator"}),
        (["local", "fault", "--on", "Sts"], {"Sts.Token"}),
        (["local", "requests", "--fo"], {"--follow"}),
    ],
)
def test_a_shell_completes_words(words: list[str], expected: set[str]) -> None:
    """Click's completion knows the commands, components, options and methods."""
    *before, incomplete = words
    found = ShellComplete(main, {}, "wheelhouse", "_WHEELHOUSE_COMPLETE").get_completions(before, incomplete)
    assert {item.value for item in found} == expected
