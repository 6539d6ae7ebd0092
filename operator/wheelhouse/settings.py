"""Settings of the operator: environment variables with the prefix WHEELHOUSE_."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints
from pydantic_settings import BaseSettings, SettingsConfigDict


class ProjectPolicy(StrEnum):
    """Which Google Cloud projects a namespace's repositories may use."""

    ANNOTATED = "Annotated"
    ANY = "Any"


class LogFormat(StrEnum):
    """How log lines look."""

    JSON = "json"
    CONSOLE = "console"


class LogLevel(StrEnum):
    """The least severe message that is logged."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"


BaseUrl = Annotated[str, StringConstraints(pattern=r"^https?://[^\s]+/$")]


class Settings(BaseSettings):
    """All that can be set; every value has a default that is right on GKE."""

    model_config = SettingsConfigDict(env_prefix="WHEELHOUSE_", use_attribute_docstrings=True, frozen=True)

    artifact_registry_endpoint: str | None = None
    """`host:port` of Artifact Registry's gRPC endpoint (TLS); for emulators and private endpoints."""

    resource_manager_endpoint: str | None = None
    """`host:port` of Resource Manager's gRPC endpoint (TLS); for emulators and private endpoints."""

    service_usage_endpoint: BaseUrl | None = None
    """Base URL of Service Usage, with a trailing slash; for emulators and private endpoints."""

    secret_manager_endpoint: BaseUrl | None = None
    """Base URL of Secret Manager, with a trailing slash; for emulators and private endpoints."""

    kms_endpoint: BaseUrl | None = None
    """Base URL of Cloud KMS, with a trailing slash; for emulators and private endpoints."""

    sts_endpoint: BaseUrl | None = None
    """Base URL of the Security Token Service, with a trailing slash; for emulators and private endpoints."""

    index_url_template: str | None = None
    """URL of a repository's index with `{location}`, `{project}` and `{repository}`, ending in a slash; for emulators
    and private endpoints. Unset: what Artifact Registry answers."""

    universe_domain: str | None = None
    """Google Cloud universe; unset: what the metadata server says, else `googleapis.com`. Others are untested."""

    workload_identity_pool: str | None = None
    """The pool that this cluster's ServiceAccounts belong to; unset: `PROJECT.svc.id.goog` of the GKE cluster. The
    admission policies hold the same value, and disagreeing with the metadata server is a start-up error."""

    workload_identity_project_number: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,20}$")] | None = None
    """Number of the pool's project; unset: what the metadata server says."""

    workload_identity_provider: str | None = None
    """Full resource name of the pool's provider, for clusters outside GKE; unset on GKE."""

    gke_cluster: str | None = None
    """`projects/P/locations/L/clusters/C`; unset: what the metadata server says."""

    cluster_name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,63}$")] | None = None
    """Names this cluster in the label `wheelhouse-cluster` of its repositories; unset: the UID of kube-system."""

    project_policy: ProjectPolicy = ProjectPolicy.ANNOTATED
    """`Annotated`: a namespace may use the projects of its annotation `wheelhouse.dev/projects`; `Any`: all."""

    enable_apis: bool = False
    """Whether the operator enables the Artifact Registry API where it is off; else it says the command."""

    create_interval: Annotated[float, Field(ge=0)] = 2.0
    """Seconds between creates or deletes of repositories in one project and location, Google's older quota."""

    verify_access: bool = True
    """Whether the index is asked with the minted token before an access is Ready."""

    drift_interval: Annotated[float, Field(gt=0)] = 600.0
    """Seconds between looks at a repository and its policy for changes made elsewhere, ± 20 %."""

    resync_interval: Annotated[float, Field(gt=0)] = 300.0
    """Seconds between paged lists that are compared with what the watches have seen."""

    http_host: str = "0.0.0.0"  # noqa: S104 - kubelet's probes and Prometheus come from outside the pod
    """Address for probes and metrics."""

    http_port: Annotated[int, Field(ge=0, le=65535)] = 8080
    """Port for probes and metrics."""

    log_format: LogFormat = LogFormat.JSON
    """`json` for machines, `console` for people."""

    log_level: LogLevel = LogLevel.INFO
    """The least severe message that is logged."""

    pod_namespace: str = "wheelhouse-system"
    """The operator's own namespace (downward API)."""

    pod_name: str = "wheelhouse-operator"
    """The operator's own pod (downward API): who reported an Event."""

    service_account: str = "wheelhouse-operator"
    """The operator's own ServiceAccount: the start-up test asks for a token of it that must be refused."""
