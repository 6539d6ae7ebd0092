"""What a repository reads from, as far as both sides consent."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from wheelhouse.desired.declared import Declared
from wheelhouse.desired.repository import DeclaredRepository
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
        check: the first one that is missing; None while that is not known yet.
        desired: the desired state without what it may not have.
        judgements: each upstream with the decision about it.
        index_safe: advice, for a Virtual repository.
        usable: whether new grants may be added: not if it reads something without consent and cannot be changed.
        again: seconds until time alone changes a decision; None if only a change does.
    """

    check: Check | None
    desired: DesiredRepository
    judgements: tuple[tuple[UpstreamReference, Judgement], ...] = ()
    index_safe: Check | None = None
    usable: bool = True
    again: float | None = None

    def upstreams(self, observed: ObservedRepository | None) -> frozenset[Upstream]:
        """The upstreams that it may have now: those that are permitted, if they are usable or already there."""
        standing = {u.repository for u in observed.settings.upstreams} if observed else set()
        return frozenset(
            Upstream(reference.name, judged.name.full, reference.priority)
            for reference, judged in self.judgements
            if judged.permitted and judged.name and (judged.addable or judged.name.full in standing)
        )


class Upstreams:
    """Checks consent for what Google's service agent would read."""

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
        """Decide about everything that the repository names, and what an observed one reads."""
        reader = Reader(stored.key, namespace, desired.name.location, self._world.options.any_project)
        if desired.observe:
            return self._observed(reader, desired, observed)
        if desired.remote is not None:
            return self._remote(reader, desired)
        judgements = tuple((upstream, self._judge(reader, upstream, observed)) for upstream in desired.upstreams or ())
        safety = None
        if desired.upstreams is not None:
            safety = index_safety([(Upstream(u.name, str(j.name), u.priority), j.mode) for u, j in judgements])
        again = self._until_gone(u.target for u, j in judgements if j.permitted)
        return Resolution(_first(judged.check for _, judged in judgements), desired, judgements, safety, again=again)

    def allowed(
        self, declared: Declared[DeclaredRepository], namespace: Namespace, observed: ObservedRepository
    ) -> Allowed:
        """Find what consent still allows of the settings of a repository, even if the object only observes."""
        reader = Reader(declared.stored.key, namespace, observed.name.location, self._world.options.any_project)
        judged = {each.name: (each, self._judge(reader, each, observed)) for each in _references(declared)}
        named = {judgement.name.full: judgement for _, judgement in judged.values() if judgement.name}
        upstreams = set()
        for upstream in observed.settings.upstreams:
            verdict = named.get(upstream.repository) or self._by_name(reader, upstream.repository)
            reference, judgement = judged.get(upstream.name, (None, None))
            if self._orphaned(reader.key, upstream, reference) and judgement is not None:
                verdict = judgement
            if verdict is None or verdict.permitted:
                upstreams.add(upstream.repository)
        remote = observed.settings.remote
        credentials = remote.credentials if remote is not None else None
        return Allowed(upstreams, credentials is None or judge_secret(namespace, credentials).ok)

    def again(self, declared: Declared[DeclaredRepository]) -> float | None:
        """Return the seconds until a missing upstream counts as gone; None if none is missing, or all count already."""
        return self._until_gone(reference.target for reference in _references(declared))

    def foreign(self, declared: Declared[DeclaredRepository], observed: ObservedRepository) -> frozenset[str]:
        """Find the upstreams of a repository that belong to objects of other namespaces, or belonged to one."""
        key = declared.stored.key
        references = {each.name: each for each in _references(declared)}
        return frozenset(
            upstream.repository
            for upstream in observed.settings.upstreams
            if any(m.key.namespace != key.namespace for m in self._managers(_parsed(upstream.repository)))
            or self._orphaned(key, upstream, references.get(upstream.name))
        )

    def _orphaned(self, key: ObjectKey, upstream: Upstream, reference: UpstreamReference | None) -> bool:
        """Whether an object of another namespace permitted an upstream, and no object manages its repository now.

        The consent ended with that object. It does not matter whether the upstream's project would be allowed.
        """
        target = reference.target if reference is not None else None
        if not isinstance(target, ObjectKey) or target.namespace == key.namespace:
            return False
        return not self._managers(_parsed(upstream.repository))

    def _observed(self, reader: Reader, desired: DesiredRepository, observed: ObservedRepository | None) -> Resolution:
        """Others manage an observed repository; what it reads without consent only prevents new grants."""
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
            # Lost consent removes: the service agent must no longer send the password.
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
        """For how many seconds a PythonRepository has been missing; 0 while it exists."""
        there = view(self._world, self._findings, key) is not None
        return 0.0 if there else max(1e-3, self._world.absences.seconds(key))

    def _until_gone(self, targets: Iterable[ObjectKey | RepositoryName]) -> float | None:
        gone = [self._gone(target) for target in targets if isinstance(target, ObjectKey)]
        return min((ABSENCE - seconds for seconds in gone if 0.0 < seconds < ABSENCE), default=None)

    def _by_name(self, reader: Reader, full: str) -> Judgement | None:
        name = _parsed(full)
        if name is None:
            return None
        managers = self._managers(name)
        if any(each.key.namespace == reader.key.namespace for each in managers):
            return None  # Objects of the same namespace need no consent.
        return self._named(reader, "An upstream", name)

    def _named(self, reader: Reader, what: str, name: RepositoryName) -> Judgement:
        """Decide about a repository with its full name."""
        sure = not any(
            found.generation is None and found.name is None
            for found in (self._findings.repository(d.stored) for d in self._world.cache.repositories_on(name))
        )
        return judge_name(reader, what, name, self._managers(name), sure=sure)

    def _managers(self, name: RepositoryName | None) -> list[RepositoryView]:
        """The existing PythonRepositories that manage a repository: not those that lost it to another."""
        if name is None:
            return []
        declared = self._world.cache.repositories_on(name)
        keys = [each.stored.key for each in declared if self._findings.repository(each.stored).name == name]
        views = (view(self._world, self._findings, key) for key in keys)
        return [each for each in views if each is not None]


def _references(declared: Declared[DeclaredRepository]) -> tuple[UpstreamReference, ...]:
    """What the spec names as upstreams, or named when it was last valid."""
    desired = declared.effective
    return (desired.upstreams if desired is not None else None) or ()


def _parsed(full: str) -> RepositoryName | None:
    return RepositoryName.parse(full)


def _first(checks: Iterable[Check | None]) -> Check | None:
    """The first that failed; None if one is not known yet."""
    found = list(checks)
    bad = next((check for check in found if check is not None and not check.ok), None)
    if bad is not None:
        return bad
    return None if None in found else passed(Reason.RESOLVED_REFS)


def unresolved(check: Check | None) -> bool:
    """Whether a reference of a repository is missing or not known yet."""
    return check is None or not check.ok


def waiting() -> Check:
    """The finding of a create that waits for a missing reference."""
    return failed(Reason.PENDING, "Waiting for the objects and resources that the repository refers to.")
