"""A Secret with field managers: server-side apply, as far as Wheelhouse can observe it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

TYPE = ".type"
UPDATE = " (Update)"
"""The API server distinguishes an apply from an update, even by the same manager."""


@dataclass(slots=True)
class StoredSecret:
    """Fields by path (`.type`, `.data.KEY`, `.metadata.labels.KEY`, …) and their managers."""

    uid: str
    fields: dict[str, str]
    managers: dict[str, set[str]] = field(default_factory=dict)
    immutable: bool = False
    deleting: bool = False
    version: int = 1
    times: dict[str, datetime] = field(default_factory=dict)
    """When each manager last changed a field by an apply."""

    @property
    def data(self) -> dict[str, str]:
        """The texts by key."""
        return {path.removeprefix(".data."): text for path, text in self.fields.items() if path.startswith(".data.")}

    @property
    def type(self) -> str:
        """The Secret's type."""
        return self.fields.get(TYPE, "Opaque")

    def copy(self) -> "StoredSecret":
        """An independent copy, for dry runs."""
        managers = {name: set(paths) for name, paths in self.managers.items()}
        times = dict(self.times)
        return StoredSecret(self.uid, dict(self.fields), managers, self.immutable, self.deleting, self.version, times)

    def clashes(self, manager: str, wanted: Mapping[str, str]) -> dict[str, set[str]]:
        """Which other managers own wanted fields with another value."""
        differing = {path for path, text in wanted.items() if path in self.fields and self.fields[path] != text}
        found = {name: paths & differing for name, paths in self.managers.items() if name != manager}
        return {name.removesuffix(UPDATE): paths for name, paths in found.items() if paths}

    def apply(self, manager: str, wanted: Mapping[str, str]) -> bool:
        """Set wanted fields, drop those that only this manager owned and no longer wants; whether a field changed."""
        before = dict(self.fields)
        stolen = {path for path, text in wanted.items() if self.fields.get(path) != text}
        for name, paths in self.managers.items():
            if name != manager:
                paths -= stolen
        dropped = self.managers.get(manager, set()) - set(wanted)
        self.managers[manager] = set(wanted)
        for path in dropped:
            if not any(path in paths for paths in self.managers.values()):
                self.fields.pop(path, None)
        self.fields.update(wanted)
        self.managers = {name: paths for name, paths in self.managers.items() if paths}
        self.version += self.fields != before
        return self.fields != before

    def edit(self, manager: str, changes: Mapping[str, str | None]) -> None:
        """Edit as a person does (an Update): changed fields move to `manager`, None removes one."""
        for path, text in changes.items():
            for paths in self.managers.values():
                paths.discard(path)
            if text is None:
                self.fields.pop(path, None)
            else:
                self.fields[path] = text
                self.managers.setdefault(manager + UPDATE, set()).add(path)
        self.version += 1
