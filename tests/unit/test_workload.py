"""The pool of the cluster: the settings, the metadata server's facts, and contradictions between them."""

from dataclasses import dataclass, field

import pytest

from wheelhouse.clients.google.identity import MetadataFacts
from wheelhouse.clients.google.tokens import Federation
from wheelhouse.clients.google.workload import migrate_from, workload
from wheelhouse.domain.iam import Identity, WorkloadIdentity
from wheelhouse.domain.pools import Pool
from wheelhouse.errors import Invalid
from wheelhouse.settings import Settings, variable

PROJECT, NUMBER = "acme-packages", "123456789012"
OWN = f"{PROJECT}.svc.id.goog"
CLUSTER = f"projects/{PROJECT}/locations/us-central1/clusters/local"
OTHER_CLUSTER = f"projects/{PROJECT}/locations/us-central1/clusters/other"
FLEET, FLEET_NUMBER = "fleet-host.svc.id.goog", "987654321098"
PROVIDER = f"projects/{FLEET_NUMBER}/locations/global/workloadIdentityPools/on-prem/providers/cluster"

GKE = MetadataFacts(PROJECT, NUMBER, "local", "us-central1", "googleapis.com")
MACHINE = MetadataFacts("laptops-project", "555", None, None, "googleapis.com")

ON_GKE = (WorkloadIdentity(NUMBER, OWN), Federation.gke(OWN, CLUSTER))
IN_FLEET = (WorkloadIdentity(FLEET_NUMBER, FLEET), Federation.gke(FLEET, CLUSTER))
ELSEWHERE = (WorkloadIdentity(FLEET_NUMBER, "on-prem", gke=False), Federation.provider(PROVIDER))


@dataclass(frozen=True)
class Case:
    """Settings and facts, and the result: an identity, or text that the error must contain."""

    name: str
    facts: MetadataFacts | None
    found: tuple[WorkloadIdentity, Federation] | tuple[str, ...]
    settings: dict[str, object] = field(default_factory=dict)


def case(
    name: str,
    facts: MetadataFacts | None,
    found: tuple[WorkloadIdentity, Federation] | tuple[str, ...],
    *,
    pool: str | None = None,
    number: str | None = None,
    provider: str | None = None,
    cluster: str | None = None,
    override: bool = False,
) -> Case:
    values = {
        "workload_identity_pool": pool,
        "workload_identity_project_number": number,
        "workload_identity_provider": provider,
        "gke_cluster": cluster,
        "workload_identity_override": override,
    }
    return Case(name, facts, found, values)


POOL_SET, NUMBER_SET = "WHEELHOUSE_WORKLOAD_IDENTITY_POOL", "WHEELHOUSE_WORKLOAD_IDENTITY_PROJECT_NUMBER"
PROVIDER_SET, CLUSTER_SET = "WHEELHOUSE_WORKLOAD_IDENTITY_PROVIDER", "WHEELHOUSE_GKE_CLUSTER"
OVERRIDE_SET = "WHEELHOUSE_WORKLOAD_IDENTITY_OVERRIDE=true"

CASES = [
    case("nothing set on GKE", GKE, ON_GKE),
    case("the same said again", GKE, ON_GKE, pool=OWN, number=NUMBER, cluster=CLUSTER),
    case("the pool alone, as the base has it", GKE, ON_GKE, pool=OWN),
    case("the number alone", GKE, ON_GKE, number=NUMBER),
    case("an override without a difference", GKE, ON_GKE, override=True),
    # Another pool.
    case("another pool", GKE, (POOL_SET, FLEET, OWN, OVERRIDE_SET, "wheelhouse-tokens"), pool=FLEET),
    case("another pool and number", GKE, (POOL_SET, FLEET, OWN, OVERRIDE_SET), pool=FLEET, number=FLEET_NUMBER),
    case("a fleet", GKE, IN_FLEET, pool=FLEET, number=FLEET_NUMBER, override=True),
    case("a fleet without its number", GKE, (NUMBER_SET, "unset", FLEET), pool=FLEET, override=True),
    case("no pool of GKE", GKE, (POOL_SET, "on-prem", OWN, PROVIDER_SET), pool="on-prem"),
    case("no pool of GKE, meant", GKE, (POOL_SET, "on-prem", OWN), pool="on-prem", number="1", override=True),
    # Another number.
    case("another number", GKE, (NUMBER_SET, FLEET_NUMBER, NUMBER, POOL_SET, OVERRIDE_SET), number=FLEET_NUMBER),
    case("a number without its pool", GKE, (NUMBER_SET, NUMBER, POOL_SET), number=FLEET_NUMBER, override=True),
    case("the own pool, another number", GKE, (NUMBER_SET, NUMBER), pool=OWN, number=FLEET_NUMBER, override=True),
    # Another cluster.
    case("another cluster", GKE, (CLUSTER_SET, OTHER_CLUSTER, CLUSTER), cluster=OTHER_CLUSTER),
    case("another cluster, meant", GKE, (CLUSTER_SET, OTHER_CLUSTER, CLUSTER), cluster=OTHER_CLUSTER, override=True),
    # A provider on GKE.
    case("a provider on GKE", GKE, (PROVIDER_SET, PROVIDER, CLUSTER, OWN, OVERRIDE_SET), provider=PROVIDER),
    case("a provider on GKE, meant", GKE, ELSEWHERE, provider=PROVIDER, override=True),
    # Not GKE: no metadata server, or that of a machine, which knows nothing about the cluster.
    *(
        each
        for where, facts in (("elsewhere", None), ("on a machine", MACHINE))
        for each in (
            case(f"nothing set {where}", facts, ("GKE", CLUSTER_SET, POOL_SET, NUMBER_SET, PROVIDER_SET)),
            case(f"a provider {where}", facts, ELSEWHERE, provider=PROVIDER),
            case(f"all three {where}", facts, ELSEWHERE, provider=PROVIDER, pool="on-prem", number=FLEET_NUMBER),
            case(
                f"another pool's provider {where}", facts, (POOL_SET, "mine", PROVIDER), provider=PROVIDER, pool="mine"
            ),
            case(f"its number wrong {where}", facts, (NUMBER_SET, NUMBER, PROVIDER), provider=PROVIDER, number=NUMBER),
            case(
                f"another pool's provider, meant, {where}",
                facts,
                (POOL_SET, "mine", PROVIDER),
                provider=PROVIDER,
                pool="mine",
                override=True,
            ),
            case(
                f"provider and cluster {where}", facts, (PROVIDER_SET, CLUSTER_SET), provider=PROVIDER, cluster=CLUSTER
            ),
            case(f"GKE all set {where}", facts, ON_GKE, pool=OWN, number=NUMBER, cluster=CLUSTER),
            case(f"a pool without its number {where}", facts, (f"set {NUMBER_SET} too",), pool=OWN, cluster=CLUSTER),
            case(f"a number alone {where}", facts, (f"set {POOL_SET} too",), number=NUMBER, cluster=CLUSTER),
            case(f"a cluster alone {where}", facts, (POOL_SET, NUMBER_SET), cluster=CLUSTER),
            case(f"a pool and number alone {where}", facts, (CLUSTER_SET, PROVIDER_SET), pool=OWN, number=NUMBER),
            case(
                f"another project's pool {where}",
                facts,
                (POOL_SET, FLEET, OWN, OVERRIDE_SET),
                pool=FLEET,
                number=FLEET_NUMBER,
                cluster=CLUSTER,
            ),
            case(
                f"a fleet {where}",
                facts,
                IN_FLEET,
                pool=FLEET,
                number=FLEET_NUMBER,
                cluster=CLUSTER,
                override=True,
            ),
        )
    ),
]


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without settings from the shell that runs the tests."""
    for name in Settings.model_fields:
        monkeypatch.delenv(variable(name), raising=False)


@pytest.mark.parametrize("each", CASES, ids=lambda each: each.name)
def test_whose_pool(each: Case) -> None:
    """Found, or rejected with a sentence that names the settings, the values and the remedy."""
    settings = Settings.model_validate({name: value for name, value in each.settings.items() if value is not None})
    if isinstance(each.found[0], WorkloadIdentity):
        assert workload(settings, each.facts) == each.found
        return
    with pytest.raises(Invalid) as caught:
        workload(settings, each.facts)
    assert [word for word in each.found if str(word) not in caught.value.message] == []
    assert "set" in caught.value.message or "correct" in caught.value.message


def test_the_audiences_are_those_of_google() -> None:
    """On GKE pool and cluster; elsewhere the full name of the provider, with a scheme only for the ServiceAccount."""
    assert ON_GKE[1].audience == OWN
    assert ON_GKE[1].exchange == f"identitynamespace:{OWN}:https://container.googleapis.com/v1/{CLUSTER}"
    assert ELSEWHERE[1].audience == f"https://iam.googleapis.com/{PROVIDER}"
    assert ELSEWHERE[1].exchange == f"//iam.googleapis.com/{PROVIDER}"


def test_outside_gke_a_member_is_the_kubernetes_user() -> None:
    """The IAM member of a ServiceAccount with a provider in the settings."""
    identity, _ = workload(Settings(workload_identity_provider=PROVIDER), None)
    assert identity.member(Identity("team-a", "pull")) == (
        f"principal://iam.googleapis.com/projects/{FLEET_NUMBER}/locations/global/workloadIdentityPools/on-prem/"
        "subject/system:serviceaccount:team-a:pull"
    )


def test_grants_move_from_another_pool_only() -> None:
    """The old pool by its full name; the current pool is rejected, because nothing would move."""
    old = Pool(FLEET_NUMBER, FLEET)
    assert migrate_from(Settings(), ON_GKE[0]) is None
    assert migrate_from(Settings(workload_identity_migrate_from=old.full), ON_GKE[0]) == old
    with pytest.raises(Invalid, match=f"WHEELHOUSE_WORKLOAD_IDENTITY_MIGRATE_FROM is {old}"):
        migrate_from(Settings(workload_identity_migrate_from=old.full), IN_FLEET[0])
