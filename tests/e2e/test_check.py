"""`openbell check --live` on the real program: it asks all that can be asked, and sends nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

FILE = """\
environment = "live"
[credentials.kite]
source = "env-file"
[machines.market]
kind = "market"
[machines.auth]
kind = "kite-login"
api_key = "demo"
root = "{broker}"
[machines.feed]
kind = "kite-feed"
api_key = "demo"
url = "{feed}"
[notifiers.hook]
kind = "webhook"
url = "{hook}"
allow_private = true
[notifiers.mail]
kind = "email"
host = "127.0.0.1"
port = {mail}
tls = "none"
sender = "openbell@example.com"
recipients = ["desk@example.com"]
"""


NOBODY = "http://127.0.0.1:1"


def configuration(broker: str, hook: str, mail: int = 1) -> str:
    return FILE.format(broker=broker, feed=broker.replace("http", "ws"), hook=hook, mail=mail)


@pytest.fixture
async def mail_server() -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server that greets, and what it was told."""
    told: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.com\r\n")
        while line := await reader.readline():
            told.append(line.strip())
            writer.write(b"221 bye\r\n" if line.startswith(b"QUIT") else b"250 well\r\n")
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1], told


@pytest.fixture
async def broker(start: Callable[..., Any]) -> str:
    program = await start("simulate", "--port", "0")
    return (await program.says(r"(http://127\.0\.0\.1:\d+)"))[1]


async def test_each_part_says_whether_it_answers_and_nobody_is_told_anything(
    start: Callable[..., Any], tmp_path: Path, broker: str, mail_server: tuple[int, list[bytes]]
) -> None:
    port, told = mail_server
    config = tmp_path / "agent.toml"
    config.write_text(configuration(broker, broker, port))
    check = await start("check", "--live")
    assert await check.ended() == 0, check.output
    said = "".join(check.output)
    assert "kite         there is no token yet: log in" in said
    assert "auth         the broker answers; there is no token yet" in said
    assert f"feed         {broker.removeprefix('http://')} answers" in said
    assert f"mail         127.0.0.1:{port} answers" in said
    assert f"hook         {broker.removeprefix('http://')} answers" in said
    assert [line.split()[0] for line in told] == [b"EHLO", b"QUIT"]


async def test_what_does_not_answer_is_named_with_its_line_and_what_would_do(
    start: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "agent.toml").write_text(configuration(NOBODY, "https://desk.invalid/secret-path"))
    (tmp_path / ".env").mkdir()
    check = await start("check", "--live")
    assert await check.ended() == 1
    said = "".join(check.output)
    assert "Traceback" not in said
    assert "secret-path" not in said
    assert "agent.toml:2: credentials.kite: " in said
    assert "agent.toml:6: machines.auth: the broker gives no word: no connection" in said
    assert "agent.toml:10: machines.feed: no connection to 127.0.0.1:1: " in said
    assert "agent.toml:14: notifiers.hook: desk.invalid:443: the name cannot be looked up" in said
    assert "agent.toml:18: notifiers.mail: no connection to 127.0.0.1:1: Connect" in said


async def test_without_asking_anybody_a_credential_that_cannot_be_read_is_a_warning(
    start: Callable[..., Any], tmp_path: Path
) -> None:
    config = tmp_path / "agent.toml"
    config.write_text(configuration(NOBODY, NOBODY))
    (tmp_path / ".env").mkdir()
    check = await start("check")
    assert await check.ended() == 0
    assert "warning: agent.toml:2: credentials.kite: " in "".join(check.output)


async def test_what_cannot_be_built_is_named_with_its_line(start: Callable[..., Any], tmp_path: Path) -> None:
    text = configuration(NOBODY, NOBODY)
    (tmp_path / "agent.toml").write_text(
        text.replace('kind = "webhook"', 'kind = "webhook"\nca_file = "no.pem"')
    )
    check = await start("check")
    assert await check.ended() == 2
    said = "".join(check.output)
    assert "agent.toml:14: notifiers.hook: it cannot be built: ConfigError: ca_file" in said
    assert "Traceback" not in said


async def test_an_address_of_the_shared_store_that_cannot_be_read_is_refused_as_at_the_start(
    start: Callable[..., Any], tmp_path: Path
) -> None:
    url = "postgresql://openbell:a secret@127.0.0.1/openbell"
    (tmp_path / "agent.toml").write_text(configuration(NOBODY, NOBODY) + f'[store]\nurl = "{url}"\n')
    (tmp_path / "agent.toml").chmod(0o600)
    check = await start("check")
    assert await check.ended() == 2
    said = "".join(check.output)
    assert "store.url: not a URL of a PostgreSQL database" in said
    assert "a secret" not in said
