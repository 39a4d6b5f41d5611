"""`/api/system/availability` on a journal with a past, and on one without."""

from __future__ import annotations

import asyncio
import importlib.util
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

PAST = Path(__file__).parents[3] / "docs" / "images" / "past.py"
OPENS = datetime.fromisoformat("2026-11-23T09:15:00+05:30")


@pytest.fixture
def write_past() -> Callable[..., None]:
    spec = importlib.util.spec_from_file_location("past", PAST)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.write_past


async def ask(desk: Any, query: str = "") -> tuple[int, Any]:
    page = await desk.browser.get(f"{desk.url}/api/system/availability{query}")
    return page.status, json.loads(page.text)


async def test_a_past_is_counted_by_day_and_by_month_and_holidays_have_no_row(
    open_web_desk, tmp_path, write_past
) -> None:
    await asyncio.to_thread(write_past, tmp_path / "data", OPENS, 21)
    async with open_web_desk() as desk:
        status, days = await ask(desk, "?from=2026-11-01&to=2026-11-23&response_s=600")
        assert status == 200
        _, months = await ask(desk, "?from=2026-11-01&to=2026-11-23&by=month&response_s=600")
    listed = [row["period"] for row in days["rows"]]
    assert listed[:3] == ["2026-11-02", "2026-11-03", "2026-11-04"]
    assert listed[-1] == "2026-11-23"
    assert not {"2026-11-07", "2026-11-10", "2026-11-14"} & set(listed), "weekends and a holiday"
    for row in (*days["rows"], days["total"]):
        assert row["seen_s"] + sum(row["blind"].values()) == pytest.approx(row["open_s"])
        assert row["blind_s"] == pytest.approx(sum(row["blind"].values()))
    assert [row["period"] for row in months["rows"]] == ["2026-11"]
    assert months["rows"][0]["open_s"] == pytest.approx(days["total"]["open_s"])
    assert (days["machine"], days["market"], days["response_s"]) == ("feed", "market", 600)
    friday = next(row for row in days["rows"] if row["period"] == "2026-11-20")
    assert friday["open_s"] == 375 * 60


async def test_a_new_agent_has_seen_nothing_of_the_time_before_it(open_web_desk) -> None:
    async with open_web_desk() as desk:
        status, told = await ask(desk)
    assert status == 200
    assert datetime.fromisoformat(told["known_since"]).minute == 30
    assert [row["period"] for row in told["rows"]] == ["2026-11-23"]
    [today] = told["rows"]
    assert today["open_s"] < 60
    assert today["seen_s"] == 0
    assert today["late_logins"] == 0, "it cannot know who was logged in before it was there"


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ("?from=yesterday", 400, "2026-11-23"),
        ("?from=2026-11-02&to=2026-11-01", 400, "not after"),
        ("?from=2020-01-01&to=2026-11-01", 400, "400 days"),
        ("?by=week", 400, "day or month"),
        ("?response_s=-1", 400, "response_s"),
        ("?response_s=nan", 400, "response_s"),
        ("?response_s=1e300", 400, "response_s"),
        ("?from=0001-01-01&to=0001-01-02", 400, "century"),
        ("?machine=auth", 404, "feed"),
    ],
)
async def test_what_cannot_be_counted_is_said(open_web_desk, query, status, words) -> None:
    async with open_web_desk() as desk:
        answered, told = await ask(desk, query)
    assert answered == status
    assert words in json.dumps(told)
