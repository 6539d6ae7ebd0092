"""What others change besides specs: policies and repositories in Google, Secrets, statuses and finalizers."""

import asyncio
from dataclasses import replace
from random import Random
from typing import Any

from convergence.interleaved.acts import Act, Users
from convergence.interleaved.expectation import Granted
from convergence.interleaved.stage import AUDITORS
from convergence.interleaved.tuples import ledger, parsed

from wheelhouse.domain.iam import Binding, Grant, Policy
from wheelhouse.domain.objects import FINALIZER, Kind
from wheelhouse.domain.repository import CLUSTER_LABEL, OBJECT_LABEL
from wheelhouse.domain.secret import SECRET_TYPE

DRIFT = 900.0
"""Seconds until the operator has checked for drift, and restored what it found."""
SWEPT = 900.0
"""Seconds until a Secret is right again. Two minutes with the sweep; without it, never before the next token."""
REWRITTEN = 400.0
"""Seconds until a status is right again."""

FORGED: dict[str, list[Any]] = {
    "repository": ["projects/acme-packages/locations/us-central1/repositories/victim", "nonsense", 7, [], None],
    "indexURL": ["https://evil.example/simple/", "http://[", 1],
    "uploadURL": ["https://evil.example/", {}],
    "mode": ["Virtual", "Imaginary", 3],
    "observedGeneration": [-1, 10**6, "two"],
    "createTime": ["1970-01-01T00:00:00Z", "soon"],
    "operation": [
        {"name": "projects/p/locations/l/operations/x", "kind": "Delete", "startTime": "2026-01-01T00:00:00Z"},
        "soon",
    ],
    "grants": [
        [],
        None,
        "none",
        [1, {"role": 2}],
        [{"role": "roles/artifactregistry.reader", "member": AUDITORS, "state": "Granted"}],
        [{"role": "roles/owner", "member": "user:mallory@evil.example", "state": "Granted"}],
    ],
    "repositoryCreateTime": ["1970-01-01T00:00:00Z"],
    "secret": [
        None,
        [],
        {"name": "other", "namespaces": ["kube-system"]},
        {"name": "pip", "namespaces": "all", "current": "x"},
        {"name": "pip-config", "expirationTime": "2096-01-01T00:00:00Z", "refreshTime": "2096-01-01T00:00:00Z"},
        {"name": "trainers", "expirationTime": "soon", "refreshTime": 5},
    ],
    "conditions": [
        [],
        None,
        "fine",
        [{"type": "Ready", "status": "True", "reason": "Ready"}],
        [{"type": "Ready", "status": "True", "reason": "Invented", "lastTransitionTime": "never"}, 5, {"type": 3}],
    ],
    "accessSummary": [{"accesses": -1}, "many"],
    "lastHandledRequest": [[], "x" * 300],
}
"""What another client may write into a status; None removes the field."""


def forge(users: Users, rnd: Random) -> str | None:
    """A status that another client wrote; grants that its ledger no longer has look like others' grants."""
    cluster = users.site.cluster
    if not cluster.objects:
        return None
    kind, key = rnd.choice(list(cluster.objects))
    body = cluster.objects[kind, key]
    before, held = ledger(body), _secret(body)
    status = body["status"] if isinstance(body.get("status"), dict) else {}
    made = status.get("repositoryCreateTime")
    if rnd.random() < 0.2:
        body["status"] = rnd.choice([{}, None, [], "fine"])
        done = f"status {body['status']!r}"
    else:
        name = rnd.choice(list(FORGED))
        value = rnd.choice(FORGED[name])
        body["status"] = {field: text for field, text in status.items() if field != name}
        if value is not None:
            body["status"][name] = value
        done = f"status.{name} {value!r}"
    # A ledger about another repository with that name does not concern this one.
    same = isinstance(body["status"], dict) and body["status"].get("repositoryCreateTime") == made
    users.site.tuples.doubt(before - ledger(body) if same else before)
    at_home = body["spec"].get("repositoryRef", {}).get("namespace", key.namespace) == key.namespace
    _doubt_forged(users, ledger(body) - before, any_member=at_home)
    if held is not None and _secret(body) != held:
        users.site.standing.doubtful.add((key.namespace, held))
    if kind is Kind.REPOSITORY:
        users.site.standing.unsure |= {name.full for name in map(parsed, users.site.fakes.google.repositories)}
    cluster.touch(body)
    users.site.tamper({str(key)}, REWRITTEN)
    users.site.acted()
    return f"forged on {kind.kind} {key}: {done}"


def _doubt_forged(users: Users, claimed: set[Granted], *, any_member: bool) -> None:
    """An entry that the access could have made looks like one that it made: in the repository's namespace, any."""
    wanted = set(users.site.expected.grants)
    users.site.tuples.doubtful |= claimed if any_member else claimed & wanted


def _secret(body: dict[str, Any]) -> str | None:
    status = body.get("status")
    secret = status.get("secret") if isinstance(status, dict) else None
    return secret.get("name") if isinstance(secret, dict) and isinstance(secret.get("name"), str) else None


def strip(users: Users, rnd: Random) -> str | None:
    """Our finalizer is removed, and sometimes the object deleted with it."""
    cluster = users.site.cluster
    held = [place for place, body in cluster.objects.items() if FINALIZER in body["metadata"].get("finalizers", ())]
    if not held:
        return None
    kind, key = rnd.choice(held)
    body = cluster.objects[kind, key]
    body["metadata"]["finalizers"] = []
    cluster.touch(body)
    users.site.tamper({str(key)}, REWRITTEN)
    users.site.stripped(kind, body)
    deleted = rnd.random() < 0.6
    if deleted or "deletionTimestamp" in body["metadata"]:
        users.delete(kind, key)
    users.site.acted()
    return f"finalizer stripped from {kind.kind} {key}" + (", deleted" if deleted else "")


def write_policy(users: Users, rnd: Random) -> str | None:
    """Another client adds grants, or removes some, including ours."""
    google = users.site.fakes.google
    if not google.repositories:
        return None
    name = parsed(rnd.choice(sorted(google.repositories)))
    policy = google.policy(name)
    if rnd.random() < 0.4 and policy.grants():
        gone = rnd.choice(sorted(policy.grants()))
        bindings = tuple(each for each in (_without(binding, gone) for binding in policy.bindings) if each.members)
        done = f"took {gone} away"
    else:
        member = rnd.choice([AUDITORS, f"user:p{rnd.randint(1, 3)}@acme.example", "deleted:user:x@acme.example?uid=1"])
        role = rnd.choice(["roles/artifactregistry.reader", "roles/artifactregistry.writer", "roles/viewer"])
        condition = {"title": "hours", "expression": "true"} if rnd.random() < 0.3 else None
        bindings = _with(policy.bindings, Binding(role, (member,), condition))
        done = f"added {role} {member}" + (" with a condition" if condition else "")
    version = 3 if any(binding.condition for binding in bindings) else 1
    users.site.plant_policy(name, Policy(policy.etag, version, bindings))
    users.site.tamper({name.full}, DRIFT)
    users.site.acted()
    return f"another client {done} on {name.repository_id}"


def take_grant(users: Users, rnd: Random) -> str | None:
    """Another client adds a grant that an access requests, at the same time."""
    grants = [grant for grant in users.site.expected.grants if grant[0] in users.site.fakes.google.repositories]
    if not grants:
        return None
    full, role, member = rnd.choice(sorted(grants))
    name = parsed(full)
    policy = users.site.fakes.google.policy(name)
    users.site.plant_policy(name, Policy(policy.etag, policy.version, _with(policy.bindings, Binding(role, (member,)))))
    users.site.acted()
    return f"another client granted {role} {member} on {name.repository_id}"


def change_repository(users: Users, rnd: Random) -> str | None:
    """A person edits a repository in the console: a declared field, or our labels."""
    google = users.site.fakes.google
    if not google.repositories:
        return None
    full = rnd.choice(sorted(google.repositories))
    found = google.repositories[full]
    way = rnd.choice(["description", "label", "ours"])
    settings = found.settings
    if way == "description":
        settings = replace(settings, description="drifted")
    elif way == "label":
        settings = replace(settings, labels={**settings.labels, "theirs": "stays"})
    else:
        kept = {name: text for name, text in settings.labels.items() if name not in {CLUSTER_LABEL, OBJECT_LABEL}}
        settings = replace(settings, labels=kept)
        users.site.standing.taken.add(full)
    google.repositories[full] = replace(found, settings=settings)
    users.site.tamper({full}, DRIFT)
    users.site.acted()
    return f"another client changed {way} of {found.name.repository_id}"


def delete_in_google(users: Users, rnd: Random) -> str | None:
    """A person deletes a repository in the console, and sometimes creates one with the same name."""
    google = users.site.fakes.google
    if not google.repositories:
        return None
    name = parsed(rnd.choice(sorted(google.repositories)))
    users.site.remove_repository(name)
    again = rnd.random() < 0.4
    if again:
        google.plant(name)
    users.site.tamper({name.full}, DRIFT)
    users.site.acted()
    return f"another client deleted {name.repository_id}" + (" and made another" if again else "")


def edit_secret(users: Users, rnd: Random) -> str | None:
    """A person deletes, edits or freezes a Secret of ours, or replaces it with another one."""
    cluster = users.site.cluster
    ours = sorted(place for place, stored in cluster.secrets.items() if stored.type == SECRET_TYPE)
    if not ours:
        return None
    place = rnd.choice(ours)
    stored = cluster.secrets[place]
    way = rnd.choice(["deleted", "edited", "froze", "replaced"])
    match way:
        case "deleted":
            del cluster.secrets[place]
        case "edited":
            stored.edit("kubectl-edit", {".data.index-url": "https://other.example/", ".data.more": "x"})
        case "froze":
            stored.immutable = True
        case _:
            users.site.fakes.secrets.plant(*place, mine="x")
            users.begin(_give_back(users, place, rnd.choice([30.0, 300.0])))
    users.site.tamper(_concerned(users, place), SWEPT)
    users.site.acted()
    return f"another client {way} Secret {'/'.join(place)}"


async def _give_back(users: Users, place: tuple[str, str], seconds: float) -> None:
    await asyncio.sleep(seconds)
    stored = users.site.cluster.secrets.get(place)
    if stored is not None and stored.type != SECRET_TYPE:
        del users.site.cluster.secrets[place]
        users.site.tamper(_concerned(users, place), SWEPT)
        users.site.note(f"the owner of {'/'.join(place)} deleted it")
        users.site.acted()


def _concerned(users: Users, place: tuple[str, str]) -> set[str]:
    wish = users.site.expected.secrets.get(place)
    names = {place[0]} if wish is None else {str(key) for key, *_ in wish.claims}
    return names | {"/".join(place)}


def _without(binding: Binding, gone: tuple[str, str]) -> Binding:
    if binding.condition is not None:
        return binding
    members = tuple(m for m in binding.members if Grant(binding.role, m).identity != gone)
    return replace(binding, members=members)


def _with(bindings: tuple[Binding, ...], new: Binding) -> tuple[Binding, ...]:
    """The bindings with one more tuple, as gcloud adds it; unchanged if it exists."""
    for position, binding in enumerate(bindings):
        if binding.role == new.role and binding.condition == new.condition:
            if new.members[0] in binding.members:
                return bindings
            members = (*binding.members, *new.members)
            return (*bindings[:position], replace(binding, members=members), *bindings[position + 1 :])
    return (*bindings, new)


STATUS: list[Act] = [forge, forge, forge, strip]
"""Edits by others of our objects in Kubernetes."""
GOOGLE: list[Act] = [write_policy, write_policy, take_grant, change_repository, delete_in_google]
"""Edits by others in Google."""
SECRETS: list[Act] = [edit_secret]
"""Edits by others of Secrets."""
