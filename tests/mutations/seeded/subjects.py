"""Bugs in subjects and selectors: who may be named, which namespaces count, and what is left of deleted accounts."""

from mutations.bug import Bug

UNIT = ("tests/unit/test_subjects.py",)
NAMESPACES = ("tests/unit/test_namespaces.py",)
LOOP = ("tests/convergence/test_subjects.py",)
TOMBSTONES = ("tests/unit/test_plan_tombstones.py",)

BUGS = (
    Bug(
        "any namespace names the ServiceAccounts of another",
        "desired/subjects.py",
        "        if namespace != access.key.namespace and not own:\n",
        "        if namespace == access.key.namespace and not namespace:\n",
        UNIT,
    ),
    Bug(
        "any namespace selects the ServiceAccounts of others",
        "desired/subjects.py",
        '    if not own:\n        raise _not_permitted(access, f"ServiceAccount {subject.name} with',
        '    if not access:\n        raise _not_permitted(access, f"ServiceAccount {subject.name} with',
        UNIT,
    ),
    Bug(
        "any namespace names identities outside the cluster",
        "desired/subjects.py",
        '        if not own:\n            raise _not_permitted(access, f"{subject.kind} {subject.name}", _OUTSIDE)',
        '        if not access:\n            raise _not_permitted(access, f"{subject.kind} {subject.name}", _OUTSIDE)',
        UNIT,
    ),
    Bug(
        "one invalid subject costs all others their grants",
        "desired/subjects.py",
        "            invalid = invalid or refusal\n            continue\n",
        "            return (), refusal\n",
        UNIT,
    ),
    Bug(
        "a principal that a spec names follows the cluster's pool",
        "desired/subjects.py",
        "subject.kind is SubjectKind.PRINCIPAL for member",
        "False for member",
        UNIT,
    ),
    Bug(
        "a subject that IAM cannot store is sent",
        "desired/subjects.py",
        "if len(workload.subject(identity).encode()) > SUBJECT_LIMIT:",
        "if len(workload.subject(identity).encode()) > 2 * SUBJECT_LIMIT:",
        UNIT,
    ),
    Bug(
        "a selector that matches everything is granted",
        "reconcile/policy/claims.py",
        "return None if namespaces.selects_all(selector) else namespaces.selected(selector)",
        "return namespaces.selected(selector)",
        LOOP,
    ),
    Bug(
        "an access does not follow its selectors",
        "reconcile/access/unit.py",
        "            if subject.selector is not None:\n                yield SelectorTopic(subject.selector)\n",
        "            if subject.selector is not None:\n                yield NamespaceTopic(subject.name)\n",
        LOOP,
    ),
    Bug(
        "a namespace that loses the label wakes nothing",
        "runtime/informer.py",
        "if selection_changed(topic.selector, old, None if gone else namespace):",
        "if selection_changed(topic.selector, None, None if gone else namespace):",
        LOOP,
    ),
    Bug(
        "a namespace that is gone wakes nothing",
        "runtime/informer.py",
        "if selection_changed(topic.selector, old, None if gone else namespace):",
        "if not gone and selection_changed(topic.selector, old, namespace):",
        LOOP,
    ),
    Bug(
        "a namespace that is being deleted still counts",
        "reconcile/namespaces.py",
        "return namespace is not None and not namespace.deleting and selector.matches(namespace.labels)",
        "return namespace is not None and selector.matches(namespace.labels)",
        NAMESPACES,
    ),
    Bug(
        "a selection keeps a namespace that lost the label",
        "reconcile/namespaces.py",
        "elif before and not after and old is not None:",
        "elif before and not after and old is None:",
        NAMESPACES,
    ),
    Bug(
        "a selection misses a namespace that gained the label",
        "reconcile/namespaces.py",
        "if after and not before and new is not None:",
        "if after and not before and new is old:",
        NAMESPACES,
    ),
    Bug(
        "a selector that no key follows any more is kept",
        "reconcile/interests.py",
        "if isinstance(topic, SelectorTopic) and topic not in self._followers:",
        "if isinstance(topic, SelectorTopic) and topic in self._followers:",
        ("tests/unit/test_interests.py",),
    ),
    Bug(
        "a principal may have path steps",
        "domain/principals.py",
        "{_CHARACTER}[A-Za-z0-9._~:@+=-]*|",
        "{_CHARACTER}?[A-Za-z0-9._~:@+=-]*|",
        UNIT,
    ),
    Bug(
        "a principal may be of another host",
        "domain/principals.py",
        '_IAM = "iam[.]googleapis[.]com"',
        '_IAM = "iam.googleapis.com"',
        UNIT,
    ),
    Bug(
        "a subject of any length is a principal",
        "domain/principals.py",
        "return len(text.partition(_SUBJECT)[2]) <= SUBJECT_LIMIT",
        "return len(text.partition(_SUBJECT)[2]) <= PRINCIPAL_LENGTH",
        UNIT,
    ),
    Bug(
        "the operator stops for a ServiceAccount of another cluster that a spec names",
        "plan/pools.py",
        "return None if grant.verbatim else principal(grant.member)",
        "return principal(grant.member)",
        ("tests/unit/test_pools.py",),
    ),
    Bug(
        "after a restart a principal that a spec names counts as the cluster's own",
        "status/read.py",
        'verbatim = row.get("kind") == SubjectKind.PRINCIPAL',
        'verbatim = row.get("kind") == SubjectKind.GOOGLE_USER',
        ("tests/unit/test_status.py",),
    ),
    Bug(
        "tombstones of others are removed",
        "plan/tombstones.py",
        "if before is not None and identity(binding.role, before) in missing:",
        "if before is not None:",
        TOMBSTONES,
    ),
    Bug(
        "what another client granted leaves a tombstone that is ours",
        "plan/policy.py",
        "granted = {pair for side in self.sides for pair, r in side.held.items() if r.state is GrantState.GRANTED}",
        "granted = {pair for side in self.sides for pair, r in side.held.items()}",
        TOMBSTONES,
    ),
    Bug(
        "an access reads about the rejected members of others",
        "reconcile/policy/rejections.py",
        "*(detail for detail in error.details if names(detail, member))",
        "*(detail for detail in error.details if member)",
        ("tests/unit/test_policy_rejections.py",),
    ),
    Bug(
        "rejected members are retried every ten minutes for ever",
        "reconcile/policy/memory.py",
        "wait = min(LONGEST_REMEMBERED, REMEMBERED * 2.0 ** min(times - 1, 16))",
        "wait = min(LONGEST_REMEMBERED, REMEMBERED * 1.0 ** min(times - 1, 16))",
        ("tests/unit/test_policy_memory.py",),
    ),
    Bug(
        "a write of status that is under way is not awaited",
        "reconcile/ledger.py",
        "            async with lock:\n                pass\n",
        "            pass\n",
        ("tests/unit/test_ledger.py",),
    ),
)
