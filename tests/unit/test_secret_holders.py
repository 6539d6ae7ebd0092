"""Which access owns a Secret: a fresh list decides, and a tenant's forgery does not."""

import pytest
from fakes.world import Fakes

from wheelhouse.domain.keys import SecretKey
from wheelhouse.domain.names import ObjectKey
from wheelhouse.domain.objects import CustomObject, Kind
from wheelhouse.errors import Unavailable
from wheelhouse.reconcile.findings import Findings
from wheelhouse.reconcile.interests import SecretTopic
from wheelhouse.reconcile.policy.claims import Claims
from wheelhouse.reconcile.secret.content import Contents
from wheelhouse.reconcile.secret.holders import Holders
from wheelhouse.reconcile.secret.targets import Targets

PLACE = SecretTopic("team", "pip")


def holders(fakes: Fakes) -> Holders:
    world, findings = fakes.world, Findings()
    claims = Claims(world, findings)
    return Holders(world, findings, claims, Contents(world, findings, claims), Targets())


def access(fakes: Fakes, namespace: str, name: str, secret: str | None) -> CustomObject:
    """An existing access, whatever the cache knows about it."""
    spec = {"repositoryRef": {"name": "wheels"}, "subjects": [{"kind": "ServiceAccount", "name": "pull"}]}
    wanted = {} if secret is None else {"secret": {"name": secret}}
    return fakes.cluster.put(Kind.ACCESS, ObjectKey(namespace, name), spec | wanted)


def manager(stored: CustomObject) -> str:
    return f"wheelhouse.{stored.uid}"


async def test_an_access_that_the_cache_has_not_seen_lives() -> None:
    """The fresh list has it, so its Secret is not taken over."""
    fakes = Fakes()
    other = access(fakes, "team", "other", "pip")
    assert await holders(fakes).living([manager(other)], PLACE) == {manager(other): other.key}


async def test_a_deleted_access_does_not_live() -> None:
    """Its Secret may be taken over."""
    assert await holders(Fakes()).living(["wheelhouse.00000000-0000-4000-8000-000000000099"], PLACE) == {}


async def test_an_access_elsewhere_has_no_secret_here() -> None:
    """A tenant wrote its manager's name: it is not returned, and owns nothing."""
    fakes = Fakes()
    other = access(fakes, "elsewhere", "other", "pip")
    fakes.cache.store(Kind.ACCESS, other)
    assert await holders(fakes).living([manager(other)], PLACE) == {}


@pytest.mark.parametrize("secret", [None, "another"])
async def test_an_access_that_wants_another_secret_has_not_this_one(secret: str | None) -> None:
    """Even in the same namespace a manager's name alone proves nothing."""
    fakes = Fakes()
    other = access(fakes, "team", "other", secret)
    fakes.cache.store(Kind.ACCESS, other)
    assert await holders(fakes).living([manager(other)], PLACE) == {}


async def test_no_list_is_asked_for_without_need() -> None:
    """No manager, or an access that is known to want this place: no request."""
    fakes = Fakes()
    other = access(fakes, "team", "other", "pip")
    fakes.cache.store(Kind.ACCESS, other)
    fakes.world.interests.follow(SecretKey(other.key, "team"), [PLACE])
    assert await holders(fakes).living([], PLACE) == {}
    assert await holders(fakes).living([manager(other)], PLACE) == {manager(other): other.key}
    assert fakes.calls.count()["objects.access_uids"] == 0


async def test_a_list_that_fails_decides_nothing() -> None:
    """While the accesses cannot be listed, no Secret is taken over."""
    fakes = Fakes()

    def before(_call: object) -> None:
        raise Unavailable("503")

    fakes.calls.before = before
    with pytest.raises(Unavailable):
        await holders(fakes).living(["wheelhouse.00000000-0000-4000-8000-000000000099"], PLACE)
