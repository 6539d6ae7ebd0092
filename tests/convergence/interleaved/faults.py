"""Faults of port calls and their durations: every error class, lost replies, kills."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from wheelhouse.domain.reasons import Reason
from wheelhouse.errors import (
    AlreadyExists,
    Conflict,
    Invalid,
    NotReady,
    Refused,
    Unavailable,
    WheelhouseError,
)

METHODS = (
    "repositories.get",
    "repositories.create",
    "repositories.patch",
    "repositories.delete",
    "repositories.empty",
    "repositories.poll",
    "projects.get",
    "policies.get",
    "policies.set",
    "tokens.mint",
    "secrets.apply",
    "secrets.disown",
    "secrets.delete",
    "objects.write_status",
    "objects.set_finalizers",
    "objects.definition_deleting",
    "index.probe",
    "list",
)
"""The port calls that may fail; `objects.event` never raises, by its contract."""

Making = Callable[[random.Random], WheelhouseError]

ANSWERS: Mapping[str, Making] = {
    "Invalid": lambda rnd: Invalid("Request contains an invalid argument."),
    "Refused": lambda rnd: Refused("The caller does not have permission"),
    "Conflict": lambda rnd: Conflict("the object has been modified"),
    "Unavailable": lambda rnd: Unavailable("503"),
    "Retry-After": lambda rnd: Unavailable("429", retry_after=rnd.choice([1.0, 10.0, 60.0, 60.0])),
}
"""Errors that any call may return instead of its effect."""

MORE: Mapping[str, Mapping[str, Making]] = {
    "repositories.create": {"AlreadyExists": lambda rnd: AlreadyExists("the repository already exists")},
    "repositories.get": {"ApiDisabled": lambda rnd: Invalid("The API is off.", Reason.API_DISABLED)},
    "policies.set": {"PolicyFull": lambda rnd: Invalid("The policy has too many members.", Reason.POLICY_FULL)},
    "tokens.mint": {
        "NotReady": lambda rnd: NotReady("ServiceAccount does not exist.", Reason.SERVICE_ACCOUNT_NOT_FOUND),
        "TokenRefused": lambda rnd: Refused("Google refused a token.", Reason.TOKEN_REFUSED),
    },
}
"""Errors that only some calls return."""

LOST = "lost reply"


def answers(method: str) -> Mapping[str, Making]:
    """All errors that a call may return."""
    return {**ANSWERS, **MORE.get(method, {})}


@dataclass(frozen=True, slots=True)
class Rule:
    """One lasting fault: a method ("" for all), a word of its arguments ("" for any), and its result."""

    method: str
    about: str
    outcome: str

    def concerns(self, method: str, about: str) -> bool:
        """Whether the fault applies to this call."""
        return self.method in {"", method} and self.about in about

    def __str__(self) -> str:
        return f"{self.outcome} from {self.method or 'every call'}" + (f" about {self.about}" if self.about else "")


@dataclass(slots=True)
class Faults:
    """The active faults. Rates are parts of all calls; `kill` ends the process that made the call."""

    random: random.Random
    error_rate: float = 0.0
    lost_rate: float = 0.0
    kill_rate: float = 0.0
    rules: list[Rule] = field(default_factory=list)

    def before(self, method: str, about: str) -> WheelhouseError | None:
        """The error that the call returns instead of its effect."""
        if method not in METHODS:
            return None
        known = answers(method)
        for rule in self.rules:
            if rule.outcome != LOST and rule.concerns(method, about):
                return known[rule.outcome](self.random) if rule.outcome in known else None
        if self.error_rate and self.random.random() < self.error_rate:
            return known[self.random.choice(sorted(known))](self.random)
        return None

    def after(self, method: str, about: str) -> WheelhouseError | None:
        """The error that replaces the reply, although the call took effect."""
        if method not in METHODS:
            return None
        lost = any(rule.outcome == LOST and rule.concerns(method, about) for rule in self.rules)
        if lost or (self.lost_rate and self.random.random() < self.lost_rate):
            return Unavailable("the reply was lost")
        return None

    def kills(self, method: str) -> bool:
        """Whether the process is killed here."""
        return bool(self.kill_rate) and method in METHODS and self.random.random() < self.kill_rate


def about(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
    """The names in a call's arguments, to match a Rule. No token, no data."""
    words = []
    for value in (*args, *kwargs.values()):
        key = getattr(value, "key", None)
        access = getattr(value, "access", None)
        if key is not None and not callable(key):
            words.append(str(key))
        elif access is not None:
            words.append(f"{access.key} {value.namespace}")
        elif isinstance(value, str) or type(value).__name__ in {"RepositoryName", "Identity"}:
            words.append(str(value))
    return " ".join(words)
