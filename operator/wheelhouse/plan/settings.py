"""The desired settings of a repository, their differences from the observed ones, and the mask of a PATCH."""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace

from wheelhouse.domain.cleanup import Cleanup
from wheelhouse.domain.modes import CREDENTIAL_MASK, PASSWORD_MASK, USERNAME_MASK, Credentials, Mode, Remote, Upstream
from wheelhouse.domain.repository import CLUSTER_LABEL, OBJECT_LABEL, DesiredRepository, RepositorySettings

Difference = tuple[str, str, str]
"""A field as the spec names it, the observed value, the desired value."""

DESCRIPTION, LABELS, CLEANUP, CREDENTIALS = "description", "labels/", "cleanup", "remote.credentials"
"""Entries of the ledger `managed`: settings that are removed when the spec drops them. Each label has its own entry."""


def managed_by(desired: DesiredRepository) -> frozenset[str]:
    """The ledger of what this object sets: every setting that can be removed later."""
    found = {f"{LABELS}{key}" for key in desired.labels}
    if desired.description is not None:
        found.add(DESCRIPTION)
    if desired.cleanup is not None:
        found.add(CLEANUP)
    if desired.remote is not None and desired.remote.credentials is not None:
        found.add(CREDENTIALS)
    return frozenset(found)


def target(
    desired: DesiredRepository, upstreams: frozenset[Upstream], found: RepositorySettings, managed: AbstractSet[str]
) -> RepositorySettings:
    """The desired settings: the observed ones, with those of the spec, without those that the spec no longer sets."""
    dropped = managed - managed_by(desired)
    description = desired.description
    if description is None:
        description = "" if DESCRIPTION in dropped else found.description
    cleanup = desired.cleanup
    if cleanup is None:
        cleanup = Cleanup() if CLEANUP in dropped else found.cleanup
    kept = {key: value for key, value in found.labels.items() if f"{LABELS}{key}" not in dropped}
    return replace(
        found,
        mode=desired.mode.wire,
        description=description,
        labels={**kept, **desired.labels, **desired.ownership.labels},
        kms_key_name=desired.kms_key_name or found.kms_key_name,
        scanning=desired.scanning or found.scanning,
        cleanup=cleanup,
        remote=_remote(desired, found.remote, forget=CREDENTIALS in dropped),
        upstreams=upstreams if desired.mode is Mode.VIRTUAL else found.upstreams,
    )


def _remote(desired: DesiredRepository, found: Remote | None, *, forget: bool) -> Remote | None:
    if desired.remote is None or found is None:
        return desired.remote or found
    credentials = desired.remote.credentials
    if credentials is None and not forget:
        credentials = found.credentials
    return Remote(found.source, credentials, desired.remote.validate)


def differences(found: RepositorySettings, wanted: RepositorySettings) -> tuple[Difference, ...]:
    """Each field that differs, in words for an Event; ownership labels are not among them."""
    return tuple(_differences(found, wanted))


def _differences(found: RepositorySettings, wanted: RepositorySettings) -> Iterator[Difference]:
    if found.description != wanted.description:
        yield "description", repr(found.description), repr(wanted.description)
    yield from _labels(found.labels, wanted.labels)
    if found.scanning != wanted.scanning:
        yield "vulnerabilityScanning", str(found.scanning), str(wanted.scanning)
    if found.cleanup.dry_run != wanted.cleanup.dry_run:
        yield "cleanup.dryRun", _flag(found.cleanup.dry_run), _flag(wanted.cleanup.dry_run)
    if found.cleanup.policies != wanted.cleanup.policies:
        yield "cleanup.policies", _policies(found.cleanup), _policies(wanted.cleanup)
    if _credentials(found) != _credentials(wanted):
        yield "remote.credentials", _shown(_credentials(found)), _shown(_credentials(wanted))
    if found.upstreams != wanted.upstreams:
        yield "virtual.upstreams", _upstreams(found.upstreams), _upstreams(wanted.upstreams)


def mask(found: RepositorySettings, wanted: RepositorySettings) -> tuple[str, ...]:
    """The paths of the update mask that turn `found` into `wanted`; credentials by nested paths."""
    return tuple(_mask(found, wanted))


def _mask(found: RepositorySettings, wanted: RepositorySettings) -> Iterator[str]:
    pairs: tuple[tuple[str, object, object], ...] = (
        ("description", found.description, wanted.description),
        ("labels", dict(found.labels), dict(wanted.labels)),
        ("vulnerability_scanning_config", found.scanning, wanted.scanning),
        ("cleanup_policies", found.cleanup.policies, wanted.cleanup.policies),
        ("cleanup_policy_dry_run", found.cleanup.dry_run, wanted.cleanup.dry_run),
        ("virtual_repository_config", found.upstreams, wanted.upstreams),
    )
    yield from (path for path, before, after in pairs if before != after)
    yield from _credential_mask(_credentials(found), _credentials(wanted))


def _credential_mask(before: Credentials | None, after: Credentials | None) -> Iterator[str]:
    if after is None:
        yield from () if before is None else (CREDENTIAL_MASK,)
        return
    if before is None or before.username != after.username:
        yield USERNAME_MASK
    if before is None or before.password_secret_version != after.password_secret_version:
        yield PASSWORD_MASK


def _labels(found: Mapping[str, str], wanted: Mapping[str, str]) -> Iterator[Difference]:
    for key in sorted(found.keys() | wanted.keys()):
        if found.get(key) == wanted.get(key):
            continue
        name = "ownership" if key in {CLUSTER_LABEL, OBJECT_LABEL} else "labels"
        yield f"{name}.{key}", _text(found.get(key)), _text(wanted.get(key))


def _text(value: str | None) -> str:
    return "none" if value is None else repr(value)


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _policies(cleanup: Cleanup) -> str:
    return ", ".join(sorted(f"{policy.name} ({policy.action or 'unknown'})" for policy in cleanup.policies)) or "none"


def _credentials(settings: RepositorySettings) -> Credentials | None:
    return settings.remote.credentials if settings.remote else None


def _shown(credentials: Credentials | None) -> str:
    """User name and secret version are not secret; the password is not known here."""
    return f"{credentials.username} with {credentials.password_secret_version}" if credentials else "none"


def _upstreams(upstreams: AbstractSet[Upstream]) -> str:
    return ", ".join(str(upstream) for upstream in sorted(upstreams)) or "none"
