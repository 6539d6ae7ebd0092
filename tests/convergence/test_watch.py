"""The watch of ServiceAccounts reaches the true state: any history, interrupted anywhere, with any fault in between."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from types import SimpleNamespace
from unittest.mock import patch

from fakes.api_server import PATH, ApiServer, Fault, answering, breaking, expired, line, saying, silent
from hypothesis import given
from hypothesis import strategies as st

from wheelhouse.clients.kubernetes import lists
from wheelhouse.clients.kubernetes import watch as watch_module
from wheelhouse.clients.kubernetes.watch import MetadataWatch
from wheelhouse.domain.objects import GOOGLE_ACCOUNT_ANNOTATION, ServiceAccount
from wheelhouse.errors import WheelhouseError
from wheelhouse.runtime.accounts import ServiceAccounts

KEYS = ["team-a/wheels", "team-a/default", "team-b/wheels"]
FAULTS: Mapping[str, Fault] = {
    "break": breaking,
    "silence": silent,
    "410": answering(410),
    "403": answering(403),
    "500": answering(500),
    "429": answering(429, **{"Retry-After": "1"}),
    "garbage": saying(b"<html>\n"),
    "half a line": saying(line("ADDED", {})[:20], then="break"),
    "expired": saying(expired()),
    "nothing": saying(),
    "hang": saying(then="hang"),
}
STEPS = st.one_of(
    st.tuples(st.just("put"), st.sampled_from(KEYS), st.sampled_from(["", "a@acme.iam.gserviceaccount.com"])),
    st.tuples(st.just("delete"), st.sampled_from(KEYS)),
    st.tuples(st.just("fault"), st.sampled_from(list(FAULTS))),
    st.tuples(st.sampled_from(["cut", "compact", "bookmark", "wait"])),
)


async def play(server: ApiServer, steps: list[tuple[str, ...]]) -> None:
    for name, *arguments in steps:
        match name:
            case "fault":
                server.faults.append(FAULTS[arguments[0]])
            case "delete" if arguments[0] not in server.accounts:
                pass
            case "wait":
                # Let the watch catch up with the server's events, or not: both are tried.
                for _ in range(20):
                    await asyncio.sleep(0)
            case _:
                getattr(server, name)(*arguments)


async def settles(before: list[tuple[str, ...]], steps: list[tuple[str, ...]]) -> None:
    server, accounts = ApiServer(), ServiceAccounts()
    told: dict[str, str | None] = {}

    def changed(namespace: str, name: str) -> None:
        told[f"{namespace}/{name}"] = accounts.google_account(namespace, name)
        server.signal.set()

    def truth() -> dict[str, str | None]:
        known = {key: server.accounts[key]["annotations"] for key in KEYS if key in server.accounts}
        return {key: known[key].get(GOOGLE_ACCOUNT_ANNOTATION, "") if key in known else None for key in KEYS}

    accounts.changed = changed
    async with server.serve(patience=0.05) as transport:
        watch = MetadataWatch(transport, PATH, "serviceaccounts", ServiceAccount.parse, accounts)
        await play(server, before)
        while accounts.exists("team-a", "wheels") is None:
            with suppress(WheelhouseError):
                await watch.list()
        told |= {key: accounts.google_account(*key.split("/")) for key in KEYS}
        task = asyncio.create_task(watch.run())
        await play(server, steps)
        await server.signal.until(lambda: task.done() or told == truth())
        assert not task.done()
        assert {key: accounts.google_account(*key.split("/")) for key in KEYS} == told
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@given(st.lists(STEPS, max_size=6), st.lists(STEPS, max_size=16))
def test_it_settles_on_the_truth(before: list[tuple[str, ...]], steps: list[tuple[str, ...]]) -> None:
    """Nothing is missed or invented, and each difference was reported, without waiting for the next periodic list."""

    async def pause(_: float) -> None:
        await asyncio.sleep(0)

    with (
        patch.object(watch_module, "asyncio", SimpleNamespace(sleep=pause)),
        patch.object(watch_module, "IDLE_SECONDS", 0.05),
        patch.object(lists, "PAGE", 2),
    ):
        asyncio.run(settles(before, steps))
