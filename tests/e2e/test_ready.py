"""`openbell ready`: for scripts that hold a strategy back until the desk is ready."""

from __future__ import annotations

import json

BEFORE = "2026-11-23T09:14:50+05:30"


async def test_it_waits_until_the_desk_is_ready_and_then_tradable(open_desk, start) -> None:
    desk = await open_desk(BEFORE)
    await desk.code("AUTH_REQUIRED")
    not_yet = await start("ready", "--url", desk.url)
    assert await not_yet.ended() == 1
    assert "waits for auth: REQUIRED" in "".join(not_yet.output)

    waiting = await start("ready", "--wait", "--url", desk.url)
    trading = await start("ready", "--tradable", "--wait", "--by", "1h", "--json", "--url", desk.url)
    await desk.login()
    assert await waiting.ended() == 0
    assert await trading.ended() == 0
    said = json.loads("".join(trading.output))
    assert (said["tradable"], said["market"]["state"]) == (True, "LIVE")


async def test_it_gives_up_some_time_before_the_open(open_desk, start) -> None:
    desk = await open_desk(BEFORE)
    await desk.code("AUTH_REQUIRED")
    late = await start("ready", "--wait", "--by", "open-5m", "--url", desk.url)
    assert await late.ended() == 1
    wrong = await start("ready", "--wait", "--by", "soon", "--url", desk.url)
    assert await wrong.ended() == 2
    assert 'expected "open-5m"' in "".join(wrong.output)


async def test_the_endpoints_answer_503_with_blockers_until_it_holds(open_desk) -> None:
    desk = await open_desk(BEFORE)
    await desk.code("AUTH_REQUIRED")
    for path in ("ready", "tradable"):
        async with desk.session.get(f"{desk.url}/api/system/{path}") as answer:
            body = await answer.json()
            assert (answer.status, body[path]) == (503, False)
            assert [one["machine"] for one in body["blockers"]] == ["auth", "feed"]
    await desk.login()
    await desk.live()
    for path in ("ready", "tradable"):
        async with desk.session.get(f"{desk.url}/api/system/{path}") as answer:
            assert (answer.status, (await answer.json())[path]) == (200, True)
