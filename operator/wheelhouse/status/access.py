"""RepositoryAccess: findings → status, by a list of named checks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from wheelhouse.domain.access import SubjectKind
from wheelhouse.domain.configuration.credential import Credential, KeyringProvider
from wheelhouse.domain.configuration.form import FIRST_FORMATS, Form, Index
from wheelhouse.domain.findings import (
    AccessFindings,
    Check,
    DistributionFindings,
    GrantFindings,
    Truth,
    changes_role,
    passed,
    pending,
)
from wheelhouse.domain.iam import GrantRecord
from wheelhouse.domain.objects import CustomObject
from wheelhouse.domain.reasons import ConditionType, Reason
from wheelhouse.status.conditions import Situation, build, by_type, check_of, known, timestamp
from wheelhouse.status.read import recorded_grants
from wheelhouse.status.summary import grant_summary
from wheelhouse.status.words import ACCESS_REFS, distributed_as, granted_to, worded


@dataclass(frozen=True, slots=True)
class AccessFacts:
    """All that is known about one access.

    Attributes:
        wants_secret: whether its spec requests a Secret.
        suspended: the message of Ready while changes of the spec wait; empty if none wait.
    """

    stored: CustomObject
    access: AccessFindings
    grants: GrantFindings
    distribution: DistributionFindings
    wants_secret: bool
    suspended: str


def resolved(facts: AccessFacts) -> Check | None:
    """The access unit's decision about consent and spec."""
    return facts.access.resolved


def granted(facts: AccessFacts) -> Check | None:
    """What prevents the request for a grant, otherwise what the policy unit found for exactly this claim."""
    if facts.access.granted is not None:
        return facts.access.granted
    if facts.grants.made_for is None:
        return None
    if facts.access.generation is not None and facts.grants.made_for != facts.access.granting:
        return pending("Waiting for the repository's IAM policy.")
    found = facts.grants.check
    if found is not None and found.ok and facts.access.advice:
        return passed(found.reason, facts.access.advice)
    return found


def distributed(facts: AccessFacts) -> Check | None:
    """What prevents the request for a Secret, otherwise what the secret unit found for exactly this one."""
    if not facts.wants_secret:
        return passed(Reason.NOT_REQUESTED)
    if facts.access.secret is not None:
        return _withheld(facts, facts.access.secret)
    if _of_another_secret(facts):
        return pending("Waiting for the Secret.")
    found, advice = facts.distribution.distributed, [text for _, text in facts.access.secret_advice]
    if found is not None and found.ok and (facts.access.sharing or advice):
        what = facts.access.sharing or _in_place(facts.distribution)
        return passed(found.reason, " ".join((what, *advice)))
    return found


def verified(facts: AccessFacts) -> Check | None:
    """What the index answered for the token in the Secret."""
    if not facts.wants_secret:
        return Check(Truth.UNKNOWN, Reason.NOT_APPLICABLE)
    if facts.access.secret is not None and facts.access.secret.ok:
        message = "There is no token to verify, because no namespace is selected."
        return Check(Truth.UNKNOWN, Reason.NOT_APPLICABLE, message)
    if facts.access.secret is not None or _of_another_secret(facts):
        return pending("Waiting for the Secret.")
    return facts.distribution.verified


CHECKS: Sequence[tuple[ConditionType, Callable[[AccessFacts], Check | None]]] = (
    (ConditionType.RESOLVED_REFS, resolved),
    (ConditionType.GRANTED, granted),
    (ConditionType.DISTRIBUTED, distributed),
    (ConditionType.VERIFIED, verified),
)
"""In the order of the work; Ready has the reason of the first one that is not passed."""


def access_status(facts: AccessFacts, now: datetime) -> dict[str, Any]:
    """Our whole status for an object in its current state."""
    stored, grants = facts.stored, facts.grants
    status = stored.status
    situation = Situation(
        generation=stored.generation,
        passed=facts.access.generation,
        deleting=stored.deleting,
        suspended=facts.suspended,
        advice=facts.access.advice,
    )
    words = {
        ConditionType.RESOLVED_REFS: ACCESS_REFS,
        ConditionType.GRANTED: granted_to(grants.grants),
        ConditionType.DISTRIBUTED: _in_place(facts.distribution),
    }
    found = known(((kind, check(facts)) for kind, check in CHECKS), status, situation, words)
    fields = {
        "observedGeneration": situation.observed(status),
        "repository": grants.repository.full if grants.repository else None,
        "repositoryCreateTime": timestamp(grants.create_time) if grants.create_time else None,
        "grants": [_grant(record) for record in grants.grants],
        "grantSummary": grant_summary(grants.grants),
        "secret": _secret(facts.distribution),
        "lastHandledRequest": facts.access.handled_request,
        "conditions": build(found, status, situation, now, advice=_index_safe(facts)),
    }
    return {name: value for name, value in fields.items() if value not in (None, [], "", {})}


def _index_safe(facts: AccessFacts) -> list[tuple[ConditionType, Check]]:
    """The advice about public indexes; after a start, that in status until a pass has finished."""
    safe = facts.access.index_safe
    if safe is None and facts.access.generation is None:
        safe = check_of(by_type(facts.stored.status).get(ConditionType.INDEX_SAFE, {}))
    return [(ConditionType.INDEX_SAFE, worded(ConditionType.INDEX_SAFE, safe))] if safe is not None else []


def _in_place(found: DistributionFindings) -> str:
    return distributed_as(found.name, found.desired or 1, token=found.form.keyring is None)


def _withheld(facts: AccessFacts, why: Check) -> Check:
    """Why no Secret is requested. While former Secrets remain, why they are not removed yet.

    If status said that all is in place, and a namespace is selected again, the process after a crash would take them
    for the requested ones.
    """
    if not why.ok or not facts.distribution.namespaces:
        return why
    found = facts.distribution.distributed
    return found if found is not None and not found.ok else pending("Waiting for the removal of Secrets.")


def _of_another_secret(facts: AccessFacts) -> bool:
    """Whether the findings about the Secret, in memory or in status, are about an earlier spec or role."""
    found, before = facts.distribution, facts.access.grants
    if facts.stored.deleting:
        return False
    if found.distributed is None and changes_role(recorded_grants(facts.stored), facts.grants):
        return True  # After a start, status is about the roles that it names.
    if found.made_for is None or facts.access.generation is None:
        return False
    return found.made_for != facts.access.distributing or (before is not None and changes_role(before, facts.grants))


def _grant(record: GrantRecord) -> dict[str, str]:
    row = {"role": record.grant.role, "member": record.grant.member, "state": str(record.state)}
    if record.grant.verbatim:
        row["kind"] = str(SubjectKind.PRINCIPAL)
    return row | ({"message": record.message} if record.message else {})


def _secret(found: DistributionFindings) -> Mapping[str, Any]:
    if not found.name:
        return {}
    desired = len(found.namespaces) if found.desired is None else found.desired
    fields = {
        "name": found.name,
        "namespaces": list(found.namespaces),
        "summary": f"{found.current}/{desired}",
        "desired": desired,
        "current": found.current,
        "failed": [{"namespace": namespace, "reason": reason} for namespace, reason in found.failed[:10]],
        "expirationTime": timestamp(found.expires) if found.expires else None,
        "refreshTime": timestamp(found.refresh) if found.refresh else None,
        "authentication": found.form.authentication,
        **_keyring(found.form),
        "formats": sorted(found.form.formats) if found.form.formats != FIRST_FORMATS else None,
        "index": found.form.index if found.form.index is Index.EXTRA else None,
        "uploadRepository": found.upload.full if found.upload is not None else None,
        "identity": found.identity,
        "googleServiceAccount": found.acting,
    }
    return {name: value for name, value in fields.items() if value not in (None, [], "")}


def _keyring(form: Form) -> Mapping[str, str | None]:
    """How clients get a token, if the Secret has none."""
    if form.keyring is None:
        return {}
    provider = None if form.keyring is KeyringProvider.AUTO else form.keyring
    return {"credential": Credential.KEYRING, "keyringProvider": provider}
