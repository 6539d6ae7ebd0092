"""The namespaces where an access has, or should have, its Secrets."""

from collections.abc import Callable
from dataclasses import dataclass, field

from wheelhouse.domain.access import DesiredAccess, FanOut
from wheelhouse.domain.findings import Check, failed, passed
from wheelhouse.domain.objects import OPT_IN_LABEL, OPT_IN_VALUE, Namespace, Selector
from wheelhouse.domain.reasons import Reason

LIMIT = 5000
"""Secrets of one access: their namespaces must fit into its status."""


@dataclass(frozen=True, slots=True)
class Places:
    """The namespaces of an access's Secrets.

    Attributes:
        names: where a Secret is wanted, sorted.
        missing: namespaces that the spec names, but that do not exist or have not opted in.
        refused: why some of the namespaces are not used; None if all are.
        empty: the finding if no namespace is selected; None otherwise.
        former: those of `names` that only status names, and not the spec: they keep their Secrets while it waits.
        members: `names`, for lookups.
    """

    names: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    refused: Check | None = None
    empty: Check | None = None
    former: frozenset[str] = frozenset()
    members: frozenset[str] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "members", frozenset(self.names))

    @property
    def wanted(self) -> int:
        """How many Secrets the spec requests."""
        return len(self.names) + len(self.missing)


NO_PLACES = Places()
"""Of an access that requests no Secret."""


def places(
    access: DesiredAccess | None,
    ledger: tuple[str, ...],
    selected: Callable[[Selector], tuple[str, ...]],
    namespace: Callable[[str], Namespace | None],
    *,
    paused: bool,
) -> Places:
    """Where an access wants its Secrets now.

    Args:
        access: the desired state; None if nothing of it can be read.
        ledger: the namespaces where it may have one.
        selected: evaluates a selector.
        namespace: looks up a Namespace, also one that is being deleted.
        paused: whether the spec is not applied: then the Secrets stay where they are.
    """
    if access is None or (access.secret is None and not access.partial):
        return NO_PLACES
    own = access.key.namespace
    fan_out = access.secret.fan_out if access.secret is not None else None
    if paused and ledger:
        kept = tuple(name for name in ledger if name == own or may_fan_out(access))
        asked = places(access, (), selected, namespace, paused=False) if access.secret is not None else NO_PLACES
        return Places(kept, former=frozenset(kept) - asked.members - {own})
    if fan_out is None:
        return Places((own,))
    if not may_fan_out(access):
        elsewhere = fan_out.selector is not None or any(name != own for name in fan_out.namespaces)
        fan_out = FanOut(tuple(name for name in fan_out.namespaces if name == own))
        return _limited(fan_out, ledger, selected, namespace, _not_allowed(access) if elsewhere else None)
    return _limited(fan_out, ledger, selected, namespace, None)


def may_fan_out(access: DesiredAccess) -> bool:
    """Whether it may write Secrets into other namespaces: only from the repository's."""
    return access.repository.namespace == access.key.namespace


def not_opted_in(name: str) -> Check:
    """The finding for a namespace that the spec names, and that may not get a Secret."""
    message = f"Namespace {name} does not exist, or has not opted in. Ask its administrator to set the label"
    return failed(
        Reason.NOT_OPTED_IN, f"{message} {OPT_IN_LABEL}={OPT_IN_VALUE}, or remove it from spec.secret.namespaces."
    )


def _limited(
    fan_out: FanOut,
    ledger: tuple[str, ...],
    selected: Callable[[Selector], tuple[str, ...]],
    namespace: Callable[[str], Namespace | None],
    refused: Check | None,
) -> Places:
    found = {name: namespace(name) for name in fan_out.namespaces}
    # A namespace that is being deleted is no error: nothing is left to do there.
    missing = sorted(name for name, each in found.items() if each is None or not (each.opted_in or each.deleting))
    named = {name for name, each in found.items() if each is not None and each.opted_in and not each.deleting}
    names = named.union(selected(fan_out.selector)) if fan_out.selector is not None else named
    if len(names) > LIMIT:
        kept = names.intersection(ledger)
        return Places(tuple(sorted(kept)), tuple(missing), refused or _too_many(len(names)))
    empty = None if names or missing or refused else _EMPTY
    return Places(tuple(sorted(names)), tuple(missing), refused, empty)


def _not_allowed(access: DesiredAccess) -> Check:
    message = (
        "Only an access in the repository's own namespace can write Secrets into other namespaces. Move this "
        f"RepositoryAccess to namespace {access.repository.namespace}, or remove spec.secret.namespaces and "
        "spec.secret.namespaceSelector."
    )
    return failed(Reason.FAN_OUT_NOT_ALLOWED, message)


def _too_many(found: int) -> Check:
    message = (
        f"The spec requests the Secret in {found} namespaces, but at most {LIMIT} can get it. The operator writes no "
        "new Secrets. Select fewer namespaces, or divide them among several RepositoryAccesses."
    )
    return failed(Reason.TOO_MANY_NAMESPACES, message)


_EMPTY = passed(
    Reason.DISTRIBUTED,
    f"No namespace matches spec.secret.namespaceSelector and has the label {OPT_IN_LABEL}={OPT_IN_VALUE}.",
)
