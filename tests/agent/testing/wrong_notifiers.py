"""A notifier that keeps the contract, and notifiers that each break one promise of it."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from datetime import timedelta
from uuid import uuid4

import aiohttp

from agent.api import DeliveryError, Notice, NotifierContext, Receipt, SecretText, Settings, hookimpl


class Table(Settings):
    url: str
    token: SecretText


class Sound:
    """Posts, with the notice's id as its key."""

    def __init__(self, settings: Table, context: NotifierContext) -> None:
        self.settings, self.context = settings, context

    async def send(self, notice: Notice) -> Receipt:
        headers = {
            "Key": self.key(notice),
            "Authorization": f"Bearer {self.settings.token.get_secret_value()}",
        }
        try:
            async with self.context.http.post(
                self.settings.url, data=notice.message.encode(), headers=headers
            ) as answer:
                return self.judge(answer.status, await answer.text())
        except aiohttp.ClientError as error:
            raise DeliveryError(type(error).__name__) from None

    def key(self, notice: Notice) -> str:
        return notice.id

    def judge(self, status: int, text: str) -> Receipt:
        if status == 200:
            return Receipt(status="posted")
        wish = timedelta(seconds=7) if status == 429 else None
        raise DeliveryError(str(status), permanent=status == 401, retry_after=wish)


class Pretends(Sound):
    async def send(self, notice: Notice) -> Receipt:
        return Receipt(status="surely")


class WantsAnIncident(Sound):
    async def send(self, notice: Notice) -> Receipt:
        assert notice.incident is not None
        return await super().send(notice)


class MakesNewKeys(Sound):
    def key(self, notice: Notice) -> str:
        return uuid4().hex


class KeepsOn(Sound):
    async def send(self, notice: Notice) -> Receipt:
        for _ in range(2):
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
        return Receipt(status="at last")


class BlocksTheLoop(Sound):
    async def send(self, notice: Notice) -> Receipt:
        time.sleep(0.6)
        return await super().send(notice)


class LeavesATask(Sound):
    async def send(self, notice: Notice) -> Receipt:
        self.left = asyncio.ensure_future(asyncio.Event().wait())
        return await super().send(notice)


class ShowsItsToken(Sound):
    def judge(self, status: int, text: str) -> Receipt:
        if status != 200:
            raise DeliveryError(text)
        return super().judge(status, text)


class RaisesAnything(Sound):
    async def send(self, notice: Notice) -> Receipt:
        try:
            async with asyncio.timeout(0.2):
                return await super().send(notice)
        except (DeliveryError, TimeoutError):
            raise RuntimeError("it went wrong") from None


class GivesUp(Sound):
    def judge(self, status: int, text: str) -> Receipt:
        if status != 200:
            raise DeliveryError(str(status), permanent=True)
        return super().judge(status, text)


class Hopes(Sound):
    def judge(self, status: int, text: str) -> Receipt:
        if status != 200:
            raise DeliveryError(str(status))
        return super().judge(status, text)


ALL = [
    Pretends, WantsAnIncident, MakesNewKeys, KeepsOn, BlocksTheLoop, LeavesATask, ShowsItsToken,
    RaisesAnything, GivesUp, Hopes,
]  # fmt: skip


@hookimpl
def openbell_notifiers(register) -> None:
    for notifier in (Sound, *ALL):
        register(notifier.__name__, notifier, settings=Table)
