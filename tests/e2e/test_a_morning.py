"""What must be seen of a morning, on the real program over real sockets."""

from __future__ import annotations

import asyncio
import json
import os
import stat
from datetime import datetime, timedelta

PRE_OPEN = "2026-11-23T09:14:55+05:30"
BELL = datetime.fromisoformat("2026-11-23T09:15:00+05:30")


def at(instant: str) -> datetime:
    return datetime.fromisoformat(instant)


def states(document) -> dict[str, str]:
    return {name: part["state"] for name, part in document["machines"].items()}


async def test_one_click_leads_from_no_token_to_live_at_the_bell(open_desk) -> None:
    desk = await open_desk(PRE_OPEN)
    first = await desk.code("AUTH_REQUIRED")
    assert first["action"]["kind"] == "login"
    assert first["machines"]["auth"]["reason"] == "MISSING"
    assert states(first)["feed"] == "DISCONNECTED"
    assert "openbell" in await desk.open_page()
    started_at = first["agent"]["started_at"]

    await desk.login()
    ready = await desk.until(lambda d: d["ready"])
    assert states(ready) == {
        "market": ready["market"]["state"], "auth": "VALID", "feed": "CONNECTED", "agent": "WELL"
    }  # fmt: skip
    assert ready["code"] in ("PRE_OPEN", "LIVE")
    taken = at(ready["machines"]["feed"]["since"]) - at(ready["machines"]["auth"]["since"])
    assert taken < timedelta(seconds=2)

    live = await desk.live()
    assert live["tradable"]
    assert live["agent"]["started_at"] == started_at
    bell = await desk.recorded("market", "LIVE")
    assert timedelta(0) <= at(bell["at"]) - BELL < timedelta(milliseconds=250)


async def test_the_token_is_kept_private_beside_the_files_other_lines(open_desk, tmp_path) -> None:
    env = tmp_path / "desk" / ".env"
    env.parent.mkdir()
    env.write_bytes(b"# mine\r\nOTHER='x'\r\nZERODHA_ACCESS_TOKEN=old\r\nLAST=1")
    desk = await open_desk()
    await desk.code("AUTH_REQUIRED")
    await desk.login()
    await desk.until(lambda d: d["ready"])
    lines = env.read_bytes().split(b"\r\n")
    assert (lines[0], lines[1], lines[3]) == (b"# mine", b"OTHER='x'", b"LAST=1")
    assert lines[2].startswith(b"ZERODHA_ACCESS_TOKEN=")
    assert lines[2] != b"ZERODHA_ACCESS_TOKEN=old"
    assert stat.S_IMODE(env.stat().st_mode) == 0o600


async def test_a_stalled_feed_is_stale_in_time_and_comes_back_by_itself(open_desk) -> None:
    desk = await open_desk()
    await desk.login()
    await desk.live()
    await desk.sim("feed", fault="stall")
    stale = await desk.code("FEED_STALE")
    assert stale["color"] == "yellow"
    feed = stale["machines"]["feed"]
    assert feed["state"] == "STALE"
    assert feed["measures"]["tick_age_s"] <= 10.5
    assert not stale["tradable"]
    await desk.sim("feed", fault=None)
    back = await desk.live()
    assert states(back)["feed"] == "CONNECTED"


async def test_a_revoked_token_leads_hides_the_feeds_problem_and_ends_with_a_new_one(
    open_desk, tmp_path
) -> None:
    desk = await open_desk()
    await desk.login()
    await desk.live()
    await desk.sim("token", do="revoke")
    await desk.sim("feed", fault="drop")
    dead = await desk.until(lambda d: d["code"] == "AUTH_REQUIRED")
    assert (states(dead)["auth"], dead["machines"]["auth"]["reason"]) == ("EXPIRED", "REJECTED")
    hidden = await desk.until(
        lambda d: any(p["rule"] == "feed-disconnected" and p["suppressed_by"] for p in d["problems"])
    )
    assert hidden["code"] == "AUTH_REQUIRED"
    assert hidden["machines"]["feed"]["reason"] == "AWAITING_CREDENTIAL"
    attempts = (await desk.sim_state())["requests"]

    env = tmp_path / "desk" / ".env"
    token = await desk.token_of_another_process()
    fresh = env.with_suffix(".new")
    fresh.write_text(f"ZERODHA_ACCESS_TOKEN={token}\n")
    os.replace(fresh, env)  # noqa: PTH105 - as another process does it
    written = asyncio.get_running_loop().time()
    back = await desk.until(lambda d: d["code"] == "LIVE" and d["ready"])
    assert asyncio.get_running_loop().time() - written < 5
    assert at(back["machines"]["feed"]["since"]) - at(back["machines"]["auth"]["since"]) < timedelta(
        seconds=2
    )
    assert attempts


async def test_a_refused_token_is_not_tried_again(open_desk) -> None:
    desk = await open_desk()
    await desk.login()
    await desk.live()
    await desk.sim("token", do="revoke")
    await desk.sim("feed", fault="drop")
    await desk.until(lambda d: d["machines"]["feed"]["reason"] == "AWAITING_CREDENTIAL")
    before = (await desk.sim_state())["requests"]
    status, answer = await desk.post("/api/system/health/feed/reconnect", json={})
    assert status in (200, 409), answer
    await desk.until(lambda d: d["code"] == "AUTH_REQUIRED")
    after = (await desk.sim_state())["requests"]
    upgrades = {path: count for path, count in after.items() if path in ("/", "/ws")}
    assert upgrades == {path: count for path, count in before.items() if path in ("/", "/ws")}


async def test_every_endpoint_answers(open_desk) -> None:
    desk = await open_desk()
    await desk.login()
    document = await desk.live()
    for machine in ("market", "auth", "feed", "agent"):
        part = await desk.get(f"/api/system/health/{machine}")
        assert (part["name"], part["state"]) == (machine, document["machines"][machine]["state"])
    summary = await desk.get("/api/system/health/summary")
    assert set(summary) == {"status", "code", "severity", "message", "since", "valid_until"}
    for path in ("/api/system/ready", "/api/system/tradable"):
        async with desk.session.get(desk.url + path) as answer:
            assert answer.status == 200, await answer.text()
    status, verified = await desk.post("/api/system/health/auth/verify")
    assert (status, verified["machine"]["state"]) == (200, "VALID")
    status, _ = await desk.post("/api/system/health/feed/reconnect")
    assert status == 200
    await desk.until(lambda d: states(d)["feed"] == "CONNECTED")
    async with desk.session.get(desk.url + "/livez") as answer:
        assert (answer.status, await answer.text()) == (200, "ok\n")
    async with desk.session.get(desk.url + "/api/system/health") as answer:
        tag = answer.headers["ETag"]
    async with desk.session.get(desk.url + "/api/system/health", headers={"If-None-Match": tag}) as answer:
        assert answer.status in (200, 304)
    draft = {"Accept": "application/health+json"}
    async with desk.session.get(desk.url + "/api/system/health", headers=draft) as answer:
        assert (answer.status, answer.content_type) == (200, "application/health+json")
        assert json.loads(await answer.text())["status"] == "pass"
