"""The policy unit alone over the fakes: one repository, its accesses, and an operator that can crash."""

from dataclasses import dataclass, field
from typing import Any, cast

from fakes.world import Fakes
from wheelhouse.desired.declared import Declared
from wheelhouse.domain.access import DesiredAccess, SubjectKind
from wheelhouse.domain.findings import GrantFindings
from wheelhouse.domain.iam import Binding, GrantRecord
from wheelhouse.domain.keys import AccessKey, Key
from wheelhouse.domain.modes import Mode
from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.objects import FINALIZER, Kind
from wheelhouse.domain.repository import Ownership
from wheelhouse.errors import WheelhouseError
from wheelhouse.reconcile.debts import Debts, GrantDebt
from wheelhouse.reconcile.finalizer import remove_finalizer
from wheelhouse.reconcile.findings import Findings
from wheelhouse.reconcile.ledger import Ledger
from wheelhouse.reconcile.policy.claims import Claims
from wheelhouse.reconcile.policy.unit import PolicyUnit
from wheelhouse.runtime.cache import AnyDeclared
from wheelhouse.status.conditions import timestamp
from wheelhouse.status.read import read_grants

OWNERS = "owners"
REPOSITORY = ObjectKey(OWNERS, "wheels")
NAME = RepositoryName("acme-packages", "us-central1", "wheels")
GOOGLE_KINDS = (SubjectKind.GOOGLE_SERVICE_ACCOUNT, SubjectKind.GOOGLE_GROUP, SubjectKind.GOOGLE_USER)


@dataclass
class PolicyRoom:
    """One operator's policy unit; the work of the repository and access units is reduced to a line or two."""

    fakes: Fakes = field(default_factory=Fakes)
    usable: bool = True
    findings: Findings = field(init=False)
    debts: Debts = field(init=False)
    unit: PolicyUnit = field(init=False)

    def __post_init__(self) -> None:
        self.fakes.cluster.put_namespace(OWNERS, projects=NAME.project)
        self.fakes.cluster.put(Kind.REPOSITORY, REPOSITORY, {"location": NAME.location}, finalizers=[FINALIZER])
        self.plant()
        self.boot()

    def plant(self) -> None:
        """Create the repository in Google, ours by its labels."""
        self.fakes.google.plant(NAME, labels=dict(Ownership.of(self.fakes.options.cluster, REPOSITORY).labels))

    def boot(self, *, look: bool = True) -> None:
        """Start the process: its memory is lost; without `look` the repository is not known to be usable."""
        self.fakes.restart()
        world = self.fakes.world
        self.findings, self.debts = Findings(), Debts()
        self.ledger = Ledger(world, self.findings)
        self.claims = Claims(world, self.findings)
        self.unit = PolicyUnit(world, self.findings, self.ledger, self.claims, self.debts)
        self.fakes.cache.changed = self._changed
        self.watch()
        if look:
            self.look()

    def watch(self) -> None:
        """Bring the cache up to date; what disappeared without a release becomes a debt."""
        cache, cluster = self.fakes.cache, self.fakes.cluster
        for namespace in cluster.namespaces.values():
            cache.store_namespace(namespace)
        for kind in Kind:
            for stored in cache.objects(kind):
                standing = cluster.get(kind, stored.key)
                if standing is None or standing.uid != stored.uid:
                    cache.remove(kind, stored.key, stored.uid)
        for kind, key in list(cluster.objects):
            found = cluster.get(kind, key)
            if found is not None:
                cache.store(kind, found)

    def look(self) -> None:
        """Set what the repository unit would find."""
        found = self.fakes.google.repositories.get(NAME.full)
        body = self.fakes.cluster.objects[Kind.REPOSITORY, REPOSITORY]
        body["status"] = {"observedGeneration": 1, "repository": NAME.full}
        if found is not None and found.create_time is not None:
            body["status"]["createTime"] = timestamp(found.create_time)
        self.fakes.cluster.touch(body)
        self.watch()
        declared = self.fakes.cache.repository(REPOSITORY)
        assert declared is not None
        self.findings.note_repository(
            declared.stored,
            generation=1,
            name=NAME,
            usable=self.usable and found is not None,
            mode=Mode.STANDARD,
            create_time=found.create_time if found else None,
        )

    def want(self, name: str, *members: str, role: str = "Reader", **spec: Any) -> ObjectKey:
        """Declare an access of users, as `ann` for ann@example.com, or of whole IAM members."""
        key = ObjectKey(OWNERS, name)
        wish = {"repositoryRef": {"name": REPOSITORY.name}, "role": role, "subjects": list(map(_subject, members))}
        self.fakes.cluster.put(Kind.ACCESS, key, wish | spec, finalizers=[FINALIZER])
        return key

    async def reconcile(self) -> float | None:
        """One pass of the policy unit, and the resulting work of the access units."""
        self.watch()
        seconds = await self.unit.reconcile(NAME)
        await self.report()
        return seconds

    async def settle(self, passes: int = 20) -> None:
        """Run passes until one has nothing more to do at once; each wait really passes."""
        for _ in range(passes):
            try:
                seconds = await self.reconcile()
            except WheelhouseError:
                seconds = 1.0
            if seconds is None or seconds > 60.0:
                return
            self.fakes.clock.advance(seconds)
        raise AssertionError("the policy does not settle")

    async def report(self) -> None:
        """Report every access whose findings changed, and remove the finalizer of released ones."""
        for stored in self.fakes.cache.objects(Kind.ACCESS):
            if stored.deleting:
                self.fakes.queue.add(AccessKey(stored.key))
        for key in self.woken():
            declared = self.fakes.cache.access(key.object) if isinstance(key, AccessKey) else None
            if declared is None:
                continue
            claim = self.claims.of(declared)
            granting = self.unit.claimant(declared, claim).digest
            self.findings.note_access(
                declared.stored,
                generation=declared.stored.generation,
                resolved=claim.consent.check,
                granting=granting,
            )
            try:
                await self._report(declared)
            except WheelhouseError:
                continue

    def woken(self) -> list[Key]:
        """The keys that wait; it removes them from the queue."""
        keys = []
        while (key := self.fakes.queue.pop()) is not None:
            self.fakes.queue.done(key, None)
            keys.append(key)
        return keys

    async def _report(self, declared: Declared[DesiredAccess]) -> None:
        owned = any(record.state.owned for record in self.claims.ledger(declared))
        if declared.stored.deleting and not owned:
            self.debts.released(declared.stored.uid)
            await remove_finalizer(self.fakes.world, Kind.ACCESS, declared.stored)
        elif not declared.stored.deleting:
            await self.ledger.record(Kind.ACCESS, declared.stored.key)  # Not `report`, in which progress would wait.

    def _changed(self, kind: Kind, old: AnyDeclared | None, new: AnyDeclared | None) -> None:
        if new is not None:
            if self.findings.seen(kind, new.stored) and kind is Kind.ACCESS:
                self.unit.doubt(new.stored)
        elif old is not None and isinstance(old.effective, DesiredAccess):
            self._owe(cast("Declared[DesiredAccess]", old))

    def _owe(self, declared: Declared[DesiredAccess]) -> None:
        key = declared.stored.key
        if not declared.stored.finalized:
            return
        found = self.findings.grants(declared.stored)
        owned = tuple(record for record in self.claims.ledger(declared) if record.state.owned)
        if found.repository is not None and owned:
            self.debts.owe(GrantDebt(key, declared.stored.uid, found.repository, found.create_time, owned))
        self.ledger.forget(Kind.ACCESS, key)

    def recorded(self, key: ObjectKey) -> GrantFindings:
        """The ledger in the object's status."""
        return read_grants(self.fakes.cluster.objects[Kind.ACCESS, key].get("status", {}))

    def states(self, key: ObjectKey) -> dict[str, str]:
        """The states in that ledger by the first name of the member."""
        return {_name(record): str(record.state) for record in self.recorded(key).grants}

    def condition(self, key: ObjectKey) -> tuple[str, str]:
        """Status and reason of the condition Granted, from memory."""
        declared = self.fakes.cache.access(key)
        assert declared is not None
        check = self.findings.grants(declared.stored).check
        assert check is not None
        return str(check.truth), str(check.reason)

    def members(self, role: str = "reader") -> set[str]:
        """The first names of the members with a role."""
        policy = self.fakes.google.policy(NAME)
        return {
            member.partition(":")[2].partition("@")[0]
            for binding in policy.bindings
            if binding.role == f"roles/artifactregistry.{role}" and binding.condition is None
            for member in binding.members
        }

    def plant_members(self, *members: str, role: str = "reader") -> None:
        """Grant a role as another client, in addition to existing grants."""
        bindings = self.fakes.google.policy(NAME).bindings
        binding = Binding(f"roles/artifactregistry.{role}", tuple(f"user:{member}@example.com" for member in members))
        self.fakes.google.plant_policy(NAME, *bindings, binding)


def _subject(member: str) -> dict[str, str]:
    """The subject that stands for a member."""
    prefix, colon, value = member.partition(":")
    if not colon:
        return {"kind": SubjectKind.GOOGLE_USER.value, "name": f"{member}@example.com"}
    if prefix.startswith("principal"):
        return {"kind": SubjectKind.PRINCIPAL.value, "name": member}
    kinds = {kind.prefix: kind for kind in GOOGLE_KINDS}
    return {"kind": kinds[prefix].value, "name": value}


def _name(record: GrantRecord) -> str:
    return record.grant.member.partition(":")[2].partition("@")[0]
