"""The whole table."""

from collections.abc import Mapping

from wheelhouse_local.google.iam.policies import Policies
from wheelhouse_local.google.registry.contents import Contents
from wheelhouse_local.google.registry.methods import contents, locations, operations, policies, repositories
from wheelhouse_local.google.registry.methods.repositories import Check
from wheelhouse_local.google.registry.repositories import Registry
from wheelhouse_local.google.transport.method import Method


def table(registry: Registry, held: Contents, rights: Policies, check: Check) -> Mapping[str, Method]:
    """Every method, by `Service.Method` as in faults and the trace."""
    return {
        **repositories.methods(registry, check),
        **policies.methods(rights),
        **contents.methods(held),
        **operations.methods(registry),
        **locations.methods(),
    }
