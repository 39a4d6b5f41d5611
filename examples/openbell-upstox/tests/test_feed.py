"""The feed keeps openbell's contract, against the simulated Upstox's stream."""

from __future__ import annotations

import json
import math
from contextlib import asynccontextmanager
from dataclasses import replace

import aiohttp
import pytest
from openbell_upstox import pulse, rest, stream
from openbell_upstox.feed import FeedSettings, UpstoxFeed
from openbell_upstox.pacing import pause_s
from openbell_upstox.rest import Answer, Reply
from openbell_upstox.simulator import Simulator
from openbell_upstox.update import Kind, Update

from agent.api import Expectation, Verdict
from agent.testing import Bench, Exchange, FastClock, StateMachineContract, Trouble, running

AUTHORIZE = "/v3/feed/market-data-feed/authorize"
NIFTY, BANK = "NSE_INDEX|Nifty 50", "NSE_INDEX|Nifty Bank"


class TestFeed(StateMachineContract):
    plugin = "openbell_upstox"
    kind = "upstox-feed"
    credential = "upstox"
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
        return {"url": url, "stale_after": "20s"}

    @asynccontextmanager
    async def well(self):
        self.simulator = Simulator()
        await self.simulator.start()
        yield Exchange(self.simulator.url)
        await self.simulator.stop()

    async def token(self, exchange):
        return self.simulator.token()

    async def mute(self, exchange):
        await self.simulator.control("feed", {"fault": "mute"})


@asynccontextmanager
async def desk(stale_after="200s", **more):
    """A feed that runs against the simulated Upstox, with a good token; 20 s of its clock are one of ours."""
    simulator = Simulator(**more)
    await simulator.start()
    async with aiohttp.ClientSession() as session:
        bench = Bench(FastClock(pace=20), session=session)
        bench.add_credential("upstox", simulator.token())
        feed = UpstoxFeed(FeedSettings(url=simulator.url, stale_after=stale_after), bench)
        async with running(feed):
            await until(bench, "CONNECTED", "TICKING")
            yield feed, bench, simulator
    await simulator.stop()


async def until(bench, state, reason):
    return await bench.until(lambda report: (report.state, report.reason) == (state, reason))


async def test_a_stream_of_json_is_read_as_well() -> None:
    async with desk(as_json=True) as (feed, _, _):
        assert (await feed.probe()).measures["tick_age_s"] < 20


async def test_frames_whose_trades_stand_still_are_no_data() -> None:
    async with desk("10s") as (_, bench, simulator):
        await simulator.control("feed", {"fault": "freeze"})
        await until(bench, "STALE", "LAGGING")


async def test_a_mute_stream_is_opened_anew_and_stays_stale_until_trades_come() -> None:
    async with desk("10s") as (_, bench, simulator):
        await simulator.control("feed", {"fault": "mute"})
        await until(bench, "STALE", "NO_TICKS")
        bench.reports.clear()
        while simulator.asked(AUTHORIZE) < 2:
            await bench.clock.sleep(1)
        assert not [report for report in bench.reports if report.state != "STALE"]
        await simulator.control("feed", {"fault": None})
        await until(bench, "CONNECTED", "TICKING")


async def test_a_dropped_stream_comes_back_with_a_new_address() -> None:
    async with desk() as (_, bench, simulator):
        await simulator.control("feed", {"fault": "drop"})
        await until(bench, "DISCONNECTED", "CLOSED_BY_PEER")
        await simulator.control("feed", {"fault": None})
        await until(bench, "CONNECTED", "TICKING")


async def test_an_open_stream_outlives_its_token_and_is_not_opened_again_without_one() -> None:
    async with desk() as (feed, bench, simulator):
        credential = bench.credential("upstox")
        await simulator.control("token", {"do": "expire"})
        credential.refuse(credential.state.value.secret.generation, "profile")
        assert (await feed.probe()).state == "CONNECTED"
        await simulator.control("feed", {"fault": "drop"})
        await until(bench, "DISCONNECTED", "AWAITING_CREDENTIAL")
        asked = simulator.asked(AUTHORIZE)
        await bench.clock.sleep(15)
        assert simulator.asked(AUTHORIZE) == asked
        await simulator.control("feed", {"fault": None})
        credential.put(simulator.token())
        await until(bench, "CONNECTED", "TICKING")


async def test_a_refused_stream_has_the_token_doubted_and_not_refused() -> None:
    async with desk() as (_, bench, simulator):
        await simulator.control("feed", {"fault": "refuse"})
        await until(bench, "DISCONNECTED", "REFUSED")
        assert bench.credential("upstox").state.value.verdict is Verdict.DOUBTED


async def test_a_good_token_to_which_the_stream_is_forbidden_is_tried_at_a_measured_pace() -> None:
    async with desk() as (_, bench, simulator):
        credential = bench.credential("upstox")

        def find_good(state):
            if state.verdict is Verdict.DOUBTED:
                credential.accept(state.secret.generation, "profile")

        await simulator.control("feed", {"fault": "refuse"})
        await until(bench, "DISCONNECTED", "REFUSED")
        asked = simulator.asked(AUTHORIZE)
        credential.state.subscribe(find_good)
        credential.accept(credential.state.value.secret.generation, "profile")
        while simulator.asked(AUTHORIZE) == asked:
            await bench.clock.sleep(1)
        await bench.clock.sleep(10)
        assert simulator.asked(AUTHORIZE) - asked <= 10
        await simulator.control("feed", {"fault": None})
        await until(bench, "CONNECTED", "TICKING")


async def test_reconnect_opens_another_stream() -> None:
    async with desk() as (feed, bench, _):
        assert "anew" in await feed.act("reconnect")
        await until(bench, "DISCONNECTED", "CLOSED_BY_PEER")
        await until(bench, "CONNECTED", "TICKING")


# -- what decides ---------------------------------------------------------------------------------


def live(**traded_ms):
    names = {"nifty": NIFTY, "bank": BANK}
    return Update(Kind.LIVE, {names[name]: ms for name, ms in traded_ms.items()})


def judge(heard, now, expectation=Expectation.DATA, keys=(NIFTY, BANK)):
    return pulse.judge(heard, keys, expectation, 10, now)


def test_a_snapshot_proves_nothing() -> None:
    heard = pulse.hear(pulse.begin(0), Update(Kind.SNAPSHOT, {NIFTY: 5, BANK: 5}), 1)
    assert judge(heard, 9.9) == ("CONNECTING", "OPENING")
    assert judge(heard, 10) == ("STALE", "NO_TICKS")
    again = pulse.hear(heard, live(nifty=5, bank=5), 9)
    assert judge(again, 10) == ("STALE", "LAGGING")


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        pytest.param(11.9, ("CONNECTED", "TICKING"), id="just before one is silent for too long"),
        pytest.param(12, ("STALE", "PARTIAL"), id="one is silent"),
        pytest.param(15, ("STALE", "NO_TICKS"), id="both are"),
    ],
)
def test_each_watched_instrument_must_trade(now, expected) -> None:
    heard = pulse.hear(pulse.begin(0), live(nifty=1, bank=1), 2)
    heard = pulse.hear(heard, live(nifty=2), 5)
    assert judge(heard, now) == expected


def test_silence_counts_from_when_data_began_to_be_expected() -> None:
    heard = pulse.hear(pulse.begin(0), live(nifty=1, bank=1), 2)
    assert judge(heard, 100, Expectation.CONNECTION) == ("CONNECTED", "IDLE")
    assert judge(replace(heard, since=100), 109) == ("CONNECTED", "TICKING")
    assert judge(replace(heard, since=100), 110) == ("STALE", "NO_TICKS")


def test_time_alone_changes_nothing_before_the_next_look() -> None:
    heard = pulse.hear(pulse.begin(0), live(nifty=1, bank=1), 2)
    heard = pulse.hear(heard, live(nifty=2), 5)
    now = 5.0
    while (look := pulse.next_look(heard, (NIFTY, BANK), 10, now)) < math.inf:
        assert judge(heard, look - 0.001) == judge(heard, now)
        now = look
    assert judge(heard, now) == judge(heard, now + 1000)


def test_the_pauses_grow_to_half_a_minute_and_differ() -> None:
    assert [pause_s(failures, 1) for failures in (0, 1, 2, 3, 100)] == [0, 1, 2, 4, 30]
    assert pause_s(3, 0) == 2


def test_a_wish_for_peace_is_kept_for_five_minutes_at_most() -> None:
    for wished, pause in (("7", 7), ("99999", 300), ("soon", 30)):
        with pytest.raises(stream.Refusal) as refused:
            stream.address_in(rest.read(429, {}, wished), "https")
        assert pause_s(1, 1, refused.value) == pause


@pytest.mark.parametrize(
    ("address", "scheme"),
    [
        pytest.param("ws://feed.example/1?code=abc", "https", id="open, where TLS was asked"),
        pytest.param("https://feed.example", "https", id="no stream"),
        pytest.param(None, "https", id="none"),
        pytest.param(7, "http", id="no text"),
    ],
)
def test_an_address_that_is_none_is_refused_and_not_quoted(address, scheme) -> None:
    with pytest.raises(stream.Refusal) as refused:
        stream.address_in(Reply(Answer.ACCEPTED, {"data": {"authorized_redirect_uri": address}}), scheme)
    assert str(refused.value) == "NETWORK"


def test_the_address_is_found_under_either_name() -> None:
    for name in ("authorized_redirect_uri", "authorizedRedirectUri"):
        reply = Reply(Answer.ACCEPTED, {"data": {name: "wss://feed.example/1?code=abc"}})
        assert stream.address_in(reply, "https") == "wss://feed.example/1?code=abc"
        assert "abc" not in repr(reply)


def test_the_wish_names_the_instruments() -> None:
    wish = json.loads(stream.subscription((NIFTY, BANK)))
    assert wish["method"] == "sub"
    assert wish["data"] == {"mode": "ltpc", "instrumentKeys": [NIFTY, BANK]}
