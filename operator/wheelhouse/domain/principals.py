"""Principals of workload identity pools and workforce pools, as a user writes them into a spec.

All forms: https://cloud.google.com/iam/docs/principal-identifiers. The forms for namespaces, clusters and the uids of
ServiceAccounts exist only for the pools that GKE creates
(https://cloud.google.com/kubernetes-engine/docs/how-to/workload-identity#principal-id-examples).
"""

from wheelhouse.domain.iam import SUBJECT_LIMIT
from wheelhouse.domain.names import DNS_LABEL, DNS_SUBDOMAIN, matches
from wheelhouse.domain.pools import CLUSTER, GKE_POOL, POOL_ID, PROJECT_NUMBER

PRINCIPAL_LENGTH = 450

# No segment is `.` or `..`, and nothing is percent-encoded: the text is compared as it is.
_CHARACTER = "[A-Za-z0-9_~:@+=-]"
_SEGMENT = rf"(\.?\.?{_CHARACTER}[A-Za-z0-9._~:@+=-]*|\.\.\.[A-Za-z0-9._~:@+=-]*)"
_VALUE = rf"{_SEGMENT}(/{_SEGMENT})*"
_ATTRIBUTE = "attribute[.][a-z0-9_]{1,100}"
_UID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_WORKFORCE_POOL = "[a-z][a-z0-9-]{4,61}[a-z0-9]"

_IAM = "iam[.]googleapis[.]com"
_POOLS = f"{_IAM}/projects/{PROJECT_NUMBER}/locations/global/workloadIdentityPools"
_WORKFORCE = f"{_IAM}/locations/global/workforcePools/{_WORKFORCE_POOL}"
_GKE_SUBJECT = f"ns/{DNS_LABEL}/sa/{DNS_SUBDOMAIN}"
_CLUSTER_URL = f"https://container[.]googleapis[.]com/v1/{CLUSTER}"

_ONE = (
    f"principal://({_POOLS}/{POOL_ID}/subject/{_VALUE}"
    f"|{_POOLS}/{GKE_POOL}/(subject/{_GKE_SUBJECT}|kubernetes[.]serviceaccount[.]uid/{_UID})"
    f"|{_WORKFORCE}/subject/{_VALUE})"
)
_SET = (
    f"principalSet://(({_POOLS}/{POOL_ID}|{_WORKFORCE})/(group/{_VALUE}|{_ATTRIBUTE}/{_VALUE}|[*])"
    f"|{_POOLS}/{GKE_POOL}/(namespace/{DNS_LABEL}|kubernetes[.]cluster/{_CLUSTER_URL}|[*]))"
)
PRINCIPAL = f"({_ONE}|{_SET})"
"""The grammar of a principal; `is_principal` limits its length and that of a subject too."""

_SUBJECT = "/subject/"


def is_principal(text: str) -> bool:
    """Whether a text is a principal or a set of principals of a pool, in a form that IAM documents."""
    if not matches(PRINCIPAL, text, PRINCIPAL_LENGTH):
        return False
    return len(text.partition(_SUBJECT)[2]) <= SUBJECT_LIMIT
