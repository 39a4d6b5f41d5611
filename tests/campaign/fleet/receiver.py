"""A receiver of webhooks that misbehaves by the dice, and whose log on disk is what counts."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.campaign.fleet.thing import append, read_lines

THING = "thing"
"""What the machine is called that asks for the state of what is under watch."""
PHASE = re.compile(r"\bphase (\d+)\b")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
LATER = b"HTTP/1.1 503 Later\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
PATIENCE_S = 3.0
"""How long the agents wait for an answer; they are configured so."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One request whose body was read to its end. `phase` is the number that its machine says.

    `is_accepted` says that it was answered in time and well; whether the sender lived to hear
    it, nobody knows.
    """

    at: float
    id: str
    type: str
    code: str
    incident: str | None
    phase: int | None
    agent: str
    digest: str
    is_accepted: bool


class Receiver:
    """Each request is on disk before it is answered, if it is."""

    def __init__(self, log: Path, dice: random.Random) -> None:
        self._log = log
        self._dice = dice
        self.calm = False
        self.url = ""
        self.count = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        body = await reader.readexactly(int(head.split("content-length: ")[1].split("\r\n")[0]))
        draw = 1.0 if self.calm else self._dice.random()
        append(self._log, line_of(body, is_accepted=draw >= 0.26))
        self.count += 1
        if draw < 0.10:
            writer.write(LATER)
        elif draw < 0.18:
            await asyncio.sleep(2 * PATIENCE_S)  # longer than anybody waits
        elif draw < 0.26:
            return
        else:
            if draw < 0.34:
                await asyncio.sleep(self._dice.uniform(0.2, 0.6) * PATIENCE_S)
            writer.write(OK)
        await writer.drain()


def line_of(body: bytes, *, is_accepted: bool) -> dict[str, object]:
    """What the log keeps of a request."""
    read = json.loads(body)
    found = PHASE.search(" ".join(one["message"] for one in read["machines"] if one["name"] == THING))
    return {
        "at": time.time(),
        "id": read["id"],
        "type": read["type"],
        "code": read["code"],
        "incident": read["incident"]["id"] if read["incident"] else None,
        "phase": int(found[1]) if found else None,
        "agent": read["agent"],
        "digest": hashlib.sha256(body).hexdigest(),
        "is_accepted": is_accepted,
    }


def read_log(path: Path) -> list[Seen]:
    return [Seen(**line) for line in read_lines(path)]


@asynccontextmanager
async def receiving(log: Path, dice: random.Random) -> AsyncIterator[Receiver]:
    """The receiver, with its address in `url`."""
    receiver = Receiver(log, dice)
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with server:
        yield receiver
        server.close()
