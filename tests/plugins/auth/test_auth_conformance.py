"""The Kite login keeps the contracts of a machine and of a login, with the real client."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import aiohttp
from yarl import URL

from agent.api import Report
from agent.simulator import Simulator
from agent.testing import CANARY, Exchange, LoginContract, StateMachineContract, Trouble


class KiteBroker:
    """The simulator as the other side, and Kite's own words for what goes wrong."""

    plugin = "plugins.auth"
    kind = "kite-login"

    def settings(self, url: str) -> Mapping[str, object]:
        return {
            "api_key": "demo",
            "api_secret": self.secret,
            "root": url,
            "login_url": f"{url}/connect/login",
        }

    secret = CANARY

    def words(self, trouble: Trouble) -> Mapping[str, object]:
        kinds = {
            Trouble.UNAUTHORIZED: "TokenException",
            Trouble.FORBIDDEN: "PermissionException",
            Trouble.RATE_LIMITED: "NetworkException",
            Trouble.SERVER_ERROR: "GeneralException",
        }
        return {"status": "error", "error_type": kinds[trouble], "message": trouble.value}

    @asynccontextmanager
    async def well(self) -> AsyncIterator[Exchange]:
        async with Simulator(now=self.clock.now, api_secret=CANARY) as simulator:
            yield Exchange(simulator.url)


async def log_in(url: str) -> dict[str, str]:
    """What a person comes back with from the broker's page."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(URL(url).update_query(approve="1"), allow_redirects=False) as answer,
    ):
        return dict(URL(answer.headers["Location"]).query)


async def new_token(url: str) -> str:
    """A token as another process would get it."""
    import hashlib

    back = await log_in(f"{url}/connect/login?v=3&api_key=demo")
    checksum = hashlib.sha256(f"demo{back['request_token']}{CANARY}".encode()).hexdigest()
    form = {"api_key": "demo", "request_token": back["request_token"], "checksum": checksum}
    async with aiohttp.ClientSession() as session, session.post(f"{url}/session/token", data=form) as answer:
        return str((await answer.json())["data"]["access_token"])


class TestKiteLoginAsMachine(KiteBroker, StateMachineContract):
    healthy = ("VALID", "VERIFIED")
    credential = "kite"
    pace = 10
    classes = {
        Trouble.UNAUTHORIZED: "REFUSED",
        Trouble.FORBIDDEN: "FORBIDDEN",
        Trouble.RATE_LIMITED: "RATE_LIMITED",
        Trouble.SERVER_ERROR: "BROKEN",
        Trouble.TIMEOUT: "UNREACHABLE",
        Trouble.DNS: "UNREACHABLE",
        Trouble.TLS: "UNREACHABLE",
    }

    def classify(self, report: Report) -> str:
        if report.reason == "REJECTED":
            return "REFUSED"
        return str(report.attributes.get("broker", {}).get("answer"))

    async def token(self, exchange: Exchange) -> str:
        return await new_token(exchange.url)


class TestKiteLoginAsLogin(KiteBroker, LoginContract):
    credential = "kite"
    pace = 10
    good_query = {"status": "success", "request_token": "aRequestToken"}
    bad_queries = (
        {"status": "cancelled"},
        {"status": "success", "request_token": "neverGivenOut"},
    )

    async def came_back(self, address: str) -> Mapping[str, str]:
        return await log_in(address)
