"""A test's access to a world: apply, wait, read, and count the requests to Google and to Kubernetes."""

import base64
import json
import re
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wheelhouse_local import constants, trace
from wheelhouse_local.world import World

GROUP = "/apis/wheelhouse.dev/v1alpha1"
PROJECT = "acme-packages"
REPOSITORIES, ACCESSES = "pythonrepositories", "repositoryaccesses"
PATIENCE = 60.0
AUDITED = 0.3
"""Seconds in which a request surely gets its line in the audit log, which the API server writes after the reply."""


def full_name(repository_id: str) -> str:
    return f"projects/{PROJECT}/locations/us-central1/repositories/{repository_id}"


def principal(namespace: str, service_account: str) -> str:
    pool = f"iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/{PROJECT}.svc.id.goog"
    return f"principal://{pool}/subject/ns/{namespace}/sa/{service_account}"


def await_that(check: Callable[[], Any], what: str, patience: float = PATIENCE) -> Any:
    """Poll until the check is truthy; there is no event to wait for."""
    until = time.monotonic() + patience
    while not (found := check()):
        assert time.monotonic() < until, f"waited {patience} s for {what}"
        time.sleep(0.05)
    return found


@dataclass
class Kube:
    """One world, as a user and as the owner of its Google project."""

    world: World

    def namespace(self, name: str, *, projects: str = PROJECT, opted_in: bool = True, **labels: str) -> None:
        marks = {"wheelhouse.dev/credentials": "enabled"} if opted_in else {}
        self.apply(
            {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {
                    "name": name,
                    "labels": marks | labels,
                    "annotations": {"wheelhouse.dev/projects": projects},
                },
            }
        )

    def service_account(self, namespace: str, name: str) -> None:
        self.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}})

    def repository(self, namespace: str, name: str, **spec: Any) -> None:
        self._object("PythonRepository", namespace, name, {"location": "us-central1", **spec})

    def access(self, namespace: str, name: str, repository: str, *, of: str = "", **spec: Any) -> None:
        reference = {"name": repository} | ({"namespace": of} if of else {})
        self._object("RepositoryAccess", namespace, name, {"repositoryRef": reference, **spec})

    def reader(self, namespace: str, name: str, repository: str, account: str, secret: str = "", of: str = "") -> None:
        """An access of a new ServiceAccount, with a Secret if one is named."""
        self.service_account(namespace, account)
        more = {"secret": {"name": secret}} if secret else {}
        self.access(namespace, name, repository, of=of, subjects=[{"kind": "ServiceAccount", "name": account}], **more)

    def _object(self, kind: str, namespace: str, name: str, spec: dict[str, Any]) -> None:
        meta = {"name": name, "namespace": namespace}
        self.apply({"apiVersion": "wheelhouse.dev/v1alpha1", "kind": kind, "metadata": meta, "spec": spec})

    def apply(self, *manifests: dict[str, Any]) -> None:
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(manifests)})
        self.world.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=text)

    def get(self, plural: str, namespace: str, name: str) -> dict[str, Any] | None:
        status, body = self.world.api().call("GET", f"{GROUP}/namespaces/{namespace}/{plural}/{name}")
        return body if status == 200 else None

    def patch(self, plural: str, namespace: str, name: str, change: dict[str, Any]) -> None:
        """A merge patch, as `kubectl patch --type=merge` sends it."""
        self.world.kubectl("patch", plural, name, "-n", namespace, "--type=merge", "-p", json.dumps(change))

    def annotate(self, plural: str, namespace: str, name: str, key: str, value: str) -> None:
        self.world.kubectl("annotate", "--overwrite", plural, name, "-n", namespace, f"{key}={value}")

    def events(self, namespace: str, name: str) -> list[dict[str, Any]]:
        """The Events about an object."""
        _, body = self.world.api().call("GET", f"/apis/events.k8s.io/v1/namespaces/{namespace}/events")
        return [each for each in body["items"] if each["regarding"].get("name") == name]

    def delete(self, plural: str, namespace: str, name: str) -> None:
        self.world.api().call("DELETE", f"{GROUP}/namespaces/{namespace}/{plural}/{name}")

    def ready(self, plural: str, namespace: str, name: str) -> bool:
        body = self.get(plural, namespace, name)
        if body is None or body["status"]["observedGeneration"] != body["metadata"]["generation"]:
            return False
        return self.condition(body, "Ready")["status"] == "True"

    def condition(self, body: dict[str, Any], kind: str) -> dict[str, Any]:
        return next(
            (row for row in body["status"].get("conditions", ()) if row["type"] == kind), {"status": "", "reason": ""}
        )

    def await_ready(self, plural: str, namespace: str, *names: str) -> None:
        for name in names:
            try:
                await_that(lambda name=name: self.ready(plural, namespace, name), f"{name} to be Ready")
            except AssertionError as error:
                rows = (self.get(plural, namespace, name) or {}).get("status", {}).get("conditions", [])
                found = [f"{row['type']}={row['status']}: {row['message']}" for row in rows]
                raise AssertionError(f"{error}; it has {found}") from None

    def await_reason(self, plural: str, namespace: str, name: str, reason: str) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            body = self.get(plural, namespace, name)
            return body if body and self.condition(body, "Ready")["reason"] == reason else None

        body: dict[str, Any] = await_that(look, f"{name} to be {reason}")
        return body

    def await_gone(self, plural: str, namespace: str, *names: str) -> None:
        for name in names:
            await_that(lambda name=name: self.get(plural, namespace, name) is None, f"{name} to be gone")

    def secret(self, namespace: str, name: str) -> dict[str, str] | None:
        status, body = self.world.api().call("GET", f"/api/v1/namespaces/{namespace}/secrets/{name}")
        return {key: base64.b64decode(text).decode() for key, text in body["data"].items()} if status == 200 else None

    def google(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        """Call the emulated Artifact Registry as the project's owner."""
        environment = self.world.environment()
        token = Path(environment["accessTokenFile"]).read_text().strip()
        request = urllib.request.Request(
            environment["endpoints"]["artifactRegistry"] + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as reply:
                return reply.status, json.load(reply)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def members(self, repository_id: str) -> dict[str, list[str]]:
        """The repository's policy: members by role."""
        _, policy = self.google("GET", f"v1/{full_name(repository_id)}:getIamPolicy")
        return {binding["role"]: binding["members"] for binding in policy.get("bindings", ())}

    def grant(self, repository_id: str, role: str, member: str) -> None:
        """Add a binding as another client would: read, change, write."""
        path = f"v1/{full_name(repository_id)}"
        _, policy = self.google("GET", f"{path}:getIamPolicy")
        policy.setdefault("bindings", []).append({"role": role, "members": [member]})
        status, _ = self.google("POST", f"{path}:setIamPolicy", {"policy": policy})
        assert status == 200

    @contextmanager
    def counted(self, namespace: str = "") -> Iterator[Counter[str]]:
        """The operator's requests to Google and its changes in Kubernetes during the block.

        Dry runs change nothing and are counted separately: `patch secrets (dry run)`.

        Args:
            namespace: count only what concerns this namespace and the repository of the same name: objects of other
                tests in this world are checked any time.
        """
        google, audit = self._google_lines(namespace), self._audit_lines(namespace)
        counts: Counter[str] = Counter()
        yield counts
        time.sleep(AUDITED)
        counts.update(self._google_lines(namespace) - google)
        counts.update(self._audit_lines(namespace) - audit)

    def _google_lines(self, repository: str) -> Counter[str]:
        lines = Counter[str]()
        for row in trace.google(self.world.state):
            _, found, rest = row["resource"].partition("/repositories/")
            elsewhere = found and repository and re.split("[/:]", rest)[0] != repository
            # A tenant whose Google service account is refused asks again every minute.
            elsewhere = elsewhere or (repository and _tenant(row["caller"]) not in {"", repository})
            if row["service"] != "Metadata" and not elsewhere:
                lines[row["method"]] += 1
        return lines

    def _audit_lines(self, namespace: str) -> Counter[str]:
        acts = Counter[str]()
        for row in trace.kubernetes(self.world.state):
            elsewhere = namespace and f"/namespaces/{namespace}/" not in row["resource"]
            if row["method"].split()[0] not in {"get", "list", "watch"} and not elsewhere:
                acts[_act(row)] += 1
        return acts


def _act(row: dict[str, Any]) -> str:
    """The verb and the resource of a line of the audit log; a check of a Secret is a dry-run patch."""
    method: str = row["method"]
    return f"{method} (dry run)" if "dryRun=All" in row["resource"] else method


def _tenant(caller: str) -> str:
    """The namespace of a ServiceAccount that is not the operator's, empty for other callers."""
    found = re.search(r"(?:/subject/ns/|system:serviceaccount:)([a-z0-9-]+)", caller)
    return found[1] if found is not None and found[1] != constants.NAMESPACE else ""
