"""IAM's member strings: which are well-formed, which are equivalent, and which match a caller.

https://cloud.google.com/iam/docs/principal-identifiers
"""

import re
from collections.abc import Callable

from wheelhouse_local.constants import POOL
from wheelhouse_local.google.iam.identities import POOL_NAME
from wheelhouse_local.google.transport.caller import Caller
from wheelhouse_local.google.transport.errors import ApiError, unimplemented

_EVERYBODY = {"allUsers", "allAuthenticatedUsers"}
_EXACT = {"principal", "principalSet"}
_EMAIL = re.compile(r"[^@\s:]+@[a-z0-9-]+(\.[a-z0-9-]+)+", re.IGNORECASE)
_LEGACY = re.compile(r"[^@\s]+\.svc\.id\.goog\[([a-z0-9-]+)/([a-z0-9.-]+)\]")
_POOLS = (
    r"//iam\.googleapis\.com/"
    r"(projects/[0-9]+/locations/global/workloadIdentityPools|locations/global/workforcePools)/[^/\s]+/"
)
_FORMS = {
    "user": _EMAIL,
    "group": _EMAIL,
    "domain": re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+", re.IGNORECASE),
    "serviceAccount": re.compile(f"{_EMAIL.pattern}|{_LEGACY.pattern}", re.IGNORECASE),
    "principal": re.compile(_POOLS + r"subject/\S+"),
    "principalSet": re.compile(_POOLS + r"(\*|(group|namespace|kubernetes\.cluster|attribute\.[^/\s]+)/\S+)"),
}
_BY_UID = re.compile(_POOLS + r"kubernetes\.serviceaccount\.uid/\S+")
_WORDS = {"user": "User", "group": "Group", "serviceAccount": "Service account"}
_CONVENIENCE = {"projectOwner", "projectEditor", "projectViewer"}


def canonical(member: str) -> str:
    """A member as IAM stores it: types and principals are exact, e-mails are case-folded (Terraform's rule)."""
    tombstone, prefix, rest = "", *member.partition(":")[::2]
    if prefix == "deleted":
        tombstone, (prefix, rest) = "deleted:", rest.partition(":")[::2]
    if not rest or prefix in _EXACT:
        return member
    return f"{tombstone}{prefix}:{rest.lower()}"


def tombstone(member: str, unique_id: str) -> str:
    """How a policy shows a deleted principal."""
    return f"deleted:{member}?uid={unique_id}"


def buried(member: str) -> str | None:
    """The canonical member that a tombstone is for; None for any other member."""
    if not member.startswith("deleted:"):
        return None
    return canonical(member).removeprefix("deleted:").partition("?uid=")[0]


def check(member: str, exists: Callable[[str], bool]) -> None:
    """Reject a member that cannot get a grant.

    Args:
        member: the member in the request.
        exists: whether a user, group or service account, as a canonical member, can get a grant.

    Raises:
        ApiError: INVALID_ARGUMENT for a malformed or deleted member, and for a missing account or group; UNIMPLEMENTED
            for one that the emulation cannot evaluate.
    """
    if member in _EVERYBODY:
        return
    prefix, _, value = member.partition(":")
    if prefix in _CONVENIENCE:
        raise unimplemented(f"A member of the form {prefix}:PROJECT")
    if prefix == "principal" and _BY_UID.fullmatch(value):
        raise unimplemented("A member by the uid of its ServiceAccount")
    form = _FORMS.get(prefix)
    if form is None or not form.fullmatch(value):
        raise ApiError("INVALID_ARGUMENT", f"Invalid principal: {member}")  # The message is ours.
    words = _WORDS.get(prefix)
    if words is not None and not exists(canonical(member)):
        # Public threads quote the message for service accounts and groups; that for users is inferred.
        raise ApiError("INVALID_ARGUMENT", f"{words} {value.lower()} does not exist.")


def reach(caller: Caller | None) -> frozenset[str]:
    """Every canonical member that matches this caller; None is a caller without credentials."""
    if caller is None:
        return frozenset({"allUsers"})
    reached = {canonical(member) for member in caller.members}
    prefix, _, value = caller.identity.partition(":")
    if prefix == "user":
        reached.add(f"domain:{value.rpartition('@')[2].lower()}")
    subject = f"//{POOL_NAME}/subject/ns/"
    if prefix == "principal" and value.startswith(subject):
        namespace, _, name = value.removeprefix(subject).split("/")
        reached.add(f"serviceAccount:{POOL}[{namespace}/{name}]")  # The older form, still documented.
    return frozenset(reached)
