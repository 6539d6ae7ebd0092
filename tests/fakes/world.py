"""All fakes together."""

from dataclasses import dataclass, field
from datetime import timedelta

from fakes.calls import Calls
from fakes.clock import Clock
from fakes.google import FakePolicies, FakeRepositories, Google
from fakes.identities import FakeIndex, FakeTokens
from fakes.kubernetes import Cluster, FakeObjects
from fakes.projects import FakeProjects
from fakes.runtime import FakeQueue
from fakes.secrets import FakeSecrets
from wheelhouse.domain.iam import WorkloadIdentity
from wheelhouse.reconcile.absences import Absences
from wheelhouse.reconcile.interests import Interests
from wheelhouse.reconcile.options import Options
from wheelhouse.reconcile.world import World
from wheelhouse.runtime.cache import ObjectCache
from wheelhouse.runtime.queue.line import Rank, as_they_come

OPTIONS = Options(
    cluster="cluster-1",
    any_project=False,
    enable_apis=False,
    create_interval=timedelta(seconds=2),
    index_url_template=None,
    verify_access=True,
    drift_interval=timedelta(minutes=10),
    migrate_from=None,
)

WORKLOAD = WorkloadIdentity("123456789012", "acme-packages.svc.id.goog")


@dataclass(slots=True)
class Fakes:
    """A whole world in memory; `restart` is the operator's crash: cache and queue are lost, everything else stays."""

    options: Options = OPTIONS
    workload: WorkloadIdentity = WORKLOAD
    rank: Rank = as_they_come
    clock: Clock = field(default_factory=Clock)
    calls: Calls = field(default_factory=Calls)
    cluster: Cluster = field(default_factory=Cluster)
    google: Google = field(init=False)
    tokens: FakeTokens = field(init=False)
    index: FakeIndex = field(init=False)
    repositories: FakeRepositories = field(init=False)
    projects: FakeProjects = field(init=False)
    policies: FakePolicies = field(init=False)
    secrets: FakeSecrets = field(init=False)
    objects: FakeObjects = field(init=False)
    cache: ObjectCache = field(init=False)
    queue: FakeQueue = field(init=False)
    world: World = field(init=False)

    def __post_init__(self) -> None:
        self.google = Google(self.clock)
        self.tokens = FakeTokens(self.cluster, self.clock, self.calls)
        self.index = FakeIndex(self.google, self.tokens, self.workload, self.clock, self.calls)
        self.repositories = FakeRepositories(self.google, self.calls)
        self.projects = FakeProjects(self.calls)
        self.policies = FakePolicies(self.google, self.calls)
        self.secrets = FakeSecrets(self.cluster, self.clock, self.calls)
        self.objects = FakeObjects(self.cluster, self.calls)
        self.restart()

    def restart(self) -> None:
        """Delete the process's memory; a new cache is empty until it is synced."""
        self.cache = ObjectCache(self.options.any_project, self.cluster.account)
        self.queue = FakeQueue(self.clock, self.rank)
        self.world = World(
            repositories=self.repositories,
            projects=self.projects,
            policies=self.policies,
            tokens=self.tokens,
            probe=self.index.probe,
            may_upload=self.index.may_upload,
            secrets=self.secrets,
            objects=self.objects,
            cache=self.cache,
            google_account=self.cluster.google_account,
            queue=self.queue,
            interests=Interests(self.queue),
            absences=Absences(self.clock.elapsed),
            workload=self.workload,
            options=self.options,
            now=self.clock.local,
            elapsed=self.clock.uptime,
            jitter=lambda: 0.0,
        )
