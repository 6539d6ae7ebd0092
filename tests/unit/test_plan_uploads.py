"""Uploads to another repository: the rules of `repositoryRef` with the role Writer, and no more is shown."""

from dataclasses import replace

import pytest

from wheelhouse.domain.access import DesiredAccess, DesiredSecret, FanOut
from wheelhouse.domain.iam import Identity, Role
from wheelhouse.domain.modes import Mode
from wheelhouse.domain.names import ObjectKey, RepositoryName
from wheelhouse.domain.objects import Namespace, Selector
from wheelhouse.domain.reasons import Reason
from wheelhouse.domain.repository import AccessFrom
from wheelhouse.plan.consent import ABSENCE, RepositoryView, Standing
from wheelhouse.plan.uploads import Upload, judge_upload

TARGET = ObjectKey("owners", "uploads")
NAME = RepositoryName("b-packages", "europe-west1", "uploads")
ACCESS = DesiredAccess(
    ObjectKey("team", "one"),
    ObjectKey("team", "index"),
    Role.READER,
    (),
    DesiredSecret("pip", Identity("team", "ci"), upload=TARGET),
)
TEAM = Namespace("team")


def view(
    standing: Standing = Standing.USABLE, roles: tuple[Role, ...] = (Role.WRITER,), **more: object
) -> RepositoryView:
    """The repository, as it allows the namespace `team`."""
    found = RepositoryView(
        TARGET, AccessFrom(frozenset({"team"}), None, frozenset(roles)), standing, NAME, Mode.STANDARD
    )
    return replace(found, **more)  # type: ignore[arg-type] # fields of the view


def judge(
    found: RepositoryView | None,
    access: DesiredAccess = ACCESS,
    namespace: Namespace | None = TEAM,
    gone: float = 3600.0,
    *,
    stands: bool = False,
) -> Upload:
    """The decision for one access."""
    return judge_upload(access, namespace, TARGET, found, gone, NAME if stands else None)


def reason(judged: Upload) -> Reason | None:
    """The reason of the finding."""
    return judged.check.reason if judged.check is not None else None


def test_with_consent_the_repository_is_named() -> None:
    """The role Writer is what the owner must allow."""
    assert (judge(view()).name, reason(judge(view()))) == (NAME, Reason.RESOLVED_REFS)


FORBIDDEN = {
    "absent": None,
    "only readers": view(roles=(Role.READER,)),
    "only administrators": view(roles=(Role.REPO_ADMIN,)),
    "another namespace": view(access_from=AccessFrom(frozenset({"others"}), None, frozenset(Role))),
    "unreadable": view(access_from=None),
    "Virtual, and forbidden": view(roles=(), mode=Mode.VIRTUAL),
    "suspended, and forbidden": view(Standing.SUSPENDED, roles=()),
    "unseen, and forbidden": view(Standing.UNSEEN, roles=()),
    "being deleted, and forbidden": view(Standing.RELEASING, roles=(), held_up="it has packages"),
}


@pytest.mark.parametrize("found", FORBIDDEN.values(), ids=FORBIDDEN)
def test_without_consent_nothing_tells_what_exists(found: RepositoryView | None) -> None:
    """One finding for all cases, with nothing that the other team alone knows."""
    judged = judge(found)
    assert judged == judge(None)
    assert (judged.name, reason(judged)) == (None, Reason.REF_NOT_PERMITTED)
    assert "europe" not in str(judged)
    assert "b-packages" not in str(judged)


def test_a_namespace_that_is_unknown_or_not_admitted_gets_nothing() -> None:
    """The labels of the access's own Namespace count."""
    assert judge(view(), namespace=None) == judge(None)
    selecting = view(access_from=AccessFrom(frozenset(), Selector(()), frozenset({Role.WRITER})))
    assert judge(selecting).name == NAME


@pytest.mark.parametrize("roles", [(), (Role.READER,)])
@pytest.mark.parametrize("standing", list(Standing))
def test_lost_consent_removes_in_every_state(standing: Standing, roles: tuple[Role, ...]) -> None:
    """Also while the repository is not usable."""
    assert judge(view(standing, roles), stands=True).name is None


@pytest.mark.parametrize("standing", [each for each in Standing if each is not Standing.USABLE])
def test_without_a_usable_repository_nothing_is_added_and_nothing_removed(standing: Standing) -> None:
    """As for grants."""
    assert judge(view(standing)).name is None
    assert judge(view(standing), stands=True).name == NAME


def test_an_unreadable_consent_removes_nothing() -> None:
    """The owner's intent is unknown."""
    assert judge(view(access_from=None), stands=True).name == NAME


def test_a_missing_object_is_waited_for() -> None:
    """A replacement comes within 30 seconds; whoever does not name it yet waits for nothing."""
    waiting = judge(None, gone=10.0, stands=True)
    assert (waiting.name, waiting.check, waiting.again) == (NAME, None, ABSENCE - 10.0)
    assert judge(None, gone=ABSENCE, stands=True) == judge(None)
    assert judge(None, gone=10.0).name is None


@pytest.mark.parametrize("mode", [Mode.REMOTE, Mode.VIRTUAL])
def test_only_a_standard_repository_takes_uploads(mode: Mode) -> None:
    """With consent the mode may be said."""
    judged = judge(view(mode=mode), stands=True)
    assert (judged.name, reason(judged)) == (None, Reason.NOT_WRITABLE)


def test_the_mode_of_an_unchecked_repository_is_not_believed() -> None:
    """Until this process has seen the repository, its mode is from status."""
    assert judge(view(Standing.UNSEEN, mode=Mode.VIRTUAL), stands=True).name == NAME


FAN_OUTS = [FanOut(("team", "web")), FanOut(("web",)), FanOut((), Selector(())), FanOut(("team",), Selector(()))]


def spread(fan_out: FanOut, target: ObjectKey = TARGET) -> DesiredAccess:
    """The access with Secrets in other namespaces."""
    secret = DesiredSecret("pip", Identity("team", "ci"), fan_out=fan_out, upload=target)
    return replace(ACCESS, secret=secret)


@pytest.mark.parametrize("fan_out", FAN_OUTS)
def test_a_fan_out_names_no_repository_of_another_namespace(fan_out: FanOut) -> None:
    """Consent is for one namespace, and the Secrets are in others; whether the repository exists is not said."""
    judged = judge(view(), spread(fan_out), stands=True)
    assert (judged.name, reason(judged)) == (None, Reason.FAN_OUT_NOT_ALLOWED)
    assert judge(None, spread(fan_out)) == judged


def test_a_fan_out_to_the_own_namespace_alone_is_none() -> None:
    """Nothing of it is shown elsewhere."""
    assert judge(view(), spread(FanOut(("team",)))).name == NAME


@pytest.mark.parametrize("fan_out", FAN_OUTS)
def test_a_fan_out_names_a_repository_of_the_own_namespace(fan_out: FanOut) -> None:
    """Its owner is the one who decides about the access."""
    own = ObjectKey("team", "uploads")
    found = replace(view(), key=own, access_from=AccessFrom())
    assert judge_upload(spread(fan_out, own), TEAM, own, found, 0.0, None).name == NAME


def test_an_absent_repository_of_the_own_namespace_is_called_absent() -> None:
    """The own namespace may know, and which object to create."""
    judged = judge_upload(ACCESS, TEAM, ObjectKey("team", "later"), None, 3600.0, None)
    assert reason(judged) is Reason.REPOSITORY_NOT_FOUND
    assert judged.check is not None
    assert "spec.secret.uploadRepositoryRef: there is no PythonRepository later" in judged.check.message
