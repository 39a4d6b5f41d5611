"""A signed link in a notice: a phone needs nothing else, a preview does no harm, and it works once."""

from __future__ import annotations

import asyncio

import pytest

from agent.web.login import STATE_COOKIE

PREVIEWS = (
    {"User-Agent": "Slackbot-LinkExpanding 1.0"},
    {"User-Agent": "facebookexternalhit/1.1", "Range": "bytes=0-1000"},
    {"Sec-Purpose": "prefetch;prerender"},
)

ELSEWHERE = {
    "server__host": "0.0.0.0",
    "server__read_token": "the-read-token-of-this-test",
}


async def test_opening_a_link_shows_a_button_and_spends_nothing(open_web_desk) -> None:
    async with open_web_desk() as desk:
        link = await desk.link()
        for headers in PREVIEWS * 2:
            page = await desk.other_browser.get(link, headers=headers)
            assert page.status == 200
            assert "<button>Log in</button>" in page.text
            assert "Set-Cookie" not in page.headers
        assert (await desk.other_browser.get(link, method="HEAD")).status in (200, 405)
        assert (await desk.browser.get(link, method="POST")).status == 303


async def test_a_press_ahead_of_a_persons_wish_spends_nothing(open_web_desk) -> None:
    async with open_web_desk() as desk:
        link = await desk.link()
        early = await desk.browser.get(link, method="POST", headers={"Sec-Purpose": "prefetch"})
        assert early.status == 400
        assert (await desk.browser.get(link, method="POST")).status == 303


async def test_a_phone_logs_in_by_the_link_alone_at_an_agent_that_asks_others_for_a_token(
    open_web_desk,
) -> None:
    async with open_web_desk(**ELSEWHERE) as desk:
        link = await desk.link()
        phone = desk.other_browser
        assert (await phone.get(desk.url + "/api/auth/login")).status == 401
        page = await phone.get(link)
        assert "This begins the login of auth at my-desk." in page.text
        assert 'href="/"' not in page.text
        begun = await phone.get(link, method="POST")
        assert begun.location.startswith(desk.broker)
        back = (await phone.get(f"{begun.location}&approve=1")).location
        done = await phone.get(back)
        assert (done.status, done.location) == (303, "/api/auth/done")
        assert "<h1>Logged in</h1>" in (await phone.get(desk.url + done.location)).text
        assert (await desk.auth())[:2] == ("VALID", "VERIFIED")
        assert (await phone.get(desk.url + "/api/system/health")).status == 401


async def test_a_link_begins_one_login_however_many_press_at_once(open_web_desk) -> None:
    async with open_web_desk() as desk:
        link = await desk.link()
        pages = await asyncio.gather(*(desk.browser.get(link, method="POST") for _ in range(5)))
        assert sorted(page.status for page in pages) == [303, 410, 410, 410, 410]
        for spent in [await desk.browser.get(link), *(page for page in pages if page.status == 410)]:
            assert "was used already" in spent.text
            assert STATE_COOKIE not in str(spent.headers.getall("Set-Cookie", []))


async def test_a_link_that_was_spent_stays_so_over_a_restart_and_another_works_on(open_web_desk) -> None:
    async with open_web_desk() as desk:
        spent, fresh = await desk.link(), await desk.link()
        await desk.browser.get(spent, method="POST")
        before = desk.url
    async with open_web_desk() as desk:
        assert (await desk.browser.get(spent.replace(before, desk.url), method="POST")).status == 410
        assert (await desk.browser.get(fresh.replace(before, desk.url), method="POST")).status == 303


@pytest.mark.parametrize("ticket", ["x", "x.y", "é", "W10.AAAA", "x" * 5000])
async def test_a_link_that_is_not_ours_is_refused_in_words(open_web_desk, ticket: str) -> None:
    async with open_web_desk() as desk:
        for method in ("GET", "POST"):
            page = await desk.browser.get(f"{desk.url}/api/auth/link/{ticket}", method=method)
            assert (page.status, "not a whole link" in page.text) == (404, True)


async def test_a_page_of_another_origin_cannot_press_the_button(open_web_desk) -> None:
    async with open_web_desk() as desk:
        link = await desk.link()
        headers = {"Origin": "https://evil.example"}
        assert (await desk.browser.get(link, method="POST", headers=headers)).status == 403
        assert (await desk.browser.get(link, method="POST", headers={"Origin": desk.url})).status == 303


async def test_a_return_in_another_browser_than_the_one_that_pressed_is_refused(open_web_desk) -> None:
    async with open_web_desk() as desk:
        begun = await desk.browser.get(await desk.link(), method="POST")
        back = (await desk.browser.get(f"{begun.location}&approve=1")).location
        assert (await desk.other_browser.get(back)).status == 403
        assert await desk.exchanges() == 0


async def test_a_link_for_a_login_that_cannot_begin_is_not_spent(open_web_desk) -> None:
    async with open_web_desk(machines__auth__api_secret=None) as desk:
        link = await desk.link()
        for _ in range(2):
            page = await desk.browser.get(link, method="POST")
            assert (page.status, "`api_secret` is missing" in page.text) == (502, True)


async def test_only_control_may_have_a_link_made(open_web_desk) -> None:
    async with open_web_desk() as desk:
        assert (await desk.other_browser.get(desk.url + "/api/auth/link", method="POST")).status == 401
