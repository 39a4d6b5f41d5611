"""Takes the pictures of this folder: the main states of the page and its past, of a demo; and the fleet."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from past import write_past
from playwright.sync_api import Browser, Page, expect, sync_playwright

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-background-networking"]
BEFORE_THE_BELL = "2026-11-23T09:14:40+05:30"
OPENS = datetime.fromisoformat("2026-11-23T09:15:00+05:30")
PAST_DAYS = 45
PAINT_MS = 500
VIEWS = {
    "": {"viewport": {"width": 1180, "height": 760}},
    "-phone": {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark", "is_mobile": True},
}
FLEET_VIEWS = {"": {"viewport": {"width": 1440, "height": 900}}}

expect.set_options(timeout=40_000)


@contextmanager
def demo() -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """A demo on free ports, with the addresses of its page and of its broker."""
    ports = ["--port", "0", "--broker-port", "0"]
    with tempfile.TemporaryDirectory() as folder:
        write_past(Path(folder) / "data", OPENS, PAST_DAYS)
        command = [sys.executable, "-m", "agent.cli", "demo", *ports, "--at", BEFORE_THE_BELL]
        process = subprocess.Popen(  # noqa: S603 - this very program
            [*command, "--data-dir", folder], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        try:
            ready = process.stdout.readline() if process.stdout is not None else ""
            page, broker = re.findall(r"http://[\d.:]+\d", ready)
            yield process, page, broker
        finally:
            process.kill()
            process.wait()


def open_pages(
    browser: Browser, address: str, views: Mapping[str, Mapping[str, Any]] = VIEWS
) -> dict[str, Page]:
    """The page in each view."""
    pages = {}
    for name, view in views.items():
        pages[name] = browser.new_context(
            timezone_id="Asia/Kolkata", reduced_motion="reduce", **view
        ).new_page()
        pages[name].clock.install()
        pages[name].goto(address)
    return pages


def take(pages: dict[str, Page], state: str, headline: str) -> None:
    """Wait for a headline in each view and keep what is seen."""
    for name, page in pages.items():
        expect(page.get_by_role("heading", level=1)).to_have_text(headline)
        expect(page.locator("#day")).to_be_visible()
        page.screenshot(path=HERE / f"{state}{name}.png")


def take_the_past(pages: dict[str, Page]) -> None:
    """The story of an incident, and the availability of the last weeks."""
    for name, page in pages.items():
        page.locator("#availability").scroll_into_view_if_needed()
        expect(page.locator("#plot .column")).not_to_have_count(0)
        page.locator("#availability").evaluate("(place) => place.scrollIntoView({ block: 'end' })")
        page.screenshot(path=HERE / f"past{name}.png")
        story = page.locator(".incident", has_text="Broker login needed").first
        story.locator("summary").click()
        expect(story.locator("li")).not_to_have_count(0)
        story.evaluate("(place) => place.scrollIntoView()")
        page.wait_for_timeout(PAINT_MS)
        page.screenshot(path=HERE / f"incident{name}.png")
        page.evaluate("scrollTo(0, 0)")


@contextmanager
def fleet() -> Iterator[str]:
    """The address of an agent with two hundred invented desks behind it."""
    command = [sys.executable, "-m", "tests.e2e.invented_fleet"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)  # noqa: S603 - our own
    try:
        yield process.stdout.readline().strip() if process.stdout is not None else ""
    finally:
        process.kill()
        process.wait()


def take_the_fleet(browser: Browser) -> None:
    with fleet() as address:
        for name, page in open_pages(browser, f"{address}/fleet", VIEWS | FLEET_VIEWS).items():
            expect(page.locator("#contact")).to_have_text("live")
            expect(page.locator(".desk")).not_to_have_count(0)
            page.wait_for_timeout(PAINT_MS)
            page.screenshot(path=HERE / f"fleet{name}.png")


def log_in(page: Page) -> None:
    page.get_by_role("link", name="Log in to the broker").click()
    page.get_by_role("button", name="Log in as").click()


def stall_the_feed(page: Page, broker: str) -> None:
    page.request.post(f"{broker}/sim/feed", data={"fault": "stall"})


def main() -> None:
    if not Path(CHROMIUM).exists():
        sys.exit(f"{CHROMIUM} is missing: install Debian's chromium")
    with demo() as (process, address, broker), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        pages = open_pages(browser, address)
        take(pages, "login", "Broker login needed")
        log_in(pages[""])
        for page in pages.values():
            expect(page.locator("#ready")).to_have_text("Ready")
        take(pages, "pre-open", "Soon the bell rings")
        take(pages, "live", "The market is open")
        stall_the_feed(pages[""], broker)
        take(pages, "feed-stale", "The feed has gone quiet")
        take_the_past(pages)
        process.kill()
        for page in pages.values():
            page.clock.fast_forward(31_000)
        take(pages, "out-of-contact", "Out of contact")
        take_the_fleet(browser)
        browser.close()


if __name__ == "__main__":
    main()
