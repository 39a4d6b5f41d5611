"""Slack's own client, `slack_sdk`, led out by our way.

By itself it follows redirects, takes a proxy from the environment, reads answers of any size,
and logs a webhook's address, which is its secret. It takes a session, though, and a logger: ours
posts as all notifiers do, and the logger says nothing.
"""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Any, cast

import aiohttp
from slack_sdk.errors import SlackClientError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from plugins.notifiers.outbound import Answer, Outbound
from plugins.notifiers.slack.places import Place
from plugins.notifiers.slack.troubles import judge_api, judge_webhook, parsed

Message = dict[str, object]

SILENT = logging.Logger("slack_sdk", logging.CRITICAL + 1)
"""Of no tree: whatever the levels are set to, nothing of it reaches a log."""


class Webhook:
    """An incoming webhook."""

    def __init__(self, outbound: Outbound, session: aiohttp.ClientSession, url: str) -> None:
        self._way = _Way(outbound, session)
        self._client = AsyncWebhookClient(url, session=self._way.as_session, logger=SILENT, retry_handlers=[])

    async def post(self, content: Message, now: datetime) -> None:
        """Raises `DeliveryError`."""
        await self._client.send_dict(content)
        error = judge_webhook(self._way.answer, now)
        if error is not None:
            raise error


class Bot:
    """The Web API, as the bot of a token."""

    def __init__(
        self, outbound: Outbound, session: aiohttp.ClientSession, *, token: str, api_url: str
    ) -> None:
        self._way = _Way(outbound, session)
        self._client = AsyncWebClient(
            token,
            base_url=f"{api_url.rstrip('/')}/",
            session=self._way.as_session,
            logger=SILENT,
            retry_handlers=[],
        )

    async def post(self, content: Message, now: datetime) -> Place:
        """Post a message; returns where it stands. Raises `DeliveryError`."""
        with suppress(SlackClientError):  # judged by its answer
            await self._client.chat_postMessage(**cast("dict[str, Any]", content))
        said = self._said(now)
        return Place(str(said.get("channel", "")), str(said.get("ts", "")))

    async def edit(self, place: Place, content: Message, now: datetime) -> None:
        """Put another content where a message stands. Raises `DeliveryError`."""
        latest: dict[str, Any] = {key: content[key] for key in ("text", "blocks")}
        with suppress(SlackClientError):
            await self._client.chat_update(channel=place.channel, ts=place.ts, **latest)
        self._said(now)

    def _said(self, now: datetime) -> Mapping[str, object]:
        said, error = judge_api(self._way.answer, now)
        if error is not None:
            raise error
        return said


class _Way:
    """As much of an `aiohttp.ClientSession` as Slack's client asks for; keeps the last answer."""

    closed = False

    def __init__(self, outbound: Outbound, session: aiohttp.ClientSession) -> None:
        self._outbound = outbound
        self._session = session
        self.answer = Answer(0, None, b"", is_whole=False)

    @property
    def as_session(self) -> aiohttp.ClientSession:
        return cast("aiohttp.ClientSession", self)

    @asynccontextmanager
    async def request(
        self, verb: str, url: str, *, headers: Mapping[str, str], **said: Any
    ) -> AsyncIterator[_Response]:
        """Post what is said in `json` or, ready, in `data`; whatever else the client wants is ours to say."""
        body = said["data"] if said.get("data") else json.dumps(said.get("json"))
        self.answer = await self._outbound.post(self._session, url, body.encode(), headers)
        yield _Response(self.answer)


class _Response:
    """As much of an `aiohttp.ClientResponse` as Slack's client asks for."""

    content_type = "application/json"

    def __init__(self, answer: Answer) -> None:
        self.status = answer.status
        self.headers: Mapping[str, str] = {}
        self._answer = answer

    async def text(self) -> str:
        return self._answer.body.decode(errors="replace")

    async def json(self) -> dict[str, object]:
        return parsed(self._answer)
