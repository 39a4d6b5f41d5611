"""The feed over a network that stalls, delays, resets, half-closes, truncates and trickles."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from agent.model import Expectation
from tests.faultproxy import FaultProxy, proxying
from tests.plugins.feed.conftest import SimulatedBroker, feed_at


@pytest.fixture
async def proxy(simulated: SimulatedBroker) -> AsyncIterator[FaultProxy]:
    place = urlsplit(simulated.url)
    assert place.hostname is not None
    assert place.port is not None
    async with proxying(place.hostname, place.port) as one:
        yield one


def stall(proxy: FaultProxy) -> None:
    proxy.stalled = True


def trickle(proxy: FaultProxy) -> None:
    proxy.pace_s = 1.0


def truncate(proxy: FaultProxy) -> None:
    proxy.cut_after = 0


def delay(proxy: FaultProxy) -> None:
    proxy.delay_s = 30.0


@pytest.mark.parametrize(
    ("hurt", "stands"),
    [
        pytest.param(stall, [("STALE", "NO_HEARTBEAT")], id="stall"),
        pytest.param(trickle, [("STALE", "NO_HEARTBEAT"), ("STALE", "NO_TICKS")], id="a byte a second"),
        pytest.param(delay, [("STALE", "NO_HEARTBEAT")], id="delay"),
        pytest.param(FaultProxy.reset, [("DISCONNECTED", "CLOSED_BY_PEER")], id="reset"),
        pytest.param(FaultProxy.half_close, [("DISCONNECTED", "CLOSED_BY_PEER")], id="half-close"),
        pytest.param(truncate, [("DISCONNECTED", "CLOSED_BY_PEER")], id="truncate"),
    ],
)
async def test_a_hurt_connection_is_noticed_and_made_anew(
    simulated: SimulatedBroker,
    proxy: FaultProxy,
    hurt: Callable[[FaultProxy], None],
    stands: list[tuple[str, str]],
) -> None:
    async with feed_at(proxy.url, await simulated.login()) as desk:
        await desk.until("CONNECTED", "TICKING")
        accepted = proxy.accepted
        hurt(proxy)
        await desk.bench.until(lambda report: (report.state, report.reason) in stands)
        proxy.heal()
        await desk.until("CONNECTED", "TICKING")
        assert proxy.accepted > accepted
        async with asyncio.timeout(5):
            while len((await simulated.state())["connections"]) != 1:
                await asyncio.sleep(0.02)


async def test_a_network_that_is_slow_but_sound_is_no_reason_to_reconnect(
    simulated: SimulatedBroker, proxy: FaultProxy
) -> None:
    proxy.delay_s = 0.2
    async with feed_at(proxy.url, await simulated.login(), connect_timeout="3s") as desk:
        await desk.until("CONNECTED", "TICKING")
        for _ in range(10):
            await desk.until("CONNECTED", "TICKING")
            await asyncio.sleep(0.1)
        assert proxy.accepted == 1
        assert {state for state, _ in desk.states} <= {"CONNECTING", "CONNECTED"}


async def test_a_network_that_is_gone_is_tried_until_it_is_back(
    simulated: SimulatedBroker, proxy: FaultProxy
) -> None:
    async with feed_at(proxy.url, await simulated.login()) as desk:
        await desk.until("CONNECTED", "TICKING")
        proxy.refusing = True
        proxy.reset()
        await desk.until("DISCONNECTED", "NETWORK")
        before = proxy.accepted
        async with asyncio.timeout(8):
            while proxy.accepted < before + 3:
                await asyncio.sleep(0.02)
        proxy.heal()
        await desk.until("CONNECTED", "TICKING")


async def test_unplugged_while_nothing_is_expected_it_is_quiet_and_up_the_moment_it_is_expected(
    simulated: SimulatedBroker, proxy: FaultProxy
) -> None:
    """The night: `backoff_quiet` would keep it away for five minutes, the expectation does not wait."""
    settings: dict[str, Any] = {"expectation": Expectation.NOTHING, "backoff_quiet": "5m"}
    async with feed_at(proxy.url, await simulated.login(), **settings) as desk:
        await desk.until("CONNECTED")
        proxy.refusing = True
        proxy.reset()
        report = await desk.bench.until(lambda report: "slowly" in report.message)
        assert report.state == "DISCONNECTED"
        await desk.probe()
        attempts = proxy.accepted
        proxy.heal()
        assert proxy.accepted == attempts, "nobody has told it that the network is back"
        desk.bench.expectation.set(Expectation.CONNECTION)
        await desk.until("CONNECTED")
        assert proxy.accepted == attempts + 1
