"""Notices of the real program, to a real receiver that misbehaves, through stops and kills."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

SHIPPED = (Path(__file__).parents[2] / "agent.toml").read_text()
FIRST = datetime.fromisoformat("2026-11-23T10:00:00+05:30")


@dataclass
class Hook:
    """A receiver of webhooks on a socket of its own; `answer` is the status of its answers.

    `None` leaves the sender without one. `got` has each request's id, type and body.
    """

    answer: int | None = 200
    got: list[tuple[str, str, bytes]] = field(default_factory=list)
    port: int = 0
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
            headers = dict(line.split(": ", 1) for line in head[1:] if line)
            body = await reader.readexactly(int(headers["content-length"]))
            async with self._changed:
                self.got.append((headers["webhook-id"], json.loads(body)["type"], body))
                self._changed.notify_all()
            if self.answer is not None:
                status = f"HTTP/1.1 {self.answer} As told\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                writer.write(status.encode())
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def until(self, holds: Callable[[list[tuple[str, str, bytes]]], bool]) -> None:
        async with asyncio.timeout(60), self._changed:
            await self._changed.wait_for(lambda: holds(self.got))


class Runs:
    """One desk in several runs, each ten minutes after the one before."""

    def __init__(self, open_desk: Any, folder: Path, hook: Hook) -> None:
        self._open_desk = open_desk
        self.folder = folder / "desk"
        self.folder.mkdir()
        self._count = 0
        notifier = (
            f'[notifiers.hook]\nkind = "webhook"\nallow_private = true\nurl = "http://127.0.0.1:{hook.port}/"'
        )
        (self.folder / "agent.toml").write_text(f"{SHIPPED}\n{notifier}\n")

    async def next(self) -> Any:
        at = FIRST + timedelta(minutes=10 * self._count)
        self._count += 1
        return await self._open_desk(at.isoformat(), data=self.folder)


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    one = Hook()
    server = await asyncio.start_server(one.serve, "127.0.0.1", 0)
    one.port = server.sockets[0].getsockname()[1]
    async with server:
        yield one
        server.close()


@pytest.fixture
def runs(open_desk, tmp_path, hook) -> Runs:
    return Runs(open_desk, tmp_path, hook)


async def notices(desk: Any, holds: Callable[[list[Any]], bool]) -> list[Any]:
    """The listed notices once they hold; a row is written a moment after the receiver has it."""
    async with asyncio.timeout(30):
        while True:
            listed = (await desk.get("/api/system/notices"))["notices"]
            if holds(listed):
                return listed


async def test_a_problem_and_its_end_are_listed_with_receipts(runs, hook) -> None:
    desk = await runs.next()
    await hook.until(lambda got: len(got) == 1)
    await desk.login()
    await hook.until(lambda got: [kind for _, kind, _ in got] == ["problem", "recovery"])
    recovery, problem = await notices(
        desk, lambda listed: [one["state"] for one in listed] == ["delivered", "delivered"]
    )
    assert (problem["type"], problem["reason"], problem["code"]) == ("problem", "FIRST", "AUTH_REQUIRED")
    assert (problem["receipt"], problem["attempts"], problem["error"]) == ("200", 1, None)
    assert problem["incident"] is not None
    assert problem["incident"] == recovery["incident"]
    assert [problem["notice"], recovery["notice"]] == [id_ for id_, _, _ in hook.got]
    whole = await desk.get(f"/api/system/incidents/{problem['incident']}")
    assert [(one["notice"], one["receipt"]) for one in whole["notices"]] == [
        (problem["notice"], "200"), (recovery["notice"], "200"),
    ]  # fmt: skip
    page = await desk.get("/api/system/notices?limit=1")
    rest = await desk.get(f"/api/system/notices?limit=5&before={page['next_before']}")
    assert [one["notice"] for one in (*page["notices"], *rest["notices"])] == [
        recovery["notice"], problem["notice"],
    ]  # fmt: skip
    for bad in ("limit=0", "limit=x", "before=-", "state=lost"):
        assert (await desk.get(f"/api/system/notices?{bad}"))["status"] == 400


async def test_what_a_killed_run_could_not_deliver_the_next_one_does_with_the_same_id_and_body(
    runs, hook
) -> None:
    hook.answer = None
    desk = await runs.next()
    await hook.until(lambda got: len(got) >= 1)
    desk.program.kill()
    await desk.program.ended()
    tried = len(hook.got)
    hook.answer = 200

    desk = await runs.next()
    await hook.until(lambda got: len(got) > tried)
    await desk.login()
    await hook.until(lambda got: got[-1][1] == "recovery")
    bodies = {body for _, kind, body in hook.got if kind == "problem"}
    assert (len({id_ for id_, kind, _ in hook.got if kind == "problem"}), len(bodies)) == (1, 1)
    assert await desk.program.stop() == 0


async def test_a_stop_with_a_notice_under_way_is_orderly_and_loses_nothing(runs, hook) -> None:
    desk = await runs.next()
    await hook.until(lambda got: len(got) == 1)
    hook.answer = 503
    await desk.login()
    await hook.until(lambda got: len(got) == 2)
    assert await desk.program.stop() == 0
    hook.answer = 200
    tried = len(hook.got)
    await runs.next()
    await hook.until(lambda got: len(got) > tried)
    assert {id_ for id_, kind, _ in hook.got[1:]} == {hook.got[1][0]}
    assert hook.got[-1][1] == "recovery"


async def test_a_dead_notice_is_kept_shown_and_sent_again_by_whoever_may(runs, hook) -> None:
    hook.answer = 410
    desk = await runs.next()
    [dead] = await notices(desk, lambda listed: [one["state"] for one in listed] == ["dead"])
    assert "410" in dead["error"]
    path = f"/api/system/notices/{dead['id']}/retry"
    status, refused = await desk.post(path)
    assert (status, "control" in refused["detail"]) == (401, True)
    await desk.open_page()
    hook.answer = 200
    status, revived = await desk.post(path)
    assert (status, revived["state"], revived["notice"]) == (200, "pending", dead["notice"])
    listed = await notices(desk, lambda listed: "delivered" in [one["state"] for one in listed])
    again = next(one for one in listed if one["id"] == dead["id"])
    assert (again["state"], again["attempts"]) == ("delivered", 2)
    assert (await desk.post(path))[0] == 409
    assert (await desk.post("/api/system/notices/none/retry"))[0] == 404


async def test_a_notifier_is_tried_by_its_name_with_and_without_an_agent(runs, hook, start) -> None:
    desk = await runs.next()
    await hook.until(lambda got: len(got) == 1)
    config = ("-c", str(runs.folder / "agent.toml"))

    async def said(*arguments: str) -> tuple[int, str]:
        program = await start("notify", *arguments, *config)
        code = await program.ended()
        return code, "".join(program.output)

    assert await said("hook", "--url", desk.url) == (0, "hook: delivered: 200\n")
    assert (await desk.get("/api/system/notices?limit=1"))["notices"][0]["type"] == "test"
    code, text = await said("hoook", "--url", desk.url)
    assert (code, "It has: hook" in text) == (2, True)
    assert await said("hook", "--direct") == (0, "hook: delivered: 200\n")
    hook.answer = 500
    code, text = await said("hook", "--direct", "--json")
    assert (code, json.loads(text)[0]["error"]) == (1, "the receiver answered 500 Internal Server Error")
    assert [kind for _, kind, _ in hook.got] == ["problem", "test", "test", "test"]
