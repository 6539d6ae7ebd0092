"""What the world must look like for the users' declarations: from the specification, not from the code."""

from fakes.world import Fakes

from wheelhouse.domain.iam import Identity
from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.objects import Kind
from wheelhouse.domain.repository import CLUSTER_LABEL, OBJECT_LABEL, Ownership
from wheelhouse.domain.secret import SECRET_TYPE

ROLES = {"Reader": "roles/artifactregistry.reader", "Writer": "roles/artifactregistry.writer"}


class Specification:
    """Compares the fakes' state with the objects in their cluster.

    `foreign` are the (repository, role, member) that others put into policies.
    """

    def __init__(self, fakes: Fakes) -> None:
        self._fakes = fakes
        self.foreign: set[tuple[str, str, str]] = set()

    def difference(self) -> str | None:
        """The first difference from the desired state; None if there is none."""
        checks = (self._deleted, self._repositories, self._grants, self._secrets, self._ready)
        return next((text for check in checks if (text := check()) is not None), None)

    def _deleted(self) -> str | None:
        held = [
            key for (_, key), body in self._fakes.cluster.objects.items() if "deletionTimestamp" in body["metadata"]
        ]
        return f"still there: {held}" if held else None

    def _repositories(self) -> str | None:
        for key, (full, description) in self._wanted_repositories().items():
            found = self._fakes.google.repositories.get(full)
            if found is None:
                return f"{key}: {full} does not exist"
            if found.labels.get(OBJECT_LABEL) != Ownership.of("cluster-1", key).digest:
                return f"{key}: {full} is not labelled as ours"
            if description is not None and found.settings.description != description:
                return f"{key}: description {found.settings.description!r}"
        living = {Ownership.of("cluster-1", key).digest for key in self._wanted_repositories()}
        for full, found in self._fakes.google.repositories.items():
            if CLUSTER_LABEL in found.labels and found.labels.get(OBJECT_LABEL) not in living:
                return f"{full} still carries the labels of a deleted object"
        return None

    def _grants(self) -> str | None:
        wanted = self._wanted_grants()
        for full in self._fakes.google.repositories:
            found = {
                (full, binding.role, member)
                for binding in self._fakes.google.policies.get(full, _EMPTY).bindings
                for member in binding.members
            }
            expected = {grant for grant in wanted | self.foreign if grant[0] == full}
            if found != expected:
                return f"{full}: too much {found - expected}, too little {expected - found}"
        return None

    def _secrets(self) -> str | None:
        wanted = self._wanted_secrets()
        ours = {place for place, stored in self._fakes.cluster.secrets.items() if stored.type == SECRET_TYPE}
        if ours != set(wanted):
            return f"Secrets: too many {ours - set(wanted)}, missing {set(wanted) - ours}"
        for place, uploads in wanted.items():
            data = self._fakes.cluster.secrets[place].data
            keys = {"pip.conf", "uv.toml", "pdm.toml", "netrc", "index-url"} | ({".pypirc"} if uploads else set())
            if set(data) != keys:
                return f"{place}: keys {sorted(data)}"
            token = data["netrc"].split()[-1]
            minted = self._fakes.tokens.minted.get(token)
            if minted is None or minted[1].expires <= self._fakes.clock.now():
                return f"{place}: the token has expired"
        return None

    def _ready(self) -> str | None:
        for (kind, key), body in self._fakes.cluster.objects.items():
            rows = {row["type"]: row for row in body.get("status", {}).get("conditions", ())}
            ready = rows.get("Ready", {})
            if not self._healthy(kind, key):
                if ready.get("status") == "True":
                    return f"{kind.kind} {key} is Ready and should not be"
                continue
            if ready.get("status") != "True" or body["status"]["observedGeneration"] != body["metadata"]["generation"]:
                return f"{kind.kind} {key} is not Ready: {ready.get('reason')} {ready.get('message')}"
        return None

    def _healthy(self, kind: Kind, key: ObjectKey) -> bool:
        if kind is Kind.REPOSITORY:
            return key in self._wanted_repositories()
        body = self._fakes.cluster.objects[kind, key]
        secret = body["spec"].get("secret")
        place = (key.namespace, (secret or {}).get("name", "pip-config"))
        return self._consents(key) and (secret is None or place in self._wanted_secrets())

    def _wanted_repositories(self) -> dict[ObjectKey, tuple[str, str | None]]:
        found = {}
        for (kind, key), body in self._fakes.cluster.objects.items():
            namespace = self._fakes.cluster.namespaces.get(key.namespace)
            if (
                kind is Kind.REPOSITORY
                and "deletionTimestamp" not in body["metadata"]
                and namespace
                and namespace.projects
            ):
                spec = body["spec"]
                project = spec.get("project", namespace.projects[0])
                if project in namespace.projects:
                    repository_id = spec.get("repositoryId", key.name)
                    name = f"projects/{project}/locations/{spec['location']}/repositories/{repository_id}"
                    found[key] = (name, spec.get("description"))
        return found

    def _repository_of(self, key: ObjectKey) -> ObjectKey:
        reference = self._fakes.cluster.objects[Kind.ACCESS, key]["spec"]["repositoryRef"]
        return ObjectKey(reference.get("namespace", key.namespace), reference["name"])

    def _consents(self, key: ObjectKey) -> bool:
        spec = self._fakes.cluster.objects[Kind.ACCESS, key]["spec"]
        repository = self._repository_of(key)
        if repository not in self._wanted_repositories():
            return False
        if repository.namespace == key.namespace:
            return True
        access_from = self._fakes.cluster.objects[Kind.REPOSITORY, repository]["spec"].get("accessFrom", {})
        labels = self._fakes.cluster.namespaces[key.namespace].labels
        selector = access_from.get("namespaceSelector", {}).get("matchLabels")
        selected = selector is not None and selector.items() <= labels.items()
        return spec.get("role", "Reader") == "Reader" and (
            key.namespace in access_from.get("namespaces", ()) or selected
        )

    def _wanted_grants(self) -> set[tuple[str, str, str]]:
        wanted = set()
        for (kind, key), body in self._fakes.cluster.objects.items():
            if kind is Kind.ACCESS and "deletionTimestamp" not in body["metadata"] and self._consents(key):
                full = self._wanted_repositories()[self._repository_of(key)][0]
                for member in self._members(key, body["spec"]):
                    wanted.add((full, ROLES[body["spec"].get("role", "Reader")], member))
        return wanted

    def _members(self, key: ObjectKey, spec: dict[str, object]) -> set[str]:
        prefixes = {"GoogleGroup": "group:", "GoogleUser": "user:", "GoogleServiceAccount": "serviceAccount:"}
        members = set()
        for subject in spec.get("subjects", ()):  # type: ignore[attr-defined]  # a manifest
            if subject["kind"] == "ServiceAccount":
                members.add(self._fakes.workload.member(Identity(key.namespace, subject["name"])))
            else:
                members.add(prefixes[subject["kind"]] + subject["name"])
        return members

    def _wanted_secrets(self) -> dict[tuple[str, str], bool]:
        wanted = {}
        for (kind, key), body in self._fakes.cluster.objects.items():
            if kind is not Kind.ACCESS or "deletionTimestamp" in body["metadata"] or not self._consents(key):
                continue
            secret = body["spec"].get("secret")
            if secret is not None and self._fakes.cluster.namespaces[key.namespace].opted_in:
                uploads = body["spec"].get("role", "Reader") != "Reader"
                wanted[key.namespace, secret.get("name", "pip-config")] = uploads
        return wanted


class _Empty:
    bindings = ()


_EMPTY = _Empty()
