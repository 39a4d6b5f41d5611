"""The login page: one button, a way back, and nothing that a mere visit could spend."""

from __future__ import annotations

import re
from typing import Any

import pytest
from yarl import URL

from tests.agent.simulator.conftest import Desk, OpenDesk

PAGE = "/connect/login?v=3&api_key=demo"


async def landed(desk: Desk, method: str, path: str, **options: Any) -> URL:
    """Where the browser is sent."""
    url = desk.simulator.url + path
    async with desk.http.request(method, url, allow_redirects=False, **options) as answer:
        assert answer.status == 303
        return URL(answer.headers["Location"])


async def test_the_page_names_the_user_and_a_visit_approves_nothing(desk: Desk) -> None:
    async with desk.http.get(desk.simulator.url + PAGE) as answer:
        page = await answer.text()
        assert answer.status == 200
        assert answer.headers["Cache-Control"] == "no-store"
    assert "Log in as AB1234 (simulated broker)" in page
    assert not re.search(r"(src|href)=", page)
    assert (await desk.state())["sessions"]["pending_request_tokens"] == 0


async def test_the_button_leads_back_with_a_request_token(desk: Desk) -> None:
    target = await landed(desk, "POST", PAGE, data={"answer": "approve"})
    assert str(target.with_query(None)) == "http://127.0.0.1:8000/api/auth/callback"
    assert {**target.query, "request_token": "…"} == {
        "request_token": "…",
        "action": "login",
        "type": "login",
        "status": "success",
    }
    assert re.fullmatch(r"[A-Za-z0-9]{32}", target.query["request_token"])


@pytest.mark.parametrize(
    ("method", "path", "options"),
    [("POST", PAGE, {"data": {"answer": "deny"}}), ("POST", PAGE, {}), ("GET", PAGE + "&deny=1", {})],
)
async def test_a_cancelled_login_leads_back_without_a_token(
    desk: Desk, method: str, path: str, options: dict[str, Any]
) -> None:
    target = await landed(desk, method, path, **options)
    assert dict(target.query) == {"action": "login", "type": "login", "status": "cancelled"}


async def test_what_the_client_gave_along_comes_back_but_cannot_pose_as_the_broker(desk: Desk) -> None:
    given = "state=a%26b%3Dc&machine=auth&status=success&request_token=forged"
    path = str(URL(PAGE).update_query(redirect_params=given, deny="1"))
    target = await landed(desk, "GET", path)
    assert target.query.getall("status") == ["cancelled"]
    assert "request_token" not in target.query
    assert (target.query["state"], target.query["machine"]) == ("a&b=c", "auth")


async def test_the_redirect_address_keeps_its_own_query(open_desk: OpenDesk) -> None:
    async with open_desk(redirect_url="http://127.0.0.1:1/back?desk=7") as desk:
        target = await landed(desk, "GET", PAGE + "&approve=1")
        assert target.query["desk"] == "7"


@pytest.mark.parametrize("query", ["v=3&api_key=other", "v=3", "api_key=demo", "v=2&api_key=demo", ""])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_wrong_request_is_the_brokers_error_page(desk: Desk, method: str, query: str) -> None:
    url = f"{desk.simulator.url}/connect/login?{query}&approve=1"
    async with desk.http.request(method, url, allow_redirects=False) as answer:
        assert answer.status == 400
        assert answer.content_type == "text/html"
        assert "Invalid" in await answer.text() or "Expected" in await answer.text()


async def test_a_strange_name_is_shown_and_not_run(open_desk: OpenDesk) -> None:
    async with open_desk(user_id="<script>") as desk, desk.http.get(desk.simulator.url + PAGE) as answer:
        assert "<script>" not in await answer.text()
