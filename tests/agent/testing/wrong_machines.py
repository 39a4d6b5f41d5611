"""A machine that keeps the contract, and machines that each break one promise of it."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from contextlib import suppress
from dataclasses import replace

import aiohttp

from agent.api import ActionError, Context, Expectation, Report, SecretText, Settings, hookimpl

REASONS = ["FINE", "QUIET", "REFUSED", "LIMITED", "BROKEN", "SILENT", "UNREACHABLE", "MUTE", "UNSURE"]


class Table(Settings):
    url: str
    token: SecretText
    credential: str = "broker"


class Sound:
    """Asks a server, with a credential; `UP` while it sends data."""

    def __init__(self, settings: Table, context: Context) -> None:
        self.settings, self.context = settings, context
        self.credential = context.credential(settings.credential)

    async def run(self) -> None:
        while True:
            self.context.report(await self.probe())
            await self.context.clock.sleep(1)

    async def probe(self) -> Report:
        quiet = self.context.expectation.value is Expectation.NOTHING
        return self.say("QUIET" if quiet else await self.ask())

    async def act(self, action: str) -> str:
        raise ActionError(f"unknown action {action!r}")

    def say(self, reason: str, **more: object) -> Report:
        now = self.context.clock.now()
        return Report(state="UP" if reason == "FINE" else "DOWN", reason=reason, observed_at=now, **more)

    async def ask(self) -> str:
        secret = self.credential.state.value.usable
        if secret is None:
            return "REFUSED"
        try:
            return await self.call(secret.value, secret.generation)
        except TimeoutError:
            return "SILENT"
        except aiohttp.ClientError:
            return "UNREACHABLE"

    async def call(self, value: str, generation: str) -> str:
        headers = {"Authorization": f"Bearer {value}"}
        async with (
            self.context.clock.timeout(3),
            self.context.http.get(self.settings.url, headers=headers) as answer,
        ):
            self.heard(headers, await answer.text())
            if answer.status == 401:
                self.credential.refuse(generation, "us")
            if answer.status != 200:
                return {401: "REFUSED", 403: "REFUSED", 429: "LIMITED"}.get(answer.status, "BROKEN")
            return "FINE" if (await answer.json())["data"] else "MUTE"

    def heard(self, headers: dict[str, str], text: str) -> None:
        """An answer came."""


class SaysOtherThings(Sound):
    def say(self, reason: str, **more: object) -> Report:
        return replace(super().say(reason, **more), state="SIDEWAYS")


class SaysWhatJsonHasNot(Sound):
    def say(self, reason: str, **more: object) -> Report:
        return super().say(reason, attributes={"pair": (1, 2)})


class ShowsInReport(Sound):
    said = ""

    def heard(self, headers: dict[str, str], text: str) -> None:
        self.said = text

    def say(self, reason: str, **more: object) -> Report:
        return super().say(reason, message=self.said)


class ShowsInLog(Sound):
    def heard(self, headers: dict[str, str], text: str) -> None:
        self.context.log.debug("sent %s", headers)


class ShowsInError(Sound):
    def heard(self, headers: dict[str, str], text: str) -> None:
        if "asked" in text:
            raise ValueError(text)


class NeverHealthy(Sound):
    async def ask(self) -> str:
        return "MUTE"


class KeepsOn(Sound):
    async def probe(self) -> Report:
        for _ in range(2):
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
        return self.say("FINE")


class BlocksTheLoop(Sound):
    async def probe(self) -> Report:
        time.sleep(0.6)
        return self.say("FINE")


class SticksInItsThread(Sound):
    run = None

    def probe(self) -> Report:
        threading.Event().wait(3)
        return self.say("FINE")


class RunsOnce(Sound):
    ran = False

    async def run(self) -> None:
        if self.ran:
            raise RuntimeError("once is enough")
        self.ran = True
        await super().run()


class RunsOn(Sound):
    async def run(self) -> None:
        self.context.report(await self.probe())
        for _ in range(2):
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()


class LeavesATask(Sound):
    async def probe(self) -> Report:
        self.left = asyncio.ensure_future(asyncio.Event().wait())
        return await super().probe()


class LeavesAThread(Sound):
    async def probe(self) -> Report:
        threading.Thread(target=threading.Event().wait, args=(5,), daemon=True).start()
        return await super().probe()


class LeavesASocket(Sound):
    left: list[socket.socket] = []

    async def probe(self) -> Report:
        self.left.append(socket.socket())
        return await super().probe()


class ReadsItsCredentialOnce(Sound):
    def __init__(self, settings: Table, context: Context) -> None:
        super().__init__(settings, context)
        self.secret = self.credential.state.value.usable

    async def ask(self) -> str:
        return "REFUSED" if self.secret is None else await super().ask()


class HearsHeartbeatsOnly(Sound):
    async def ask(self) -> str:
        reason = await super().ask()
        return "FINE" if reason == "MUTE" else reason


class NeverRests(Sound):
    async def probe(self) -> Report:
        return self.say(await self.ask())


class NeverTries(Sound):
    async def ask(self) -> str:
        return "UNREACHABLE"


class DoesAnything(Sound):
    async def act(self, action: str) -> str:
        return "done"


class ActsByTable(Sound):
    async def act(self, action: str) -> str:
        return {"reconnect": "done"}[action]


class TellsNothingApart(Sound):
    async def ask(self) -> str:
        await super().ask()
        return "UNSURE"


class Hopes(Sound):
    """Calls itself healthy before it knows."""

    async def run(self) -> None:
        self.context.report(self.say("FINE"))
        await super().run()


class GivesUpAtOnce(Sound):
    async def ask(self) -> str:
        reason = await super().ask()
        if reason != "FINE" and (secret := self.credential.state.value.secret):
            self.credential.refuse(secret.generation, "us")
        return reason


class NeverGivesUp(Sound):
    async def call(self, value: str, generation: str) -> str:
        return await super().call(value, "")


ALL = [
    SaysOtherThings, SaysWhatJsonHasNot, ShowsInReport, ShowsInLog, ShowsInError, NeverHealthy, KeepsOn,
    BlocksTheLoop, SticksInItsThread, RunsOnce, RunsOn, LeavesATask, LeavesAThread, LeavesASocket,
    ReadsItsCredentialOnce, HearsHeartbeatsOnly, NeverRests, NeverTries, DoesAnything, ActsByTable,
    TellsNothingApart, Hopes, GivesUpAtOnce, NeverGivesUp,
]  # fmt: skip


@hookimpl
def openbell_state_machines(register) -> None:
    for machine in (Sound, *ALL):
        register(
            machine.__name__, machine, settings=Table, role="feed", states=["UP", "DOWN"], reasons=REASONS
        )
