"""Bugs in annotations for Google service accounts: who may be named, when it is granted, and when it is revoked."""

from mutations.bug import Bug

UNIT = ("tests/unit/test_acting.py",)
LOOP = ("tests/convergence/test_impersonation.py",)
WIRE = ("tests/contract/test_impersonation.py",)

BUGS = (
    Bug(
        "an account is granted before Google has issued a token of it",
        "reconcile/policy/actors.py",
        "        return any(record.grant.member == member for record in ledger)\n\n    def _held",
        "        return member is not None\n\n    def _held",
        LOOP,
    ),
    Bug(
        "an account of any project is permitted",
        "plan/acting.py",
        "        return any(_matches(pattern, email) for pattern in self.patterns)",
        "        return True",
        UNIT,
    ),
    Bug(
        "a pattern matches the ends of other domains",
        "plan/acting.py",
        "email.endswith(pattern[1:])",
        "email.endswith(pattern[2:])",
        UNIT,
    ),
    Bug(
        "a switch that fails takes the token that works",
        "reconcile/policy/actors.py",
        "        for actor in (standing, Actor(identity)):\n",
        "        for actor in (None,):\n",
        LOOP,
    ),
    Bug(
        "lost consent revokes nothing while the access is suspended",
        "reconcile/policy/claims.py",
        "tuple(grant for grant in held if not self.actors.forbidden(access, repository, grant.member))",
        "held",
        LOOP,
    ),
    Bug(
        "the ledger of another namespace's access loses its Google service account",
        "reconcile/policy/ledgers.py",
        "            or self._actors.plausible(declared, record.grant.member, seen)\n",
        "",
        LOOP,
    ),
    Bug(
        "the ServiceAccount's own token asks for a whole hour",
        "clients/google/tokens.py",
        "seconds = SHORTEST_LIFETIME if impersonate else int(lifetime.total_seconds())",
        "seconds = int(lifetime.total_seconds())",
        WIRE,
    ),
    Bug(
        "the operator's own clock decides how long the token lives",
        "clients/google/credentials.py",
        '        found = parsedate_to_datetime(headers.get("Date", ""))\n',
        "        found = datetime.now(UTC)\n",
        WIRE,
    ),
)
