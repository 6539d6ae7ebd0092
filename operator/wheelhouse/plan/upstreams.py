"""Who may read which repository: Google reads upstreams as the project's service agent, so we must enforce consent.

A Virtual repository's reader needs no permission on its upstreams, so a user who may create one in a project could name
any repository that the project's service agent can read. The same applies to a Remote whose URL is a repository of
Artifact Registry, and to the secret with an upstream's password.
"""

from collections.abc import Collection
from dataclasses import dataclass

from wheelhouse.domain.findings import Check, Truth, failed, passed
from wheelhouse.domain.iam import Role
from wheelhouse.domain.modes import Credentials, Mode, Upstream
from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.objects import UPSTREAM_SECRETS_ANNOTATION, UPSTREAMS_ANNOTATION, Namespace
from wheelhouse.domain.reasons import Reason
from wheelhouse.domain.repository import UpstreamReference
from wheelhouse.plan.consent import ABSENCE, RepositoryView, Standing


@dataclass(frozen=True, slots=True)
class Reader:
    """The reading side: the object, its namespace, the location, and whether all may use every project."""

    key: ObjectKey
    namespace: Namespace
    location: str
    any_project: bool = False


@dataclass(frozen=True, slots=True)
class Judgement:
    """The decision about one upstream: its name in Google, and its mode if that is known.

    With `permitted` it may stay, and with `addable` it may be added. Without a check the previous finding stays.
    """

    check: Check | None
    name: RepositoryName | None = None
    mode: Mode | None = None
    permitted: bool = False
    addable: bool = False


def judge_reference(
    reader: Reader,
    upstream: UpstreamReference,
    view: RepositoryView | None,
    gone: float,
    standing: RepositoryName | None,
) -> Judgement:
    """Decide about an upstream that names a PythonRepository.

    Args:
        reader: the reading side.
        upstream: the upstream as the spec names it.
        view: the PythonRepository; None if it does not exist.
        gone: for how many seconds it has been missing: a replacement comes within 30 s.
        standing: what the upstream of this name is in the Virtual repository now; None if it is not there.
    """
    target = upstream.target
    own = isinstance(target, ObjectKey) and target.namespace == reader.key.namespace
    if target == reader.key:
        return _invalid(upstream, "is this object itself. Use another PythonRepository")
    if view is None and standing is not None and gone < ABSENCE:
        return Judgement(None, standing, permitted=True)
    if view is None and own:
        message = f"Upstream {upstream.name}: there is no PythonRepository {target} in this namespace. Create it"
        return Judgement(failed(Reason.REPOSITORY_NOT_FOUND, f"{message}, or correct spec.virtual.upstreams."))
    if view is None or not (own or _admits(view, reader.namespace)):
        # The same message for absent and forbidden: a difference would reveal which it is.
        message = (
            f"Upstream {upstream.name}: PythonRepository {target} does not exist, or does not allow this namespace"
        )
        check = failed(
            Reason.REF_NOT_PERMITTED, f"{message} to read it. Ask its owner to add the namespace to spec.accessFrom."
        )
        # If accessFrom cannot be read, nothing is removed: the owner's intent is unknown.
        unread = view is not None and view.access_from is None
        return Judgement(check, (view.name or standing) if view and unread else None, permitted=unread)
    if view.name is not None and view.name.location != reader.location:
        return _invalid(
            upstream, f"is in {view.name.location}. An upstream must be in the location of its Virtual repository"
        )
    if view.usable and view.access_from is not None:
        return Judgement(passed(Reason.RESOLVED_REFS), view.name, view.mode, permitted=True, addable=True)
    return Judgement(_unusable(upstream, view), view.name or standing, view.mode, permitted=True)


def judge_name(
    reader: Reader, what: str, name: RepositoryName, managers: Collection[RepositoryView], *, sure: bool = True
) -> Judgement:
    """Decide about an upstream with a full name.

    Args:
        reader: the reading side.
        what: the upstream, for the message.
        name: its full name.
        managers: the existing PythonRepositories that manage it.
        sure: whether all objects that may manage it have been checked; until then nothing is added or removed.
    """
    if name.full not in reader.namespace.upstreams:
        allowed = reader.any_project or name.project in reader.namespace.projects
        strangers = [view for view in managers if view.key.namespace != reader.key.namespace]
        if not allowed or not all(_admits(view, reader.namespace) for view in strangers):
            return Judgement(failed(Reason.REF_NOT_PERMITTED, _forbidden(what, name.full, reader.namespace)))
    mode = next((view.mode for view in managers if view.mode is not None), None)
    if not sure and name.full not in reader.namespace.upstreams:
        return Judgement(None, name, mode, permitted=True)
    return Judgement(passed(Reason.RESOLVED_REFS), name, mode, permitted=True, addable=True)


def judge_unnamed(reader: Reader, url: str) -> Judgement:
    """Reject a URL of Artifact Registry that does not name a repository in a form that can be checked."""
    message = f"{_forbidden('The upstream', url, reader.namespace)} Write it as https://LOCATION-python.pkg.dev/PROJECT"
    return Judgement(failed(Reason.REF_NOT_PERMITTED, f"{message}/REPOSITORY/."))


def judge_secret(namespace: Namespace, credentials: Credentials) -> Check:
    """Decide whether a namespace may use the secret of an upstream's password.

    Google sends the password to the upstream's URL, regardless of who set that URL.
    """
    if credentials.secret in namespace.upstream_secrets:
        return passed(Reason.RESOLVED_REFS)
    message = (
        f"Namespace {namespace.name} may not use the secret {credentials.secret}. Ask its administrator to add the "
        f"secret to the annotation {UPSTREAM_SECRETS_ANNOTATION}."
    )
    return failed(Reason.SECRET_NOT_ALLOWED, message)


def index_safety(upstreams: Collection[tuple[Upstream, Mode | None]]) -> Check:
    """Advice on dependency confusion: whether a public index can outrank a private package.

    Artifact Registry lists the versions of all upstreams, and priority decides only between equal versions
    (users report that the index is the union of the upstreams). A mode that is not known may be Remote.
    """
    private = [upstream.priority for upstream, mode in upstreams if mode is Mode.STANDARD]
    public = [upstream for upstream, mode in upstreams if mode is Mode.REMOTE]
    if not public and all(mode is not None for _, mode in upstreams):
        return passed(Reason.NO_PUBLIC_INDEX)
    outranking = [upstream.name for upstream in public if any(upstream.priority >= other for other in private)]
    if outranking:
        message = (
            f"Upstream {', '.join(sorted(outranking))} is Remote and ranks at or above a Standard one, so the "
            "public file is served for equal versions. Give the Standard upstreams a larger priority."
        )
        return failed(Reason.PUBLIC_OUTRANKS_PRIVATE, message)
    message = (
        "Priority decides only between equal versions: for a version range, pip prefers a higher public version "
        "of a private name. Pin with hashes, reserve the names on the public index, or use uv with two indexes."
    )
    return Check(Truth.UNKNOWN, Reason.SAME_VERSION_ONLY, message)


def _unusable(upstream: UpstreamReference, view: RepositoryView) -> Check | None:
    if view.standing is Standing.UNSEEN or (view.standing is Standing.RELEASING and not view.held_up):
        return None
    state = f"is being deleted: {view.held_up}" if view.held_up else "is not usable yet. Check its conditions."
    return failed(Reason.REPOSITORY_NOT_READY, f"Upstream {upstream.name}: PythonRepository {upstream.target} {state}")


def _admits(view: RepositoryView, namespace: Namespace) -> bool:
    access_from = view.access_from
    return access_from is not None and Role.READER in access_from.roles and access_from.admits(namespace)


def _invalid(upstream: UpstreamReference, problem: str) -> Judgement:
    return Judgement(failed(Reason.INVALID_ARGUMENT, f"Upstream {upstream.name} {problem}."))


def _forbidden(what: str, target: str, namespace: Namespace) -> str:
    return (
        f"{what}: {target} is in a project that is not allowed for namespace {namespace.name}, or another namespace "
        "manages it and does not allow this one to read it. Ask its owner for spec.accessFrom, or ask the namespace's "
        f"administrator to add it to the annotation {UPSTREAMS_ANNOTATION}."
    )
