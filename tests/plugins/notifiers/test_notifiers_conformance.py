"""The built-in notifiers keep the contract of a notifier, against receivers on real sockets."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

import pytest
from aiohttp import web

from agent.testing import CANARY, Arrival, Exchange, NotifierContract, Request, Trouble

from .conftest import Certificates

REFERENCE = re.compile(r"Notice (\w+)")


class TestWebhook(NotifierContract):
    plugin = "plugins.notifiers"
    kind = "webhook"
    pace = 60

    def settings(self, url: str) -> Mapping[str, object]:
        return {"url": f"{url}/hooks/{CANARY}", "allow_private": True}

    def key_of(self, request: Request) -> str:
        return request.headers["webhook-id"]


class TestSlackWebhook(NotifierContract):
    plugin = "plugins.notifiers"
    kind = "slack"
    pace = 60

    def settings(self, url: str) -> Mapping[str, object]:
        return {"webhook_url": f"{url}/services/{CANARY}", "allow_private": True}

    async def answer(self, request: web.Request) -> web.StreamResponse:
        return web.Response(text="ok")

    def key_of(self, request: Request) -> str:
        return REFERENCE.findall(request.body)[-1]


class TestSlackBot(TestSlackWebhook):
    def settings(self, url: str) -> Mapping[str, object]:
        return {"bot_token": CANARY, "channel": "C1", "api_url": url, "allow_private": True}

    async def answer(self, request: web.Request) -> web.StreamResponse:
        return web.json_response({"ok": True, "channel": "C1", "ts": "1.2"})

    def arrivals(self, exchange: Exchange) -> Sequence[Arrival]:
        posted = [one for one in exchange.requests if one.path.endswith("postMessage")]
        return [Arrival(self.key_of(one), one.body) for one in posted]


ANSWERS = {
    Trouble.UNAUTHORIZED: {"AUTH": f"535 5.7.8 no: {CANARY}"},
    Trouble.FORBIDDEN: {"RCPT": f"550 5.7.1 no: {CANARY}"},
    Trouble.RATE_LIMITED: {"RCPT": "450 4.7.1 slower"},
    Trouble.SERVER_ERROR: {"MAIL": "451 4.3.0 an error of ours"},
}


class MailServer:
    """Speaks as much SMTP as a client needs, with other answers where it is told so."""

    def __init__(self, answers: Mapping[str, str], exchange: Exchange, *, says: bool = True) -> None:
        self._answers = {"EHLO": "250-here\r\n250 AUTH PLAIN", "AUTH": "235 welcome", "DATA": "354 go on"}
        self._answers |= answers
        self._exchange = exchange
        self._says = says

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            if not self._says:
                await reader.read()
            await self._say(writer, "220 here")
            while (line := (await reader.readline()).decode().strip()) and line != "QUIT":
                await self._say(writer, self._answers.get(line[:4].upper(), "250 ok"))
                if line == "DATA":
                    mail = (await reader.readuntil(b"\r\n.\r\n")).decode()
                    self._exchange.requests.append(Request("", {}, mail))
                    await self._say(writer, "250 taken")
        writer.close()

    async def _say(self, writer: asyncio.StreamWriter, line: str) -> None:
        writer.write(f"{line}\r\n".encode())
        await writer.drain()


class TestEmail(NotifierContract):
    plugin = "plugins.notifiers"
    kind = "email"
    pace = 60
    permanent = frozenset({Trouble.FORBIDDEN})
    wishes_pauses = False

    @pytest.fixture(autouse=True)
    def _trust(self, certificates: Certificates) -> None:
        self.certificates = certificates

    def settings(self, url: str) -> Mapping[str, object]:
        place = urlsplit(url)
        return {
            "host": place.hostname,
            "port": place.port or 465,
            "tls": "implicit",
            "ca_file": str(self.certificates.ca_file),
            "username": "desk",
            "password": CANARY,
            "sender": "desk@example.com",
            "recipients": ["trader@example.com"],
        }

    @asynccontextmanager
    async def well(self) -> AsyncIterator[Exchange]:
        async with self._mail({}) as exchange:
            yield exchange

    @asynccontextmanager
    async def trouble(self, trouble: Trouble) -> AsyncIterator[Exchange]:
        if trouble is Trouble.DNS:
            yield Exchange("smtp://nowhere.invalid")
            return
        async with self._mail(
            ANSWERS.get(trouble, {}),
            trusted=trouble is not Trouble.TLS,
            says=trouble is not Trouble.TIMEOUT,
        ) as exchange:
            yield exchange

    @asynccontextmanager
    async def _mail(
        self, answers: Mapping[str, str], *, trusted: bool = True, says: bool = True
    ) -> AsyncIterator[Exchange]:
        exchange = Exchange("")
        files = self.certificates
        tls = files.server(files.chain_file if trusted else files.wrong_name_file)
        serve = MailServer(answers, exchange, says=says).serve
        async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls) as server:
            exchange.url = f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            yield exchange

    def arrivals(self, exchange: Exchange) -> Sequence[Arrival]:
        return [
            Arrival(re.findall(r"(?im)^Message-ID:\s*(\S+)", one.body)[0], one.body)
            for one in exchange.requests
        ]
