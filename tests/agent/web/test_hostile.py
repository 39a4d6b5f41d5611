"""Hostile requests, to a real agent over real sockets: what each is answered, and that nothing happens."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass

import aiohttp
import pytest

from agent.web.access import SESSION_COOKIE
from agent.web.limits import GUESSES, STEERS_AT_ONCE

from .conftest import CONTROL, OpenWebDesk, WebDesk

DEADLINE_S = 20.0
SILENCES = "/api/system/silences"
BEARER = f"Authorization: {CONTROL['Authorization']}"
JSON = "Content-Type: application/json"
QUIET = json.dumps({"rule": "feed-stale", "duration": "1h", "who": "eve", "why": "x"})


@dataclass(frozen=True)
class Raw:
    """An answer as it came over the wire."""

    status: int
    head: str
    body: bytes

    @property
    def detail(self) -> str:
        return str(json.loads(self.body)["detail"])


async def send(url: str, *lines: str, body: bytes = b"", peer: str = "127.0.0.1") -> Raw:
    """One request, written by hand, on a connection that is closed after it."""
    port = int(url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(peer, 0))
    try:
        writer.write("\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1") + body)
        async with asyncio.timeout(DEADLINE_S):
            whole = await reader.read()
    finally:
        writer.close()
    head, _, rest = whole.partition(b"\r\n\r\n")
    return Raw(int(head.split()[1]), head.decode("latin-1"), rest)


def host(url: str) -> str:
    return f"Host: {url.removeprefix('http://')}"


@pytest.fixture
async def desk(open_web_desk: OpenWebDesk) -> AsyncIterator[WebDesk]:
    async with open_web_desk() as opened:
        yield opened


async def silences(desk: WebDesk) -> list[object]:
    return list(json.loads((await desk.browser.get(desk.url + SILENCES)).text)["silences"])


# Each row: the lines of a request, without those that the others have, and the status it meets.
REQUESTS = [
    pytest.param([f"POST {SILENCES} HTTP/1.1", "Host: evil.example", BEARER, JSON], 421, id="a stranger"),
    pytest.param([f"POST {SILENCES} HTTP/1.1", BEARER, JSON], 400, id="no host"),
    pytest.param([f"POST {SILENCES} HTTP/1.1", "OURS", "OURS", BEARER, JSON], 400, id="two hosts"),
    pytest.param(
        [f"POST {SILENCES} HTTP/1.1", "OURS", BEARER, JSON, "Origin: https://evil.example"],
        403,
        id="another origin",
    ),
    pytest.param([f"POST {SILENCES} HTTP/1.1", "OURS", BEARER, JSON, "Origin: null"], 403, id="no origin"),
    pytest.param(
        [f"POST {SILENCES} HTTP/1.1", "OURS", BEARER, "Content-Type: text/plain"],
        415,
        id="a form that needs no preflight",
    ),
    pytest.param(
        [f"POST {SILENCES} HTTP/1.1", "OURS", BEARER, JSON, "Content-Encoding: gzip"], 415, id="compressed"
    ),
    pytest.param([f"GET {SILENCES}/1 HTTP/1.1", "OURS", BEARER], 405, id="control by GET"),
    pytest.param(["GET /api/system/push/feed HTTP/1.1", "OURS", BEARER], 405, id="push by GET"),
    pytest.param([f"POST {SILENCES}?token=SECRET HTTP/1.1", "OURS", JSON], 401, id="a token in the address"),
    pytest.param(
        [f"POST {SILENCES} HTTP/1.1", "OURS", JSON, "X-Forwarded-For: 127.0.0.1", "X-Forwarded-User: root"],
        401,
        id="words of a proxy that is none",
    ),
    pytest.param(
        [f"POST {SILENCES} HTTP/1.1", "Host: evil.example", BEARER, JSON, "X-Forwarded-Host: OURNAME"],
        421,
        id="a host on another's word",
    ),
    pytest.param(
        [f"POST {SILENCES} HTTP/1.1", "OURS", BEARER, JSON, "Expect: the-unexpected"], 417, id="expects"
    ),
    pytest.param(
        [f"GET {SILENCES} HTTP/1.1", "OURS", BEARER, "X-HTTP-Method-Override: DELETE"],
        200,
        id="another method on its own word",
    ),
    *(
        pytest.param([f"GET {path} HTTP/1.1", "OURS"], 404, id=path)
        for path in (
            "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/schemas/..%2f..%2fdocs.js", "/page.js/..",
            "/schemas/%2e%2e%2f%2e%2e%2findex.html", "//evil.example/", "/static/index.html", "/schemas/%00",
        )
    ),
    pytest.param(["GET /\x00 HTTP/1.1", "OURS"], 400, id="a control sign in the address"),
    pytest.param(["GET / HTTP/9.9", "OURS"], 400, id="a version that there is not"),
    pytest.param(["\x16\x03\x01\x02\x00\x01"], 400, id="TLS where none is"),
    pytest.param([f"GET /{'a' * 9_000} HTTP/1.1", "OURS"], 400, id="an address without end"),
    pytest.param(["GET / HTTP/1.1", "OURS", f"X-Long: {'a' * 9_000}"], 400, id="a header without end"),
    pytest.param(["GET / HTTP/1.1", "OURS", *(f"X-{n}: a" for n in range(200))], 400, id="endless headers"),
    pytest.param(
        [f"POST {SILENCES} HTTP/1.1", "OURS", BEARER, JSON, "Transfer-Encoding: chunked"], 400, id="smuggled"
    ),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "status"), REQUESTS)
async def test_what_is_not_ours_is_refused_as_a_problem_and_changes_nothing(
    desk: WebDesk, lines: list[str], status: int
) -> None:
    lines = [line.replace("OURNAME", desk.url.removeprefix("http://")) for line in lines]
    lines = [host(desk.url) if line == "OURS" else line for line in lines]
    body = QUIET.encode() if lines[0].startswith("POST") else b""
    if body:
        lines.append(f"Content-Length: {len(body)}")
    answer = await send(desk.url, *lines, body=body)
    assert answer.status == status
    if status >= 400:
        assert "Content-Type: application/problem+json" in answer.head
        assert json.loads(answer.body)["status"] == status
    for header in ("X-Content-Type-Options: nosniff", "Content-Security-Policy: default-src 'none'"):
        assert header in answer.head
    assert "Python" not in answer.head
    assert await silences(desk) == []


async def test_a_body_without_end_is_refused_by_its_announcement(desk: WebDesk) -> None:
    lines = [f"POST {SILENCES} HTTP/1.1", host(desk.url), BEARER, JSON, "Content-Length: 100000000"]
    answer = await send(desk.url, *lines, body=b"x" * 1_000)
    assert answer.status == 413
    assert "65536" in answer.detail


async def test_a_body_that_announces_nothing_is_refused_where_it_is_too_long(desk: WebDesk) -> None:
    chunks = b"10000\r\n" + b"x" * 0x10000 + b"\r\n" + b"1\r\nx\r\n0\r\n\r\n"
    lines = [f"POST {SILENCES} HTTP/1.1", host(desk.url), BEARER, JSON, "Transfer-Encoding: chunked"]
    assert (await send(desk.url, *lines, body=chunks)).status == 413


async def test_a_wrong_token_is_told_nothing_and_after_ten_a_while_not_even_that(desk: WebDesk) -> None:
    async def guess(token: str, peer: str = "127.9.9.9", *more: str) -> Raw:
        line = f"Authorization: Bearer {token}"
        first = f"DELETE {SILENCES}/none HTTP/1.1"
        return await send(desk.url, first, host(desk.url), line, *more, peer=peer)

    nothing = await send(desk.url, f"DELETE {SILENCES}/none HTTP/1.1", host(desk.url), peer="127.9.9.9")
    answers = [await guess(f"guess-{number}") for number in range(GUESSES)]
    assert {(one.status, one.body) for one in answers} == {(401, nothing.body)}
    refused = await guess("one-more")
    assert refused.status == 429
    assert 1 <= int(refused.head.split("Retry-After: ")[1].split()[0]) <= 60
    assert (await guess("one-more", "127.9.9.9", "X-Forwarded-For: 10.0.0.1")).status == 429

    own = CONTROL["Authorization"].removeprefix("Bearer ")
    assert (await guess(own)).status == 404, "who has a token that cannot be guessed is not locked out"
    assert (await guess("one-more", "127.9.9.8")).status == 401, "nor is anybody elsewhere"
    read = await send(desk.url, "GET /api/system/health HTTP/1.1", host(desk.url), peer="127.9.9.9")
    assert read.status == 200, "and what is open stays open"


async def test_a_short_token_is_not_looked_at_while_its_peer_guesses(open_web_desk: OpenWebDesk) -> None:
    async with open_web_desk(server__control_token="short") as desk:
        for number in range(GUESSES):
            await post(desk, SILENCES, token=f"guess-{number}")
        assert await post(desk, SILENCES, token="short") == 429
        kept = (desk.folder / "data" / "control-token").read_text()
        assert await post(desk, SILENCES, token=kept) == 422


async def post(desk: WebDesk, path: str, token: str, **headers: str) -> int:
    more = {"Authorization": f"Bearer {token}", **headers}
    return (await desk.browser.get(desk.url + path, method="POST", json={}, headers=more)).status


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        ({"duration": "30h", "code": "A"}, {"who": None, "why": None, "duration": 'expected at most "1d"'}),
        ({"duration": "soon", "code": "A", "who": "ann", "why": "x"}, {"duration": 'such as "10s"'}),
        ({"duration": "1h", "who": "ann", "why": "x"}, {"": "name a rule, a code, a machine or a group"}),
    ],
)
async def test_what_cannot_be_used_in_a_body_is_said_in_words_for_people(
    desk: WebDesk, body: dict[str, str], faults: dict[str, str | None]
) -> None:
    answer = await desk.browser.get(desk.url + SILENCES, method="POST", json=body, headers=CONTROL)
    assert answer.status == 422
    found = {one["at"]: one["what"] for one in json.loads(answer.text)["faults"]}
    assert found.keys() == faults.keys()
    assert [said for at, said in faults.items() if said is not None and said not in found[at]] == [], found


async def test_steering_without_end_is_held_up_and_only_that_caller_is(desk: WebDesk) -> None:
    token = CONTROL["Authorization"].removeprefix("Bearer ")
    statuses = [await post(desk, SILENCES, token) for _ in range(STEERS_AT_ONCE + 1)]
    assert statuses == [422] * STEERS_AT_ONCE + [429]
    kept = (desk.folder / "data" / "control-token").read_text()
    assert await post(desk, SILENCES, kept) == 422


async def test_a_session_acts_from_its_own_page_only(desk: WebDesk) -> None:
    async with aiohttp.ClientSession() as http, http.get(desk.url + "/") as page:
        cookie = page.cookies[SESSION_COOKIE]
    assert cookie["httponly"] is True
    assert cookie["samesite"] == "Strict"
    path = f"{desk.url}/api/system/health/feed/reconnect"
    given = {"Cookie": f"{SESSION_COOKIE}={cookie.value}"}
    for more, status in [
        ({}, 403),
        ({"Origin": "http://127.0.0.1:3000"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 409),
        ({"Origin": desk.url}, 409),
    ]:
        answer = await desk.other_browser.get(path, method="POST", headers={**given, **more})
        assert answer.status == status, more


async def test_logging_out_ends_the_session_everywhere(desk: WebDesk) -> None:
    await desk.browser.get(desk.url + "/")
    path, own = f"{desk.url}/api/system/health/feed/reconnect", {"Origin": desk.url}
    assert (await desk.browser.get(path, method="POST", headers=own)).status == 409
    stolen = {"Cookie": f"{SESSION_COOKIE}={desk.cookie(SESSION_COOKIE)}", **own}
    out = await desk.browser.get(f"{desk.url}/api/auth/session", method="DELETE", headers=own)
    assert out.status == 204
    assert "Max-Age=0" in out.headers["Set-Cookie"]
    assert (await desk.other_browser.get(path, method="POST", headers=stolen)).status == 401


async def test_a_journal_that_is_gone_is_told_without_a_trace(desk: WebDesk) -> None:
    journal = desk.folder / "data" / "journal.sqlite"
    while not journal.is_dir():  # the writer makes a file that is gone anew
        journal.unlink(missing_ok=True)
        with suppress(FileExistsError):
            journal.mkdir()
    answer = await desk.browser.get(f"{desk.url}/api/system/history")
    assert answer.status == 503
    assert "Traceback" not in answer.text


@asynccontextmanager
async def dripping(url: str, count: int) -> AsyncIterator[list[asyncio.StreamReader]]:
    """Connections on which a request begins and never ends."""
    async with AsyncExitStack() as stack:
        readers = []
        for _ in range(count):
            reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
            stack.callback(writer.close)
            writer.write(b"GET / HTTP/1.1\r\nHost: ")
            readers.append(reader)
        yield readers


async def test_dripping_requests_hold_up_nobody(desk: WebDesk) -> None:
    async with dripping(desk.url, 200):
        assert (await desk.browser.get(f"{desk.url}/livez")).status == 200


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
async def test_the_callback_and_the_login_do_nothing_for_a_look(desk: WebDesk, method: str) -> None:
    came_back = await desk.came_back()
    for url in (came_back, f"{desk.url}/api/auth/login"):
        answer = await desk.browser.get(url, method=method)
        assert answer.status == (405 if method == "HEAD" else 204)
        assert "Set-Cookie" not in answer.headers
    assert await desk.exchanges() == 0
    assert (await desk.browser.get(came_back)).status == 303


# -- the audit -------------------------------------------------------------------------------


async def audit(desk: WebDesk) -> list[dict[str, object]]:
    answer = await desk.browser.get(f"{desk.url}/api/system/audit", headers=CONTROL)
    assert answer.status == 200, answer.text
    return list(json.loads(answer.text)["audit"])


async def audited(desk: WebDesk, count: int) -> list[dict[str, object]]:
    """The audit once it has so many lines; the journal has them a moment after the answer."""
    async with asyncio.timeout(DEADLINE_S):
        while len(found := await audit(desk)) < count:
            pass
    return found


async def test_each_deed_is_in_the_audit_with_who_what_when_and_outcome(
    desk: WebDesk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await desk.browser.get(desk.url + SILENCES, method="POST", json=json.loads(QUIET), headers=CONTROL)
    await desk.browser.get(desk.url + SILENCES, method="POST", json={}, headers=CONTROL)
    await desk.browser.get(desk.url + "/")
    own = {"Origin": desk.url}
    await desk.browser.get(f"{desk.url}/api/system/health/feed/reconnect", method="POST", headers=own)
    found = await audited(desk, 3)
    assert [(one["what"], one["status"], one["person"]) for one in reversed(found)] == [
        ("POST /api/system/silences", 201, "eve"),
        ("POST /api/system/silences", 422, None),
        ("POST /api/system/health/feed/reconnect", 409, None),
    ]
    assert [one["who"] for one in found[1:]] == ["control_token"] * 2
    assert str(found[0]["who"]).startswith("page session ")
    assert {one["peer"] for one in found} == {"127.0.0.1"}
    assert str(found[0]["at"]).startswith("2026-11-23T04:30")
    assert "audit: control_token (eve) at 127.0.0.1: POST /api/system/silences: 201" in caplog.text


async def test_a_login_is_a_deed_and_what_gives_the_right_to_it_is_not_in_the_audit(desk: WebDesk) -> None:
    href = await desk.link()
    pressed = await desk.other_browser.get(href, method="POST")
    assert pressed.status == 303
    back = (await desk.other_browser.get(f"{pressed.location}&approve=1")).location
    assert (await desk.other_browser.get(back)).status == 303
    found = await audited(desk, 3)
    assert [(one["what"], one["status"]) for one in reversed(found)] == [
        ("POST /api/auth/link", 200),
        ("POST /api/auth/link/…", 303),
        ("GET /api/auth/callback", 303),
    ]
    assert href.rpartition("/")[2] not in json.dumps(found)


async def test_the_attempts_of_who_has_no_right_are_not_kept(desk: WebDesk) -> None:
    await desk.other_browser.get(desk.url + SILENCES, method="POST", json={})
    await desk.other_browser.get(f"{desk.url}/api/auth/link/forged", method="POST")
    await desk.other_browser.get(f"{desk.url}/api/auth/callback?state=x")
    await desk.browser.get(f"{desk.url}{SILENCES}/none", method="DELETE", headers=CONTROL)
    assert [one["what"] for one in await audited(desk, 1)] == ["DELETE /api/system/silences/none"]


async def test_the_audit_is_for_who_may_steer_and_comes_in_pages(desk: WebDesk) -> None:
    assert (await desk.other_browser.get(f"{desk.url}/api/system/audit")).status == 401
    for number in range(3):
        await desk.browser.get(f"{desk.url}{SILENCES}/{number}", method="DELETE", headers=CONTROL)
    await audited(desk, 3)
    at = f"{desk.url}/api/system/audit?limit=2"
    first = json.loads((await desk.browser.get(at, headers=CONTROL)).text)
    rest = json.loads((await desk.browser.get(f"{at}&before={first['next_before']}", headers=CONTROL)).text)
    assert [str(one["what"])[-1] for one in first["audit"] + rest["audit"]] == ["2", "1", "0"]
    assert rest["next_before"] is None
