"""Requests of the world's owner that Google has no API for here: tokens, policies, principals, projects, faults."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, fields
from typing import Any

from aiohttp import web
from google.iam.v1 import policy_pb2
from google.protobuf import json_format

from wheelhouse_local.constants import OWNER
from wheelhouse_local.google.iam import limits
from wheelhouse_local.google.iam.identities import identity_of
from wheelhouse_local.google.iam.limits import Limits
from wheelhouse_local.google.iam.members import canonical
from wheelhouse_local.google.iam.standing import accept, is_deleted, may_authenticate, reject
from wheelhouse_local.google.projects.project import ARTIFACT_REGISTRY
from wheelhouse_local.google.services import Services
from wheelhouse_local.google.transport.errors import ApiError
from wheelhouse_local.google.transport.faults import Rule

TOKEN_LIFE = 3600
_EXTENDED = "extendedLifetimes"
_ACTIONS = (None, "delete", "undelete", "purge")
Handler = Callable[[web.Request], Awaitable[web.Response]]


class Control:
    """Routes under /control/, for clients with the owner's token."""

    def __init__(self, services: Services, cap: int | None) -> None:
        self._services = services
        self._calls = services.calls
        self._lifetime = min(TOKEN_LIFE, cap or TOKEN_LIFE)

    def routes(self) -> list[web.RouteDef]:
        """All routes."""
        return [
            web.post("/control/token", self._traced("Control.Token", self._token)),
            web.post("/control/policy", self._traced("Control.Policy", self._policy)),
            web.post("/control/group", self._traced("Control.Group", self._group)),
            web.post("/control/principal", self._traced("Control.Principal", self._principal)),
            web.post("/control/org-policy", self._traced("Control.OrgPolicy", self._org_policy)),
            web.post("/control/limits", self._traced("Control.Limits", self._limits)),
            web.post("/control/project", self._traced("Control.Project", self._project)),
            web.post("/control/propagation", self._traced("Control.Propagation", self._propagation)),
            web.get("/control/fault", self._traced("Control.ListFaults", self._faults)),
            web.post("/control/fault", self._traced("Control.AddFault", self._fault)),
            web.delete("/control/fault", self._traced("Control.ClearFaults", self._clear)),
        ]

    def _traced(self, method: str, run: Handler) -> Handler:
        """Record the call; faults do not apply to these routes, because then they could not be cleared."""

        async def answer(request: web.Request) -> web.Response:
            began, status = time.monotonic(), str(web.HTTPInternalServerError.status_code)
            caller = self._calls.caller(request.headers.get("Authorization", ""))
            try:
                response = await run(request)
                status = str(response.status)
                return response
            except web.HTTPException as error:
                status = str(error.status)
                raise
            finally:
                self._calls.trace.record(caller.identity if caller else "", method, "", status, began)

        return answer

    def _owner(self, request: web.Request) -> None:
        caller = self._calls.caller(request.headers.get("Authorization", ""))
        if caller is None or caller.identity != f"user:{OWNER}":
            raise web.HTTPForbidden(text="Only the owner of the world may send this request.\n")

    async def _body(self, request: web.Request) -> dict[str, Any]:
        self._owner(request)
        try:
            body = await request.json()
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise web.HTTPBadRequest(text="Expected a JSON object.\n")
        return body

    async def _token(self, request: web.Request) -> web.Response:
        body = await self._body(request)
        identity = identity_of(str(body.get("as", "")))
        if identity is None:
            return _bad("as: expected ksa:NS/NAME, user:EMAIL or gsa:EMAIL")
        problem = self._made_ready(identity)
        if problem:
            return _bad(problem)
        token = self._services.identities.issue(identity, self._lifetime)
        return web.json_response({"accessToken": token, "expiresIn": self._lifetime})

    def _made_ready(self, identity: str) -> str:
        """Create a service account of a project here if it never existed; return why an account cannot get a token."""
        services, (prefix, _, email) = self._services, identity.partition(":")
        project = services.directory.project_of(email) if prefix == "serviceAccount" else None
        if project is not None and services.accounts.find(email) is None:
            if services.accounts.was_deleted(email):
                return f"The service account {email} was deleted: create it with `gcloud iam service-accounts create`"
            services.accounts.add(email, project.id)
        if not may_authenticate(services.store, identity):
            return f"{identity} is deleted or disabled"
        return ""

    async def _policy(self, request: web.Request) -> web.Response:
        body = await self._body(request)
        try:
            policy = json_format.ParseDict(body.get("policy", {}), policy_pb2.Policy())
            written = self._services.policies.plant(str(body.get("resource", "")), policy)
        except (ApiError, json_format.ParseError) as error:
            return _bad(str(error))
        return web.json_response(json_format.MessageToDict(written))

    async def _group(self, request: web.Request) -> web.Response:
        body = await self._body(request)
        group, members = body.get("group"), body.get("members", [])
        if not isinstance(group, str) or not isinstance(members, list):
            return _bad("expected group (an e-mail) and members (a list of IAM members)")
        after = body.get("after", 0)
        if not isinstance(after, int | float) or not after >= 0:
            return _bad("expected after: seconds, 0 or more")
        if is_deleted(self._services.store, canonical(f"group:{group}")):
            self._services.principals.create(f"group:{group}")
        self._services.identities.set_group(group, [str(member) for member in members], after)
        return web.json_response({})

    async def _principal(self, request: web.Request) -> web.Response:
        """Delete, restore, create again, reject or accept a member: Google has no API for it here."""
        body = await self._body(request)
        member, action, named = canonical(str(body.get("member", ""))), body.get("action"), body.get("named", True)
        services, principals = self._services, self._services.principals
        prefix, _, email = member.partition(":")
        if action in {"reject", "accept"} and member:
            if action == "reject":
                reject(services.store, member, named=bool(named))
            else:
                accept(services.store, member)
            return web.json_response({})
        actions = {"delete": principals.delete, "undelete": principals.restore, "create": principals.create}
        if prefix not in {"user", "group", "serviceAccount"} or action not in actions:
            return _bad(f"expected member, and action: {', '.join(actions)} (of an email), reject or accept")
        if prefix == "serviceAccount" and services.directory.owns_account(email):
            return _bad(f"{email} belongs to a project of this world: use `gcloud iam service-accounts {action}`")
        try:
            actions[action](member)
        except ApiError as error:
            return _bad(error.message)
        return web.json_response({})

    async def _org_policy(self, request: web.Request) -> web.Response:
        """Set the domains whose principals can get grants in a project, and the accounts with long-lived tokens.

        Null allows all domains, and no account. Return the current ones.
        """
        body = await self._body(request)
        domains, allowed, extended = self._services.policies.domains, body.get("allowedDomains"), body.get(_EXTENDED)
        if not (_texts(allowed) and _texts(extended)):
            return _bad(f"expected project, and allowedDomains or {_EXTENDED}: a list of texts, or null")
        try:
            project = self._services.projects.known(str(body.get("project", ""))).id
        except ApiError as error:
            return _bad(error.message)
        if "allowedDomains" in body:
            domains.set(project, allowed)
        lifetimes = self._services.credentials.lifetimes
        if _EXTENDED in body:
            lifetimes.set(project, extended or ())
        accounts = lifetimes.get(project)
        return web.json_response({"allowedDomains": domains.get(project)} | ({_EXTENDED: accounts} if accounts else {}))

    async def _limits(self, request: web.Request) -> web.Response:
        """Set the limits of policies: those that are named; null is Google's own. Return all of them."""
        body = await self._body(request)
        store = self._services.store
        known = [field.name for field in fields(Limits)]
        if body.keys() - set(known) or not all(value is None or type(value) is int for value in body.values()):
            return _bad(f"expected {', '.join(known)}: a number or null")
        wanted = {**asdict(limits.stored(store)), **body}
        try:
            Limits(**{name: value for name, value in wanted.items() if value is not None}).put(store)
        except ApiError as error:
            return _bad(error.message)
        return web.json_response(asdict(limits.stored(store)))

    async def _project(self, request: web.Request) -> web.Response:
        body = await self._body(request)
        if body.keys() - {"project", "action", "api", "operatorRights"} or body.get("action") not in _ACTIONS:
            return _bad("expected project, api, operatorRights, and action (delete, undelete or purge)")
        try:
            return web.json_response(self._changed(str(body.get("project", "")), body))
        except ApiError as error:
            return _bad(error.message)

    def _changed(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        """Create, change, delete or purge a project; omitted entries `api` and `operatorRights` stay unchanged."""
        action, projects = body.get("action"), self._services.projects
        if action == "purge":
            projects.purge(name)
            return {}
        new = action is None and projects.find(name) is None
        if new:
            projects.create(name)
        if action is not None:
            projects.mark(name, deleted=action == "delete")
        if (api := body.get("api", new or None)) is not None:
            projects.switch(name, ARTIFACT_REGISTRY, on=bool(api))
        if (rights := body.get("operatorRights", new or None)) is not None:
            projects.set_operator_rights(name, granted=bool(rights))
        return asdict(projects.known(name))

    async def _propagation(self, request: web.Request) -> web.Response:
        """Set the seconds from a setIamPolicy to its effect, for all or one member; 0 also applies pending ones."""
        body = await self._body(request)
        seconds = body.get("seconds")
        if not isinstance(seconds, int | float) or seconds < 0:
            return _bad("expected seconds, 0 or more")
        member = body.get("member")
        if member is None:
            self._services.policies.propagation.set_world(float(seconds))
        else:
            self._services.policies.propagation.set_own(str(member), float(seconds))
        return web.json_response({})

    async def _faults(self, request: web.Request) -> web.Response:
        self._owner(request)
        rules = [rule.document() for rule in self._calls.faults.rules]
        delays = self._services.policies.propagation
        return web.json_response({"faults": rules, "propagation": delays.world, "propagationByMember": delays.own})

    async def _fault(self, request: web.Request) -> web.Response:
        body = await self._body(request)
        try:
            self._calls.faults.rules.append(Rule.parse(body))
        except ValueError as error:
            return _bad(str(error))
        return web.json_response({})

    async def _clear(self, request: web.Request) -> web.Response:
        self._owner(request)
        self._calls.faults.rules.clear()
        self._services.policies.propagation.clear()
        return web.json_response({})


def _texts(value: object) -> bool:
    return value is None or (isinstance(value, list) and all(isinstance(each, str) for each in value))


def _bad(problem: str) -> web.Response:
    return web.json_response({"error": problem}, status=web.HTTPBadRequest.status_code)
