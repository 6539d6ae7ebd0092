"""Which Kubernetes ServiceAccounts exist, and their Google accounts: 10,000 of them in two megabytes."""

from collections.abc import Callable, Iterable

from wheelhouse.domain.objects import ServiceAccount

Changed = Callable[[str, str], None]


class ServiceAccounts:
    """ServiceAccounts of all namespaces; `changed` is called with each one that is added, changed or deleted.

    Nothing is reported for the first complete list: before it all answers are None, and nothing may be decided.
    """

    def __init__(self) -> None:
        self.changed: Changed = lambda _namespace, _name: None
        # One flat dictionary of strings: half the size of one for each namespace, most of which have one or two.
        self._google_accounts: dict[str, str] | None = None

    def exists(self, namespace: str, name: str) -> bool | None:
        """Whether such a ServiceAccount exists; None until the first complete list."""
        return None if self._google_accounts is None else _key(namespace, name) in self._google_accounts

    def google_account(self, namespace: str, name: str) -> str | None:
        """Its annotation `iam.gke.io/gcp-service-account`, empty without one; None if it is not known to exist."""
        return None if self._google_accounts is None else self._google_accounts.get(_key(namespace, name))

    def listed(self, found: Iterable[ServiceAccount]) -> None:
        """Store a complete list: ServiceAccounts that it lacks do not exist."""
        old, new = self._google_accounts, {_key(each.namespace, each.name): each.google_account for each in found}
        self._google_accounts = new
        if old is None:
            return
        for key in old.keys() | new.keys():
            if old.get(key) != new.get(key):
                namespace, _, name = key.partition("/")
                self.changed(namespace, name)

    def seen(self, found: ServiceAccount, *, gone: bool) -> None:
        """Store one that was added, changed or deleted, after the first complete list."""
        if self._google_accounts is None:
            return
        key = _key(found.namespace, found.name)
        old = self._google_accounts.pop(key, None)
        if not gone:
            self._google_accounts[key] = found.google_account
        if old != self._google_accounts.get(key):
            self.changed(found.namespace, found.name)


def _key(namespace: str, name: str) -> str:
    """Neither contains a slash: they are names in Kubernetes."""
    return f"{namespace}/{name}"
