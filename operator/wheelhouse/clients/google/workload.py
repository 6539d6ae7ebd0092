"""The pool of this cluster's ServiceAccounts, from the settings and the metadata server.

Members of IAM policies and audiences of tokens depend on it, so a wrong pool would rewrite every policy. The metadata
server supplies what the settings omit. The settings must not contradict it, or each other.
"""

from wheelhouse.clients.google.identity import MetadataFacts
from wheelhouse.clients.google.tokens import Federation
from wheelhouse.domain.iam import WorkloadIdentity
from wheelhouse.domain.pools import Pool, gke_pool, is_gke_pool
from wheelhouse.errors import Invalid
from wheelhouse.settings import Settings, variable

POOL = variable("workload_identity_pool")
NUMBER = variable("workload_identity_project_number")
PROVIDER = variable("workload_identity_provider")
CLUSTER = variable("gke_cluster")
OVERRIDE = variable("workload_identity_override")
MIGRATE_FROM = variable("workload_identity_migrate_from")


def workload(settings: Settings, facts: MetadataFacts | None) -> tuple[WorkloadIdentity, Federation]:
    """How Google identifies this cluster's ServiceAccounts.

    Args:
        settings: they take precedence.
        facts: what the metadata server reports; outside GKE it reports nothing about the cluster.

    Raises:
        Invalid: too little is known, or two values contradict each other.
    """
    known = facts if facts is not None and facts.cluster is not None else None
    if settings.workload_identity_provider is not None:
        return _elsewhere(settings, settings.workload_identity_provider, known)
    return _on_gke(settings, known)


def migrate_from(settings: Settings, identity: WorkloadIdentity) -> Pool | None:
    """The pool that grants are moved from, or None.

    Raises:
        Invalid: it is the pool that they would move to.
    """
    text = settings.workload_identity_migrate_from
    old = Pool.parse(text) if text is not None else None
    if old == Pool.of(identity):
        raise Invalid(
            f"{MIGRATE_FROM} is {old}, which is the current pool: name the previous pool, or unset it when all grants "
            "have moved."
        )
    return old


def _elsewhere(settings: Settings, provider: str, known: MetadataFacts | None) -> tuple[WorkloadIdentity, Federation]:
    """Outside GKE: the provider's name contains the pool and its project's number."""
    own = Pool.parse(provider)
    if own is None:
        raise Invalid(f"{PROVIDER} does not name a provider of a workload identity pool: correct it.")
    if settings.gke_cluster is not None:
        raise Invalid(
            f"{PROVIDER} is {provider} and {CLUSTER} is {settings.gke_cluster}: unset the first on GKE, the second "
            "elsewhere."
        )
    for name, said, meant in (
        (POOL, settings.workload_identity_pool, own.pool),
        (NUMBER, settings.workload_identity_project_number, own.project_number),
    ):
        if said not in (None, meant):
            raise Invalid(f"{name} is {said}, but {PROVIDER} is {provider}: correct one of them, or unset {name}.")
    if known is not None and not settings.workload_identity_override:
        raise Invalid(
            f"{PROVIDER} is {provider}, but the metadata server reports the GKE cluster {known.cluster} with "
            f"the pool {known.pool}: unset {PROVIDER}, or set {OVERRIDE}=true if it is meant."
        )
    return WorkloadIdentity(own.project_number, own.pool, gke=False), Federation.provider(provider)


def _on_gke(settings: Settings, known: MetadataFacts | None) -> tuple[WorkloadIdentity, Federation]:
    """On GKE: the pool of the cluster's own project, unless the settings name another one with its number."""
    cluster = _cluster(settings.gke_cluster, known.cluster if known else None)
    own = gke_pool(cluster.split("/")[1])
    pool = settings.workload_identity_pool or (known.pool if known else None)
    number = settings.workload_identity_project_number or (known.project_number if known else None)
    if pool is None or number is None:
        missing = " and ".join(name for name, value in ((POOL, pool), (NUMBER, number)) if value is None)
        raise Invalid(f"The metadata server names no GKE cluster, so set {missing} too.")
    if pool != own:
        _check_foreign(settings, pool, own, cluster)
    elif known is not None and number != known.project_number:
        raise Invalid(
            f"{NUMBER} is {number}, but the metadata server reports {known.project_number}: unset it. If the pool "
            f"belongs to another project, as in a fleet, set {POOL} too, and {OVERRIDE}=true."
        )
    return WorkloadIdentity(number, pool), Federation.gke(pool, cluster)


def _cluster(said: str | None, known: str | None) -> str:
    """The GKE cluster. A token of one cluster is never exchanged as another's, so no override allows a difference."""
    cluster = said or known
    if cluster is None:
        raise Invalid(
            f"The metadata server names no GKE cluster: on GKE set {CLUSTER}, {POOL} and {NUMBER}; outside GKE set "
            f"{PROVIDER}."
        )
    if known not in (None, cluster):
        raise Invalid(
            f"{CLUSTER} is {cluster}, but the metadata server reports {known}: unset it, or run the operator in the "
            "cluster that it names."
        )
    return cluster


def _check_foreign(settings: Settings, pool: str, own: str, cluster: str) -> None:
    """A pool of another project must be a GKE pool, set on purpose, and set together with its number."""
    difference = f"{POOL} is {pool}, but the pool of {cluster} is {own}"
    if not is_gke_pool(pool):
        raise Invalid(
            f"{difference}, and every pool of GKE is named PROJECT_ID.svc.id.goog: correct it, or outside GKE unset "
            f"{CLUSTER} and set {PROVIDER}."
        )
    if not settings.workload_identity_override:
        raise Invalid(
            f"{difference}: correct it, and with it the audience of the admission policy wheelhouse-tokens (one value "
            f"in manifests/base/settings.yaml). If it is meant, as in a fleet, set {OVERRIDE}=true and {NUMBER}."
        )
    if settings.workload_identity_project_number is None:
        raise Invalid(f"{difference}, and {NUMBER} is unset: set it to the number of that pool's project.")
