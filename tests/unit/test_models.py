"""The models accept and reject the table, without an API server (test_admission_table uses a real one)."""

import pytest
from pydantic import BaseModel, ValidationError
from support.cases import CASES, REMOTE, STANDARD, VIRTUAL, Case

from wheelhouse.api.access import RepositoryAccessSpec
from wheelhouse.api.cleanup import CleanupAction
from wheelhouse.api.meta import Role
from wheelhouse.api.modes import Mode
from wheelhouse.api.repository import AdoptionPolicy, DeletionPolicy, ManagementPolicy, PythonRepositorySpec

MODELS: dict[str, type[BaseModel]] = {
    "PythonRepository": PythonRepositorySpec,
    "RepositoryAccess": RepositoryAccessSpec,
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.encode("unicode_escape").decode())
def test_a_model_takes_and_refuses_the_table(case: Case) -> None:
    """Valid values of the table are accepted, and all others are rejected."""
    model, spec = MODELS[case.kind], case.spec()
    if case.words is None:
        assert model.model_validate(spec)
    else:
        with pytest.raises(ValidationError):
            model.model_validate(spec)


def test_a_location_alone_is_a_small_spec() -> None:
    """Every default is harmless: nothing is adopted, deleted, shared or suspended without a request."""
    spec = PythonRepositorySpec.model_validate({"location": "us"})
    assert (spec.mode, spec.management_policy) == (Mode.STANDARD, ManagementPolicy.FULL)
    assert (spec.adoption_policy, spec.deletion_policy) == (AdoptionPolicy.NEVER, DeletionPolicy.ORPHAN)
    assert spec.suspend is False
    unset = (spec.labels, spec.kms_key_name, spec.vulnerability_scanning, spec.cleanup, spec.remote, spec.virtual)
    assert {*unset, spec.access_from, spec.project, spec.repository_id, spec.description} == {None}


def test_what_a_manifest_says_is_read() -> None:
    """Each mode's own fields have their names in Python."""
    cleanup = PythonRepositorySpec.model_validate(STANDARD).cleanup
    assert cleanup is not None
    assert [(each.name, each.action) for each in cleanup.policies] == [
        ("old-betas", CleanupAction.DELETE),
        ("newest", CleanupAction.KEEP),
    ]
    remote = PythonRepositorySpec.model_validate(REMOTE).remote
    assert remote is not None
    assert remote.credentials is not None
    assert (remote.upstream, remote.validate_upstream, remote.credentials.username) == (None, False, "_token")
    virtual = PythonRepositorySpec.model_validate(VIRTUAL).virtual
    assert virtual is not None
    named, full = virtual.upstreams
    assert named.repository_ref is not None
    assert (named.priority, named.repository_ref.namespace, named.repository) == (100, "data-platform", None)
    assert (full.priority, full.repository_ref) == (1, None)


def test_other_namespaces_may_only_read_by_default() -> None:
    """The default of `accessFrom.roles` is Reader, and an empty list allows no access."""
    default = PythonRepositorySpec.model_validate({"location": "us", "accessFrom": {}}).access_from
    none = PythonRepositorySpec.model_validate({"location": "us", "accessFrom": {"roles": []}}).access_from
    assert default is not None
    assert none is not None
    assert (default.roles, none.roles) == ([Role.READER], [])
