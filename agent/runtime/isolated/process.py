"""The process itself, from the agent's side: started without a secret in sight, read, killed, reaped."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from agent.runtime.isolated.wire import Wire

INHERITED = (
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "PYTHONPATH",
    "PYTHONHOME",
    "VIRTUAL_ENV",
    "LD_LIBRARY_PATH",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
)
"""The agent's own environment may hold secrets; a machine's process is given these."""

LINE_LIMIT = 2_000


class Process:
    """One run of a machine's process; `wire` is its conversation with it."""

    def __init__(self, process: asyncio.subprocess.Process, wire: Wire, output: Output) -> None:
        self.wire = wire
        self._process = process
        self._output = output

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill(self) -> None:
        """Kill it, with all that it has started."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    async def end(self) -> None:
        """Make an end of it."""
        self.wire.close()
        self.kill()
        await self._process.wait()
        self._output.close()

    async def ended(self) -> str:
        """Wait until it ends by itself; returns how, in words."""
        return in_words(await self._process.wait())


async def start(folder: Path, say: Callable[[str], None]) -> Process:
    """Start one; `say` is told each line that it prints. Raises `OSError`."""
    ours, theirs = socket.socketpair()
    try:
        output, writer = await _open_output(say)
    except OSError:
        ours.close()
        theirs.close()
        raise
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "agent.runtime.isolated",
            str(theirs.fileno()),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=writer,
            stderr=asyncio.subprocess.STDOUT,
            pass_fds=(theirs.fileno(),),
            cwd=folder,
            env={name: os.environ[name] for name in INHERITED if name in os.environ},
            start_new_session=True,
        )
    except BaseException:
        ours.close()
        output.close()
        raise
    finally:
        theirs.close()
        os.close(writer)
    return Process(process, await Wire.over(ours), output)


def in_words(code: int) -> str:
    """How a process ended, by its return code."""
    if code >= 0:
        return f"it ended with the code {code}"
    try:
        return f"it was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"it was killed by the signal {-code}"


class Output(asyncio.Protocol):
    """What the process prints, line by line.

    Not `asyncio.subprocess.PIPE`: with that, `wait` waits for everybody who holds the pipe.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._rest = b""
        self._transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, chunk: bytes) -> None:
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > LINE_LIMIT:
            lines, self._rest = [*lines, self._rest], b""
        for line in lines:
            self._tell(line)

    def connection_lost(self, error: Exception | None) -> None:
        self._tell(self._rest)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _tell(self, line: bytes) -> None:
        text = line[:LINE_LIMIT].decode(errors="replace").rstrip()
        if text:
            self._say(text)


async def _open_output(say: Callable[[str], None]) -> tuple[Output, int]:
    reader, writer = os.pipe()
    loop = asyncio.get_running_loop()
    _, output = await loop.connect_read_pipe(lambda: Output(say), os.fdopen(reader, "rb", 0))
    return output, writer
