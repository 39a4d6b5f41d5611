"""The banner in pages of other origins, in a real browser, on a real desk."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import web
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Locator, Page, async_playwright, expect

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
LIVE = "2026-11-23T10:00:00+05:30"
DESKTOP = {"width": 1024, "height": 700}
PATIENCE_MS = 20_000
STATIC = Path(shipped_configuration()).parent / "agent" / "web" / "static"
TYPES = (STATIC / "banner.d.ts").read_text(encoding="utf-8")
STRICT = (
    "default-src 'none'; script-src {agent}; connect-src {agent}; base-uri 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
HTML = """<!doctype html><html lang="en"><title>A desk's own front end</title>
<meta name="color-scheme" content="light dark"><meta name="viewport" content="width=device-width">
<script type="module" src="{agent}/banner.js"></script>
<main><h1>Orders</h1><openbell-banner src="{agent}">The agent is not reached.</openbell-banner>
<p id="below">Below</p></main>"""

SEEN = """state => {
    Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
}"""
MEMBERS = """banner => Object.fromEntries(
    Object.entries(Object.getOwnPropertyDescriptors(Object.getPrototypeOf(banner)))
        .filter(([name, one]) => one.get).map(([name, one]) => [name, Boolean(one.set)]))"""
FITS = """text => {
    const [said, bar] = [text, text.closest(".bar")].map(one => one.getBoundingClientRect());
    return said.top >= bar.top && said.bottom <= bar.bottom;
}"""

expect.set_options(timeout=PATIENCE_MS)


@dataclass(frozen=True, slots=True)
class FrontEnd:
    """A server of somebody else's pages: known to agents by one origin, and a stranger by another."""

    port: int
    folder: Path

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def strange_origin(self) -> str:
        return f"http://localhost:{self.port}"

    def data(self, **settings: str) -> Path:
        """A desk's folder, whose configuration lets this front end's pages in."""
        folder = self.folder / "desk"
        folder.mkdir()
        text = Path(shipped_configuration()).read_text(encoding="utf-8")
        lines = [f'{key} = "{value}"' for key, value in settings.items()]
        lines.append(f'allowed_origins = ["{self.origin}"]')
        if "host" in settings:
            text = text.replace('host = "127.0.0.1"\n', "", 1)
        text = text.replace("[server]\n", "\n".join(["[server]", *lines, ""]), 1)
        (folder / "agent.toml").write_text(text)
        (folder / "agent.toml").chmod(0o600)
        return folder


@pytest.fixture
async def front_end(tmp_path: Path) -> AsyncIterator[FrontEnd]:
    async def page(request: web.Request) -> web.Response:
        agent = request.query["agent"]
        policy = {"Content-Security-Policy": STRICT.format(agent=agent)}
        return web.Response(text=HTML.format(agent=agent), content_type="text/html", headers=policy)

    app = web.Application()

    async def module(request: web.Request) -> web.Response:
        return web.Response(body=(STATIC / "banner.js").read_bytes(), content_type="text/javascript")

    app.router.add_get("/", page)
    app.router.add_get("/banner.js", module)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    listener = socket.create_server(("127.0.0.1", 0))
    await web.SockSite(runner, listener).start()
    yield FrontEnd(listener.getsockname()[1], tmp_path)
    await runner.cleanup()


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    if not Path(CHROMIUM).exists():
        pytest.fail(f"{CHROMIUM} is missing: install Debian's chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest.fixture
async def open_banner(browser: Browser, front_end: FrontEnd) -> AsyncIterator[Callable[..., Any]]:
    """Open a page that has the banner; what the browser complains of fails the test at its end."""
    complaints: list[str] = []
    contexts = []

    async def begin(
        agent: str, *, origin: str | None = None, blocked: re.Pattern[str] | None = None, **settings: Any
    ) -> Page:
        context = await browser.new_context(**{"viewport": DESKTOP, **settings})
        contexts.append(context)
        page = await context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if _is_complaint(said) else None)
        await page.clock.install()
        await page.add_init_script(
            """window.told = []; addEventListener("DOMContentLoaded", () =>
                 document.querySelector("openbell-banner").addEventListener("change", ({ detail }) =>
                   window.told.push(`${detail.contact} ${detail.health?.code}`)));"""
        )
        if blocked is not None:
            await page.route(blocked, lambda route: route.abort())
        await page.goto(f"{origin or front_end.origin}/?agent={agent}")
        return page

    yield begin
    for context in contexts:
        await context.close()
    assert complaints == []


def _is_complaint(said: Any) -> bool:
    return said.type == "error" and "Failed to load resource" not in said.text and "CORS" not in said.text


def banner(page: Page) -> Locator:
    return page.locator("openbell-banner")


def headline(page: Page, text: str) -> Any:
    return expect(banner(page).locator(".headline")).to_have_text(text)


def tone(page: Page, name: str) -> Any:
    return expect(banner(page).locator(".banner")).to_have_attribute("data-tone", name)


async def of(page: Page, name: str) -> Any:
    return await banner(page).evaluate(f"banner => banner.{name}")


async def test_a_page_of_a_listed_origin_shows_the_answer_and_follows_the_login(
    open_desk: Callable[..., Any], front_end: FrontEnd, open_banner: Callable[..., Any]
) -> None:
    desk = await open_desk(at=LIVE, data=front_end.data())
    page = await open_banner(desk.url)
    await headline(page, "Broker login needed")
    await tone(page, "red")
    await expect(banner(page).get_by_role("group", name="openbell: Critical")).to_be_visible()
    button = banner(page).get_by_role("link", name="Log in to the broker")
    assert await button.get_attribute("href") == f"{desk.url}/api/auth/login?machine=auth"
    async with page.context.expect_page() as opening:
        await button.click()
    login = await opening.value
    assert await login.evaluate("window.opener") is None
    await login.get_by_role("button", name="Log in").click()
    await login.get_by_role("button", name="Log in as").click()
    await login.wait_for_url(re.compile(r"/$"))
    await headline(page, "The market is open")
    await tone(page, "green")
    await expect(button).to_be_hidden()
    assert (await of(page, "contact"), await of(page, "via")) == ("live", "stream")
    told = await page.evaluate("window.told")
    assert told[0].startswith("live ")
    assert told[-1] == "live LIVE"


async def test_a_page_of_another_origin_reads_nothing_and_shows_its_own_words(
    open_desk: Callable[..., Any], front_end: FrontEnd, open_banner: Callable[..., Any]
) -> None:
    desk = await open_desk(at=LIVE, data=front_end.data())
    page = await open_banner(desk.url, origin=front_end.strange_origin)
    await expect(page.get_by_text("The agent is not reached.")).to_be_visible()
    assert await page.evaluate("customElements.get('openbell-banner') === undefined")
    for path in ("/banner.js", "/api/system/health", "/api/system/events", "/api/system/history"):
        read = "url => fetch(url).then(answer => answer.status, error => error.name)"
        assert await page.evaluate(read, desk.url + path) == "TypeError"
    page = await open_banner(desk.url)
    await headline(page, "Broker login needed")
    assert await page.evaluate(read, desk.url + "/api/system/health") == 200
    assert await page.evaluate(read, desk.url + "/api/system/history") == "TypeError"


async def test_a_killed_agent_turns_the_banner_grey_and_its_return_is_noticed(
    open_desk: Callable[..., Any],
    front_end: FrontEnd,
    open_banner: Callable[..., Any],
    start: Callable[..., Any],
) -> None:
    folder = front_end.data()
    desk = await open_desk(at=LIVE, data=folder)
    page = await open_banner(desk.url)
    await desk.login()
    await headline(page, "The market is open")
    desk.program.kill()
    await desk.program.ended()
    await headline(page, "The market is open")
    await page.clock.fast_forward("00:31")
    await headline(page, "Out of contact")
    await tone(page, "grey")
    assert await of(page, "contact") == "lost"
    assert (await page.evaluate("window.told"))[-1] == "lost LIVE"
    await expect(banner(page).locator(".action")).to_be_hidden()
    ports = [str(urlsplit(url).port) for url in (desk.url, desk.broker)]
    again = ["--port", ports[0], "--broker-port", ports[1], "--data-dir", str(folder)]
    program = await start("demo", *again, "--at", LIVE)
    await program.says("openbell is ready")
    await expect(banner(page).locator(".headline")).not_to_have_text("Out of contact")
    assert await of(page, "contact") == "live"


async def test_where_the_stream_does_not_get_through_the_banner_asks_and_then_streams_again(
    open_desk: Callable[..., Any], front_end: FrontEnd, open_banner: Callable[..., Any]
) -> None:
    desk = await open_desk(at=LIVE, data=front_end.data())
    blocked = re.compile("/api/system/events")
    page = await open_banner(desk.url, blocked=blocked)
    await headline(page, "Broker login needed")
    assert await of(page, "via") == "poll"
    async with page.expect_response(lambda answer: answer.status == 304) as unchanged:
        await page.clock.run_for(6_000)
    assert (await unchanged.value).request.headers["if-none-match"].startswith('"')
    await desk.login()
    await page.clock.run_for(6_000)
    await headline(page, "The market is open")
    await page.unroute(blocked)
    async with asyncio.timeout(PATIENCE_MS / 1000):
        while await of(page, "via") != "stream":
            await page.clock.run_for(1_000)


async def test_a_page_that_nobody_sees_holds_no_connection_and_neither_does_a_banner_taken_away(
    open_desk: Callable[..., Any], front_end: FrontEnd, open_banner: Callable[..., Any]
) -> None:
    desk = await open_desk(at=LIVE, data=front_end.data())
    page = await open_banner(desk.url)
    await headline(page, "Broker login needed")
    is_stream = re.compile("/api/system/events").search
    async with page.expect_event("requestfailed", lambda request: is_stream(request.url)):
        await page.evaluate(SEEN, "hidden")
    await page.clock.fast_forward("00:31")
    await expect(banner(page)).to_have_js_property("contact", "lost")
    async with page.expect_request(lambda request: bool(is_stream(request.url))):
        await page.evaluate(SEEN, "visible")
    await headline(page, "Broker login needed")
    async with page.expect_event("requestfailed", lambda request: is_stream(request.url)):
        await page.evaluate("window.kept = document.querySelector('openbell-banner'); window.kept.remove()")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.clock.run_for(60_000)
    assert asked == []
    assert await page.evaluate("window.kept.contact") == "lost"
    await page.evaluate("document.querySelector('main').append(window.kept)")
    await headline(page, "Broker login needed")


async def test_the_banner_is_for_keyboards_screen_readers_and_the_smallest_phone(
    open_desk: Callable[..., Any], front_end: FrontEnd, open_banner: Callable[..., Any]
) -> None:
    desk = await open_desk(at=LIVE, data=front_end.data())
    page = await open_banner(desk.url, viewport={"width": 320, "height": 640})
    top = await page.locator("#below").bounding_box()
    await headline(page, "Broker login needed")
    assert await page.locator("#below").bounding_box() == top
    assert await banner(page).locator(".headline").evaluate(FITS)
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await page.clock.run_for(1_000)
    await expect(banner(page).get_by_role("alert")).to_contain_text("Critical: Broker login needed.")
    await page.keyboard.press("Tab")
    await expect(banner(page).get_by_role("link", name="Log in")).to_be_focused()
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    toggle = banner(page).get_by_role("button", name="Details", expanded=True)
    await expect(toggle).to_be_focused()
    await expect(banner(page)).to_have_attribute("open", "")
    explained = banner(page).locator(".problem", has_text="AUTH_REQUIRED").locator("li")
    await expect(explained).to_contain_text("FEED_DISCONNECTED")
    await expect(banner(page).get_by_role("row", name="feed")).to_contain_text("DISCONNECTED")
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)
        found = await Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
    await page.keyboard.press("Escape")
    await expect(banner(page).get_by_role("button", name="Details", expanded=False)).to_be_focused()


async def test_a_page_themes_the_banner_and_the_types_say_what_it_has(
    front_end: FrontEnd, open_banner: Callable[..., Any]
) -> None:
    page = await open_banner(front_end.origin)
    await headline(page, "Connecting…")
    await page.clock.run_for(9_000)
    await headline(page, "The agent does not answer")
    await page.evaluate(
        """sheet => {
            const own = new CSSStyleSheet();
            own.replaceSync(sheet);
            document.adoptedStyleSheets = [own];
        }""",
        "openbell-banner { --openbell-grey: rgb(1, 2, 3); --openbell-height: 80px; }"
        "openbell-banner::part(headline) { font-size: 30px; }",
    )
    await expect(banner(page).locator(".bar")).to_have_css("background-color", "rgb(1, 2, 3)")
    await expect(banner(page).locator(".bar")).to_have_css("height", "80px")
    await expect(banner(page).locator(".headline")).to_have_css("font-size", "30px")
    assert await banner(page).evaluate(MEMBERS) == declared_members()
    assert await banner(page).evaluate("banner => banner.constructor.observedAttributes") == ["src", "open"]
    assert f"observedAttributes: readonly {json.dumps(['src', 'open'])}" in TYPES


def declared_members() -> dict[str, bool]:
    """The properties of the element by its types, and whether they can be set."""
    body = TYPES.partition("export declare class OpenbellBanner")[2].partition("addEventListener")[0]
    found = re.findall(r"^  (readonly )?(\w+): ", body, re.MULTILINE)
    return {name: not readonly for readonly, name in found}


async def test_an_agent_that_wants_a_token_is_read_with_one(
    open_desk: Callable[..., Any], front_end: FrontEnd, open_banner: Callable[..., Any]
) -> None:
    read, control = "a-token-to-read-with", "a-token-to-control-with"
    folder = front_end.data(host="0.0.0.0", read_token=read, control_token=control)
    desk = await open_desk(at=LIVE, data=folder)
    agent = desk.url.replace("0.0.0.0", "127.0.0.1")
    page = await open_banner(agent)
    await headline(page, "Not allowed to read")
    await tone(page, "grey")
    assert await of(page, "contact") == "lost"
    await page.evaluate("token => (document.querySelector('openbell-banner').token = token)", read)
    await headline(page, "Broker login needed")
    assert (await of(page, "contact"), await of(page, "via")) == ("live", "stream")
    assert read not in await page.content()
