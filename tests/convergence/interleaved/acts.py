"""The acts of users and administrators: each selects an existing object, changes it, and describes the change."""

import asyncio
import copy
from collections.abc import Callable
from math import inf
from random import Random
from typing import Any

from convergence.interleaved.expectation import malformed
from convergence.interleaved.site import Site
from convergence.interleaved.stage import DATA, NAMESPACES, TRAINING, WEB, Place, Spec, namespaces, subjects

from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.objects import OPT_IN_LABEL, Kind, Namespace

Act = Callable[["Users", Random], str | None]
"""Returns a description of the act, or None if there is no suitable object."""

PATIENCE = 90.0
"""Seconds that `kubectl replace --force` waits for the deletion of the old object."""


class Users:
    """All users who write specs, labels and annotations."""

    def __init__(self, site: Site, objects: dict[Place, Spec]) -> None:
        self.site = site
        self.objects = objects
        """The initial declarations, for acts that restore them."""
        self.turn = 0
        """The next fault, out of all of them."""
        self.busy: set[asyncio.Task[None]] = set()

    def declare(self) -> None:
        """Create missing objects."""
        for (kind, key), spec in self.objects.items():
            if (kind, key) not in self.site.cluster.objects:
                self.put(kind, key, spec)

    def put(self, kind: Kind, key: ObjectKey, spec: Spec, **meta: Any) -> bool:
        """Apply an object; False if the API server rejects it, in a missing or terminating Namespace."""
        namespace = self.site.cluster.namespaces.get(key.namespace)
        if (kind, key) not in self.site.cluster.objects and (namespace is None or namespace.deleting):
            return False
        self.site.cluster.put(kind, key, copy.deepcopy(spec), **meta)
        self.site.acted()
        return True

    def delete(self, kind: Kind, key: ObjectKey) -> None:
        """Delete an object."""
        self.site.cluster.delete(kind, key)
        self.site.acted()

    def living(self, kind: Kind, rnd: Random) -> tuple[ObjectKey, Spec] | None:
        """One object that is not being deleted, and a copy of its spec."""
        found = [
            key
            for (each, key), body in self.site.cluster.objects.items()
            if each is kind and "deletionTimestamp" not in body["metadata"]
        ]
        if not found:
            return None
        key = rnd.choice(found)
        return key, copy.deepcopy(self.site.cluster.objects[kind, key]["spec"])

    def edit(self, kind: Kind, rnd: Random, change: Callable[[Spec], str | None]) -> str | None:
        """Edit the spec of one object."""
        picked = self.living(kind, rnd)
        if picked is None:
            return None
        key, spec = picked
        if malformed(kind, spec) or (done := change(spec)) is None:
            return None
        self.put(kind, key, spec)
        return f"{kind.kind} {key}: {done}"

    async def until(self, reached: Callable[[], bool], patience: float = inf) -> None:
        """Wait until a condition holds, as `kubectl wait` does."""
        end = self.site.seconds + patience
        while self.site.seconds < end:
            if reached():
                return
            await asyncio.sleep(0.5)

    def begin(self, work: Any) -> None:
        """Let one user continue while others act."""
        task = asyncio.create_task(work)
        self.busy.add(task)
        task.add_done_callback(self.busy.discard)


# Repositories


def describe(users: Users, rnd: Random) -> str | None:
    def change(spec: Spec) -> str:
        spec["description"] = rnd.choice(["one", "two", "three"])
        spec["labels"] = rnd.choice([{}, {"team": "a"}, {"team": "b", "env": "x"}])
        return f"description {spec['description']}, labels {spec['labels']}"

    return users.edit(Kind.REPOSITORY, rnd, change)


def consent(users: Users, rnd: Random) -> str | None:
    choices: list[Any] = [
        None,
        {"namespaceSelector": {"matchLabels": {"team": "ml"}}},
        {"namespaces": [TRAINING, WEB, DATA]},
        {"namespaces": [WEB], "roles": ["Reader", "Writer"]},
        {"namespaceSelector": {}},
    ]

    def change(spec: Spec) -> str:
        chosen = rnd.choice(choices)
        spec.pop("accessFrom", None)
        if chosen is not None:
            spec["accessFrom"] = chosen
        return f"accessFrom {chosen}"

    return users.edit(Kind.REPOSITORY, rnd, change)


def observe(users: Users, rnd: Random) -> str | None:
    def change(spec: Spec) -> str:
        spec["managementPolicy"] = "Full" if spec.get("managementPolicy") == "Observe" else "Observe"
        return f"managementPolicy {spec['managementPolicy']}"

    return users.edit(Kind.REPOSITORY, rnd, change)


def read_other(users: Users, rnd: Random) -> str | None:
    def change(spec: Spec) -> str | None:
        if "virtual" in spec:
            listed = users.objects.get((Kind.REPOSITORY, ObjectKey(DATA, "all")), spec)["virtual"]["upstreams"]
            spec["virtual"] = {"upstreams": rnd.sample(listed, rnd.randint(0, len(listed)))}
            return f"upstreams {[upstream['name'] for upstream in spec['virtual']['upstreams']]}"
        if "remote" in spec:
            version = f"projects/acme-data/secrets/up/versions/{rnd.randint(1, 3)}"
            spec["remote"].pop("credentials", None)
            if rnd.random() < 0.7:
                spec["remote"]["credentials"] = {"username": "u", "passwordSecretVersion": version}
            return f"credentials {spec['remote'].get('credentials')}"
        return None

    return users.edit(Kind.REPOSITORY, rnd, change)


def delete_repository(users: Users, rnd: Random) -> str | None:
    picked = users.living(Kind.REPOSITORY, rnd)
    if picked is None:
        return None
    key, spec = picked
    policy = rnd.choice(["Orphan", "Orphan", "Delete", "DeleteIfEmpty"])
    if not malformed(Kind.REPOSITORY, spec):
        users.put(Kind.REPOSITORY, key, spec | {"deletionPolicy": policy})
    users.delete(Kind.REPOSITORY, key)
    return f"delete PythonRepository {key} ({policy})"


def replace(users: Users, rnd: Random) -> str | None:
    """`kubectl replace --force`: delete, wait for the deletion, create; sometimes with another object name."""
    kind = rnd.choice([Kind.REPOSITORY, Kind.REPOSITORY, Kind.ACCESS])
    picked = users.living(kind, rnd)
    if picked is None:
        return None
    key, spec = picked
    other = kind is Kind.REPOSITORY and rnd.random() < 0.3
    new = ObjectKey(key.namespace, f"{key.name}-2") if other else key
    if other:
        spec = spec | {"repositoryId": spec.get("repositoryId", key.name)}

    async def work() -> None:
        await users.until(lambda: (kind, key) not in users.site.cluster.objects, PATIENCE)
        if (kind, new) not in users.site.cluster.objects and users.put(kind, new, spec):
            users.site.note(f"created {kind.kind} {new}")

    users.delete(kind, key)
    users.begin(work())
    return f"replace {kind.kind} {key} by {new}"


# Accesses


def change_role(users: Users, rnd: Random) -> str | None:
    def change(spec: Spec) -> str:
        spec["role"] = "Reader" if spec.get("role") == "Writer" else "Writer"
        return f"role {spec['role']}"

    return users.edit(Kind.ACCESS, rnd, change)


def change_subjects(users: Users, rnd: Random) -> str | None:
    def change(spec: Spec) -> str:
        first = next((s["name"] for s in spec["subjects"] if s["kind"] == "ServiceAccount"), "other")
        groups = tuple(rnd.sample(["readers", "writers", "others"], rnd.randint(0, 2)))
        spec["subjects"] = subjects(first, groups=groups)
        return f"subjects {[subject['name'] for subject in spec['subjects']]}"

    return users.edit(Kind.ACCESS, rnd, change)


PLACES: list[Spec] = [
    {"kind": "ServiceAccount", "name": "reader", "namespace": WEB},
    {"kind": "ServiceAccount", "name": "reader", "namespaceSelector": {"matchLabels": {"team": "ml"}}},
    {
        "kind": "ServiceAccount",
        "name": "reader",
        "namespaceSelector": {"matchExpressions": [{"key": "team", "operator": "NotIn", "values": ["ml"]}]},
    },
    {
        "kind": "ServiceAccount",
        "name": "reader",
        "namespaceSelector": {"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "Exists"}]},
    },
    {
        "kind": "Principal",
        "name": "principalSet://iam.googleapis.com/projects/7/locations/global/workloadIdentityPools/ci-pool/group/ci",
    },
    {
        "kind": "Principal",
        "name": "principal://iam.googleapis.com/projects/7/locations/global/workloadIdentityPools/"
        "other-project.svc.id.goog/subject/ns/web/sa/reader",
    },
]
"""Subjects outside the access's own namespace."""


def change_places(users: Users, rnd: Random) -> str | None:
    """Add subjects of other namespaces and pools: allowed in the repository's namespace, refused elsewhere."""

    def change(spec: Spec) -> str:
        kept = [subject for subject in spec["subjects"] if subject not in PLACES]
        spec["subjects"] = kept + copy.deepcopy(rnd.sample(PLACES, rnd.randint(0, 3)))
        return f"subjects {spec['subjects']}"

    return users.edit(Kind.ACCESS, rnd, change)


def change_secret(users: Users, rnd: Random) -> str | None:
    def change(spec: Spec) -> str:
        # A Secret's name cannot be changed, but it can be removed and another one be added.
        if spec.pop("secret", None) is not None:
            return "no secret"
        accounts = [subject["name"] for subject in spec["subjects"] if subject["kind"] == "ServiceAccount"]
        spec["secret"] = {"name": rnd.choice(["pip", "trainers", "own"]), "serviceAccountName": accounts[0]}
        return f"secret {spec['secret']['name']}"

    return users.edit(Kind.ACCESS, rnd, change)


def request(users: Users, rnd: Random) -> str | None:
    picked = users.living(rnd.choice(list(Kind)), rnd)
    if picked is None:
        return None
    key = picked[0]
    kind = next(kind for kind in Kind if (kind, key) in users.site.cluster.objects)
    asked = {"wheelhouse.dev/requested-at": str(rnd.random())}
    users.put(kind, key, users.site.cluster.objects[kind, key]["spec"], annotations=asked)
    return f"requested-at on {kind.kind} {key}"


def delete_access(users: Users, rnd: Random) -> str | None:
    picked = users.living(Kind.ACCESS, rnd)
    if picked is None:
        return None
    users.delete(Kind.ACCESS, picked[0])
    return f"delete RepositoryAccess {picked[0]}"


# Both


def suspend(users: Users, rnd: Random) -> str | None:
    def change(spec: Spec) -> str:
        spec["suspend"] = not spec.get("suspend", False)
        return f"suspend {spec['suspend']}"

    return users.edit(rnd.choice(list(Kind)), rnd, change)


def break_spec(users: Users, rnd: Random) -> str | None:
    """A spec that no longer parses, as after a change of the operator or of a rule."""
    kind = rnd.choice(list(Kind))
    ways: dict[Kind, list[Spec]] = {
        Kind.REPOSITORY: [{"accessFrom": "everyone"}, {"mode": "Imaginary"}],
        Kind.ACCESS: [{"role": "Emperor"}, {"subjects": "everybody"}],
    }

    def change(spec: Spec) -> str:
        broken = rnd.choice(ways[kind])
        spec.update(broken)
        return f"malformed: {broken}"

    return users.edit(kind, rnd, change)


def newer_field(users: Users, rnd: Random) -> str | None:
    """A field of a later version, which this version must ignore."""

    def change(spec: Spec) -> str:
        spec["laterField"] = {"a": 1}
        return "a field of a later version"

    return users.edit(rnd.choice(list(Kind)), rnd, change)


def put_back(users: Users, rnd: Random) -> str | None:
    """Restore the initial declaration, or create it again."""
    kind, key = rnd.choice(list(users.objects))
    body = users.site.cluster.objects.get((kind, key))
    if (body and "deletionTimestamp" in body["metadata"]) or not users.put(kind, key, users.objects[kind, key]):
        return None
    return f"restored {kind.kind} {key}"


# Namespaces


def _change(users: Users, rnd: Random, change: Callable[[Namespace], tuple[Namespace, str]]) -> str | None:
    living = [namespace for namespace in users.site.cluster.namespaces.values() if not namespace.deleting]
    if not living:
        return None
    namespace, done = change(rnd.choice(living))
    users.site.cluster.change_namespace(namespace)
    users.site.acted()
    return f"Namespace {namespace.name}: {done}"


def relabel(users: Users, rnd: Random) -> str | None:
    def change(namespace: Namespace) -> tuple[Namespace, str]:
        team = rnd.choice(["ml", "web", "other"])
        return _with(namespace, labels={**namespace.labels, "team": team}), f"team={team}"

    return _change(users, rnd, change)


def opt(users: Users, rnd: Random) -> str | None:
    def change(namespace: Namespace) -> tuple[Namespace, str]:
        labels = dict(namespace.labels)
        if labels.pop(OPT_IN_LABEL, None) is None:
            labels[OPT_IN_LABEL] = "enabled"
        return _with(namespace, labels=labels), "opted in" if OPT_IN_LABEL in labels else "opted out"

    return _change(users, rnd, change)


def allow_projects(users: Users, rnd: Random) -> str | None:
    def change(namespace: Namespace) -> tuple[Namespace, str]:
        projects = rnd.choice([(), ("acme-packages",), ("acme-data", "acme-packages"), ("acme-data",)])
        return _with(namespace, projects=projects), f"projects {projects}"

    return _change(users, rnd, change)


def allow_secrets(users: Users, rnd: Random) -> str | None:
    def change(namespace: Namespace) -> tuple[Namespace, str]:
        secrets = () if namespace.upstream_secrets else ("projects/acme-data/secrets/up",)
        return _with(namespace, upstream_secrets=secrets), f"upstream-secrets {secrets}"

    return _change(users, rnd, change)


def accounts(users: Users, rnd: Random) -> str | None:
    account = rnd.choice(sorted(users.site.cluster.service_accounts))
    users.site.cluster.service_accounts.discard(account)
    users.site.acted()

    async def work() -> None:
        await asyncio.sleep(rnd.choice([1.0, 60.0, 1000.0]))
        users.site.cluster.service_accounts.add(account)
        users.site.tamper([account[0]], 900.0)
        users.site.note(f"ServiceAccount {account} is back")
        users.site.acted()

    users.begin(work())
    return f"delete ServiceAccount {account}"


def delete_namespace(users: Users, rnd: Random) -> str | None:
    """A Namespace is deleted with everything in it, and created again with its initial objects."""
    cluster = users.site.cluster
    name = rnd.choice(sorted({key.namespace for _, key in users.objects}))
    if name not in cluster.namespaces or cluster.namespaces[name].deleting:
        return None
    cluster.change_namespace(_with(cluster.namespaces[name], deleting=True))
    inside = [(kind, key) for kind, key in cluster.objects if key.namespace == name]
    for place in [place for place in cluster.secrets if place[0] == name]:
        del cluster.secrets[place]
    for kind, key in inside:
        users.delete(kind, key)
    users.site.acted()

    async def work() -> None:
        def kept() -> bool:  # A restored backup undoes the deletion.
            return name in cluster.namespaces and not cluster.namespaces[name].deleting

        await users.until(lambda: kept() or all(key.namespace != name for _, key in cluster.objects))
        if kept():
            return
        cluster.remove_namespace(name)
        cluster.service_accounts -= {account for account in cluster.service_accounts if account[0] == name}
        users.site.note(f"Namespace {name} is gone")
        users.site.acted()
        await asyncio.sleep(rnd.choice([0.1, 5.0, 60.0]))
        namespaces(users.site)
        users.site.note(f"Namespace {name} is back")
        if rnd.random() < 0.5:
            users.declare()

    users.begin(work())
    return f"delete Namespace {name} with {[str(key) for _, key in inside]}"


def first_state(users: Users, rnd: Random) -> str | None:
    namespaces(users.site)
    users.site.acted()
    return f"Namespaces as at first: {', '.join(NAMESPACES)}"


def _with(namespace: Namespace, **changes: Any) -> Namespace:
    fields = {name: getattr(namespace, name) for name in Namespace.__dataclass_fields__}
    return Namespace(**(fields | changes))


OFTEN: list[Act] = [
    describe,
    consent,
    consent,
    change_role,
    change_subjects,
    change_secret,
    delete_access,
    delete_repository,
    put_back,
    put_back,
    put_back,
    relabel,
    opt,
    first_state,
    first_state,
]
"""Common acts."""
SELDOM: list[Act] = [
    observe,
    suspend,
    break_spec,
    newer_field,
    replace,
    request,
    read_other,
    allow_projects,
    allow_secrets,
    accounts,
    delete_namespace,
]
"""Rare acts."""
