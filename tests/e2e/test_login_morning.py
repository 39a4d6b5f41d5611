"""One morning from the token's end at 06:00 to a live feed, told to people in the order they need it."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

SHIPPED = (Path(__file__).parents[2] / "agent.toml").read_text()

PLUGIN = """
import json
from agent.api import Receipt, Settings, hookimpl

class LinesSettings(Settings):
    path: str

class Lines:
    def __init__(self, settings, context):
        self.path = settings.path
    async def send(self, notice):
        said = {
            "type": notice.type, "reason": notice.reason, "code": notice.code, "severity": notice.severity,
            "message": notice.message, "at": notice.created_at.isoformat(),
            "href": notice.action.href if notice.action else None,
        }
        with open(self.path, "a") as file:
            file.write(json.dumps(said) + "\\n")
        return Receipt(status="written")

@hookimpl
def openbell_notifiers(register):
    register("lines", Lines, settings=LinesSettings)
"""


def ist(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+05:30")


class Morning:
    """One desk that is opened at one instant after another, and what it told people."""

    def __init__(self, open_desk: Any, folder: Path) -> None:
        self._open_desk = open_desk
        self._folder = folder
        site = folder / "site" / "openbell_lines-0.1.dist-info"
        site.mkdir(parents=True)
        (site.parent / "stranger_lines.py").write_text(PLUGIN)
        (site / "METADATA").write_text("Metadata-Version: 2.1\nName: openbell-lines\nVersion: 0.1\n")
        (site / "entry_points.txt").write_text("[openbell]\nlines = stranger_lines\n")
        (folder / "desk").mkdir()
        more = f'[plugins]\nenable = ["lines"]\n[notifiers.file]\nkind = "lines"\npath = "{self._path}"\n'
        (folder / "desk" / "agent.toml").write_text(f"{SHIPPED}\n{more}")

    @property
    def _path(self) -> Path:
        return self._folder / "notices.jsonl"

    async def at(self, instant: datetime) -> Any:
        return await self._open_desk(
            instant.isoformat(),
            data=self._folder / "desk",
            environment={"PYTHONPATH": str(self._folder / "site")},
        )

    def told(self) -> list[dict[str, Any]]:
        if not self._path.exists():
            return []
        return [json.loads(line) for line in self._path.read_text().splitlines()]

    async def is_told(self, desk: Any, count: int) -> dict[str, Any]:
        """The latest notice, once there are so many."""
        await desk.eventually(lambda: len(self.told()) >= count)
        assert len(self.told()) == count
        return self.told()[-1]


@pytest.fixture
def morning(open_desk, tmp_path) -> Morning:
    return Morning(open_desk, tmp_path)


async def opened(desk: Any, notice: dict[str, Any]) -> tuple[int, str]:
    """What the link of a notice shows at this desk, wherever the desk answered when it was told."""
    async with desk.session.get(desk.url + urlsplit(notice["href"]).path) as page:
        return page.status, (await page.text()).partition("<h1>")[2].partition("</h1>")[0]


async def log_in_by(href: str) -> None:
    """What a person with a phone does: open the notice's link, press the button, and the broker's."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as phone:
        async with phone.get(href) as page:
            assert page.status == 200
        async with phone.post(href, allow_redirects=False) as begun:
            assert begun.status == 303, await begun.text()
            broker = begun.headers["Location"]
        async with phone.get(f"{broker}&approve=1", allow_redirects=False) as approved:
            back = approved.headers["Location"]
        async with phone.get(back, allow_redirects=False) as done:
            assert done.status == 303, await done.text()


async def test_a_morning_from_the_tokens_end_to_a_live_feed(morning) -> None:
    # The day before: a login, and a quiet evening.
    desk = await morning.at(ist("2026-11-18T15:00:00"))
    await desk.login()
    await desk.live()
    assert await desk.program.stop() == 0
    before = len(morning.told())

    # 06:00: the agent asks the broker at that instant, and says what the broker says.
    desk = await morning.at(ist("2026-11-19T05:59:54"))
    well = await desk.until(lambda d: d["machines"]["auth"]["state"] == "VALID")
    assert well["machines"]["auth"]["next_change_at"] is not None
    dead = await desk.until(lambda d: d["machines"]["auth"]["state"] == "EXPIRED")
    assert dead["machines"]["auth"]["reason"] == "ROLLOVER"
    late = datetime.fromisoformat(dead["machines"]["auth"]["since"]) - ist("2026-11-19T06:00:00")
    assert timedelta(0) <= late < timedelta(seconds=2)
    assert dead["machines"]["auth"]["attributes"]["refused"]["by"] == "profile"
    first = await morning.is_told(desk, before + 1)
    assert (first["type"], first["code"], first["severity"]) == ("problem", "AUTH_REQUIRED", "warning")
    assert await desk.program.stop() == 0

    # 07:45 and 08:15: each a reminder of the deadline, with a fresh link of its own.
    for number, hour in enumerate(("07:44:56", "08:14:56"), start=2):
        desk = await morning.at(ist(f"2026-11-19T{hour}"))
        reminder = await morning.is_told(desk, before + number)
        assert (reminder["type"], reminder["code"]) == ("reminder", "AUTH_REQUIRED")
        assert "minutes are left" in reminder["message"]
        assert reminder["href"].startswith(f"{desk.url}/api/auth/link/")
        assert await opened(desk, reminder) == (200, "Log in to the broker")
        assert await opened(desk, first) == (410, "This link is not taken")
        assert await desk.program.stop() == 0

    # 08:45: the deadline passes.
    desk = await morning.at(ist("2026-11-19T08:44:56"))
    missed = await morning.is_told(desk, before + 4)
    assert (missed["reason"], missed["severity"]) == ("WORSE", "critical")
    assert await desk.program.stop() == 0

    # 09:05: a person logs in by the link of the latest notice, and the loop closes by itself.
    desk = await morning.at(ist("2026-11-19T09:05:00"))
    waiting = await desk.code("AUTH_REQUIRED")
    assert waiting["machines"]["feed"]["reason"] == "AWAITING_CREDENTIAL"
    status, made = await desk.post("/api/auth/link", headers=desk.control())
    assert status == 200
    await log_in_by(made["href"])
    ready = await desk.until(lambda d: d["ready"])
    assert ready["code"] == "PRE_OPEN"
    recovery = await morning.is_told(desk, before + 5)
    assert (recovery["type"], recovery["reason"]) == ("recovery", "RECOVERED")
    assert "AUTH_REQUIRED is over after 3h5m" in recovery["message"]
    assert "auth VALID, feed CONNECTED " in recovery["message"]
    await desk.until(lambda d: "feed-disconnected" not in [p["rule"] for p in d["problems"]])
    assert await desk.program.stop() == 0

    # At the bell, and no second word.
    desk = await morning.at(ist("2026-11-19T09:14:57"))
    await desk.live()
    assert await desk.program.stop() == 0
    types = [notice["type"] for notice in morning.told()[before:]]
    assert types == ["problem", "reminder", "reminder", "problem", "recovery"]
    assert len({notice["href"] for notice in morning.told()[before:]}) == 5
