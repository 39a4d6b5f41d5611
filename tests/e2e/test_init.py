"""`openbell init` on the real program: what it writes is good, and runs."""

from __future__ import annotations

import asyncio
import os
import pty
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

DEADLINE_S = 30.0
LIVE = "2026-11-23T10:00:00+05:30"
EVENING = "2026-11-23T20:00:00+05:30"
IN_A_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, "-m", "agent.cli", *sys.argv[1:]])
"""


@pytest.fixture
def call(start: Callable[..., Any]) -> Callable[..., Any]:
    """Run the program to its end; returns its code and what it said."""

    async def run(*arguments: str, **environment: str) -> tuple[int, str]:
        program = await start(*arguments, environment=environment)
        code = await program.ended()
        return code, "".join(program.output)

    return run


async def test_without_a_word_it_writes_a_file_that_runs(
    call: Callable[..., Any], start: Callable[..., Any], reach_desk: Callable[..., Any], tmp_path: Path
) -> None:
    assert (await call("init", "--port", "0"))[0] == 0
    config = tmp_path / "agent.toml"
    assert config.read_text().startswith("#:schema ./agent.schema.json\n")
    assert (tmp_path / "agent.schema.json").is_file()
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    assert not (tmp_path / ".env").exists()
    (tmp_path / "agent.d").mkdir()
    (tmp_path / "agent.d" / "ports.toml").write_text("[simulator]\nport = 0\n")
    code, said = await call("check")
    assert (code, "warning" in said) == (0, False), said
    desk = await reach_desk(await start("run", "--at", LIVE), tmp_path)
    await desk.login()
    await desk.live()


async def test_a_desk_of_commodities_is_live_in_the_evening_too(
    call: Callable[..., Any], start: Callable[..., Any], reach_desk: Callable[..., Any], tmp_path: Path
) -> None:
    code, said = await call("init", "--port", "0", "--segment", "MCX")
    assert (code, "canaries" in said) == (0, False)
    (tmp_path / "agent.d").mkdir()
    (tmp_path / "agent.d" / "ports.toml").write_text("[simulator]\nport = 0\n")
    desk = await reach_desk(await start("run", "--at", EVENING), tmp_path)
    await desk.login()
    await desk.live()


async def test_who_trades_something_else_is_asked_for_its_instruments(call: Callable[..., Any]) -> None:
    code, said = await call("init", "--segment", "NSE_CD")
    assert (code, "name instruments of NSE_CD as `canaries`" in said) == (0, True)


async def test_a_second_time_it_overwrites_nothing(call: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "agent.toml").write_text("mine")
    code, said = await call("init", "--environment", "live")
    assert (code, "agent.toml: there is one already" in said) == (2, True)
    assert [one.name for one in tmp_path.iterdir()] == ["agent.toml"]
    assert (tmp_path / "agent.toml").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["--segment", "NSE_EGG"], ["NSE_EGG", "--segment: "], id="segment"),
        pytest.param(["--notify", "email", "--mail-to", "me"], ["mail.recipients", "plain"], id="mail"),
    ],
)
async def test_what_would_not_work_is_said_and_not_written(
    call: Callable[..., Any], tmp_path: Path, arguments: list[str], words: list[str]
) -> None:
    code, said = await call("init", *arguments)
    assert code == 2
    assert "Traceback" not in said
    assert [word for word in [*words, "nothing was written"] if word not in said] == []
    assert list(tmp_path.iterdir()) == []


async def test_secrets_that_were_not_given_are_left_to_be_filled_in_beside_what_was_there(
    call: Callable[..., Any], tmp_path: Path
) -> None:
    env = tmp_path / ".env"
    env.write_text("# mine\nSLACK_WEBHOOK_URL=https://hooks.slack.com/services/T/B/x\n")
    arguments = ("--environment", "live", "--notify", "slack", "--notify", "email", "--mail-login")
    code, said = await call("init", *arguments, KITE_API_SECRET="from-outside")
    assert code == 0
    assert "Now write KITE_API_KEY, SMTP_USERNAME, SMTP_PASSWORD into .env" in said
    lines = env.read_text().splitlines()
    assert lines[:2] == ["# mine", "SLACK_WEBHOOK_URL=https://hooks.slack.com/services/T/B/x"]
    assert lines[2:] == ["KITE_API_KEY=", "SMTP_USERNAME=", "SMTP_PASSWORD="]
    assert "hooks.slack" not in (tmp_path / "agent.toml").read_text()
    code, said = await call("check", KITE_API_SECRET="from-outside")
    assert (code, "KITE_API_KEY in .env is empty" in said) == (2, True)
    env.write_text(env.read_text().replace("=\n", "=filled\n"))
    code, said = await call("check", KITE_API_SECRET="from-outside")
    assert code == 0, said


async def test_in_a_terminal_it_asks_and_does_not_show_what_is_secret(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", IN_A_TERMINAL, "init",
        stdin=theirs, stdout=theirs, stderr=theirs, cwd=tmp_path, start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    os.close(theirs)
    answers = {
        "called?": "The desk",
        "broker?": "live",
        "market?": "",
        "told of problems?": "slack",
        "API key": "key1",
        "API secret": "hidden-secret",
        "webhook": "https://hooks.slack.com/services/T/B/hidden",
    }
    try:
        async with asyncio.timeout(DEADLINE_S):
            seen = await converse(ours, answers)
            assert await process.wait() == 0, seen
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert "hidden" not in seen
    assert (tmp_path / ".env").read_text().splitlines() == [
        "KITE_API_KEY=key1",
        "KITE_API_SECRET=hidden-secret",
        "SLACK_WEBHOOK_URL=https://hooks.slack.com/services/T/B/hidden",
    ]
    text = (tmp_path / "agent.toml").read_text()
    assert 'name = "The desk"' in text
    assert "hidden" not in text


async def converse(terminal: int, answers: dict[str, str]) -> str:
    """Answer each question when it is asked; returns all that the terminal has shown."""
    seen, left = "", list(answers.items())
    loop, pieces = asyncio.get_running_loop(), asyncio.Queue[bytes]()

    def read() -> None:
        with suppress(OSError):  # Linux says so when the other end has closed
            pieces.put_nowait(os.read(terminal, 4096))
            return
        pieces.put_nowait(b"")

    loop.add_reader(terminal, read)
    try:
        while piece := await pieces.get():
            seen += piece.decode()
            if left and left[0][0] in seen.rpartition("\n")[2]:
                os.write(terminal, f"{left.pop(0)[1]}\n".encode())
    finally:
        loop.remove_reader(terminal)
        os.close(terminal)
    assert left == [], seen
    return seen
