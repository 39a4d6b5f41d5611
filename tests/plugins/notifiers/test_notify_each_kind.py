"""`openbell notify NAME`, for a notifier of each kind: it says what came back, and no secret."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session
from click.testing import CliRunner

from agent.cli.notify import notify

ROOT = Path(__file__).parents[3]
CANARY = "canary-7f3a9e"
NAMES = ("hook", "desk", "bot", "mail", "phones")
NOTIFIERS = """
[notifiers.hook]
kind = "webhook"
allow_private = true
url = "http://127.0.0.1:{port}/{canary}"

[notifiers.desk]
kind = "slack"
allow_private = true
webhook_url = "http://127.0.0.1:{port}/services/{canary}"

[notifiers.bot]
kind = "slack"
allow_private = true
bot_token = "xoxb-{canary}"
channel = "#desk"
api_url = "http://127.0.0.1:{port}/api"

[notifiers.mail]
kind = "email"
host = "127.0.0.1"
port = {smtp_port}
tls = "none"
sender = "openbell@example.com"
recipients = ["desk@example.com", "gone@example.com"]

[notifiers.phones]
kind = "apprise"
urls.duty = "json://me:{canary}@127.0.0.1:{port}/x"
"""

TOLD_AND_NOT = (
    "mail (d***@example.com): delivered: accepted\n"
    "mail (g***@example.com): not delivered: g***@example.com: 550 no such person\n"
)


class Choosy:
    """A mail server at which one person is not known."""

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.startswith("gone"):
            return "550 no such person"
        envelope.rcpt_tos.append(address)
        return "250 OK"


@pytest.fixture
async def smtp_port() -> AsyncIterator[int]:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Choosy(), loop=loop), "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def run(config: Path, name: str) -> tuple[int, str]:
    """The command itself, in a thread with a loop of its own."""
    ran = await asyncio.to_thread(CliRunner().invoke, notify, [name, "--direct", "-c", str(config)])
    return ran.exit_code, ran.output


async def test_each_kind_says_what_came_back_and_shows_no_secret(
    receiver, smtp_port: int, tmp_path: Path
) -> None:
    config = tmp_path / "agent.toml"
    shipped = (ROOT / "agent.toml").read_text()
    config.write_text(shipped + NOTIFIERS.format(port=receiver.port, smtp_port=smtp_port, canary=CANARY))

    async def say(*, body: bytes = b"ok", status: str = "200 OK") -> dict[str, tuple[int, str]]:
        of_the_api = json.dumps({"ok": status == "200 OK", "ts": "1.0"}).encode()
        outcomes = {}
        for name in NAMES:
            receiver.replies = [receiver.answer(status, of_the_api if name == "bot" else body)]
            outcomes[name] = await run(config, name)
        return outcomes

    assert await say() == {
        "hook": (0, "hook: delivered: 200\n"),
        "desk": (0, "desk: delivered: ok\n"),
        "bot": (0, "bot: delivered: ok 1.0\n"),
        "mail": (1, TOLD_AND_NOT),
        "phones": (0, "phones (duty): delivered: taken by duty\n"),
    }
    refused = await say(status="403 Forbidden", body=f"no {CANARY}".encode())
    assert refused["hook"] == (1, "hook: not delivered: the receiver answered 403 Forbidden\n")
    assert refused["desk"] == (1, "desk: not delivered: Slack answered 403 Forbidden\n")
    assert refused["bot"] == (1, "bot: not delivered: Slack answered 403 Forbidden\n")
    assert refused["phones"] == (1, "phones (duty): not delivered: duty answered 403 Forbidden\n")
    assert CANARY not in str(refused)
