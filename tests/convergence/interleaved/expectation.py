"""What must, may and must not exist for the users' declarations: from the specification, not from the code.

Some states are ambiguous: a suspended object, or one that no longer parses, keeps what it has and gets nothing new. So
everything that can be granted has one of three levels, and nothing else must exist.
"""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from convergence.interleaved import places
from convergence.interleaved.level import Level
from convergence.interleaved.uploads import Uploads, expected_uploads, named_for_uploads
from fakes.world import Fakes

from wheelhouse.domain.iam import Identity
from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.objects import FINALIZER, Kind, Namespace
from wheelhouse.domain.repository import CLUSTER_LABEL, OBJECT_LABEL, ObservedRepository, Ownership
from wheelhouse.domain.secret import SECRET_TYPE

Spec = Mapping[str, Any]
Place = tuple[str, str]
"""Namespace and name of a Secret."""
Account = tuple[str, str]
"""Namespace and name of a ServiceAccount."""
Granted = tuple[str, str, str]
"""Full name of a repository, role, member."""

CLUSTER = "cluster-1"
LOCATION = "us-central1"
ROLES = {
    "Reader": "roles/artifactregistry.reader",
    "Writer": "roles/artifactregistry.writer",
    "RepoAdmin": "roles/artifactregistry.repoAdmin",
}
PREFIXES = {"Principal": "", "GoogleGroup": "group:", "GoogleUser": "user:", "GoogleServiceAccount": "serviceAccount:"}
KEEPERS = {"managed-by-cnrm", "goog-terraform-provisioned"}
GRACE = 30.0
"""Seconds that a PythonRepository may be missing before its accesses lose what they have."""


def malformed(kind: Kind, spec: Spec) -> bool:
    """Whether a spec is one of those that the acts break, without the code's own parser."""
    if kind is Kind.REPOSITORY:
        return spec.get("accessFrom") == "everyone" or spec.get("mode") == "Imaginary"
    return spec.get("role") == "Emperor" or spec.get("subjects") == "everybody"


@dataclass(slots=True)
class Memory:
    """The history that the current state lacks: specs that parsed, by uid, and deleted objects."""

    versions: dict[str, list[Spec]] = field(default_factory=dict)
    broken: dict[str, int] = field(default_factory=dict)
    """The number of operator starts when a spec ceased to parse."""
    consented: dict[str, set[str]] = field(default_factory=dict)
    """Repositories, and the repositories of other namespaces that they should read."""
    seen: dict[ObjectKey, tuple[float, Spec, str | None]] = field(default_factory=dict)
    """PythonRepositories: when last seen, with which spec, and for which repository."""
    namespaces: dict[str, tuple[Namespace | None, float]] = field(default_factory=dict)
    """Every namespace that ever existed, and when it last changed."""


@dataclass(frozen=True, slots=True)
class Repository:
    """The decision about a PythonRepository: `level` is for new grants on it, `ready` for its condition."""

    key: ObjectKey
    full: str | None
    spec: Spec
    level: Level
    ready: Level
    exists: Level
    known: bool = True
    """Whether its accessFrom can be read by all, even after a restart."""


@dataclass(slots=True)
class SecretWish:
    """The desired content of one place; `claims` are the accesses that want it."""

    level: Level
    claims: list[tuple[ObjectKey, str, bool, Account]] = field(default_factory=list)
    """Access, index URL, whether it uploads, ServiceAccount."""


@dataclass(slots=True)
class Expected:
    """Everything that must or may exist; `words` are the names of the objects concerned."""

    repositories: dict[ObjectKey, Repository] = field(default_factory=dict)
    grants: dict[Granted, Level] = field(default_factory=dict)
    secrets: dict[Place, SecretWish] = field(default_factory=dict)
    ready: dict[tuple[Kind, ObjectKey], Level] = field(default_factory=dict)
    upstreams: dict[str, dict[str, Level]] = field(default_factory=dict)
    credentials: dict[str, Level] = field(default_factory=dict)
    wanted_by: dict[Granted, set[ObjectKey]] = field(default_factory=dict)
    optional: set[Granted] = field(default_factory=set)
    """What an access had before and does not request now: unless another one requests it, it may stay or go."""
    contests: dict[Place, frozenset[ObjectKey]] = field(default_factory=dict)
    """Secrets that several healthy accesses want: one of them has it."""
    uploads: dict[ObjectKey, Uploads] = field(default_factory=dict)
    """Where uploads go by the Secrets of an access, if it names a repository for that."""

    def grant(self, grant: Granted, level: Level, access: ObjectKey) -> None:
        """Record a claim; the highest level counts."""
        self.grants[grant] = max(level, self.grants.get(grant, Level.NO))
        self.wanted_by.setdefault(grant, set()).add(access)


class Judge:
    """Reads the fakes' state; `now` is in seconds, `starts` counts the operator's starts."""

    def __init__(self, fakes: Fakes) -> None:
        self._fakes = fakes
        self.memory = Memory()
        self.starts = 0

    def judge(self, now: float) -> Expected:
        """What is expected for the current state."""
        expected = Expected()
        self._remember(now)
        bodies = [(key, body) for (kind, key), body in self._fakes.cluster.objects.items() if kind is Kind.REPOSITORY]
        # Repositories without upstreams come first: a Virtual repository depends on them.
        for virtual in (False, True):
            for key, body in bodies:
                if (self.spec(Kind.REPOSITORY, body).get("mode") == "Virtual") is virtual:
                    expected.repositories[key] = self._repository(key, body, expected)
        for key, repository in expected.repositories.items():
            expected.ready[Kind.REPOSITORY, key] = repository.ready
        for key, (since, spec, full) in self.memory.seen.items():
            if key not in expected.repositories and now - since < GRACE:
                expected.repositories[key] = Repository(key, full, spec, Level.MAY, Level.NO, Level.MAY)
        for (kind, key), body in self._fakes.cluster.objects.items():
            if kind is Kind.ACCESS:
                self._access(key, body, expected)
        self._contested(expected)
        return expected

    def spec(self, kind: Kind, body: Mapping[str, Any]) -> Spec:
        """The last spec of an object that parsed, or the current one if none did."""
        current: Spec = body["spec"]
        if not malformed(kind, current):
            return current
        versions = self.memory.versions.get(body["metadata"]["uid"])
        return versions[-1] if versions else {"location": LOCATION, **_parsed(current)}

    def _remember(self, now: float) -> None:
        memory = self.memory
        known = self._fakes.cluster.namespaces
        for name in {*known, *memory.namespaces}:
            if memory.namespaces.get(name, (None, 0.0))[0] != known.get(name):
                memory.namespaces[name] = known.get(name), now
        for (kind, key), body in self._fakes.cluster.objects.items():
            uid, spec = body["metadata"]["uid"], body["spec"]
            if malformed(kind, spec):
                memory.broken.setdefault(uid, self.starts)
            else:
                memory.broken.pop(uid, None)
                versions = memory.versions.setdefault(uid, [])
                if not versions or versions[-1] != spec:
                    versions.append(spec)
            if kind is Kind.REPOSITORY:
                memory.seen[key] = (now, self.spec(kind, body), self._identity(key, body)[0])

    def _computed(self, key: ObjectKey, body: Mapping[str, Any]) -> str | None:
        namespace = self._fakes.cluster.namespaces.get(key.namespace)
        spec = self.spec(Kind.REPOSITORY, body)
        projects = namespace.projects if namespace else ()
        project = spec.get("project") or (projects[0] if projects else None)
        return RepositoryName(project, LOCATION, spec.get("repositoryId", key.name)).full if project else None

    # Repositories

    def _repository(self, key: ObjectKey, body: Mapping[str, Any], expected: Expected) -> Repository:
        uid, spec = body["metadata"]["uid"], self.spec(Kind.REPOSITORY, body)
        full, others = self._identity(key, body)
        found = self._fakes.google.repositories.get(full or "")
        namespace = self._fakes.cluster.namespaces.get(key.namespace)
        project = full.split("/")[1] if full else ""
        allowed = namespace is not None and project in namespace.projects
        broken, deleting = malformed(Kind.REPOSITORY, body["spec"]), "deletionTimestamp" in body["metadata"]
        reads = self._reads(key, uid, spec, full or "", expected)
        if deleting:  # Its release removes what it may not read.
            expected.credentials[full or ""] = Level.MAY
            expected.upstreams[full or ""] = dict.fromkeys(self.memory.consented.get(full or "", ()), Level.MAY)
        if others and not broken and not deleting:
            return Repository(key, full, spec, Level.MAY, Level.MAY, Level.MAY)
        if broken or not allowed or deleting:
            # An object that never parsed, which the API server refuses, has no consent to know.
            known = not broken or (uid in self.memory.versions and self.memory.broken.get(uid) == self.starts)
            return Repository(key, full, spec, Level.MAY, Level.NO, Level.MAY, known)
        level, ready, exists = self._standing(key, spec, full, found)
        if found is None and reads is not Level.MUST:
            level, exists = min(level, Level.MAY), min(exists, Level.MAY)
        if spec.get("suspend"):
            return Repository(key, full, spec, min(level, Level.MAY), min(ready, Level.MAY), Level.MAY)
        return Repository(key, full, spec, level, min(ready, reads), exists)

    def _identity(self, key: ObjectKey, body: Mapping[str, Any]) -> tuple[str | None, bool]:
        """The repository of an object, and whether another repository has its labels too.

        Its name follows from spec and Namespace; if the recorded one differs, the labels in Google decide.
        """
        computed, own = self._computed(key, body), Ownership.of(CLUSTER, key)
        carrying = {full for full, found in self._fakes.google.repositories.items() if _carries(found, own)}
        status = body.get("status")
        recorded = status.get("repository") if isinstance(status, dict) else None
        full = recorded if isinstance(recorded, str) and recorded in carrying else computed
        return full, bool(carrying - {computed})

    def _standing(
        self, key: ObjectKey, spec: Spec, full: str | None, found: ObservedRepository | None
    ) -> tuple[Level, Level, Level]:
        """(new grants, Ready, exists) of an object that parses and may use its project."""
        ours = found is not None and _carries(found, Ownership.of(CLUSTER, key))
        if found is not None and not ours and self._elsewhere(key, found):
            return Level.MAY, Level.NO, Level.MAY
        # If two refer to one repository the first keeps it: its labels show which one.
        unsure = any(other != key and name == full for other, name in self._names().items()) and not ours
        if spec.get("managementPolicy") == "Observe":
            if found is None:
                return Level.MAY, Level.NO, Level.MAY
            return (Level.MAY, Level.MAY, Level.MAY) if ours or unsure else (Level.MUST, Level.MUST, Level.MAY)
        if unsure:
            return Level.MAY, Level.MAY, Level.MAY
        if found is None or ours:
            return Level.MUST, Level.MUST, Level.MUST
        adoption = spec.get("adoptionPolicy", "Never")
        kept = any(label in found.labels for label in KEEPERS)
        if adoption == "Always" or (adoption == "IfUnmanaged" and not kept):
            return Level.MUST, Level.MUST, Level.MUST
        # If a predecessor was just released it continues with the repository; an operator without that memory reports
        # AlreadyExists.
        return Level.MAY, Level.MAY, Level.MAY

    def _names(self) -> dict[ObjectKey, str | None]:
        objects = self._fakes.cluster.objects
        return {key: self._computed(key, body) for (kind, key), body in objects.items() if kind is Kind.REPOSITORY}

    def _elsewhere(self, key: ObjectKey, found: ObservedRepository) -> bool:
        digests = {Ownership.of(CLUSTER, other).digest for other in self._names() if other != key}
        return found.labels.get(CLUSTER_LABEL) == CLUSTER and found.labels.get(OBJECT_LABEL) in digests

    def _reads(self, key: ObjectKey, uid: str, spec: Spec, full: str, expected: Expected) -> Level:
        """Whether everything that the repository reads from may be read; records what may be in Google."""
        level = Level.MUST
        namespace = self._fakes.cluster.namespaces[key.namespace]
        observe = spec.get("managementPolicy") == "Observe"
        credentials = spec.get("remote", {}).get("credentials")
        if credentials is not None:
            secret = credentials["passwordSecretVersion"].partition("/versions/")[0]
            level = Level.MUST if secret in namespace.upstream_secrets else Level.NO
            expected.credentials[full] = Level.NO if observe else level
        found = expected.upstreams.setdefault(full, {}) if "virtual" in spec else {}
        for upstream in spec.get("virtual", {}).get("upstreams", ()):
            name, one = self._upstream(key, upstream, expected)
            level = min(level, one)
            if name is None:
                continue
            other = upstream["repositoryRef"].get("namespace", key.namespace) != key.namespace
            if other:
                self.memory.consented.setdefault(full, set()).add(name)
            # If the repository is only observed, the upstreams of other namespaces are removed with the labels, and
            # nothing else is changed.
            if observe:
                one = Level.NO if other else max(one, Level.MAY)
            found[name] = max(one, found.get(name, Level.NO))
        if observe or spec.get("suspend") or uid in self.memory.broken:
            self._keeps(key, uid, expected, found, observe=observe)
        return max(level, Level.MAY) if observe else level

    def _keeps(self, key: ObjectKey, uid: str, expected: Expected, found: dict[str, Level], *, observe: bool) -> None:
        """The upstreams of earlier specs, which may stay while the repository is suspended, observed, or malformed."""
        earlier = (spec.get("virtual", {}).get("upstreams", ()) for spec in self.memory.versions.get(uid, ()))
        for upstream in itertools.chain.from_iterable(earlier):
            name, one = self._upstream(key, upstream, expected)
            if name is None or found.get(name, Level.NO) is not Level.NO:
                continue
            if upstream["repositoryRef"].get("namespace", key.namespace) == key.namespace:
                found[name] = Level.MAY
            elif not observe:
                found[name] = min(one, Level.MAY)

    def _upstream(self, key: ObjectKey, upstream: Spec, expected: Expected) -> tuple[str | None, Level]:
        reference = upstream["repositoryRef"]
        target = ObjectKey(reference.get("namespace", key.namespace), reference["name"])
        found = expected.repositories.get(target)
        if found is None:
            return self.memory.seen.get(target, (0.0, {}, None))[2], Level.NO
        if not self.admits(found, key.namespace, "Reader"):
            return found.full, Level.NO
        if found.ready is Level.MUST:
            return found.full, Level.MUST
        return found.full, Level.MAY

    def admits(self, repository: Repository, namespace: str, role: str) -> bool:
        """Whether a repository's owner allows a namespace a role."""
        if namespace == repository.key.namespace:
            return True
        found = self._fakes.cluster.namespaces.get(namespace)
        if found is None or found.deleting:
            return False
        access_from = repository.spec.get("accessFrom") or {}
        selector = access_from.get("namespaceSelector")
        selected = selector is not None and selector.get("matchLabels", {}).items() <= found.labels.items()
        named = namespace in access_from.get("namespaces", ())
        return role in access_from.get("roles", ("Reader",)) and (named or selected)

    # Accesses

    def _access(self, key: ObjectKey, body: Mapping[str, Any], expected: Expected) -> None:
        spec, uid = self.spec(Kind.ACCESS, body), body["metadata"]["uid"]
        reference = spec["repositoryRef"]
        target = ObjectKey(reference.get("namespace", key.namespace), reference["name"])
        repository = expected.repositories.get(target)
        expected.ready[Kind.ACCESS, key] = Level.NO
        if "deletionTimestamp" in body["metadata"] or repository is None or repository.full is None:
            return
        frozen = malformed(Kind.ACCESS, body["spec"]) or bool(spec.get("suspend")) or _unwritable(spec, repository)
        versions: Iterable[Spec] = self.memory.versions.get(uid, [spec]) if frozen else [spec]
        if repository.level is Level.MAY:
            versions = self.memory.versions.get(uid, [spec])
        for version in versions:
            level = self._consent(key, version, repository)
            level = min(level, Level.MAY) if frozen or version is not spec else level
            if level is not Level.NO:
                self._wishes(key, version, repository, level, expected)
            if level is Level.MAY:  # What it has may be from when a selector matched other namespaces.
                for grant in self._asked(key, version, repository, everywhere=True):
                    expected.grant(grant, level, key)
        if _unwritable(spec, repository) or not frozen:
            asked = set() if _unwritable(spec, repository) else self._asked(key, spec, repository)
            mine = {grant for grant, keys in expected.wanted_by.items() if key in keys}
            expected.optional |= mine - asked
        expected.ready[Kind.ACCESS, key] = self._healthy(key, body, spec, repository, frozen=frozen)
        paused = malformed(Kind.ACCESS, body["spec"]) or bool(spec.get("suspend"))
        known = self.memory.versions.get(uid, [spec])
        uploads = expected_uploads(key, spec, known if paused else (), expected.repositories, self.admits)
        if uploads is not None:
            expected.uploads[key] = uploads
            # Whether the token may upload is a matter of other accesses, and is checked again at the drift interval.
            allowed = uploads.level if uploads.level is Level.NO or self._writes(key, spec, expected) else Level.MAY
            expected.ready[Kind.ACCESS, key] = min(expected.ready[Kind.ACCESS, key], allowed)

    def _writes(self, key: ObjectKey, spec: Spec, expected: Expected) -> bool:
        """Whether the identities of the Secrets can upload to the repository that the spec names."""
        named, account = named_for_uploads(spec, key.namespace), service_account(spec)
        repository = expected.repositories.get(named) if named is not None else None
        name = RepositoryName.parse(repository.full or "") if repository is not None else None
        if name is None or account is None:
            return True
        sources = self._sources(key, spec["secret"], own=True, everywhere=False)
        members = {self._fakes.workload.member(Identity(source, account)) for source in sources}
        held = self._fakes.google.policy(name).grants()
        return all(any((ROLES[role], member) in held for role in ("Writer", "RepoAdmin")) for member in members)

    def _consent(self, key: ObjectKey, spec: Spec, repository: Repository) -> Level:
        role = spec.get("role", "Reader")
        if _unwritable(spec, repository):
            return Level.NO
        if not repository.known:
            return Level.MAY
        return repository.level if self.admits(repository, key.namespace, role) else Level.NO

    def _asked(self, key: ObjectKey, spec: Spec, repository: Repository, *, everywhere: bool = False) -> set[Granted]:
        """The grants that a spec requests; `everywhere`: as if its selectors matched every namespace."""
        members = self._members(key, spec, own=repository.key.namespace == key.namespace, everywhere=everywhere)
        return {(repository.full or "", ROLES[spec.get("role", "Reader")], member) for member in members}

    def _wishes(self, key: ObjectKey, spec: Spec, repository: Repository, level: Level, expected: Expected) -> None:
        cluster = self._fakes.cluster
        full = repository.full or ""
        for grant in self._asked(key, spec, repository):
            expected.grant(grant, level, key)
        secret, account = spec.get("secret"), service_account(spec)
        if secret is None or account is None:
            return
        own, ever = repository.key.namespace == key.namespace, self.memory.namespaces if level is Level.MAY else ()
        for target in places.targets(secret, key.namespace, cluster.namespaces, may=own, ever=ever):
            source = key.namespace if places.shared(secret) else target
            found = [cluster.namespaces.get(name) for name in (target, source)]
            if any(each is None or not each.opted_in for each in found):
                continue
            there = (source, account) in cluster.service_accounts and not any(each and each.deleting for each in found)
            wish = expected.secrets.setdefault((target, secret.get("name", "pip-config")), SecretWish(Level.NO))
            wish.level = max(wish.level, level if there else Level.MAY)
            uploads = spec.get("role", "Reader") != "Reader"
            wish.claims.append((key, index_url(full), uploads, (source, account)))

    def _members(self, key: ObjectKey, spec: Spec, *, own: bool, everywhere: bool = False) -> set[str]:
        members = set()
        account = service_account(spec) if "secret" in spec else None
        if account is not None:
            for namespace in self._sources(key, spec["secret"], own=own, everywhere=everywhere):
                members.add(self._fakes.workload.member(Identity(namespace, account)))
        for subject in spec.get("subjects", ()):
            if subject["kind"] == "ServiceAccount":
                for namespace in self._places(key, subject, own=own, everywhere=everywhere):
                    members.add(self._fakes.workload.member(Identity(namespace, subject["name"])))
            elif own:
                members.add(PREFIXES[subject["kind"]] + subject["name"])
        return members

    def _sources(self, key: ObjectKey, secret: Spec, *, own: bool, everywhere: bool) -> set[str]:
        """The namespaces of the ServiceAccounts whose tokens the Secrets have."""
        if places.shared(secret):
            return {key.namespace}
        if everywhere and own:
            return set(self.memory.namespaces)
        return places.targets(secret, key.namespace, self._fakes.cluster.namespaces, may=own)

    def _places(self, key: ObjectKey, subject: Spec, *, own: bool, everywhere: bool) -> set[str]:
        """The namespaces of a subject's ServiceAccounts."""
        if _at_home(subject):
            return {key.namespace}
        if not own:
            return {key.namespace} & {subject.get("namespace")}
        selector = subject.get("namespaceSelector")
        if selector is None:
            return {subject["namespace"]}
        if everywhere:
            return set(self.memory.namespaces)
        selected = self._selected(selector)
        return set() if selected is None else selected

    def _selected(self, selector: Spec) -> set[str] | None:
        """The namespaces that a selector matches; None for all of them, which is refused."""
        living = {name: each for name, each in self._fakes.cluster.namespaces.items() if not each.deleting}
        labels = selector.get("matchLabels", {})
        found = {name for name, each in living.items() if labels.items() <= each.labels.items()}
        for each in selector.get("matchExpressions", ()):
            values, negated = each.get("values"), each["operator"] == "NotIn"
            for name in list(found):
                value = living[name].labels.get(each["key"])
                if (value is None) if values is None else ((value in values) is negated):
                    found.discard(name)
        return None if found == set(living) else found

    def _healthy(
        self, key: ObjectKey, body: Mapping[str, Any], spec: Spec, repository: Repository, *, frozen: bool
    ) -> Level:
        if malformed(Kind.ACCESS, body["spec"]):
            return Level.NO
        consent = self._consent(key, spec, repository)
        if spec.get("suspend") and _unwritable(spec, repository):
            # It keeps what it has: the new role is not applied.
            consent = min(Level.MAY, self._consent(key, {**spec, "role": "Reader"}, repository))
        namespace = self._fakes.cluster.namespaces.get(key.namespace)
        secret, account = spec.get("secret"), service_account(spec)
        own = repository.key.namespace == key.namespace
        consent = min(consent, self._room(key, secret, own=own, frozen=frozen))
        if namespace is None or consent is Level.NO:
            return Level.NO
        subjects = spec.get("subjects", ())
        outside = any(s["kind"] != "ServiceAccount" or not _at_home(s) for s in subjects)
        if outside and repository.key.namespace != key.namespace:
            elsewhere = [s for s in subjects if s["kind"] != "ServiceAccount" or s.get("namespace") != key.namespace]
            if any(s["kind"] != "ServiceAccount" or not _at_home(s) for s in elsewhere):
                return Level.NO
        if any("namespaceSelector" in s and self._selected(s["namespaceSelector"]) is None for s in subjects):
            return Level.NO
        accounts = {s["name"] for s in subjects if s["kind"] == "ServiceAccount" and _at_home(s)}
        needed = {(key.namespace, name) for name in accounts}
        if account and secret is not None:
            needed |= {(each, account) for each in self._sources(key, secret, own=own, everywhere=False)}
        missing = not needed <= self._fakes.cluster.service_accounts
        if frozen or missing or namespace.deleting:
            return min(consent, Level.MAY)
        return consent

    def _room(self, key: ObjectKey, secret: Spec | None, *, own: bool, frozen: bool) -> Level:
        """Whether Secrets may be where a spec wants them."""
        known = self._fakes.cluster.namespaces
        namespace = known.get(key.namespace)
        if secret is None or namespace is None:
            return Level.MUST
        there = places.targets(secret, key.namespace, known, may=own)
        stored = [self._fakes.cluster.secrets.get((place, secret.get("name", "pip-config"))) for place in there]
        if any(each is not None and each.type != SECRET_TYPE for each in stored):
            return Level.NO
        if not places.asks(secret):
            return Level.MUST if namespace.opted_in else Level.NO
        refused = not own and places.elsewhere(secret, key.namespace)
        closed = bool(there) and places.shared(secret) and not namespace.opted_in
        if refused or closed or places.missing(secret, known):
            return Level.MAY if frozen else Level.NO
        return Level.MUST if there else Level.MAY

    def _contested(self, expected: Expected) -> None:
        """Of several accesses that want one Secret one has it; which one depends on their order."""
        shared: dict[ObjectKey, int] = {}
        for place, wish in expected.secrets.items():
            keys = frozenset(claim[0] for claim in wish.claims)
            if len(keys) > 1:
                levels = {expected.ready[Kind.ACCESS, key] for key in keys}
                if levels == {Level.MUST}:
                    expected.contests[place] = keys
                for key in keys:
                    shared[key] = shared.get(key, 0) + 1
        for key in shared:
            expected.ready[Kind.ACCESS, key] = min(expected.ready[Kind.ACCESS, key], Level.MAY)
        # If two share several places, each may have one of them, and neither has all.
        several = {key for key, number in shared.items() if number > 1}
        expected.contests = {place: keys for place, keys in expected.contests.items() if not keys & several}


def service_account(spec: Spec) -> str | None:
    """The ServiceAccount whose identity a Secret's token has."""
    named = (spec.get("secret") or {}).get("serviceAccountName")
    accounts = [s["name"] for s in spec.get("subjects", ()) if s["kind"] == "ServiceAccount" and _at_home(s)]
    return named or (accounts[0] if len(accounts) == 1 else None)


def _at_home(subject: Spec) -> bool:
    """Whether a subject does not refer to another place than the access's own namespace."""
    return "namespace" not in subject and "namespaceSelector" not in subject


def index_url(full: str) -> str:
    """The index of a repository, built from its name."""
    _, project, _, location, _, repository_id = full.split("/")
    return f"https://{location}-python.pkg.dev/{project}/{repository_id}/simple/"


def finalized(body: Mapping[str, Any]) -> bool:
    """Whether an object has our finalizer."""
    return FINALIZER in body["metadata"].get("finalizers", ())


def _unwritable(spec: Spec, repository: Repository) -> bool:
    """Whether the role can never upload: NotWritable. What the access had before is ambiguous."""
    return repository.spec.get("mode") in {"Remote", "Virtual"} and spec.get("role", "Reader") != "Reader"


def _carries(found: ObservedRepository, ownership: Ownership) -> bool:
    return ownership.labels.items() <= found.labels.items()


def _parsed(spec: Spec) -> dict[str, Any]:
    """The readable part of a spec that never parsed; accessFrom is read separately."""
    read = {name: spec[name] for name in ("repositoryRef", "project", "repositoryId") if name in spec}
    consents = spec.get("accessFrom")
    return read | ({"accessFrom": consents} if isinstance(consents, dict) else {})
