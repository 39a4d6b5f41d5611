"""The way to the broker and back: each return that is none ends in a clear page and changes nothing."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import Any

import pytest
from yarl import URL


@asynccontextmanager
async def nothing_changes(desk, *, exchanges: int = 0):
    """Whatever is done meanwhile leaves token, file and state alone, and asks the broker so often."""
    before = (await desk.auth(), desk.env, await desk.exchanges())
    yield
    assert (await desk.auth(), desk.env) == before[:2]
    assert await desk.exchanges() - before[2] == exchanges


def check_page(page, status: int, title: str, text: str) -> None:
    """A page of ours with one title and one sentence, and nothing of the broker's tokens."""
    assert (page.status, page.headers["Content-Type"].split(";")[0]) == (status, "text/html")
    assert f"<h1>{title}</h1>" in page.text
    assert text in page.text
    assert "request_token" not in page.text


NOT_HERE = (403, "This login was not begun here", "Nothing has changed.")


async def test_a_login_leads_to_the_status_page_and_a_token_that_the_broker_proved(open_web_desk) -> None:
    async with open_web_desk() as desk:
        done = await desk.browser.get(await desk.came_back())
        assert (done.status, done.location) == (303, "/")
        assert desk.env is not None
        assert (await desk.auth())[:2] == ("VALID", "VERIFIED")
        assert await desk.exchanges() == 1


async def test_a_second_return_of_the_same_login_is_a_page_and_no_second_exchange(open_web_desk) -> None:
    async with open_web_desk() as desk:
        back = await desk.came_back()
        await desk.browser.get(back)
        async with nothing_changes(desk):
            check_page(await desk.browser.get(back), *NOT_HERE)


async def test_of_many_returns_at_once_one_is_taken(open_web_desk) -> None:
    async with open_web_desk() as desk:
        back = await desk.came_back()
        pages = await asyncio.gather(*(desk.browser.get(back) for _ in range(5)))
        assert sorted(page.status for page in pages) == [303, 403, 403, 403, 403]
        assert await desk.exchanges() == 1


async def test_a_return_in_another_browser_is_refused_and_is_left_for_its_own(open_web_desk) -> None:
    async with open_web_desk() as desk:
        back = await desk.came_back()
        async with nothing_changes(desk):
            check_page(await desk.other_browser.get(back), *NOT_HERE)
        assert (await desk.browser.get(back)).status == 303


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda url: url.without_query_params("state"), id="no state"),
        pytest.param(lambda url: url.update_query(state="mine"), id="a foreign state"),
        pytest.param(lambda url: url.with_query(None), id="nothing at all"),
    ],
)
async def test_a_return_without_the_state_that_was_given_out_is_refused(open_web_desk, spoil) -> None:
    async with open_web_desk() as desk:
        back = await desk.came_back()
        async with nothing_changes(desk):
            check_page(await desk.browser.get(str(spoil(URL(back)))), *NOT_HERE)
        assert (await desk.browser.get(back)).status == 303


async def test_a_return_ahead_of_a_persons_wish_or_of_absurd_length_is_not_taken(open_web_desk) -> None:
    async with open_web_desk() as desk:
        back = await desk.came_back()
        async with nothing_changes(desk):
            early = await desk.browser.get(back, headers={"Sec-Purpose": "prefetch"})
            check_page(early, 400, "Not taken", "not a return from the broker")
            long = await desk.browser.get(f"{back}&more={'x' * 5000}")
            check_page(long, 400, "Not taken", "not a return from the broker")
        assert (await desk.browser.get(back)).status == 303


async def test_a_denied_consent_is_said_and_nothing_is_asked_of_the_broker(open_web_desk) -> None:
    async with open_web_desk() as desk:
        back = await desk.came_back("deny")
        async with nothing_changes(desk):
            page = await desk.browser.get(back)
            check_page(page, 400, "Not logged in", "The login was cancelled at the broker.")
            check_page(await desk.browser.get(back), *NOT_HERE)


async def test_a_request_token_that_another_program_used_is_said_to_be_used_up(open_web_desk) -> None:
    async with open_web_desk() as desk:
        back = await desk.came_back()
        await desk.exchange_elsewhere(back)
        async with nothing_changes(desk, exchanges=1):
            check_page(await desk.browser.get(back), 400, "Not logged in", "used up or too old")


async def test_a_request_token_of_a_former_login_is_not_exchanged_under_a_new_state(open_web_desk) -> None:
    async with open_web_desk() as desk:
        first = await desk.came_back()
        await desk.browser.get(first)
        second = await desk.came_back()
        replayed = URL(first).update_query(state=URL(second).query["state"])
        async with nothing_changes(desk):
            check_page(await desk.browser.get(str(replayed)), 400, "Not logged in", "completed already")


@pytest.mark.parametrize(
    ("values", "fault", "text"),
    [
        pytest.param(
            {"machines__auth__api_secret": "wrong"}, None, "is not that of `api_key`", id="a wrong checksum"
        ),
        pytest.param(
            {"machines__auth__user_id": "ZZ9999"}, None, "another user&#x27;s account", id="another user"
        ),
        pytest.param({}, {"fault": "error", "status": 502}, "an error of its own", id="a broken broker"),
        pytest.param({}, {"fault": "rate-limit"}, "limits the rate", id="too many requests"),
        pytest.param({}, {"fault": "forbidden"}, "does not permit this app", id="a forbidden app"),
        pytest.param({}, {"fault": "drop"}, "could not be reached", id="no network"),
        pytest.param({}, {"fault": "garbage", "kind": "html"}, "an error of its own", id="a page of HTML"),
    ],
)
async def test_what_the_broker_refuses_is_shown_in_words(
    open_web_desk, values: dict[str, Any], fault: dict[str, Any] | None, text: str
) -> None:
    async with open_web_desk(**values) as desk:
        back = await desk.came_back()
        if fault is not None:
            await desk.sim("rest", **fault)
        async with nothing_changes(desk, exchanges=1):
            check_page(await desk.browser.get(back), 400, "Not logged in", text)


async def test_a_login_that_could_not_be_completed_does_not_begin(open_web_desk) -> None:
    async with open_web_desk(machines__auth__api_secret=None) as desk:
        await desk.browser.get(desk.url + "/")
        page = await desk.browser.get(desk.url + "/api/auth/login")
        check_page(page, 502, "The login cannot begin", "`api_secret` is missing in agent.toml")


async def test_a_machine_that_has_no_login_is_named_with_those_that_have_one(open_web_desk) -> None:
    async with open_web_desk() as desk:
        page = await desk.browser.get(desk.url + "/api/auth/login?machine=%3Cb%3E")
        check_page(page, 404, "No such login", "The machines with a login are: auth.")


async def test_the_way_out_leads_to_the_broker_alone_and_its_return_to_the_status_page(
    open_web_desk,
) -> None:
    async with open_web_desk() as desk:
        await desk.browser.get(desk.url + "/")
        strange = "?machine=auth&next=https://evil.example&redirect=https://evil.example"
        begun = await desk.browser.get(desk.url + "/api/auth/login" + strange)
        assert begun.location.startswith(desk.broker + "/connect/login?")
        assert "evil" not in begun.location
        back = (await desk.browser.get(f"{begun.location}&approve=1")).location
        done = await desk.browser.get(f"{back}&next=https://evil.example")
        assert done.location == "/"
