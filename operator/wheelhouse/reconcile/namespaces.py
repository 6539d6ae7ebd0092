"""The namespaces of the cluster, and which of them a label selector matches."""

from collections.abc import Collection

from wheelhouse.domain.objects import Namespace, Selector

REMEMBERED = 1024
"""How many selectors are remembered; a forgotten one is computed again."""


class Namespaces:
    """All namespaces by name.

    A selector is evaluated for all namespaces once, and then only for those that change: 1,000 accesses with selectors
    must not cost 1,000 comparisons each in every pass.
    """

    def __init__(self) -> None:
        self._all: dict[str, Namespace] = {}
        self._selected: dict[Selector, tuple[str, ...]] = {}
        self._living = 0
        self._version = 0

    @property
    def version(self) -> int:
        """A number that grows with every change of a namespace."""
        return self._version

    def get(self, name: str) -> Namespace | None:
        """A Namespace."""
        return self._all.get(name)

    def ending(self, name: str) -> bool:
        """Whether a Namespace is being deleted: then Kubernetes creates no object in it, not even an Event."""
        namespace = self._all.get(name)
        return namespace is not None and namespace.deleting

    def names(self) -> Collection[str]:
        """The names of all namespaces."""
        return list(self._all)

    def selected(self, selector: Selector) -> tuple[str, ...]:
        """The namespaces that a selector matches, sorted by name, without those that are being deleted."""
        found = self._selected.get(selector)
        if found is None:
            found = tuple(sorted(name for name, each in self._all.items() if _matches(selector, each)))
            if len(self._selected) >= REMEMBERED:
                del self._selected[next(iter(self._selected))]
            self._selected[selector] = found
        return found

    def selects_all(self, selector: Selector) -> bool:
        """Whether a selector matches every namespace, the cluster's own among them."""
        return len(self.selected(selector)) == self._living

    def store(self, namespace: Namespace) -> None:
        """Add or replace a Namespace."""
        old = self._all.get(namespace.name)
        self._all[namespace.name] = namespace
        self._version += old != namespace
        self._changed(old, namespace)

    def remove(self, name: str) -> bool:
        """Remove a Namespace; return whether it was known."""
        old = self._all.pop(name, None)
        self._version += old is not None
        self._changed(old, None)
        return old is not None

    def _changed(self, old: Namespace | None, new: Namespace | None) -> None:
        if old is not None and new is not None and (old.labels, old.deleting) == (new.labels, new.deleting):
            return  # Each resync stores all namespaces again.
        self._living += _lives(new) - _lives(old)
        for selector, names in self._selected.items():
            before, after = _matches(selector, old), _matches(selector, new)
            if after and not before and new is not None:
                self._selected[selector] = tuple(sorted((*names, new.name)))
            elif before and not after and old is not None:
                self._selected[selector] = tuple(name for name in names if name != old.name)


def selection_changed(selector: Selector, old: Namespace | None, new: Namespace | None) -> bool:
    """Whether a change of one namespace changes what a selector matches."""
    return _matches(selector, old) != _matches(selector, new)


def _lives(namespace: Namespace | None) -> bool:
    return namespace is not None and not namespace.deleting


def _matches(selector: Selector, namespace: Namespace | None) -> bool:
    return namespace is not None and not namespace.deleting and selector.matches(namespace.labels)
