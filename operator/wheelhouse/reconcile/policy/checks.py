"""The result of a pass for each access: the finding that becomes its condition Granted."""

from wheelhouse.domain.findings import Check, failed, passed, pending
from wheelhouse.domain.iam import GROUP_LIMIT, MEMBER_LIMIT, GrantState
from wheelhouse.domain.names import RepositoryName
from wheelhouse.domain.reasons import Reason
from wheelhouse.errors import Conflict, Invalid, Refused, Unavailable, WheelhouseError
from wheelhouse.plan.claimant import Claimant
from wheelhouse.reconcile.policy.transaction import Outcome

_RETRIES = (
    "The operator retries after 10 minutes and then less often. To retry now, change the annotation "
    "wheelhouse.dev/requested-at."
)


def granted(claimant: Claimant, outcome: Outcome, name: RepositoryName) -> Check:
    """The finding of one access after a pass.

    Args:
        claimant: one of the claimants in the outcome.
        outcome: the outcome of the pass.
        name: the repository.
    """
    plan = outcome.plan
    records = plan.after[claimant.access]
    wanted = {grant.identity for grant in claimant.wanted}
    missing = wanted & plan.missing
    leaving = any(record.state.owned and record.grant.identity not in wanted for record in records)
    if outcome.refusal is not None and (missing or leaving):
        return refused(outcome.refusal, name)
    for record in records:
        if record.state is GrantState.REJECTED:
            words = f"IAM rejected {record.grant.member}: {record.message} Correct or remove the subject."
            return failed(Reason.MEMBER_REJECTED, f"{words} {_RETRIES}")
    if claimant.access in outcome.recorded.failed:
        return _unrecorded(outcome.recorded.failed[claimant.access])
    if missing & plan.full:
        limits = f"{MEMBER_LIMIT} principals, {GROUP_LIMIT} of them groups, and a size"
        message = (
            f"The IAM policy of {name} is full (at most {limits}). Remove subjects or accesses, or use one member for "
            "many: a group, or kind Principal with principalSet://…/namespace/NAMESPACE for a whole namespace. The "
            "operator retries when it revokes a grant, and about every 10 minutes, for the oldest accesses first."
        )
        return failed(Reason.POLICY_FULL, message)
    if not wanted:
        waits = "Waiting until existing grants are revoked."
        return pending(waits if leaving else "The operator grants nothing. See the condition ResolvedRefs.")
    if missing and not claimant.may_add:
        return pending("Waiting until the repository is usable.")
    if missing or len(records) < len(wanted):
        return pending("Waiting for the repository's IAM policy.")
    return passed(Reason.GRANTED)


def refused(error: Invalid | Refused, name: RepositoryName) -> Check:
    """Google does not allow the policy to be read or set."""
    if isinstance(error, Invalid):
        return failed(error.reason, error.message)
    message = f"Google denies access to the IAM policy of {name}: {error.message}"
    return failed(error.reason, f"{message} Google gives the same answer for a project that does not exist.")


def _unrecorded(error: WheelhouseError) -> Check:
    match error:
        case Conflict():
            return pending("This object changes too often for its grants to be recorded. The operator retries.")
        case Unavailable():
            return failed(error.reason, f"{error.message} The operator retries.")
        case Refused() | Invalid():
            message = (
                "Kubernetes rejects the status of this object, and the operator grants nothing without a record in it"
            )
            remedy = "Ask the owner of the admission policy or webhook that denies the request."
            return failed(error.reason, f"{message}: {error.message} {remedy}")
    return pending("Waiting for the grants to be recorded.")
