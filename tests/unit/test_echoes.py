"""Rejections that quote what was sent: no part of it is shown, and the rest stays readable."""

import base64

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wheelhouse.clients.echoes import SHORTEST, TEXT_LIMIT, masked, without_data

TOKEN = "ya29.c.b0Aaekm1KXyz-_0123456789"
NETRC = f"machine us-central1-python.pkg.dev login oauth2accesstoken password {TOKEN}\n"
ENCODED = base64.b64encode(NETRC.encode()).decode()
SENT = {"kind": "Secret", "data": {"netrc": ENCODED}}


@pytest.mark.parametrize("quoted", [TOKEN, TOKEN[:20], TOKEN[9:], NETRC, ENCODED, ENCODED[13:60], f"{ENCODED}\n" * 3])
def test_a_denial_shows_no_part_of_the_secret(quoted: str) -> None:
    """The message, and the fields of causes, keep everything else."""
    message = f'admission webhook "a.example.com" denied the request: {quoted}'
    causes = [{"reason": "FieldManagerConflict", "field": f"data[{quoted}]", "message": message}]
    found = without_data({"kind": "Status", "message": message, "details": {"causes": causes}}, SENT)
    assert found["message"].startswith('admission webhook "a.example.com" denied the request:')
    assert "***" in found["message"]
    (cause,) = found["details"]["causes"]
    assert (cause["reason"], cause["field"][:8]) == ("FieldManagerConflict", "data[***")
    for text in (found["message"], cause["field"], cause["message"]):
        parts = [text[start : start + SHORTEST] for start in range(len(text) - SHORTEST + 1)]
        assert not any(part in NETRC or part in ENCODED for part in parts)


@given(st.text("ab", min_size=24, max_size=60), st.text("abc", max_size=80))
@example("ab" * 20, "x" + "ab" * 6)
def test_no_run_of_twelve_characters_remains(secret: str, text: str) -> None:
    """For any text and any secret, also if both repeat; a text without such a run is unchanged."""
    runs = {secret[start : start + SHORTEST] for start in range(len(secret) - SHORTEST + 1)}
    found = masked(text, secret)
    assert not any(run in found for run in runs)
    assert any(run in text for run in runs) or found == text


def test_a_long_text_is_cut_before_a_part_of_a_token() -> None:
    """The end of what is checked may be the beginning of a token."""
    for position in range(TEXT_LIMIT - 2 * SHORTEST, TEXT_LIMIT + 1):
        found = masked("-" * position + TOKEN * 10, TOKEN)
        assert "ya29" not in found


def test_other_replies_stay_as_they_are() -> None:
    """Without data in the request, and with a reply of any form."""
    reply = {"message": NETRC, "details": []}
    assert without_data(reply, None) is reply
    assert without_data(reply, {"data": None}) is reply
    assert without_data({"details": {"causes": 5}}, SENT) == {"details": {"causes": []}}
    assert without_data({"message": 5}, SENT) == {"message": "5"}


def test_the_manager_of_a_conflict_is_not_masked() -> None:
    """Whose Secret it is depends on the manager's uid, and a repository can have a part of it as its name."""
    uid = "3f2b1c9d-0000-4000-8000-123456789abc"
    sent = {"data": {"index-url": base64.b64encode(f"https://x/{uid[9:]}/simple/ {uid}".encode()).decode()}}
    message = f'conflict with "wheelhouse.{uid}" using v1: {uid}'
    cause = {"reason": "FieldManagerConflict", "field": ".data.index-url", "message": message}
    rows = without_data({"details": {"causes": [cause, {**cause, "reason": "Other"}]}}, sent)["details"]["causes"]
    assert rows[0]["message"] == f'conflict with "wheelhouse.{uid}" using v1:***'
    assert uid not in rows[1]["message"]
