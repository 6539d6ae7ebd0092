"""The names in every local world: one project, one cluster, one pool, one owner."""

PROJECT = "acme-packages"
PROJECT_NUMBER = "123456789012"
POOL = f"{PROJECT}.svc.id.goog"
LOCATION = "us-central1"
CLUSTER = "local"
OWNER = "owner@acme.example"

# GKE's form of a cluster's ServiceAccount issuer: it is also part of the audience at the Security Token Service.
ISSUER = f"https://container.googleapis.com/v1/projects/{PROJECT}/locations/{LOCATION}/clusters/{CLUSTER}"

# A pool with an OIDC provider for the same cluster, as for a cluster outside GKE.
PROVIDER = f"projects/{PROJECT_NUMBER}/locations/global/workloadIdentityPools/on-prem/providers/cluster"

NAMESPACE = "wheelhouse-system"
SERVICE_ACCOUNT = "wheelhouse-operator"
OPERATOR_USER = f"system:serviceaccount:{NAMESPACE}:{SERVICE_ACCOUNT}"

ALLOCATOR = {"MALLOC_ARENA_MAX": "2", "MALLOC_TRIM_THRESHOLD_": "131072"}
"""The operator's settings of glibc's allocator, as in the Dockerfile (mallopt(3)). By default each thread gets its own
memory pool, and memory that a wave of requests needed is seldom returned to the system."""
