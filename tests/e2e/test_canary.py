"""Marked secrets in every place that takes one: whatever fails, none of them is seen in any output."""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from aiohttp import web

LIVE = "2026-11-23T10:00:00+05:30"
SHIPPED = (Path(__file__).parents[2] / "agent.toml").read_text()

SECRETS = {
    "api_secret": "demo-secret",
    "dead_access_token": "CANARYdeadaccesstoken0123456789AB",
    "request_token": "CANARYrequesttoken0123456789ABCDE",
    "webhook_address": "canary-webhook-path-5b1f",
    "webhook_key": "whsec_" + b64encode(b"canary-webhook-key-000000").decode(),
    "former_webhook_key": "whsec_" + b64encode(b"canary-former-key-1111111").decode(),
    "slack_address": "T0CANARY/B0CANARY/canaryslackhook",
    "slack_bot_token": "xoxb-canary-bot-token-2222",
    "smtp_password": "canary smtp p@ssword/3333",
    "read_token": "canary-read-token-4444",
    "control_token": "canary-control-token-5555",
    "plugin_secret": "canary-of-a-plugin-6666",
    "apprise_token": "canary-apprise-token-7777",
}

KEEPERS_OF_LINKS = ("a notice", "the file journal.sqlite")
"""Login links are made for notices, and signed with a key that lies in the journal."""

LEAKY = """
import asyncio
from agent.api import Receipt, Report, SecretText, Settings, hookimpl

class LeakySettings(Settings):
    password: SecretText

class Raising:
    def __init__(self, settings, context):
        self.settings, self.clock = settings, context.clock
    async def probe(self):
        raise ValueError("refused: password=" + self.settings.password.get_secret_value())
    async def run(self):
        raise ValueError({"tried": self.settings.password.get_secret_value()})
    async def act(self, action):
        raise ValueError(self.settings.password.get_secret_value())

class Telling(Raising):
    run = None
    async def probe(self):
        secret = self.settings.password.get_secret_value()
        return Report(state="FINE", reason="FINE", observed_at=self.clock.now(),
                      message="connected as x:" + secret, attributes={"url": ["http://x:" + secret + "@y/"]})

class Dropping(Raising):
    async def send(self, notice):
        raise RuntimeError("no way to " + self.settings.password.get_secret_value())

@hookimpl
def openbell_state_machines(register):
    for kind in (Raising, Telling):
        register(kind.__name__.lower(), kind, settings=LeakySettings, role=kind.__name__.lower(),
                 states=["FINE"], reasons=["FINE"], actions=["go"])

@hookimpl
def openbell_notifiers(register):
    register("dropping", Dropping, settings=LeakySettings)
"""

READS = (
    "/", "/page.js", "/livez", "/readyz", "/api/system/health", "/api/system/health?strict=1",
    "/api/system/health/summary", "/api/system/health/auth", "/api/system/health/feed",
    "/api/system/health/agent", "/api/system/health/raising", "/api/system/health/telling",
    "/api/system/health/nobody", "/api/system/ready", "/api/system/tradable",
    "/api/system/history?limit=1000", "/api/system/history?limit=x", "/api/auth/done",
    "/api/auth/login?machine=nobody", "/api/auth/link/canary", "/nowhere",
)  # fmt: skip


@dataclass
class Receivers:
    """Where notices go, and what came in: a webhook's, a Slack channel's, and a mail server that refuses.

    They hold our secrets against us: what they answer has them in it.
    """

    hostile: bool = True
    notices: list[bytes] = field(default_factory=list)
    port: int = 0
    mail_port: int = 0

    async def take(self, request: web.Request) -> web.Response:
        shown = [(k, v) for k, v in request.headers.items() if k != "Authorization"]
        self.notices.append(repr(shown).encode() + await request.read())
        if self.hostile:
            secrets = " ".join([request.path, request.headers.get("Authorization", ""), *SECRETS.values()])
            return web.json_response({"ok": False, "error": secrets}, status=500, reason="x" + request.path)
        return web.json_response({"ok": True, "channel": "C1", "ts": "1.0"})

    async def mail(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"554 no mail from {SECRETS['smtp_password']}\r\n".encode())
        await writer.drain()
        writer.close()


@pytest.fixture
async def receivers() -> AsyncIterator[Receivers]:
    one = Receivers()
    app = web.Application()
    app.router.add_post("/{tail:.*}", one.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    one.port = runner.addresses[0][1]
    async with await asyncio.start_server(one.mail, "127.0.0.1", 0) as server:
        one.mail_port = server.sockets[0].getsockname()[1]
        yield one
    await runner.cleanup()


MORE = Template("""
[plugins]
enable = ["leaky"]
[machines.raising]
kind = "raising"
every = "1s"
password = "$plugin_secret"
[machines.telling]
kind = "telling"
password = "$plugin_secret"
[notifiers.dropping]
kind = "dropping"
password = "$plugin_secret"
[notifiers.strategy]
kind = "webhook"
url = "$at/$webhook_address"
secret = "$webhook_key"
previous_secret = "$former_webhook_key"
allow_private = true
[notifiers.desk]
kind = "slack"
webhook_url = "$at/services/$slack_address"
allow_private = true
[notifiers.bot]
kind = "slack"
bot_token = "$slack_bot_token"
channel = "C1"
api_url = "$at/api"
allow_private = true
[notifiers.phones]
kind = "apprise"
urls.duty = "json://me:$apprise_token@127.0.0.1:$port/$apprise_token"
[notifiers.mail]
kind = "email"
host = "127.0.0.1"
port = $mail_port
username = "desk"
password = "$smtp_password"
sender = "a@example.com"
recipients = ["b@example.com"]
""")


def configuration(receivers: Receivers) -> str:
    tokens = Template('read_token = "$read_token"\ncontrol_token = "$control_token"').substitute(SECRETS)
    text = SHIPPED.replace("port = 8000", f"port = 0\n{tokens}").replace("port = 9000", "port = 0")
    at = f"http://127.0.0.1:{receivers.port}"
    more = MORE.substitute(SECRETS, at=at, port=receivers.port, mail_port=receivers.mail_port)
    return text.replace('stale_after = "10s"', 'stale_after = "2s"') + more


class Watched:
    """A desk whose every output is kept, under the name of where it was seen."""

    def __init__(self, desk: Any) -> None:
        self.desk = desk
        self.secrets = dict(SECRETS)
        self.outputs: list[tuple[str, bytes]] = []
        self._stream = asyncio.ensure_future(self._listen())

    async def _listen(self) -> None:
        async for document in self.desk.documents():
            self.keep("the event stream", json.dumps(document, ensure_ascii=False).encode())

    def stop_listening(self) -> None:
        self._stream.cancel()

    def keep(self, where: str, what: bytes) -> None:
        self.outputs.append((where, what))

    async def ask(self, path: str, method: str = "GET", **more: Any) -> tuple[int, str]:
        """One request, its answer kept; where the answer leads is returned and not kept."""
        async with self.desk.session.request(
            method, self.desk.url + path, allow_redirects=False, **more
        ) as answer:
            headers = {k: v for k, v in answer.headers.items() if k not in ("Set-Cookie", "Location")}
            self.keep(f"{method} {path[:40]}", repr(headers).encode() + await answer.read())
            return answer.status, answer.headers.get("Location", "")

    async def begin(self) -> str:
        status, broker_page = await self.ask("/api/auth/login")
        assert status == 303
        return broker_page

    async def come_back(self, broker_page: str, answer: str = "approve") -> str:
        async with self.desk.session.get(f"{broker_page}&{answer}=1", allow_redirects=False) as back:
            parts = urlsplit(back.headers["Location"])
        for number, token in enumerate(parse_qs(parts.query).get("request_token", [])):
            self.secrets[f"request token {len(self.secrets)}.{number}"] = token
        return f"{parts.path}?{parts.query}"

    async def log_in(self) -> None:
        assert (await self.ask(await self.come_back(await self.begin())))[0] == 303
        token = (self.desk.folder / ".env").read_text().partition("ZERODHA_ACCESS_TOKEN=")[2].split()[0]
        self.secrets[f"access token {len(self.secrets)}"] = token.strip("'\"")

    @property
    def token(self) -> str:
        return next(v for k, v in reversed(self.secrets.items()) if k.startswith("access token"))

    def keep_the_rest(self) -> None:
        """What is at rest, once all else is done."""
        self.stop_listening()
        for cookie in self.desk.session.cookie_jar:
            self.secrets[f"cookie {cookie.key}"] = cookie.value
        for number, link in enumerate(set(re.findall(rb"/api/auth/link/([\w.-]+)", self.all_notices()))):
            self.secrets[f"login link {number}"] = link.decode()
        data = self.desk.folder / "data"
        with closing(sqlite3.connect(data / "journal.sqlite")) as journal:
            query = "SELECT value FROM value WHERE key = 'login-links:key'"
            self.secrets["login key"] = journal.execute(query).fetchone()[0]
        self.secrets["control token of the data folder"] = (data / "control-token").read_text()
        for path in data.rglob("*"):
            if path.is_file() and path.name != "control-token":
                self.keep(f"the file {path.name}", path.read_bytes())
        self.keep("the log", "".join(self.desk.program.output).encode())

    def all_notices(self) -> bytes:
        return b" ".join(what for where, what in self.outputs if where == "a notice")

    def found(self) -> set[tuple[str, str]]:
        """Which secret was seen where it has no business to be."""
        return {
            (name, where)
            for name, secret in self.secrets.items()
            for form in forms(secret)
            for where, what in self.outputs
            if form in what and not (name.startswith("login") and where in KEEPERS_OF_LINKS)
        }


def forms(secret: str) -> Iterator[bytes]:
    """A secret as it is, in an address, and in a header."""
    yield secret.encode()
    yield quote(secret, safe="").encode()
    yield b64encode(secret.encode())


@pytest.fixture
async def watched(start: Callable[..., Any], reach_desk, receivers, tmp_path) -> AsyncIterator[Watched]:
    """The desk, run with all its logging, on a configuration of marked secrets."""
    site = tmp_path / "site" / "openbell_leaky-0.1.dist-info"
    site.mkdir(parents=True)
    (site.parent / "stranger_leaky.py").write_text(LEAKY)
    (site / "METADATA").write_text("Metadata-Version: 2.1\nName: openbell-leaky\nVersion: 0.1\n")
    (site / "entry_points.txt").write_text("[openbell]\nleaky = stranger_leaky\n")
    folder = tmp_path / "desk"
    folder.mkdir()
    (folder / "agent.toml").write_text(configuration(receivers))
    (folder / ".env").write_text(f"ZERODHA_ACCESS_TOKEN={SECRETS['dead_access_token']}\n")
    program = await start(
        "run", "-c", str(folder / "agent.toml"), "--verbose", "--at", LIVE,
        environment={"PYTHONPATH": str(site.parent)},
    )  # fmt: skip
    one = Watched(await reach_desk(program, folder))
    yield one
    one.stop_listening()


async def fail_to_log_in(watched: Watched) -> None:
    """Every return that is none, with tokens in it."""
    token, page = SECRETS["request_token"], "/api/auth/callback?status=success&request_token="
    await watched.ask(f"{page}{token}&state=foreign")
    await watched.ask(f"{page}{token}&state=foreign&access_token={SECRETS['dead_access_token']}")
    state = parse_qs(parse_qs(urlsplit(await watched.begin()).query)["redirect_params"][0])["state"][0]
    watched.secrets["state"] = state
    assert (await watched.ask(f"{page}{token}&state={state}"))[0] == 400
    await watched.ask(await watched.come_back(await watched.begin(), "deny"))
    quoted = f"{SECRETS['api_secret']} {SECRETS['dead_access_token']} {token}"
    for fault in (
        {"fault": "error", "status": 502, "message": quoted},
        {"fault": "forbidden", "message": quoted},
        {"fault": "garbage", "kind": "html"},
        {"fault": "drop"},
    ):
        back = await watched.come_back(await watched.begin())
        await watched.desk.sim("rest", **fault)
        assert (await watched.ask(back))[0] == 400
        await watched.desk.sim("rest", fault=None)
    back = await watched.come_back(await watched.begin())
    assert [(await watched.ask(back))[0] for _ in range(2)] == [303, 403]


async def fail_to_verify(watched: Watched) -> None:
    """Answers of the broker that have our own token in them."""
    for fault in ("error", "forbidden", "garbage", "drop", None):
        more = {"message": f"token demo:{watched.token}"} if fault in ("error", "forbidden") else {}
        await watched.desk.sim("rest", fault=fault, **more)
        await watched.ask("/api/system/health/auth/verify", "POST")


async def fail_to_feed(watched: Watched) -> None:
    """A feed that is refused and dropped, and quotes our own token."""
    desk = watched.desk
    for kind in ("error", "message"):
        await desk.sim("message", text=f"access_token={watched.token}", type=kind)
    await desk.sim("feed", fault="malformed")
    await desk.sim("feed", fault="refuse", status=403)
    await watched.ask("/api/system/health/feed/reconnect", "POST")
    await desk.until(lambda d: d["machines"]["feed"]["state"] in ("CONNECTING", "DISCONNECTED"))
    await desk.sim("feed", fault=None)
    await desk.sim("token", do="revoke")
    await desk.sim("feed", fault="drop")
    await desk.code("AUTH_REQUIRED")


async def run_commands(watched: Watched, start: Callable[..., Any]) -> None:
    config, url = str(watched.desk.folder / "agent.toml"), watched.desk.url
    broken = watched.desk.folder / "broken.toml"
    broken.write_text(Path(config).read_text().replace("whsec_", "whsex_").replace("http://127", "htp://127"))
    for command in (
        ("status", "-c", config, "--url", url), ("status", "-c", config, "--url", url, "--json"),
        ("ready", "-c", config, "--url", url), ("check", "-c", config), ("check", "-c", str(broken)),
        ("plugins", "-c", config), ("run", "-c", str(broken)),
    ):  # fmt: skip
        program = await start(*command, environment={"PYTHONPATH": str(watched.desk.folder.parent / "site")})
        await program.ended()
        assert program.output
        watched.keep(f"openbell {command[0]}", "".join(program.output).encode())


async def test_no_secret_is_seen_in_any_output(watched, receivers, start) -> None:
    desk = watched.desk
    desk.session.headers["Authorization"] = f"Bearer {SECRETS['read_token']}"
    await desk.code("AUTH_REQUIRED")
    await watched.ask("/")
    await fail_to_log_in(watched)
    await watched.log_in()
    await desk.until(lambda d: d["machines"]["feed"]["state"] == "CONNECTED")
    await fail_to_verify(watched)
    await fail_to_feed(watched)
    receivers.hostile = False
    await watched.log_in()
    await desk.until(lambda d: d["machines"]["feed"]["state"] == "CONNECTED")
    for headers in ({}, {"Authorization": f"Bearer {SECRETS['control_token']}x"}, {"Host": "evil.example"}):
        for path in READS:
            await watched.ask(path, headers=headers)
    await watched.ask("/api/system/health", headers={"Accept": "application/health+json"})
    for machine in ("raising", "telling"):
        await watched.ask(f"/api/system/health/{machine}/go", "POST")
    await run_commands(watched, start)
    watched.keep("the command line", Path(f"/proc/{desk.program.process.pid}/cmdline").read_bytes())
    await desk.eventually(lambda: any(b"webhook-signature" in one.lower() for one in receivers.notices))
    assert await desk.program.stop() == 0
    for notice in receivers.notices:
        watched.keep("a notice", notice)
    watched.keep_the_rest()
    assert watched.found() == set()

    # The search is no better than what it looked at.
    seen = {where for where, what in watched.outputs if b"AUTH_REQUIRED" in what}
    assert {"the log", "the event stream", "a notice", "the file journal.sqlite"} <= seen
    assert len(watched.secrets) >= len(SECRETS) + 10
    assert {"cookie openbell_session", "login link 0", "login key"} <= watched.secrets.keys()
