"""The feed through every fault of the simulated broker, over real sockets."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from agent.model import Expectation
from tests.plugins.feed.conftest import SimulatedBroker, feed_at

STALE_AFTER = 1.6
ROUNDING = 1.0  # exchange timestamps are whole seconds


async def test_a_feed_ticks_within_two_seconds_of_its_login(simulated: SimulatedBroker) -> None:
    async with feed_at(simulated.url, None) as desk:
        await desk.until("DISCONNECTED", "AWAITING_CREDENTIAL")
        desk.credential.put(await simulated.login())
        began = time.monotonic()
        await desk.until("CONNECTED", "TICKING")
        assert time.monotonic() - began < 2
        assert desk.credential.state.value.verdict == "ACCEPTED"
        assert desk.credential.state.value.judged_by == "handshake"


async def test_without_a_credential_nothing_is_attempted(simulated: SimulatedBroker) -> None:
    async with feed_at(simulated.url, None) as desk:
        await desk.until("DISCONNECTED", "AWAITING_CREDENTIAL")
        assert (await simulated.state())["handshakes"] == {}


async def test_canaries_are_subscribed_to_in_full_mode_and_the_others_are_not(
    simulated: SimulatedBroker,
) -> None:
    async with feed_at(
        simulated.url, await simulated.login(), canaries=[256265, 738561], instruments={"TCS": 2953217}
    ) as desk:
        await desk.until("CONNECTED", "TICKING")
        (connection,) = (await simulated.state())["connections"]
        assert connection["subscriptions"] == {"full": [256265, 738561], "quote": [2953217]}
        report = await desk.probe()
        assert set(report.attributes["canaries"]) == {"256265", "738561"}
        assert report.measures["packets"] > 0
        assert report.measures["malformed_frames"] == 0
        assert report.measures["heartbeat_age_s"] < 0.5
        assert report.measures["transport_age_s"] < 0.5
        assert report.measures["tick_age_s"] < STALE_AFTER
        assert -0.5 < report.measures["lag_s"] < 2


@pytest.mark.parametrize(
    ("fault", "parameters", "reason", "within"),
    [
        pytest.param("stall", {}, "NO_HEARTBEAT", 0.6, id="stall"),
        pytest.param("half-open", {"new": True}, "NO_HEARTBEAT", 0.6, id="half-open"),
        pytest.param("mute", {}, "NO_TICKS", STALE_AFTER + ROUNDING, id="mute"),
        pytest.param("malformed", {"kind": "truncated"}, "NO_TICKS", STALE_AFTER + ROUNDING, id="malformed"),
        pytest.param("partial", {"tokens": [738561]}, "PARTIAL", STALE_AFTER + ROUNDING, id="partial"),
        pytest.param("frozen", {}, "LAGGING", STALE_AFTER + ROUNDING, id="frozen"),
        pytest.param("lag", {"seconds": 60}, "LAGGING", STALE_AFTER + ROUNDING, id="lag"),
    ],
)
async def test_a_fault_makes_the_feed_stale_and_its_end_makes_it_tick_again(
    simulated: SimulatedBroker, fault: str, parameters: dict[str, Any], reason: str, within: float
) -> None:
    async with feed_at(simulated.url, await simulated.login()) as desk:
        await desk.until("CONNECTED", "TICKING")
        await simulated.fault(fault, **parameters)
        began = time.monotonic()
        await desk.until("STALE", reason)
        assert time.monotonic() - began < within + 0.5
        await simulated.fault(None)
        await desk.until("CONNECTED", "TICKING")
        assert {state for state, _ in desk.states[1:]} <= {"CONNECTING", "CONNECTED", "STALE"}
        assert len((await simulated.state())["connections"]) == 1


async def test_a_mute_feed_is_subscribed_again_and_then_connected_again(simulated: SimulatedBroker) -> None:
    async with feed_at(simulated.url, await simulated.login(), stale_after="1.1s") as desk:
        await desk.until("CONNECTED", "TICKING")
        await simulated.fault("mute")
        await desk.until("STALE", "NO_TICKS")
        assert (await simulated.state())["handshakes"] == {"101": 1}
        async with asyncio.timeout(30):
            while (await simulated.state())["handshakes"] != {"101": 2}:
                await asyncio.sleep(0.05)
        report = await desk.probe()
        assert (report.state, report.reason) == ("STALE", "NO_TICKS")
        assert report.attributes["connection"]["cures"] >= 1


@pytest.mark.parametrize("abort", [False, True], ids=["with a goodbye", "without one"])
async def test_a_dropped_feed_is_back_at_once(simulated: SimulatedBroker, abort: bool) -> None:
    async with feed_at(simulated.url, await simulated.login()) as desk:
        await desk.until("CONNECTED", "TICKING")
        await simulated.fault("drop", abort=abort)
        await desk.until("DISCONNECTED", "CLOSED_BY_PEER")
        await desk.until("CONNECTED", "TICKING")
        assert (await desk.probe()).measures["reconnects"] == 1


async def test_a_dead_token_is_doubted_refused_and_never_tried_again(simulated: SimulatedBroker) -> None:
    token = await simulated.login()
    await simulated.end_token("revoke")
    async with feed_at(simulated.url, token) as desk:
        await desk.until("DISCONNECTED", "REFUSED")
        state = desk.credential.state.value
        assert (state.verdict, state.judged_by) == ("DOUBTED", "handshake")
        assert state.secret is not None
        desk.credential.refuse(state.secret.generation, "profile")
        report = await desk.until("DISCONNECTED", "AWAITING_CREDENTIAL")
        assert report.attributes["connection"]["next_attempt_at"] is None
        assert (await simulated.state())["handshakes"] == {"403": 1}
        desk.credential.put(await simulated.login())
        await desk.until("CONNECTED", "TICKING")
        assert (await simulated.state())["handshakes"] == {"403": 1, "101": 1}


async def test_a_refusal_of_a_living_token_says_that_the_key_has_no_streaming(
    simulated: SimulatedBroker,
) -> None:
    await simulated.fault("refuse", status=403)
    async with feed_at(simulated.url, await simulated.login()) as desk:
        await desk.until("DISCONNECTED", "REFUSED")
        secret = desk.credential.state.value.secret
        assert secret is not None
        desk.credential.accept(secret.generation, "profile")
        report = await desk.bench.until(lambda report: "no streaming" in report.message)
        assert (report.state, report.reason) == ("DISCONNECTED", "REFUSED")
        assert report.attributes["connection"]["next_attempt_at"] is not None


async def test_used_up_connections_cool_down(simulated: SimulatedBroker) -> None:
    await simulated.fault("refuse", status=429)
    async with feed_at(simulated.url, await simulated.login(), rate_limit_pause="300ms") as desk:
        await desk.until("DISCONNECTED", "RATE_LIMITED")
        assert desk.credential.state.value.verdict == "UNPROVEN"
        await simulated.fault(None)
        await desk.until("CONNECTED", "TICKING")


async def test_an_open_feed_outlives_its_token_and_says_so(simulated: SimulatedBroker) -> None:
    async with feed_at(simulated.url, await simulated.login()) as desk:
        await desk.until("CONNECTED", "TICKING")
        await simulated.end_token("expire")
        secret = desk.credential.state.value.secret
        assert secret is not None
        desk.credential.refuse(secret.generation, "profile")
        report = await desk.bench.until(lambda report: "one drop away" in report.message)
        assert (report.state, report.attributes["one_drop_away"]) == ("CONNECTED", True)
        desk.credential.put(await simulated.login())
        report = await desk.probe()
        assert (report.state, report.attributes["one_drop_away"]) == ("CONNECTED", False)
        assert report.attributes["credential_generation"] == secret.generation
        assert (await simulated.state())["handshakes"] == {"101": 1}


async def test_a_mute_feed_is_well_when_nothing_is_expected(simulated: SimulatedBroker) -> None:
    await simulated.fault("mute")
    async with feed_at(simulated.url, await simulated.login(), expectation=Expectation.NOTHING) as desk:
        await desk.until("CONNECTED", "IDLE")
        desk.bench.expectation.set(Expectation.DATA)
        await desk.until("STALE", "NO_TICKS")
        desk.bench.expectation.set(Expectation.NOTHING)
        await desk.until("CONNECTED", "IDLE")


async def test_a_reconnect_on_request_is_a_new_connection(simulated: SimulatedBroker) -> None:
    async with feed_at(simulated.url, await simulated.login()) as desk:
        await desk.until("CONNECTED", "TICKING")
        assert "reconnecting" in await desk.feed.act("reconnect")
        await desk.until("CONNECTING")
        await desk.until("CONNECTED", "TICKING")
        assert (await simulated.state())["handshakes"] == {"101": 2}


async def test_what_the_broker_says_to_people_is_shown(simulated: SimulatedBroker) -> None:
    async with feed_at(simulated.url, await simulated.login()) as desk:
        await desk.until("CONNECTED", "TICKING")
        await simulated.say("Good morning")
        async with asyncio.timeout(30):
            while "broker_says" not in (report := await desk.probe()).attributes:
                await asyncio.sleep(0.02)
        assert report.attributes["broker_says"] == "Good morning"
