"""`openbell status --watch` on a real terminal, beside a running desk."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import re
import socket
import struct
import sys
import termios
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from agent.cli.options import shipped_configuration

LIVE = "2026-11-23T10:00:00+05:30"
DEADLINE_S = 30.0
CODE_WIDTH = 49
EXIT_CODES = (0, 2)
"""Well again, or the new broker has forgotten its token."""
CONTROLS = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[()][0-9A-Z]")


class Terminal:
    """A person's terminal with one program in it."""

    def __init__(self, master: int, process: asyncio.subprocess.Process, size: tuple[int, int]) -> None:
        self.process = process
        self.size = size
        self.output = ""
        self._master = master
        self._more = asyncio.Event()
        os.set_blocking(master, False)
        asyncio.get_running_loop().add_reader(master, self._read)

    def _read(self) -> None:
        try:
            self.output += os.read(self._master, 65_536).decode(errors="replace")
        except OSError:
            asyncio.get_running_loop().remove_reader(self._master)
        self._more.set()

    @property
    def screen(self) -> list[str]:
        """The lines of the last whole screen."""
        screens = self.output.split("\x1b[H")
        whole = screens[-2] if len(screens) > 2 else screens[-1]
        return [line.rstrip() for line in CONTROLS.sub("", whole).replace("\r", "").split("\n")]

    async def shows(self, *words: str) -> list[str]:
        """Wait until a screen has all the words; it is never larger than the terminal."""
        try:
            async with asyncio.timeout(DEADLINE_S):
                while not all(word in "\n".join(self.screen) for word in words):
                    self._more.clear()
                    await self._more.wait()
        except TimeoutError:
            raise AssertionError(f"{words} are not in {self.screen}") from None
        columns, rows = self.size
        assert len(self.screen) <= rows + 1
        assert max(map(len, self.screen)) <= columns
        return self.screen

    async def gives_up(self, word: str) -> None:
        """Wait until a screen no longer has a word."""
        async with asyncio.timeout(DEADLINE_S):
            while word in "\n".join(self.screen):
                self._more.clear()
                await self._more.wait()

    def press(self, keys: bytes) -> None:
        os.write(self._master, keys)

    async def ended(self) -> int:
        async with asyncio.timeout(DEADLINE_S):
            return await self.process.wait()

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._master)
        os.close(self._master)


OpenTerminal = Callable[..., Any]


@pytest.fixture
async def open_terminal(tmp_path: Path) -> AsyncIterator[OpenTerminal]:
    opened: list[Terminal] = []

    async def begin(
        *arguments: str, size: tuple[int, int] = (80, 24), folder: Path | None = None
    ) -> Terminal:
        master, slave = pty.openpty()
        columns, rows = size
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "agent.cli", *arguments),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=folder or tmp_path,
            env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "", "LINES": ""},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)
        opened.append(Terminal(master, process, size))
        return opened[-1]

    yield begin
    for terminal in opened:
        if terminal.process.returncode is None:
            terminal.process.kill()
            await terminal.process.wait()
        terminal.close()


async def test_the_view_leads_with_the_answer_and_follows_the_login_and_the_agent(
    open_desk: Callable[..., Any], open_terminal: OpenTerminal, start: Callable[..., Any], tmp_path: Path
) -> None:
    desk = await open_desk(at=LIVE, data=tmp_path / "desk")
    await desk.code("AUTH_REQUIRED")
    terminal = await open_terminal("status", "--watch", "--url", desk.url)
    said = await terminal.shows("AUTH_REQUIRED, critical, for", "feed", "q ends")
    assert said[0].strip() == "✘ Broker login needed"
    text = "\n".join(said)
    assert "waits for auth: REQUIRED (MISSING)" in text
    assert re.search(r"✘ AUTH_REQUIRED \(critical\)\n\s+└ FEED_DISCONNECTED follows from this", text)
    assert re.search(r"LIVE, closes in 5 h [23]\d min, at 15:30 IST", text)
    assert f"{desk.url}/api/auth/login?machine=auth" in text
    await desk.login()
    said = await terminal.shows("✔ The market is open", "Ready; safe to trade", "CONNECTED")
    assert "Log in" not in "\n".join(said)
    counted = re.search(r"LIVE, ok, for \d+ s", "\n".join(said))
    assert counted is not None
    await terminal.gives_up(counted[0])
    desk.program.kill()
    await desk.program.ended()
    await terminal.shows("no agent answers there")
    ports = [str(urlsplit(url).port) for url in (desk.url, desk.broker)]
    again = ["--port", ports[0], "--broker-port", ports[1], "--data-dir", str(tmp_path / "desk")]
    program = await start("demo", *again, "--at", LIVE)
    await program.says("openbell is ready")
    await terminal.shows("live; q ends")
    terminal.press(b"\x03")
    assert await terminal.ended() in EXIT_CODES
    assert "\x1b[?1049l" in terminal.output
    assert "Traceback" not in terminal.output


async def test_a_phone_finds_a_one_time_link_as_a_code(
    start: Callable[..., Any], open_terminal: OpenTerminal, tmp_path: Path
) -> None:
    folder = tmp_path / "desk"
    folder.mkdir()
    text = Path(shipped_configuration()).read_text(encoding="utf-8")
    text = text.replace("[server]\n", '[server]\nurl = "http://desk.example:8000"\n', 1)
    (folder / "agent.toml").write_text(text)
    (folder / "agent.toml").chmod(0o600)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    ports = ["--port", str(port), "--broker-port", "0"]
    program = await start("demo", *ports, "--data-dir", str(folder), "--at", LIVE)
    await program.says("openbell is ready")
    here = ["-c", str(folder / "agent.toml"), "--url", f"http://127.0.0.1:{port}"]
    terminal = await open_terminal("status", "--watch", *here, size=(90, 28))
    said = await terminal.shows("Broker login needed", "█▀▀▀▀▀█")
    code = [line[-CODE_WIDTH:] for line in said if len(line) > 90 - CODE_WIDTH]
    drawn = "\n".join(code)
    assert "Log in: by this code" in "\n".join(said)
    assert drawn.count("█▀▀▀▀▀█") >= 3
    terminal.press(b"q")
    assert await terminal.ended() == 2
