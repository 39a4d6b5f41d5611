"""Tells a program by a POST, signed as Standard Webhooks has it."""

from __future__ import annotations

from agent.api import Notice, NotifierContext, Receipt
from plugins.notifiers.answers import refusal
from plugins.notifiers.outbound import Outbound
from plugins.notifiers.webhook.payload import body, cloud_event
from plugins.notifiers.webhook.settings import WebhookSettings
from plugins.notifiers.webhook.signature import sign

FORMATS = {
    "plain": ("application/json", body),
    "cloudevents": ("application/cloudevents+json", cloud_event),
}

COURTESY_S = 1.0
"""How long the rest of an answer is awaited. The status has decided by then, but a receiver may
mistake a connection closed in its face for a reason to stop its work."""


class WebhookNotifier:
    """Posts each notice; the status of the answer decides, its text is of no account."""

    complete = True

    def __init__(self, settings: WebhookSettings, context: NotifierContext) -> None:
        self._url = settings.url.get_secret_value()
        self._keys = settings.keys
        self._content_type, self._write = FORMATS[settings.format]
        self._clock = context.clock
        self._base_url = context.surroundings.base_url
        self._outbound = Outbound(
            context.clock, allow_private=settings.allow_private, ca_file=settings.ca_file
        )

    async def reach(self) -> str:
        """Connect to the receiver's host, and post nothing."""
        return await self._outbound.reach(self._url)

    async def send(self, notice: Notice) -> Receipt:
        text = self._write(notice, base_url=self._base_url)
        headers = sign(self._keys, notice.id, self._clock.now(), text)
        headers["Content-Type"] = self._content_type
        async with self._outbound.open() as session:
            answer = await self._outbound.post(session, self._url, text, headers, patience_s=COURTESY_S)
        error = refusal(answer.status, answer.retry_after, self._clock.now(), who="the receiver")
        if error is not None:
            raise error
        return Receipt(status=str(answer.status))
