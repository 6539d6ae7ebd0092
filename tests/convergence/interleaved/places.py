"""The namespaces where a spec may have its Secrets, and whose tokens they have: from the specification."""

from collections.abc import Collection, Mapping
from typing import Any


def asks(secret: Mapping[str, Any]) -> bool:
    """Whether a Secret's spec says where it is."""
    return bool(secret.get("namespaces")) or "namespaceSelector" in secret


def shared(secret: Mapping[str, Any]) -> bool:
    """Whether all Secrets have the token of the access's own namespace."""
    return not asks(secret) or secret.get("identityFrom") == "AccessNamespace"


def elsewhere(secret: Mapping[str, Any], own: str) -> bool:
    """Whether it asks for other namespaces than the access's."""
    return "namespaceSelector" in secret or any(name != own for name in secret.get("namespaces", ()))


def missing(secret: Mapping[str, Any], namespaces: Mapping[str, Any]) -> bool:
    """Whether it names a namespace that does not exist or has not opted in; one that ends is no error."""
    found = [namespaces.get(name) for name in secret.get("namespaces", ())]
    return any(each is None or not (each.opted_in or each.deleting) for each in found)


def targets(
    secret: Mapping[str, Any], own: str, namespaces: Mapping[str, Any], *, may: bool, ever: Collection[str] = ()
) -> set[str]:
    """The namespaces of a Secret.

    Args:
        secret: its part of the spec.
        own: the access's namespace.
        namespaces: all of them.
        may: whether the access may use others.
        ever: namespaces where it may have been before; empty for those of now.
    """
    if not asks(secret):
        return {own}
    selector = secret.get("namespaceSelector")
    if not may:
        return {own} & set(secret.get("namespaces", ()))
    open_ = {name for name, each in namespaces.items() if each.opted_in and not each.deleting}
    if ever:
        return open_ & set(ever)
    chosen = set(secret.get("namespaces", ()))
    if selector is not None:
        labels = selector.get("matchLabels", {})
        chosen |= {name for name in open_ if labels.items() <= namespaces[name].labels.items()}
    return chosen & open_
