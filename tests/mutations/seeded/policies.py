"""Bugs in the plan of an IAM policy: who owns a grant, what is recorded, what a set may change."""

from mutations.bug import Bug

PLAN = ("tests/unit/test_plan_policy.py",)
WAVES = ("tests/convergence/test_waves.py",)
PASSES = ("tests/convergence/test_policy_passes.py",)

BUGS = (
    Bug(
        "the policy is set without its etag",
        "plan/bindings.py",
        "return replace(observed, bindings=tuple(bindings))",
        'return replace(observed, etag=b"", bindings=tuple(bindings))',
        PLAN,
    ),
    Bug(
        "the claims of others are forgotten",
        "plan/policy.py",
        "{pair for pair in self.owned if pair in self.present and pair not in self.wanted}",
        "{\n"
        "            pair for s in self.sides for pair in s.held\n"
        "            if pair in self.owned and pair in self.present and pair not in s.claims\n"
        "        }",
        PLAN,
    ),
    Bug(
        "a grant that was there before is taken away",
        "plan/policy.py",
        "if record.state.owned and not self.foreign(side, pair, record):",
        "if not self.foreign(side, pair, record):",
        PLAN,
    ),
    Bug(
        "a binding with a condition is edited",
        "plan/bindings.py",
        "        if binding.condition is not None:\n",
        "        if binding.condition is not None and not gone:\n",
        PLAN,
    ),
    Bug(
        "a member joins a binding with a condition",
        "plan/bindings.py",
        "        if binding.condition is not None:\n            bindings.append(binding)\n",
        "        if binding.condition is not None:\n"
        "            bindings.append(replace(binding, members=(*binding.members, *new.pop(binding.role, ()))))\n",
        PLAN,
    ),
    Bug(
        "posture is skipped: what others granted is put back while nothing may be added",
        "plan/policy.py",
        "            if side.claimant.may_add:\n                for pair, grant in side.claims.items():\n",
        "            if side.claims:\n                for pair, grant in side.claims.items():\n",
        PLAN,
    ),
    Bug(
        "unknown as withdrawn: what is held goes while nothing may be added",
        "plan/side.py",
        "self.claims = {pair: grant for pair, grant in self.wanted.items() if self.has(pair)}",
        "self.claims = {}",
        PLAN,
    ),
    Bug(
        "the ledger forgets a grant before it is taken away",
        "plan/policy.py",
        "                before.append(record)\n                if pair in self.present",
        "                if pair not in removed:\n"
        "                    before.append(record)\n"
        "                if pair in self.present",
        PLAN,
    ),
    Bug(
        "who claims an owned grant does not own it",
        "plan/policy.py",
        "return GrantRecord(grant, GrantState.GRANTED)\n",
        "return GrantRecord(grant, GrantState.EXISTING)\n",
        PLAN,
    ),
    Bug(
        "one principal more than the limit",
        "plan/room.py",
        "if len(news) > MEMBER_LIMIT - observed.size + going:",
        "if len(news) > MEMBER_LIMIT - observed.size + going + 1:",
        PLAN,
    ),
    Bug(
        "one principal more when not all find room",
        "plan/room.py",
        "if self._room < 1 or",
        "if self._room < 0 or",
        PLAN,
    ),
    Bug(
        "one group more than the limit",
        "plan/room.py",
        "groups <= GROUP_LIMIT - observed.groups",
        "groups <= GROUP_LIMIT - observed.groups + 1",
        PLAN,
    ),
    Bug(
        "a replacement without room loses what it replaces",
        "plan/policy.py",
        "        self.kept |= result.kept\n",
        "",
        PLAN,
    ),
    Bug(
        "a rejected member is sent again and again",
        "plan/policy.py",
        "out = {*self.known.rejected, *self.known.withheld}",
        "out = {*self.known.withheld}",
        PLAN,
    ),
    Bug(
        "the debt of an access that disappeared is not paid",
        "plan/policy.py",
        "self.owned = {grant.identity: grant for grant in known.debts}",
        "self.owned = dict[Pair, Grant]()",
        PLAN,
    ),
    Bug(
        "a grant is added that no ledger holds",
        "plan/policy.py",
        "self.known.recorded and (not side.owns(pair) or self.inherits(side, pair)):",
        "self.known.recorded and self.inherits(side, pair):",
        PLAN,
    ),
    Bug(
        "what another client made is taken away",
        "plan/policy.py",
        "            and (side.claimant.uid, pair) in self.known.unset\n        )",
        "            and False\n        )",
        PLAN,
    ),
    Bug(
        "a policy is set for each access that arrives",
        "reconcile/policy/unit.py",
        "        if self._waits(memory, everyone, owed=bool(debts)):\n            return self._until_look(memory)\n",
        "",
        WAVES,
    ),
    Bug(
        "a policy waits for arriving accesses without an end",
        "reconcile/policy/memory.py",
        "(LONGEST_HANDOVER if revokes else LONGEST_WAIT)",
        "(LONGEST_HANDOVER if revokes else 100 * LONGEST_WAIT)",
        WAVES,
    ),
    Bug(
        "an access that cannot get its finalizer delays the others",
        "reconcile/policy/unit.py",
        "        memory.stragglers |= {uid}\n",
        "",
        WAVES,
    ),
    Bug(
        "revocations wait for arriving accesses",
        "reconcile/policy/unit.py",
        "if owed or any(pairs - handed for pairs in leaving):",
        "if owed:",
        WAVES,
    ),
    Bug(
        "revocations wait for accesses that a pass has waited for before",
        "reconcile/policy/unit.py",
        "                memory.awaited = {}  # The next pass decides anew whether it waits.\n",
        "                pass\n",
        WAVES,
    ),
    Bug(
        "each look at a crowd that arrives costs a decision about all of it",
        "reconcile/policy/unit.py",
        "        if not debts and (wait := self._still_waits(name)) is not None:\n            return wait\n",
        "",
        WAVES,
    ),
    Bug(
        "an access that disappears before it arrives delays the others",
        "reconcile/access/unit.py",
        "        if isinstance(access, DesiredAccess):\n            self._policies.cannot_arrive(declared)\n",
        "",
        WAVES,
    ),
    Bug(
        "a grant that an arriving access wants too is revoked in between",
        "reconcile/policy/unit.py",
        "any(pairs - handed for pairs in leaving)",
        "any(leaving)",
        WAVES,
    ),
    Bug(
        "a role that changed while no operator ran is revoked before the new one can be granted",
        "reconcile/policy/claims.py",
        "arriving = (arriving or missing) and bool(wanted)",
        "arriving = arriving and bool(wanted)",
        WAVES,
    ),
    Bug(
        "a revocation waits for an arriving access as long as grants do",
        "reconcile/policy/memory.py",
        "(LONGEST_HANDOVER if revokes else LONGEST_WAIT)",
        "LONGEST_WAIT",
        WAVES,
    ),
    Bug(
        "an arriving access keeps the grants of members that it no longer names",
        "reconcile/policy/unit.py",
        "for pair in claimant.replaced}",
        "for pair in claimant.leaving}",
        WAVES,
    ),
    Bug(
        "a repository that no process has settled lets policies wait",
        "reconcile/policy/claims.py",
        "declared.stored.recorded == repository.name.full",
        "True",
        WAVES,
    ),
    Bug(
        "what another process recorded is set before status says so",
        "plan/policy.py",
        "(not side.owns(pair) or self.inherits(side, pair))",
        "not side.owns(pair)",
        PASSES,
    ),
    Bug(
        "a process does not say that it sets what another one recorded",
        "reconcile/policy/recorder.py",
        "r.with_state(r.state, INHERITED) if",
        "r if",
        PASSES,
    ),
    Bug(
        "a record of an earlier repository counts as written",
        "reconcile/policy/recorder.py",
        " or (create_time and found.create_time not in {None, create_time}):",
        ":",
        PASSES,
    ),
)
