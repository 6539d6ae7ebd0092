"""What is reported about a Secret without a token: it never expires, and the operator cannot try it."""

from wheelhouse.domain.findings import Check, Truth, failed, passed
from wheelhouse.domain.reasons import Reason
from wheelhouse.errors import Invalid, NotReady, Refused, WheelhouseError

NOT_VERIFIABLE = Check(
    Truth.UNKNOWN,
    Reason.NOT_APPLICABLE,
    "There is no token to verify: spec.secret.credential is Keyring, so each pod gets its own.",
)
"""Verified: only the pods have the tokens, so the operator cannot send a request with one."""


def keyring_finding(*, stands: bool, failure: WheelhouseError | None) -> Check | None:
    """The report on one Secret; None if it is not written yet and there is no failure.

    Args:
        stands: whether the Secret is as desired.
        failure: the error of the last write.
    """
    if isinstance(failure, NotReady | Refused | Invalid):
        return failed(failure.reason, failure.message)
    if failure is not None:
        return failed(Reason.UNAVAILABLE, f"{failure.message} The operator retries.")
    return passed(Reason.DISTRIBUTED) if stands else None
