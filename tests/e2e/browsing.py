"""A person's browser: Debian's Chromium, and what it is looked at for."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.async_api import Page, expect

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


def is_complaint(said: Any) -> bool:
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


async def tab_to(page: Page, text: str, *, most: int = 60) -> None:
    """Press the Tab key until what has the focus says this."""
    for _ in range(most):
        await page.keyboard.press("Tab")
        if await page.evaluate("document.activeElement.textContent") == text:
            return
    raise AssertionError(f"{text!r} is not reached by the Tab key")


async def shifts(page: Page) -> float:
    """How much of the page has moved so far, other than at once after a press, as browsers count it."""
    return await page.evaluate(
        """() => new Promise((resolve) => {
            let sum = 0;
            const add = (one) => (sum += one.hadRecentInput ? 0 : one.value);
            new PerformanceObserver((list) => list.getEntries().forEach(add))
                .observe({ type: "layout-shift", buffered: true });
            requestAnimationFrame(() => setTimeout(() => resolve(sum), 0));
        })"""
    )
