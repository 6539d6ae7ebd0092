"""What the units found, in memory: it is initialized from status, and each kind of finding has one writer.

Status is our record, and others may change it: a person, a restored backup, another instance of the operator. If an
object's status is not the one that this process last wrote or read, its ledger is read again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from wheelhouse.domain.configuration.form import Authentication, Form
from wheelhouse.domain.findings import (
    AccessFindings,
    AccessSummary,
    DistributionFindings,
    GrantFindings,
    RepositoryFindings,
)
from wheelhouse.domain.iam import GrantRecord, GrantState, Pair
from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.objects import CustomObject, Kind, compact
from wheelhouse.status.read import last_transition, read_distribution, read_grants, read_repository

Found = TypeVar("Found", RepositoryFindings, AccessFindings, GrantFindings, DistributionFindings)


@dataclass(slots=True)
class _Repository:
    uid: str
    version: int
    status: str
    found: RepositoryFindings
    summary: AccessSummary | None = None
    sent: str = ""


@dataclass(slots=True)
class _Access:
    uid: str
    version: int
    status: str
    access: AccessFindings
    grants: GrantFindings
    distribution: DistributionFindings
    sent: str = ""
    unreported: frozenset[Pair] = frozenset()
    """Grants that this process has set, and status does not say yet."""
    reporting: frozenset[Pair] = frozenset()
    """The grants in the status that is being written."""


class Findings:
    """Findings by object; those of another uid with the same name are deleted."""

    def __init__(self) -> None:
        self._repositories: dict[ObjectKey, _Repository] = {}
        self._accesses: dict[ObjectKey, _Access] = {}

    def repository(self, stored: CustomObject) -> RepositoryFindings:
        """What the repository unit found."""
        return self._repository(stored).found

    def summary(self, stored: CustomObject) -> AccessSummary | None:
        """What the policy unit counted for a repository."""
        return self._repository(stored).summary

    def access(self, stored: CustomObject) -> AccessFindings:
        """What the access unit found."""
        return self._access(stored).access

    def grants(self, stored: CustomObject) -> GrantFindings:
        """What the policy unit found for an access."""
        return self._access(stored).grants

    def distribution(self, stored: CustomObject) -> DistributionFindings:
        """What the secret unit found for an access."""
        return self._access(stored).distribution

    def note_repository(self, stored: CustomObject, **changes: Any) -> RepositoryFindings:
        """Change the repository unit's findings; the next record or report writes them."""
        entry = self._repository(stored)
        entry.found = _changed(entry.found, changes)
        return entry.found

    def note_summary(self, stored: CustomObject, summary: AccessSummary) -> None:
        """Set the policy unit's count."""
        self._repository(stored).summary = summary

    def note_access(self, stored: CustomObject, **changes: Any) -> AccessFindings:
        """Change the access unit's findings."""
        entry = self._access(stored)
        entry.access = _changed(entry.access, changes)
        return entry.access

    def note_grants(self, stored: CustomObject, **changes: Any) -> GrantFindings:
        """Change the policy unit's findings."""
        entry = self._access(stored)
        entry.grants = _changed(entry.grants, changes)
        return entry.grants

    def note_set(self, stored: CustomObject, pairs: frozenset[Pair]) -> None:
        """This process has set these grants: until status says so, a status of another operator does not end them."""
        self._access(stored).unreported |= pairs

    def note_distribution(self, stored: CustomObject, **changes: Any) -> DistributionFindings:
        """Change the secret unit's findings."""
        entry = self._access(stored)
        entry.distribution = _changed(entry.distribution, changes)
        return entry.distribution

    def writing(self, kind: Kind, stored: CustomObject, status: Mapping[str, Any]) -> None:
        """This process is about to write a status: a watch may deliver it before the reply arrives, or without one."""
        entry = self._entry(kind, stored)
        if entry is not None:
            entry.sent = compact(status)
            if isinstance(entry, _Access):
                entry.reporting = _granted(status) if entry.unreported else frozenset()

    def written(self, kind: Kind, stored: CustomObject) -> None:
        """This process wrote the current status: memory need not be read from it again."""
        entry = self._entry(kind, stored)
        if entry is not None:
            entry.status, entry.version, entry.sent = stored.status_json, int(stored.resource_version), ""
            if isinstance(entry, _Access):
                entry.unreported -= entry.reporting

    def conflicted(self, kind: Kind, stored: CustomObject) -> None:
        """Note that this process wrote no status: if one like it came by the watch, another operator wrote that.

        Args:
            kind: its kind.
            stored: the object as it is cached now.
        """
        entry = self._entry(kind, stored)
        if entry is None:
            return
        if entry.sent:
            entry.sent = ""
        else:
            self._retake(entry, stored)

    def seen(self, kind: Kind, stored: CustomObject) -> bool:
        """Read the ledger of an object whose status another client wrote; return whether one did.

        Args:
            kind: its kind.
            stored: the object from a watch or a list: one with another uid takes the place of the one before it.
        """
        entry = self._entry(kind, stored)
        if entry is None:
            self._replace(kind, stored)
            return False
        if entry.status == stored.status_json:
            return False
        if entry.sent and entry.sent == stored.status_json:
            self.written(kind, stored)
            return False
        self._retake(entry, stored)
        return True

    def forget(self, kind: Kind, key: ObjectKey) -> None:
        """The object does not exist."""
        (self._repositories if kind is Kind.REPOSITORY else self._accesses).pop(key, None)

    def _retake(self, entry: "_Repository | _Access", stored: CustomObject) -> None:
        if isinstance(entry, _Repository):
            _retake_repository(entry, stored)
        else:
            # A restored store, or a status that was emptied: no operator writes one without conditions.
            emptied = not stored.status.get("conditions") and not stored.status.get("grants")
            lost = emptied or int(stored.resource_version) < entry.version
            _retake_access(entry, stored, lost=lost)

    def _replace(self, kind: Kind, stored: CustomObject) -> None:
        """Start with empty findings if they are of another uid: a pass that still runs for that one changes nothing."""
        if kind is Kind.REPOSITORY and self._repositories.pop(stored.key, None) is not None:
            self._repository(stored)
        elif kind is Kind.ACCESS and self._accesses.pop(stored.key, None) is not None:
            self._access(stored)

    def _entry(self, kind: Kind, stored: CustomObject) -> _Repository | _Access | None:
        """The findings of exactly this object."""
        entry = (self._repositories if kind is Kind.REPOSITORY else self._accesses).get(stored.key)
        return entry if entry is not None and entry.uid == stored.uid else None

    def _repository(self, stored: CustomObject) -> _Repository:
        entry, version = self._repositories.get(stored.key), int(stored.resource_version)
        if entry is not None and entry.uid == stored.uid:
            return entry
        found, summary = read_repository(stored.status)
        new = _Repository(stored.uid, version, stored.status_json, found, summary)
        if entry is None:
            self._repositories[stored.key] = new
        return new  # For a pass whose object was replaced meanwhile, its own copy.

    def _access(self, stored: CustomObject) -> _Access:
        entry, version = self._accesses.get(stored.key), int(stored.resource_version)
        if entry is not None and entry.uid == stored.uid:
            return entry
        status = stored.status
        handled = str(status.get("lastHandledRequest") or "")
        found = AccessFindings(handled_request=handled, heard_request=handled)
        grants, distribution = read_grants(status), read_distribution(status)
        if not distribution.name and not stored.finalized:
            # An access that is new. If it has our finalizer, its status may be lost, and a Secret may exist.
            distribution = replace(distribution, form=Form(Authentication.NETRC))
        new = _Access(stored.uid, version, stored.status_json, found, grants, distribution)
        if entry is None:
            self._accesses[stored.key] = new
        return new


def _changed(found: Found, changes: Mapping[str, Any]) -> Found:
    """The findings with these changes: mostly there are none, and a comparison costs less than a copy."""
    same = all(getattr(found, name) == value for name, value in changes.items())
    return found if same else replace(found, **changes)


def _retake_repository(entry: _Repository, stored: CustomObject) -> None:
    found, _ = read_repository(stored.status)
    entry.found = replace(
        entry.found, name=found.name, managed=entry.found.managed | found.managed, operation=found.operation
    )
    entry.status, entry.version = stored.status_json, int(stored.resource_version)


def _retake_access(entry: _Access, stored: CustomObject, *, lost: bool) -> None:
    """Take the ledger from a status that another client wrote; where it is incomplete, keep what memory owns too."""
    status = stored.status
    grants, distribution = read_grants(status), read_distribution(status)
    same = (grants.repository, grants.create_time) == (entry.grants.repository, entry.grants.create_time)
    # The versions of a store that was restored twice say nothing about its age; times do. An operator whose clock is
    # behind may have moved the access to another repository, so the times of conditions alone do not undo that.
    comparable = same or grants.repository is None
    lost = lost or _outdated(grants, entry.grants) or (comparable and _older(stored.status_json, entry.status))
    if same:
        grants = replace(grants, grants=_claimed(grants.grants, entry.grants.grants))
    unreported = _unreported(entry)
    if same and unreported:
        ours = {record.grant.identity: record for record in unreported}
        grants = replace(grants, grants=tuple(ours.get(record.grant.identity, record) for record in grants.grants))
    if lost and same:
        grants = replace(grants, grants=_union(grants.grants, entry.grants.grants))
    elif lost and entry.grants.owns:
        grants = entry.grants
    elif unreported and comparable:
        grants = replace(entry.grants, grants=_union(grants.grants, unreported))
    names = distribution.namespaces
    if lost and distribution.name in {"", entry.distribution.name}:
        names = tuple(dict.fromkeys((*names, *entry.distribution.namespaces)))
    entry.grants = replace(
        entry.grants, repository=grants.repository, create_time=grants.create_time, grants=grants.grants
    )
    entry.distribution = replace(
        entry.distribution,
        name=distribution.name or (entry.distribution.name if lost else ""),
        namespaces=names,
        form=entry.distribution.form if entry.distribution.name else distribution.form,
    )
    entry.status, entry.version = stored.status_json, int(stored.resource_version)


def _older(found: str, known: str) -> bool:
    """Whether a status was written before the one in memory, as far as the times of their conditions tell."""
    before, after = last_transition(found), last_transition(known)
    return before is not None and after is not None and before < after


def _outdated(found: GrantFindings, known: GrantFindings) -> bool:
    """Whether a ledger is about a repository that was deleted before the one of that name in memory was created."""
    if found.repository != known.repository or found.create_time is None or known.create_time is None:
        return False
    return found.create_time < known.create_time


def _claimed(found: tuple[GrantRecord, ...], known: tuple[GrantRecord, ...]) -> tuple[GrantRecord, ...]:
    """Keep the grants that this process set, also if another operator recorded them as Existing."""
    granted = {record.grant.identity: record for record in known if record.state is GrantState.GRANTED}
    return tuple(granted.get(r.grant.identity, r) if r.state is GrantState.EXISTING else r for r in found)


def _unreported(entry: _Access) -> tuple[GrantRecord, ...]:
    """The grants that this process has set and not reported.

    Another operator may remove a record without knowing about the set, or find that IAM rejects what is set already.
    """
    granted = (record for record in entry.grants.grants if record.state is GrantState.GRANTED)
    return tuple(record for record in granted if record.grant.identity in entry.unreported) if entry.unreported else ()


def _granted(status: Mapping[str, Any]) -> frozenset[Pair]:
    """The grants that a status shows as ours and set."""
    records = read_grants(status).grants
    return frozenset(record.grant.identity for record in records if record.state is GrantState.GRANTED)


def _union(found: tuple[GrantRecord, ...], known: tuple[GrantRecord, ...]) -> tuple[GrantRecord, ...]:
    pairs = {record.grant.identity for record in found}
    return (*found, *(record for record in known if record.state.owned and record.grant.identity not in pairs))
