"""Every condition type and reason that a user can see; docs/reference/conditions.md explains each."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class ConditionType(StrEnum):
    """The condition types of both kinds (kstatus conventions: https://github.com/kubernetes-sigs/cli-utils)."""

    READY = "Ready"
    RESOLVED_REFS = "ResolvedRefs"
    SYNCED = "Synced"
    INDEX_SAFE = "IndexSafe"
    GRANTED = "Granted"
    DISTRIBUTED = "Distributed"
    VERIFIED = "Verified"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"


class Reason(StrEnum):
    """Why a condition has its status."""

    READY = "Ready"
    DELETING = "Deleting"
    PENDING = "Pending"
    SUSPENDED = "Suspended"
    RESOLVED_REFS = "ResolvedRefs"
    PROJECT_NOT_ALLOWED = "ProjectNotAllowed"
    IDENTITY_CHANGED = "IdentityChanged"
    SECRET_NOT_ALLOWED = "SecretNotAllowed"  # noqa: S105 - a reason, not a credential
    FAN_OUT_NOT_ALLOWED = "FanOutNotAllowed"
    REPOSITORY_NOT_FOUND = "RepositoryNotFound"
    REF_NOT_PERMITTED = "RefNotPermitted"
    REPOSITORY_NOT_READY = "RepositoryNotReady"
    SYNCED = "Synced"
    OBSERVED = "Observed"
    CREATING = "Creating"
    UPDATING = "Updating"
    ALREADY_EXISTS = "AlreadyExists"
    OWNED_ELSEWHERE = "OwnedElsewhere"
    IMMUTABLE_FIELD_DIFFERS = "ImmutableFieldDiffers"
    NOT_FOUND = "NotFound"
    NOT_EMPTY = "NotEmpty"
    API_DISABLED = "ApiDisabled"
    PERMISSION_DENIED = "PermissionDenied"
    INVALID_ARGUMENT = "InvalidArgument"
    QUOTA_EXCEEDED = "QuotaExceeded"
    UNAVAILABLE = "Unavailable"
    NO_PUBLIC_INDEX = "NoPublicIndex"
    PUBLIC_OUTRANKS_PRIVATE = "PublicOutranksPrivate"
    DEPENDENCY_CONFUSION = "DependencyConfusion"
    SAME_VERSION_ONLY = "SameVersionOnly"
    GRANTED = "Granted"
    SUBJECT_NOT_PERMITTED = "SubjectNotPermitted"
    SUBJECT_TOO_LONG = "SubjectTooLong"
    NOT_WRITABLE = "NotWritable"
    MEMBER_REJECTED = "MemberRejected"
    POLICY_FULL = "PolicyFull"
    DISTRIBUTED = "Distributed"
    NOT_REQUESTED = "NotRequested"
    SERVICE_ACCOUNT_NOT_FOUND = "ServiceAccountNotFound"
    NOT_OPTED_IN = "NotOptedIn"
    TOKEN_REFUSED = "TokenRefused"  # noqa: S105 - a reason, not a credential
    SECRET_CONFLICT = "SecretConflict"  # noqa: S105 - a reason, not a credential
    TOO_MANY_NAMESPACES = "TooManyNamespaces"
    PARTLY_DISTRIBUTED = "PartlyDistributed"
    EXPIRED = "Expired"
    VERIFIED = "Verified"
    PROPAGATING = "Propagating"
    REFUSED = "Refused"
    NOT_APPLICABLE = "NotApplicable"
    VERIFICATION_OFF = "VerificationOff"


IN_PROGRESS = frozenset({Reason.PENDING, Reason.CREATING, Reason.UPDATING})
"""What only needs time: the operator or Google is still working."""

STALLED_AT_ONCE = frozenset(
    {
        Reason.PROJECT_NOT_ALLOWED,
        Reason.IDENTITY_CHANGED,
        Reason.SECRET_NOT_ALLOWED,
        Reason.FAN_OUT_NOT_ALLOWED,
        Reason.ALREADY_EXISTS,
        Reason.OWNED_ELSEWHERE,
        Reason.IMMUTABLE_FIELD_DIFFERS,
        Reason.INVALID_ARGUMENT,
        Reason.NOT_EMPTY,
        Reason.API_DISABLED,
        Reason.SUBJECT_NOT_PERMITTED,
        Reason.SUBJECT_TOO_LONG,
        Reason.NOT_WRITABLE,
        Reason.MEMBER_REJECTED,
        Reason.POLICY_FULL,
        Reason.SECRET_CONFLICT,
        Reason.TOO_MANY_NAMESPACES,
        Reason.NOT_OPTED_IN,
        Reason.SUSPENDED,
    }
)
"""What only the user can fix: Flux fails at once on Stalled, so nothing here resolves by itself."""

STALLED_LATER = frozenset({Reason.PERMISSION_DENIED, Reason.TOKEN_REFUSED, Reason.REFUSED})
"""Stalled once they have lasted 15 minutes: IAM takes 2 to 7 minutes and more to propagate."""

_TYPES = frozenset(ConditionType)


def foreign_conditions(status: Mapping[str, Any]) -> list[Any]:
    """The conditions of a status whose types are not ours: other controllers wrote them."""
    listed = status.get("conditions")
    rows = listed if isinstance(listed, list) else []
    return [row for row in rows if isinstance(row, Mapping) and row.get("type") not in _TYPES]
