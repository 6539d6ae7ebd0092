"""Requests to the emulated Google for what has no public API: tokens for anyone, unchecked policies."""

import contextlib
import http.client
import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from wheelhouse_local import environment, repositories
from wheelhouse_local.errors import LocalError
from wheelhouse_local.state import State


def token(state: State, identity: str) -> str:
    """An access token of `ksa:NS/NAME`, `user:EMAIL` or `gsa:EMAIL`.

    Raises:
        LocalError: the emulated Google denies the request, or is not running.
    """
    return str(mint(state, identity)["accessToken"])


def mint(state: State, identity: str) -> dict[str, Any]:
    """The same token as `accessToken`, and its lifetime in seconds as `expiresIn`.

    Raises:
        LocalError: the emulated Google denies the request, or is not running.
    """
    return _post(state, "token", {"as": identity})


def plant(state: State, repository: str, policy: Mapping[str, object]) -> None:
    """Set the IAM policy of a repository (its short name, if no other has it, or its full name) without checks.

    Raises:
        LocalError: the emulated Google denies the request, or is not running, or the repository is not known.
    """
    _post(state, "policy", {"resource": repositories.full_name(state, repository), "policy": policy})


def group(state: State, email: str, members: Sequence[str], after: float = 0.0) -> None:
    """Set the members of a group to exactly these IAM members.

    Args:
        state: the world.
        email: of the group.
        members: the members.
        after: seconds until the change takes effect.

    Raises:
        LocalError: the emulated Google denies the request, or is not running.
    """
    _post(state, "group", {"group": email, "members": list(members), "after": after})


def project(state: State, name: str, **wanted: object) -> dict[str, Any]:
    """Create or change a project, and return its state; empty for a purged one.

    Args:
        state: the state of the world.
        name: its id.
        **wanted: `api`, `operatorRights` and `action`, as in the control route; None leaves it unchanged.

    Raises:
        LocalError: the emulated Google denies the request, or is not running.
    """
    return _post(state, "project", {"project": name, **_said(wanted)})


def fault(state: State, rule: Mapping[str, object]) -> None:
    """Add a fault, in the form of the control route; entries that are None are omitted.

    Raises:
        LocalError: the emulated Google denies the request, or is not running.
    """
    _post(state, "fault", _said(rule))


def propagate(state: State, seconds: float, member: str | None = None) -> None:
    """Set the seconds from each setIamPolicy to its effect, for all members or for one.

    Raises:
        LocalError: the emulated Google denies the request, or is not running.
    """
    _post(state, "propagation", _said({"seconds": seconds, "member": member}))


def principal(state: State, member: str, action: str, *, named: bool | None = None) -> None:
    """Delete, undelete or create again a user or a group; reject or accept grants to a member.

    Args:
        state: the state of the world.
        member: the IAM member.
        action: `delete`, `undelete`, `create`, `reject` or `accept`.
        named: for `reject`: whether the message names the member.

    Raises:
        LocalError: the emulated Google denies the request, or is not running.
    """
    _post(state, "principal", _said({"member": member, "action": action, "named": named}))


def restriction(state: State, project: str) -> list[str] | None:
    """The domains whose principals can get grants in a project; None if all can.

    Raises:
        LocalError: there is no such project, or the emulated Google is not running.
    """
    found: list[str] | None = _post(state, "org-policy", {"project": project})["allowedDomains"]
    return found


def restrict(state: State, project: str, domains: Sequence[str] | None) -> list[str] | None:
    """Set these domains, None for all principals, and return them.

    Raises:
        LocalError: there is no such project, or the emulated Google is not running.
    """
    wanted = {"project": project, "allowedDomains": None if domains is None else list(domains)}
    found: list[str] | None = _post(state, "org-policy", wanted)["allowedDomains"]
    return found


def extend_lifetimes(state: State, project: str, emails: Sequence[str]) -> list[str]:
    """Let only these service accounts of a project have access tokens for up to twelve hours, and return them.

    Raises:
        LocalError: there is no such project, or the emulated Google is not running.
    """
    found = _post(state, "org-policy", {"project": project, "extendedLifetimes": list(emails)})
    return list(found.get("extendedLifetimes", ()))


def limits(state: State, wanted: Mapping[str, int | None]) -> dict[str, Any]:
    """Set limits of IAM policies, None for Google's own, and return all of them.

    Raises:
        LocalError: the emulated Google denies the request, or is not running.
    """
    return _post(state, "limits", dict(wanted))


def faults(state: State) -> dict[str, Any]:
    """The active `faults`, the `propagation` in seconds, and `propagationByMember`.

    Raises:
        LocalError: the emulated Google is not running.
    """
    return _ask(state, "GET", "fault")


def clear(state: State) -> None:
    """Remove all faults and the delay of policies.

    Raises:
        LocalError: the emulated Google is not running.
    """
    _ask(state, "DELETE", "fault")


def _problem(said: str) -> str:
    """The sentence of a refusal, on one line."""
    with contextlib.suppress(ValueError, TypeError, KeyError):
        said = str(json.loads(said)["error"])
    return " ".join(said.split())


def _said(wanted: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in wanted.items() if value is not None}


def _post(state: State, what: str, body: object) -> dict[str, Any]:
    return _ask(state, "POST", what, json.dumps(body))


def _ask(state: State, verb: str, what: str, body: str | None = None) -> dict[str, Any]:
    address = urlsplit(environment.endpoints(state)["artifactRegistry"]).netloc
    owner = (state.google / "owner-token").read_text().strip()
    headers = {"Authorization": f"Bearer {owner}", "Content-Type": "application/json"}
    connection = http.client.HTTPConnection(address, timeout=30)
    try:
        connection.request(verb, f"/control/{what}", body, headers)
        reply = connection.getresponse()
        said = reply.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        why = getattr(error, "strerror", None) or error
        raise LocalError(f"The emulated Google does not answer ({why}): run `wheelhouse local status`") from error
    finally:
        connection.close()
    if reply.status != http.client.OK:
        raise LocalError(f"The emulated Google rejected the request: {_problem(said) or reply.status}")
    answer: dict[str, Any] = json.loads(said or "{}")
    return answer
