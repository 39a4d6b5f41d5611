"""A feed that is lost while nobody needs it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

BEFORE = "2026-11-23T08:59:50+05:30"
PRE_OPEN = datetime.fromisoformat("2026-11-23T09:00:00+05:30")


async def test_lost_at_night_is_no_alarm_and_at_nine_it_is_back_before_the_open(open_desk: Any) -> None:
    desk = await open_desk(BEFORE)
    await desk.login()
    await desk.until(lambda d: d["machines"]["feed"]["state"] == "CONNECTED")
    await desk.sim("feed", fault="drop")
    lost = await desk.until(lambda d: d["machines"]["feed"]["state"] == "DISCONNECTED")
    assert (lost["code"], lost["status"]) == ("CLOSED", "pass")
    await desk.sim("feed", fault=None)
    back = await desk.until(lambda d: d["code"] == "PRE_OPEN" and d["ready"])
    since = datetime.fromisoformat(back["machines"]["feed"]["since"])
    assert timedelta(0) <= since - PRE_OPEN < timedelta(seconds=2)
    raised = [
        row for row in await desk.history() if row["name"].startswith("feed-") and row["after"] == "active"
    ]
    assert raised == []
