"""What people do on the page about problems, what they see of the past, and who may only look."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

from agent.cli.options import shipped_configuration

from .browsing import LIVE, SMALLEST, OpenPage, headline, is_wider_than_its_window, log_in, shifts, tab_to

PAST = Path(__file__).parents[2] / "docs" / "images" / "past.py"
OPENS = datetime.fromisoformat("2026-11-23T09:15:00+05:30")


def desk_with(folder: Path, more: str = "", **changes: str) -> Path:
    """A folder with the shipped configuration, changed here and there and with something at its end."""
    folder.mkdir(exist_ok=True)
    text = Path(shipped_configuration()).read_text(encoding="utf-8")
    for former, latter in changes.items():
        assert former in text
        text = text.replace(former, latter, 1)
    (folder / "agent.toml").write_text(f"{text}\n{more}\n", encoding="utf-8")
    return folder


async def with_a_past(folder: Path, days: int) -> Path:
    """A folder whose journal has some weeks before this morning."""
    spec = importlib.util.spec_from_file_location("past", PAST)
    assert spec is not None
    assert spec.loader is not None
    past = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(past)
    await asyncio.to_thread(past.write_past, folder / "data", OPENS, days)
    return folder


async def say(page: Page, *, who: str | None = None, why: str, then: str) -> None:
    """Fill in the form that is open."""
    if who is not None:
        await page.get_by_role("textbox", name="Who").fill(who)
    await page.get_by_role("textbox", name="Why").fill(why)
    await page.get_by_role("button", name=then).click()
    await expect(page.get_by_role("dialog")).to_be_hidden()


async def test_who_takes_an_incident_on_and_why_is_seen_by_everybody(
    open_desk: Callable[..., Any], open_page: OpenPage
) -> None:
    desk = await open_desk(at=LIVE)
    page, other = await open_page(desk), await open_page(desk)
    await page.get_by_role("button", name="Acknowledge").click()
    await page.get_by_role("button", name="I am at it").click()
    await expect(page.locator("#form-outcome")).to_have_text("Say who, so that others know.")
    await say(page, who="asha", why="calling the broker", then="I am at it")
    for one in (page, other):
        await expect(one.locator("#taken")).to_contain_text(
            "asha is at it since 10:00 IST: calling the broker"
        )
    await expect(page.get_by_role("button", name="Take over")).to_be_visible()
    incident = page.locator(".incident").first
    await expect(incident).to_contain_text("Broker login needed")
    await incident.locator("summary").click()
    await expect(incident.locator("li", has_text="acknowledged")).to_contain_text("asha: calling the broker")
    await log_in(page)
    await headline(page, "The market is open")
    await expect(page.locator("#taken")).to_be_hidden()
    await expect(page.locator(".incident").first).to_contain_text("lasted")


async def test_a_person_with_a_keyboard_alone_silences_a_problem_and_ends_it_early(
    open_desk: Callable[..., Any], open_page: OpenPage
) -> None:
    desk = await open_desk(at=LIVE)
    page, other = await open_page(desk), await open_page(desk)
    await headline(page, "Broker login needed")
    await tab_to(page, "Silence")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("textbox", name="Who")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_be_hidden()
    await expect(page.locator("#hush")).to_be_focused()
    await page.keyboard.press("Enter")
    await page.keyboard.type("asha")
    await page.keyboard.press("Tab")
    await page.keyboard.type("line test")
    await page.keyboard.press("Tab")
    await expect(page.locator("#form-length option")).to_have_text(
        ["15 minutes", "1 hour", "2 hours", "24 hours", "until the close, 15:30 IST"]
    )
    await page.keyboard.press("ArrowDown")
    await expect(page.locator("#form-ends")).to_have_text("Ends at 11:00 IST")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("button", name="Silence it")).to_be_focused()
    await page.keyboard.press("Enter")
    for one in (page, other):
        await expect(one.locator("#hushed")).to_have_text("Silenced until 11:00 IST by asha: line test")
        await expect(one.locator("#severity")).to_have_text("Critical · silenced")
    await expect(page.locator("#hush")).to_be_hidden()
    await expect(page.locator("#quiet li")).to_contain_text("rule auth-required")
    await expect(page.locator("#ready")).to_have_text("Not ready")
    await tab_to(page, "End now")
    await page.keyboard.press("Enter")
    for one in (page, other):
        await expect(one.locator("#silences")).to_be_hidden()
        await expect(one.locator("#severity")).to_have_text("Critical")


async def test_a_notice_that_did_not_arrive_is_shown_with_its_error_and_sent_again(
    open_desk: Callable[..., Any], open_page: OpenPage, tmp_path: Path
) -> None:
    receiver = SimpleNamespace(status=410, port=0)

    async def take(request: web.BaseRequest) -> web.Response:
        return web.Response(status=receiver.status)

    runner = web.ServerRunner(web.Server(take))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    notifier = f'[notifiers.ops]\nkind = "webhook"\nallow_private = true\nurl = "{url}"'
    desk = await open_desk(at=LIVE, data=desk_with(tmp_path / "ops", notifier))
    page = await open_page(desk)
    dead = page.locator("#dead li").first
    await expect(dead).to_contain_text("Broker login needed · problem")
    await expect(dead.locator(".chip")).to_have_text("not delivered")
    await expect(dead).to_contain_text("410")
    receiver.status = 200
    await page.locator(".incident").first.locator("summary").click()
    told = page.locator(".incident").first.locator(".notice")
    await expect(told.locator(".chip")).to_have_text("not delivered")
    await dead.get_by_role("button", name="Send again to ops").click()
    await expect(page.locator("#undelivered")).to_be_hidden()
    await expect(told.locator(".chip")).to_have_text("delivered")
    await expect(told).to_contain_text("200")
    await runner.cleanup()


async def test_the_past_is_shown_by_day_and_by_month_with_its_incidents(
    open_desk: Callable[..., Any], open_page: OpenPage, tmp_path: Path
) -> None:
    desk = await open_desk(at=LIVE, data=await with_a_past(desk_with(tmp_path / "past"), 40))
    page = await open_page(desk)
    told = await desk.get("/api/system/availability")
    await page.locator("#availability").scroll_into_view_if_needed()
    await expect(page.locator("#plot .column")).to_have_count(len(told["rows"]))
    await expect(page.locator("#past-total dd").first).not_to_have_text("–")
    share = (await page.locator("#past-total dd").first.text_content() or "").removesuffix(" %")
    assert float(share) == pytest.approx(told["total"]["availability"] * 100, abs=0.2)
    await page.get_by_text("In figures").click()
    bad = max(told["rows"], key=lambda row: row["outages"] if row["period"] < "2026-11-23" else 0)
    day = datetime.fromisoformat(bad["period"])
    row = page.locator("#past-rows tr", has_text=f"{day.day} {day:%b}").first
    await row.get_by_role("button").click()
    name = f"{day:%a} {day.day} {day:%b}"
    await expect(page.locator("#incidents-title")).to_have_text(f"Incidents of {name}")
    await expect(page.locator("#incidents-title")).to_be_focused()
    await expect(page.locator(".incident")).to_have_count(bad["outages"])
    await expect(page.locator(".incident").first).to_contain_text(name)
    await page.get_by_role("button", name="The latest again").click()
    await expect(page.locator("#incidents-title")).to_have_text("Incidents")
    await expect(page.locator(".incident").first).to_contain_text("Broker login needed")
    count = await page.locator(".incident").count()
    await page.get_by_role("button", name="Earlier").click()
    await expect(page.locator(".incident").nth(count)).to_be_visible()
    await page.get_by_text("By month").click()
    await expect(page.locator("#past-rows tr")).to_have_count(2)
    await expect(page.locator("#past-rows tr").first).to_contain_text("November 2026")


async def test_who_may_only_look_is_offered_nothing_else_and_told_why(
    open_desk: Callable[..., Any], open_page: OpenPage, tmp_path: Path
) -> None:
    tokens = 'host = "0.0.0.0"\nread_token = "look-look-look-look"\ncontrol_token = "do-do-do-do-do-do"'
    desk = await open_desk(at=LIVE, data=desk_with(tmp_path / "far", **{'host = "127.0.0.1"': tokens}))
    desk.url = desk.url.replace("0.0.0.0", "127.0.0.1")
    reader = {"http_credentials": {"username": "any", "password": "look-look-look-look"}}
    page = await open_page(desk, **reader)
    await headline(page, "Broker login needed")
    await expect(page.locator("#looker")).to_be_visible()
    for name in ("Acknowledge", "Silence", "Reconnect feed"):
        await expect(page.get_by_role("button", name=name, exact=True)).to_have_count(0)
    await expect(page.get_by_role("button", name="Verify auth")).to_be_visible()
    refused = await page.evaluate(
        "fetch('/api/system/health/feed/reconnect', { method: 'POST' }).then((answer) => answer.status)"
    )
    assert refused == 401
    doer = {"http_credentials": {"username": "any", "password": "do-do-do-do-do-do"}}
    page = await open_page(desk, **doer)
    await expect(page.get_by_role("button", name="Acknowledge", exact=True)).to_be_visible()
    await expect(page.locator("#looker")).to_be_hidden()


# -- for everybody ---------------------------------------------------------------------------


async def check(page: Page, state: str) -> None:
    """Nothing that axe complains of, in light and in dark, and nothing wider than the smallest phone."""
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)
        found = await Axe().run(page)
        named = [
            (one["id"], [node["target"] for node in one["nodes"]]) for one in found.response["violations"]
        ]
        assert named == [], (state, scheme)
    assert not await is_wider_than_its_window(page), state


async def test_nobody_is_shut_out_in_any_of_the_main_states(
    open_desk: Callable[..., Any], open_page: OpenPage, tmp_path: Path
) -> None:
    desk = await open_desk(at=LIVE, data=await with_a_past(desk_with(tmp_path / "all"), 12))
    page = await open_page(desk, viewport=SMALLEST, reduced_motion="reduce")
    await page.clock.install()
    await headline(page, "Broker login needed")
    await check(page, "login")
    await page.locator("#availability").scroll_into_view_if_needed()
    await expect(page.locator("#plot .column")).not_to_have_count(0)
    for summary in await page.locator("summary:visible").all():
        await summary.click()
    await page.get_by_role("button", name="Silence", exact=True).first.click()
    await check(page, "form")
    await say(page, who="asha", why="line test", then="Silence it")
    await expect(page.locator("#silences")).to_be_visible()
    await check(page, "silenced, all opened")
    assert await shifts(page) < 0.1
    await log_in(page)
    await headline(page, "The market is open")
    await check(page, "live")
    desk.program.kill()
    await desk.program.ended()
    await expect(page.locator("#contact")).to_have_text("reconnecting")
    await page.clock.fast_forward("00:31")
    await headline(page, "Out of contact")
    await expect(page.locator("#act")).to_be_visible()
    await check(page, "out of contact")
