"""The control API: what it shows, what it never shows, and how it takes nonsense; hostile clients too."""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any

import pytest

from tests.agent.simulator.conftest import NIFTY, RELIANCE, Desk, next_frame


async def test_the_state_counts_what_happened(desk: Desk) -> None:
    token = await desk.login()
    await desk.profile_status(token)
    await desk.profile_status("wrong")
    async with desk.http.get(f"{desk.simulator.url}/no/such/place") as answer:
        assert answer.status == 404
    async with desk.stream(token) as socket:
        await socket.send_json({"a": "subscribe", "v": [NIFTY, RELIANCE]})
        await socket.send_json({"a": "mode", "v": ["full", [RELIANCE]]})
        for _ in range(4):
            await next_frame(socket)
        state = await desk.state()
    [connection] = state["connections"]
    assert connection["subscriptions"] == {"quote": [NIFTY], "full": [RELIANCE]}
    assert connection["frames_sent"] >= 4
    assert connection["since"] == state["clock"] == "2026-11-24T04:30:00+00:00"
    assert state["requests"]["/user/profile"] == 2
    assert state["requests"]["/session/token"] == 1
    assert state["requests"]["(unknown)"] == 1
    assert state["handshakes"] == {"101": 1}
    assert state["sessions"]["logins"] == 1
    assert state["sessions"]["alive"][0]["expires_at"] == "2026-11-25T06:00:00+05:30"
    assert state["faults"] == {"feed": None, "rest": None}


async def test_the_state_shows_the_faults_in_force(desk: Desk) -> None:
    await desk.order("feed", {"fault": "lag", "seconds": 5})
    await desk.order("rest", {"fault": "slow"})
    faults = (await desk.state())["faults"]
    assert faults["feed"] == {"fault": "lag", "seconds": 5, "since": int(desk.clock.at.timestamp())}
    assert (faults["rest"]["fault"], faults["rest"]["seconds"], faults["rest"]["path"]) == ("slow", 10, "/")


async def test_no_token_is_ever_shown(desk: Desk) -> None:
    pending, token = await desk.approve(), await desk.login()
    async with desk.stream(token) as socket:
        await socket.send_json({"a": "subscribe", "v": [RELIANCE]})
        await next_frame(socket)
        shown = json.dumps(await desk.state(values="1"))
    assert token not in shown
    assert pending not in shown
    assert "demo-secret" not in shown


NONSENSE = [
    ("token", {}),
    ("token", {"do": "dance"}),
    ("token", {"do": ["revoke"]}),
    ("token", {"do": None}),
    ("feed", {}),
    ("feed", []),
    ("feed", "stall"),
    ("feed", {"fault": "dance"}),
    ("feed", {"fault": "slow"}),
    ("feed", {"fault": "lag", "seconds": -1}),
    ("feed", {"fault": "lag", "seconds": True}),
    ("feed", {"fault": "partial", "tokens": ["738561"]}),
    ("feed", {"fault": "mute", "for": 3}),
    ("rest", {"fault": "stall"}),
    ("rest", {"fault": "error", "status": 200}),
    ("rest", {"fault": "error", "times": 1.5}),
    ("rest", {"fault": "garbage", "kind": None}),
    ("message", {}),
    ("message", {"text": 7}),
    ("message", {"text": "x", "type": ["order"]}),
    ("message", {"text": "x", "to": "all"}),
    ("token", {"do": "revoke", "token": "x"}),
    ("burst", {"rounds": 0}),
    ("burst", {"rounds": True}),
    ("burst", {"rounds": "many"}),
    ("burst", {"rounds": 10**9}),
]


@pytest.mark.parametrize(("path", "body"), NONSENSE)
async def test_nonsense_is_answered_by_what_is_allowed(desk: Desk, path: str, body: object) -> None:
    async with desk.http.post(f"{desk.simulator.url}/sim/{path}", json=body) as answer:
        assert answer.status == 400
        explained = await answer.json()
    assert explained["error"]
    assert explained["allowed"]
    assert (await desk.state())["faults"] == {"feed": None, "rest": None}


async def test_the_allowed_faults_are_listed_with_their_parameters(desk: Desk) -> None:
    async with desk.http.post(f"{desk.simulator.url}/sim/feed", json={"fault": "dance"}) as answer:
        allowed = (await answer.json())["allowed"]
    assert allowed["fault"][:3] == ["stall", "mute", "partial"]
    assert allowed["fault"][-1] is None
    assert allowed["parameters"]["lag"] == {"seconds": "seconds from 0 to 86400; 60 unless given"}


@pytest.mark.parametrize(
    "body", [b"{", b"\xff\xfe", b"[" * 100_000, b"null", b'{"fault": NaN}', b"x" * 100_000]
)
@pytest.mark.parametrize("path", ["token", "feed", "rest", "message", "burst"])
async def test_a_body_that_is_no_object_is_refused(desk: Desk, path: str, body: bytes) -> None:
    async with desk.http.post(f"{desk.simulator.url}/sim/{path}", data=body) as answer:
        assert answer.status == 400
        assert "error" in await answer.json()


HOSTILE: list[Any] = [
    "",
    "null",
    "{" * 50_000,
    "[" * 100_000,
    '{"a":"subscribe","v":[[[]]]}',
    '{"a":"subscribe","v":[1e400,-1,99999999999999999999,null,{},"x"]}',
    '{"a":"mode","v":["full",["x"],{}]}',
    '{"a":{},"v":{}}',
    json.dumps({"a": "subscribe", "v": list(range(-5, 50_000))}),
    b"\x00",
    os.urandom(5_000),
]


async def test_hostile_frames_never_break_the_stream(desk: Desk, socket: Any) -> None:
    for frame in HOSTILE:
        await (socket.send_str(frame) if isinstance(frame, str) else socket.send_bytes(frame))
    await socket.send_json({"a": "unsubscribe", "v": list(range(50_000))})
    await socket.send_json({"a": "subscribe", "v": [RELIANCE]})
    async with asyncio.timeout(30):
        while [len(one) for one in await next_frame(socket)] != [44]:
            pass
    assert (await desk.state())["handshakes"] == {"101": 1}


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"\xff" * 64, id="reserved bits"),
        pytest.param(b"\x81\xfe\xff\xff", id="a length without its payload"),
        pytest.param(b"\x81\xff" + b"\xff" * 8 + b"\x00" * 4, id="an absurd length"),
        pytest.param(b"\x81\x82\x00\x00\x00\x00\xff\xfe", id="text that is no UTF-8"),
        pytest.param(b"\x88\x81\x00\x00\x00\x00\x00", id="half a close code"),
    ],
)
async def test_a_broken_protocol_costs_its_own_connection_alone(desk: Desk, socket: Any, raw: bytes) -> None:
    socket._response.connection.transport.write(raw)
    async with desk.stream(await desk.login()) as other:
        await other.send_json({"a": "subscribe", "v": [RELIANCE]})
        assert len(await next_frame(other)) == 1
    assert (await desk.state())["clock"]
    socket._response.close()


@pytest.mark.parametrize(
    "raw",
    [
        b"\x00" * 100,
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /sim/feed HTTP/1.1\r\nContent-Length: x\r\n\r\n",
    ],
)
async def test_bytes_that_are_no_http_are_turned_away(desk: Desk, raw: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", desk.simulator.port)
    writer.write(raw)
    writer.write_eof()
    async with asyncio.timeout(30):
        await reader.read()
    writer.close()
    assert (await desk.state())["clock"]


FORMS = [
    ("multipart/form-data", b"no boundary"),
    ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: nonsense\r\n\r\n"),
    ("application/x-www-form-urlencoded; charset=no-such", b"api_key=demo"),
    ("application/x-www-form-urlencoded", b"\xff\xfe=%zz&&&="),
    ("application/json", b"{}"),
]


@pytest.mark.parametrize(("content_type", "body"), FORMS)
@pytest.mark.parametrize("path", ["/session/token", "/connect/login?v=3&api_key=demo"])
async def test_what_is_no_form_is_refused_or_says_nothing(
    desk: Desk, path: str, content_type: str, body: bytes
) -> None:
    headers = {"Content-Type": content_type}
    url = desk.simulator.url + path
    async with desk.http.post(url, data=body, headers=headers, allow_redirects=False) as answer:
        assert answer.status in {303, 400}
        assert "request_token" not in answer.headers.get("Location", "")
