"""Subjects of a RepositoryAccess: valid and invalid principals, and where ServiceAccounts may be."""

from typing import Any

POOLS = "iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools"
GKE = f"{POOLS}/acme-packages.svc.id.goog"
OUTSIDE = f"{POOLS}/github-pool"
WORKFORCE = "iam.googleapis.com/locations/global/workforcePools/acme-people"
CLUSTER = "https://container.googleapis.com/v1/projects/acme-packages/locations/us-central1/clusters/main"
UID = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"

NOT_A_PRINCIPAL = "must be a principal of a workload identity pool or workforce pool"

PRINCIPALS = [
    f"principal://{GKE}/subject/ns/ml/sa/trainer",
    f"principal://{GKE}/subject/ns/ml/sa/trainer.v2",
    f"principal://{GKE}/kubernetes.serviceaccount.uid/{UID}",
    f"principalSet://{GKE}/namespace/ml",
    f"principalSet://{GKE}/kubernetes.cluster/{CLUSTER}",
    f"principalSet://{GKE}/*",
    f"principalSet://{POOLS}/example.com:acme-packages.svc.id.goog/namespace/ml",
    f"principal://{OUTSIDE}/subject/repo:octo-org/octo-repo:ref:refs/heads/main",
    f"principal://{OUTSIDE}/subject/system:serviceaccount:ml:trainer",
    f"principal://{OUTSIDE}/subject/{'x' * 127}",
    f"principal://{OUTSIDE}/subject/a...b",
    f"principal://{OUTSIDE}/subject/.hidden/..also/...",
    f"principalSet://{OUTSIDE}/group/ci",
    f"principalSet://{OUTSIDE}/attribute.repository/octo-org/octo-repo",
    f"principalSet://{OUTSIDE}/attribute.aws_role/arn:aws:sts::999999999999:assumed-role/ci",
    f"principalSet://{OUTSIDE}/*",
    f"principal://{WORKFORCE}/subject/ann@acme.example",
    f"principalSet://{WORKFORCE}/group/packagers@acme.example",
    f"principalSet://{WORKFORCE}/attribute.department/ml",
    f"principalSet://{WORKFORCE}/*",
]

NO_PRINCIPALS = [
    # Members of other types.
    "allUsers",
    "allAuthenticatedUsers",
    "domain:acme.example",
    "projectOwner:acme-packages",
    "projectEditor:acme-packages",
    "projectViewer:acme-packages",
    "user:ann@acme.example",
    "group:packagers@acme.example",
    "serviceAccount:ci@acme-packages.iam.gserviceaccount.com",
    "serviceAccount:acme-packages.svc.id.goog[ml/trainer]",
    f"deleted:principal://{GKE}/subject/ns/ml/sa/trainer",
    f"deleted:principalSet://{GKE}/namespace/ml",
    # The scheme and the host.
    f"Principal://{GKE}/subject/ns/ml/sa/trainer",
    f"PRINCIPALSET://{GKE}/namespace/ml",
    f"principalset://{GKE}/namespace/ml",
    f"principal:/{GKE}/subject/ns/ml/sa/trainer",
    f"principal:{GKE}/subject/ns/ml/sa/trainer",
    f"https://{GKE}/subject/ns/ml/sa/trainer",
    f" principalSet://{GKE}/namespace/ml",
    GKE,
    "",
    f"principalSet://{GKE.replace('iam.googleapis.com', 'iam.googleapis.com.evil.com')}/namespace/ml",
    f"principalSet://{GKE.replace('iam.googleapis.com', 'iamXgoogleapis.com')}/namespace/ml",
    f"principalSet://{GKE.replace('iam.googleapis.com', 'IAM.googleapis.com')}/namespace/ml",
    # The pool.
    f"principalSet://{GKE.replace('123456789012', 'acme-packages')}/namespace/ml",
    f"principalSet://{GKE.replace('123456789012', '0')}/namespace/ml",
    f"principalSet://{GKE.replace('123456789012', '1' * 20)}/namespace/ml",
    f"principalSet://{GKE.replace('/global/', '/us/')}/namespace/ml",
    f"principalSet://{GKE.replace('workloadIdentityPools', 'workloadidentitypools')}/namespace/ml",
    f"principalSet://{POOLS}/abc/group/ci",
    f"principalSet://{POOLS}/{'p' * 33}/group/ci",
    f"principalSet://{POOLS}/Github/group/ci",
    f"principalSet://{POOLS}/github_pool/group/ci",
    f"principalSet://{POOLS}/acme.svc.id.goog.evil.com/namespace/ml",
    f"principalSet://{POOLS}//group/ci",
    # Forms of the other scheme, or of the other type of pool.
    f"principal://{OUTSIDE}/group/ci",
    f"principal://{OUTSIDE}/attribute.repository/octo",
    f"principal://{OUTSIDE}/*",
    f"principal://{GKE}/namespace/ml",
    f"principalSet://{OUTSIDE}/subject/ci",
    f"principalSet://{GKE}/subject/ns/ml/sa/trainer",
    f"principalSet://{GKE}/group/ci",
    f"principalSet://{GKE}/attribute.repository/octo",
    f"principalSet://{OUTSIDE}/namespace/ml",
    f"principalSet://{OUTSIDE}/kubernetes.cluster/{CLUSTER}",
    f"principal://{OUTSIDE}/kubernetes.serviceaccount.uid/{UID}",
    # The value.
    f"principal://{GKE}/subject/ml/trainer",
    f"principal://{GKE}/subject/ns/ML/sa/trainer",
    f"principal://{GKE}/subject/ns/ml/sa/",
    f"principal://{GKE}/subject/ns/ml/sa/trainer/x",
    f"principal://{GKE}/subject/system:serviceaccount:ml:trainer",
    f"principal://{GKE}/kubernetes.serviceaccount.uid/{UID.upper()}",
    f"principal://{GKE}/kubernetes.serviceaccount.uid/{UID[:-1]}",
    f"principalSet://{GKE}/namespace/",
    f"principalSet://{GKE}/namespace/ml/x",
    f"principalSet://{GKE}/namespace/m_l",
    f"principalSet://{GKE}/namespace/*",
    f"principalSet://{GKE}/kubernetes.cluster/{CLUSTER.replace('https', 'http')}",
    f"principalSet://{GKE}/kubernetes.cluster/{CLUSTER.replace('container.googleapis.com', 'evil.com')}",
    f"principalSet://{GKE}/kubernetes.cluster/{CLUSTER}/x",
    f"principalSet://{GKE}/*/x",
    f"principalSet://{GKE}/**",
    f"principalSet://{GKE}",
    f"principal://{OUTSIDE}/subject/",
    f"principal://{OUTSIDE}/subject/{'x' * 128}",
    f"principal://{OUTSIDE}/subject/a/../b",
    f"principal://{OUTSIDE}/subject/./b",
    f"principal://{OUTSIDE}/subject/..",
    f"principal://{OUTSIDE}/subject/a//b",
    f"principal://{OUTSIDE}/subject/a/",
    f"principal://{OUTSIDE}/subject/a%2fb",
    f"principal://{OUTSIDE}/subject/a b",
    f"principal://{OUTSIDE}/subject/tr\u0430iner",
    f"principal://{OUTSIDE}/subject/a\r\nb",
    f"principal://{OUTSIDE}/subject/a?b",
    f"principal://{OUTSIDE}/subject/a#b",
    f"principal://{OUTSIDE}/subject/*",
    f"principalSet://{OUTSIDE}/attribute./octo",
    f"principalSet://{OUTSIDE}/attribute.Repository/octo",
    f"principalSet://{OUTSIDE}/attribute.{'a' * 101}/octo",
    f"principalSet://{OUTSIDE}/attribute.repository",
    f"principalSet://{OUTSIDE}/attribute.repository/",
    f"principalSet://{OUTSIDE}/attributeXrepository/octo",
    f"principal://{WORKFORCE.replace('acme-people', 'peopl')}/subject/ann",
    f"principal://{WORKFORCE.replace('acme-people', '1people')}/subject/ann",
    f"principal://{WORKFORCE.replace('acme-people', 'people-')}/subject/ann",
    f"principal://{WORKFORCE.replace('locations', 'organizations/1/locations')}/subject/ann",
    f"principal://{WORKFORCE}/group/packagers",
    f"principalSet://{WORKFORCE}/namespace/ml",
]

_ONLY = "namespace and namespaceSelector are only for the kind ServiceAccount"
_BOTH = "set namespace or namespaceSelector, not both"
_NOTHING = "must have at least one requirement"
_ML = {"matchLabels": {"team": "ml"}}


def _expression(operator: str, *values: str, key: str = "team") -> dict[str, Any]:
    found: dict[str, Any] = {"key": key, "operator": operator}
    return found | ({"values": list(values)} if values else {})


TAKEN: list[tuple[str, Any]] = [
    *(("subjects/6/name", name) for name in PRINCIPALS),
    ("subjects/4/namespace", "x" * 63),
    ("subjects/5/namespaceSelector", {"matchLabels": {"team": ""}}),
    ("subjects/5/namespaceSelector", {"matchLabels": {f"team-{n}": "ml" for n in range(16)}}),
    ("subjects/5/namespaceSelector", {"matchLabels": {}, "matchExpressions": [_expression("Exists")]}),
    ("subjects/5/namespaceSelector", {"matchExpressions": [_expression("In", "ml", "web")]}),
    ("subjects/5/namespaceSelector", {"matchExpressions": [_expression("NotIn", "ml")]}),
    ("subjects/5/namespaceSelector", {"matchExpressions": [_expression("DoesNotExist", key="example.com/team")]}),
    ("subjects/5/namespaceSelector", {"matchExpressions": [_expression("In", *map(str, range(32)))]}),
    ("subjects/5/namespaceSelector/matchExpressions", [_expression("Exists")] * 8),
    ("subjects/5/namespaceSelector/matchExpressions/0/operator", "NotIn"),
]

REFUSED: list[tuple[str, Any, str]] = [
    *(("subjects/6/name", name, NOT_A_PRINCIPAL) for name in NO_PRINCIPALS),
    ("subjects/6/name", f"principal://{OUTSIDE}/subject/{'x' * 450}", ""),
    ("subjects/1/namespace", "ml", _ONLY),
    ("subjects/2/namespace", "ml", _ONLY),
    ("subjects/3/namespaceSelector", _ML, _ONLY),
    ("subjects/6/namespace", "ml", _ONLY),
    ("subjects/6/namespaceSelector", _ML, _ONLY),
    ("subjects/5/namespace", "ml", _BOTH),
    ("subjects/4/namespaceSelector", _ML, _BOTH),
    ("subjects/4/namespace", "*", "must be the name of a namespace"),
    ("subjects/4/namespace", "", ""),
    ("subjects/4/namespace", "x" * 64, ""),
    ("subjects/4/namespace", "a.b", "must be the name of a namespace"),
    ("subjects/4/name", "*", "must be the name of a Kubernetes ServiceAccount"),
    ("subjects/4/name", f"principalSet://{GKE}/*", "must be the name of a Kubernetes ServiceAccount"),
    ("subjects/5/namespaceSelector", {}, _NOTHING),
    ("subjects/5/namespaceSelector", {"matchLabels": {}}, _NOTHING),
    ("subjects/5/namespaceSelector", {"matchExpressions": []}, _NOTHING),
    ("subjects/5/namespaceSelector", {"matchLabels": {}, "matchExpressions": []}, _NOTHING),
    ("subjects/5/namespaceSelector", "team=ml", "of type object"),
    ("subjects/5/namespaceSelector", {"matchLabels": {f"team-{n}": "ml" for n in range(17)}}, ""),
    ("subjects/5/namespaceSelector", {"matchExpressions": [_expression("In", *map(str, range(33)))]}, ""),
    ("subjects/5/namespaceSelector/matchExpressions", [_expression("Exists")] * 9, ""),
    ("subjects/5/namespaceSelector/matchExpressions/0/operator", "Equals", ""),
    ("subjects/5/namespaceSelector/matchExpressions/0/operator", "Exists", "omit values for Exists"),
    ("subjects/5/namespaceSelector/matchExpressions/0/values", [], "set values for In and NotIn"),
    ("subjects/5/namespaceSelector/matchExpressions/0/values", ["a b"], "must be a label value"),
    ("subjects/5/namespaceSelector/matchExpressions/0/key", "", "must be a label key"),
    ("subjects/5/namespaceSelector/matchLabels/team", "x" * 64, ""),
    ("subjects/5/namespaceSelector/matchLabels", {"": "ml"}, "must be a label key"),
    ("subjects/5/namespaceSelector/matchLabels", {"team/": "ml"}, "must be a label key"),
    ("subjects/5/namespaceSelector/matchLabels", {"Example.com/team": "ml"}, "must be a label key"),
]
