"""No string breaks the domain: for an unreadable one there is a value, and never an unexpected error."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wheelhouse.domain import names, token, urls
from wheelhouse.domain.cleanup import duration
from wheelhouse.domain.configuration.reserved import index_name
from wheelhouse.domain.iam import Grant, Identity, WorkloadIdentity
from wheelhouse.domain.modes import Credentials, Mode, Remote
from wheelhouse.domain.names import ObjectKey, RepositoryName, is_registry_url
from wheelhouse.domain.objects import Namespace, Requirement
from wheelhouse.domain.repository import Ownership, digest_of

ANYTHING = st.text(st.characters()) | st.text("htps:/[]@#?%.-pkgdev0123456789\\ \n", max_size=30)
"""Lone surrogates too: JSON can contain them, and Python reads them."""
MALFORMED = [
    "https://[x/",
    "https://[::1/",
    "https://]/",
    "https://[::1]x/",
    "https://\u2100.example/",
    "https://a\u2488com/",
    "//[",
]
"""What urllib.parse rejects or misreads: brackets, and hosts that differ after normalization."""

READERS: list[Callable[[str], Any]] = [
    names.is_project,
    names.is_location,
    names.is_repository_id,
    names.is_dns_label,
    names.is_dns_subdomain,
    names.is_email,
    names.is_google_service_account,
    names.is_label_key,
    names.is_label_value,
    names.is_our_label,
    names.is_registry_url,
    RepositoryName.parse,
    RepositoryName.of_url,
    token.is_access_token,
    index_name,
    Mode.of,
    lambda text: urls.gets_token(text, text),
    lambda text: urls.index_urls(RepositoryName(text, text, text), text),
    lambda text: Grant(text, text).identity,
    lambda text: Credentials(text, text).secret,
    lambda text: Remote(text).same_source(Remote(text + "/")),
    lambda text: digest_of(ObjectKey(text, text)),
    lambda text: Ownership.of(text, ObjectKey(text, text)).labels,
    lambda text: WorkloadIdentity(text, text, gke=bool(text)).member(Identity(text, text)),
    lambda text: Requirement(text, text, (text,)).matches({text: text}),
    lambda text: Namespace.parse({"metadata": {"name": "a", "annotations": {"wheelhouse.dev/projects": text}}}),
]


@settings(max_examples=50)
@given(text=ANYTHING)
@pytest.mark.parametrize("read", READERS)
def test_nothing_raises(read: Callable[[str], Any], text: str) -> None:
    """Every function of the domain returns for any string."""
    read(text)
    for malformed in MALFORMED:
        read(malformed)


@pytest.mark.parametrize("url", MALFORMED)
def test_a_malformed_url_names_no_repository_and_is_not_used(url: str) -> None:
    """None for the repository, and unknown for its host, so it is not used without consent."""
    assert RepositoryName.of_url(url) is None
    assert is_registry_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "pkg.dev/a/b",
        "https:///a/b",
        "https://us-python.pkg.dev./acme-packages/wheels/",
        "https://us-python.pkg\u3002dev/acme-packages/wheels/",
        "https://us-python.p\u212ag.dev/acme-packages/wheels/",
        "https://us-python.pkg%2edev/acme-packages/wheels/",
        "https://us-python.pkg\n.dev/acme-packages/wheels/",
        "http://us-python.pkg.dev/acme-packages/wheels/",
        "https://x@us-python.pkg.dev/acme-packages/wheels/",
        "https://us-python.pkg.dev:8443/acme-packages/wheels/",
        "https://us-python.pkg.dev/acme-packages/wheels/?x",
        "https://us-python.pkg.dev/acme-packages/wheels/#x",
        "https://us-python.pkg.dev/acme-packages/wheels/\n",
        "https://us-python.pkg.dev/acme-packages/wheels/SIMPLE/",
    ],
)
def test_an_unreadable_host_may_be_googles(url: str) -> None:
    """Such URLs name no repository that could consent, and they do not count as a public index."""
    assert RepositoryName.of_url(url) is None
    assert is_registry_url(url)


@given(text=ANYTHING)
@example("")
@example("d")
@example("30")
@example("\u0663d")
@example("1e3d")
@example("1_0d")
@example(" 1d")
def test_a_duration_is_seconds_or_a_value_error(text: str) -> None:
    """No other error, and no number for an invalid duration: an age of 0 would select every version."""
    try:
        seconds = duration(text)
    except ValueError:
        assert not names.matches(names.AGE, text, names.AGE_LENGTH)
    else:
        assert seconds >= 0
