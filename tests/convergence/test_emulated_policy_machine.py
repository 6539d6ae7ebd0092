"""The policy unit against everybody else, with the emulated Google's own code for policies and the real conversions."""

from collections.abc import Sequence
from dataclasses import replace

from convergence.test_policy_machine import (
    ANN,
    LONG,
    TEAM,
    Disturbances,
    PolicyMachine,
    about,
    passes,
)
from fakes.emulated_policies import EmulatedFakes, EmulatedGoogle
from fakes.policies import NAME, PolicyRoom
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule

from wheelhouse.clients.google.policies import to_wire
from wheelhouse.domain.iam import Binding, Grant, Pair
from wheelhouse_local.google.iam.limits import Limits
from wheelhouse_local.google.iam.members import tombstone
from wheelhouse_local.google.iam.standing import is_deleted

MORTALS = [ANN, TEAM]
"""The members that Google deletes."""


class EmulatedPolicyMachine(PolicyMachine):
    """The same, and principals are deleted and restored, limits are lowered, and domains are not allowed."""

    google: EmulatedGoogle

    def made(self) -> PolicyRoom:
        self.graves: dict[str, str] = {}
        """The tombstones of the principals that are deleted now."""
        self.certain: set[Pair] = set()
        """The tombstones of grants that were certainly ours: ledgers must have them until they are removed."""
        return PolicyRoom(EmulatedFakes())

    # Foreign writers.

    def write(self, *bindings: Binding) -> None:
        """Set the policy with the etag of a read; IAM may reject it."""
        status = self.google.write_policy(NAME, bindings, self.google.policy(NAME).etag)
        assert status in {"", "INVALID_ARGUMENT", "FAILED_PRECONDITION"}, status

    def try_stale(self, writer: int) -> None:
        read, now = self.writers[writer % len(self.writers)], self.google.policy(NAME)
        if read.etag != now.etag:
            assert self.google.write_policy(NAME, read.bindings, read.etag) == "ABORTED"
            assert self.google.policy(NAME) == now

    def reject(self, members: set[str], *, named: bool) -> None:
        """IAM rejects new grants to these members."""
        self.google.reject(members, named=named)

    # Administrators.

    @rule(member=st.sampled_from(MORTALS), disturbed=passes)
    def google_deletes(self, member: str, disturbed: Disturbances | None) -> None:
        """A user or a group is deleted: a tombstone of our grant is ours, and one of another client's is its own."""
        if not is_deleted(self.google.emulation.store, member):
            before = self.present()
            grave = tombstone(member, self.google.emulation.principals.delete(member))
            self.graves[member] = grave
            self.rename(member, grave)
            self.certain = {pair for pair in self.certain if pair[1] != grave}
            self.certain |= {(role, grave) for role, name in self.granted() if name == member}
            for pair in sorted(pair for pair in before if pair[1] == member):
                (self.foreign if pair in self.foreign else self.buried).add((pair[0], grave))
                self.foreign.discard(pair)
        self.reconcile(disturbed)

    @rule(member=st.sampled_from(MORTALS), disturbed=passes)
    def google_restores(self, member: str, disturbed: Disturbances | None) -> None:
        self.restore(member)
        self.reconcile(disturbed)

    @rule(member=st.sampled_from(MORTALS), disturbed=passes)
    def google_creates(self, member: str, disturbed: Disturbances | None) -> None:
        """There is a new principal with the e-mail of a deleted one, whose tombstones stay."""
        if self.graves.pop(member, None) is not None:
            self.google.emulation.principals.create(member)
        self.reconcile(disturbed)

    def restore(self, member: str) -> None:
        """A deleted principal is restored, and its grants are in effect again, unless their owner is not known.

        A tombstone of ours that is in no ledger any more counts as another client's from then on.
        """
        grave = self.graves.get(member)
        if grave is None:
            return
        pairs = {pair: (pair[0], member) for pair in self.present() if pair[1] == grave}
        ours = {old: self.counts_as_ours(new) for old, new in pairs.items()}
        if None in ours.values():
            return
        del self.graves[member]
        self.google.emulation.principals.restore(member)
        self.rename(grave, member)
        for old, new in pairs.items():
            self.foreign.discard(old)
            self.buried.discard(old)
            if not ours[old]:
                assert old not in self.certain, "a restored grant of ours is in no ledger"
                self.foreign.add(new)

    def granted(self) -> set[Pair]:
        """The grants that are certainly ours, by the ledgers of existing accesses."""
        bodies = [body for body in self.accesses() if about(body, self.created())]
        rows = [row for body in bodies for row in body["status"].get("grants", ())]
        return {Grant(row["role"], row["member"]).identity for row in rows if row["state"] == "Granted"} - self.foreign

    def crash(self) -> None:
        """A killed process forgets what disappeared without a release."""
        super().crash()
        self.certain = {(role, grave) for role, grave in self.certain if self.lives(role, grave)}

    def lives(self, role: str, grave: str) -> bool:
        """Whether a ledger has the grant that left this tombstone."""
        return any((role, member) in self.owned() for member in MORTALS if self.graves.get(member) == grave)

    def rename(self, old: str, new: str) -> None:
        """Google writes a member in another way, in the conditional binding too."""
        members = tuple(new if member == old else member for member in self.untouchable.members)
        self.untouchable = replace(self.untouchable, members=members)

    @rule(
        room=st.none() | st.integers(0, 3),
        groups=st.none() | st.integers(0, 1),
        size=st.none() | st.integers(0, 200),
        disturbed=passes,
    )
    def limits_change(
        self, room: int | None, groups: int | None, size: int | None, disturbed: Disturbances | None
    ) -> None:
        """There is only this much room in the policy: for principals, groups and bytes."""
        policy, usual = self.google.policy(NAME), Limits()
        limits = Limits(
            usual.principals if room is None else max(1, policy.size + room),
            usual.groups if groups is None else max(1, policy.groups + groups),
            None if size is None else to_wire(replace(policy, etag=b"")).ByteSize() + size,
        )
        self.google.limit(limits)
        self.reconcile(disturbed)

    @rule(domains=st.sampled_from([None, ["acme.example"]]), disturbed=passes)
    def organization_allows(self, domains: Sequence[str] | None, disturbed: Disturbances | None) -> None:
        """New grants are for these domains only, and for the project's own pool."""
        self.google.emulation.policies.domains.set(NAME.project, domains)
        self.reconcile(disturbed)

    def heal(self) -> None:
        """IAM takes everything again, and other clients remove the tombstones that block a new principal."""
        super().heal()
        self.google.limit(Limits())
        self.google.emulation.policies.domains.set(NAME.project, None)
        for member in MORTALS:
            self.restore(member)
        for member, grave in list(self.graves.items()):
            for pair in sorted(pair for pair in self.present() if pair[1] == grave):
                self.remove(Grant(*pair))
            self.restore(member)
        graves = {member for member in self.untouchable.members if member.startswith("deleted:")}
        if graves:
            kept = tuple(member for member in self.untouchable.members if member not in graves)
            changed = replace(self.untouchable, members=kept)
            bindings = self.google.policy(NAME).bindings
            self.google.plant_policy(NAME, *(changed if each == self.untouchable else each for each in bindings))
            self.untouchable = changed
        for pair in sorted(self.foreign):
            if pair[1].startswith("deleted:"):
                self.remove(Grant(*pair))


EmulatedPolicyMachine.TestCase.settings = settings(
    max_examples=2000 if LONG else 200, stateful_step_count=50, suppress_health_check=list(HealthCheck)
)
TestEmulatedPolicyMachine = EmulatedPolicyMachine.TestCase
