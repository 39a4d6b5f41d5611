"""Runs one command of the operator's: no shell, few words of environment, a timeout, bounded output."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from agent.clock import Clock

KEPT = 2_000
"""Of the output, the last bytes are kept."""

_DRAIN_S = 0.5
_INHERITED = (
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "LC_ALL",
    "TZ",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
)
"""The agent's own environment may hold secrets; a command is given these."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended; `status` is `None` for one that could not be started or took too long."""

    status: int | None
    output: str
    timed_out: bool = False


async def run_command(
    command: Sequence[str], *, folder: Path, words: Mapping[str, str], timeout_s: float, clock: Clock
) -> Outcome:
    """Run it to its end; after the timeout it is killed with all that it has started."""
    environment = {name: os.environ[name] for name in _INHERITED if name in os.environ} | dict(words)
    kept = bytearray()
    reading, writer = await _open_pipe(kept)
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=writer,
            stderr=asyncio.subprocess.STDOUT,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        await reading.close()
        return Outcome(None, f"it cannot be started: {getattr(error, 'strerror', None) or error}")
    finally:
        os.close(writer)
    timed_out = False
    try:
        async with clock.timeout(timeout_s):
            await process.wait()
    except TimeoutError:
        timed_out = True
    finally:
        if process.returncode is None:
            _kill(process)
            await process.wait()
        await _finish(reading.ended, clock)
        await reading.close()
    text = kept.decode(errors="replace")
    return Outcome(None if timed_out else process.returncode, text, timed_out)


class _Reading(asyncio.Protocol):
    """Keeps the last of what comes through a pipe.

    Not `asyncio.subprocess.PIPE`: with that, `wait` waits for everybody who holds the pipe.
    """

    def __init__(self, kept: bytearray) -> None:
        self.ended = asyncio.Event()
        self._kept = kept
        self._transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, chunk: bytes) -> None:
        self._kept += chunk
        del self._kept[:-KEPT]

    def connection_lost(self, error: Exception | None) -> None:
        self.ended.set()

    async def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
        await self.ended.wait()


async def _open_pipe(kept: bytearray) -> tuple[_Reading, int]:
    reader, writer = os.pipe()
    loop = asyncio.get_running_loop()
    _, reading = await loop.connect_read_pipe(lambda: _Reading(kept), os.fdopen(reader, "rb", 0))
    return reading, writer


async def _finish(ended: asyncio.Event, clock: Clock) -> None:
    """Whatever the command left running may hold its output open; that is not waited for."""
    with suppress(TimeoutError):
        async with clock.timeout(_DRAIN_S):
            await ended.wait()


def _kill(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
