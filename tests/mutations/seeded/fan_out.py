"""Bugs in where Secrets are, and in which access has one."""

from mutations.bug import Bug

PLACES = ("tests/unit/test_places.py",)
FAN_OUT = ("tests/convergence/test_fan_out.py",)
FORGED = ("tests/convergence/test_fan_out_forged.py",)
RIVALS = ("tests/convergence/test_fan_out_rivals.py",)
ACTING = ("tests/convergence/test_fan_out_impersonation.py",)

BUGS = (
    Bug(
        "any access writes into other namespaces",
        "plan/places.py",
        "return access.repository.namespace == access.key.namespace",
        "return True",
        PLACES,
    ),
    Bug(
        "a name needs no opt-in",
        "plan/places.py",
        "if each is not None and each.opted_in and not each.deleting}",
        "if each is not None and not each.deleting}",
        PLACES,
    ),
    Bug("the limit adds Secrets", "plan/places.py", "kept = names.intersection(ledger)", "kept = names", PLACES),
    Bug(
        "a selector needs no opt-in",
        "desired/selectors.py",
        'Requirement(OPT_IN_LABEL, "In", (OPT_IN_VALUE,))',
        'Requirement(OPT_IN_LABEL, "Exists")',
        ("tests/unit/test_desired.py",),
    ),
    Bug(
        "a suspended fan-out follows the annotations of other namespaces",
        "reconcile/secret/content.py",
        "if not actor.email or identity.namespace == access.key.namespace",
        "if True",
        FORGED,
    ),
    Bug(
        "a forged ledger makes Secrets",
        "reconcile/secret/doubts.py",
        "return target.written or not former",
        "return True",
        FORGED,
    ),
    Bug(
        "a restart trusts the count of another identity",
        "reconcile/secret/contained.py",
        "current=found.current if same else all_of.current",
        "current=found.current",
        FORGED,
    ),
    Bug(
        "an identity of the access's namespace gets into others unasked",
        "reconcile/secret/identities.py",
        "allowed = {own, namespace} if paused else {namespace or own}",
        "allowed = {own, namespace}",
        FAN_OUT,
    ),
    Bug(
        "a fan-out keeps the Secret of a namespace's own access",
        "plan/secrets.py",
        "return access.namespace == namespace != holder.namespace",
        "return False",
        RIVALS,
    ),
    Bug(
        "a place that failed is never forgotten",
        "reconcile/secret/unit.py",
        "dict.fromkeys((*self.targets(declared, claim), *targets))",
        "self.targets(declared, claim)",
        FAN_OUT,
    ),
    Bug(
        "a remembered decision outlives the annotation that it followed",
        "reconcile/policy/claims.py",
        "*(self.actors.facts(declared), repository",
        "*(None, repository",
        ACTING,
    ),
    Bug(
        "a fan-out with an identity for each namespace follows an annotation",
        "reconcile/policy/claims.py",
        "if access.secret is None or identity is None or access.secret.local_identities or not where.wanted:",
        "if access.secret is None or identity is None or not where.wanted:",
        ACTING,
    ),
    Bug(
        "without a namespace, an access waits for a token that no Secret needs",
        "reconcile/policy/claims.py",
        "access.secret.local_identities or not where.wanted:",
        "access.secret.local_identities:",
        ACTING,
    ),
    Bug(
        "findings about fewer Secrets count for a spec that wants more",
        "reconcile/secret/unit.py",
        "return content if found else -content",
        "return content",
        FAN_OUT,
    ),
    Bug(
        "Secrets in former places count for the new ones",
        "reconcile/secret/targets.py",
        "if target.good and namespace not in places.members:",
        "if target.good and not places.members:",
        ("tests/unit/test_secret_targets.py",),
    ),
)
