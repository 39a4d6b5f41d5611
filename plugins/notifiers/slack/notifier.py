"""Tells a Slack channel, through an incoming webhook or as a bot."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from agent.api import DeliveryError, Notice, NoticeReason, NotifierContext, Receipt
from plugins.notifiers.outbound import Outbound
from plugins.notifiers.phrasing import Phrasing, receipt
from plugins.notifiers.slack.blocks import VALUE_ESCAPES, message
from plugins.notifiers.slack.client import Bot, Message, Webhook
from plugins.notifiers.slack.places import Place, Places
from plugins.notifiers.slack.settings import SlackSettings
from plugins.notifiers.slack.troubles import LOST_THREAD, SlackError

if TYPE_CHECKING:
    import aiohttp

EDIT_S = 3.0
"""How long an edit may take: it must not make a notice late that is told already."""


class SlackNotifier:
    """Tells one channel.

    As a bot it knows the first message of each incident, after a restart too: what follows goes
    into its thread, and it is edited to the latest state.
    """

    pace = timedelta(seconds=1)
    """A message a second and channel, and short bursts: https://docs.slack.dev/apis/web-api/rate-limits"""

    def __init__(self, settings: SlackSettings, context: NotifierContext) -> None:
        self._settings = settings
        self._context = context
        self._outbound = Outbound(
            context.clock, allow_private=settings.allow_private, ca_file=settings.ca_file
        )
        self._phrasing = Phrasing(settings, context.clock, context.surroundings.base_url, VALUE_ESCAPES)
        self._places = Places(context.store, settings.channel or "")

    async def reach(self) -> str:
        """Connect to Slack's host, and post nothing."""
        webhook = self._settings.webhook_url
        return await self._outbound.reach(
            webhook.get_secret_value() if webhook is not None else self._settings.api_url
        )

    async def send(self, notice: Notice) -> Receipt:
        wording = await self._phrasing.word(notice)
        content = message(notice, wording)
        async with self._outbound.open() as session:
            if self._settings.webhook_url is not None:
                url = self._settings.webhook_url.get_secret_value()
                await Webhook(self._outbound, session, url).post(content, self._context.clock.now())
                return receipt("ok", wording)
            place = await self._as_bot(self._bot(session), notice, content)
            return receipt("ok", wording, place.ts)

    def _bot(self, session: aiohttp.ClientSession) -> Bot:
        token = self._settings.bot_token.get_secret_value() if self._settings.bot_token is not None else ""
        return Bot(self._outbound, session, token=token, api_url=self._settings.api_url)

    async def _as_bot(self, bot: Bot, notice: Notice, content: Message) -> Place:
        """Post, unless a former attempt already did, and bring the first message up to date."""
        thread = _thread(notice)
        place = self._places.of_notice(notice.id)
        if place is None:
            place = await self._post(bot, notice, content)
            self._places.note(notice.id, thread, place)
        first = self._places.of_thread(thread)
        if first is not None and first != place:
            await self._edit(bot, first, content)
        return place

    async def _post(self, bot: Bot, notice: Notice, content: Message) -> Place:
        """Post into the incident's thread, where it has one that still exists."""
        now = self._context.clock.now()
        thread = _thread(notice)
        first = self._places.of_thread(thread)
        if first is not None and thread is not None:
            reply = {"channel": first.channel, "thread_ts": first.ts, **content}
            if notice.reason is NoticeReason.WORSE:
                reply["reply_broadcast"] = True
            try:
                return await bot.post(reply, now)
            except SlackError as error:
                if error.word not in LOST_THREAD:
                    raise
            self._places.forget(thread)
        return await bot.post({"channel": self._settings.channel, **content}, now)

    async def _edit(self, bot: Bot, first: Place, content: Message) -> None:
        """Bring the first message to the latest state; if it cannot be, the notice is told all the same."""
        try:
            async with self._context.clock.timeout(EDIT_S):
                await bot.edit(first, content, self._context.clock.now())
        except (DeliveryError, TimeoutError) as error:
            reason = str(error) or "no answer in time"
            self._context.log.info("the first message of an incident is not edited: %s", reason)


def _thread(notice: Notice) -> str | None:
    """What has a thread of its own: an incident and, where accounts are told of apart, each of them.

    One thread for all would show in its first message that one account is well, and hide the other.
    """
    if notice.incident is None:
        return None
    return notice.incident.id if notice.group is None else f"{notice.incident.id}/{notice.group}"
