"""The act that asks for a Secret without a token."""

from random import Random

from convergence.interleaved.acts import Users
from convergence.interleaved.credential import KEYRING, wants_none
from convergence.interleaved.stage import Spec

from wheelhouse.domain.objects import Kind


def change_credential(users: Users, rnd: Random) -> str | None:
    """Change a Secret from one with a token to one without, or back; one identity for many namespaces needs tokens."""

    def change(spec: Spec) -> str | None:
        secret = spec.get("secret")
        if secret is None or secret.get("identityFrom") == "AccessNamespace":
            return None
        spec["secret"] = secret | {"credential": "Token" if wants_none(spec) else KEYRING}
        return f"credential {spec['secret']['credential']}"

    return users.edit(Kind.ACCESS, rnd, change)
