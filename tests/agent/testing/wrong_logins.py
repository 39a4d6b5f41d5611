"""A login that keeps the contract, and logins that each break one promise of it."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

import aiohttp

from agent.api import Context, LoginError, Report, SecretText, Settings, hookimpl


class Table(Settings):
    url: str
    secret: SecretText
    credential: str = "broker"


class Sound:
    """Exchanges a code for a token."""

    def __init__(self, settings: Table, context: Context) -> None:
        self.settings, self.context = settings, context
        self.credential = context.credential(settings.credential)

    async def probe(self) -> Report:
        return Report(state="VALID", reason="VERIFIED", observed_at=self.context.clock.now())

    async def begin(self, state: str, return_url: str) -> str:
        return f"{self.settings.url}/login?{urlencode({'state': state})}"

    async def complete(self, query: Mapping[str, str]) -> str:
        if not query.get("code", "").isalnum():
            raise LoginError("The login was cancelled. Log in again.")
        token = await self.exchange(query["code"])
        await self.keep(token)
        return self.line(token)

    async def exchange(self, code: str) -> str:
        form = {"code": code, "secret": self.settings.secret.get_secret_value()}
        try:
            async with (
                self.context.clock.timeout(3),
                self.context.http.post(f"{self.settings.url}/token", data=form) as answer,
            ):
                if answer.status != 200:
                    raise LoginError(self.refusal(answer.status, await answer.text()))
                return str((await answer.json())["token"])
        except (aiohttp.ClientError, TimeoutError):
            raise LoginError("The broker could not be reached. Log in again.") from None

    def refusal(self, status: int, text: str) -> str:
        return f"The broker answered {status}. Log in again."

    async def keep(self, token: str) -> None:
        await self.credential.write(token)

    def line(self, token: str) -> str:
        return "Logged in."


class ForgetsTheState(Sound):
    async def begin(self, state: str, return_url: str) -> str:
        return f"{self.settings.url}/login"


class KeepsNothing(Sound):
    async def keep(self, token: str) -> None:
        """It was nice to see it."""


class TakesItAgain(Sound):
    last = ""

    async def exchange(self, code: str) -> str:
        self.last = self.last or await super().exchange(code)
        return self.last


class Trips(Sound):
    async def complete(self, query: Mapping[str, str]) -> str:
        return await super().complete({"code": query["code"]})


class TakesAnything(Sound):
    async def complete(self, query: Mapping[str, str]) -> str:
        await self.keep(str(query))
        return await super().complete(query)


class RaisesAnything(Sound):
    async def exchange(self, code: str) -> str:
        async with self.context.http.post(f"{self.settings.url}/token", data={"code": code}) as answer:
            answer.raise_for_status()
            return str((await answer.json())["token"])


class ShowsTheToken(Sound):
    def line(self, token: str) -> str:
        return f"Logged in with {token}."


class ShowsTheSecret(Sound):
    def refusal(self, status: int, text: str) -> str:
        return text


ALL = [
    ForgetsTheState, KeepsNothing, TakesItAgain, Trips, TakesAnything, RaisesAnything, ShowsTheToken,
    ShowsTheSecret,
]  # fmt: skip


@hookimpl
def openbell_state_machines(register) -> None:
    for login in (Sound, *ALL):
        register(login.__name__, login, settings=Table, role="auth", states=["VALID"], reasons=["VERIFIED"])
