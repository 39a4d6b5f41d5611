"""`openbell status` and `openbell plugins`, beside a running desk."""

from __future__ import annotations

import json


async def test_the_exit_code_follows_the_severity_and_the_words_say_what_to_do(open_desk, start) -> None:
    desk = await open_desk()
    await desk.code("AUTH_REQUIRED")
    critical = await start("status", "--url", desk.url)
    assert await critical.ended() == 2
    said = "".join(critical.output)
    assert "AUTH_REQUIRED (critical)" in said
    assert "Log in to the broker" in said
    await desk.login()
    await desk.live()
    well = await start("status", "--json", "--url", desk.url)
    assert await well.ended() == 0
    assert json.loads("".join(well.output))["code"] == "LIVE"


async def test_watching_prints_a_line_at_each_change_and_ends_with_the_agent(open_desk, start) -> None:
    desk = await open_desk()
    await desk.code("AUTH_REQUIRED")
    watching = await start("status", "--watch", "--url", desk.url)
    await watching.says("AUTH_REQUIRED")
    await desk.login()
    await watching.says("LIVE .*auth=VALID feed=CONNECTED")
    assert await desk.program.stop() == 0
    assert await watching.ended() == 3
    assert "UNKNOWN" in watching.output[-1]


async def test_the_plugins_are_listed_with_their_kinds(start) -> None:
    listed = await start("plugins", "--json")
    assert await listed.ended() == 0
    found = {one["name"]: one for one in json.loads("".join(listed.output))}
    assert {one["state"] for one in found.values()} == {"loaded"}
    assert "kite-feed" in found["feed"]["kinds"]
