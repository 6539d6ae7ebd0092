"""The act that asks for Secrets in several namespaces."""

import copy
from random import Random

from convergence.interleaved.acts import Users
from convergence.interleaved.stage import PLATFORM, TRAINING, WEB, Spec

from wheelhouse.domain.objects import Kind

_ML = {"namespaceSelector": {"matchLabels": {"team": "ml"}}}
_SHARED = {"identityFrom": "AccessNamespace"}
PLACES: list[Spec] = [
    {},
    _ML,
    _ML | _SHARED,
    {"namespaceSelector": {"matchLabels": {"team": "web"}}, "namespaces": [TRAINING]} | _SHARED,
    {"namespaces": [PLATFORM, TRAINING, WEB]},
    {"namespaces": [TRAINING, WEB]} | _SHARED,
    {"namespaceSelector": {}} | _SHARED,
]
FIELDS = ("namespaces", "namespaceSelector", "identityFrom", "credential")


def spread(users: Users, rnd: Random) -> str | None:
    """Ask for a Secret in other namespaces: allowed in the repository's namespace, refused elsewhere.

    An access without a Secret gets one whose name an access of another namespace has too.
    """

    def change(spec: Spec) -> str:
        accounts = [subject["name"] for subject in spec["subjects"] if subject["kind"] == "ServiceAccount"]
        secret = spec.setdefault("secret", {"name": "trainers"}) | {"serviceAccountName": accounts[0]}
        kept = {name: value for name, value in secret.items() if name not in FIELDS}
        spec["secret"] = kept | copy.deepcopy(rnd.choice(PLACES))
        if rnd.random() < 0.8:
            users.site.cluster.service_accounts |= {(name, accounts[0]) for name in (PLATFORM, TRAINING, WEB)}
        return f"secret {spec['secret']}"

    return users.edit(Kind.ACCESS, rnd, change)
