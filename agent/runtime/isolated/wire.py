"""Messages between the agent and a machine's process, over a socket pair: a length, then JSON."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from datetime import date, datetime, time, timedelta
from enum import Enum
from pathlib import PurePath
from typing import Any

from pydantic import BaseModel, SecretStr

from agent.errors import PluginError
from agent.settings import format_duration

LARGEST = 1 << 20
"""A message of more bytes than this ends the conversation."""

_LENGTH = struct.Struct(">I")

Message = dict[str, Any]


class WireError(PluginError):
    """What came through is no message."""


class Wire:
    """One end of the conversation."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def over(cls, end: socket.socket) -> Wire:
        return cls(*await asyncio.open_connection(sock=end))

    def send(self, **message: Any) -> None:
        """Send one. Raises `WireError` if it is too large, `TypeError` if JSON cannot hold it."""
        body = json.dumps(message, default=_written, separators=(",", ":")).encode()
        if len(body) > LARGEST:
            raise WireError(f"a message of {len(body)} bytes is too large (at most {LARGEST})")
        self._writer.write(_LENGTH.pack(len(body)) + body)

    async def receive(self) -> Message | None:
        """The next one; `None` at the end. Raises `WireError`."""
        try:
            (length,) = _LENGTH.unpack(await self._reader.readexactly(_LENGTH.size))
            if length > LARGEST:
                raise WireError(f"a message of {length} bytes is too large (at most {LARGEST})")
            message = json.loads(await self._reader.readexactly(length))
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        except (ValueError, RecursionError) as error:
            raise WireError("what came is no JSON") from error
        if not isinstance(message, dict):
            raise WireError("what came is no JSON object")
        return message

    async def flush(self) -> None:
        await self._writer.drain()

    def close(self) -> None:
        self._writer.close()


def written(settings: BaseModel | None) -> Message:
    """A plugin's settings as its own model reads them again, secrets and all: for the wire only."""
    if settings is None:
        return {}
    found: Message = json.loads(
        json.dumps(settings.model_dump(by_alias=True, exclude_unset=True), default=_written)
    )
    return found


def _written(value: object) -> object:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
