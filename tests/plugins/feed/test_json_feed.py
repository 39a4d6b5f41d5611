"""A feed that speaks JSON, through the same watchdog, over a real socket."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from agent.clock import SystemClock
from agent.model import Expectation
from agent.testing import Bench, running
from plugins.feed import any_json_feed
from plugins.feed.dialect import Tally
from plugins.feed.json_feed import JsonDialect, follow
from plugins.feed.settings import JsonFeedSettings
from tests.plugins.feed.conftest import Broker

FAST = {"stale_after": "500ms", "heartbeat_after": "300ms", "backoff_first": "50ms"}


@asynccontextmanager
async def json_feed_at(broker: Broker, **settings: Any) -> AsyncIterator[Bench]:
    async with aiohttp.ClientSession() as session:
        bench = Bench(SystemClock(), session=session)  # type: ignore[arg-type]
        url = broker.url.replace("http", "ws")
        made = JsonFeedSettings.model_validate(FAST | {"url": url} | settings)
        async with running(any_json_feed(made, bench)):
            yield bench


async def test_trades_that_come_are_ticks_and_their_end_is_noticed(broker: Broker) -> None:
    going = asyncio.Event()
    going.set()

    async def trade(socket: web.WebSocketResponse) -> None:
        await socket.send_str('{"ok": true}')
        while True:
            await going.wait()
            now = int(time.time() * 1000)
            await socket.send_str(json.dumps({"data": [{"s": "BTCUSD", "T": now}]}))
            await asyncio.sleep(0.05)

    broker.behave = trade
    async with json_feed_at(
        broker,
        subscribe=['{"op":"subscribe","args":["trade.BTCUSD"]}'],
        timestamp="data.0.T",
        unit="ms",
        instrument="data.0.s",
        canaries=["BTCUSD"],
    ) as bench:
        await bench.until(lambda report: report.reason == "TICKING")
        assert set(bench.reports[-1].attributes["canaries"]) == {"BTCUSD"}
        going.clear()
        await bench.until(lambda report: report.reason == "NO_TICKS")
        going.set()
        await bench.until(lambda report: report.reason == "TICKING")
        assert broker.most == 1
        assert broker.texts[0] == '{"op":"subscribe","args":["trade.BTCUSD"]}'


async def test_where_no_heartbeat_is_known_the_pongs_show_life(broker: Broker) -> None:
    async def say_nothing(socket: web.WebSocketResponse) -> None:
        await asyncio.Event().wait()

    broker.behave = say_nothing
    async with json_feed_at(broker) as bench:
        bench.expectation.set(Expectation.NOTHING)
        await bench.until(lambda report: (report.state, report.reason) == ("CONNECTED", "IDLE"))
        await asyncio.sleep(0.5)
        assert bench.reports[-1].state == "CONNECTED"
        assert broker.attempts == 1


async def test_a_feed_without_a_credential_is_refused_and_tried_again_slowly(broker: Broker) -> None:
    broker.refuse_with = 403
    async with json_feed_at(broker, refusal_pause="200ms") as bench:
        await bench.until(lambda report: (report.state, report.reason) == ("DISCONNECTED", "REFUSED"))
        broker.refuse_with = None
        await bench.until(lambda report: report.state != "DISCONNECTED")


def dialect(**settings: Any) -> JsonDialect:
    made = JsonFeedSettings.model_validate({"url": "wss://example.com"} | settings)
    return JsonDialect(made, SystemClock())


@pytest.mark.parametrize(
    ("unit", "value", "stamp"),
    [
        ("s", 1_700_000_000, 1_700_000_000.0),
        ("s", "1700000000.5", 1_700_000_000.5),
        ("ms", 1_700_000_000_500, 1_700_000_000.5),
        ("us", 1_700_000_000_500_000, 1_700_000_000.5),
        ("ns", 1_700_000_000_500_000_000, 1_700_000_000.5),
        ("iso", "2023-11-14T22:13:20.500Z", datetime(2023, 11, 14, 22, 13, 20, 500_000, UTC).timestamp()),
    ],
)
def test_a_time_is_read_in_its_unit(unit: str, value: object, stamp: float) -> None:
    tally = Tally()
    dialect(timestamp="ts", unit=unit).read(json.dumps({"ts": value}), tally)
    assert tally.stamps == {0: stamp}


@pytest.mark.parametrize(
    ("text", "packets", "malformed"),
    [
        pytest.param('{"type": "ping"}', 0, 0, id="a heartbeat"),
        pytest.param('{"result": null}', 0, 0, id="an acknowledgement"),
        pytest.param('{"ts": true}', 0, 1, id="a time that is a truth"),
        pytest.param('{"ts": "soon"}', 0, 1, id="a time that is no number"),
        pytest.param('{"ts": {}}', 0, 1, id="a time that is an object"),
        pytest.param('{"ts": NaN}', 1, 0, id="NaN, which the basket refuses"),
        pytest.param("1", 0, 0, id="a number"),
        pytest.param("{", 0, 1, id="no JSON"),
        pytest.param("[" * 100_000, 0, 1, id="too deep"),
        pytest.param(b"\xff\xfe\xfd", 0, 1, id="bytes that are no text"),
    ],
)
def test_no_message_raises(text: str | bytes, packets: int, malformed: int) -> None:
    tally = Tally()
    dialect(timestamp="ts", heartbeat={"type": "ping"}).read(text, tally)
    assert (tally.packets, tally.malformed) == (packets, malformed)


@pytest.mark.parametrize(
    ("path", "found"),
    [("a.b", 1), ("a.l.1", 3), ("a.l.9", None), ("a.l.x", None), ("a.b.c", None), ("z", None)],
)
def test_a_path_leads_to_a_value_or_to_nothing(path: str, found: object) -> None:
    assert follow({"a": {"b": 1, "l": [2, 3]}}, path) == found


@pytest.mark.parametrize("alone", [{"instrument": "s"}, {"canaries": ["BTCUSD"]}])
def test_canaries_need_the_path_to_their_names(alone: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="together"):
        dialect(**alone)
