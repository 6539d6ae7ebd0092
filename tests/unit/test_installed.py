"""What the operator finds missing, old or ineffective at its start, and what its message says to apply."""

from collections.abc import Mapping
from typing import Any

import pytest

from wheelhouse.api.schema import SCHEMA_VERSION
from wheelhouse.clients.kubernetes.installed import POLICIES, POLICY_VERSION, not_installed
from wheelhouse.clients.kubernetes.transport import Call, Reply, Transport

DEFINITIONS = ("pythonrepositories.wheelhouse.dev", "repositoryaccesses.wheelhouse.dev")
CRD, POLICY, BINDING = (
    "customresourcedefinitions",
    "validatingadmissionpolicies",
    "validatingadmissionpolicybindings",
)
NEEDED = {"schema": SCHEMA_VERSION, "policy": POLICY_VERSION}

Json = dict[str, Any]


def versioned(kind: str, version: object) -> Json:
    return {"metadata": {"annotations": {f"wheelhouse.dev/{kind}-version": version}}}


def bound(name: str, **spec: Any) -> Json:
    return {"spec": {"policyName": name, "validationActions": ["Deny"]} | spec}


class Installed(Transport):
    """An API server that answers a get by name."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], Json] = {
            **{(CRD, name): versioned("schema", str(SCHEMA_VERSION)) for name in DEFINITIONS},
            **{(POLICY, name): versioned("policy", str(POLICY_VERSION)) for name in POLICIES},
            **{(BINDING, name): bound(name) for name in POLICIES},
        }
        self.refusal: Mapping[str, Any] | None = None

    async def send(self, call: Call) -> Reply:
        """The object, or the refusal."""
        assert call.verb == "get"
        plural, name = call.path.split("/")[-2:]
        assert plural == call.kind
        if self.refusal is not None:
            return Reply(403, self.refusal)
        found = self.objects.get((plural, name))
        return Reply(404, {"message": "not found"}) if found is None else Reply(200, found)


async def test_everything_is_there() -> None:
    """With both definitions and all policies in our versions there is no complaint."""
    assert await not_installed(Installed()) is None


@pytest.mark.parametrize("key", list(Installed().objects), ids="/".join)
async def test_each_of_them_is_missed(key: tuple[str, str]) -> None:
    """Each definition, policy and binding that does not exist is named, with what to apply."""
    cluster = Installed()
    del cluster.objects[key]
    said = await not_installed(cluster)
    assert said is not None
    assert f" {key[1]} does not exist. " in said
    assert said.endswith("Apply crds/ first." if key[0] == CRD else "Apply manifests/base.")


@pytest.mark.parametrize("version", [None, "", "1", "0", "-3", "2.5", "two", "²", "9" * 40, "3\n"])
@pytest.mark.parametrize(
    ("key", "kind"), [((CRD, DEFINITIONS[1]), "schema"), ((POLICY, "wheelhouse-status"), "policy")], ids=str
)
async def test_older_or_absent_versions(key: tuple[str, str], kind: str, version: object) -> None:
    """An older version, none, or an invalid one: named, with what to apply."""
    cluster = Installed()
    cluster.objects[key] = {"metadata": {}} if version is None else versioned(kind, version)
    said = await not_installed(cluster)
    assert said is not None
    assert f"{key[1]} is older than this operator: its wheelhouse.dev/{kind}-version is " in said
    assert f"and must be {NEEDED[kind]} or newer. Apply " in said


@pytest.mark.parametrize("newer", [1, 8, 98])
async def test_newer_versions_do(newer: int) -> None:
    """The objects of a newer release are sufficient for an older operator too: after a rollback it starts."""
    cluster = Installed()
    cluster.objects |= {(CRD, name): versioned("schema", str(SCHEMA_VERSION + newer)) for name in DEFINITIONS}
    cluster.objects |= {(POLICY, name): versioned("policy", str(POLICY_VERSION + newer)) for name in POLICIES}
    assert await not_installed(cluster) is None


@pytest.mark.parametrize(
    "binding",
    [
        bound("wheelhouse-status", validationActions=["Audit", "Warn"]),
        bound("wheelhouse-status", validationActions=[]),
        bound("wheelhouse-status", validationActions=None),
        bound("wheelhouse-objects"),
        bound("wheelhouse-status", matchResources={"namespaceSelector": {"matchLabels": {"team": "a"}}}),
        {"spec": None},
        {},
    ],
    ids=str,
)
async def test_a_binding_that_does_not_deny(binding: Json) -> None:
    """A binding that only audits, binds another policy, or omits namespaces protects nothing."""
    cluster = Installed()
    cluster.objects[BINDING, "wheelhouse-status"] = binding
    said = await not_installed(cluster)
    assert said is not None
    assert "ValidatingAdmissionPolicyBinding wheelhouse-status does not deny" in said
    assert said.endswith("Apply manifests/base.")


async def test_more_than_deny_is_fine() -> None:
    """A binding may also audit what it denies."""
    cluster = Installed()
    cluster.objects[BINDING, "wheelhouse-status"] = bound("wheelhouse-status", validationActions=["Audit", "Deny"])
    assert await not_installed(cluster) is None


async def test_rights_of_an_older_release() -> None:
    """Without the permission to read the policies they do not count as absent: the message names the permission."""
    cluster = Installed()
    cluster.refusal = {"message": 'User "operator" cannot get resource'}
    said = await not_installed(cluster)
    assert said is not None
    assert "The operator cannot read CustomResourceDefinition pythonrepositories.wheelhouse.dev." in said
    assert "Apply manifests/base" in said
    assert "cannot get resource" in said
