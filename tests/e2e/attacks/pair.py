"""A victim's namespace and an attacker's: what each of them does, and what must hold afterward."""

import base64
import itertools
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from e2e.attacks.answers import check_report, condition
from e2e.attacks.board import Board
from support.hands import JSON, MERGE, Hands
from support.kube import ACCESSES, GROUP, PROJECT, REPOSITORIES, Kube, await_that, principal

from wheelhouse_local.google.registry.locations import LOCATIONS

Json = dict[str, Any]
Members = dict[str, set[str]]
KINDS = {REPOSITORIES: "PythonRepository", ACCESSES: "RepositoryAccess"}
ROLES = {"Reader": "reader", "Writer": "writer", "RepoAdmin": "repoAdmin"}
RBAC = "/apis/rbac.authorization.k8s.io/v1"
RIGHTS = ("cluster-admin", "wheelhouse-edit")
SECRET = "pip-config"
_LOCATIONS = itertools.cycle(LOCATIONS)
"""Every pair has its own location: the operator creates one repository in 2 s in each."""


@dataclass(frozen=True)
class Wait:
    """What a scenario waits for."""

    check: Callable[[], Any]
    what: str
    patience: float = 60.0


@dataclass(frozen=True)
class Wishes:
    """The world of one scenario.

    Attributes:
        repository: more of the spec of the victim's repository.
        victim: whether the victim has the repository, and an access with a Secret.
        projects: the projects of the attacker's namespace.
        opted_in: whether Secrets may be written into the attacker's namespace.
        labels: more labels of the attacker's namespace.
    """

    repository: Mapping[str, Any] = field(default_factory=dict)
    victim: bool = True
    projects: str = PROJECT
    opted_in: bool = True
    labels: Mapping[str, str] = field(default_factory=dict)


def role(name: str) -> str:
    """The name of a role in IAM."""
    return f"roles/artifactregistry.{ROLES[name]}"


class Pair:
    """One scenario's two namespaces, and what people do in them.

    `ask`, `declare` and `edit` are the attacker's; `as_victim`, `open` and `change` are the victim's.
    """

    def __init__(self, kube: Kube, admin: Hands, board: Board, key: str, wishes: Wishes) -> None:
        self.kube, self.admin, self.board, self.key, self.wishes = kube, admin, board, key, wishes
        self.victim, self.attacker = f"{key}-victim", f"{key}-attacker"
        self.mine = f"{key}-of-mallory"
        self.location = next(_LOCATIONS)
        self.full_name = f"projects/{PROJECT}/locations/{self.location}/repositories/{key}"
        self.own = principal(self.victim, "reader")
        self.theirs = principal(self.attacker, "reader")
        self.members: Members = {role("Reader"): {self.own}} if wishes.victim else {}
        """What the policy of the victim's repository must be at the end."""
        self.secrets: set[str] = set()
        """The Secrets that the attacker's namespace must have at the end."""
        self.kept = wishes.victim
        """Whether the victim must still have its access at the end."""
        self.hands = admin
        self._uid = ""

    def prepare(self) -> None:
        """Create both namespaces and what is in them, and the attacker's rights, as the cluster's administrator."""
        self.namespace(self.victim)
        self.namespace(self.attacker, self.wishes.labels, projects=self.wishes.projects, opted_in=self.wishes.opted_in)
        for namespace in (self.victim, self.attacker):
            self.put(f"/api/v1/namespaces/{namespace}/serviceaccounts", "v1", "ServiceAccount", "reader")
        if self.wishes.victim:
            self.as_victim(REPOSITORIES, self.key, {"location": self.location, **self.wishes.repository})
            self.as_victim(ACCESSES, "reader", self.access(self.key))
        self.hands = self.arm(self.attacker)

    def arm(self, namespace: str, rights: tuple[str, ...] = RIGHTS, name: str = "mallory") -> Hands:
        """A user with these roles in one namespace, once the API server knows them."""
        hands = self.admin.account(namespace, name)
        subject = {"kind": "ServiceAccount", "name": name, "namespace": namespace}
        for each in rights:
            reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": each}
            more = {"roleRef": reference, "subjects": [subject]}
            path = f"{RBAC}/namespaces/{namespace}/rolebindings"
            self.put(path, "rbac.authorization.k8s.io/v1", "RoleBinding", f"{name}-{each}", **more)
        probe = {"name": "probe", **self.body(ACCESSES, "probe", self.access(self.key))}
        path = f"{GROUP}/namespaces/{namespace}/{ACCESSES}"
        await_that(lambda: hands.ask("POST", path, probe, dryRun="All")[0] == 201, f"the rights of {name}")
        return hands

    def namespace(
        self, name: str, labels: Mapping[str, str] | None = None, projects: str = PROJECT, *, opted_in: bool = True
    ) -> None:
        """Create a Namespace or change it; labels that are not given are removed."""
        marks = {"wheelhouse.dev/credentials": "enabled"} if opted_in else {}
        meta = {"labels": {**marks, **(labels or {})}, "annotations": {"wheelhouse.dev/projects": projects}}
        self.put("/api/v1/namespaces", "v1", "Namespace", name, meta)

    def put(self, path: str, version: str, kind: str, name: str, meta: Json | None = None, **more: Any) -> None:
        """Apply an object as the cluster's administrator."""
        body = {"apiVersion": version, "kind": kind, "metadata": {"name": name, **(meta or {})}, **more}
        status, answer = self.admin.apply(f"{path}/{name}", body, "administrator", force=True)
        assert status in {200, 201}, answer

    def as_victim(self, plural: str, name: str, spec: Json) -> None:
        """Apply an object of the victim's."""
        path = f"{GROUP}/namespaces/{self.victim}/{plural}"
        self.put(path, "wheelhouse.dev/v1alpha1", KINDS[plural], name, spec=spec)

    def open(self, **access_from: Any) -> None:
        """Replace `accessFrom` of the victim's repository; without arguments, remove it."""
        empty = dict.fromkeys(("namespaces", "namespaceSelector", "roles", "googleServiceAccounts"))
        self.change({"accessFrom": {**empty, **access_from} if access_from else None})

    def change(self, spec: Json) -> None:
        """Change the spec of the victim's repository as the victim."""
        path = f"{GROUP}/namespaces/{self.victim}/{REPOSITORIES}/{self.key}"
        status, answer = self.admin.ask("PATCH", path, {"spec": spec}, content=MERGE)
        assert status == 200, answer

    def body(self, plural: str, name: str, spec: Json, **meta: Any) -> Json:
        """A manifest of one of our kinds."""
        return {
            "apiVersion": "wheelhouse.dev/v1alpha1",
            "kind": KINDS[plural],
            "metadata": {"name": name, **meta},
            "spec": spec,
        }

    def access(self, repository: str, of: str = "", *, secret: str | None = SECRET, **spec: Any) -> Json:
        """The spec of an access for the ServiceAccount `reader`."""
        reference = {"name": repository} | ({"namespace": of} if of else {})
        subjects = {"subjects": [{"kind": "ServiceAccount", "name": "reader"}]}
        return {"repositoryRef": reference, **subjects, **({"secret": {"name": secret}} if secret else {}), **spec}

    def wanted(self, **spec: Any) -> Json:
        """The spec of an access to the victim's repository."""
        return self.access(self.key, self.victim, **spec)

    def path(self, plural: str, name: str = "") -> str:
        """The path of an object of the attacker's, or of all of them."""
        return f"{GROUP}/namespaces/{self.attacker}/{plural}" + (f"/{name}" if name else "")

    def ask(self, method: str, path: str, body: Any = None, *, content: str = JSON, **query: str) -> tuple[int, Json]:
        """Send a request."""
        return self.hands.ask(method, path, body, content=content, **query)

    def declare(self, plural: str, name: str, spec: Json, **meta: Any) -> Json:
        """Create an object; the API server accepts it."""
        status, answer = self.ask("POST", self.path(plural), self.body(plural, name, spec, **meta))
        assert status == 201, answer
        return answer

    def edit(self, plural: str, name: str, change: Json) -> None:
        """Change an object; the API server accepts it."""
        status, answer = self.ask("PATCH", self.path(plural, name), change, content=MERGE)
        assert status == 200, answer

    def policy(self) -> Members:
        """The policy of the victim's repository: members by role."""
        _, found = self.kube.google("GET", f"v1/{self.full_name}:getIamPolicy")
        return {each["role"]: set(each["members"]) for each in found.get("bindings", ())}

    def settled(self) -> Iterator[Wait]:
        """Wait until the victim has its access."""
        if self.wishes.victim:
            yield self.ready(ACCESSES, "reader", self.victim)
            self._uid = self.board.secrets(self.victim)[SECRET]["metadata"]["uid"]

    def gains(self, asked: str = "Reader", roles: tuple[str, ...] = ("Reader",), **spec: Any) -> Iterator[Wait]:
        """Let the attacker have an access named `theirs` with the victim's consent, and wait for it."""
        self.open(namespaces=[self.attacker], roles=list(roles))
        self.declare(ACCESSES, "theirs", self.wanted(role=asked, **spec))
        yield self.ready(ACCESSES, "theirs")
        assert self.theirs in self.policy()[role(asked)]

    def ready(self, plural: str, name: str, namespace: str = "") -> Wait:
        """Wait until an object is Ready in its current generation."""
        return self.shows(plural, name, "Ready", namespace)

    def shows(self, plural: str, name: str, reason: str, namespace: str = "") -> Wait:
        """Wait until Ready of an object has this reason in its current generation."""

        def check() -> bool:
            body = self.board.get(plural, namespace or self.attacker, name)
            if body is None or body["status"]["observedGeneration"] != body["metadata"]["generation"]:
                return False
            return bool(condition(body, "Ready")["reason"] == reason)

        return Wait(check, f"{name} to be {reason}")

    def loses(self) -> Wait:
        """Wait, for 60 seconds at most, until nothing of the attacker's is in the policy or in its namespace."""
        return Wait(lambda: self.policy() == self.members and self._secrets() == self.secrets, "the withdrawal")

    def renewed(self, namespace: str, before: Json) -> Wait:
        """Wait until the Secret of a namespace has other content."""
        return Wait(lambda: self.board.secrets(namespace)[SECRET]["data"] != before, "another token")

    def handled(self, plural: str, name: str, value: str) -> Wait:
        """Wait until the operator has handled the request of an object."""

        def check() -> bool:
            body = self.board.get(plural, self.attacker, name)
            return body is not None and body["status"].get("lastHandledRequest") == value

        return Wait(check, f"the request of {name}")

    def answer(self, secret: str) -> int:
        """What the index answers to the token that a Secret of the attacker's still has."""
        files = self.board.secrets(self.attacker)[secret]["data"]
        _, _, password = base64.b64decode(files["netrc"]).decode().partition("password ")
        login = base64.b64encode(f"oauth2accesstoken:{password.split()[0]}".encode()).decode()
        base = self.kube.world.environment()["endpoints"]["index"]
        url = f"{base}{self.location}-python.pkg.dev/{PROJECT}/{self.key}/simple/anything/"
        try:
            urllib.request.urlopen(urllib.request.Request(url, headers={"Authorization": f"Basic {login}"}), timeout=10)
        except urllib.error.HTTPError as error:
            return error.code
        return 200

    def namespace_gone(self) -> Wait:
        """Wait until the attacker's namespace does not exist."""
        path = f"/api/v1/namespaces/{self.attacker}"
        return Wait(lambda: self.admin.ask("GET", path)[0] == 404, "the namespace to be gone")

    def denied(self, path: str, change: Json) -> Wait:
        """Wait until an admission policy denies a change, which takes the API server a moment after its start."""
        ask = partial(self.ask, "PATCH", path, change, content=MERGE, dryRun="All")
        return Wait(lambda: ask()[0] == 403, f"{path} to be protected")

    def has(self, name: str, member: str) -> Wait:
        """Wait until a member has a role."""
        return Wait(lambda: member in self.policy().get(name, ()), f"the grant of {member}")

    def healed(self) -> Wait:
        """Wait until the policy is what it must be at the end."""
        return Wait(lambda: self.policy() == self.members, "the policy to be as it was")

    def gone(self, plural: str, name: str, namespace: str = "") -> Wait:
        """Wait until an object does not exist."""
        return Wait(lambda: self.board.get(plural, namespace or self.attacker, name) is None, f"{name} to be gone")

    def says(self, plural: str, name: str, reason: str, *words: str) -> Json:
        """Check what an object of the attacker's reports: this reason, nothing else first, and a remedy; returns it."""
        body = self.board.get(plural, self.attacker, name)
        assert body is not None
        check_report(body, reason, words)
        return body

    def check(self) -> None:
        """Check what holds at the end of every scenario."""
        assert self.policy() == self.members
        assert self._secrets() == self.secrets
        files = {text for body in self.board.secrets(self.victim).values() for text in body.get("data", {}).values()}
        for body in self.board.secrets(self.attacker).values():
            assert "netrc" not in body.get("data", {}) or body["data"]["netrc"] not in files
        if self.kept:
            access = self.board.get(ACCESSES, self.victim, "reader")
            assert access is not None
            assert condition(access, "Ready")["reason"] == "Ready", access["status"]
            assert self.board.secrets(self.victim)[SECRET]["metadata"]["uid"] == self._uid

    def _secrets(self) -> set[str]:
        return set(self.board.secrets(self.attacker))
