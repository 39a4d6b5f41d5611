"""Tells a Slack channel, through an incoming webhook or as a bot.

Not through `slack_sdk`: its client follows redirects, takes a proxy from the environment, reads
answers of any size, and logs the webhook's address at debug level.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from agent.api import DeliveryError, Notice, NoticeReason, NotifierContext, Receipt
from plugins.notifiers.outbound import Outbound
from plugins.notifiers.recent import Recent
from plugins.notifiers.slack.blocks import message
from plugins.notifiers.slack.settings import SlackSettings
from plugins.notifiers.slack.troubles import LOST_THREAD, SlackError, judge_api, judge_webhook
from plugins.notifiers.wording import word

if TYPE_CHECKING:
    import aiohttp

Message = dict[str, object]
Place = tuple[str, str]
"""Where a message stands: its channel's id, and its `ts`."""

EDIT_S = 3.0
"""How long an edit may take: it must not make a notice late that is told already."""


class SlackNotifier:
    """Tells one channel.

    As a bot it keeps, in memory, the first message of each incident: what follows goes into
    its thread, and it is edited to the latest state. After a restart of the agent, what follows
    stands on its own.
    """

    def __init__(self, settings: SlackSettings, context: NotifierContext) -> None:
        self._settings = settings
        self._context = context
        self._outbound = Outbound(
            context.clock, allow_private=settings.allow_private, ca_file=settings.ca_file
        )
        self._threads: Recent[Place] = Recent()
        self._posted: Recent[Place] = Recent()

    async def reach(self) -> str:
        """Connect to Slack's host, and post nothing."""
        webhook = self._settings.webhook_url
        return await self._outbound.reach(
            webhook.get_secret_value() if webhook is not None else self._settings.api_url
        )

    async def send(self, notice: Notice) -> Receipt:
        wording = word(notice, zone=self._settings.zone, base_url=self._context.surroundings.base_url)
        content = message(notice, wording)
        async with self._outbound.open() as session:
            if self._settings.webhook_url is not None:
                return await self._by_webhook(session, self._settings.webhook_url.get_secret_value(), content)
            return await self._as_bot(session, notice, content)

    async def _by_webhook(self, session: aiohttp.ClientSession, url: str, content: Message) -> Receipt:
        headers = {"Content-Type": "application/json"}
        answer = await self._outbound.post(session, url, _json(content), headers)
        error = judge_webhook(answer, self._context.clock.now())
        if error is not None:
            raise error
        return Receipt(status="ok")

    async def _as_bot(self, session: aiohttp.ClientSession, notice: Notice, content: Message) -> Receipt:
        """Post, unless a former attempt already did, and bring the first message up to date."""
        incident = notice.incident.id if notice.incident is not None else None
        place = self._posted.get(notice.id)
        if place is None:
            place = await self._post(session, notice, content)
            self._posted.put(notice.id, place)
        if incident is None:
            return Receipt(status="ok", id=place[1])
        first = self._threads.get(incident)
        if first is None:
            self._threads.put(incident, place)
        elif first != place:
            await self._edit(session, first, content)
        return Receipt(status="ok", id=place[1])

    async def _post(self, session: aiohttp.ClientSession, notice: Notice, content: Message) -> Place:
        """Post into the incident's thread, where it has one that still exists."""
        first = self._threads.get(notice.incident.id) if notice.incident is not None else None
        if first is not None and notice.incident is not None:
            reply = {"channel": first[0], "thread_ts": first[1], **content}
            if notice.reason is NoticeReason.WORSE:
                reply["reply_broadcast"] = True
            try:
                return _place(await self._call(session, "chat.postMessage", reply))
            except SlackError as error:
                if error.word not in LOST_THREAD:
                    raise
            self._threads.forget(notice.incident.id)
        opening = {"channel": self._settings.channel, **content}
        return _place(await self._call(session, "chat.postMessage", opening))

    async def _edit(self, session: aiohttp.ClientSession, first: Place, content: Message) -> None:
        """Bring the first message to the latest state; if it cannot be, the notice is told all the same."""
        latest = {
            "channel": first[0],
            "ts": first[1],
            "text": content["text"],
            "blocks": content["blocks"],
        }
        try:
            async with self._context.clock.timeout(EDIT_S):
                await self._call(session, "chat.update", latest)
        except (DeliveryError, TimeoutError) as error:
            reason = str(error) or "no answer in time"
            self._context.log.info("the first message of an incident is not edited: %s", reason)

    async def _call(self, session: aiohttp.ClientSession, method: str, content: Message) -> Message:
        token = self._settings.bot_token.get_secret_value() if self._settings.bot_token is not None else ""
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Authorization": f"Bearer {token}",
        }
        url = f"{self._settings.api_url.rstrip('/')}/{method}"
        answer = await self._outbound.post(session, url, _json(content), headers)
        said, error = judge_api(answer, self._context.clock.now())
        if error is not None:
            raise error
        return said


def _place(said: Message) -> Place:
    """Where Slack says that it put the message; empty where it does not say."""
    return str(said.get("channel", "")), str(said.get("ts", ""))


def _json(content: Message) -> bytes:
    return json.dumps(content).encode()
