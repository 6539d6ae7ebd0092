"""Any valid desired and observed repository: strategies for hypothesis."""

from hypothesis import strategies as st

from wheelhouse.domain.cleanup import Cleanup, CleanupAction, CleanupCondition, CleanupPolicy, MostRecentVersions
from wheelhouse.domain.modes import Credentials, Mode, Remote, Upstream
from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.repository import (
    CLUSTER_LABEL,
    OBJECT_LABEL,
    PYTHON_FORMAT,
    AdoptionPolicy,
    DesiredRepository,
    ObservedRepository,
    Ownership,
    RepositorySettings,
    Scanning,
)

NAME = RepositoryName("acme-packages", "us-central1", "wheels")
OWNERSHIP = Ownership.of("cluster-1", ObjectKey("team-a", "wheels"))
OTHER = Ownership.of("cluster-1", ObjectKey("team-b", "wheels"))
VIRTUAL = DesiredRepository(NAME, OWNERSHIP, Mode.VIRTUAL)
MANAGED = ("description", "labels/team", "labels/env", "cleanup", "remote.credentials")

_texts = st.sampled_from(["", "wheels", "Räder"])
_prefixes = st.frozensets(st.sampled_from(["acme-", "team"]))
_ages = st.sampled_from([None, 0, 60, 86400 * 30])
_conditions = st.builds(CleanupCondition, _ages, _ages, _prefixes, _prefixes)
_recent = st.builds(MostRecentVersions, st.integers(1, 3), _prefixes)
_policies = st.one_of(
    st.builds(CleanupPolicy, st.sampled_from(["old", "new"]), st.sampled_from(CleanupAction), _conditions),
    st.builds(CleanupPolicy, st.sampled_from(["old", "new"]), st.just(CleanupAction.KEEP), st.none(), _recent),
)
_cleanups = st.builds(
    lambda policies, dry_run: Cleanup(frozenset({p.name: p for p in policies}.values()), dry_run),
    st.lists(_policies, max_size=2),
    st.booleans(),
)
_credentials = st.builds(
    Credentials, st.sampled_from(["ann", "bob"]), st.sampled_from([f"projects/p/secrets/s/versions/{n}" for n in "12"])
)
_remotes = st.builds(Remote, st.sampled_from(["PyPI", "https://a.example"]), st.none() | _credentials, st.booleans())
upstreams = st.lists(
    st.builds(
        Upstream,
        st.sampled_from(["one", "two", "three"]),
        st.sampled_from([f"{NAME.parent}/repositories/{name}" for name in ("a", "b")]),
        st.integers(0, 2),
    ),
    max_size=3,
).map(lambda found: frozenset({upstream.name: upstream for upstream in found}.values()))
_labels = st.dictionaries(st.sampled_from(["team", "env"]), st.sampled_from(["a", "b"]))
_ownership = st.sampled_from(
    [
        {},
        OWNERSHIP.labels,
        OTHER.labels,
        {CLUSTER_LABEL: "cluster-2", OBJECT_LABEL: OTHER.digest},
        {"goog-terraform-provisioned": "true"},
    ]
)


def _desired(mode: Mode, remote: Remote, **fields: object) -> DesiredRepository:
    return DesiredRepository(NAME, OWNERSHIP, mode, remote=remote if mode is Mode.REMOTE else None, **fields)


desired = st.builds(
    _desired,
    st.sampled_from(Mode),
    _remotes,
    description=st.none() | _texts,
    labels=_labels,
    kms_key_name=st.sampled_from([None, "projects/p/locations/us-central1/keyRings/r/cryptoKeys/k"]),
    scanning=st.none() | st.sampled_from(Scanning),
    cleanup=st.none() | _cleanups,
    observe=st.booleans(),
    adoption=st.sampled_from(AdoptionPolicy),
)


def _settings(mode: Mode, remote: Remote, labels: dict[str, str], owner: dict[str, str], **rest: object) -> object:
    found = Remote(remote.source, remote.credentials) if mode is Mode.REMOTE else None
    return RepositorySettings(mode.wire, labels={**labels, "theirs": "stays", **owner}, remote=found, **rest)


observed = st.builds(
    lambda format_, settings: ObservedRepository(NAME, format_, settings, "", None, None),
    st.sampled_from([PYTHON_FORMAT, PYTHON_FORMAT, PYTHON_FORMAT, "DOCKER"]),
    st.builds(
        _settings,
        st.sampled_from(Mode),
        _remotes,
        _labels,
        _ownership,
        description=_texts,
        kms_key_name=st.sampled_from(["", "projects/p/locations/us-central1/keyRings/r/cryptoKeys/k"]),
        scanning=st.none() | st.sampled_from(Scanning),
        cleanup=_cleanups,
        upstreams=upstreams,
    ),
)
managed = st.frozensets(st.sampled_from(MANAGED))
