"""What is wrong in the current state, and for how long it may be: consent, tokens, Ready, missing objects."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Any

from convergence.interleaved import credential
from convergence.interleaved.effects import token_of
from convergence.interleaved.expectation import (
    CLUSTER,
    Account,
    Granted,
    Level,
    Place,
    Repository,
    SecretWish,
    index_url,
)
from convergence.interleaved.places import asks
from convergence.interleaved.tuples import ledger, parsed
from convergence.interleaved.uploads import uploads_of

from wheelhouse.domain.iam import Identity
from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.objects import Kind
from wheelhouse.domain.repository import CLUSTER_LABEL, OBJECT_LABEL, Ownership
from wheelhouse.domain.secret import SECRET_TYPE

if TYPE_CHECKING:
    from convergence.interleaved.site import Site

WITHDRAWN = 100.0
"""A revocation takes 60 s, 30 s more if the repository's object is missing, and the watch's lag."""
EXPIRED = 0.0
UNTRUE = 150.0
"""Seconds of a Ready that is not true."""
DRIFT = 330.0
"""Seconds after which another client's change in Google was noticed, whether or not an object changed."""
MISSING = 400.0
"""Seconds for a requested object that nothing prevents."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """One problem: its kind, its object, what it depends on, and the time that it may last.

    `blocks` are the objects that are not Ready because of it.
    """

    kind: str
    subject: object
    words: frozenset[str] = field(compare=False)
    patience: float = field(compare=False)
    text: str = field(default="", compare=False)
    blocks: frozenset[ObjectKey] = field(default=frozenset(), compare=False)

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}: {self.text}"


class Standing:
    """Checks the whole state repeatedly."""

    def __init__(self, site: "Site") -> None:
        self._site = site
        self._since: dict[Wrong, float] = {}
        self.wanted_by: dict[Granted, set[ObjectKey]] = {}
        self.deleted: set[str] = set()
        """Repositories that the operator deleted, with their content."""
        self.doubtful: set[Place] = set()
        """Secrets whose ledger another client erased: they may stay."""
        self.unsure: set[str] = set()
        """Repositories whose labels may outlive their object: it lost its finalizer, or its status."""
        self.taken: set[str] = set()
        """Repositories whose labels of ours another client removed: without their object, they are that client's."""
        self._owners: dict[Place, str] = {}
        """The last owner of each Secret: another access gets it only after that one has released it."""
        self._matched: set[tuple[str, int]] = set()
        self._made: dict[tuple[str, int], float] = {}

    def look(self) -> list[Wrong]:
        """The current problems; complains about those that have lasted too long."""
        site = self._site
        site.tuples.prune()
        for grant, accesses in site.expected.wanted_by.items():
            self.wanted_by.setdefault(grant, set()).update(accesses)
        for place, stored in site.cluster.secrets.items():
            self._owners[place] = f"{place[0]}/{stored.fields.get('.metadata.labels.wheelhouse.dev/access')}"
        wrongs = list(self._wrongs())
        self._since = {wrong: self._since.get(wrong, site.seconds) for wrong in wrongs}
        for wrong, since in self._since.items():
            late = site.seconds - max(since, site.calm.since(wrong.words)) - wrong.patience
            if late > 0:
                site.complain(wrong.kind, f"{wrong} (since {since:.0f} s)")
        self._note_matches(wrongs)
        return wrongs

    def difference(self) -> str | None:
        """The first problem or unfinished work; None if the world is as desired."""
        objects = self._site.cluster.objects
        held = [
            f"{kind.kind} {key}" for (kind, key), body in objects.items() if "deletionTimestamp" in body["metadata"]
        ]
        wrongs = [wrong for wrong in self.look() if self._site.minds(wrong.kind)]
        return f"still there: {held}" if held else next((str(wrong) for wrong in wrongs), None)

    def claimed(self, kind: Kind, key: ObjectKey, uid: str, generation: int) -> None:
        """A status has Ready for a generation: it must have been true at some time since that generation exists."""
        site = self._site
        self.look()
        level = site.expected.ready.get((kind, key), Level.NO)
        made = self._made.get((uid, generation), site.seconds)
        if (
            level is Level.MUST
            and (uid, generation) not in self._matched
            and site.touched(self._words(kind, key)) < made - DRIFT
        ):
            wrong = next((wrong for wrong in self._since if key in wrong.blocks), None)
            if wrong is not None:
                site.complain(
                    "claim", f"{kind.kind} {key} says Ready for generation {generation}, and never was: {wrong}"
                )

    def _note_matches(self, wrongs: list[Wrong]) -> None:
        blocked = {key for wrong in wrongs for key in wrong.blocks}
        for (kind, key), level in self._site.expected.ready.items():
            body = self._site.cluster.objects.get((kind, key))
            if body is None:
                continue
            version = body["metadata"]["uid"], body["metadata"]["generation"]
            self._made.setdefault(version, self._site.seconds)
            if level is Level.MUST and key not in blocked:
                self._matched.add(version)

    def _words(self, kind: Kind, key: ObjectKey) -> frozenset[str]:
        """The names that the work on an object depends on."""
        body = self._site.cluster.objects.get((kind, key))
        words = {str(key), key.namespace}
        target = key
        if kind is Kind.ACCESS and body is not None:
            reference = body["spec"].get("repositoryRef", {})
            target = ObjectKey(reference.get("namespace", key.namespace), reference["name"])
            uploads = self._site.expected.uploads.get(key)
            words |= {str(each) for each in uploads.targets} if uploads is not None else set()
            secret = body["spec"].get("secret") or {}
            owner = self._owners.get((key.namespace, secret.get("name", "")))
            words |= {owner} if owner else set()
            if asks(secret):
                words |= set(self._site.cluster.namespaces)
        repository = self._site.expected.repositories.get(target)
        if repository is not None:
            words |= {str(target), str(repository.full)}
            words |= {full for full in self._site.expected.upstreams.get(repository.full or "", {}) if full}
        return frozenset(words)

    def _wrongs(self) -> Iterator[Wrong]:
        for repository in self._site.expected.repositories.values():
            yield from self._repository(repository)
        yield from self._reading()
        yield from self._grants()
        for place, wish in self._site.expected.secrets.items():
            yield from self._secret(place, wish)
        yield from self._strays()
        yield from self._conditions()
        yield from self._contests()
        yield from self._recorded()
        yield from self._labels()

    def _repository(self, repository: Repository) -> Iterator[Wrong]:
        if repository.exists is not Level.MUST or (repository.ready is not Level.MUST):
            return
        words, key = self._words(Kind.REPOSITORY, repository.key), repository.key
        for text in self._differences(repository):
            yield Wrong("repository", key, words, MISSING, text, frozenset({key}))

    def _differences(self, repository: Repository) -> Iterator[str]:
        found = self._site.fakes.google.repositories.get(repository.full or "")
        if found is None:
            yield f"{repository.full} does not exist"
            return
        if not Ownership.of(CLUSTER, repository.key).labels.items() <= found.labels.items():
            yield "it is not labelled as ours"
        description = repository.spec.get("description")
        if description is not None and found.settings.description != description:
            yield f"description is {found.settings.description!r}"
        if not repository.spec.get("labels", {}).items() <= found.labels.items():
            yield f"labels are {dict(found.labels)}"
        credentials = repository.spec.get("remote", {}).get("credentials")
        stands = found.settings.remote.credentials if found.settings.remote else None
        if credentials and (stands is None or stands.password_secret_version != credentials["passwordSecretVersion"]):
            yield f"credentials are {stands}"

    def _reading(self) -> Iterator[Wrong]:
        """What Google's service agent reads for a Virtual or Remote repository."""
        expected = self._site.expected
        owners = {each.full: each for each in expected.repositories.values() if each.full}
        for full, found in self._site.fakes.google.repositories.items():
            present = {upstream.repository for upstream in found.settings.upstreams}
            credentials = found.settings.remote is not None and found.settings.remote.credentials is not None
            owner, levels = owners.get(full), expected.upstreams.get(full, {})
            words = frozenset({full}) if owner is None else self._words(Kind.REPOSITORY, owner.key)
            # A release removes what other namespaces consented to.
            theirs = self._site.judge.memory.consented.get(full, set())
            lost = present & theirs - set(levels)
            if full in self.taken and CLUSTER_LABEL in found.labels:
                self.taken.discard(full)
            lost = set() if full in self.taken and owner is None else lost
            # Those of its own namespace stay on a repository that is not ours any more.
            ours = present if CLUSTER_LABEL in found.labels else present & theirs
            lost |= {upstream for upstream in ours if owner and levels.get(upstream, Level.NO) is Level.NO}
            for upstream in sorted(lost) if full not in self.unsure else ():
                yield Wrong("upstream", (full, upstream), words | {upstream}, WITHDRAWN, "no consent to read it")
            allowed = Level.NO if owner is None else expected.credentials.get(full, Level.MAY)
            if credentials and allowed is Level.NO and full not in self.unsure:
                yield Wrong("credentials", full, words, WITHDRAWN, "no consent to use the secret")
            for upstream, level in levels.items():
                if owner and level is Level.MUST and owner.ready is Level.MUST and upstream not in present:
                    blocks = frozenset({owner.key})
                    yield Wrong("repository", owner.key, words, MISSING, f"upstream {upstream} is missing", blocks)

    def _grants(self) -> Iterator[Wrong]:
        site = self._site
        for grant in sorted(site.tuples.ours):
            if grant not in site.expected.grants and grant[0] in site.fakes.google.repositories:
                yield Wrong(
                    "leak", grant, frozenset(site.effects.words(grant)), WITHDRAWN, "no access with consent wants it"
                )
        for grant, level in site.expected.grants.items():
            if level is not Level.MUST or grant[0] not in site.fakes.google.repositories:
                continue
            if grant not in site.tuples.present(grant[0]):
                accesses = frozenset(site.expected.wanted_by[grant])
                words = frozenset().union(*(self._words(Kind.ACCESS, key) for key in accesses))
                yield Wrong("grant", grant, words, MISSING, "it is missing", accesses)

    def _secret(self, place: Place, wish: SecretWish) -> Iterator[Wrong]:
        site = self._site
        stored = site.cluster.secrets.get(place)
        claims = frozenset(key for key, *_ in wish.claims)
        words = frozenset().union(*(self._words(Kind.ACCESS, key) for key in claims))
        if stored is None or stored.type != SECRET_TYPE:
            if wish.level is Level.MUST and stored is None:
                yield Wrong("secret", place, words, MISSING, "it is missing", claims)
            return
        words |= {self._owners[place]}
        known = site.fakes.tokens.minted.get(token_of(stored.data) or "")
        accounts = {account for *_, account in wish.claims}
        if known is None and not credential.has_none(stored):
            yield Wrong("secret", place, words, MISSING, "it holds no token that was minted", claims)
        elif known is not None and known[1].expires <= site.wall.now() and self._refreshed(known[0], accounts):
            ago = (site.wall.now() - known[1].expires).total_seconds()
            yield Wrong("expired", place, words, EXPIRED, f"the token expired {ago:.0f} s ago")
        if len(claims) == 1:
            yield from self._uploads(place, wish, next(iter(claims)), uploads_of(stored.data))
        if wish.level is Level.MUST and len(wish.claims) == 1:
            spec = site.cluster.objects[Kind.ACCESS, wish.claims[0][0]]["spec"]
            for text in (*self._content(wish.claims[0], stored.data), *credential.wrong(stored, spec)):
                yield Wrong("secret", place, words, MISSING, text, claims)

    def _uploads(self, place: Place, wish: SecretWish, access: ObjectKey, found: str | None) -> Iterator[Wrong]:
        """Whether a Secret names only a repository for uploads whose owner allows it."""
        expected = self._site.expected.uploads.get(access)
        if expected is None:
            return
        words, claims = self._words(Kind.ACCESS, access), frozenset({access})
        if found is not None and found not in expected.allowed:
            yield Wrong("uploads", place, words, WITHDRAWN, f"no consent to name {found}", claims)
        elif wish.level is Level.MUST and expected.must is not None and found != expected.must:
            yield Wrong("secret", place, words, MISSING, f"uploads go to {found}", claims)

    def _refreshed(self, identity: Identity, accounts: set[tuple[str, str]]) -> bool:
        """Whether a Secret with such a token is refreshed: its ServiceAccount exists, and it has its grant."""
        google, member = self._site.fakes.google, self._site.fakes.workload.member(identity)
        stands = any(google.granted(parsed(full), member) for full in google.repositories)
        return stands and bool(accounts & self._site.cluster.service_accounts)

    def _content(self, claim: tuple[ObjectKey, str, bool, Account], data: dict[str, str]) -> Iterator[str]:
        access, url, uploads, account = claim
        identity = self._site.fakes.tokens.minted.get(token_of(data) or "", (None,))[0]
        if data.get("index-url") != url:
            yield f"index-url is {data.get('index-url')}"
        if access not in self._site.expected.uploads and (".pypirc" in data) is not (
            uploads and self._writable(access)
        ):
            yield f"it has {sorted(data)}"
        if identity is not None and (identity.namespace, identity.service_account) != account:
            yield f"its token is that of {identity}"

    def _writable(self, key: ObjectKey) -> bool:
        reference = self._site.cluster.objects[Kind.ACCESS, key]["spec"].get("repositoryRef", {})
        target = ObjectKey(reference.get("namespace", key.namespace), reference.get("name", ""))
        repository = self._site.expected.repositories.get(target)
        return repository is not None and repository.spec.get("mode", "Standard") == "Standard"

    def _strays(self) -> Iterator[Wrong]:
        for place, stored in self._site.cluster.secrets.items():
            if stored.type == SECRET_TYPE and place not in self._site.expected.secrets and place not in self.doubtful:
                names = {f"{place[0]}/{stored.fields.get('.metadata.labels.wheelhouse.dev/access', '')}", place[0]}
                yield Wrong("stray", place, frozenset(names), WITHDRAWN, "no access with consent wants this Secret")

    def _conditions(self) -> Iterator[Wrong]:
        for (kind, key), level in self._site.expected.ready.items():
            body: dict[str, Any] = self._site.cluster.objects.get((kind, key), {})
            if not body or level is Level.MAY:
                continue
            ready = ready_of(body)
            current = _mapping(body.get("status")).get("observedGeneration") == body["metadata"]["generation"]
            words, name = self._words(kind, key), (kind.kind, str(key))
            true = ready.get("status") == "True"
            if level is Level.NO and true and current:
                yield Wrong("claims", name, words, UNTRUE, "it is Ready and should not be")
            if level is Level.MUST and not (true and current):
                why = f"{ready.get('reason')} {ready.get('message')}" if current else "observedGeneration is old"
                yield Wrong("unready", name, words, MISSING, why)

    def _contests(self) -> Iterator[Wrong]:
        for place, keys in self._site.expected.contests.items():
            bodies = {key: self._site.cluster.objects[Kind.ACCESS, key] for key in keys}
            ready = sorted(str(key) for key, body in bodies.items() if ready_of(body).get("status") == "True")
            if len(ready) != 1:
                words = frozenset().union(*(self._words(Kind.ACCESS, key) for key in keys))
                yield Wrong("contest", place, words, MISSING, f"one of {len(keys)} has it, and Ready are {ready}")

    def _recorded(self) -> Iterator[Wrong]:
        """What a status records of the repository, and of our grants in its policy."""
        site = self._site
        for repository in site.expected.repositories.values():
            body = site.cluster.objects.get((Kind.REPOSITORY, repository.key))
            if body is None or repository.ready is not Level.MUST or repository.full is None:
                continue
            status, words = _mapping(body.get("status")), self._words(Kind.REPOSITORY, repository.key)
            if (status.get("repository"), status.get("indexURL")) != (repository.full, index_url(repository.full)):
                said = f"it says {status.get('repository')}, {status.get('indexURL')}"
                yield Wrong("status", repository.key, words, MISSING, said, frozenset({repository.key}))
        for grant, accesses in site.expected.wanted_by.items():
            for key in accesses if grant in site.tuples.ours else ():
                body = site.cluster.objects[Kind.ACCESS, key]
                if site.expected.ready[Kind.ACCESS, key] is Level.MUST and grant not in ledger(body):
                    words = self._words(Kind.ACCESS, key)
                    yield Wrong("ledger", (str(key), grant), words, MISSING, "its status does not say that it is ours")

    def _labels(self) -> Iterator[Wrong]:
        """Our labels without their object."""
        keys = [key for (kind, key) in self._site.cluster.objects if kind is Kind.REPOSITORY]
        living = {Ownership.of(CLUSTER, key).digest for key in keys}
        # A release that Google refuses for a long time ends without this, and reports it.
        given_up = [event.note for event in self._site.cluster.events if event.reason == "ReleaseIncomplete"]
        for full, found in self._site.fakes.google.repositories.items():
            mine = found.labels.get(CLUSTER_LABEL) == CLUSTER and full not in self.unsure
            told = any(note.startswith(f"{full} ") for note in given_up)
            if mine and not told and found.labels.get(OBJECT_LABEL) not in living:
                yield Wrong("labels", full, frozenset({full}), inf, "it carries the labels of a deleted object")


def ready_of(body: dict[str, Any]) -> dict[str, Any]:
    """The condition Ready of an object, an empty one if its status is malformed."""
    conditions = _mapping(body.get("status")).get("conditions")
    rows = conditions if isinstance(conditions, list) else []
    return next((row for row in rows if isinstance(row, dict) and row.get("type") == "Ready"), {})


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
