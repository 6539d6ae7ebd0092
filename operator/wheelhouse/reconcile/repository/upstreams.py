"""What a repository reads from, as far as both sides consent."""

from dataclasses import dataclass, replace

from wheelhouse.domain.modes import PYPI, Upstream
from wheelhouse.domain.names import ObjectKey, RepositoryName, is_registry_url
from wheelhouse.domain.objects import CustomObject, Namespace
from wheelhouse.domain.outcome import Check, passed
from wheelhouse.domain.reasons import Reason
from wheelhouse.domain.repository import DesiredRepository, ObservedRepository, UpstreamReference
from wheelhouse.plan.consent import RepositoryView
from wheelhouse.plan.upstreams import (
    Reader,
    Verdict,
    index_safety,
    judge_name,
    judge_reference,
    judge_secret,
    judge_unnamed,
)
from wheelhouse.reconcile.ports import World
from wheelhouse.reconcile.repository.views import view


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a repository may read: `desired` is without what it may not, `check` tells of the first that is missing."""

    check: Check
    desired: DesiredRepository
    verdicts: tuple[tuple[UpstreamReference, Verdict], ...] = ()
    index_safe: Check | None = None

    def upstreams(self, observed: ObservedRepository | None) -> frozenset[Upstream]:
        """What may be there now: what is permitted and Ready, and of the rest what is permitted and there already."""
        standing = {u.repository for u in observed.settings.upstreams} if observed else set()
        return frozenset(
            Upstream(reference.name, verdict.name.full, reference.priority)
            for reference, verdict in self.verdicts
            if verdict.permitted and verdict.name and (verdict.addable or verdict.name.full in standing)
        )


def resolve(world: World, stored: CustomObject, namespace: Namespace, desired: DesiredRepository) -> Resolution:
    """Ask consent for everything that Google's service agent would read for this repository."""
    if desired.observe:  # What a repository is like that others keep is not ours to judge.
        return Resolution(passed(Reason.RESOLVED_REFS), desired)
    reader = Reader(stored.key, namespace, desired.name.location, world.options.any_project)
    if desired.remote is not None:
        return _remote(world, reader, desired)
    verdicts = tuple((upstream, _judge(world, reader, upstream)) for upstream in desired.upstreams or ())
    problem = next((verdict.check for _, verdict in verdicts if not verdict.check.ok), None)
    safety = None
    if desired.upstreams is not None:
        ranked = [(Upstream(u.name, str(v.name), u.priority), v.mode) for u, v in verdicts]
        safety = index_safety(ranked)
    return Resolution(problem or passed(Reason.RESOLVED_REFS), desired, verdicts, safety)


def _remote(world: World, reader: Reader, desired: DesiredRepository) -> Resolution:
    remote = desired.remote
    if remote is None:
        return Resolution(passed(Reason.RESOLVED_REFS), desired)
    source = passed(Reason.RESOLVED_REFS)
    if remote.source != PYPI and is_registry_url(remote.source):
        name = RepositoryName.of_url(remote.source)
        verdict = judge_name(reader, "The upstream", name, managers(world, name)) if name else None
        source = (verdict or judge_unnamed(reader, remote.source)).check
    secret = passed(Reason.RESOLVED_REFS)
    if remote.credentials is not None:
        secret = judge_secret(reader.namespace, remote.credentials)
    if not secret.ok:
        # Lost consent withdraws: the service agent shall no longer send the password.
        desired = replace(desired, remote=replace(remote, credentials=None))
    return Resolution(source if not source.ok else secret, desired)


def _judge(world: World, reader: Reader, upstream: UpstreamReference) -> Verdict:
    if isinstance(upstream.target, ObjectKey):
        return judge_reference(reader, upstream, view(world, upstream.target))
    return judge_name(reader, f"Upstream {upstream.name}", upstream.target, managers(world, upstream.target))


def managers(world: World, name: RepositoryName) -> list[RepositoryView]:
    """The living PythonRepositories that stand for a repository."""
    found = (view(world, stored.key) for stored in world.cache.repositories_on(name.full))
    return [each for each in found if each is not None]
