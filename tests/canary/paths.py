"""The error paths on which a token must not leak: what answers wrongly, and how."""

from collections.abc import Iterator
from dataclasses import dataclass

from aiohttp import web
from canary.server import Answer, cutting, refusing, replying, when

QUOTED = ("body", "decoded", "header", "cut", "wrapped")
OWNED = 'Apply failed with 1 conflict: conflict with "{}": {}'


@dataclass(frozen=True)
class Path:
    """One error path.

    Attributes:
        name: a short name for the test.
        at: the endpoint that answers wrongly.
        answer: its answer.
        acting: whether the ServiceAccount acts as a Google service account.
    """

    name: str
    at: str
    answer: Answer
    acting: bool = False

    def __str__(self) -> str:
        return f"{self.at}: {self.name}"


def _rejections(at: str, *statuses: int, quoted: tuple[str, ...] = QUOTED) -> Iterator[Path]:
    """Each status, each with another part of the request in the message."""
    for number, status in enumerate(statuses):
        part = quoted[number % len(quoted)]
        yield Path(f"{status} with the {part} in the message", at, refusing(status, part), at == "iam")


def _replies(at: str, *bodies: object, status: int = 200) -> Iterator[Path]:
    for body in bodies:
        yield Path(f"{status} with {str(body)[:40]}", at, replying(status, body), at == "iam")


def conflict(manager: str, field: str) -> Answer:
    """409, with a message that quotes the request, as a bad webhook's could."""

    async def answer(request: web.Request, body: bytes) -> web.StreamResponse | None:
        words = OWNED.format(manager, field)
        causes = [{"reason": "FieldManagerConflict", "field": field, "message": words}]
        return await refusing(409, "body", details={"causes": causes})(request, body)

    return answer


def paths() -> Iterator[Path]:
    """All error paths."""
    yield from _rejections("token", 400, 401, 403, 404, 409, 429, 500)
    yield from _replies("token", {}, {"status": {"token": 5}}, b"<html>", status=201)
    yield Path("cut", "token", cutting(201))
    yield from _rejections("sts", 400, 401, 403, 404, 429, 500, 503)
    yield from _rejections("sts", 400, 403, quoted=("cut", "wrapped"))
    yield from _replies(
        "sts", {}, {"access_token": "a\nKanariCanary"}, {"access_token": ["KanariCanary"]}, b"KanariCanary"
    )
    yield from _replies("sts", {"access_token": "x" * 20000, "expires_in": 3600}, b"[" * 100000)
    yield Path("a redirect", "sts", replying(307, {}, Location="https://127.0.0.1/?KanariCanary"))
    yield Path("cut", "sts", cutting())
    yield from _rejections("iam", 400, 401, 403, 404, 429, 500, 503)
    yield from _rejections("iam", 400, quoted=("header",))
    yield from _replies("iam", {}, {"accessToken": "KanariCanary\r\n"}, b"KanariCanary")
    too_long = when(lambda _, body: b"43200s" in body, refusing(400, "header"))
    yield Path("400 for more than an hour", "iam", too_long, acting=True)
    yield Path("cut", "iam", cutting(), acting=True)
    yield from _rejections("apply", 400, 401, 403, 413, 422, 429, 500, 503)
    yield from _rejections("apply", 403, 403, 403, quoted=("decoded", "body", "wrapped"))
    yield from _rejections("apply", 500, 422, 409, quoted=("body", "decoded", "wrapped"))
    yield Path("409, another type", "apply", conflict("kubectl", ".type"))
    yield Path("409, a person's edit", "apply", conflict("kubectl-edit", ".data.netrc"))
    yield Path("409, a deleted access", "apply", conflict("wheelhouse.0", ".data.netrc"))
    one = when(lambda request, _: request.match_info["namespace"] == "b", refusing(403, "decoded"))
    yield Path("403 in one of the namespaces", "apply", one)
    unforced = when(lambda request, _: request.query["force"] == "false", conflict("kubectl-edit", ".data.netrc"))
    yield Path("409 until it is forced", "apply", unforced)
    yield from _replies("apply", {}, b"KanariCanary", {"metadata": {"uid": ["KanariCanary"]}})
    yield Path("cut", "apply", cutting())
    yield from _rejections("probe", 400, 401, 403, 429, 500, 503, quoted=("header",))
    yield Path("a redirect", "probe", replying(302, {}, Location="https://KanariCanary@127.0.0.1/"))
    yield Path("cut", "probe", cutting())
