"""The initial objects of a run's users."""

import copy
from collections.abc import Mapping
from random import Random
from typing import Any

from convergence.interleaved.site import Site

from wheelhouse.domain.iam import Binding, Policy
from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.objects import Kind

Spec = dict[str, Any]
Place = tuple[Kind, ObjectKey]

PLATFORM, TRAINING, WEB, DATA = "data-platform", "ml-training", "web", "analytics"
NAMESPACES: Mapping[str, Mapping[str, Any]] = {
    PLATFORM: {"projects": "acme-packages", "opted_in": True},
    TRAINING: {"opted_in": True, "team": "ml"},
    WEB: {"opted_in": True, "team": "web"},
    DATA: {"projects": "acme-packages, acme-data", "secrets": "projects/acme-data/secrets/up", "opted_in": True},
}
ACCOUNTS = {(PLATFORM, "writer"), (PLATFORM, "other"), (TRAINING, "reader"), (WEB, "reader"), (DATA, "reader")}

WHEELS, TOOLS = ObjectKey(PLATFORM, "wheels"), ObjectKey(PLATFORM, "tools")
MIRROR, ALL = ObjectKey(DATA, "mirror"), ObjectKey(DATA, "all")
AUDITORS = "group:auditors@acme.example"
"""A member that only others grant."""


def repository(key: ObjectKey) -> RepositoryName:
    """The repository of a PythonRepository in the stage."""
    return RepositoryName("acme-packages", "us-central1", key.name)


def subjects(*accounts: str, groups: tuple[str, ...] = ()) -> list[dict[str, str]]:
    """Subjects of an access."""
    named = [{"kind": "ServiceAccount", "name": name} for name in accounts]
    return named + [{"kind": "GoogleGroup", "name": f"{name}@acme.example"} for name in groups]


def _reads(key: ObjectKey, **more: Any) -> Spec:
    return {"repositoryRef": {"name": key.name, "namespace": key.namespace}, "subjects": subjects("reader"), **more}


OBJECTS: Mapping[Place, Spec] = {
    (Kind.REPOSITORY, WHEELS): {
        "location": "us-central1",
        "description": "wheels",
        "accessFrom": {"namespaceSelector": {"matchLabels": {"team": "ml"}}},
    },
    (Kind.ACCESS, ObjectKey(PLATFORM, "writers")): {
        "repositoryRef": {"name": "wheels"},
        "role": "Writer",
        "subjects": subjects("writer", groups=("writers",)),
        "secret": {"name": "upload", "serviceAccountName": "writer"},
    },
    (Kind.ACCESS, ObjectKey(TRAINING, "trainers")): _reads(WHEELS, secret={"name": "trainers"}),
    (Kind.ACCESS, ObjectKey(TRAINING, "reviewers")): _reads(WHEELS, secret={"name": "reviewers"}),
    (Kind.ACCESS, ObjectKey(PLATFORM, "people")): {
        "repositoryRef": {"name": "wheels"},
        "subjects": subjects("other", groups=("readers", "writers")),
    },
    (Kind.REPOSITORY, TOOLS): {
        "location": "us-central1",
        "labels": {"team": "platform"},
        "accessFrom": {"namespaces": [WEB, DATA], "roles": ["Reader", "Writer"]},
        "adoptionPolicy": "IfUnmanaged",
    },
    (Kind.ACCESS, ObjectKey(WEB, "web")): _reads(TOOLS, role="Writer", secret={"name": "pip"}),
    (Kind.ACCESS, ObjectKey(WEB, "rival")): _reads(TOOLS, secret={"name": "pip"}),
    (Kind.REPOSITORY, MIRROR): {
        "location": "us-central1",
        "mode": "Remote",
        "remote": {
            "url": "https://up.example.com/simple/",
            "credentials": {"username": "u", "passwordSecretVersion": "projects/acme-data/secrets/up/versions/1"},
        },
    },
    (Kind.REPOSITORY, ALL): {
        "location": "us-central1",
        "mode": "Virtual",
        "virtual": {
            "upstreams": [
                {"name": "tools", "priority": 2, "repositoryRef": {"name": "tools", "namespace": PLATFORM}},
                {"name": "mirror", "priority": 1, "repositoryRef": {"name": "mirror"}},
            ]
        },
    },
    (Kind.ACCESS, ObjectKey(DATA, "readers")): _reads(ALL, secret={"name": "pip-config"}),
}
"""Users declare some of these: each depends only on earlier ones."""

NEEDS: Mapping[ObjectKey, set[ObjectKey]] = {ALL: {TOOLS, MIRROR}}


def chosen(rnd: Random, about: ObjectKey | None) -> dict[Place, Spec]:
    """The objects of the users in one run: one or more repositories, and their accesses."""
    keys = {about or rnd.choice([WHEELS, WHEELS, TOOLS, ALL])} | {
        key for key in (WHEELS, TOOLS, MIRROR) if rnd.random() < 0.2
    }
    keys |= {needed for key in keys for needed in NEEDS.get(key, ())}
    picked = {}
    for (kind, key), spec in OBJECTS.items():
        reference = spec.get("repositoryRef", {})
        target = ObjectKey(reference.get("namespace", key.namespace), reference.get("name", ""))
        if (kind is Kind.REPOSITORY and key in keys) or (target in keys and rnd.random() < 0.8):
            picked[kind, key] = copy.deepcopy(spec)
    return picked


def namespaces(site: Site) -> None:
    """The initial Namespaces and ServiceAccounts."""
    for name, fields in NAMESPACES.items():
        if name not in site.cluster.namespaces or not site.cluster.namespaces[name].deleting:
            site.cluster.put_namespace(name, **fields)
    site.cluster.service_accounts |= ACCOUNTS
    site.changed()


def strangers(site: Site, name: RepositoryName) -> None:
    """Another client adds its own grant, in a binding and in one with a condition."""
    policy = site.fakes.google.policy(name)
    role = "roles/artifactregistry.reader"
    bindings = (
        *policy.bindings,
        Binding(role, (AUDITORS,)),
        Binding(role, (AUDITORS, "user:night@acme.example"), {"title": "hours", "expression": "true"}),
    )
    site.plant_policy(name, Policy(policy.etag, 3, bindings))
