"""An incident's thread in Slack, told by the real program to a stand-in for slack.com, through a kill."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web
from slack_sdk.models.blocks import Block

SHIPPED = (Path(__file__).parents[2] / "agent.toml").read_text()
NOTIFIER = """
[notifiers.desk]
kind = "slack"
bot_token = "xoxb-stand-in"
channel = "#desk"
api_url = "http://127.0.0.1:{port}/api"
allow_private = true
"""


@dataclass
class Slack:
    """A channel as Slack keeps it: messages by `ts`, each with its thread; edits change them."""

    texts: dict[str, str] = field(default_factory=dict)
    threads: dict[str, str | None] = field(default_factory=dict)
    edits: list[str] = field(default_factory=list)
    port: int = 0
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def post(self, request: web.Request) -> web.Response:
        said = await self._read(request)
        thread = said.get("thread_ts")
        if said["channel"] not in ("#desk", "C0DESK") or (thread and thread not in self.texts):
            return web.json_response({"ok": False, "error": "channel_not_found"})
        ts = f"1764000000.{len(self.texts):06}"
        await self._put(ts, said["text"])
        self.threads[ts] = thread
        return web.json_response({"ok": True, "channel": "C0DESK", "ts": ts})

    async def update(self, request: web.Request) -> web.Response:
        said = await self._read(request)
        if said["channel"] != "C0DESK" or said["ts"] not in self.texts:
            return web.json_response({"ok": False, "error": "message_not_found"})
        self.edits.append(said["ts"])
        await self._put(said["ts"], said["text"])
        return web.json_response({"ok": True, "channel": "C0DESK", "ts": said["ts"], "text": said["text"]})

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(60), self._changed:
            await self._changed.wait_for(holds)

    async def _read(self, request: web.Request) -> dict:
        assert request.headers["Authorization"] == "Bearer xoxb-stand-in"
        said = await request.json()
        for block in said["blocks"]:
            Block.parse(block).validate_json()
        return said

    async def _put(self, ts: str, text: str) -> None:
        async with self._changed:
            self.texts[ts] = text
            self._changed.notify_all()


@pytest.fixture
async def slack() -> AsyncIterator[Slack]:
    one = Slack()
    app = web.Application()
    app.router.add_post("/api/chat.postMessage", one.post)
    app.router.add_post("/api/chat.update", one.update)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    one.port = runner.addresses[0][1]
    yield one
    await runner.cleanup()


async def test_a_recovery_after_a_kill_is_told_in_the_threads_first_message_and_in_the_thread(
    slack, open_desk, tmp_path
) -> None:
    folder = tmp_path / "desk"
    folder.mkdir()
    (folder / "agent.toml").write_text(SHIPPED + NOTIFIER.format(port=slack.port))

    desk = await open_desk("2026-11-23T10:00:00+05:30", data=folder)
    await slack.until(lambda: len(slack.texts) == 1)
    [(first, alarm)] = slack.texts.items()
    assert "AUTH_REQUIRED (critical)" in alarm
    async with asyncio.timeout(30):
        while (await desk.get("/api/system/notices"))["notices"][0]["state"] != "delivered":
            pass
    desk.program.kill()
    await desk.program.ended()

    desk = await open_desk("2026-11-23T10:10:00+05:30", data=folder)
    await desk.login()
    await slack.until(lambda: bool(slack.edits))
    [reply] = [ts for ts in slack.texts if ts != first]
    assert slack.threads == {first: None, reply: first}
    assert slack.edits == [first]
    assert slack.texts[first] == slack.texts[reply]
    assert slack.texts[reply].startswith("RECOVERED: AUTH_REQUIRED is over")
    assert await desk.program.stop() == 0


async def test_a_template_that_fails_costs_no_notice_and_is_said_in_receipt_log_and_document(
    slack, open_desk, tmp_path
) -> None:
    folder = tmp_path / "desk"
    folder.mkdir()
    own_words = 'template = "{{ machines[99].name }}"\n'
    (folder / "agent.toml").write_text(SHIPPED + NOTIFIER.format(port=slack.port) + own_words)
    desk = await open_desk("2026-11-23T10:00:00+05:30", data=folder)
    await slack.until(lambda: len(slack.texts) == 1)
    assert "AUTH_REQUIRED (critical)" in next(iter(slack.texts.values()))
    document = await desk.until(lambda one: one["machines"]["agent"]["state"] == "DEGRADED")
    assert document["machines"]["agent"]["reason"] == "NOTIFIER_IMPAIRED"
    assert "notifier desk: told in the built-in words" in document["machines"]["agent"]["message"]
    assert document["code"] == "AUTH_REQUIRED"
    async with asyncio.timeout(30):
        while not (notice := (await desk.get("/api/system/notices"))["notices"][0])["receipt"]:
            pass
    assert "because the template failed: line 1" in notice["receipt"]
    await desk.program.says("notifier desk: told in the built-in words")
