"""Workload Identity pools: their grammar, and the pool of a member of an IAM policy."""

import re
from dataclasses import dataclass
from typing import Self

from wheelhouse.domain.iam import Identity, WorkloadIdentity
from wheelhouse.domain.names import DNS_LABEL, DNS_SUBDOMAIN, LOCATION, PROJECT, matches

PROJECT_NUMBER = "[1-9][0-9]{0,18}"

# https://cloud.google.com/iam/docs/reference/rest/v1/projects.locations.workloadIdentityPools/create
POOL_ID = "[a-z0-9-]{4,32}"
# One for each project with GKE, https://cloud.google.com/kubernetes-engine/docs/concepts/workload-identity; universes
# other than googleapis.com write their own label before the suffix
# (https://github.com/GoogleCloudPlatform/secrets-store-csi-driver-provider-gcp/issues/655).
_GKE_SUFFIX = ".svc.id.goog"
GKE_POOL = rf"{PROJECT}(\.{DNS_LABEL})?\.svc\.id\.goog"

_POOLS = f"projects/{PROJECT_NUMBER}/locations/global/workloadIdentityPools"
POOL = f"{_POOLS}/({GKE_POOL}|{POOL_ID})"
# Only a pool that a person created has providers.
PROVIDER = f"{_POOLS}/{POOL_ID}/providers/{POOL_ID}"

# A cluster is regional, or in one zone of a region; names:
# https://cloud.google.com/kubernetes-engine/docs/reference/rest/v1/projects.locations.clusters#Cluster
CLUSTER = f"projects/{PROJECT}/locations/{LOCATION}(-[a-z])?/clusters/[a-z]([a-z0-9-]{{0,38}}[a-z0-9])?"

POOL_LENGTH = 400
"""More than the longest name of a pool, a provider or a cluster."""

_SUBJECT = (
    rf"(ns/(?P<gke_namespace>{DNS_LABEL})/sa/(?P<gke_name>{DNS_SUBDOMAIN})"
    rf"|system:serviceaccount:(?P<namespace>{DNS_LABEL}):(?P<name>{DNS_SUBDOMAIN}))"
)
_MEMBER = re.compile(rf"principal://iam\.googleapis\.com/(?P<pool>{POOL})/subject/{_SUBJECT}")


@dataclass(frozen=True, slots=True, order=True)
class Pool:
    """A workload identity pool; `project_number` is that of its own project."""

    project_number: str
    pool: str

    @property
    def full(self) -> str:
        """The full resource name `projects/NUMBER/locations/global/workloadIdentityPools/POOL`."""
        return f"projects/{self.project_number}/locations/global/workloadIdentityPools/{self.pool}"

    def __str__(self) -> str:
        return self.full

    @classmethod
    def of(cls, workload: WorkloadIdentity) -> Self:
        """The pool of the cluster's ServiceAccounts."""
        return cls(workload.project_number, workload.pool)

    @classmethod
    def parse(cls, full: str) -> Self | None:
        """Read the full resource name of a pool, or of one of its providers; None if a part breaks its grammar."""
        if not matches(f"({POOL}|{PROVIDER})", full, POOL_LENGTH):
            return None
        parts = full.split("/")
        return cls(parts[1], parts[5])


def gke_pool(project: str) -> str:
    """The pool of a project's GKE clusters."""
    return f"{project}{_GKE_SUFFIX}"


def is_gke_pool(pool: str) -> bool:
    """Whether GKE created this pool: then subjects have the form `ns/NAMESPACE/sa/NAME`."""
    return matches(GKE_POOL, pool, POOL_LENGTH)


def principal(member: str) -> tuple[Pool, Identity] | None:
    """The pool and the ServiceAccount that a member names, in either form of subjects; None for any other member."""
    found = _MEMBER.fullmatch(member)
    pool = Pool.parse(found["pool"]) if found else None
    if found is None or pool is None:
        return None
    return pool, Identity(found["gke_namespace"] or found["namespace"], found["gke_name"] or found["name"])
