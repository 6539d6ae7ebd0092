"""What a Secret may, must and must not name for uploads, if its access names a repository: from the specification."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from convergence.interleaved import places
from convergence.interleaved.level import Level

from wheelhouse.domain.names import ObjectKey

Spec = Mapping[str, Any]


class Target(Protocol):
    """The decision about a PythonRepository."""

    full: str | None
    spec: Spec
    level: Level
    known: bool


Admits = Callable[[Any, str, str], bool]
"""Whether a repository's owner allows a namespace a role."""


@dataclass(frozen=True, slots=True)
class Uploads:
    """What the Secrets of an access may name.

    Attributes:
        allowed: the URLs that they may have.
        must: the URL that they must have; None if that is not certain.
        level: whether the reference can be resolved, for Ready.
        targets: the PythonRepositories that it depends on.
    """

    allowed: frozenset[str]
    must: str | None
    level: Level
    targets: frozenset[ObjectKey]


def expected_uploads(
    key: ObjectKey, spec: Spec, before: Iterable[Spec], repositories: Mapping[ObjectKey, Any], admits: Admits
) -> Uploads | None:
    """What is expected of an access; None if it names no repository, and its Secret has none from before.

    Args:
        key: the access.
        spec: its last spec that parsed.
        before: all its specs, if the last one is not applied: the Secret keeps what it has.
        repositories: the decisions about them.
        admits: whether the owner of one allows a namespace a role.
    """
    versions, frozen = [*before, spec], bool(before)
    asked = {id(version): named_for_uploads(version, key.namespace) for version in versions}
    if not any(asked.values()):
        return None
    allowed, must, level = set(), None, Level.MUST
    for version in versions:
        named = asked[id(version)]
        where = named or own_target(version, key.namespace)
        repository = repositories.get(where)
        found = Level.MAY if named is None else _level(key, version, named, repository, admits)
        url = upload_url(repository.full) if repository is not None and repository.full else None
        if url and found:
            allowed.add(url)
        if version is spec and named is not None:
            level, must = found, url if found is Level.MUST and not frozen else None
    followed = frozenset(named for named in asked.values() if named is not None)
    return Uploads(frozenset(allowed), must, min(level, Level.MAY) if frozen else level, followed)


def named_for_uploads(spec: Spec, own: str) -> ObjectKey | None:
    """The PythonRepository that a spec names for uploads."""
    reference = (spec.get("secret") or {}).get("uploadRepositoryRef")
    return ObjectKey(reference.get("namespace", own), reference["name"]) if reference else None


def own_target(spec: Spec, own: str) -> ObjectKey:
    """The PythonRepository that an access refers to."""
    reference = spec["repositoryRef"]
    return ObjectKey(reference.get("namespace", own), reference["name"])


def _level(key: ObjectKey, spec: Spec, named: ObjectKey, repository: Target | None, admits: Admits) -> Level:
    """How certain it is that the Secrets name the repository."""
    elsewhere = named.namespace != key.namespace and places.elsewhere(spec["secret"], key.namespace)
    if repository is None or elsewhere:
        return Level.NO
    if not repository.known:
        return Level.MAY
    if not admits(repository, key.namespace, "Writer"):
        return Level.NO
    if repository.spec.get("mode", "Standard") != "Standard":
        return Level.NO
    return repository.level


def upload_url(full: str) -> str:
    """Where uploads to a repository go, built from its name."""
    _, project, _, location, _, repository_id = full.split("/")
    return f"https://{location}-python.pkg.dev/{project}/{repository_id}/"


def uploads_of(data: Mapping[str, str]) -> str | None:
    """Where clients upload to with a Secret; None if they do not."""
    lines = data.get(".pypirc", "").splitlines()
    return next((line.removeprefix("repository = ") for line in lines if line.startswith("repository = ")), None)
