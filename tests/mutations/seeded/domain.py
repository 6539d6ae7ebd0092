"""Bugs in the values: names, members, labels, selectors."""

from mutations.bug import Bug

IAM = ("tests/unit/test_iam.py",)
NAMES = ("tests/unit/test_names.py",)
OBJECTS = ("tests/unit/test_objects.py",)
URLS = ("tests/unit/test_plan_upstreams.py",)

BUGS = (
    Bug(
        "a grant that was only recorded is not ours",
        "domain/iam.py",
        "return self is GrantState.RECORDED or self is GrantState.GRANTED",
        "return self is GrantState.GRANTED",
        IAM,
    ),
    Bug(
        "e-mails are compared with their case",
        "domain/iam.py",
        'return role, f"{prefix}{colon}{value.lower()}"',
        'return role, f"{prefix}{colon}{value}"',
        IAM,
    ),
    Bug(
        "a grant with a condition counts as the grant",
        "domain/iam.py",
        "            if binding.condition is None\n",
        "",
        IAM,
    ),
    Bug(
        "a principal counts once, however often it stands",
        "domain/iam.py",
        "return sum(len(binding.members) for binding in self.bindings)",
        "return len({member for binding in self.bindings for member in binding.members})",
        IAM,
    ),
    Bug(
        "two ServiceAccounts are one member",
        "domain/iam.py",
        'return f"ns/{identity.namespace}/sa/{identity.service_account}"',
        'return f"sa/{identity.service_account}"',
        IAM,
    ),
    Bug(
        "a name may have something after it",
        "domain/names.py",
        "return len(text) <= length and re.fullmatch(pattern, text) is not None",
        "return len(text) <= length and re.match(pattern, text) is not None",
        NAMES,
    ),
    Bug(
        "a trailing newline passes",
        "domain/names.py",
        "return len(text) <= length and re.fullmatch(pattern, text) is not None",
        'return len(text) <= length and re.match(f"(?:{pattern})$", text) is not None',
        NAMES,
    ),
    Bug(
        "a host whose name ends like Google's counts as Google's",
        "domain/names.py",
        'host.endswith(f".{_REGISTRY_HOST}")',
        "host.endswith(_REGISTRY_HOST)",
        URLS,
    ),
    Bug(
        "only the hosts of Python repositories count as Google's",
        "domain/names.py",
        'host.endswith(f".{_REGISTRY_HOST}")',
        'host.endswith(f"-python.{_REGISTRY_HOST}")',
        URLS,
    ),
    Bug(
        "a host that cannot be told counts as public",
        "domain/names.py",
        "return not plain or host == _REGISTRY_HOST",
        "return host == _REGISTRY_HOST",
        ("tests/unit/test_hostile_strings.py",),
    ),
    Bug(
        "a namespace opts in with any value",
        "domain/objects.py",
        "return self.labels.get(OPT_IN_LABEL) == OPT_IN_VALUE",
        "return OPT_IN_LABEL in self.labels",
        OBJECTS,
    ),
    Bug(
        "one requirement of a selector is enough",
        "domain/objects.py",
        "return all(requirement.matches(labels) for requirement in self.requirements)",
        "return any(requirement.matches(labels) for requirement in self.requirements)",
        OBJECTS,
    ),
    Bug(
        "an unknown operator of a selector matches",
        "domain/objects.py",
        "return self.key not in labels\n        return False",
        "return self.key not in labels\n        return True",
        OBJECTS,
    ),
)
