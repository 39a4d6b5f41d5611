"""The fleet's page in a real browser: two hundred desks on one screen, live, for everybody."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, expect

from agent.errors import StoreError
from agent.fleet.word import packed, unpacked
from agent.health.document import Outcome
from agent.model import Severity

from .browsing import PHONE, SMALLEST, headline, is_complaint, is_wider_than_its_window, tab_to
from .invented_fleet import InventedFleet, invented_fleet

LAPTOP = {"width": 1440, "height": 900}


@pytest.fixture
async def fleet() -> AsyncIterator[InventedFleet]:
    async with invented_fleet() as served:
        yield served


@pytest.fixture
async def open_fleet(browser: Browser, fleet: InventedFleet) -> AsyncIterator[Any]:
    """Open the page; what the browser complains of fails the test at its end."""
    contexts: list[Any] = []
    complaints: list[str] = []

    async def begin(query: str = "", **settings: Any) -> Page:
        known = {"viewport": LAPTOP, "timezone_id": "Asia/Kolkata", "locale": "en-GB"}
        context = await browser.new_context(**{**known, **settings})
        contexts.append(context)
        page = await context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if is_complaint(said) else None)
        await page.goto(f"{fleet.url}/fleet{query}")
        await expect(page.locator("#contact")).to_have_text("live")
        return page

    yield begin
    for context in contexts:
        await context.close()
    assert complaints == []


def card(page: Page, desk: str) -> Any:
    return page.locator(".card").filter(has=page.get_by_role("button", name=desk, exact=True))


async def test_two_hundred_desks_are_on_one_screen_the_worst_first(open_fleet: Any) -> None:
    page = await open_fleet()
    await headline(page, "10 of 197 desks need somebody")
    names = await page.locator(".card .name").all_text_contents()
    assert names[:4] == ["bengaluru-13", "chennai-01", "pune-03", "pune-06"]
    assert names[4:6] == ["delhi-09", "pune-16"]
    assert len(names) == 10
    await expect(page.locator(".desk")).to_have_count(190)
    seen = await page.evaluate(
        "[...document.querySelectorAll('.card, .desk')]"
        ".filter((one) => one.getBoundingClientRect().bottom <= innerHeight).length"
    )
    assert seen >= 180
    assert not await is_wider_than_its_window(page)
    await expect(page.locator("#backlog")).to_contain_text("2 notices wait to be delivered, the oldest for")


async def test_a_silent_desk_is_grey_and_says_for_how_long_and_what_it_said_last(
    fleet: InventedFleet, open_fleet: Any
) -> None:
    page = await open_fleet()
    fleet.silence("kolkata-01", 12)
    silent = card(page, "kolkata-01")
    await expect(silent).to_contain_text("Not heard of")
    await expect(silent).to_contain_text("kolkata-01 has not been heard of for")
    await expect(silent).to_contain_text("(it said LIVE last)")
    await expect(silent).to_have_attribute("data-tone", "grey")
    lost_standby = card(page, "mumbai-02")
    await expect(lost_standby).to_have_attribute("data-tone", "yellow")
    await expect(lost_standby).to_contain_text("lost: mumbai-02-b")


async def test_what_changes_is_there_at_once_and_the_rest_stays_as_it_is(
    fleet: InventedFleet, open_fleet: Any
) -> None:
    page = await open_fleet()
    await page.get_by_role("button", name="delhi-01", exact=True).focus()

    def stale(row: Any) -> Any:
        told = {
            "code": "FEED_STALE",
            "severity": Severity.CRITICAL,
            "status": Outcome.FAIL,
            "message": "quiet",
        }
        return replace(row, word=packed(unpacked(row.word).model_copy(update=told)))

    fleet.change("delhi-02", stale)
    await expect(card(page, "delhi-02")).to_contain_text("The feed has gone quiet")
    await headline(page, "11 of 197 desks need somebody")
    focused = await page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert focused == "delhi-01"


async def test_the_address_has_what_is_chosen(open_fleet: Any) -> None:
    page = await open_fleet()
    await page.get_by_role("checkbox", name="critical").check(force=True)
    await expect(page.locator(".card")).to_have_count(4)
    await expect(page.locator(".desk")).to_have_count(0)
    await page.get_by_role("combobox", name="Account").select_option("account-06")
    await expect(page.locator(".card")).to_have_count(2)
    await expect(page.locator("#chosen")).to_have_text("2 of 200 desks")
    assert page.url.endswith("/fleet?state=critical&group=account-06")
    again = await open_fleet("?state=critical&group=account-06")
    await expect(again.locator(".card")).to_have_count(2)
    other = await open_fleet("?desk=hyderabad")
    await expect(other.locator(".desk")).to_have_count(25)
    await other.get_by_role("searchbox", name="Desk").fill("nowhere")
    await expect(other.locator("#none")).to_be_visible()


async def test_a_desk_in_full_with_the_keyboard_alone(open_fleet: Any) -> None:
    page = await open_fleet()
    await tab_to(page, "pune-03")
    await page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="pune-03")
    await expect(dialog).to_contain_text("asha is at it")
    await expect(dialog).to_contain_text("STALE")
    await expect(dialog).to_contain_text("pune-03-b stands by, heard of")
    page_link = dialog.get_by_role("link", name="Open its page")
    await expect(page_link).to_have_attribute("href", "https://pune-03.example/")
    incident = dialog.get_by_role("link", name="Incident")
    await expect(incident).to_have_attribute("href", "https://pune-03.example/#incidents")
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()


async def test_differing_configurations_are_flagged_and_explained(open_fleet: Any) -> None:
    page = await open_fleet()
    tile = page.get_by_role("button", name="pune-04, pune-04-b stands by, configurations differ")
    await expect(tile).to_contain_text("≠")
    await tile.click()
    await expect(page.get_by_role("dialog")).to_contain_text("after a takeover other rules would hold")


async def test_without_the_store_nothing_keeps_its_colour(fleet: InventedFleet, open_fleet: Any) -> None:
    page = await open_fleet()
    await page.clock.install()
    fleet.error = StoreError("db:5432/openbell: nobody listens there")
    await headline(page, "The others cannot be seen")
    await expect(page.locator(".card")).to_have_count(196)
    await expect(page.locator(".card").first).to_contain_text("Cannot be seen from here")
    fleet.error = None
    fleet.view.wake()
    await headline(page, "10 of 197 desks need somebody")


async def test_out_of_contact_nothing_is_to_be_trusted_and_it_comes_back(
    fleet: InventedFleet, open_fleet: Any
) -> None:
    page = await open_fleet()
    await page.clock.install()
    await page.context.set_offline(True)
    await page.evaluate("window.stop()")
    await page.clock.fast_forward("00:40")
    await headline(page, "Out of contact")
    await expect(page.locator("html")).to_have_attribute("data-contact", "lost")
    await page.context.set_offline(False)
    await page.clock.fast_forward("00:20")
    await expect(page.locator("#contact")).to_have_text("live")


@pytest.mark.parametrize("viewport", [LAPTOP, PHONE, SMALLEST], ids=["laptop", "phone", "smallest"])
async def test_nobody_is_shut_out(open_fleet: Any, viewport: dict[str, int]) -> None:
    """Nothing that axe complains of, in light and in dark, and nothing wider than the window."""
    page = await open_fleet(viewport=viewport, reduced_motion="reduce")
    for state in ("all", "details"):
        if state == "details":
            await page.get_by_role("button", name="chennai-01", exact=True).click()
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme=scheme)
            found = await Axe().run(page)
            named = [
                (one["id"], [node["target"] for node in one["nodes"]][:3])
                for one in found.response["violations"]
            ]
            assert named == [], (state, scheme)
    assert not await is_wider_than_its_window(page)
