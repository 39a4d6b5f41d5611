"""The status page in a real browser, on a real desk."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from playwright.async_api import Browser, expect

from agent.cli.options import shipped_configuration

from .browsing import (
    BYTES_LIMIT,
    JUST_BEFORE_THE_BELL,
    LIVE,
    PHONE,
    PRE_OPEN,
    SMALLEST,
    OpenPage,
    contrast,
    headline,
    impatient_desk,
    is_untouched,
    is_wider_than_its_window,
    log_in,
    mark,
    shifts,
    tab_to,
)


async def test_first_visit_shows_what_is_wrong_and_the_login_button(
    open_desk: Callable[..., Any], open_page: OpenPage
) -> None:
    desk = await open_desk(at=PRE_OPEN)
    page = await open_page(desk)
    await headline(page, "Broker login needed")
    button = page.get_by_role("link", name="Log in to the broker")
    await expect(button).to_be_in_viewport()
    assert urlsplit(await button.get_attribute("href")).path == "/api/auth/login"
    await expect(page.locator("#code")).to_have_text("AUTH_REQUIRED")
    await expect(page.locator("#severity")).to_contain_text("Critical")
    await expect(page).to_have_title(re.compile("AUTH_REQUIRED"))
    await expect(page.locator("#bell-title")).to_have_text("Opens in")
    await expect(page.locator("#bell-at")).to_have_text("PRE_OPEN now, opens at 09:15 IST")
    await expect(page.locator("#blockers li")).to_have_count(2)
    await expect(page.locator("#explains")).to_contain_text("FEED_DISCONNECTED")


async def test_page_is_small_asks_no_other_host_and_does_not_shift(
    open_desk: Callable[..., Any], browser: Browser
) -> None:
    desk = await open_desk(at=LIVE)
    context = await browser.new_context(viewport=PHONE)
    page = await context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.goto(desk.url + "/")
    await headline(page, "Broker login needed")
    await expect(page.locator("#changes li")).not_to_have_count(0)
    assert await shifts(page) < 0.02
    first_visit = {urlsplit(url).path for url in asked}
    await page.locator("#availability").scroll_into_view_if_needed()
    await expect(page.locator("#past-total dd")).not_to_have_count(0)
    await expect(page.locator("#plot svg")).to_be_visible()
    assert await shifts(page) < 0.02
    assert {urlsplit(url).netloc for url in asked} == {urlsplit(desk.url).netloc}
    sizes = await sizes_on_the_wire(desk.url)
    assert sizes["/page/availability.js"] > 0
    assert "/page/availability.js" not in first_visit
    assert sizes.keys() - first_visit == {"/page/availability.js"}
    assert sum(sizes.values()) < BYTES_LIMIT
    html = (files("agent.web") / "static" / "index.html").read_text(encoding="utf-8")
    assert re.findall(r"<style|\sstyle=|\son\w+=|<script(?! type=\"module\" src)", html) == []
    await context.close()


async def sizes_on_the_wire(url: str) -> dict[str, int]:
    """Every file of the page, compressed as a browser asks for it, with the bytes of its body."""
    folder = files("agent.web") / "static" / "page"
    modules = [f"/page/{one.name}" for one in folder.iterdir()]
    found = {}
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        for path in ["/", "/page.css", "/page.js", "/icon.svg", *modules]:
            async with session.get(url + path, headers={"Accept-Encoding": "gzip"}) as answer:
                assert answer.status == 200
                assert "'unsafe" not in answer.headers["Content-Security-Policy"]
                found[path] = len(await answer.read())
            again = {"If-None-Match": answer.headers["ETag"]}
            async with session.get(url + path, headers=again) as answer:
                assert answer.status == 304
    return found


async def test_a_click_logs_in_and_the_page_follows_the_session_without_a_reload(
    open_desk: Callable[..., Any], open_page: OpenPage
) -> None:
    desk = await open_desk(at=JUST_BEFORE_THE_BELL)
    page = await open_page(desk)
    await log_in(page)
    await mark(page)
    await headline(page, "The market is open")
    await expect(page.locator("#ready")).to_have_text("Ready")
    await expect(page.locator("#tradable")).to_have_text("It is safe to trade.")
    await expect(page.locator("#bell-title")).to_have_text("Closes in")
    await expect(page.locator("#go")).to_be_hidden()
    await expect(page.locator(".machine", has_text="feed").locator(".state b")).to_have_text("CONNECTED")
    assert await is_untouched(page)


async def test_a_stalled_feed_is_shown_and_so_is_its_cure(
    open_desk: Callable[..., Any], open_page: OpenPage, tmp_path: Path
) -> None:
    desk = await open_desk(at=LIVE, data=impatient_desk(tmp_path / "impatient"))
    page = await open_page(desk)
    await log_in(page)
    await headline(page, "The market is open")
    await expect(page.locator("#ready")).to_have_text("Ready")
    await mark(page)
    await desk.sim("feed", fault="stall")
    await headline(page, "The feed has gone quiet")
    await expect(page.get_by_role("button", name="Reconnect the feed")).to_be_visible()
    await expect(page.locator("#ready")).to_have_text("Not ready")
    await desk.sim("feed", fault=None)
    await headline(page, "The market is open")
    assert await is_untouched(page)
    codes = page.locator("#changes, #earlier-changes")
    await expect(codes.first).to_contain_text("FEED_STALE")


async def test_a_killed_agent_turns_the_page_grey_and_its_return_is_noticed(
    open_desk: Callable[..., Any], open_page: OpenPage, start: Callable[..., Any], tmp_path: Path
) -> None:
    desk = await open_desk(at=LIVE, data=tmp_path / "desk")
    page = await open_page(desk)
    await page.clock.install()
    await log_in(page)
    await headline(page, "The market is open")
    await mark(page)
    desk.program.kill()
    await desk.program.ended()
    await expect(page.locator("#contact")).to_have_text("reconnecting")
    await headline(page, "The market is open")
    await page.clock.fast_forward("00:31")
    await headline(page, "Out of contact")
    await expect(page.locator("#message")).to_contain_text("Its last answer was LIVE")
    await expect(page.locator("#since")).to_contain_text("last heard")
    await expect(page.locator("#ready")).to_have_text("Not known")
    assert await page.evaluate("document.documentElement.dataset.tone") == "grey"
    ports = [str(urlsplit(url).port) for url in (desk.url, desk.broker)]
    again = ["--port", ports[0], "--broker-port", ports[1], "--data-dir", str(tmp_path / "desk")]
    program = await start("demo", *again, "--at", LIVE)
    await program.says("openbell is ready")
    await expect(page.locator("#contact")).to_have_text("live")
    await expect(page.get_by_role("heading", level=1)).not_to_have_text("Out of contact")
    assert await is_untouched(page)
    feed = page.locator(".machine", has_text="feed")
    await feed.get_by_role("button", name="Reconnect").click()
    await expect(feed.locator(".outcome")).not_to_have_text(re.compile("^$|token of the scope"))


async def test_a_person_with_a_keyboard_alone_logs_in_and_reconnects(
    open_desk: Callable[..., Any], open_page: OpenPage
) -> None:
    desk = await open_desk(at=LIVE)
    page = await open_page(desk)
    await headline(page, "Broker login needed")
    await tab_to(page, "Log in to the broker")
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert await page.evaluate(outline) == "solid"
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Log in as")).to_be_focused()
    await page.keyboard.press("Enter")
    await headline(page, "The market is open")
    await tab_to(page, "Reconnect")
    await page.keyboard.press("Enter")
    feed = page.locator(".machine", has_text="feed")
    await expect(feed.locator(".outcome")).not_to_be_empty()
    await expect(feed.get_by_role("button", name="Reconnect")).to_be_focused()
    assert (await desk.recorded("feed/reconnect", "DONE"))["subject"] == "action"
    await expect(page.locator("#day")).to_contain_text("feed/reconnect DONE")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_text_can_be_read_on_the_smallest_phone(
    scheme: str, open_desk: Callable[..., Any], open_page: OpenPage
) -> None:
    desk = await open_desk(at=LIVE)
    page = await open_page(desk, viewport=SMALLEST, color_scheme=scheme, reduced_motion="reduce")
    for text in ("Broker login needed", "The market is open"):
        await headline(page, text)
        assert not await is_wider_than_its_window(page)
        for selector in ("#headline", "#message", "#code", "#since"):
            assert await contrast(page, selector, ".answer") >= 4.5, selector
        assert await contrast(page, ".tile .soft", ".tile") >= 4.5
        ground = await page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        brightness = sum(map(int, re.findall(r"\d+", ground)[:3])) / 3
        assert (brightness < 60) == (scheme == "dark")
        if text == "Broker login needed":
            await log_in(page)


async def test_markup_in_a_text_is_shown_as_text(
    open_desk: Callable[..., Any], open_page: OpenPage, tmp_path: Path
) -> None:
    folder = tmp_path / "markup"
    folder.mkdir()
    name = "<img src=x onerror=document.title=1>" + "long" * 40
    text = Path(shipped_configuration()).read_text(encoding="utf-8")
    (folder / "agent.toml").write_text(text.replace('"my-desk"', f"'{name}'"))
    page = await open_page(await open_desk(at=LIVE, data=folder), viewport=SMALLEST)
    await expect(page.locator("#desk")).to_have_text(name)
    assert await page.locator("#desk img").count() == 0
    assert not await is_wider_than_its_window(page)


async def test_a_link_that_was_not_begun_here_leads_back_to_the_page(
    open_desk: Callable[..., Any], open_page: OpenPage
) -> None:
    desk = await open_desk(at=LIVE)
    page = await open_page(desk)
    await page.context.clear_cookies()
    response = await page.goto(f"{desk.url}/api/auth/callback?state=stranger&request_token=x&status=success")
    assert response is not None
    assert response.status == 403
    await expect(page.get_by_role("button", name="Log in again")).to_be_visible()
    await page.get_by_role("link", name="To the status page").click()
    await headline(page, "Broker login needed")


async def test_the_button_on_a_login_page_leads_to_the_broker_and_back(
    open_desk: Callable[..., Any], open_page: OpenPage
) -> None:
    page = await open_page(await open_desk(at=LIVE))
    await page.goto(page.url + "api/auth/callback?state=stranger&request_token=x&status=success")
    await page.get_by_role("button", name="Log in again").click()
    await page.get_by_role("button", name="Log in as").click()
    await headline(page, "The market is open")


async def test_a_link_from_a_notice_logs_in_with_two_presses_and_works_once(
    open_desk: Callable[..., Any], open_page: OpenPage, browser: Browser, tmp_path: Path
) -> None:
    desk = await open_desk(at=LIVE)
    status_page = await open_page(desk)
    status, made = await desk.post("/api/auth/link", headers=desk.control())
    assert status == 200
    phone = await browser.new_context(viewport=PHONE)
    page = await phone.new_page()
    await page.goto(made["href"])
    await expect(page.get_by_role("heading", level=1)).to_have_text("Log in to the broker")
    assert not await is_wider_than_its_window(page)
    await page.get_by_role("button", name="Log in").click()
    await page.get_by_role("button", name="Log in as").click()
    await headline(page, "The market is open")
    await headline(status_page, "The market is open")
    await page.goto(made["href"])
    await expect(page.get_by_text("This link was used already")).to_be_visible()
    await phone.close()
