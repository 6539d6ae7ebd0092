"""Settings of the operator: environment variables with the prefix WHEELHOUSE_."""

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address
from typing import Annotated

from pydantic import AfterValidator, Field, IPvAnyAddress, StringConstraints, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from wheelhouse.domain.endpoints import BASE_URL, HOST_AND_PORT, is_index_url_template
from wheelhouse.domain.names import (
    DNS_LABEL,
    DNS_LABEL_LENGTH,
    DNS_SUBDOMAIN,
    DNS_SUBDOMAIN_LENGTH,
    URL_LENGTH,
)
from wheelhouse.domain.pools import CLUSTER, GKE_POOL, POOL, POOL_ID, POOL_LENGTH, PROJECT_NUMBER, PROVIDER

PREFIX = "WHEELHOUSE_"


class ProjectPolicy(StrEnum):
    """Which Google Cloud projects a namespace's repositories may use."""

    ANNOTATED = "Annotated"
    ANY = "Any"


class LogFormat(StrEnum):
    """The format of log lines."""

    JSON = "json"
    CONSOLE = "console"


class LogLevel(StrEnum):
    """The lowest severity that is logged."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"


@dataclass(frozen=True, slots=True)
class Form:
    """The required form of a value: the end of the sentence `WHEELHOUSE_X must be …`, and a column of the reference."""

    words: str


def _template(text: str) -> str:
    if not is_index_url_template(text):
        raise ValueError("index URL template")
    return text


HostAndPort = Annotated[str, StringConstraints(pattern=f"^({HOST_AND_PORT})$", max_length=URL_LENGTH)]
BaseUrl = Annotated[str, StringConstraints(pattern=f"^({BASE_URL})$", max_length=URL_LENGTH)]
Template = Annotated[str, AfterValidator(_template)]
Subdomain = Annotated[str, StringConstraints(pattern=f"^({DNS_SUBDOMAIN})$", max_length=DNS_SUBDOMAIN_LENGTH)]
Label = Annotated[str, StringConstraints(pattern=f"^({DNS_LABEL})$", max_length=DNS_LABEL_LENGTH)]
Universe = Annotated[str, StringConstraints(pattern=rf"^({DNS_LABEL}(\.{DNS_LABEL})+)$", max_length=253)]
PoolName = Annotated[str, StringConstraints(pattern=f"^({GKE_POOL}|{POOL_ID})$", max_length=POOL_LENGTH)]
FullPool = Annotated[str, StringConstraints(pattern=f"^({POOL})$", max_length=POOL_LENGTH)]
Number = Annotated[str, StringConstraints(pattern=f"^({PROJECT_NUMBER})$")]
Provider = Annotated[str, StringConstraints(pattern=f"^({PROVIDER})$", max_length=POOL_LENGTH)]
Cluster = Annotated[str, StringConstraints(pattern=f"^({CLUSTER})$", max_length=POOL_LENGTH)]
ClusterName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,63}$")]

GRPC = Form("`HOST:PORT`, where HOST is a name in lower case or an IPv4 address")
HTTP = Form(
    "an https URL that ends in a slash, without user, query or escapes; http only for `127.0.0.1` or `localhost`"
)
SWITCH = Form("`true` or `false`")
OBJECT_NAME = Form("the name of a Kubernetes object")


class Settings(BaseSettings):
    """All settings. Every default is correct on GKE."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, use_attribute_docstrings=True, frozen=True)

    artifact_registry_endpoint: Annotated[HostAndPort | None, GRPC] = None
    """Artifact Registry's gRPC endpoint (TLS); for emulators and private endpoints."""

    resource_manager_endpoint: Annotated[HostAndPort | None, GRPC] = None
    """Resource Manager's gRPC endpoint (TLS); for emulators and private endpoints."""

    service_usage_endpoint: Annotated[BaseUrl | None, HTTP] = None
    """Base URL of Service Usage; for emulators and private endpoints."""

    secret_manager_endpoint: Annotated[BaseUrl | None, HTTP] = None
    """Base URL of Secret Manager; for emulators and private endpoints."""

    kms_endpoint: Annotated[BaseUrl | None, HTTP] = None
    """Base URL of Cloud KMS; for emulators and private endpoints."""

    sts_endpoint: Annotated[BaseUrl | None, HTTP] = None
    """Base URL of the Security Token Service; for emulators and private endpoints."""

    iam_credentials_endpoint: Annotated[BaseUrl | None, HTTP] = None
    """Base URL of IAM Credentials; for emulators and private endpoints."""

    index_url_template: Annotated[
        Template | None,
        Form(
            "an https URL (http for `127.0.0.1` or `localhost`) that ends in a slash and whose path has `{location}`, "
            "`{project}` and `{repository}` once each, in separate segments, without `simple/` at the end"
        ),
    ] = None
    """URL of a repository's index, to which `simple/` is added; for emulators and mirrors. The host must be literal,
    because tenants write locations. A Secret gets a changed template with its next token. To change one without a
    token, delete it: the operator writes it again. Unset: Artifact Registry's own hosts."""

    universe_domain: Annotated[Universe | None, Form("a domain in lower case, such as `googleapis.com`")] = None
    """Google Cloud universe; unset: the value from the metadata server, or `googleapis.com`. Others are untested."""

    workload_identity_pool: Annotated[
        PoolName | None,
        Form(
            "`PROJECT_ID.svc.id.goog` on GKE; elsewhere the ID of a pool, which has 4 to 32 lower-case letters, digits "
            "and hyphens"
        ),
    ] = None
    """The pool that this cluster's ServiceAccounts belong to; unset: the pool in the provider's name, or the pool of
    the GKE cluster, from the metadata server. manifests/base requires it, because its admission policy needs the same
    value."""

    workload_identity_project_number: Annotated[
        Number | None, Form("the number of a Google Cloud project, digits only")
    ] = None
    """Number of the pool's project; unset: the number in the provider's name, or the value from the metadata server."""

    workload_identity_provider: Annotated[
        Provider | None,
        Form(
            "`projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER`, with nothing before it"
        ),
    ] = None
    """Full resource name of the pool's provider, for clusters outside GKE; unset on GKE."""

    gke_cluster: Annotated[Cluster | None, Form("`projects/PROJECT_ID/locations/LOCATION/clusters/CLUSTER`")] = None
    """The GKE cluster that the operator runs in; unset: the value from the metadata server."""

    workload_identity_override: Annotated[bool, SWITCH] = False
    """Whether a pool, project number or provider may differ from the metadata server, as in a fleet whose pool belongs
    to another project. Otherwise a difference is an error when the operator starts."""

    workload_identity_migrate_from: Annotated[
        FullPool | None, Form("`projects/NUMBER/locations/global/workloadIdentityPools/POOL`")
    ] = None
    """The previous pool of this cluster's grants; set it to move them to the current pool."""

    cluster_name: Annotated[ClusterName | None, Form("1 to 63 lower-case letters, digits, hyphens and underscores")] = (
        None
    )
    """Names this cluster in the label `wheelhouse-cluster` of its repositories; unset: the UID of kube-system."""

    project_policy: Annotated[ProjectPolicy, Form("`Annotated` or `Any`")] = ProjectPolicy.ANNOTATED
    """`Annotated`: a namespace may use the projects of its annotation `wheelhouse.dev/projects`; `Any`: all."""

    enable_apis: Annotated[bool, SWITCH] = False
    """Whether the operator enables the Artifact Registry API in projects where it is disabled. If not, a condition
    names the command that enables it."""

    create_interval: Annotated[float, Field(ge=0, le=600), Form("seconds from 0 to 600")] = 2.0
    """Seconds between creates or deletes of repositories in one project and location, Google's older quota."""

    exchange_rate: Annotated[float, Field(ge=1, le=60), Form("a number from 1 to 60")] = 20.0
    """Maximum exchanges per second at the Security Token Service; all clusters of the pool's project share the quota of
    6,000 a minute. A 429 lowers the rate for a while."""

    verify_access: Annotated[bool, SWITCH] = True
    """Whether the operator requests a page of the index with the minted token before an access is Ready."""

    watch_secrets: Annotated[bool, SWITCH] = False
    """Whether the operator watches its Secrets, so that a deleted or edited one is right again at once.
    manifests/components/secret-watch sets this together with the permission, which includes all Secrets."""

    drift_interval: Annotated[float, Field(ge=1, le=86400), Form("seconds from 1 to 86400")] = 600.0
    """Seconds between checks of a repository and its policy for changes made elsewhere, ± 20 %."""

    resync_interval: Annotated[float, Field(ge=10, le=3600), Form("seconds from 10 to 3600")] = 300.0
    """Seconds between paged lists that the operator compares with what the watches delivered."""

    http_host: Annotated[IPvAnyAddress, Form("an IP address")] = IPv4Address("0.0.0.0")  # noqa: S104 - kubelet's probes and Prometheus come from outside the pod
    """Address for probes and metrics."""

    http_port: Annotated[int, Field(ge=1, le=65535), Form("a port from 1 to 65535")] = 8080
    """Port for probes and metrics."""

    log_format: Annotated[LogFormat, Form("`json` or `console`")] = LogFormat.JSON
    """`json` for log collectors, `console` for terminals."""

    log_level: Annotated[LogLevel, Form("`DEBUG`, `INFO`, `WARNING` or `ERROR`")] = LogLevel.INFO
    """The lowest severity that is logged."""

    pod_namespace: Annotated[Label, Form("the name of a Namespace")] = "wheelhouse-system"
    """The operator's own namespace (downward API)."""

    pod_name: Annotated[Subdomain, OBJECT_NAME] = "wheelhouse-operator"
    """The operator's own pod (downward API): the reporter of Events."""

    service_account: Annotated[Subdomain, OBJECT_NAME] = "wheelhouse-operator"
    """The operator's own ServiceAccount: the start-up test requests a token for it that must be denied."""


def variable(setting: str) -> str:
    """The environment variable of a setting."""
    return f"{PREFIX}{setting.upper()}"


def form(setting: str) -> str:
    """The required form of the setting's value, in words."""
    return next(each.words for each in Settings.model_fields[setting].metadata if isinstance(each, Form))


def complaints(error: ValidationError) -> list[str]:
    """One sentence for each invalid setting: the variable and its form, never the value, which may be a secret."""
    wrong = dict.fromkeys(str(each["loc"][0]) for each in error.errors(include_input=False, include_context=False))
    return [f"{variable(name)} must be {form(name)}." for name in wrong]
