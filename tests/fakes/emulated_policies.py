"""Policies that the emulated Google decides, in the test's process and without sockets.

Between the engine's port and the emulator's methods are the real conversions: the client's, and those of gRPC's errors.
"""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, cast

import grpc
from google.api_core import exceptions
from google.cloud import artifactregistry_v1 as ar
from google.iam.v1 import iam_policy_pb2

from fakes.calls import Calls, port_call
from fakes.clock import Clock
from fakes.google import FakePolicies, FakeRepositories, Google
from fakes.identities import FakeIndex
from fakes.world import Fakes
from wheelhouse.clients.google.artifact_registry.connection import ArtifactRegistry
from wheelhouse.clients.google.policies import GooglePolicies, from_wire, to_wire
from wheelhouse.clients.google.rate import Rate
from wheelhouse.clients.google.rpc import Caller
from wheelhouse.domain.iam import Binding, Policy
from wheelhouse.domain.names import RepositoryName
from wheelhouse.domain.repository import RepositorySettings
from wheelhouse_local.google.iam import standing
from wheelhouse_local.google.iam.identities import Identities
from wheelhouse_local.google.iam.limits import Limits
from wheelhouse_local.google.iam.policies import FRESH_ETAG, KIND, Policies
from wheelhouse_local.google.iam.principals import Principals
from wheelhouse_local.google.iam.service_accounts.accounts import Accounts
from wheelhouse_local.google.projects.directory import Directory
from wheelhouse_local.google.projects.lifecycle import OPERATOR, Projects
from wheelhouse_local.google.registry.methods.policies import methods
from wheelhouse_local.google.registry.repositories import Registry
from wheelhouse_local.google.store import Store
from wheelhouse_local.google.transport.errors import ApiError


class Emulation:
    """The emulator's IAM and repositories over a store in memory, with the tests' clock."""

    def __init__(self, clock: Clock) -> None:
        def now() -> float:
            return clock.now().timestamp()

        self.store = store = Store(Path(":memory:"))
        self.policies = Policies(store, Directory(store), now)
        self.registry = Registry(store, self.policies, now)
        self._identities = Identities(store, now)
        self.principals = Principals(store, self.policies, self._identities, Accounts(store, now))
        self._methods = methods(self.policies)
        Projects(store, self.policies, now).ensure_first()

    def create(self, name: RepositoryName) -> None:
        """Create a Python repository."""
        wanted = ar.Repository.pb(ar.Repository(format_=ar.Repository.Format.PYTHON))
        self.registry.create(name.parent, name.repository_id, wanted)

    def answer(self, label: str, request: Any) -> Any:
        """Answer a request from its bytes to the bytes of its reply.

        Raises:
            ApiError: the emulator's error.
        """
        method = self._methods[f"ArtifactRegistry.{label}"]
        asked = method.request.FromString(request.SerializeToString())
        reply = cast("Any", method.run(self._identities.acting(OPERATOR), asked))
        return method.response.FromString(reply.SerializeToString())


class InProcess(Caller):
    """The operator's connection to Artifact Registry, and the client in it: each call reaches the emulator at once."""

    def __init__(self, emulation: Emulation) -> None:
        super().__init__("ArtifactRegistry")
        self._rates.default_factory = lambda: Rate(math.inf)
        self._emulation = emulation
        self.client = self

    async def get_iam_policy(self, *, request: Any, **_options: Any) -> Any:
        return self._send("GetIamPolicy", request)

    async def set_iam_policy(self, *, request: Any, **_options: Any) -> Any:
        return self._send("SetIamPolicy", request)

    def _send(self, label: str, request: Any) -> Any:
        """The reply, or the exception that the generated client makes of the error and its trailer."""
        try:
            return self._emulation.answer(label, request)
        except ApiError as error:
            trailer = grpc.aio.Metadata.from_tuple(error.trailer())
            found = grpc.aio.AioRpcError(error.grpc, grpc.aio.Metadata(), trailer, details=error.message)
            raise exceptions.from_grpc_error(found) from None


class EmulatedGoogle(Google):
    """Google in memory, except for its policies: they are the emulator's."""

    def __init__(self, clock: Clock) -> None:
        self.emulation = Emulation(clock)
        self._last: tuple[Any, Policy] = (None, Policy(FRESH_ETAG, 0, ()))
        super().__init__(clock)

    def plant(
        self,
        name: RepositoryName,
        settings: RepositorySettings | None = None,
        *,
        labels: dict[str, str] | None = None,
        description: str = "",
    ) -> None:
        """A repository that another client created."""
        super().plant(name, settings, labels=labels, description=description)
        self.emulation.create(name)

    def remove(self, name: RepositoryName) -> None:
        """Delete a repository as another client, and its policy with it."""
        super().remove(name)
        self.emulation.registry.delete(name.full)

    def policy(self, name: RepositoryName) -> Policy:
        """The current policy, which is parsed again only after a change."""
        row = self.emulation.store.get(KIND, name.full)
        if row is None:
            return Policy(FRESH_ETAG, 0, ())
        if row != self._last[0]:
            self._last = row, from_wire(self.emulation.policies.get(name.full))
        return self._last[1]

    def plant_policy(self, name: RepositoryName, *bindings: Binding) -> None:
        """Replace the policy without the emulator's checks, so that it may have conditions and tombstones."""
        if self.policy(name).bindings != bindings:
            self.emulation.policies.plant(name.full, to_wire(Policy(b"", 3, bindings)))

    def write_policy(self, name: RepositoryName, bindings: Sequence[Binding], etag: bytes) -> str:
        """Another client's SetIamPolicy, with the etag of its read or without one.

        Returns:
            The status of its error; empty if it succeeds.
        """
        conditional = any(binding.condition is not None for binding in bindings)
        policy = to_wire(Policy(etag, 3 if conditional else 1, tuple(bindings)))
        request = iam_policy_pb2.SetIamPolicyRequest(resource=name.full, policy=policy)
        try:
            self.emulation.answer("SetIamPolicy", request)
        except ApiError as error:
            return error.status
        return ""

    def reject(self, members: Iterable[str], *, named: bool) -> None:
        """IAM takes these members no longer, with a message that names them or one that does not."""
        store = self.emulation.store
        for member, _ in store.list(standing.REJECTED):
            standing.accept(store, member)
        for member in members:
            standing.reject(store, member, named=named)
        self.rejected_members = set(members)

    def limit(self, limits: Limits) -> None:
        """Set the limits of policies."""
        limits.put(self.emulation.store)


class EmulatedPolicies(FakePolicies):
    """The Policies port: the operator's client over the emulator's methods."""

    def __init__(self, google: EmulatedGoogle, calls: Calls) -> None:
        super().__init__(google, calls)
        self._client = GooglePolicies(cast("ArtifactRegistry", InProcess(google.emulation)))

    @port_call
    async def get(self, name: RepositoryName) -> Policy | None:
        return await self._client.get(name)

    @port_call
    async def set(self, name: RepositoryName, policy: Policy) -> None:
        before = self._google.policy(name)
        await self._client.set(name, policy)
        if self._google.policy(name) != before:
            self.calls.changes.append(f"setIamPolicy {name.full}")


class EmulatedFakes(Fakes):
    """A whole world in memory whose policies are the emulator's."""

    def __post_init__(self) -> None:
        super().__post_init__()
        google = EmulatedGoogle(self.clock)
        self.google = google
        self.index = FakeIndex(google, self.tokens, self.workload, self.clock, self.calls)
        self.repositories = FakeRepositories(google, self.calls)
        self.policies = EmulatedPolicies(google, self.calls)
        self.restart()
