"""What pages of other origins may read, on a real server."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from agent.config.schema import Server

LISTED = "https://desk.example"
SHARED = ["/banner.js", "/banner.d.ts", "/api/system/health", "/api/system/events"]


async def test_a_listed_origin_reads_what_a_banner_needs_and_no_more(open_web_desk) -> None:
    async with open_web_desk(server__allowed_origins=[LISTED]) as desk:
        for path in [*SHARED, "/api/system/history", "/", "/livez"]:
            async with desk.browser.session.get(desk.url + path, headers={"Origin": LISTED}) as answer:
                assert answer.status == 200
                allowed = answer.headers.get("Access-Control-Allow-Origin")
                assert allowed == (LISTED if path in SHARED else None), path
                assert "Access-Control-Allow-Credentials" not in answer.headers
                assert ("Origin" in ", ".join(answer.headers.getall("Vary", []))) == (path in SHARED)


STRANGERS = {
    "one that begins alike": "https://desk.example.evil",
    "another scheme": "http://desk.example",
    "another port": "https://desk.example:8443",
    "a page without an origin": "null",
    "no page at all": None,
}


async def test_another_origin_is_told_nothing(open_web_desk) -> None:
    asks = {"Access-Control-Request-Method": "GET"}
    async with open_web_desk(server__allowed_origins=[LISTED]) as desk:
        for who, origin in STRANGERS.items():
            headers = {"Origin": origin} if origin is not None else {}
            for path in SHARED:
                async with desk.browser.session.get(desk.url + path, headers=headers) as answer:
                    assert "Access-Control-Allow-Origin" not in answer.headers, who
                    assert "Origin" in ", ".join(answer.headers.getall("Vary")), who
                async with desk.browser.session.options(desk.url + path, headers=headers | asks) as answer:
                    assert answer.status == 405, who
                    assert "Access-Control-Allow-Methods" not in answer.headers, who


async def test_a_browser_that_asks_first_is_answered(open_web_desk) -> None:
    asks = {"Origin": LISTED, "Access-Control-Request-Method": "GET"}
    async with open_web_desk(server__allowed_origins=[LISTED]) as desk:
        async with desk.browser.session.options(f"{desk.url}/api/system/health", headers=asks) as answer:
            assert (answer.status, await answer.read()) == (204, b"")
            assert answer.headers["Access-Control-Allow-Origin"] == LISTED
            assert answer.headers["Access-Control-Allow-Methods"] == "GET"
            assert answer.headers["Access-Control-Allow-Headers"] == "Authorization, If-None-Match"
        async with desk.browser.session.options(f"{desk.url}/api/system/history", headers=asks) as answer:
            assert (answer.status, "Access-Control-Allow-Origin" in answer.headers) == (405, False)
        stranger = asks | {"Host": "evil.example"}
        async with desk.browser.session.options(f"{desk.url}/api/system/health", headers=stranger) as answer:
            assert answer.status == 421


async def test_a_tag_that_still_holds_and_a_missing_token_are_told_to_the_page_as_well(open_web_desk) -> None:
    origin = {"Origin": LISTED}
    closed = {"server__host": "0.0.0.0", "server__read_token": "a-token-to-read-with"}
    async with open_web_desk(server__allowed_origins=[LISTED], **closed) as desk:
        url = f"{desk.url.replace('0.0.0.0', '127.0.0.1')}/api/system/health"
        async with desk.browser.session.get(url, headers=origin) as answer:
            assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (401, LISTED)
        bearer = origin | {"Authorization": "Bearer a-token-to-read-with"}
        async with desk.browser.session.get(url, headers=bearer) as answer:
            assert answer.headers["Access-Control-Expose-Headers"] == "ETag"
            known = bearer | {"If-None-Match": answer.headers["ETag"]}
        async with desk.browser.session.get(url, headers=known) as answer:
            assert answer.headers["Access-Control-Allow-Origin"] == LISTED


async def test_without_a_list_no_page_of_another_origin_is_served(open_web_desk) -> None:
    async with (
        open_web_desk() as desk,
        desk.browser.session.get(f"{desk.url}/api/system/health", headers={"Origin": LISTED}) as answer,
    ):
        assert answer.status == 200
        assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize(
    "origin", [LISTED, "http://localhost:3000", "http://[::1]:3000", "https://xn--d-1fa.example"]
)
def test_an_origin_is_taken_as_a_browser_writes_it(origin: str) -> None:
    assert Server(allowed_origins=[origin]).allowed_origins == [origin]


@pytest.mark.parametrize(
    ("origin", "words"),
    [
        pytest.param("*", "expected an origin such as", id="everyone"),
        pytest.param("https://*.example", "expected an origin such as", id="a pattern"),
        pytest.param("null", "expected an origin such as", id="null"),
        pytest.param("desk.example", "expected an origin such as", id="no scheme"),
        pytest.param("file:///srv/page.html", "expected an origin such as", id="a file"),
        pytest.param("https://desk.example/", 'write "https://desk.example"', id="a slash"),
        pytest.param("https://desk.example/banner", 'write "https://desk.example"', id="a path"),
        pytest.param("https://DESK.example", 'write "https://desk.example"', id="upper case"),
        pytest.param("https://desk.example:443", 'write "https://desk.example"', id="the scheme's own port"),
        pytest.param("https://a:b@desk.example", 'write "https://desk.example"', id="a password"),
        pytest.param("https://desk.example:port", "from 1 to 65535", id="no port"),
        pytest.param("https://bücher.example", "xn--", id="a name in other letters"),
    ],
)
def test_what_is_no_origin_is_refused_with_what_to_write(origin: str, words: str) -> None:
    with pytest.raises(ValidationError, match=words.replace("*", r"\*")):
        Server(allowed_origins=[origin])
