"""The gate, on a real server and over a real socket."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from agent.config.schema import Server
from agent.store.journal import Journal
from agent.testing import ManualClock, MemoryStore
from agent.web.access import Access, Hosts, Scope
from agent.web.audit import Audit
from agent.web.connections import Door, listen
from agent.web.guard import Guard, give_session
from agent.web.routes import Route, add_routes
from agent.web.sessions import Sessions

TOKEN = "the-control-token-of-the-folder"


async def _ok(request: web.Request) -> web.StreamResponse:
    return web.json_response({"ok": True})


async def _raise(request: web.Request) -> web.StreamResponse:
    raise ValueError("a secret in an error")


async def _read(request: web.Request) -> web.StreamResponse:
    return web.json_response(await request.json())


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    clock = ManualClock()
    access = Access(Server(), TOKEN, Sessions(clock, MemoryStore()))
    hosts = Hosts(Server(), f"http://127.0.0.1:{port}", port)

    async def page(request: web.Request) -> web.StreamResponse:
        answer = web.Response(text="page")
        give_session(request, answer, access, hosts)
        return answer

    guard = Guard(access, hosts, Audit(Journal(tmp_path / "journal.sqlite"), clock), clock)
    app = web.Application(middlewares=[guard.middleware], client_max_size=64 * 1024)
    add_routes(
        app,
        [
            Route("GET", "/", Scope.READ, page),
            Route("GET", "/public", Scope.PUBLIC, _ok),
            Route("POST", "/control", Scope.CONTROL, _ok),
            Route("POST", "/body", Scope.CONTROL, _read),
            Route("GET", "/raises", Scope.PUBLIC, _raise),
        ],
    )
    app.router.add_route("GET", "/unscoped", _ok)
    runner = web.AppRunner(app)
    await runner.setup()
    server = await listen(listener, Door(runner.server))
    yield f"http://127.0.0.1:{port}"
    server.close()
    await runner.cleanup()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as opened:
        yield opened


PREFLIGHT = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        pytest.param("GET", "/public", {}, 200, id="public"),
        pytest.param("GET", "/public", {"Host": "evil.example"}, 421, id="a stranger's host"),
        pytest.param("POST", "/control", {}, 401, id="control without a token"),
        pytest.param("POST", "/control", BEARER, 200, id="control with the token"),
        pytest.param("POST", "/control", {"Authorization": "Bearer x"}, 401, id="a wrong token"),
        pytest.param("GET", "/control", BEARER, 405, id="control by GET"),
        pytest.param("HEAD", "/public", {}, 200, id="a look"),
        pytest.param("HEAD", "/control", BEARER, 405, id="control by a look"),
        pytest.param("OPTIONS", "/control", {}, 204, id="which methods there are"),
        pytest.param("OPTIONS", "/control", PREFLIGHT, 405, id="a stranger's page asks first"),
        pytest.param("OPTIONS", "/nowhere", {}, 404, id="which there are nowhere"),
        pytest.param("POST", "/control", {**BEARER, "Origin": "https://evil"}, 403, id="a stranger's page"),
        pytest.param("POST", "/control", {**BEARER, "Origin": "null"}, 403, id="a page of no origin"),
        pytest.param("GET", "/nowhere", {}, 404, id="nowhere"),
        pytest.param("GET", "/../etc/passwd", {}, 404, id="outside"),
        pytest.param("GET", "/unscoped", BEARER, 500, id="a route without a scope is not served"),
        pytest.param("GET", "/raises", {}, 500, id="a handler that raises"),
    ],
)
async def test_each_request_is_judged(url, session, method, path, headers, status) -> None:
    async with session.request(method, url + path, headers=headers) as answer:
        assert answer.status == status
        text = await answer.text()
        assert "a secret in an error" not in text
        if status == 204:
            assert answer.headers["Allow"] == "POST"
        if status >= 400:
            assert answer.content_type == "application/problem+json"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


async def test_our_own_page_may_do_what_its_session_may(url, session) -> None:
    async with session.get(url + "/") as answer:
        cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    async with session.post(url + "/control", headers={"Origin": url}) as answer:
        assert answer.status == 200
    async with session.post(url + "/control", headers={"Origin": "https://evil"}) as answer:
        assert answer.status == 403


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        pytest.param(b'{"a": 1}', "application/json", 200, id="json"),
        pytest.param(b'{"a": 1}', "text/plain", 415, id="a form of a stranger's page"),
        pytest.param(b"x" * 70_000, "application/json", 413, id="too large"),
    ],
)
async def test_bodies(url, session, body, kind, status) -> None:
    async with session.post(url + "/body", data=body, headers={**BEARER, "Content-Type": kind}) as answer:
        assert answer.status == status


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(b"GET /public HTTP/1.1\r\n\r\n", id="no host"),
        pytest.param(b"GET /public HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", id="two hosts"),
    ],
)
async def test_a_request_names_exactly_one_host(url, lines) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
    writer.write(lines)
    status = await reader.readline()
    writer.close()
    await writer.wait_closed()
    assert status.split()[1] == b"400"
