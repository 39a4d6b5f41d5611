"""The feed keeps openbell's contract against a small exchange, and tells silences apart."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import aiohttp
import pytest
from openbell_crypto.exchange import Exchange, served
from openbell_crypto.feed import FeedSettings, TickerFeed, pause_s
from openbell_crypto.messages import Kind, read
from openbell_crypto.watch import Reason, State
from pydantic import ValidationError

from agent.testing import Bench, FastClock, StateMachineContract, Trouble, run_machine


class TestFeedContract(StateMachineContract):
    plugin = "openbell_crypto"
    kind = "crypto-feed"
    healthy = ("CONNECTED", "TICKING")
    classes = {
        Trouble.UNAUTHORIZED: "REFUSED",
        Trouble.FORBIDDEN: "REFUSED",
        Trouble.RATE_LIMITED: "RATE_LIMITED",
        Trouble.SERVER_ERROR: "NETWORK",
        Trouble.TIMEOUT: "NETWORK",
        Trouble.DNS: "NETWORK",
        Trouble.TLS: "NETWORK",
    }

    def settings(self, url):
        scheme, _, place = url.partition("://")
        return {"url": f"{'wss' if scheme == 'https' else 'ws'}://{place}/v2"}

    async def answer(self, request):
        self.venue = vars(self).get("venue") or Exchange()
        return await self.venue.serve(request)

    async def mute(self, exchange):
        self.venue.mute()


@asynccontextmanager
async def watched(exchange: Exchange, **settings: object):
    """A feed that runs against the exchange, at five times the pace; gives its bench and machine."""
    settings = {"stale_after": "2s", **settings}
    async with served(exchange) as url, aiohttp.ClientSession() as session:
        bench = Bench(FastClock(pace=5), session=session)
        machine = TickerFeed(FeedSettings.model_validate({"url": url, **settings}), bench)
        async with run_machine(machine, bench):
            yield bench, machine


def is_(state: State, reason: Reason):
    return lambda report: (report.state, report.reason) == (state, reason)


TICKING = is_(State.CONNECTED, Reason.TICKING)


async def test_the_silence_of_one_symbol_is_named() -> None:
    exchange = Exchange()
    async with watched(exchange) as (bench, _):
        await bench.until(TICKING)
        exchange.silent = {"ETH/USD"}
        partial = await bench.until(is_(State.STALE, Reason.PARTIAL))
        assert partial.message == "No ticks of ETH/USD"
        exchange.speak()
        await bench.until(TICKING)


async def test_maintenance_explains_the_silence_and_ends() -> None:
    exchange = Exchange()
    async with watched(exchange) as (bench, _):
        await bench.until(TICKING)
        exchange.system = "maintenance"
        await bench.until(is_(State.STALE, Reason.MAINTENANCE))
        exchange.speak()
        await bench.until(TICKING)
        assert exchange.connections == 1


async def test_the_price_that_a_subscription_begins_with_is_no_tick() -> None:
    exchange = Exchange()
    exchange.mute()
    async with watched(exchange) as (bench, _):
        await bench.until(is_(State.STALE, Reason.NO_TICKS))
        assert not any(map(TICKING, bench.reports))


async def test_a_symbol_that_the_exchange_does_not_list_is_told_by_name_without_reconnects() -> None:
    exchange = Exchange()
    async with watched(exchange, symbols=("DOGE/INR",)) as (bench, _):
        report = await bench.until(is_(State.STALE, Reason.NOT_LISTED))
        assert "DOGE/INR" in report.message
        async with asyncio.timeout(10):
            while exchange.pings < 2:  # there is no heartbeat without a subscription: pings must do
                await bench.clock.sleep(0.1)
        assert (exchange.connections, bench.reports[-1].reason) == (1, Reason.NOT_LISTED)


async def test_an_exchange_that_keeps_the_connection_and_says_nothing_is_left_and_found_again() -> None:
    exchange = Exchange()
    async with watched(exchange, stale_after="1h") as (bench, _):
        await bench.until(TICKING)
        exchange.dead = True
        await bench.until(is_(State.DISCONNECTED, Reason.NO_HEARTBEAT))
        exchange.speak()
        await bench.until(TICKING)


async def test_a_person_can_have_it_connect_anew() -> None:
    exchange = Exchange()
    async with watched(exchange) as (bench, machine):
        await bench.until(TICKING)
        assert await machine.act("reconnect") == "Connecting anew"
        await bench.until(is_(State.DISCONNECTED, Reason.CLOSED_BY_PEER))
        await bench.until(TICKING)
        assert exchange.connections == 2


async def test_a_feed_that_has_stopped_does_not_call_itself_connected() -> None:
    async with watched(Exchange()) as (bench, machine):
        await bench.until(TICKING)
    assert (await machine.probe()).state == State.DISCONNECTED


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        pytest.param('{"channel":"ticker","type":"update","data":[{"symbol":"X"}]}', Kind.TICK, id="a tick"),
        pytest.param(
            '{"channel":"ticker","type":"snapshot","data":[{"symbol":"X"}]}', Kind.NO_NEWS, id="old"
        ),
        pytest.param('{"channel":"heartbeat"}', Kind.NO_NEWS, id="a heartbeat"),
        pytest.param('{"channel":"status","data":[{"system":"maintenance"}]}', Kind.STATUS, id="status"),
        pytest.param('{"channel":"status","data":7}', Kind.STATUS, id="a status of no use"),
        pytest.param('{"method":"subscribe","success":false,"symbol":"X"}', Kind.NOT_LISTED, id="refused"),
        pytest.param("[" * 100_000, Kind.NO_NEWS, id="a bomb"),
        pytest.param("7", Kind.NO_NEWS, id="a number"),
        pytest.param("{", Kind.NO_NEWS, id="half of one"),
    ],
)
def test_a_message_is_read_for_what_it_is(text, kind) -> None:
    assert read(text).kind is kind


def test_pauses_double_up_to_half_a_minute_and_a_limit_is_respected_at_once() -> None:
    assert [pause_s(Reason.NETWORK, failures, 1) for failures in (1, 2, 3, 9, 5000)] == [2, 4, 8, 30, 30]
    assert pause_s(Reason.RATE_LIMITED, 1, 1) == 30


@pytest.mark.parametrize("url", ["ws://ws.example.com/v2", "https://ws.example.com", "wss://"])
def test_only_an_address_of_this_host_may_be_unencrypted(url) -> None:
    with pytest.raises(ValidationError, match="expected an address such as"):
        FeedSettings(url=url)
