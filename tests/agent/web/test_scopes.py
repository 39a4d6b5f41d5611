"""Every route asks for its scope, and is given to who has it and to nobody else."""

from __future__ import annotations

import itertools
import re
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from agent.web.access import SESSION_COOKIE, Scope
from agent.web.routes import ROUTES

from .conftest import OpenWebDesk, WebDesk, built

READ = "a-token-that-reads-and-no-more"
PUSH = "a-token-that-pushes-and-no-more"
STEER = "a-token-that-may-do-everything"

BROUGHT = {
    "nothing": set(),
    "a wrong token": set(),
    "the read token": {Scope.READ},
    "the push token": {Scope.PUSH},
    "the control token": {Scope.READ, Scope.CONTROL, Scope.PUSH},
    "a page session": {Scope.READ, Scope.CONTROL},
    "a session that is none": set(),
}
TOKENS = {"a wrong token": "x", "the read token": READ, "the push token": PUSH, "the control token": STEER}


def test_every_route_of_the_application_has_a_scope(tmp_path: Path) -> None:
    with built(tmp_path) as app:
        table = app[ROUTES]
        served = {
            ("GET" if route.method == "HEAD" else route.method, route.resource.canonical)
            for route in app.router.routes()
        }
    assert served == set(table), "enter routes by agent.web.routes.add_routes, which asks for their scope"
    assert all(isinstance(route.scope, Scope) for route in table.values())


def test_what_changes_something_is_steering_and_takes_no_head(tmp_path: Path) -> None:
    with built(tmp_path) as app:
        routes = list(app[ROUTES].values())
    for route in routes:
        if route.method != "GET":
            assert route.is_steering or route.scope is Scope.PUSH
        assert not (route.takes_head and route.is_steering)


@pytest.fixture
async def closed(open_web_desk: OpenWebDesk) -> AsyncIterator[WebDesk]:
    """A desk that other machines can reach: nothing is open on it."""
    async with open_web_desk(
        server__host="0.0.0.0",
        server__read_token=READ,
        server__push_token=PUSH,
        server__control_token=STEER,
    ) as desk:
        yield desk


async def test_each_scope_is_given_to_who_has_it_and_refused_to_all_others(closed: WebDesk) -> None:
    port = closed.url.rpartition(":")[2]
    url = f"http://127.0.0.1:{port}"
    bearer = {"Authorization": f"Bearer {STEER}"}
    async with aiohttp.ClientSession() as http:
        async with http.get(url + "/", headers=bearer) as page:
            session = page.cookies[SESSION_COOKIE].value
        async with http.get(url + "/openapi.json", headers=bearer) as answer:
            paths = (await answer.json())["paths"]
    routes = [
        (method.upper(), path, Scope(operation["x-scope"]))
        for path, methods in paths.items()
        for method, operation in methods.items()
    ]
    places = itertools.count(2)
    wrong: list[str] = []
    for (method, path, scope), (what, scopes) in itertools.product(routes, BROUGHT.items()):
        if path == "/api/auth/session" and what == "a page session":
            continue  # it would end the session, as it should
        status = await ask(url, method, path, headers_of(what, session, url), next(places))
        if (status not in (401, 429)) is not (scope is Scope.PUBLIC or scope in scopes):
            wrong.append(f"{method} {path} ({scope}) with {what}: {status}")
    assert wrong == ALSO_CONTROL


ALSO_CONTROL: list[str] = [
    "POST /api/system/health/{machine}/{action} (read) with the read token: 401",
]
"""An action that is not `verify` needs control; the machine that is asked for here has none."""


def headers_of(what: str, session: str, url: str) -> dict[str, str]:
    if what in TOKENS:
        return {"Authorization": f"Bearer {TOKENS[what]}"}
    cookies = {"a page session": session, "a session that is none": "x" * 43}
    return {"Cookie": f"{SESSION_COOKIE}={cookies[what]}", "Origin": url} if what in cookies else {}


async def ask(url: str, method: str, path: str, headers: dict[str, str], place: int) -> int:
    """The status of one request from an address of its own; no answer is read to its end."""
    connector = aiohttp.TCPConnector(local_addr=(f"127.1.{place // 250}.{place % 250 + 1}", 0))
    async with aiohttp.ClientSession(connector=connector) as http:
        target = url + re.sub(r"\{\w+\}", "none", path)
        async with http.request(method, target, headers=headers, allow_redirects=False) as answer:
            return answer.status
