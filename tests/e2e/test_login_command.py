"""`openbell login` in a terminal, beside a running desk."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

LINK = r"\n  (http\S+)\n"


class Phone:
    """A browser that has never seen the desk."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def redirect(self, url: str, method: str = "GET") -> str:
        async with self._session.request(method, url, allow_redirects=False) as answer:
            assert answer.status in (302, 303), await answer.text()
            return answer.headers["Location"]


@pytest.fixture
async def phone() -> AsyncIterator[Phone]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield Phone(session)


@pytest.fixture
def login(start):
    async def begin(desk, *options: str):
        return await start("login", "-c", str(desk.folder / "agent.toml"), "--url", desk.url, *options)

    return begin


async def test_it_prints_a_link_for_any_browser_and_ends_when_the_broker_takes_the_token(
    open_desk, login, phone
) -> None:
    desk = await open_desk()
    command = await login(desk)
    link = (await command.says(LINK))[1]
    assert link.startswith(f"{desk.url}/api/auth/link/")
    await command.says("Waiting")
    page = await phone.redirect(link, "POST")
    await phone.redirect(await phone.redirect(f"{page}&approve=1"))
    assert await command.ended() == 0
    assert command.output[-1].startswith("auth: VALID. The broker accepts the access token")
    await desk.live()

    again = await login(desk)
    assert await again.ended() == 0
    assert again.output == ["auth: the broker accepts the present token; no login is needed.\n"]


async def test_who_cannot_read_the_control_token_is_given_the_pages_own_link(
    open_desk, start, tmp_path
) -> None:
    desk = await open_desk()
    command = await start("login", "-c", str(tmp_path / "elsewhere.toml"), "--url", desk.url)
    assert (await command.says(LINK))[1] == f"{desk.url}/api/auth/login?machine=auth"
    await command.says("Waiting")
    await desk.login()
    assert await command.ended() == 0


async def test_the_pasted_return_address_completes_a_login_made_anywhere(open_desk, login, phone) -> None:
    desk = await open_desk()
    command = await login(desk, "--paste")
    page = (await command.says(LINK))[1]
    assert page.startswith(f"{desk.broker}/connect/login?")
    await command.is_told(await phone.redirect(f"{page}&approve=1"))
    assert await command.ended() == 0, command.output
    assert "auth: VALID. The broker accepts" in command.output[-1]
    await desk.live()


@pytest.mark.parametrize(
    ("what", "words"),
    [
        pytest.param("deny", "The login was cancelled at the broker.", id="denied"),
        pytest.param(None, "It was begun in another browser, used already", id="not an address at all"),
    ],
)
async def test_a_pasted_address_that_is_no_login_is_said_and_ends_with_one(
    open_desk, login, phone, what, words
) -> None:
    desk = await open_desk()
    command = await login(desk, "--paste")
    page = (await command.says(LINK))[1]
    await command.is_told("hello" if what is None else await phone.redirect(f"{page}&{what}=1"))
    assert await command.ended() == 1
    assert f"Not logged in: {words}" in "".join(command.output)
    document = await desk.get()
    assert document["machines"]["auth"]["reason"] == "MISSING"
    assert not (desk.folder / ".env").exists()
