"""The reporter beside a real `KiteTicker` that is not connected; callbacks come as from its reactor."""

from __future__ import annotations

import logging
import struct
import time
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Any

import pytest

from agent.client import FeedReporter
from agent.client.ticker import with_token
from tests.agent.client.conftest import StandIn, eventually, serving

HEARTBEAT = b"\x00"


def frame(*tokens: int, stamp: int = 1_764_000_000) -> bytes:
    """A frame of packets in full mode."""
    packets = []
    for token in tokens:
        body = bytearray(184)
        struct.pack_into(">I", body, 0, token)
        struct.pack_into(">I", body, 44, stamp)
        struct.pack_into(">I", body, 60, stamp)
        packets.append(struct.pack(">H", 184) + bytes(body))
    return struct.pack(">H", len(packets)) + b"".join(packets)


@pytest.fixture
def kws() -> Any:
    from kiteconnect import KiteTicker

    return KiteTicker("demo", "a-token")


@pytest.fixture
async def attach() -> AsyncIterator[Callable[..., FeedReporter]]:
    reporters: list[FeedReporter] = []

    def begin(url: str, kws: Any) -> FeedReporter:
        reporters.append(FeedReporter(url, "strategy", "a-push-token"))
        reporters[-1].attach(kws)
        return reporters[-1]

    yield begin
    for reporter in reporters:
        reporter.close()


async def test_a_beat_says_what_came_and_when(stand_in: StandIn, kws: Any, attach: Any) -> None:
    heard: list[Any] = []
    kws.on_ticks = lambda ws, ticks: heard.extend(ticks)
    stand_in.answer = {"watch": [738561]}
    attach(stand_in.url, kws)
    await stand_in.beat()
    kws._on_message(None, HEARTBEAT, True)
    kws._on_message(None, frame(738561, 256265 << 1), True)
    beat = await stand_in.beat(lambda beat: beat["packets"] == 2)
    assert [tick["instrument_token"] for tick in heard] == [738561, 256265 << 1]
    assert beat["frames"] == 2
    assert beat["stamps"] == {"738561": 1_764_000_000}
    assert beat["newest"] == 1_764_000_000
    assert beat["heard_s"] < 2
    assert (beat["connected"], beat["begun"], beat["stopped"]) == (False, False, False)
    assert stand_in.tokens[-1] == "Bearer a-push-token"


@pytest.mark.parametrize("when", ["before", "after"])
async def test_callbacks_are_followed_whether_they_are_set_before_or_after(
    stand_in: StandIn, kws: Any, attach: Any, when: str
) -> None:
    heard: list[str] = []

    def set_callbacks() -> None:
        kws.on_ticks = lambda ws, ticks: heard.append("ticks")
        kws.on_message = lambda ws, payload, is_binary: heard.append("message")
        kws.on_connect = lambda ws, response: heard.append("connect")
        kws.on_close = lambda ws, code, reason: heard.append("close")

    if when == "before":
        set_callbacks()
    attach(stand_in.url, kws)
    if when == "after":
        set_callbacks()
    await stand_in.beat()
    await stand_in.beat()
    kws._on_connect(None, None)
    kws._on_message(None, frame(738561), True)
    kws._on_close(None, 1006, "connection upgrade failed (403 - Forbidden)")
    beat = await stand_in.beat(lambda beat: beat["failed"] == 1)
    assert heard == ["connect", "message", "ticks", "close"]
    assert (beat["opened"], beat["packets"], beat["status"]) == (1, 1, 403)


async def test_a_script_that_reads_messages_itself_is_not_made_to_parse_them(
    stand_in: StandIn, kws: Any, attach: Any
) -> None:
    kws.on_message = lambda ws, payload, is_binary: None
    attach(stand_in.url, kws)
    kws._on_message(None, frame(738561, 5633), True)
    beat = await stand_in.beat(lambda beat: beat["packets"] == 2)
    assert kws.on_ticks is None
    assert (beat["stamps"], beat["missing"]) == ({}, [])


async def test_what_never_ticks_is_named(stand_in: StandIn, kws: Any, attach: Any) -> None:
    kws.on_ticks = lambda ws, ticks: None
    kws.subscribed_tokens = {738561: "full", 5633: "full"}
    attach(stand_in.url, kws)
    kws._on_message(None, frame(738561), True)
    beat = await stand_in.beat(lambda beat: beat["packets"] == 1)
    assert beat["missing"] == [5633]


async def test_a_callback_that_does_not_come_back_is_seen(stand_in: StandIn, kws: Any, attach: Any) -> None:
    busy: list[float] = []
    kws.on_ticks = lambda ws, ticks: busy.append(reporter._counts.busy_since or 0)
    reporter = attach(stand_in.url, kws)
    kws._on_message(None, frame(738561), True)
    assert busy[0] > 0
    assert reporter._counts.busy_since is None


async def test_an_error_of_the_script_is_still_its_own(stand_in: StandIn, kws: Any, attach: Any) -> None:
    def fail(ws: object, ticks: object) -> None:
        raise ZeroDivisionError

    kws.on_ticks = fail
    reporter = attach(stand_in.url, kws)
    with pytest.raises(ZeroDivisionError):
        kws._on_message(None, frame(738561), True)
    assert reporter._counts.busy_since is None


async def test_an_absent_agent_costs_one_line_and_its_return_another(
    kws: Any, attach: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "openbell.client")
    stand_in = StandIn()
    async with serving(stand_in):
        port = int(stand_in.url.rpartition(":")[2])
    attach(stand_in.url, kws)
    began = time.monotonic()
    for _ in range(1000):
        kws._on_message(None, frame(738561), True)
    assert time.monotonic() - began < 5
    await eventually(lambda: len(caplog.records) == 1)
    async with serving(stand_in, port):
        await stand_in.beat()
        await stand_in.beat()
        stand_in.status = 409
        await eventually(lambda: len(caplog.records) == 3)
    lost, back, refused = (record.getMessage() for record in caplog.records[:3])
    assert "takes no reports" in lost
    assert "again" in back
    assert "not now" in refused
    assert "a-push-token" not in caplog.text


async def test_beats_come_over_one_connection_and_at_once_when_the_connection_changes(
    stand_in: StandIn, kws: Any, attach: Any
) -> None:
    attach(stand_in.url, kws)
    await stand_in.beat()
    before = time.monotonic()
    kws._on_close(None, 1000, "bye")
    await stand_in.beat(lambda beat: beat["failed"] == 1)
    assert time.monotonic() - before < 0.9
    assert len(stand_in.connections) == 1


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param({"command": "reconnect", "order": 1}, id="a ticker that has not begun"),
        pytest.param({"command": "format-disk", "order": 2}, id="an unknown command"),
        pytest.param({"watch": 5}, id="no list"),
        pytest.param({"command": ["reconnect"], "order": 3}, id="no word"),
    ],
)
async def test_an_answer_that_cannot_be_obeyed_stops_nothing(
    stand_in: StandIn, kws: Any, attach: Any, answer: dict[str, Any]
) -> None:
    stand_in.answer = answer
    attach(stand_in.url, kws)
    await stand_in.beat()
    beat = await stand_in.beat()
    assert beat["order"] == 0


def test_a_reporter_has_one_ticker(kws: Any) -> None:
    reporter = FeedReporter("http://127.0.0.1:9", "strategy", "a-push-token")
    reporter.attach(kws)
    with pytest.raises(ValueError, match="another one"):
        reporter.attach(kws)
    reporter.close()


def test_no_secret_shows_in_a_reporter() -> None:
    reporter = FeedReporter("http://127.0.0.1:9", "strategy", "a-push-token")
    assert "a-push-token" not in repr(reporter) + repr(vars(reporter))


def test_the_token_is_replaced_and_the_rest_of_the_address_kept() -> None:
    address = with_token("wss://ws.kite.trade?api_key=demo&access_token=old", "new+token")
    assert address == "wss://ws.kite.trade?api_key=demo&access_token=new%2Btoken"


def test_stamps_are_the_ticker_s_local_time() -> None:
    from agent.client.reporter import _newest

    local = datetime.fromtimestamp(1_764_000_000)  # noqa: DTZ006 - as the ticker makes it
    assert _newest({1: {"exchange_timestamp": local}}) == 1_764_000_000
    assert _newest({1: {"last_price": 5}}) is None


class Reactor:
    """A reactor that runs, and makes calls at once."""

    running = True

    def callFromThread(self, call: Callable[[], None]) -> None:
        call()


async def test_an_order_is_carried_out_once_and_then_reported(
    stand_in: StandIn, kws: Any, attach: Any
) -> None:
    subscribed: list[int] = []
    kws._create_connection(kws.socket_url)
    kws.factory.reactor = Reactor()
    kws.resubscribe = lambda: subscribed.append(1)
    stand_in.answer = {"command": "resubscribe", "order": 7}
    attach(stand_in.url, kws)
    assert (await stand_in.beat(lambda beat: beat["order"] == 7))["begun"]
    await stand_in.beat()
    assert subscribed == [1]


async def test_a_connection_that_was_opened_meanwhile_is_left_alone(
    stand_in: StandIn, kws: Any, attach: Any
) -> None:
    subscribed: list[int] = []
    kws._create_connection(kws.socket_url)
    kws.factory.reactor = Reactor()
    kws.resubscribe = lambda: subscribed.append(1)
    reporter = attach(stand_in.url, kws)
    await stand_in.beat()
    kws.is_connected = lambda: True
    reporter._obey({"command": "resubscribe", "order": 8}, reporter._counts.opened - 1)
    assert subscribed == []
    await stand_in.beat(lambda beat: beat["order"] == 8)


async def test_a_paused_ticker_has_not_left(stand_in: StandIn, kws: Any, attach: Any) -> None:
    kws._create_connection(kws.socket_url)
    kws.factory.reactor = Reactor()
    stand_in.answer = {"command": "pause", "order": 1}
    attach(stand_in.url, kws)
    beat = await stand_in.beat(lambda beat: beat["order"] == 1)
    assert (beat["paused"], beat["left"], kws.factory.continueTrying) == (True, False, 0)


async def test_a_ticker_that_its_script_closed_has_left(stand_in: StandIn, kws: Any, attach: Any) -> None:
    kws._create_connection(kws.socket_url)
    attach(stand_in.url, kws)
    kws.close()
    assert (await stand_in.beat(lambda beat: beat["left"]))["begun"]
