"""The login keeps openbell's contracts of a machine and of a login, against the simulated Upstox."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import aiohttp
import pytest
from openbell_upstox.login import LoginSettings, UpstoxLogin
from openbell_upstox.simulator import Simulator
from yarl import URL

from agent.api import ActionError, AgentError, LoginError, Verdict
from agent.testing import (
    CANARY,
    Bench,
    Exchange,
    LoginContract,
    ManualClock,
    StateMachineContract,
    Trouble,
    running,
)

CALLBACK = "http://127.0.0.1:8000/api/auth/callback"
EVENING = datetime.fromisoformat("2026-11-23T20:00:00+05:30")
ROLLOVER = datetime.fromisoformat("2026-11-24T03:30:00+05:30")


class Broker:
    """The simulated Upstox while all is well; its client secret is the canary."""

    plugin = "openbell_upstox"
    kind = "upstox-login"
    credential = "upstox"

    def settings(self, url):
        return {"url": url, "client_id": "demo", "client_secret": CANARY, "redirect_url": CALLBACK}

    def words(self, trouble):
        return {"status": "error", "errors": [{"errorCode": "UDAPI100050", "message": "no"}]}

    @asynccontextmanager
    async def well(self):
        self.simulator = Simulator(client_secret=CANARY)
        await self.simulator.start()
        yield Exchange(self.simulator.url)
        await self.simulator.stop()

    async def token(self, exchange):
        return self.simulator.token()


class TestLoginAsMachine(Broker, StateMachineContract):
    healthy = ("VALID", "VERIFIED")
    classes = {
        Trouble.UNAUTHORIZED: "REFUSED",
        Trouble.FORBIDDEN: "FORBIDDEN",
        Trouble.RATE_LIMITED: "LIMITED",
        Trouble.SERVER_ERROR: "BROKEN",
        Trouble.TIMEOUT: "SILENT",
        Trouble.DNS: "UNREACHABLE",
        Trouble.TLS: "UNREACHABLE",
    }

    def classify(self, report):
        return report.attributes.get("broker", report.reason)


class TestLogin(Broker, LoginContract):
    good_query = {"code": "goodCode"}
    bad_queries = ({"error": "access_denied"}, {"code": "neverGivenOut"}, {"code": "x" * 300})

    async def came_back(self, address):
        return await approve(address)


async def approve(address):
    """What a person's browser does at the simulated login page."""
    async with (
        aiohttp.ClientSession() as browser,
        browser.get(f"{address}&approve=1", allow_redirects=False) as answer,
    ):
        return dict(URL(answer.headers["Location"]).query)


@asynccontextmanager
async def desk(at, slow_s=0, **more):
    """A login at a simulated Upstox whose clock is ours."""
    clock = ManualClock(at)
    simulator = Simulator(now=lambda: clock.now() - timedelta(seconds=slow_s))
    await simulator.start()
    async with aiohttp.ClientSession() as session:
        bench = Bench(clock, session=session)
        credential = bench.add_credential("upstox")
        settings = LoginSettings(url=simulator.url, client_id="demo", client_secret="demo-secret", **more)
        yield UpstoxLogin(settings, bench), bench, credential, simulator
    await simulator.stop()


async def log_in(login):
    return await login.complete(await approve(await login.begin("state", CALLBACK)))


async def said(login):
    report = await login.probe()
    return report.state, report.reason


async def test_a_token_of_the_evening_is_over_at_half_past_three() -> None:
    async with desk(EVENING) as (login, bench, credential, _):
        assert await said(login) == ("REQUIRED", "MISSING")
        await log_in(login)
        report = await login.probe()
        assert (report.state, report.reason, report.next_change_at) == ("VALID", "VERIFIED", ROLLOVER)
        async with running(login):
            await bench.clock.advance(ROLLOVER - EVENING - timedelta(seconds=1))
            wished = bench.probes_wished
            assert await said(login) == ("VALID", "VERIFIED")
            await bench.clock.advance(1)
            assert bench.probes_wished == wished + 1
        assert await said(login) == ("EXPIRED", "ROLLOVER")
        assert credential.state.value.verdict is Verdict.REFUSED
        await bench.clock.advance(3600)
        assert await said(login) == ("EXPIRED", "ROLLOVER")
        await log_in(login)
        assert await said(login) == ("VALID", "VERIFIED")


async def test_a_token_that_upstox_ends_out_of_turn_is_rejected() -> None:
    async with desk(EVENING) as (login, _, _, simulator):
        await log_in(login)
        await simulator.control("token", {"do": "expire"})
        assert await said(login) == ("EXPIRED", "REJECTED")


async def test_a_token_of_yesterday_counts_as_over_while_upstox_gives_no_word() -> None:
    async with desk(ROLLOVER - timedelta(minutes=1)) as (login, bench, credential, simulator):
        await log_in(login)
        await simulator.control("rest", {"fault": "closed"})
        assert await said(login) == ("VALID", "UNVERIFIED")
        await bench.clock.advance(60)
        report = await login.probe()
        assert (report.state, report.reason) == ("EXPIRED", "ROLLOVER")
        assert report.attributes == {"broker": "CLOSED", "code": "UDAPI100074"}
        assert credential.state.value.verdict is Verdict.DOUBTED


async def test_a_token_that_outlives_half_past_three_is_believed() -> None:
    """Such as Upstox's long-lived one for reading: the broker's word outdoes its rule."""
    async with desk(ROLLOVER - timedelta(minutes=1)) as (login, bench, credential, simulator):
        credential.put(simulator.token(days=365))
        await simulator.control("rest", {"fault": "closed"})
        await bench.clock.advance(60)
        assert await said(login) == ("EXPIRED", "ROLLOVER")
        await simulator.control("rest", {"fault": None})
        assert await said(login) == ("VALID", "VERIFIED")
        assert credential.state.value.usable is not None


async def test_a_broker_whose_clock_is_slow_ends_the_token_by_its_rule_all_the_same() -> None:
    async with desk(ROLLOVER - timedelta(minutes=1), slow_s=5) as (login, bench, _, _):
        await log_in(login)
        await bench.clock.advance(60)
        assert await said(login) == ("VALID", "VERIFIED")
        await bench.clock.advance(10)
        assert await said(login) == ("EXPIRED", "ROLLOVER")
        assert await said(login) == ("EXPIRED", "ROLLOVER")


async def test_a_broker_whose_clock_is_fast_ends_it_by_its_rule_as_well() -> None:
    async with desk(ROLLOVER - timedelta(minutes=10), slow_s=-5) as (login, bench, _, _):
        await log_in(login)
        await bench.clock.advance(timedelta(minutes=10) - timedelta(seconds=3))
        assert await said(login) == ("EXPIRED", "ROLLOVER")
        await bench.clock.advance(3600)
        assert await said(login) == ("EXPIRED", "ROLLOVER")


async def test_a_long_lived_token_that_ends_at_noon_was_rejected_and_stays_so() -> None:
    async with desk(EVENING) as (login, bench, credential, simulator):
        credential.put(simulator.token(days=365))
        await bench.clock.advance(timedelta(hours=16))
        assert await said(login) == ("VALID", "VERIFIED")
        await simulator.control("token", {"do": "expire"})
        assert await said(login) == ("EXPIRED", "REJECTED")
        await bench.clock.advance(600)
        assert await said(login) == ("EXPIRED", "REJECTED")


async def test_a_token_that_comes_while_the_former_is_asked_about_is_the_one_reported() -> None:
    async with desk(EVENING) as (login, _, credential, simulator):
        credential.put("dead")
        probe = asyncio.ensure_future(login.probe())
        while not simulator.asked("/v2/user/profile"):  # noqa: ASYNC110 - the server is in this very loop
            await asyncio.sleep(0)
        credential.put(simulator.token())
        report = await probe
        assert (report.state, report.reason) == ("VALID", "VERIFIED")


async def test_verify_asks_at_once_and_counts_the_time_without_a_word() -> None:
    async with desk(EVENING) as (login, bench, _, simulator):
        await log_in(login)
        assert await login.act("verify") == "Upstox takes the token"
        assert await login.reach() == "Upstox answers, and takes the token"
        await simulator.stop()
        with pytest.raises(ActionError, match="gives no answer now"):
            await login.act("verify")
        await bench.clock.advance(120)
        assert (await login.probe()).measures == {"unanswered_s": 120}
        with pytest.raises(AgentError, match="gives no word"):
            await login.reach()


async def test_the_exchange_names_the_return_address_of_its_login() -> None:
    async with desk(EVENING) as (login, bench, credential, simulator):
        query = await approve(await login.begin("state", CALLBACK))
        again = UpstoxLogin(
            LoginSettings(url=simulator.url, client_id="demo", client_secret="demo-secret"), bench
        )
        assert await again.complete(query) == "Logged in. The token is stored."
        assert credential.state.value.verdict is Verdict.ACCEPTED


async def test_the_login_of_another_user_changes_nothing() -> None:
    async with desk(EVENING, user_id="AB1234") as (login, _, credential, _):
        with pytest.raises(LoginError, match="another user's account"):
            await log_in(login)
        assert credential.state.value.secret is None
