"""Restarts and kill -9: the journal is whole, and the next start tells the truth and nothing false."""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

SHIPPED = (Path(__file__).parents[2] / "agent.toml").read_text()
FIRST = datetime.fromisoformat("2026-11-23T10:00:00+05:30")

PLUGIN = """
import json
from agent.api import Receipt, Settings, hookimpl

class LinesSettings(Settings):
    path: str

class Lines:
    def __init__(self, settings, context):
        self.path = settings.path
    async def send(self, notice):
        with open(self.path, "a") as file:
            file.write(json.dumps([notice.id, notice.type, notice.code]) + "\\n")
        return Receipt(status="written")

@hookimpl
def openbell_notifiers(register):
    register("lines", Lines, settings=LinesSettings)
"""


class Runs:
    """One desk in several runs, each ten minutes after the one before, and what it told people."""

    def __init__(self, open_desk, folder: Path) -> None:
        self._open_desk = open_desk
        self._folder = folder
        self._count = 0
        site = folder / "site" / "openbell_lines-0.1.dist-info"
        site.mkdir(parents=True)
        (site.parent / "stranger_lines.py").write_text(PLUGIN)
        (site / "METADATA").write_text("Metadata-Version: 2.1\nName: openbell-lines\nVersion: 0.1\n")
        (site / "entry_points.txt").write_text("[openbell]\nlines = stranger_lines\n")
        (folder / "desk").mkdir()
        more = (
            f'\n[plugins]\nenable = ["lines"]\n[notifiers.file]\nkind = "lines"\npath = "{self._notices}"\n'
        )
        quick = SHIPPED.replace('stale_after = "10s"', 'stale_after = "2s"')
        (folder / "desk" / "agent.toml").write_text(quick + more)

    @property
    def _notices(self) -> Path:
        return self._folder / "notices.jsonl"

    async def next(self):
        at = FIRST + timedelta(minutes=10 * self._count)
        self._count += 1
        return await self._open_desk(
            at.isoformat(),
            data=self._folder / "desk",
            environment={"PYTHONPATH": str(self._folder / "site")},
        )

    def told(self) -> list[list[str]]:
        """What people know: a notice that came twice, with the same id, is the same notice."""
        if not self._notices.exists():
            return []
        lines = [json.loads(line) for line in self._notices.read_text().splitlines()]
        return list({id_: [type_, code] for id_, type_, code in lines}.values())

    def check_journal(self) -> None:
        connection = sqlite3.connect(self._folder / "desk" / "data" / "journal.sqlite")
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        connection.close()


@pytest.fixture
def runs(open_desk, tmp_path) -> Runs:
    return Runs(open_desk, tmp_path)


async def test_a_kill_while_all_is_well_is_followed_by_the_same_without_a_word(runs) -> None:
    desk = await runs.next()
    await desk.code("AUTH_REQUIRED")
    await desk.login()
    await desk.until(lambda d: d["ready"] and d["code"] == "LIVE")
    await desk.eventually(lambda: [type_ for type_, _ in runs.told()] == ["problem", "recovery"])
    told = runs.told()
    desk.program.kill()
    await desk.program.ended()
    runs.check_journal()

    desk = await runs.next()
    well = await desk.until(lambda d: d["code"] != "STARTING")
    assert well["code"] == "LIVE", json.dumps(well)
    await desk.until(lambda d: d["ready"])
    assert await desk.program.stop() == 0
    assert runs.told() == told


async def test_a_kill_in_an_alarm_is_followed_by_the_same_alarm_with_its_age_and_no_second_word(runs) -> None:
    desk = await runs.next()
    alarm = await desk.code("AUTH_REQUIRED")
    await desk.eventually(lambda: runs.told() == [["problem", "AUTH_REQUIRED"]])
    desk.program.kill()
    await desk.program.ended()

    desk = await runs.next()
    again = await desk.code("AUTH_REQUIRED")
    assert again["since"] == alarm["since"]
    assert again["machines"]["auth"]["since"] == alarm["machines"]["auth"]["since"]
    assert again["revision"] > alarm["revision"]
    await desk.login()
    await desk.live()
    assert await desk.program.stop() == 0
    assert runs.told() == [["problem", "AUTH_REQUIRED"], ["recovery", "LIVE"]]


async def test_a_login_link_that_was_pressed_a_moment_before_a_kill_stays_spent(runs) -> None:
    desk = await runs.next()
    _, made = await desk.post("/api/auth/link", headers=desk.control())
    async with desk.session.post(made["href"], allow_redirects=False) as pressed:
        desk.program.kill()
        assert pressed.status == 303
    await desk.program.ended()

    desk = await runs.next()
    _, fresh = await desk.post("/api/auth/link", headers=desk.control())
    assert await pressed_again(desk, fresh["href"]) == 303
    assert await pressed_again(desk, made["href"]) == 410


async def test_stopping_in_an_orderly_way_takes_a_moment_and_ends_with_zero(runs) -> None:
    desk = await runs.next()
    await desk.login()
    await desk.live()
    stream = asyncio.ensure_future(anext(desk.documents()))
    await stream
    began = asyncio.get_running_loop().time()
    assert await desk.program.stop() == 0
    assert asyncio.get_running_loop().time() - began < 10
    assert not [line for line in desk.program.output if "Traceback" in line]


async def test_the_journal_is_whole_after_kills_at_any_moment(runs) -> None:
    dice = random.Random(20261123)
    desk = await runs.next()
    await desk.login()
    await desk.until(lambda d: d["ready"])
    for _ in range(5):
        changes = asyncio.ensure_future(_change_for_ever(desk))
        timer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(dice.uniform(0.05, 1.5), timer.set_result, None)
        await timer
        desk.program.kill()
        await desk.program.ended()
        changes.cancel()
        await asyncio.gather(changes, return_exceptions=True)
        runs.check_journal()
        desk = await runs.next()
        await desk.until(lambda d: d["ready"])
    rows = await desk.history()
    ids = [row["id"] for row in rows]
    assert ids == sorted(ids, reverse=True)
    for row in rows:
        if row["subject"] == "machine" and row["before"] is not None:
            assert row["before"] != row["after"] or row["reason"]


async def pressed_again(desk, href: str) -> int:
    """What the button of a link answers at this run of the desk."""
    url = desk.url + urlsplit(href).path
    async with desk.session.post(url, allow_redirects=False) as answer:
        return answer.status


async def _change_for_ever(desk) -> None:
    """Drop the feed's connection again and again."""
    while True:
        await desk.sim("feed", fault="drop")
        await desk.post("/api/system/health/auth/verify")
