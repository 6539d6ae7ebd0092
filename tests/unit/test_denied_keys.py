"""The start-up test of keys: only a denial of a single key counts, and never one of every Secret."""

import pytest

from wheelhouse.clients.kubernetes.denied_keys import denied_keys
from wheelhouse.clients.kubernetes.transport import Call, Reply, Transport
from wheelhouse.domain.configuration.files import KEYS, denied_formats
from wheelhouse.domain.configuration.form import Format

ALL = {key for names in KEYS.values() for key in names}
DENIED = "ValidatingAdmissionPolicy 'wheelhouse-secrets' denied request: Wheelhouse may write only the keys index-url."
CLOSED = "ValidatingAdmissionPolicy 'wheelhouse-secrets' denied request: This namespace has not opted in."


class Policy(Transport):
    """An API server whose policy denies some keys, and then every Secret of this namespace."""

    def __init__(self, denied: set[str], otherwise: str = CLOSED) -> None:
        self._denied = denied
        self._otherwise = otherwise
        self.asked: list[Call] = []

    async def send(self, call: Call) -> Reply:
        """The denial, or the Secret."""
        self.asked.append(call)
        assert call.params == {"dryRun": "All"}
        assert call.body is not None
        message = DENIED if self._denied & set(call.body["data"]) else self._otherwise
        return Reply(403, {"message": message}) if message else Reply(201, {})


@pytest.mark.parametrize("otherwise", [CLOSED, ""])
async def test_one_request_if_nothing_is_denied(otherwise: str) -> None:
    """Whether or not the namespace has opted in."""
    policy = Policy(set(), otherwise)
    assert await denied_keys(policy, "wheelhouse-system", "index-url", ALL) == frozenset()
    assert len(policy.asked) == 1


@pytest.mark.parametrize("otherwise", [CLOSED, ""])
async def test_the_denied_keys_are_found(otherwise: str) -> None:
    """And with them the formats that are left out."""
    found = await denied_keys(Policy({"token", "netrc"}, otherwise), "wheelhouse-system", "index-url", ALL)
    assert found == {"token", "netrc"}
    assert denied_formats(found) == {Format.TOKEN, Format.NETRC}


@pytest.mark.parametrize("policy", [Policy({"index-url"}), Policy(set(), "another policy denied it")])
async def test_a_denial_of_every_secret_says_nothing_about_keys(policy: Policy) -> None:
    """Another policy may deny Secrets in the operator's namespace: no format is left out for it."""
    assert await denied_keys(policy, "wheelhouse-system", "index-url", ALL) == frozenset()
