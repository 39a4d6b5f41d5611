"""The banner and the page before two agents of one desk, in a real browser."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web
from playwright.async_api import Browser, Locator, expect

from agent.cli.run import serving
from agent.clock import SystemClock
from agent.config.loading import load
from tests.pairs import written
from tests.postgres import Database

PATIENCE_MS = 20_000
PAGE = """<!doctype html><html lang="en"><title>Orders</title>
<script type="module" src="{module}/banner.js"></script><openbell-banner src="{src}"></openbell-banner>"""


@dataclass
class Pair:
    """The owner and the other, and a page of somebody else's with a banner for them."""

    owner: str
    other: str
    origin: str
    browser: Browser
    config: Path
    leaving: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def banner(self, src: str) -> Locator:
        page = await self.browser.new_page()
        await page.goto(f"{self.origin}/?src={src.replace(' ', '%20')}")
        return page.locator("openbell-banner")


@pytest.fixture
async def pair(database: Database, tmp_path: Path, browser: Browser) -> AsyncIterator[Pair]:
    async def page(request: web.Request) -> web.Response:
        src = request.query["src"]
        text = PAGE.format(module=src.split()[-1], src=src)
        return web.Response(text=text, content_type="text/html")

    app = web.Application()
    app.router.add_get("/", page)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    listener = socket.create_server(("127.0.0.1", 0))
    await web.SockSite(runner, listener).start()
    origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
    allowed = f'allowed_origins = ["{origin}"]'
    one, one_url = written(tmp_path, "one", database.url, server=allowed)
    two, two_url = written(tmp_path, "two", database.url, server=allowed)
    pair = Pair(one_url, two_url, origin, browser, one)
    async with pair.leaving:
        await pair.leaving.enter_async_context(serving(load(one, {}), SystemClock()))
        async with serving(load(two, {}), SystemClock()):
            yield pair
    await runner.cleanup()


async def test_before_one_that_stands_by_it_is_grey_and_names_who_has_the_desk(pair: Pair) -> None:
    banner = await pair.banner(pair.other)
    headline, message = banner.locator(".headline"), banner.locator(".bar .message")
    await expect(headline).to_have_text("Another agent has the desk", timeout=PATIENCE_MS)
    await expect(message).to_contain_text("one owns the desk main", timeout=PATIENCE_MS)
    await expect(banner.locator(".banner")).to_have_attribute("data-tone", "grey")
    assert await banner.evaluate("banner => banner.contact") == "lost"
    await pair.leaving.aclose()
    await expect(headline).to_have_text("Broker login needed", timeout=PATIENCE_MS)


async def test_with_both_addresses_it_follows_whoever_has_the_desk(pair: Pair) -> None:
    banner = await pair.banner(f"{pair.owner} {pair.other}")
    headline, link = banner.locator(".headline"), banner.locator("a.page")
    await expect(headline).to_have_text("Broker login needed", timeout=PATIENCE_MS)
    await expect(link).to_have_attribute("href", f"{pair.owner}/")
    await pair.leaving.aclose()
    await expect(link).to_have_attribute("href", f"{pair.other}/", timeout=PATIENCE_MS)
    await expect(headline).to_have_text("Broker login needed", timeout=PATIENCE_MS)
    assert await banner.evaluate("banner => banner.contact") == "live"


async def test_the_one_that_stands_by_may_come_first(pair: Pair) -> None:
    banner = await pair.banner(f"{pair.other} {pair.owner}")
    await expect(banner.locator(".headline")).to_have_text("Broker login needed", timeout=PATIENCE_MS)
    assert await banner.evaluate("banner => banner.via") == "stream"


async def test_the_page_of_one_that_gave_the_desk_away_leads_to_the_other(pair: Pair) -> None:
    page = await pair.browser.new_page()
    await page.goto(pair.owner + "/")
    headline = page.locator("#headline")
    await expect(headline).to_have_text("Broker login needed", timeout=PATIENCE_MS)
    await pair.leaving.aclose()
    async with serving(load(pair.config, {}), SystemClock()):
        await expect(headline).to_have_text("Another agent has the desk", timeout=PATIENCE_MS)
        await expect(page.locator("#message")).to_contain_text("two owns the desk main", timeout=PATIENCE_MS)
        link = page.get_by_role("link", name="Open two")
        await expect(link).to_have_attribute("href", f"{pair.other}/", timeout=PATIENCE_MS)
        await link.click()
        await expect(page).to_have_url(f"{pair.other}/")
        await expect(headline).to_have_text("Broker login needed", timeout=PATIENCE_MS)


async def test_one_that_stands_by_shows_the_fleet_and_no_page_of_its_own(pair: Pair) -> None:
    page = await pair.browser.new_page()
    for agent, has_page in ((pair.owner, True), (pair.other, False)):
        await page.goto(agent + ("/fleet" if has_page else "/"))
        await expect(page).to_have_url(f"{agent}/fleet")
        await expect(page.locator("#told")).to_contain_text("2 agents", timeout=PATIENCE_MS)
        await expect(page.get_by_role("link", name="This agent’s own page")).to_have_count(int(has_page))
