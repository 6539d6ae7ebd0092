"""Which Secrets changed so that they need a check: a trigger for the sweep, and never a finding by itself."""

from collections.abc import Callable, Sequence

from wheelhouse.domain.secret import SeenSecret


class SecretWatch:
    """Receives the metadata of Secrets.

    A refresh changes the values of fields and not who owns them, so the operator's own writes trigger nothing. A
    person's edit takes over fields, and a Secret that was created again has another uid.

    Args:
        doubt: called with the namespace and the name of a Secret that may be deleted or edited.
    """

    def __init__(self, doubt: Callable[[str, str], None]) -> None:
        self._doubt = doubt
        self._known: dict[tuple[str, str], tuple[str, int]] | None = None

    def listed(self, found: Sequence[SeenSecret]) -> None:
        """Store a complete list. The first one shows no change: the sweep checks all Secrets after a start."""
        before, self._known = self._known, {_place(each): _state(each) for each in found}
        for place, state in (before or {}).items():
            if self._known.get(place) != state:
                self._doubt(*place)

    def seen(self, found: SeenSecret, *, gone: bool) -> None:
        """Store a Secret that was added, changed or deleted, or that lost the label."""
        if self._known is None:
            return
        place, state = _place(found), _state(found)
        before = self._known.pop(place, None)
        if not gone:
            self._known[place] = state
        if gone or before not in {None, state}:
            self._doubt(*place)


def _place(found: SeenSecret) -> tuple[str, str]:
    return found.namespace, found.name


def _state(found: SeenSecret) -> tuple[str, int]:
    return found.uid, found.owned
