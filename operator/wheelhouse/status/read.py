"""Status → findings, so that a restart loses nothing. Reading never raises, even if the status is malformed."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from wheelhouse.domain.access import SubjectKind
from wheelhouse.domain.configuration.credential import Credential, KeyringProvider
from wheelhouse.domain.configuration.form import FIRST_FORMATS, Authentication, Form, Format, Index
from wheelhouse.domain.findings import AccessSummary, DistributionFindings, GrantFindings, RepositoryFindings
from wheelhouse.domain.iam import Grant, GrantRecord, GrantState
from wheelhouse.domain.modes import Mode
from wheelhouse.domain.names import RepositoryName, dns_labels, is_dns_label, is_dns_subdomain, shared
from wheelhouse.domain.objects import CustomObject, loaded
from wheelhouse.domain.reasons import ConditionType
from wheelhouse.domain.repository import Operation, OperationKind
from wheelhouse.status.conditions import by_type, moment


def read_repository(status: Mapping[str, Any]) -> tuple[RepositoryFindings, AccessSummary | None]:
    """The findings in a PythonRepository's status, except `usable`, which only a check at Google can set."""
    findings = RepositoryFindings(
        name=RepositoryName.parse(_text(status, "repository")),
        create_time=moment(status.get("createTime")),
        update_time=moment(status.get("updateTime")),
        operation=_operation(status.get("operation")),
        mode=next((mode for mode in Mode if mode == status.get("mode")), None),
        managed=frozenset(_texts(status.get("managed"))),
        handled_request=_text(status, "lastHandledRequest"),
    )
    return findings, _summary(status.get("accessSummary"))


def read_grants(status: Mapping[str, Any]) -> GrantFindings:
    """The ledger of an access's grants."""
    return GrantFindings(
        repository=RepositoryName.parse(_text(status, "repository")),
        create_time=moment(status.get("repositoryCreateTime")),
        grants=tuple(_grants(status.get("grants"))),
    )


def read_distribution(status: Mapping[str, Any]) -> DistributionFindings:
    """The ledger of an access's Secrets, and their last known state."""
    raw = status.get("secret")
    name = raw.get("name") if isinstance(raw, Mapping) else None
    if not isinstance(raw, Mapping) or not isinstance(name, str) or not is_dns_subdomain(name):
        return DistributionFindings()
    namespaces = tuple(shared(name) for name in dns_labels(_texts(raw.get("namespaces"))))
    current, desired = raw.get("current"), raw.get("desired")
    return DistributionFindings(
        name=name,
        namespaces=namespaces,
        desired=desired if isinstance(desired, int) else None,
        current=current if isinstance(current, int) else 0,
        failed=tuple(_failed(raw.get("failed"))),
        expires=moment(raw.get("expirationTime")),
        refresh=moment(raw.get("refreshTime")),
        identity=_text(raw, "identity"),
        acting=_text(raw, "googleServiceAccount"),
        form=_form(raw),
        upload=RepositoryName.parse(_text(raw, "uploadRepository")),
    )


def recorded_grants(stored: CustomObject) -> GrantFindings:
    """The ledger in the object itself, not the one in memory."""
    return _recorded_grants(stored.status_json)


@lru_cache(maxsize=8)
def _recorded_grants(status_json: str) -> GrantFindings:
    return read_grants(loaded(status_json))


@lru_cache(maxsize=8)
def _distribution(status_json: str) -> DistributionFindings:
    return read_distribution(loaded(status_json))


def is_recorded(stored: CustomObject, name: str, namespace: str) -> bool:
    """Whether the object itself, and not only memory, names a Secret.

    Secrets of one access ask in turn: its status is parsed once for all.
    """
    return (name, namespace) in _recorded(stored.status_json)


@lru_cache(maxsize=8)
def _recorded(status_json: str) -> frozenset[tuple[str, str]]:
    found = _distribution(status_json)
    return frozenset((found.name, namespace) for namespace in found.namespaces)


def recorded_conditions(stored: CustomObject) -> Mapping[str, Mapping[str, Any]]:
    """The conditions in the object itself, by their type."""
    return _conditions(stored.status_json)


def last_transition(status_json: str) -> datetime | None:
    """When a condition of our types last changed in a status; None if it has none."""
    rows = _conditions(status_json)
    times = (moment(rows[kind].get("lastTransitionTime")) for kind in ConditionType if kind in rows)
    return max((time for time in times if time is not None), default=None)


@lru_cache(maxsize=8)
def _conditions(status_json: str) -> Mapping[str, Mapping[str, Any]]:
    return by_type(loaded(status_json))


def _form(raw: Mapping[str, Any]) -> Form:
    """The form of the Secrets. Earlier versions recorded no authentication, and wrote the token into the URLs."""
    names = set(_texts(raw.get("formats")))
    in_netrc = raw.get("authentication") == Authentication.NETRC
    keyring = _keyring(raw)
    authentication = Authentication.NETRC if in_netrc else Authentication.URL
    return Form(
        authentication=authentication if keyring is None else None,
        index=Index.EXTRA if raw.get("index") == Index.EXTRA else Index.PRIMARY,
        formats=frozenset(each for each in Format if each in names) or FIRST_FORMATS,
        keyring=keyring,
    )


def _keyring(raw: Mapping[str, Any]) -> KeyringProvider | None:
    """How pip calls keyring, if the Secrets have no token."""
    if raw.get("credential") != Credential.KEYRING:
        return None
    return next((each for each in KeyringProvider if each == raw.get("keyringProvider")), KeyringProvider.AUTO)


def _text(status: Mapping[str, Any], name: str) -> str:
    value = status.get(name)
    return value if isinstance(value, str) else ""


def _texts(raw: object) -> Iterable[str]:
    return (entry for entry in raw if isinstance(entry, str)) if isinstance(raw, list) else ()


def _grants(raw: object) -> Iterable[GrantRecord]:
    for row in raw if isinstance(raw, list) else ():
        if not isinstance(row, Mapping):
            continue
        state = next((state for state in GrantState if state == row.get("state")), None)
        role, member = row.get("role"), row.get("member")
        if state is not None and isinstance(role, str) and isinstance(member, str):
            verbatim = row.get("kind") == SubjectKind.PRINCIPAL
            yield GrantRecord(Grant(shared(role), member, verbatim), state, _text(row, "message"))


def _failed(raw: object) -> Iterable[tuple[str, str]]:
    for row in raw if isinstance(raw, list) else ():
        if isinstance(row, Mapping) and is_dns_label(_text(row, "namespace")):
            yield shared(_text(row, "namespace")), _text(row, "reason")


def _operation(raw: object) -> Operation | None:
    if not isinstance(raw, Mapping):
        return None
    start = moment(raw.get("startTime"))
    kind = next((kind for kind in OperationKind if kind == raw.get("kind")), None)
    if start is None or kind is None or not isinstance(raw.get("name"), str):
        return None
    return Operation(raw["name"], kind, start)


def _summary(raw: object) -> AccessSummary | None:
    if not isinstance(raw, Mapping):
        return None
    numbers = [raw.get(name) for name in ("accesses", "members", "memberLimit")]
    found = [number for number in numbers if isinstance(number, int)]
    return AccessSummary(*found) if len(found) == len(numbers) else None
