"""The configuration is edited while the real program runs: what differs begins anew, and nothing else."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

DEADLINE_S = 30.0

RULE = """
[[rule]]
id = "mine"
code = "MINE"
when = { feed = ["CONNECTED"] }
severity = "info"
message = "{text}"
"""
SESSION = '[[rule]]\nid = "session-live"'


class Edited:
    """A desk and its configuration."""

    def __init__(self, desk: Any) -> None:
        self.desk = desk
        self.path: Path = desk.folder / "agent.toml"

    def edit(self, before: str, after: str) -> int:
        """Replace a text; returns the line where that was."""
        text = self.path.read_text()
        assert before in text
        self.path.write_text(text.replace(before, after, 1))
        return text[: text.index(before)].count("\n") + 1

    def ask(self) -> None:
        self.desk.program.process.send_signal(signal.SIGHUP)

    async def problem(self, rule: str, message: str = "") -> Any:
        def holds(document: Any) -> bool:
            return any(p["rule"] == rule and message in p["message"] for p in document["problems"])

        return await self.desk.until(holds)

    async def recorded(self, after: str) -> Any:
        return await self.desk.recorded("agent.toml", after)

    async def taken_up(self) -> Any:
        """Have the files read now; returns what the history says of that."""
        before = len(await self._read())
        self.ask()
        async with asyncio.timeout(DEADLINE_S):
            while len(rows := await self._read()) == before:
                pass
        return rows[0]

    async def refused(self) -> Any:
        """Have the files read now, which are bad; returns the document."""
        assert (await self.taken_up())["after"] == "REFUSED"
        return await self.desk.get()

    async def _read(self) -> list[Any]:
        rows = await self.desk.history()
        return [row for row in rows if (row["subject"], row["reason"]) == ("configuration", "SIGNAL")]

    async def feed(self) -> tuple[list[int], int]:
        """The broker's open connections by their numbers, and how often there was a handshake."""
        state = await self.desk.sim_state()
        return [one["id"] for one in state["connections"]], sum(state["handshakes"].values())

    async def since(self) -> dict[str, str]:
        """Since when each machine is in its state."""
        return {name: one["since"] for name, one in (await self.desk.get())["machines"].items()}


@pytest.fixture
async def edited(open_desk: Callable[..., Any]) -> Edited:
    desk = await open_desk()
    await desk.login()
    await desk.live()
    return Edited(desk)


async def test_a_rule_is_edited_and_the_feed_is_not_disturbed(edited: Edited) -> None:
    since, feed = await edited.since(), await edited.feed()
    edited.edit(SESSION, RULE.replace("{text}", "first") + SESSION)
    document = await edited.problem("mine", "first")
    [held] = [p for p in document["problems"] if p["rule"] == "mine"]
    assert document["code"] == "MINE"
    edited.edit('message = "first"', 'message = "second"')
    assert (await edited.taken_up())["message"] == "rule changed"
    [again] = [p for p in (await edited.desk.get())["problems"] if p["rule"] == "mine"]
    assert (again["message"], again["since"]) == ("second", held["since"]), "the problem has kept its age"
    edited.edit(RULE.replace("{text}", "second"), "")
    edited.edit('stale_after = "10s"\nevery = "10s"', 'stale_after = "10s"\nevery = "7s"\ntimeout = "3s"')
    row = await edited.taken_up()
    assert row["message"] == "machine feed adjusted; rule changed"
    await edited.desk.live()
    assert await edited.feed() == feed, "the feed's connection is the same one, and there was no other"
    assert await edited.since() == since


async def test_a_bad_file_leaves_the_old_one_in_force_and_says_where_it_is_bad(edited: Edited) -> None:
    feed = await edited.feed()
    line = edited.edit('when = { feed = ["STALE"]', 'when = { feed = ["STAEL"]')
    document = await edited.problem("agent-degraded", f"agent.toml:{line}: rule[2].when.feed: ")
    agent = document["machines"]["agent"]
    assert (agent["state"], agent["reason"]) == ("DEGRADED", "CONFIGURATION")
    assert "did you mean `STALE`?" in agent["message"]
    assert (await edited.recorded("REFUSED"))["reason"] == "CHANGE"
    edited.edit('"EXPIRED"', '"EXPIERD"')
    assert "(and 1 more" in (await edited.refused())["machines"]["agent"]["message"]
    edited.edit("STAEL", "STALE")
    edited.edit("EXPIERD", "EXPIRED")
    edited.edit('"kite-feed"', '"kite-feed"\nrate_limit_pause = "20s"\nurl = "wss://127.0.0.1:1"')
    assert (await edited.taken_up())["after"] == "TAKEN_UP"
    document = await edited.desk.live()
    assert document["machines"]["agent"]["state"] == "WELL"
    ids, handshakes = await edited.feed()
    assert ids != feed[0], "the feed itself has changed, so it was begun anew"
    assert handshakes == feed[1] + 1


async def test_a_notifier_comes_and_another_address_gets_what_waited_for_the_former(
    edited: Edited, receiver: tuple[str, asyncio.Queue[Any]]
) -> None:
    url, arrived = receiver
    desk = edited.desk
    more = desk.folder / "agent.d" / "hook.toml"
    more.parent.mkdir()
    more.write_text("[notifiers.hook]\nkind = 'webhook'\nallow_private = true\nurl = '${HOOK}'\n")
    secrets = desk.folder / ".env"
    secrets.write_text(f"{secrets.read_text()}HOOK=http://127.0.0.1:1/\n")
    assert (await edited.taken_up())["message"] == "notifier hook added"
    await desk.sim("token", do="revoke")
    await desk.sim("feed", fault="drop")
    await desk.until(lambda document: document["agent"]["notifiers"][0]["waiting"] == 1)
    secrets.write_text(secrets.read_text().replace("http://127.0.0.1:1/", url))
    assert (await edited.taken_up())["message"] == "notifier hook rebuilt"
    async with asyncio.timeout(DEADLINE_S):
        notice = await arrived.get()
    assert (notice["type"], notice["code"]) == ("problem", "AUTH_REQUIRED")
    assert (await desk.get())["agent"]["notifiers"][0]["state"] == "ok"
    more.write_text(f"[deadman]\nurl = '{url}alive'\n")
    assert (await edited.taken_up())["message"] == "notifier hook removed; deadman changed"
    async with asyncio.timeout(DEADLINE_S):
        assert await arrived.get() == "alive"
    more.unlink()
    assert (await edited.taken_up())["message"] == "deadman changed"
    assert (await desk.get())["agent"]["notifiers"] == []


async def test_machines_and_credentials_come_and_go_and_what_must_wait_is_said(edited: Edited) -> None:
    desk = edited.desk
    pushed = '[machines.strategy]\nkind = "pushed-feed"\n\n'
    edited.edit("[readiness]", f"{pushed}[readiness]")
    edited.edit('name = "my-desk"', 'name = "other-desk"\ndata = "elsewhere"')
    said = (await edited.taken_up())["message"]
    assert said == "machine strategy added; the next start takes up name, data"
    document = await desk.get()
    assert document["agent"]["name"] == "my-desk"
    assert document["machines"]["agent"]["attributes"] == {"waiting_for_restart": ["name", "data"]}
    assert "the next start takes up name, data" in document["machines"]["agent"]["message"]
    assert (await desk.post("/api/system/push/strategy", json={}, headers=desk.control()))[0] != 404
    edited.edit(pushed, "")
    edited.edit('name = "other-desk"\ndata = "elsewhere"', 'name = "my-desk"')
    (desk.folder / "moved.env").write_text((desk.folder / ".env").read_text())
    feed = await edited.feed()
    edited.edit('path = ".env"', 'path = "moved.env"')
    said = (await edited.taken_up())["message"]
    assert said == "machine strategy removed; machine auth, feed rebuilt; credential kite rebuilt"
    document = await desk.live()
    assert "strategy" not in document["machines"]
    assert document["machines"]["agent"]["attributes"] == {}
    assert (await edited.feed())[1] == feed[1] + 1
    await desk.sim("token", do="revoke")
    await desk.sim("feed", fault="drop")
    await desk.code("AUTH_REQUIRED")
    await desk.login()
    await desk.live()
    moved, former = (desk.folder / name for name in ("moved.env", ".env"))
    assert moved.read_text() != former.read_text(), "the login has written where the token now lives"
