"""The configuration of Remote and Virtual repositories in Google's messages."""

from google.cloud import artifactregistry_v1 as registry

from wheelhouse.domain.modes import PYPI, Credentials, Mode, Remote, Upstream
from wheelhouse.domain.repository import RepositorySettings

REMOTE = "remote_repository_config"

_Config = registry.RemoteRepositoryConfig
_Python = _Config.PythonRepository
_PYPI = _Python.PublicRepository.PYPI


def observed_remote(message: registry.Repository) -> Remote | None:
    """The source of a Remote repository; a source of another kind is shown by the name of its field.

    A custom URL is sent as `common_repository.uri`, as gcloud does (run), and read in both forms.
    """
    if REMOTE not in message:
        return None
    config = message.remote_repository_config
    source = _source(config)
    credentials = None
    if "upstream_credentials" in config:
        known = config.upstream_credentials.username_password_credentials
        credentials = Credentials(known.username, known.password_secret_version)
    return Remote(source, credentials)


def observed_upstreams(message: registry.Repository) -> frozenset[Upstream]:
    """The upstreams of a Virtual repository, as a set: the reply's order is not stable (Terraform compares a set)."""
    policies = message.virtual_repository_config.upstream_policies
    return frozenset(Upstream(policy.id, policy.repository, policy.priority) for policy in policies)


def configure(repository: registry.Repository, settings: RepositorySettings) -> None:
    """Put the mode's configuration into a message, also that of a Virtual repository without upstreams.

    Google rejects a Virtual repository without it: `Virtual repository config is not specified` (recorded).
    """
    if settings.mode == Mode.VIRTUAL.wire:
        policies = [
            registry.UpstreamPolicy(id=upstream.name, repository=upstream.repository, priority=upstream.priority)
            for upstream in sorted(settings.upstreams)
        ]
        repository.virtual_repository_config = registry.VirtualRepositoryConfig(upstream_policies=policies)
    if settings.remote is not None:
        repository.remote_repository_config = _remote(settings.remote)


def _remote(remote: Remote) -> registry.RemoteRepositoryConfig:
    config = _Config(disable_upstream_validation=not remote.validate)
    if remote.source == PYPI:
        config.python_repository = _Python(public_repository=_PYPI)
    else:
        config.common_repository = _Config.CommonRemoteRepository(uri=remote.source)
    if remote.credentials is not None:
        config.upstream_credentials = _Config.UpstreamCredentials(
            username_password_credentials=_Config.UpstreamCredentials.UsernamePasswordCredentials(
                username=remote.credentials.username, password_secret_version=remote.credentials.password_secret_version
            )
        )
    return config


def _source(config: registry.RemoteRepositoryConfig) -> str:
    kind = registry.RemoteRepositoryConfig.pb(config).WhichOneof("remote_source") or "nothing"
    if kind == "common_repository":
        return str(config.common_repository.uri)
    if kind != "python_repository":
        return f"({kind})"
    if "custom_repository" in config.python_repository:
        return str(config.python_repository.custom_repository.uri)
    return PYPI if config.python_repository.public_repository == _PYPI else f"({kind})"
