"""The status page in a real browser, on a real desk."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from agent.cli.options import shipped_configuration

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PRE_OPEN = "2026-11-23T09:10:00+05:30"
JUST_BEFORE_THE_BELL = "2026-11-23T09:14:50+05:30"
LIVE = "2026-11-23T10:00:00+05:30"
PHONE = {"width": 390, "height": 844}
SMALLEST = {"width": 320, "height": 640}
PATIENCE_MS = 20_000
BYTES_LIMIT = 60_000

expect.set_options(timeout=PATIENCE_MS)

OpenPage = Callable[..., Any]


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    if not Path(CHROMIUM).exists():
        pytest.fail(f"{CHROMIUM} is missing: install Debian's chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest.fixture
async def open_page(browser: Browser) -> AsyncIterator[OpenPage]:
    """Open the page of a desk; what the browser complains of fails the test at its end."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    async def begin(desk: Any, **settings: Any) -> Page:
        context = await browser.new_context(
            **{"viewport": PHONE, "timezone_id": "Asia/Kolkata", "locale": "en-GB", **settings}
        )
        contexts.append(context)
        page = await context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if _is_complaint(said) else None)
        await page.goto(desk.url + "/")
        return page

    yield begin
    for context in contexts:
        await context.close()
    assert complaints == []


def _is_complaint(said: Any) -> bool:
    """Whether the console has an error other than an answer that the page deals with."""
    return said.type == "error" and not said.text.startswith("Failed to load resource")


def headline(page: Page, text: str) -> Any:
    return expect(page.get_by_role("heading", level=1)).to_have_text(text)


async def is_wider_than_its_window(page: Page) -> bool:
    return await page.evaluate("document.documentElement.scrollWidth > window.innerWidth")


async def contrast(page: Page, selector: str, ground: str) -> float:
    """The contrast of a text with the ground that it stands on, as WCAG defines it."""
    return await page.evaluate(
        """([selector, ground]) => {
            const luminance = (color) => color.match(/[\\d.]+/g).slice(0, 3).map(Number)
                .map((c) => (c / 255 <= 0.03928 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4))
                .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
            const of = (place, what) => luminance(getComputedStyle(document.querySelector(place))[what]);
            const both = [of(selector, "color"), of(ground, "backgroundColor")];
            return (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05);
        }""",
        [selector, ground],
    )


async def mark(page: Page) -> None:
    """Leave a mark that a reload would wipe away."""
    await page.evaluate("window.untouched = true")


async def is_untouched(page: Page) -> bool:
    return await page.evaluate("window.untouched === true")


async def log_in(page: Page) -> None:
    """Two clicks: here, and at the simulated broker, which leads back."""
    await page.get_by_role("link", name="Log in to the broker").click()
    await page.get_by_role("button", name="Log in as").click()
    await page.wait_for_url(re.compile(r"/$"))


def impatient_desk(folder: Path) -> Path:
    """A folder with the shipped configuration, but a feed that is stale after two seconds."""
    folder.mkdir()
    text = Path(shipped_configuration()).read_text(encoding="utf-8")
    assert 'stale_after = "10s"' in text
    (folder / "agent.toml").write_text(text.replace('stale_after = "10s"', 'stale_after = "2s"'))
    return folder


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
    assert {urlsplit(url).netloc for url in asked} == {urlsplit(desk.url).netloc}
    files = ["/", "/page.css", "/page.js", "/icon.svg"]
    sizes = [len(await (await desk.session.get(desk.url + path)).read()) for path in files]
    assert sum(sizes) < BYTES_LIMIT
    shift = await page.evaluate(
        """() => new Promise((resolve) => {
            let sum = 0;
            new PerformanceObserver((list) => list.getEntries().forEach((one) => (sum += one.value)))
                .observe({ type: "layout-shift", buffered: true });
            requestAnimationFrame(() => setTimeout(() => resolve(sum), 0));
        })"""
    )
    assert shift < 0.02
    await context.close()


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


async def tab_to(page: Page, text: str) -> None:
    for _ in range(20):
        await page.keyboard.press("Tab")
        if await page.evaluate("document.activeElement.textContent") == text:
            return
    raise AssertionError(f"{text!r} is not reached by the Tab key")


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
