"""Settings: each value by its grammar, each error a sentence that names the variable and never the value."""

from collections.abc import Iterator

import pytest
from click.testing import CliRunner
from pydantic import ValidationError

from wheelhouse.cli.main import main
from wheelhouse.settings import PREFIX, Settings, complaints, form, variable
from wheelhouse_local.cli import local

POOLS = "projects/123456789012/locations/global/workloadIdentityPools"
GRPC = (
    ["127.0.0.1:8443", "artifactregistry.googleapis.com:443", "registry-psc.p.googleapis.com:443", "localhost:1"],
    ["artifactregistry.googleapis.com", "https://a.example:443", "a.example:0", "a.example:65536", "A.example:443",
     "a.example:443/", "u:p@a.example:443", "256.0.0.1:443", ":443", "a..example:443"],
)  # fmt: skip
HTTP = (
    ["https://sts.googleapis.com/", "https://10.0.0.5:8443/", "http://127.0.0.1:9000/", "http://localhost/sts/v2/"],
    ["https://sts.googleapis.com", "http://sts.googleapis.com/", "http://127.0.0.1.evil.example/", "ftp://a.example/",
     "https://user:hunter2@a.example/", "https://a.example/?x=/", "https://a.example/#/", "https://a.example/../",
     "https://a.example//", "https://a.example/%2e/", "http://localhost@evil.example/", "https:///", "//a.example/"],
)  # fmt: skip
NAMES = (["a", "wheelhouse-operator-6d4f-x2x", "a.b"], ["A", "a_b", "-a", "a/b", "a" * 254])
INTERVAL = ["-1", "nan", "inf", "1e9", "two", "1 s"]

CASES: dict[str, tuple[list[str], list[str]]] = {
    "artifact_registry_endpoint": GRPC,
    "resource_manager_endpoint": GRPC,
    "service_usage_endpoint": HTTP,
    "secret_manager_endpoint": HTTP,
    "kms_endpoint": HTTP,
    "sts_endpoint": HTTP,
    "iam_credentials_endpoint": HTTP,
    "index_url_template": (
        [
            "https://mirror.example/{location}/{project}/{repository}/",
            "http://127.0.0.1:8080/{location}-python.pkg.dev/{project}/{repository}/",
            "https://mirror.example:8443/pypi/{repository}/of-{project}/{location}/",
        ],
        [
            "https://mirror.example/{location}/{project}/{repository}",
            "https://mirror.example/{location}/{project}/{repository}/simple/",
            "https://mirror.example/{project}/{repository}/",
            "https://mirror.example/{location}/{project}/{repository}/{repository}/",
            "https://mirror.example/{location}/{project}{repository}/",
            "https://mirror.example/{location}/{project}-{repository}/",
            "https://{location}-python.pkg.dev/{project}/{repository}/",
            "https://{location}.example/{project}/{repository}/",
            "https://mirror.example:{location}/{project}/{repository}/",
            "https://{location}@mirror.example/{project}/{repository}/",
            "https://mirror.example/{location.__class__}/{project}/{repository}/",
            "https://mirror.example/{location!r}/{project}/{repository}/",
            "https://mirror.example/{location:>9}/{project}/{repository}/",
            "https://mirror.example/{location[0]}/{project}/{repository}/",
            "https://mirror.example/{{location}}/{project}/{repository}/",
            "https://mirror.example/{location}/{project}/{repository}/{token}/",
            "https://mirror.example/{}/{location}/{project}/{repository}/",
            "https://mirror.example/{location}/{project}/{repository}/../",
            "https://mirror.example/{location}/{project}/{repository}/?q=/",
            "http://mirror.example/{location}/{project}/{repository}/",
            "https://mirror.example/" + "a" * 1024 + "/{location}/{project}/{repository}/",
        ],
    ),
    "universe_domain": (["googleapis.com", "emu.test"], ["com", "Googleapis.com", "a..b", "evil.com/", "x@y.z"]),
    "workload_identity_pool": (
        ["acme-packages.svc.id.goog", "example.com:acme-pkg.svc.id.goog", "acme-pkg.other.svc.id.goog", "on-prem"],
        [
            "set-me.invalid",
            "acme-packages.svc.id.goog.evil",
            "system:masters.svc.id.goog",
            ".svc.id.goog",
            "abc",
            "Pool",
            "a" * 33,
            "a/b/c",
            f"{POOLS}/on-prem",
        ],
    ),
    "workload_identity_project_number": (["1", "123456789012"], ["0", "012", "-1", "acme", "1" * 20, "1.0", "١٢٣"]),
    "workload_identity_provider": (
        [f"{POOLS}/on-prem/providers/cluster"],
        [
            f"//iam.googleapis.com/{POOLS}/on-prem/providers/cluster",
            f"{POOLS}/acme-packages.svc.id.goog/providers/cluster",
            f"{POOLS}/on-prem/providers/cluster/",
            f"{POOLS}/on-prem",
            "projects/acme-packages/locations/global/workloadIdentityPools/on-prem/providers/cluster",
        ],
    ),
    "gke_cluster": (
        [
            "projects/acme-packages/locations/us-central1/clusters/local",
            "projects/example.com:acme-packages/locations/europe-west1-b/clusters/c",
        ],
        [
            "acme-packages/us-central1/local",
            "https://container.googleapis.com/v1/projects/acme-packages/locations/us-central1/clusters/local",
            "projects/acme-packages/zones/us-central1-a/clusters/local",
            "projects/acme-packages/locations/us-central1/clusters/" + "a" * 41,
        ],
    ),
    "workload_identity_override": (["true", "false", "1", "0"], ["maybe", ""]),
    "workload_identity_migrate_from": (
        [f"{POOLS}/acme-packages.svc.id.goog", f"{POOLS}/on-prem"],
        ["123456789012/on-prem", "acme-packages.svc.id.goog", f"{POOLS}/on-prem/providers/cluster", f"{POOLS}/"],
    ),
    "cluster_name": (["prod-1", "a" * 63], ["Prod", "a" * 64, "a.b"]),
    "project_policy": (["Annotated", "Any"], ["any", "All"]),
    "enable_apis": (["true", "false"], ["if needed"]),
    "create_interval": (["0", "0.1", "600"], [*INTERVAL, "601"]),
    "exchange_rate": (["1", "20", "60"], [*INTERVAL, "0", "61"]),
    "verify_access": (["true", "false"], ["sometimes"]),
    "watch_secrets": (["true", "false"], ["sometimes"]),
    "drift_interval": (["1", "600", "86400"], [*INTERVAL, "0"]),
    "resync_interval": (["10", "3600"], [*INTERVAL, "9", "3601"]),
    "http_host": (["127.0.0.1", "::"], ["localhost", "256.0.0.1", "127.0.0.1:80"]),
    "http_port": (["1", "8080", "65535"], ["0", "-1", "65536", "http", "80.5"]),
    "log_format": (["json", "console"], ["JSON", "text"]),
    "log_level": (["DEBUG", "ERROR"], ["debug", "TRACE"]),
    "pod_namespace": (["wheelhouse-system"], ["a.b", "A", "a/b", "a" * 64]),
    "pod_name": NAMES,
    "service_account": NAMES,
}
GOOD = [(name, value) for name, (good, _) in CASES.items() for value in good]
BAD = [(name, value) for name, (_, bad) in CASES.items() for value in bad]
STRINGS = [
    name for name in CASES if name.endswith(("endpoint", "template", "domain", "pool", "number", "provider", "cluster"))
] + ["workload_identity_migrate_from", "cluster_name", "http_host", "pod_namespace", "pod_name", "service_account"]


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Without settings from the shell that runs the tests."""
    for name in Settings.model_fields:
        monkeypatch.delenv(variable(name), raising=False)
    return


def complaints_of(**values: str) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate(values)
    return complaints(caught.value)


def test_every_setting_has_its_cases() -> None:
    """A new setting needs a grammar or a bound, and valid and invalid values."""
    assert list(CASES) == list(Settings.model_fields)


@pytest.mark.parametrize(("name", "value"), GOOD)
def test_what_is_taken(name: str, value: str) -> None:
    """A valid value is used unchanged."""
    found = getattr(Settings.model_validate({name: value}), name)
    assert isinstance(found, bool | float) or str(found) == value


@pytest.mark.parametrize(("name", "value"), BAD)
def test_what_is_refused(name: str, value: str) -> None:
    """One sentence: the variable and its required form."""
    assert complaints_of(**{name: value}) == [f"{variable(name)} must be {form(name)}."]


@pytest.mark.parametrize("name", STRINGS)
@pytest.mark.parametrize(
    "junk", ["\n", "\r", "\0", " ", "\x85", "\u2028", "\u0430", "#", "?", "@", "\\", "%2f", "'", '"']
)
def test_no_string_takes_what_breaks_out_of_it(name: str, junk: str) -> None:
    """White space, controls, look-alikes and delimiters are rejected at either end and alone; so is an empty value."""
    good = CASES[name][0][0]
    for value in (good + junk, junk + good, junk, ""):
        assert complaints_of(**{name: value}) == [f"{variable(name)} must be {form(name)}."]


def run(monkeypatch: pytest.MonkeyPatch, **values: str) -> str:
    for name, value in values.items():
        monkeypatch.setenv(variable(name), value)
    done = CliRunner().invoke(main, ["run"])
    assert done.exit_code == 1
    return done.output


def test_the_command_names_every_wrong_variable_and_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    """`wheelhouse run` reports all errors at once, with the remedy, and repeats no password that was pasted in."""
    output = run(monkeypatch, sts_endpoint="https://me:hunter2@sts.example/", http_port="99999", log_level="loud")
    assert "hunter2" not in output
    assert "99999" not in output
    assert [line.split()[0] for line in output.splitlines() if PREFIX in line] == [
        "WHEELHOUSE_STS_ENDPOINT",
        "WHEELHOUSE_HTTP_PORT",
        "WHEELHOUSE_LOG_LEVEL",
    ]
    assert "unset" in output
    assert "Traceback" not in output


def test_the_pool_of_the_base_must_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """For manifests/base without changes, the error says what to write instead of set-me.invalid."""
    output = run(monkeypatch, workload_identity_pool="set-me.invalid")
    assert "WHEELHOUSE_WORKLOAD_IDENTITY_POOL must be `PROJECT_ID.svc.id.goog` on GKE" in output


def test_the_local_world_says_the_same_of_its_settings() -> None:
    """`wheelhouse local up --set` rejects what the operator would reject, before anything starts."""
    done = CliRunner().invoke(local, ["up", "--set", "sts-endpoint=https://me:hunter2@sts.example/"])
    assert done.exit_code == 2
    assert "WHEELHOUSE_STS_ENDPOINT must be an https URL" in " ".join(done.output.split())
    assert "hunter2" not in done.output
