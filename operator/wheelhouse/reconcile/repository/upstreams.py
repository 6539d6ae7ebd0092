"""What a repository reads from, as far as both sides consent."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from wheelhouse.domain.findings import Check, failed, passed
from wheelhouse.domain.modes import PYPI, Upstream
from wheelhouse.domain.names import ObjectKey, RepositoryName, is_registry_url
from wheelhouse.domain.objects import CustomObject, Namespace
from wheelhouse.domain.reasons import Reason
from wheelhouse.domain.repository import DesiredRepository, ObservedRepository, UpstreamReference
from wheelhouse.plan.consent import ABSENCE, RepositoryView
from wheelhouse.plan.posture import Allowed
from wheelhouse.plan.upstreams import (
    Judgement,
    Reader,
    index_safety,
    judge_name,
    judge_reference,
    judge_secret,
    judge_unnamed,
)
from wheelhouse.reconcile.findings import Findings
from wheelhouse.reconcile.repository.views import view
from wheelhouse.reconcile.world import World


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a repository may read.

    Attributes:
        check: the first that is missing; None while that is not known yet.
        desired: without what it may not have.
        judgements: each upstream, judged.
        index_safe: advice, for a Virtual repository.
        usable: whether new grants may be made: not on one that reads what it may not, and cannot be changed.
        again: seconds until time alone changes the judgement; None when only a change does.
    """

    check: Check | None
    desired: DesiredRepository
    judgements: tuple[tuple[UpstreamReference, Judgement], ...] = ()
    index_safe: Check | None = None
    usable: bool = True
    again: float | None = None

    def upstreams(self, observed: ObservedRepository | None) -> frozenset[Upstream]:
        """What may be there now: what is permitted and usable, and of the rest what is permitted and there already."""
        standing = {u.repository for u in observed.settings.upstreams} if observed else set()
        return frozenset(
            Upstream(reference.name, judged.name.full, reference.priority)
            for reference, judged in self.judgements
            if judged.permitted and judged.name and (judged.addable or judged.name.full in standing)
        )


class Upstreams:
    """Asks consent for what Google's service agent would read."""

    def __init__(self, world: World, findings: Findings) -> None:
        self._world = world
        self._findings = findings

    def resolve(
        self,
        stored: CustomObject,
        namespace: Namespace,
        desired: DesiredRepository,
        observed: ObservedRepository | None,
    ) -> Resolution:
        """Judge everything that the repository names, and what an observed one reads."""
        reader = Reader(stored.key, namespace, desired.name.location, self._world.options.any_project)
        if desired.observe:
            return self._observed(reader, desired, observed)
        if desired.remote is not None:
            return self._remote(reader, desired)
        judgements = tuple((upstream, self._judge(reader, upstream, observed)) for upstream in desired.upstreams or ())
        safety = None
        if desired.upstreams is not None:
            safety = index_safety([(Upstream(u.name, str(j.name), u.priority), j.mode) for u, j in judgements])
        gone = [self._gone(u.target) for u, j in judgements if isinstance(u.target, ObjectKey) and j.permitted]
        again = min((ABSENCE - seconds for seconds in gone if 0.0 < seconds < ABSENCE), default=None)
        return Resolution(_first(judged.check for _, judged in judgements), desired, judgements, safety, again=again)

    def allowed(
        self, stored: CustomObject, namespace: Namespace, observed: ObservedRepository, resolution: Resolution | None
    ) -> Allowed:
        """What of that which stands on a repository consent still allows, whatever the spec says now."""
        named = {} if resolution is None else {j.name.full: j for _, j in resolution.judgements if j.name}
        reader = Reader(stored.key, namespace, observed.name.location, self._world.options.any_project)
        upstreams = set()
        for upstream in observed.settings.upstreams:
            judged = named.get(upstream.repository) or self._by_name(reader, upstream.repository)
            if judged is None or judged.permitted:
                upstreams.add(upstream.repository)
        remote = observed.settings.remote
        credentials = remote.credentials if remote is not None else None
        return Allowed(upstreams, credentials is None or judge_secret(namespace, credentials).ok)

    def foreign(self, stored: CustomObject, observed: ObservedRepository) -> frozenset[str]:
        """The upstreams that stand on a repository and belong to objects of other namespaces."""
        return frozenset(
            upstream.repository
            for upstream in observed.settings.upstreams
            if any(m.key.namespace != stored.key.namespace for m in self._managers(_parsed(upstream.repository)))
        )

    def _observed(self, reader: Reader, desired: DesiredRepository, observed: ObservedRepository | None) -> Resolution:
        """An observed repository is kept by others; what it reads without consent only stops new grants."""
        for upstream in observed.settings.upstreams if observed else ():
            managers = [
                m for m in self._managers(_parsed(upstream.repository)) if m.key.namespace != reader.key.namespace
            ]
            judged = self._by_name(reader, upstream.repository) if managers else None
            if judged is not None and not judged.permitted:
                return Resolution(judged.check, desired, usable=False)
        return Resolution(passed(Reason.RESOLVED_REFS), desired)

    def _remote(self, reader: Reader, desired: DesiredRepository) -> Resolution:
        remote = desired.remote
        if remote is None:
            return Resolution(passed(Reason.RESOLVED_REFS), desired)
        source: Check | None = passed(Reason.RESOLVED_REFS)
        if remote.source != PYPI and is_registry_url(remote.source):
            name = RepositoryName.of_url(remote.source)
            judged = self._named(reader, "The upstream", name) if name else None
            source = (judged or judge_unnamed(reader, remote.source)).check
        secret = passed(Reason.RESOLVED_REFS)
        if remote.credentials is not None:
            secret = judge_secret(reader.namespace, remote.credentials)
        if not secret.ok:
            # Lost consent withdraws: the service agent must no longer send the password.
            desired = replace(desired, remote=replace(remote, credentials=None))
        usable = source is None or source.ok
        return Resolution(source if not usable else secret, desired, usable=usable)

    def _judge(self, reader: Reader, upstream: UpstreamReference, observed: ObservedRepository | None) -> Judgement:
        if isinstance(upstream.target, RepositoryName):
            return self._named(reader, f"Upstream {upstream.name}", upstream.target)
        found = view(self._world, self._findings, upstream.target)
        gone = self._gone(upstream.target)
        standing = next((u for u in observed.settings.upstreams if u.name == upstream.name), None) if observed else None
        return judge_reference(reader, upstream, found, gone, _parsed(standing.repository) if standing else None)

    def _gone(self, key: ObjectKey) -> float:
        """Seconds since a PythonRepository is gone; 0 while it is there."""
        there = view(self._world, self._findings, key) is not None
        return 0.0 if there else max(1e-3, self._world.absences.seconds(key))

    def _by_name(self, reader: Reader, full: str) -> Judgement | None:
        name = _parsed(full)
        if name is None:
            return None
        managers = self._managers(name)
        if any(each.key.namespace == reader.key.namespace for each in managers):
            return None  # An object of the own namespace: nothing to consent to.
        return self._named(reader, "An upstream", name)

    def _named(self, reader: Reader, what: str, name: RepositoryName) -> Judgement:
        """Judge a repository by its full name."""
        sure = not any(
            found.generation is None and found.name is None
            for found in (self._findings.repository(d.stored) for d in self._world.cache.repositories_on(name))
        )
        return judge_name(reader, what, name, self._managers(name), sure=sure)

    def _managers(self, name: RepositoryName | None) -> list[RepositoryView]:
        """The living PythonRepositories that stand for a repository: those that lost it to another do not."""
        if name is None:
            return []
        declared = self._world.cache.repositories_on(name)
        keys = [each.stored.key for each in declared if self._findings.repository(each.stored).name == name]
        views = (view(self._world, self._findings, key) for key in keys)
        return [each for each in views if each is not None]


def _parsed(full: str) -> RepositoryName | None:
    return RepositoryName.parse(full)


def _first(checks: Iterable[Check | None]) -> Check | None:
    """The first that failed; None when one is not known yet."""
    found = list(checks)
    bad = next((check for check in found if check is not None and not check.ok), None)
    if bad is not None:
        return bad
    return None if None in found else passed(Reason.RESOLVED_REFS)


def unresolved(check: Check | None) -> bool:
    """Whether something that a repository refers to is missing or not known yet."""
    return check is None or not check.ok


def waiting() -> Check:
    """What a create waits with while a reference is missing."""
    return failed(Reason.PENDING, "Waiting for the objects and resources that the repository refers to.")
