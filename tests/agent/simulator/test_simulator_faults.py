"""Every fault of the stream, as a client sees it over a real socket."""

from __future__ import annotations

import asyncio
import struct
from typing import Any

import aiohttp
import pytest

from agent.simulator.packets import Mode, packet
from agent.simulator.prices import quote
from tests.agent.simulator.conftest import NIFTY, RELIANCE, Desk, next_frame, packets, stamp

HEARTBEAT = b"\x00"
PATIENCE = 0.3
"""Fifteen intervals of ticks and heartbeats: what has not come by then does not come."""


async def subscribe(socket: Any, *tokens: int) -> None:
    await socket.send_json({"a": "subscribe", "v": list(tokens)})
    await socket.send_json({"a": "mode", "v": ["full", list(tokens)]})
    while {len(one) for one in await next_frame(socket)} - {184, 32}:
        pass


async def drained(socket: Any) -> None:
    """Read off what was on its way when the fault came."""
    while True:
        try:
            await socket.receive(timeout=0.05)
        except TimeoutError:
            return


async def heard(socket: Any, seconds: float = PATIENCE) -> list[Any]:
    """Everything that comes within the time."""
    messages = []
    try:
        async with asyncio.timeout(seconds):
            while True:
                messages.append((await socket.receive()).data)
    except TimeoutError:
        return messages


def ticks(messages: list[Any]) -> list[bytes]:
    return [message for message in messages if len(message) > 1]


async def well_again(desk: Desk, socket: Any) -> None:
    """Cleared, the stream ticks in the present."""
    await desk.order("feed", {"fault": None})
    desk.clock.advance(seconds=1)
    async with asyncio.timeout(30):
        while not any(is_present(packet, desk) for packet in await next_frame(socket)):
            pass


def is_present(packet: bytes, desk: Desk) -> bool:
    """Whether a whole packet speaks of this second; broken ones may still be under way."""
    return len(packet) in (32, 184) and stamp(packet) == int(desk.clock.at.timestamp())


async def test_stall_is_silence_on_old_and_new_sockets_but_the_link_answers(desk: Desk, socket: Any) -> None:
    await subscribe(socket, RELIANCE)
    await desk.order("feed", {"fault": "stall"})
    await drained(socket)
    async with desk.stream(await desk.login(), autoping=False) as new:
        await new.send_json({"a": "subscribe", "v": [RELIANCE]})
        await new.ping(b"still there")
        [pong] = [await new.receive(timeout=1)]
        assert pong.type is aiohttp.WSMsgType.PONG
        assert await heard(new) == []
    assert await heard(socket, 0.05) == []
    assert (await desk.order("message", {"text": "unheard"}))["heard_by"] == 0
    await well_again(desk, socket)


async def test_stall_may_spare_new_sockets(desk: Desk, socket: Any) -> None:
    await subscribe(socket, RELIANCE)
    await desk.order("feed", {"fault": "stall", "new": False})
    await drained(socket)
    async with desk.stream(await desk.login()) as new:
        await subscribe(new, RELIANCE)
    assert await heard(socket, 0.05) == []


async def test_mute_beats_without_ticks_and_answers_a_subscribe_with_the_past(
    desk: Desk, socket: Any
) -> None:
    await subscribe(socket, RELIANCE)
    since = int(desk.clock.at.timestamp())
    await desk.order("feed", {"fault": "mute"})
    desk.clock.advance(seconds=30)
    messages = await heard(socket)
    assert ticks(messages)[1:] == []
    assert messages.count(HEARTBEAT) > 5
    await subscribe(socket, RELIANCE)
    await socket.send_json({"a": "subscribe", "v": [NIFTY]})
    await socket.send_json({"a": "mode", "v": ["full", [RELIANCE]]})
    await next_frame(socket)
    [cached] = await next_frame(socket)
    assert stamp(cached) <= since
    await well_again(desk, socket)


async def test_partial_silences_the_tokens_named(desk: Desk, socket: Any) -> None:
    await subscribe(socket, RELIANCE, NIFTY)
    await desk.order("feed", {"fault": "partial", "tokens": [RELIANCE]})
    await drained_of_pairs(socket)
    messages = ticks(await heard(socket))
    assert messages
    assert all([len(one) for one in packets(message)] == [32] for message in messages)
    await well_again(desk, socket)


async def drained_of_pairs(socket: Any) -> None:
    while len(await next_frame(socket)) > 1:
        pass


async def test_lag_speaks_of_the_past(desk: Desk, socket: Any) -> None:
    await subscribe(socket, RELIANCE)
    await desk.order("feed", {"fault": "lag", "seconds": 45})
    async with asyncio.timeout(30):
        while stamp((await next_frame(socket))[0]) != int(desk.clock.at.timestamp()) - 45:
            pass
    desk.clock.advance(seconds=10)
    async with asyncio.timeout(30):
        while stamp((await next_frame(socket))[0]) != int(desk.clock.at.timestamp()) - 45:
            pass
    await well_again(desk, socket)


async def test_frozen_repeats_the_same_packet(desk: Desk, socket: Any) -> None:
    await subscribe(socket, RELIANCE)
    since = int(desk.clock.at.timestamp())
    await desk.order("feed", {"fault": "frozen"})
    desk.clock.advance(seconds=100)
    messages = ticks(await heard(socket))
    assert len(messages) > 5
    same = packet(quote(1, RELIANCE, since), Mode.FULL)
    assert {one for message in messages for one in packets(message)} == {same}
    await well_again(desk, socket)


async def test_drop_closes_once_with_the_code_asked_for(desk: Desk, socket: Any) -> None:
    await desk.order("feed", {"fault": "drop", "code": 1012})
    async with asyncio.timeout(30):
        while (await socket.receive()).type is not aiohttp.WSMsgType.CLOSE:
            pass
    assert socket.close_code == 1012
    assert (await desk.state())["faults"]["feed"] is None
    async with desk.stream(await desk.login()) as new:
        await subscribe(new, RELIANCE)


async def test_an_aborted_drop_is_a_reset_without_a_word(desk: Desk) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", desk.simulator.port)
    writer.write(handshake(await desk.login()))
    assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
    await desk.order("feed", {"fault": "drop", "abort": True})
    with pytest.raises(ConnectionResetError):
        await reader.read()
    writer.close()


async def test_a_drop_leaves_the_standing_fault_in_force(desk: Desk, socket: Any) -> None:
    await desk.order("feed", {"fault": "refuse", "status": 503})
    await desk.order("feed", {"fault": "drop"})
    async with asyncio.timeout(30):
        while not socket.closed:
            await socket.receive()
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await desk.stream(await desk.login())
    assert caught.value.status == 503


@pytest.mark.parametrize("status", [403, 429, 503])
async def test_refuse_turns_new_sockets_away_and_keeps_the_old(desk: Desk, socket: Any, status: int) -> None:
    await subscribe(socket, RELIANCE)
    await desk.order("feed", {"fault": "refuse", "status": status})
    token = await desk.login()
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await desk.stream(token)
    assert caught.value.status == status
    assert await desk.profile_status(token) == 200
    await well_again(desk, socket)
    async with desk.stream(token):
        pass


async def test_half_open_hears_nothing_says_nothing_and_answers_no_ping(desk: Desk) -> None:
    token = await desk.login()
    async with desk.stream(token, autoping=False) as socket:
        await subscribe(socket, RELIANCE)
        await desk.order("feed", {"fault": "half-open"})
        await drained(socket)
        await socket.ping(b"hello?")
        assert await heard(socket) == []
        assert not socket.closed
        await desk.order("feed", {"fault": None})
        async with asyncio.timeout(30):
            while (await socket.receive()).type is not aiohttp.WSMsgType.PONG:
                pass
        await well_again(desk, socket)


async def test_half_open_spares_new_sockets_and_holds_no_place_for_lost_ones(desk: Desk) -> None:
    token = await desk.login()
    lost = [await desk.stream(token) for _ in range(3)]
    await desk.order("feed", {"fault": "half-open"})
    async with desk.stream(token) as new:
        await subscribe(new, RELIANCE)
    for socket in lost:
        socket._response.close()


async def test_half_open_may_take_new_sockets_too(desk: Desk) -> None:
    await desk.order("feed", {"fault": "half-open", "new": True})
    async with desk.stream(await desk.login()) as new:
        await new.send_json({"a": "subscribe", "v": [RELIANCE]})
        assert await heard(new) == []
        new._response.close()


MALFORMED = {
    "truncated": lambda data: len(data) == 2 + 2 + 184 - 3,
    "count": lambda data: data[:2] == b"\xff\xff",
    "length": lambda data: len(data) == 17 and struct.unpack_from(">HH", data) == (1, 13),
    "garbage": lambda data: len(data) == 96,
    "empty": lambda data: data == b"",
    "text": lambda data: data == '{"type": "order", "data": {',
}


@pytest.mark.parametrize("kind", MALFORMED)
async def test_malformed_frames_are_broken_as_asked(desk: Desk, socket: Any, kind: str) -> None:
    await subscribe(socket, RELIANCE)
    await desk.order("feed", {"fault": "malformed", "kind": kind})
    async with asyncio.timeout(30):
        while not MALFORMED[kind]((await socket.receive()).data):
            pass
    await well_again(desk, socket)


async def test_malformed_takes_each_kind_in_turn(desk: Desk, socket: Any) -> None:
    await subscribe(socket, RELIANCE)
    await desk.order("feed", {"fault": "malformed"})
    messages = await heard(socket)
    for kind, is_it in MALFORMED.items():
        assert any(is_it(message) for message in messages), kind


def handshake(token: str) -> bytes:
    lines = (
        f"GET /?api_key=demo&access_token={token} HTTP/1.1",
        "Host: 127.0.0.1",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    )
    return "\r\n".join((*lines, "", "")).encode()
