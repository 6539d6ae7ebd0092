"""Where an access wants its Secrets."""

import pytest

from wheelhouse.domain.access import DesiredAccess, DesiredSecret, FanOut
from wheelhouse.domain.iam import Identity, Role
from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.objects import OPT_IN_LABEL, OPT_IN_VALUE, Namespace, Requirement, Selector
from wheelhouse.domain.reasons import Reason
from wheelhouse.plan.places import LIMIT, Places, may_fan_out, places

APPS = Selector((Requirement("tier", "In", ("app",)),))
OPTED_IN = {OPT_IN_LABEL: OPT_IN_VALUE}
CLUSTER = {
    "owners": Namespace("owners", OPTED_IN),
    "team": Namespace("team", OPTED_IN),
    "closed": Namespace("closed"),
    "ends": Namespace("ends", OPTED_IN, deleting=True),
}


def access(fan_out: FanOut | None, namespace: str = "owners", *, partial: bool = False) -> DesiredAccess:
    secret = None if partial else DesiredSecret("pip", Identity(namespace, "pull"), fan_out=fan_out)
    key, wheels = ObjectKey(namespace, "one"), ObjectKey("owners", "wheels")
    return DesiredAccess(key, wheels, Role.READER, (), secret, partial=partial)


def found(
    wish: DesiredAccess | None,
    *selected: str,
    ledger: tuple[str, ...] = (),
    paused: bool = False,
) -> Places:
    return places(wish, ledger, lambda _selector: selected, CLUSTER.get, paused=paused)


def test_the_own_namespace_is_the_default() -> None:
    """Also before it has opted in: the access reports that itself."""
    assert found(access(None)).names == ("owners",)
    assert found(access(None, "closed")) == Places(("closed",))


def test_no_secret_has_no_place() -> None:
    """A spec that cannot be read, or that requests no Secret, wants none anywhere."""
    assert found(None) == Places()
    bare = DesiredAccess(ObjectKey("owners", "one"), ObjectKey("owners", "wheels"), Role.READER, (), None)
    assert found(bare).names == ()


def test_names_and_selected_are_a_union() -> None:
    """Each namespace is there once, sorted; names that cannot get a Secret are counted as missing."""
    wish = access(FanOut(("team", "closed", "absent", "ends"), APPS))
    where = found(wish, "apps", "team")
    assert where.names == ("apps", "team")
    assert where.members == {"apps", "team"}
    assert where.missing == ("absent", "closed")
    assert where.wanted == 4
    assert where.refused is None


@pytest.mark.parametrize(
    ("fan_out", "names", "refused"),
    [
        (FanOut(("team",)), ("team",), False),
        (FanOut(("team", "owners")), ("team",), True),
        (FanOut(("owners",)), (), True),
        (FanOut((), APPS), (), True),
        (FanOut(("team",), APPS), ("team",), True),
    ],
)
def test_other_namespaces_need_the_repositorys(fan_out: FanOut, names: tuple[str, ...], refused: bool) -> None:
    """In another namespace than the repository's, a selector is refused even if it would match only that one."""
    wish = access(fan_out, "team")
    assert not may_fan_out(wish)
    where = found(wish, "team", "owners")
    assert where.names == names
    assert (where.refused is not None and where.refused.reason is Reason.FAN_OUT_NOT_ALLOWED) is refused


def test_the_limit() -> None:
    """5,000 namespaces are fine. Over that, only Secrets that exist stay, and none is added."""
    many = tuple(f"n{number:04d}" for number in range(LIMIT + 1))
    wish = access(FanOut((), APPS))
    assert len(found(wish, *many[:-1]).names) == LIMIT
    assert found(wish, *many[:-1]).refused is None
    over = found(wish, *many, ledger=("n0003", "n0001", "gone"))
    assert over.names == ("n0001", "n0003")
    assert over.refused is not None
    assert over.refused.reason is Reason.TOO_MANY_NAMESPACES
    assert "5001" in over.refused.message


def test_nothing_selected_is_said() -> None:
    """The finding passes, and is there only if nothing is missing or refused."""
    empty = found(access(FanOut((), APPS))).empty
    assert empty is not None
    assert empty.ok
    assert found(access(FanOut(("closed",), APPS))).empty is None
    assert found(access(FanOut((), APPS), "team")).empty is None
    assert found(access(FanOut((), APPS)), "team").empty is None


@pytest.mark.parametrize("partial", [False, True])
def test_a_paused_access_keeps_its_places(partial: bool) -> None:
    """The ledger says where its Secrets are, but other namespaces only for an access that may have them there."""
    fan_out = FanOut((), APPS)
    assert found(access(fan_out, partial=partial), "new", ledger=("a", "b"), paused=True).names == ("a", "b")
    forged = found(access(fan_out, "team", partial=partial), ledger=("a", "team"), paused=True)
    assert forged.names == ("team",)


def test_a_paused_access_without_a_secret_has_the_places_of_its_spec() -> None:
    """Its findings are about them; nothing is written while it is paused."""
    assert found(access(FanOut((), APPS)), "a", paused=True).names == ("a",)
