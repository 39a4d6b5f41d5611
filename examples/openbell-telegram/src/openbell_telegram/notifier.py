"""The notifier: a message a notice, answered to the first one of its incident."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, ConfigDict, Field

from agent.api import Notice, NoticeReason, NotifierContext, Receipt, SecretText, Settings

from .bot import Answer, Bot
from .memory import Memory
from .verdict import judge, message_id, moved_to
from .wording import text_of


def _check_token(token: SecretText) -> SecretText:
    """The token becomes part of an address: nothing else may come in with it."""
    if not re.fullmatch(r"[0-9]+:[A-Za-z0-9_-]+", token.get_secret_value()):
        raise ValueError("expected a bot's token such as 123456:ABC-…, as @BotFather gives it")
    return token


def _check_url(url: str) -> str:
    parts = urlsplit(url)
    is_local = parts.hostname in {"127.0.0.1", "::1", "localhost"}
    if not parts.hostname or parts.scheme not in ({"http", "https"} if is_local else {"https"}):
        raise ValueError('expected an address such as "https://api.telegram.org"')
    return url.rstrip("/")


class TelegramSettings(Settings):
    """`[notifiers.NAME]` with `kind = "telegram"`."""

    model_config = ConfigDict(hide_input_in_errors=True)

    token: Annotated[SecretText, AfterValidator(_check_token)]
    chat_id: str = Field(pattern=r"^(-?[0-9]+|@[A-Za-z0-9_]+)$")
    topic: int | None = Field(default=None, gt=0)
    """The id of a forum's topic."""
    api_url: Annotated[str, AfterValidator(_check_url)] = "https://api.telegram.org"


class Telegram:
    """A `Notifier` with `Paced` and `Reachable`."""

    pace = timedelta(seconds=3)
    """A group takes 20 messages a minute: https://core.telegram.org/bots/faq#my-bot-is-hitting-limits"""

    def __init__(self, settings: TelegramSettings, context: NotifierContext) -> None:
        self._settings = settings
        self._context = context
        self._bot = Bot(settings.api_url, settings.token.get_secret_value(), context.clock)
        self._memory = Memory(context.store)

    async def reach(self) -> str:
        """Ask for the chat, which shows the token and the chat to be right, and post nothing."""
        answer = await self._call("getChat", {"chat_id": self._chat})
        if (error := judge(answer)) is not None:
            raise error
        return "the bot is known, and sees the chat"

    async def send(self, notice: Notice) -> Receipt:
        """Send it, unless a former attempt did: Telegram has no key by which it would know it again."""
        message = self._memory.message_of(notice.id)
        if message is None:
            message = await self._send(notice)
        remark = None
        if self._chat != self._settings.chat_id:
            remark = f"the group has moved: set chat_id to {self._chat}"
        return Receipt(status="sent", id=str(message) if message else None, remark=remark)

    async def _send(self, notice: Notice) -> int:
        answer = await self._call("sendMessage", self._content(notice))
        chat = moved_to(answer)
        if chat is not None:
            self._memory.move(self._settings.chat_id, chat)
            answer = await self._call("sendMessage", self._content(notice))
        if (error := judge(answer)) is not None:
            raise error
        message = message_id(answer)
        names = [notice.id] if notice.incident is None else [notice.id, notice.incident.id]
        self._memory.note(message, *names)
        return message

    def _content(self, notice: Notice) -> dict[str, object]:
        content: dict[str, object] = {
            "chat_id": self._chat,
            "text": text_of(notice),
            "disable_notification": notice.reason is NoticeReason.RECOVERED,
            # A preview would have Telegram open the link, and a login link is good for one use.
            "link_preview_options": {"is_disabled": True},
        }
        if self._settings.topic is not None:
            content["message_thread_id"] = self._settings.topic
        first = self._memory.message_of(notice.incident.id) if notice.incident is not None else None
        if first:
            content["reply_parameters"] = {"message_id": first, "allow_sending_without_reply": True}
        return content

    @property
    def _chat(self) -> str:
        return self._memory.chat(self._settings.chat_id)

    async def _call(self, method: str, content: dict[str, object]) -> Answer:
        return await self._bot.call(self._context.http, method, content)
