"""The start-up check of what is installed: both definitions and all admission policies, none older than this operator.

The operator is exempt from the policies that protect status and finalizers, and may not change Namespaces, so it cannot
test these policies with requests as admission.py tests the others. It reads all of them by name instead.
"""

import re
from collections.abc import Mapping

from wheelhouse.api.schema import SCHEMA_ANNOTATION, SCHEMA_VERSION
from wheelhouse.clients.kubernetes.objects import GROUP
from wheelhouse.clients.kubernetes.transport import METADATA, Call, Reply, Transport, path
from wheelhouse.domain.objects import Kind

POLICIES = (
    "wheelhouse-secrets",
    "wheelhouse-objects",
    "wheelhouse-tokens",
    "wheelhouse-status",
    "wheelhouse-finalizer",
    "wheelhouse-namespaces",
)
POLICY_ANNOTATION = "wheelhouse.dev/policy-version"
POLICY_VERSION = 4
"""The version of manifests/base/policies.yaml: increase it with every change there (tests/test_versions.py)."""

_EXTENSIONS = "/apis/apiextensions.k8s.io/v1"
_ADMISSION = "/apis/admissionregistration.k8s.io/v1"


async def not_installed(transport: Transport) -> str | None:
    """Read both CustomResourceDefinitions, and each admission policy with its binding.

    A status field that the installed definition does not declare makes every status write a 500 (seen on Kubernetes
    1.37), so an older definition stops the operator. A newer one does not.

    Args:
        transport: sends the requests as the operator.

    Returns:
        None if all of them are installed, otherwise what is missing, older or ineffective, and what to apply.

    Raises:
        Unavailable: the API server did not answer.
    """
    for kind in Kind:
        complaint = await _definition(transport, f"{kind.value}.{GROUP}")
        if complaint is not None:
            return complaint
    for name in POLICIES:
        complaint = await _policy(transport, name) or await _binding(transport, name)
        if complaint is not None:
            return complaint
    return None


async def _definition(transport: Transport, name: str) -> str | None:
    what, remedy = f"CustomResourceDefinition {name}", "Apply crds/ first."
    call = _get(_EXTENSIONS, "customresourcedefinitions", name, METADATA)
    reply = await transport.send(call)
    return _unread(reply, what, remedy) or _older(reply, what, SCHEMA_ANNOTATION, SCHEMA_VERSION, remedy)


async def _policy(transport: Transport, name: str) -> str | None:
    what, remedy = f"ValidatingAdmissionPolicy {name}", "Apply manifests/base."
    reply = await transport.send(_get(_ADMISSION, "validatingadmissionpolicies", name, METADATA))
    return _unread(reply, what, remedy) or _older(reply, what, POLICY_ANNOTATION, POLICY_VERSION, remedy)


async def _binding(transport: Transport, name: str) -> str | None:
    what, remedy = f"ValidatingAdmissionPolicyBinding {name}", "Apply manifests/base."
    reply = await transport.send(_get(_ADMISSION, "validatingadmissionpolicybindings", name))
    complaint = _unread(reply, what, remedy)
    if complaint is not None:
        return complaint
    spec = reply.body.get("spec")
    # matchResources would limit the binding to some namespaces or objects.
    if isinstance(spec, Mapping) and spec.get("policyName") == name and not spec.get("matchResources"):
        actions = spec.get("validationActions")
        if isinstance(actions, list) and "Deny" in actions:
            return None
    return f"{what} does not deny every request that the policy {name} rejects. {remedy}"


def _get(api: str, plural: str, name: str, accept: str = "application/json") -> Call:
    return Call("get", plural, "GET", path(api, None, plural, name), accept=accept)


def _unread(reply: Reply, what: str, remedy: str) -> str | None:
    if reply.ok:
        return None
    if reply.status == 404:
        return f"{what} does not exist. {remedy}"
    return f"The operator cannot read {what}. Apply manifests/base, which grants this permission. {reply.message}"


def _older(reply: Reply, what: str, annotation: str, needed: int, remedy: str) -> str | None:
    found = _version(reply.metadata, annotation)
    if found >= needed:
        return None
    shown = found or "missing"
    return f"{what} is older than this operator: its {annotation} is {shown}, and must be {needed} or newer. {remedy}"


def _version(metadata: Mapping[str, object], annotation: str) -> int:
    """The version in an annotation; 0 without one, as in releases before versions existed."""
    annotations = metadata.get("annotations")
    text = str(annotations.get(annotation, "")) if isinstance(annotations, Mapping) else ""
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else 0
