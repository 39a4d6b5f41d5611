"""The stream in good health: subscriptions, modes, cached packets, heartbeats, limits."""

from __future__ import annotations

import asyncio
import struct
from typing import Any

import aiohttp
import pytest

from agent.simulator.packets import Mode, packet
from agent.simulator.prices import quote
from tests.agent.simulator.conftest import GOLD, NIFTY, RELIANCE, Desk, OpenDesk, next_frame, next_text, stamp


async def test_a_subscribe_is_answered_by_the_last_packet_in_quote_mode(desk: Desk, socket: Any) -> None:
    await socket.send_json({"a": "subscribe", "v": [RELIANCE, NIFTY]})
    assert [len(one) for one in await next_frame(socket)] == [44, 28]


async def test_the_cached_packet_is_older_than_the_first_tick(desk: Desk, socket: Any) -> None:
    desk.clock.advance(hours=8)
    await socket.send_json({"a": "subscribe", "v": [RELIANCE]})
    await socket.send_json({"a": "mode", "v": ["full", [RELIANCE]]})
    await next_frame(socket)
    [cached] = await next_frame(socket)
    close = int(desk.clock.at.replace(hour=10, minute=0).timestamp())
    assert stamp(cached) == close
    desk.clock.advance(hours=16)
    [tick] = await next_frame(socket)
    assert stamp(tick) == int(desk.clock.at.timestamp())
    assert tick == packet(quote(1, RELIANCE, stamp(tick)), Mode.FULL)


async def test_out_of_session_there_are_heartbeats_only(desk: Desk, socket: Any) -> None:
    desk.clock.advance(hours=8)
    await socket.send_json({"a": "subscribe", "v": [RELIANCE, NIFTY]})
    await next_frame(socket)
    assert [(await socket.receive()).data for _ in range(5)] == [b"\x00"] * 5


async def test_commodities_tick_on_when_equity_has_closed(desk: Desk, socket: Any) -> None:
    desk.clock.advance(hours=8)
    await socket.send_json({"a": "subscribe", "v": [RELIANCE, GOLD]})
    assert len(await next_frame(socket)) == 2
    [tick] = await next_frame(socket)
    assert struct.unpack_from(">I", tick)[0] == GOLD


async def test_an_exchange_that_never_closes_ticks_at_night(open_desk: OpenDesk) -> None:
    async with open_desk(always_open=True) as desk, desk.stream(await desk.login()) as socket:
        desk.clock.advance(hours=16)
        await socket.send_json({"a": "subscribe", "v": [NIFTY]})
        await socket.send_json({"a": "mode", "v": ["full", [NIFTY]]})
        for _ in range(3):
            [tick] = await next_frame(socket)
        assert stamp(tick) == int(desk.clock.at.timestamp())


@pytest.mark.parametrize(("mode", "lengths"), [("ltp", [8, 8]), ("quote", [44, 28]), ("full", [184, 32])])
async def test_a_mode_holds_for_the_tokens_named(socket: Any, mode: str, lengths: list[int]) -> None:
    await socket.send_json({"a": "subscribe", "v": [RELIANCE, NIFTY]})
    await next_frame(socket)
    await socket.send_json({"a": "mode", "v": [mode, [RELIANCE, NIFTY]]})
    async with asyncio.timeout(30):
        while [len(one) for one in await next_frame(socket)] != lengths:
            pass


async def test_a_mode_subscribes_nothing(desk: Desk, socket: Any) -> None:
    await socket.send_json({"a": "mode", "v": ["full", [RELIANCE]]})
    await socket.send_json({"a": "subscribe", "v": [NIFTY]})
    assert [len(one) for one in await next_frame(socket)] == [28]


async def test_an_unsubscribed_token_is_quiet(desk: Desk, socket: Any) -> None:
    await socket.send_json({"a": "subscribe", "v": [RELIANCE, NIFTY]})
    await next_frame(socket)
    await socket.send_json({"a": "unsubscribe", "v": [RELIANCE, 12345]})
    async with asyncio.timeout(30):
        while len(await next_frame(socket)) > 1:
            pass
    [connection] = (await desk.state())["connections"]
    assert connection["subscriptions"] == {"quote": [NIFTY]}


async def test_tokens_written_as_texts_are_passed_over(socket: Any) -> None:
    await socket.send_json({"a": "subscribe", "v": [str(RELIANCE), NIFTY]})
    assert len(await next_frame(socket)) == 1


async def test_the_3001st_instrument_is_refused_in_words_and_the_rest_goes_on(
    desk: Desk, socket: Any
) -> None:
    await socket.send_json({"a": "subscribe", "v": [token << 8 | 1 for token in range(1, 3002)]})
    told = await next_text(socket)
    assert told == {"type": "error", "data": "Can't subscribe to more than 3000 instruments"}
    assert len(await next_frame(socket)) == 3000
    [connection] = (await desk.state())["connections"]
    assert len(connection["subscriptions"]["quote"]) == 3000


async def test_two_clients_see_the_same_walk(desk: Desk, socket: Any) -> None:
    async with desk.stream(await desk.login()) as other:
        for one in (socket, other):
            await one.send_json({"a": "subscribe", "v": [RELIANCE]})
            await next_frame(one)
        desk.clock.advance(seconds=100)
        expected = packet(quote(1, RELIANCE, int(desk.clock.at.timestamp())), Mode.QUOTE)
        for one in (socket, other):
            async with asyncio.timeout(30):
                while await next_frame(one) != [expected]:
                    pass


@pytest.mark.parametrize("path", ["/", "/ws"])
async def test_a_bad_token_is_refused_at_the_upgrade(desk: Desk, path: str) -> None:
    url = f"ws{desk.simulator.url.removeprefix('http')}{path}?api_key=demo&access_token={'x' * 32}"
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await desk.http.ws_connect(url)
    assert caught.value.status == 403
    assert (await desk.state())["handshakes"] == {"403": 1}


async def test_the_refusal_says_why_in_its_body(desk: Desk) -> None:
    headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    headers["Sec-WebSocket-Key"] = "dGhlIHNhbXBsZSBub25jZQ=="
    async with desk.http.get(desk.simulator.url, headers=headers) as answer:
        assert (answer.status, await answer.text()) == (403, "Authentication failed")


async def test_a_fourth_connection_is_one_too_many_until_one_ends(desk: Desk) -> None:
    token = await desk.login()
    async with desk.stream(token), desk.stream(token):
        async with desk.stream(token):
            with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
                await desk.http.ws_connect(
                    f"{desk.simulator.websocket_url}?api_key=demo&access_token={token}"
                )
            assert caught.value.status == 429
        async with asyncio.timeout(30):
            while len((await desk.state())["connections"]) == 3:
                pass
        async with desk.stream(token):
            pass


@pytest.mark.parametrize("ending", ["revoke", "expire"])
async def test_an_open_socket_outlives_its_token(desk: Desk, ending: str) -> None:
    token = await desk.login()
    async with desk.stream(token) as socket:
        await socket.send_json({"a": "subscribe", "v": [RELIANCE]})
        await desk.order("token", {"do": ending})
        assert await desk.profile_status(token) == 403
        for _ in range(3):
            assert len(await next_frame(socket)) == 1
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await desk.http.ws_connect(f"{desk.simulator.websocket_url}?api_key=demo&access_token={token}")


async def test_pings_are_answered(socket: Any) -> None:
    await socket.ping(b"are you there")
    await socket.send_json({"a": "subscribe", "v": [RELIANCE]})
    assert len(await next_frame(socket)) == 1


async def test_texts_reach_every_client(desk: Desk, socket: Any) -> None:
    assert await desk.order("message", {"text": "Maintenance at five."}) == {"heard_by": 1}
    assert await next_text(socket) == {"type": "message", "data": "Maintenance at five."}
    await desk.order("message", {"text": "rejected", "type": "order"})
    order = await next_text(socket)
    assert (order["type"], order["data"]["status_message"]) == ("order", "rejected")


async def test_a_burst_sends_so_many_frames_at_once(desk: Desk, socket: Any) -> None:
    await socket.send_json({"a": "subscribe", "v": [RELIANCE, NIFTY]})
    await next_frame(socket)
    assert (await desk.order("burst", {"rounds": 500}))["frames"] >= 500
    for _ in range(500):
        assert len(await next_frame(socket)) == 2


async def test_a_client_that_does_not_read_holds_up_nobody(open_desk: OpenDesk) -> None:
    async with open_desk(tick_interval=60) as desk:
        token = await desk.login()
        async with desk.stream(token, max_msg_size=0) as lazy, desk.stream(token) as keen:
            await lazy.send_json({"a": "subscribe", "v": [n << 8 | 1 for n in range(1, 3001)]})
            await lazy.send_json({"a": "mode", "v": ["full", [n << 8 | 1 for n in range(1, 3001)]]})
            await next_frame(lazy)
            lazy._response.connection.transport.pause_reading()
            await desk.order("burst", {"rounds": 40})
            await keen.send_json({"a": "subscribe", "v": [RELIANCE]})
            assert len(await next_frame(keen)) == 1
            state = await desk.state()
            assert state["connections"][0]["frames_left_out"] > 0
            lazy._response.connection.transport.resume_reading()


async def test_the_last_values_sent_can_be_asked_for(desk: Desk, socket: Any) -> None:
    desk.clock.advance(hours=8)
    await socket.send_json({"a": "subscribe", "v": [RELIANCE]})
    [sent] = await next_frame(socket)
    values = (await desk.state(values="1"))["values"]
    assert round(values[str(RELIANCE)]["last_price"] * 100) == struct.unpack_from(">I", sent, 4)[0]


async def test_stopping_is_quick_with_all_kinds_of_clients_and_leaves_no_task(open_desk: OpenDesk) -> None:
    before = asyncio.all_tasks()
    loop = asyncio.get_running_loop()
    async with aiohttp.ClientSession() as http, open_desk() as desk:
        token = await desk.login()
        url = f"{desk.simulator.websocket_url}?api_key=demo&access_token={token}"
        sockets = [await http.ws_connect(url) for _ in range(2)]
        await desk.order("feed", {"fault": "half-open"})
        sockets.append(await http.ws_connect(url))
        await desk.order("rest", {"fault": "slow", "seconds": 600})
        waiting = asyncio.create_task(desk.profile_status(token))
        while "/user/profile" not in (await desk.state())["requests"]:
            pass
        started = loop.time()
        await desk.simulator.stop()
        await desk.simulator.stop()
        assert loop.time() - started < 2
        await asyncio.gather(waiting, return_exceptions=True)
    assert asyncio.all_tasks() <= before


async def test_a_port_in_use_is_an_os_error_and_leaves_nothing_behind(
    desk: Desk, open_desk: OpenDesk
) -> None:
    with pytest.raises(OSError, match="in use"):
        async with open_desk(port=desk.simulator.port):
            raise AssertionError("two at one port")


async def test_the_same_port_serves_again_after_a_stop(open_desk: OpenDesk) -> None:
    async with open_desk() as first:
        port, token = first.simulator.port, await first.login()
        async with first.stream(token):
            await first.simulator.stop()
    async with open_desk(port=port) as second, second.stream(token):
        assert second.simulator.port == port
