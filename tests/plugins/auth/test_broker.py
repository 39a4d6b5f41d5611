"""The real client against a broker that answers as none should: raw bytes on a real socket."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agent.testing import ManualClock
from plugins.auth.answers import Answer, Reply
from plugins.auth.broker import KiteBroker

Serve = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]

SESSION = {"access_token": "T0k3n", "user_id": "AB1234", "login_time": "2026-11-24 09:00:00"}


class HurriedClock(ManualClock):
    """A second passes with every look at it."""

    def __init__(self) -> None:
        super().__init__()
        self.looks = 0

    def monotonic(self) -> float:
        self.looks += 1
        return float(self.looks)


@asynccontextmanager
async def serving(serve: Serve) -> AsyncIterator[str]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            await reader.readexactly(int(length or b"0"))
            await serve(head, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


JSON = "Content-Type: application/json\r\n"
HTML = "Content-Type: text/html\r\n"


def answering(body: bytes, *, status: str = "200 OK", head: str = JSON) -> Serve:
    async def serve(_: bytes, writer: asyncio.StreamWriter) -> None:
        start = f"HTTP/1.1 {status}\r\n{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        writer.write(start.encode() + body)
        await writer.drain()

    return serve


async def profile(url: str, clock: ManualClock | None = None) -> Reply:
    return await asyncio.to_thread(KiteBroker("demo", url, clock or ManualClock()).profile, "CANARY")


async def exchange(url: str) -> Reply:
    return await asyncio.to_thread(KiteBroker("demo", url, ManualClock()).exchange, "request", "s3cret")


@pytest.mark.parametrize(
    "serve",
    [
        pytest.param(answering(b"{}", head=""), id="no content type"),
        pytest.param(answering(b"[1, 2]"), id="an array"),
        pytest.param(answering(b"null"), id="null"),
        pytest.param(answering(b'{"status": "success", "data": null}'), id="no data"),
        pytest.param(answering(b'{"status": "success", "data": []}'), id="data of another shape"),
        pytest.param(answering(b'{"status": "success", "data": {"user_id": 7}}'), id="an odd user"),
        pytest.param(answering(b'{"status": "success", "data": {"user_id": ""}}'), id="nobody"),
        pytest.param(answering(b"[" * 100_000), id="nested deeply"),
        pytest.param(answering(b'{"status": "error"}', status="403 Forbidden"), id="an error without words"),
        pytest.param(answering(b'{"error_type": 3, "message": []}', status="403 Forbidden"), id="odd words"),
        pytest.param(answering(b'{"error_type": "sys", "message": ""}', status="403 Forbidden"), id="a name"),
        pytest.param(answering(b"<html>", status="403 Forbidden", head=HTML), id="page"),
        pytest.param(answering(b"", status="502 Bad Gateway"), id="nothing"),
        pytest.param(answering(b"\xff\xfe"), id="no text"),
        pytest.param(answering(b" " * 50_000_000), id="50 MB"),
    ],
)
async def test_an_answer_that_makes_no_sense_is_no_word_on_the_token(serve: Serve) -> None:
    async with serving(serve) as url:
        reply = await profile(url)
    assert reply.answer is Answer.BROKEN
    assert "CANARY" not in repr(reply)


async def test_an_endless_answer_is_cut_off() -> None:
    async def serve(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
        while True:
            writer.write(b" " * 65536)
            await writer.drain()

    async with serving(serve) as url:
        assert (await profile(url)).finding == "it answers with more than any answer needs"


async def test_an_answer_that_drips_is_given_up_on() -> None:
    async def serve(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
        while True:
            writer.write(b" ")
            await writer.drain()

    async with serving(serve) as url:
        reply = await profile(url, HurriedClock())
    assert (reply.answer, reply.finding) == (Answer.UNREACHABLE, "it answers too slowly")


async def test_a_redirect_is_not_followed_and_takes_no_token_along() -> None:
    asked: list[bytes] = []

    async def elsewhere(head: bytes, writer: asyncio.StreamWriter) -> None:
        asked.append(head)

    async with serving(elsewhere) as other:
        redirect = answering(b"", status="307 Temporary Redirect", head=f"Location: {other}/\r\n")
        async with serving(redirect) as url:
            assert (await profile(url)).finding == "it redirects elsewhere"
            assert (await exchange(url)).answer is Answer.BROKEN
    assert asked == []


async def test_the_hosts_proxy_and_netrc_settings_are_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heads: list[bytes] = []

    async def serve(head: bytes, writer: asyncio.StreamWriter) -> None:
        heads.append(head)
        await answering(b'{"status": "success", "data": {"user_id": "AB1234"}}')(head, writer)

    (tmp_path / "netrc").write_text("machine 127.0.0.1 login thief password thief\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    async with serving(serve) as url:
        assert (await profile(url)).answer is Answer.ACCEPTED
    assert b"Authorization: token demo:CANARY" in heads[0]


async def test_nobody_at_the_address_is_unreachable() -> None:
    async with serving(answering(b"")) as url:
        pass
    assert (await profile(url)).finding == "no connection"


@pytest.mark.parametrize(
    "oddity",
    [{}, {"login_time": None}, {"login_time": "yesterday, at noon."}, {"login_time": 3}],
    ids=["missing", "null", "unreadable", "a number"],
)
async def test_a_login_time_that_the_client_cannot_read_loses_no_login(oddity: dict) -> None:
    session = {"access_token": "T0k3n", "user_id": "AB1234", **oddity}

    async def serve(head: bytes, writer: asyncio.StreamWriter) -> None:
        body = session if head.startswith(b"POST /session/token") else {"user_id": "AB1234"}
        await answering(json.dumps({"status": "success", "data": body}).encode())(head, writer)

    async with serving(serve) as url:
        reply = await exchange(url)
    assert reply.answer is Answer.ACCEPTED
    assert (reply.value["access_token"], reply.value["user_id"]) == ("T0k3n", "AB1234")
    assert "T0k3n" not in repr(reply)


async def test_a_session_without_a_token_is_none() -> None:
    body = json.dumps({"status": "success", "data": SESSION | {"access_token": ""}}).encode()
    async with serving(answering(body)) as url:
        assert (await exchange(url)).answer is Answer.BROKEN


def test_the_plugin_is_listed_without_loading_the_client() -> None:
    heavy = "('kiteconnect', 'requests', 'twisted')"
    look = f"import sys, plugins.auth; print([name for name in {heavy} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
