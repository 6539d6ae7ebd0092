"""The acts that ask for uploads to another repository, and that suspend one side."""

from random import Random

from convergence.interleaved.acts import Users
from convergence.interleaved.stage import ALL, MIRROR, TOOLS, WHEELS, Spec

from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.objects import Kind

TARGETS = (TOOLS, TOOLS, TOOLS, WHEELS, WHEELS, ALL, MIRROR, ObjectKey(TOOLS.namespace, "absent"), None)


def refer(users: Users, rnd: Random) -> str | None:
    """Name a repository for uploads, or no longer; most of the time one that may allow it."""

    def change(spec: Spec) -> str | None:
        if "secret" not in spec:
            return None
        spec["secret"].pop("uploadRepositoryRef", None)
        target = rnd.choice(TARGETS)
        if target is not None:
            spec["secret"]["uploadRepositoryRef"] = {"name": target.name, "namespace": target.namespace}
        return f"uploads go to {target}"

    return users.edit(Kind.ACCESS, rnd, change)


def rest(users: Users, rnd: Random) -> str | None:
    """Suspend an access or a Standard repository, or continue."""

    def change(spec: Spec) -> str | None:
        if "virtual" in spec or "remote" in spec:
            return None
        spec["suspend"] = not spec.get("suspend", False)
        return f"suspend {spec['suspend']}"

    return users.edit(rnd.choice(list(Kind)), rnd, change)
